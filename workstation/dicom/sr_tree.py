"""Any structured report as the lines of its tree: RDSR, key objects, measurements, free text, of any template.

Read as raw header values, so that what breaks its VR, its type or the tree's shape becomes a line with a note and never
the end of the reading (PS3.3 C.17.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workstation.dicom.content import Code, ImageReference
from workstation.dicom.part10 import BROKEN, open_part10, unreadable_header
from workstation.dicom.text import Header
from workstation.errors import UnreadableObject
from workstation.language import _

MOST_LINES = 20_000
MOST_DEPTH = 60
# places of a graphic that are kept; a contour of more points is told by their number
_MOST_POINTS = 20_000

_TEXTS = {"TEXT": 0x0040A160, "PNAME": 0x0040A123, "DATE": 0x0040A121, "TIME": 0x0040A122, "DATETIME": 0x0040A120}
_POINTING = {"IMAGE", "COMPOSITE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD"}
_KNOWN = {*_TEXTS, *_POINTING, "CODE", "NUM", "UIDREF", "CONTAINER"}


@dataclass(frozen=True)
class Place:
    """What an item points at: an object or frames of it (from 1), with a graphic on it or in a Frame of Reference.

    `points_px` are SCOORD pairs (column, row), 0.0 at the corner of the first pixel; `points_mm` are LPS millimetres.
    A reference without SOP Instance UID stands for a place in space alone.
    """

    image: ImageReference
    frames: tuple[int, ...] = ()
    graphic_type: str = ""
    points_px: tuple[tuple[float, float], ...] = ()
    points_mm: tuple[tuple[float, float, float], ...] = ()
    frame_of_reference_uid: str = ""


@dataclass(frozen=True)
class ContentLine:
    """One content item. `number` is its identifier (`1.2.3`), `depth` 0 the root.

    `value` is the value as written, of a code its meaning; `unit` the measured value's, `codes` what can be said on
    hover: the value's code, or the qualifiers of a number. `refers` is the number of the item meant by reference.
    `note` says what is wrong with it.
    """

    number: str
    depth: int
    relationship: str
    value_type: str
    name: Code | None
    value: str = ""
    unit: Code | None = None
    codes: tuple[Code, ...] = ()
    places: tuple[Place, ...] = ()
    refers: str = ""
    note: str = ""


@dataclass(frozen=True)
class ReportHead:
    """What stands above the tree. Dates and times are DICOM's; persons are PN, with what they did to the report."""

    title: str
    date: str = ""
    time: str = ""
    authors: tuple[str, ...] = ()
    verifiers: tuple[tuple[str, str], ...] = ()
    """(person, date and time) of each verification."""
    complete: bool | None = None
    verified: bool | None = None
    preliminary: bool = False
    manufacturer: str = ""


@dataclass(frozen=True)
class Report:
    """A structured report: head, lines in the tree's order, and whether lines were left out (`cut`)."""

    head: ReportHead
    lines: tuple[ContentLine, ...]
    cut: bool = False

    def below(self, index: int) -> Iterator[tuple[int, ContentLine]]:
        """The lines below line `index`, with their own index."""
        depth = self.lines[index].depth
        for at in range(index + 1, len(self.lines)):
            if self.lines[at].depth <= depth:
                return
            yield at, self.lines[at]


def read_tree(data: bytes) -> Report:
    """The tree of a structured report. Raises UnreadableObject for what is no DICOM object or is nested endlessly."""
    header = open_part10(data).header
    head, places = _head(header), dict(_evidence(header))
    lines: list[ContentLine] = []
    waiting: list[tuple[Header, str, int]] = [(header, "1", 0)]
    cut = False
    while waiting:
        item, number, depth = waiting.pop()
        if len(lines) >= MOST_LINES:
            cut = True
            break
        try:
            children = list(item.items(0x0040A730))
            line = _line(item, children, number, depth, places)
        except RecursionError as error:
            raise unreadable_header(error) from None
        except UnreadableObject:
            # more than one object may cost: what was read of it is shown, and that it is not all
            if not lines:
                raise
            cut = True
            break
        except BROKEN:
            children, line = [], ContentLine(number, depth, "", "", None, note=_("this item can't be read"))
        lines.append(line)
        if depth + 1 >= MOST_DEPTH and children:
            cut = True
            continue
        below = [(child, f"{number}.{n}", depth + 1) for n, child in enumerate(children, 1)]
        waiting.extend(reversed(below))
    return Report(head, tuple(lines), cut)


def code_in(item: Header, tag: int) -> Code | None:
    """The first code of a code sequence (PS3.3 8.8)."""
    code = item.item(tag)
    return None if code is None else _code(code)


def _flag(value: str, yes: str, no: str) -> bool | None:
    return {yes: True, no: False}.get(value)


def _head(header: Header) -> ReportHead:
    title = code_in(header, 0x0040A043)
    verifiers = tuple((person.text(0x0040A075), person.text(0x0040A030)) for person in header.items(0x0040A073))
    authors = tuple(name for person in header.items(0x0040A078) if (name := person.text(0x0040A123)))
    return ReportHead(
        title=(title.meaning or title.value) if title is not None else header.text(0x00420010),
        date=header.text(0x00080023) or header.text(0x00080020),
        time=header.text(0x00080033),
        authors=authors,
        verifiers=verifiers,
        complete=_flag(header.text(0x0040A491), "COMPLETE", "PARTIAL"),
        verified=_flag(header.text(0x0040A493), "VERIFIED", "UNVERIFIED"),
        preliminary=header.text(0x0040A496) == "PRELIMINARY",
        manufacturer=header.text(0x00080070),
    )


def _evidence(header: Header) -> Iterator[tuple[str, tuple[str, str]]]:
    """SOP Instance UID → (study, series) of all that the document names as evidence."""
    for tag in (0x0040A375, 0x0040A385, 0x0040A525):
        for study in header.items(tag):
            for series in study.items(0x00081115):
                where = study.text(0x0020000D), series.text(0x0020000E)
                for sop in series.items(0x00081199):
                    yield sop.text(0x00081155), where


def _line(
    item: Header, children: list[Header], number: str, depth: int, places: dict[str, tuple[str, str]]
) -> ContentLine:
    kind = item.text(0x0040A040)
    refers = ".".join(str(int(part)) for part in item.numbers(0x0040DB73))
    value, unit, codes, note = _value(item, kind)
    if not kind and not refers and depth:
        note = _("an item without a kind")
    elif kind and kind not in _KNOWN:
        note = _("a kind of item that is not known: {kind}").format(kind=kind)
    return ContentLine(
        number=number,
        depth=depth,
        relationship=item.text(0x0040A010),
        value_type=kind,
        name=code_in(item, 0x0040A043),
        value=value,
        unit=unit,
        codes=codes,
        places=_places(item, kind, children, places),
        refers=refers,
        note=note,
    )


def _value(item: Header, kind: str) -> tuple[str, Code | None, tuple[Code, ...], str]:
    """(value, unit, codes, note) of an item."""
    if kind in _TEXTS:
        text = item.long_text(_TEXTS[kind]) if kind == "TEXT" else item.text(_TEXTS[kind])
        return "\n".join(text.splitlines()), None, (), ""
    if kind == "UIDREF":
        return item.text(0x0040A124), None, (), ""
    if kind == "CODE":
        code = code_in(item, 0x0040A168)
        return ("", None, (), _("no code")) if code is None else (code.meaning or code.value, None, (code,), "")
    if kind == "NUM":
        return _number(item)
    if kind in {"SCOORD", "SCOORD3D"}:
        return item.text(0x00700023), None, (), ""
    if kind == "TCOORD":
        given = (*item.texts(0x0040A132), *item.texts(0x0040A138), *item.texts(0x0040A13A))
        numbers = item.numbers(0x0040A132) or item.numbers(0x0040A138)
        words = " ".join(f"{value:g}" for value in numbers) or " ".join(given)
        return f"{item.text(0x0040A130)} {words}".strip(), None, (), ""
    return "", None, (), ""


def _number(item: Header) -> tuple[str, Code | None, tuple[Code, ...], str]:
    """A number as written. Where only the exact value is given, that one; without any, the qualifier says why."""
    qualifiers = tuple(code for one in item.items(0x0040A301) if (code := _code(one)).value or code.meaning)
    for measured in item.items(0x0040A300):
        written = measured.text(0x0040A30A)
        if not written:
            exact = measured.number(0x0040A161)
            written = "" if exact is None else f"{exact!r}"
        return written, code_in(measured, 0x004008EA), qualifiers, "" if written else _("no number")
    return "", None, qualifiers, "" if qualifiers else _("no number")


def _code(item: Header) -> Code:
    value = item.text(0x00080100) or item.text(0x00080119) or item.text(0x00080120)
    return Code(value, item.text(0x00080102), item.text(0x00080104))


def _places(item: Header, kind: str, children: list[Header], known: dict[str, tuple[str, str]]) -> tuple[Place, ...]:
    if kind in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        return tuple(_references(item, known))
    if kind == "SCOORD":
        flat = item.numbers(0x00700022)[: 2 * _MOST_POINTS]
        points = tuple(zip(flat[::2], flat[1::2], strict=False))
        images = [
            place for child in children if child.text(0x0040A040) == "IMAGE" for place in _references(child, known)
        ]
        return tuple(Place(place.image, place.frames, item.text(0x00700023), points_px=points) for place in images)
    if kind == "SCOORD3D":
        flat = item.numbers(0x00700022)[: 3 * _MOST_POINTS]
        points_mm = tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=False))
        space = item.text(0x30060024)
        nowhere = ImageReference("", "", "", "")
        return (Place(nowhere, (), item.text(0x00700023), (), points_mm, space),) if points_mm else ()
    return ()


def _references(item: Header, known: dict[str, tuple[str, str]]) -> Iterator[Place]:
    for sop in item.items(0x00081199):
        uid = sop.text(0x00081155)
        if uid:
            study, series = known.get(uid, ("", ""))
            frames = tuple(int(number) for number in sop.numbers(0x00081160))
            frame = frames[0] if frames else None
            yield Place(ImageReference(study, series, sop.text(0x00081150), uid, frame), frames)

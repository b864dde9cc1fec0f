"""A document as text to read: head, dose table, tree or narrative, with places to click and codes to hover.

Built piece by piece into a text document, so that nothing a document says is ever taken for markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextLength,
    QTextTableFormat,
)

from workstation.dicom.cda import Block
from workstation.dicom.content import Code
from workstation.dicom.dose import Dose, DoseNumber
from workstation.dicom.key_objects import REJECTIONS
from workstation.dicom.sr_tree import ContentLine, Place, Report
from workstation.language import N_, _, ngettext
from workstation.ui import theme
from workstation.ui.texts import coded, person_name, short_date
from workstation.viewing.documents import Finder, OpenedDocument, Target, unit_sign
from workstation.viewing.open_case import OpenCase

_INDENT = 18
_DEEPEST = 12
_CONTEXT = {"HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT"}
_NAMES = {
    "113830": "CTDIvol",
    "113838": "DLP",
    "113813": N_("DLP, total"),
    "113812": N_("Irradiations"),
    "122130": N_("Dose area product"),
    "113738": N_("Dose at the reference point"),
    "113722": N_("Dose area product, total"),
    "113725": N_("Dose at the reference point, total"),
    "113726": N_("Dose area product, fluoroscopy"),
    "113727": N_("Dose area product, acquisition"),
    "113730": N_("Fluoroscopy time"),
    "111631": N_("Average glandular dose"),
    "111637": N_("Average glandular dose, total"),
}
_GRAPHICS = {
    "POINT": N_("point"),
    "MULTIPOINT": N_("points"),
    "POLYLINE": N_("line"),
    "POLYGON": N_("outline"),
    "CIRCLE": N_("circle"),
    "ELLIPSE": N_("ellipse"),
    "ELLIPSOID": N_("ellipsoid"),
}
_REFERENCES = {"IMAGE", "COMPOSITE", "WAVEFORM"}


@dataclass(frozen=True)
class Link:
    """What a click on a place means: the line (-1 outside a tree) and what it points at."""

    line: int
    place: Place


class DocumentText:
    """Writes one opened document. `links` are by the number in their address."""

    def __init__(self, opened: OpenedDocument, case: OpenCase) -> None:
        self._opened = opened
        self._case = case
        self._finder: Finder = case.finder()
        self.links: list[Link] = []
        colours = theme.current()
        self._plain = _format(colours.text)
        self._strong = _format(colours.text, bold=True)
        self._muted = _format(colours.muted)
        self._warning = _format(colours.warning)
        self._good = _format(colours.good)
        self._heading = _format(colours.text, bold=True, points=13)
        self._title = _format(colours.text, bold=True, points=15)
        self._link = _format(colours.accent)
        self.text = QTextDocument()
        self.text.setUndoRedoEnabled(False)
        self.text.setDocumentMargin(16)
        self._cursor = QTextCursor(self.text)
        self._begun = False

    def write(self) -> QTextDocument:
        """The whole document."""
        opened = self._opened
        self._cursor.beginEditBlock()
        if opened.clinical is not None:
            self._clinical()
        elif opened.report is not None:
            self._head(opened.report)
            if opened.dose is not None:
                self._dose(opened.dose)
            if opened.key_objects is not None:
                self._key_objects()
            else:
                self._tree(opened.report)
        self._cursor.endEditBlock()
        return self.text

    # pieces

    def _line(self, depth: int = 0, above: int = 0) -> None:
        """A new line."""
        form = QTextBlockFormat()
        form.setLeftMargin(_INDENT * min(depth, _DEEPEST))
        form.setTopMargin(above)
        form.setLineHeight(118, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        if self._begun:
            self._cursor.insertBlock(form)
        else:
            self._cursor.setBlockFormat(form)
            self._begun = True

    def _put(self, text: str, form: QTextCharFormat, hint: str = "") -> None:
        if hint:
            form = QTextCharFormat(form)
            form.setToolTip(hint)
        # a line break inside a value stays in its line of the tree
        self._cursor.insertText(text.replace("\n", "\u2028"), form)

    def _put_link(self, text: str, link: Link, hint: str = "") -> None:
        form = QTextCharFormat(self._link)
        form.setAnchor(True)
        form.setAnchorHref(f"place:{len(self.links)}")
        form.setFontUnderline(True)
        if hint:
            form.setToolTip(hint)
        self.links.append(link)
        self._cursor.insertText(text, form)

    def _table(self, rows: Sequence[Sequence[str]], head_rows: int) -> None:
        if not rows:
            return
        columns = max(len(row) for row in rows)
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderBrush(QBrush(QColor(theme.current().line)))
        form.setBorderCollapse(True)
        form.setCellPadding(5)
        form.setTopMargin(6)
        form.setBottomMargin(8)
        form.setWidth(QTextLength())
        self._line()
        table = self._cursor.insertTable(len(rows), columns, form)
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                inside = table.cellAt(r, c).firstCursorPosition()
                inside.insertText(cell.replace("\n", "\u2028"), self._strong if r < head_rows else self._plain)
        self._cursor = QTextCursor(self.text)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        # behind the table Qt keeps an empty line: the next piece takes it
        self._begun = False

    # reports

    def _head(self, report: Report) -> None:
        head = report.head
        self._line()
        self._put(head.title or self._opened.document.title, self._title)
        self._line(above=2)
        self._put("  ".join(part for part in (short_date(head.date), _clock(head.time)) if part), self._muted)
        if head.authors:
            self._put("   " + ", ".join(person_name(name) for name in head.authors), self._muted)
        if head.verified is not None or head.complete is False or head.preliminary:
            self._line(above=2)
        if head.verified:
            who = "; ".join(
                " ".join(part for part in (person_name(name), short_date(moment[:8])) if part)
                for name, moment in head.verifiers
            )
            self._put(_("Verified: {who}").format(who=who) if who else _("Verified"), self._good)
        elif head.verified is False:
            self._put(_("Not verified"), self._warning)
        if head.complete is False:
            self._put("   " + _("Incomplete"), self._warning)
        if head.preliminary:
            self._put("   " + _("Preliminary"), self._warning)
        if report.cut:
            self._line(above=4)
            self._put(_("Too long or too deep to be shown whole: parts are left out"), self._warning)

    def _tree(self, report: Report) -> None:
        lines, index = report.lines, 1
        while index < len(lines):
            run = _bare_run(lines, index)
            # the image of a graphic is told with the graphic
            if len(run) > 1 or (run and lines[index - 1].value_type != "SCOORD"):
                self._references(index, run)
                index += len(run)
                continue
            line = lines[index]
            container = line.value_type == "CONTAINER"
            quiet = line.relationship in _CONTEXT
            if not (_bare(line) and lines[index - 1].value_type == "SCOORD" and line.depth > lines[index - 1].depth):
                self._line(line.depth - 1, above=8 if container else 1)
                self._content(index, line, container, quiet)
            index += 1

    def _references(self, index: int, run: Sequence[ContentLine]) -> None:
        """Bare references one after the other, as libraries of images have them, in one paragraph."""
        self._line(run[0].depth - 1, above=1)
        missing = 0
        for at, line in enumerate(run, index):
            for place in line.places:
                target = self._finder.find(place)
                if target is None:
                    missing += 1
                    continue
                self._put_link(self._where(target), Link(at, place))
                self._put("   ", self._plain)
        if missing:
            text = ngettext("{count} image is not in this case", "{count} images are not in this case", missing)
            self._put(text.format(count=missing), self._muted)

    def _content(self, index: int, line: ContentLine, container: bool, quiet: bool) -> None:
        name = line.name.meaning or line.name.value if line.name is not None else ""
        hint = coded(line.name) if line.name is not None else ""
        value = self._value(line)
        if container:
            self._put(name or _("Section"), self._strong, hint)
        elif name:
            self._put(f"{name}:" if value or line.places or line.refers else name, self._muted, hint)
            self._put(" " if value or line.refers else "", self._plain)
        if value:
            unit = unit_sign(line)
            hover = "\n".join(coded(code) for code in line.codes)
            self._put(value, self._muted if quiet else self._plain, hover)
            if unit:
                hover = coded(line.unit) if line.unit is not None else ""
                self._put(f" {unit}", self._muted if quiet else self._plain, hover)
        if line.refers:
            self._put(_("see item {number}").format(number=line.refers), self._muted)
        self._places(index, line)
        if line.note:
            self._put(f" [{line.note}]", self._warning)

    def _value(self, line: ContentLine) -> str:
        if line.value_type in {"SCOORD", "SCOORD3D"}:
            return _(_GRAPHICS[line.value]) if line.value in _GRAPHICS else line.value
        if line.value_type == "PNAME":
            return person_name(line.value)
        if line.value_type == "DATE":
            return short_date(line.value)
        if line.value_type == "TIME":
            return _clock(line.value)
        if line.value_type == "DATETIME":
            return " ".join(part for part in (short_date(line.value[:8]), _clock(line.value[8:14])) if part)
        if line.value_type == "NUM" and not line.value:
            return ", ".join(code.meaning or code.value for code in line.codes)
        return line.value

    def _places(self, index: int, line: ContentLine) -> None:
        for place in line.places:
            target = self._finder.find(place)
            self._put(" ", self._plain)
            beside = self._beside(place)
            if target is not None:
                self._put_link(self._where(target), Link(index, place))
            elif beside:
                self._put_link(beside, Link(index, place))
            elif not place.image.sop_instance_uid:
                self._put(_("(its place is not among the images here)"), self._muted)
            else:
                self._put(_("(not in this case)"), self._muted, place.image.sop_instance_uid)

    def _beside(self, place: Place) -> str:
        """The name of the segmentation or document of this case that a place means; empty when there is none."""
        uid = place.image.sop_instance_uid
        found = self._case.layers.layer(uid) or self._case.document(uid)
        return "" if found is None else found.title

    def _where(self, target: Target) -> str:
        stack = self._case.stack(target.stack)
        if stack is None:
            return ""
        number = stack.first.series_number
        series = stack.title if number is None else f"{number} · {stack.title}"
        return _("{series}, image {number}").format(series=series, number=target.index + 1)

    def _key_objects(self) -> None:
        chosen = self._opened.key_objects
        if chosen is None:
            return
        rejection = self._opened.document.instance.rejection
        if rejection is not None:
            self._line(above=8)
            self._put(
                _("What it names is hidden: {reason}").format(reason=_(REJECTIONS[rejection.code])), self._warning
            )
        for text in chosen.words:
            self._line(above=8)
            self._put(text, self._plain)
        self._line(above=10)
        count = len(chosen.places)
        self._put(ngettext("{count} image", "{count} images", count).format(count=count), self._strong)
        for place in chosen.places:
            self._line(1, above=2)
            target = self._finder.find(place)
            if target is not None:
                self._put_link(self._where(target), Link(-1, place))
            else:
                self._put(_("(not in this case)"), self._muted, place.image.sop_instance_uid)

    # dose

    def _dose(self, dose: Dose) -> None:
        if dose.totals:
            self._line(above=10)
            self._put(_("Dose of the examination"), self._heading)
            rows = [(_dose_name(one.name), _with_unit(one), plane) for plane, one in dose.totals]
            used = any(plane for _name, _value, plane in rows)
            self._table([row if used else row[:2] for row in rows], 0)
        if dose.irradiations:
            self._line(above=8)
            self._put(_("Irradiations"), self._heading)
            head = ["№", _("Protocol"), _("Region"), _("Kind"), *(_dose_name(code) for code in dose.columns)]
            body = [
                [str(n), row.protocol, row.region, row.kind, *(_with_unit(one) if one else "—" for one in row.numbers)]
                for n, row in enumerate(dose.irradiations, 1)
            ]
            # what no line fills only makes the others narrow
            filled = [c for c in range(len(head)) if any(row[c] not in {"", "—"} for row in body)]
            self._table([[row[c] for c in filled] for row in (head, *body)], 1)

    # clinical documents

    def _clinical(self) -> None:
        clinical = self._opened.clinical
        if clinical is None:
            return
        self._line()
        self._put(clinical.title or self._opened.document.title, self._title)
        self._line(above=2)
        parts = (short_date(clinical.date[:8]), ", ".join(clinical.authors))
        self._put("   ".join(part for part in parts if part), self._muted)
        for block in clinical.blocks:
            self._block(block)

    def _block(self, block: Block) -> None:
        if block.kind == "table":
            self._table(block.rows, block.head_rows)
        elif block.kind == "heading":
            self._line(above=12)
            self._put(block.text, self._heading if block.level == 1 else self._strong)
        elif block.kind == "item":
            self._line(block.level, above=2)
            self._put(f"• {block.text}", self._plain)
        else:
            self._line(above=4)
            self._put(block.text, self._plain)


def _bare(line: ContentLine) -> bool:
    """Whether a line is a reference and nothing else."""
    return line.value_type in _REFERENCES and line.name is None and not line.note


def _bare_run(lines: Sequence[ContentLine], start: int) -> Sequence[ContentLine]:
    """The bare references of one depth that follow each other from `start` on, none with anything below it."""
    end, depth = start, lines[start].depth
    while end < len(lines) and _bare(lines[end]) and lines[end].depth == depth:
        end += 1
    if end < len(lines) and lines[end].depth > depth:
        end -= 1
    return lines[start:end]


def _format(colour: str, *, bold: bool = False, points: float = 0.0) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setForeground(QColor(colour))
    if bold:
        form.setFontWeight(QFont.Weight.DemiBold)
    if points:
        form.setFontPointSize(points)
    return form


def _clock(time: str) -> str:
    """`HHMMSS.ffffff` as hours and minutes, other text as it is."""
    return f"{time[:2]}:{time[2:4]}" if len(time) >= 4 and time[:4].isdigit() else time


def _dose_name(code: Code) -> str:
    known = _NAMES.get(code.value) if code.scheme == "DCM" else None
    return _(known) if known else code.meaning


def _with_unit(number: DoseNumber) -> str:
    unit = number.unit
    sign = "" if unit is None or unit.value in {"1", "{events}"} else unit.value
    return f"{number.value} {sign}".rstrip()

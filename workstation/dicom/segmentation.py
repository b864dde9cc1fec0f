"""Segmentations of others, read: what each segment is, in which colour, who or what made it, and where its masks lie.

BINARY, FRACTIONAL and LABELMAP objects (PS3.3 A.51, C.8.20). Masks are decoded like every other frame; what they are
drawn on is decided elsewhere.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from workstation.dicom.colour import rgb_of_lab
from workstation.dicom.content import Code
from workstation.dicom.instance import Instance
from workstation.dicom.part10 import open_part10
from workstation.dicom.pixels import decode_frame
from workstation.dicom.quoting import quoted_code
from workstation.dicom.sr_tree import code_in
from workstation.dicom.text import Header
from workstation.errors import UnreadableObject
from workstation.language import _

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")

Colour = tuple[int, int, int]
# for segments that recommend none: told apart by the colour-blind too
_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)


@dataclass(frozen=True)
class Segment:
    """One segment. `algorithm` is AUTOMATIC, SEMIAUTOMATIC, MANUAL or empty; `colour` is sRGB."""

    number: int
    label: str
    colour: Colour
    category: Code | None = None
    kind: Code | None = None
    algorithm: str = ""
    program: str = ""
    description: str = ""


@dataclass(frozen=True)
class SegmentFrame:
    """A mask: frame `index` (from 0) of segment `segment`, 0 in a label map."""

    index: int
    segment: int


@dataclass(frozen=True)
class Segmentation:
    """What was read. `kind` is BINARY, FRACTIONAL or LABELMAP; `maximum` stands for a whole voxel of FRACTIONAL."""

    instance: Instance
    kind: str
    fractional: str
    maximum: int
    title: str
    maker: str
    spacing_between_slices: float | None
    segments: tuple[Segment, ...]
    frames: tuple[SegmentFrame, ...] = field(repr=False)
    data: bytes = field(repr=False)

    def values(self, frame: SegmentFrame) -> NDArray[Any]:
        """A frame as stored, shape (rows, columns): 0 or 1, fractions up to `maximum`, or segment numbers."""
        pixels = self.instance.pixels
        if pixels is None:
            raise UnreadableObject(_("The segmentation can't be read"), _("the object has no picture"))
        # a label map may come with a palette; its numbers are wanted, not its colours
        plain = replace(self.instance, pixels=replace(pixels, photometric="MONOCHROME2"))
        return decode_frame(plain, self.data, frame.index)

    def sources(self) -> tuple[tuple[tuple[str, int | None], ...], ...]:
        """The images that each frame was drawn on: SOP Instance UID and frame (from 1), None for a whole object.

        Read only when asked for: where masks have places of their own it is the costliest part of the header.
        """
        header = open_part10(self.data).header
        shared, own = header.item(0x52009229), list(header.items(0x52009230))
        common = _sources(shared) if shared is not None else ()
        return tuple((_sources(own[frame.index]) if frame.index < len(own) else ()) or common for frame in self.frames)


def read_segmentation(instance: Instance, data: bytes) -> Segmentation:
    """The segments and frames of a segmentation object. Raises UnreadableObject with one reason."""
    header = open_part10(data).header
    if instance.sop_class_uid not in SEGMENTATION_CLASSES:
        raise _refused(_("the object is no segmentation"))
    kind = header.text(0x00620001) or "BINARY"
    if kind not in {"BINARY", "FRACTIONAL", "LABELMAP"}:
        raise _refused(_("a segmentation of the kind {kind} is not known").format(kind=quoted_code(kind)))
    segments = tuple(_segment(item) for item in header.items(0x00620002))
    numbers = {segment.number for segment in segments}
    if len(numbers) < len(segments):
        raise _refused(_("two segments have the same number"))
    # the background of a label map is no segment to show
    background = header.integer(0x00280120) if kind == "LABELMAP" else None
    shown = tuple(one for one in segments if one.number != 0 and one.number != background)
    frames = _frames(header, instance.number_of_frames, kind)
    strangers = {frame.segment for frame in frames} - numbers - {0}
    if kind != "LABELMAP" and any(frame.segment == 0 for frame in frames):
        raise _refused(_("its frames don't say which segment they show"))
    if strangers:
        raise _refused(_("frames name segments that are not described"))
    measures = header.item(0x52009229)
    measures = measures.item(0x00289110) if measures is not None else None
    return Segmentation(
        instance=instance,
        kind=kind,
        fractional=header.text(0x00620010),
        maximum=header.integer(0x0062000E) or 255,
        title=header.text(0x00700080) or header.text(0x0008103E) or header.text(0x00700081),
        maker=header.text(0x00081090) or header.text(0x00080070),
        spacing_between_slices=measures.number(0x00180088) if measures is not None else None,
        segments=shown,
        frames=frames,
        data=data,
    )


def _refused(reason: str) -> UnreadableObject:
    return UnreadableObject(_("The segmentation can't be read"), reason)


def _segment(item: Header) -> Segment:
    number = item.integer(0x00620004)
    if number is None:
        raise _refused(_("a segment has no number"))
    lab = item.floats(0x0062000D, 3)
    program = item.text(0x00620009)
    if not program:
        identification = item.item(0x00620007)
        program = identification.text(0x00660036) if identification is not None else ""
    kind = code_in(item, 0x0062000F)
    return Segment(
        number=number,
        label=item.text(0x00620005) or (kind.meaning if kind is not None else "") or str(number),
        colour=_rgb(lab) if lab is not None else _COLOURS[(number - 1) % len(_COLOURS)],
        category=code_in(item, 0x00620003),
        kind=kind,
        algorithm=item.text(0x00620008),
        program=program,
        description=item.text(0x00620006),
    )


def _frames(header: Header, count: int, kind: str) -> tuple[SegmentFrame, ...]:
    shared = header.item(0x52009229)
    common = _segment_of(shared) if shared is not None else None
    found = []
    own = list(header.items(0x52009230))
    for index in range(count):
        group = own[index] if index < len(own) else None
        segment = (_segment_of(group) if group is not None else None) or common or 0
        found.append(SegmentFrame(index, 0 if kind == "LABELMAP" else segment))
    return tuple(found)


def _segment_of(group: Header) -> int | None:
    identification = group.item(0x0062000A)
    return identification.integer(0x0062000B) if identification is not None else None


def _sources(group: Header) -> tuple[tuple[str, int | None], ...]:
    return tuple(
        (image.text(0x00081155), image.integer(0x00081160))
        for derivation in group.items(0x00089124)
        for image in derivation.items(0x00082112)
        if image.text(0x0028135A) != "NO"  # Spatial Locations Preserved
    )


def _rgb(stored: tuple[float, ...]) -> Colour:
    """Recommended Display CIELab Value (PS3.3 C.10.7.1.1) to sRGB, white point D65, as the makers of segments write."""
    lightness, a, b = stored
    return rgb_of_lab(lightness, a, b, white="D65")

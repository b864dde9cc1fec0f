"""Presentation states: how someone stored that images be seen — greys, shutters, turned or mirrored, with graphics.

Read as values; `viewing` lays them over the pictures. Grayscale and colour softcopy states are read whole, the other
kinds by name only, with the reason why they are not applied (PS3.3 A.33, C.10, C.11; PS3.4 N).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.graphic_annotations import Annotation, GraphicLayer, annotations_of, layers_of
from workstation.dicom.lut import BROKEN_TABLE, VoiTable, Window, modality_table_of, table_of, voi_tables_of, windows_of
from workstation.dicom.overlay_planes import GROUPS, OverlayPlane, overlay_planes_of
from workstation.dicom.overlays import plane_bits
from workstation.dicom.part10 import BROKEN, open_part10
from workstation.dicom.references import References, references_of
from workstation.dicom.shutters import Shutter, shutter_of
from workstation.dicom.text import Header
from workstation.errors import UnreadableObject
from workstation.language import N_, _

T = TypeVar("T", "SoftcopyVoi", "DisplayedArea")

GRAYSCALE = "1.2.840.10008.5.1.4.1.1.11.1"
COLOUR = "1.2.840.10008.5.1.4.1.1.11.2"

KINDS: dict[str, str] = {
    GRAYSCALE: N_("Grayscale presentation state"),
    COLOUR: N_("Colour presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.3": N_("Pseudo-colour presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.4": N_("Blending presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.5": N_("XA/XRF presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.6": N_("Planar MPR presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.7": N_("Planar MPR presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.8": N_("Blending presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.9": N_("Volume rendering presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.10": N_("Volume rendering presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.11": N_("Volume rendering presentation state"),
    "1.2.840.10008.5.1.4.1.1.11.12": N_("Variable modality LUT presentation state"),
}
"""All presentation states by SOP Class, with the name each kind is called by."""

APPLIED = frozenset({GRAYSCALE, COLOUR})


@dataclass(frozen=True)
class DisplayedArea:
    """The part of the image to be seen (C.10.4), by the pixels (column, row) at its corners, counted from 1, inclusive.

    The first is seen at the top left after turning and mirroring. `mode` is SCALE TO FIT, TRUE SIZE or MAGNIFY.
    """

    references: References
    first: tuple[int, int]
    last: tuple[int, int]
    mode: str = "SCALE TO FIT"
    magnification: float | None = None


@dataclass(frozen=True)
class SoftcopyVoi:
    """Windows or VOI LUTs for the images referenced (C.11.8)."""

    references: References
    windows: tuple[Window, ...] = ()
    tables: tuple[VoiTable, ...] = ()


@dataclass(frozen=True, eq=False)
class PresentationState:
    """One presentation state. `refusal` says why it is not applied; empty where it is.

    `slope`, `intercept` and `modality_table` go before those of the image: what is not here is identity. Rotation is
    in degrees clockwise and comes before the mirroring. `bitmaps` holds the overlay planes of the state itself,
    `activated` the groups it wants to be seen, its own or the image's.
    """

    sop_instance_uid: str
    kind: str
    label: str = ""
    description: str = ""
    created: str = ""
    creator: str = ""
    refusal: str = ""
    references: References = field(default_factory=References)
    slope: float = 1.0
    intercept: float = 0.0
    modality_table: VoiTable | None = None
    vois: tuple[SoftcopyVoi, ...] = ()
    shape: str = ""
    presentation_table: VoiTable | None = None
    shutter: Shutter | None = None
    areas: tuple[DisplayedArea, ...] = ()
    rotation: int = 0
    flipped: bool = False
    layers: tuple[GraphicLayer, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    planes: tuple[OverlayPlane, ...] = ()
    activated: tuple[int, ...] = ()
    bitmaps: dict[int, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    @property
    def inverse(self) -> bool:
        """Whether what comes out of the VOI is shown inverted; the image's own polarity is not asked (C.11.6)."""
        return self.shape == "INVERSE"

    def covers(self, sop_instance_uid: str, frame: int) -> bool:
        """Whether the state is made for a frame, counted from 0, of an image."""
        return self.references.name(sop_instance_uid, frame)

    def voi_for(self, sop_instance_uid: str, frame: int) -> SoftcopyVoi | None:
        """The VOI for a frame, or None; one that names no image is for all."""
        return _for(self.vois, sop_instance_uid, frame)

    def area_for(self, sop_instance_uid: str, frame: int) -> DisplayedArea | None:
        """The displayed area for a frame, or None."""
        return _for(self.areas, sop_instance_uid, frame)

    def annotations_for(self, sop_instance_uid: str, frame: int) -> tuple[Annotation, ...]:
        """Graphics and texts of a frame, layer by layer from the lowest order up."""
        order = {layer.name: layer.order for layer in self.layers}
        own = [one for one in self.annotations if not one.references or one.references.name(sop_instance_uid, frame)]
        return tuple(sorted(own, key=lambda one: order.get(one.layer, 0)))


def _for(found: Sequence[T], sop_instance_uid: str, frame: int) -> T | None:
    for one in found:
        if one.references.name(sop_instance_uid, frame):
            return one
    return next((one for one in found if not one.references), None)


def read_presentation_state(data: bytes) -> PresentationState:
    """The presentation state in Part 10 bytes; UnreadableObject for what is none, or is broken."""
    try:
        opened = open_part10(data)
        sop_class = opened.header.text(0x00080016) or opened.meta_text(0x00020002)
        if sop_class not in KINDS:
            raise UnreadableObject(_("Not a presentation state"))
        return _state(opened.header, sop_class)
    except BROKEN as error:
        kind = type(error).__name__
    raise UnreadableObject(
        _("Damaged DICOM object"), _("the presentation state can't be read ({kind})").format(kind=kind)
    )


def _state(header: Header, sop_class: str) -> PresentationState:
    refusal = ""
    if sop_class not in APPLIED:
        refusal = _("{kind}: can't be applied here").format(kind=_(KINDS[sop_class]))
    table, _type = modality_table_of(header, signed=True)
    slope, intercept = header.number(0x00281053) or 1.0, header.number(0x00281052) or 0.0
    presentation = header.item(0x20500010)
    planes = overlay_planes_of(header)
    rotation = header.integer(0x00700042) or 0
    if rotation % 90 and not refusal:
        refusal = _("it turns the image by {degrees}°").format(degrees=rotation)
    vois = tuple(
        SoftcopyVoi(references_of(one), windows_of(one), voi_tables_of(one, signed=table is None))
        for one in header.items(0x00283110)
    )
    shown = None if presentation is None else table_of(presentation, signed=False)
    refusal = refusal or _broken(header, vois, table == BROKEN_TABLE or (presentation is not None and shown is None))
    return PresentationState(
        sop_instance_uid=header.text(0x00080018),
        kind=KINDS[sop_class],
        label=header.text(0x00700080),
        description=header.text(0x00700081),
        created=header.text(0x00700082) + header.text(0x00700083)[:6],
        creator=header.text(0x00700084),
        refusal=refusal,
        references=_series_references(header),
        slope=slope,
        intercept=intercept,
        modality_table=table,
        vois=vois,
        shape=header.text(0x20500020),
        presentation_table=shown,
        shutter=shutter_of(header),
        areas=tuple(area for one in header.items(0x0070005A) if (area := _area(one)) is not None),
        rotation=rotation % 360,
        flipped=header.text(0x00700041) == "Y",
        layers=layers_of(header),
        annotations=annotations_of(header),
        planes=planes,
        activated=tuple(group for group in GROUPS if header.text(group << 16 | 0x1001)),
        bitmaps=dict(_bitmaps(header, planes)),
    )


def _broken(header: Header, vois: tuple[SoftcopyVoi, ...], broken: bool) -> str:
    """Why a state can't be applied whose tables can't all be read: it would show other greys than were stored."""
    for item, voi in zip(header.items(0x00283110), vois, strict=True):
        tables = sum(1 for _table in item.items(0x00283010))
        broken |= len(voi.tables) < tables or not (voi.tables or voi.windows)
    return _("stored view: its greys are broken") if broken else ""


def _series_references(header: Header) -> References:
    found = References()
    for series in header.items(0x00081115):
        found = found.joined(references_of(series))
    return found


def _area(one: Header) -> DisplayedArea | None:
    first, last = one.numbers(0x00700052), one.numbers(0x00700053)
    if len(first) != 2 or len(last) != 2:
        return None
    return DisplayedArea(
        references_of(one),
        (int(first[0]), int(first[1])),
        (int(last[0]), int(last[1])),
        one.text(0x00700100) or "SCALE TO FIT",
        one.number(0x00700103),
    )


def _bitmaps(header: Header, planes: tuple[OverlayPlane, ...]) -> Sequence[tuple[int, NDArray[np.bool_]]]:
    found = []
    for plane in planes:
        raw = header.raw(plane.group << 16 | 0x3000)
        if raw is not None:
            little = header.little_endian
            found.append((plane.group, plane_bits(raw, little, plane.rows, plane.columns)))
    return found

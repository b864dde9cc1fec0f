"""The documents of a case: reports, dose reports, key objects, PDF and clinical documents of its study and priors.

Here they are listed, opened as plain values, and what they point at is found among the pictures of the case. Nothing of
a document is kept or written anywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from workstation.dicom.cda import ClinicalDocument, read_cda
from workstation.dicom.content import StudyHeader
from workstation.dicom.dose import Dose, dose_of
from workstation.dicom.instance import Instance
from workstation.dicom.key_objects import KeyObjects, key_objects_of
from workstation.dicom.sr_tree import ContentLine, Place, Report, read_tree
from workstation.dicom.uids import ENCAPSULATED_PDF, KEY_OBJECT_SELECTION
from workstation.errors import UnreadableObject
from workstation.language import N_, _
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec, vec

DocumentKind = Literal["report", "dose", "key objects", "pdf", "clinical"]

_SR = "1.2.840.10008.5.1.4.1.1.88."
_DOSE = {
    "1.2.840.10008.5.1.4.1.1.88.67",
    "1.2.840.10008.5.1.4.1.1.88.68",
    "1.2.840.10008.5.1.4.1.1.88.73",
    "1.2.840.10008.5.1.4.1.1.88.76",
}
_CDA = "1.2.840.10008.5.1.4.1.1.104.2"
KINDS: dict[DocumentKind, str] = {
    "report": N_("Report"),
    "dose": N_("Dose report"),
    "key objects": N_("Key images"),
    "pdf": N_("PDF"),
    "clinical": N_("Clinical document"),
}
_PLACE_MM = 0.5


@dataclass(frozen=True)
class CaseDocument:
    """A document as it is listed. Flags are None where the object has none."""

    instance: Instance
    kind: DocumentKind
    study: StudyHeader
    prior: bool = False

    @property
    def key(self) -> str:
        return self.instance.sop_instance_uid

    @property
    def title(self) -> str:
        return self.instance.document_title or self.instance.series_description or _(KINDS[self.kind])

    @property
    def date(self) -> str:
        """`YYYYMMDD`, or empty."""
        return self.instance.content_date or self.instance.series_date or self.study.study_date

    @property
    def complete(self) -> bool | None:
        return {"COMPLETE": True, "PARTIAL": False}.get(self.instance.completion_flag)

    @property
    def verified(self) -> bool | None:
        return {"VERIFIED": True, "UNVERIFIED": False}.get(self.instance.verification_flag)


@dataclass(frozen=True)
class OpenedDocument:
    """What is read of a document: one of report, clinical narrative and PDF, and what was made of the report."""

    document: CaseDocument
    report: Report | None = None
    dose: Dose | None = None
    key_objects: KeyObjects | None = None
    clinical: ClinicalDocument | None = None
    pdf: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Target:
    """Where a reference leads in this case: image `index` of a stack, and the points of its graphic in the stack's
    space, if it has one."""

    stack: str
    index: int
    graphic_type: str = ""
    points: tuple[Vec, ...] = ()

    @property
    def centre(self) -> Vec | None:
        """The middle of the graphic."""
        return vec(np.mean(np.asarray(self.points), axis=0)) if self.points else None


def documents_of(instances: Iterable[Instance], study: StudyHeader, *, prior: bool = False) -> list[CaseDocument]:
    """The documents among the objects of a study, the newest first."""
    found = [
        CaseDocument(instance, kind, study, prior)
        for instance in instances
        if (kind := _kind(instance.sop_class_uid)) is not None
    ]
    found.sort(key=lambda one: (one.date, one.instance.content_time, one.key), reverse=True)
    return found


def _kind(sop_class: str) -> DocumentKind | None:
    if sop_class == KEY_OBJECT_SELECTION:
        return "key objects"
    if sop_class in _DOSE:
        return "dose"
    if sop_class.startswith(_SR):
        return "report"
    return {ENCAPSULATED_PDF: "pdf", _CDA: "clinical"}.get(sop_class)  # type: ignore[return-value]


def open_document(document: CaseDocument, data: bytes) -> OpenedDocument:
    """Read a document. Raises UnreadableObject with one clear reason."""
    from workstation.dicom.documents import encapsulated_document, encapsulated_pdf

    if document.kind == "pdf":
        return OpenedDocument(document, pdf=encapsulated_pdf(data))
    if document.kind == "clinical":
        clinical = read_cda(encapsulated_document(data))
        return OpenedDocument(document, clinical=clinical, pdf=clinical.pdf or None)
    report = read_tree(data)
    if len(report.lines) < 2 and report.lines[0].name is None:
        raise UnreadableObject(_("The document is empty"))
    return OpenedDocument(
        document,
        report,
        dose=dose_of(report) if document.kind == "dose" else None,
        key_objects=key_objects_of(report) if document.kind == "key objects" else None,
    )


class Finder:
    """Finds what documents point at among stacks; made anew when stacks come."""

    def __init__(self, stacks: Sequence[ShownStack]) -> None:
        self._stacks = stacks
        self._frames = {
            (ref.instance.sop_instance_uid, ref.frame): (stack, k)
            for stack in stacks
            for k, ref in enumerate(stack.stack.frames)
        }

    def find(self, place: Place) -> Target | None:
        """Where a place is in the case; None when its image, or its space, is not here."""
        if not place.image.sop_instance_uid:
            return self._in_space(place)
        frames = place.frames or (1,)
        for frame in frames:
            found = self._frames.get((place.image.sop_instance_uid, frame - 1))
            # the stored image of a mosaic has one frame, whatever its tiles are shown as
            if found is not None and (frame == 1 or found[0].instance(found[1]).mosaic is None):
                return self._on_image(place, *found)
        return None

    def _on_image(self, place: Place, stack: ShownStack, k: int) -> Target:
        """The target on image `k`; on the tile of a mosaic that its points are in. Points in several are on none."""
        instance, points = stack.instance(k), place.points_px
        if instance.mosaic is not None and points:
            tile = instance.mosaic.tile_with(points)
            if tile is None:
                return Target(stack.key, k)
            stack, k = self._frames[instance.sop_instance_uid, tile]
            left, top = stack.corner(k)
            points = tuple((x - left, y - top) for x, y in points)
        return Target(stack.key, k, place.graphic_type, tuple(pixel_place(stack, k, point) for point in points))

    def _in_space(self, place: Place) -> Target | None:
        points = tuple(vec(np.asarray(point)) for point in place.points_mm)
        if not points or not place.frame_of_reference_uid:
            return None
        middle = vec(np.mean(np.asarray(points), axis=0))
        best: tuple[float, ShownStack, int] | None = None
        for stack in self._stacks:
            if stack.frame_of_reference_uid != place.frame_of_reference_uid:
                continue
            k = stack.nearest(middle)
            column, row, away = stack.pixel_of(k, middle)
            instance = stack.instance(k)
            inside = -0.5 <= column <= instance.columns - 0.5 and -0.5 <= row <= instance.rows - 0.5
            reach = max(stack.slice_step / 2, _PLACE_MM)
            if inside and abs(away) <= reach and (best is None or abs(away) < best[0]):
                best = abs(away), stack, k
        return None if best is None else Target(best[1].key, best[2], place.graphic_type, points)


def pixel_place(stack: ShownStack, k: int, point: tuple[float, float]) -> Vec:
    """SCOORD (column, row), 0.0 at the corner of the first pixel (PS3.3 C.18.6.1.2), in the stack's space."""
    spot = stack.matrix(k) @ np.array([point[0] - 0.5, point[1] - 0.5, 0.0, 1.0])
    return vec(spot[:3])


def graphics_of(report: Report) -> tuple[tuple[int, str], ...]:
    """The lines with a graphic, each with the numbers that go with it, as written.

    A graphic under a number is that number's (TID 300); one in a group goes with the group's numbers (TID 1410, 1411).
    """
    found = []
    parents: dict[str, ContentLine] = {line.number: line for line in report.lines}
    for index, line in enumerate(report.lines):
        if line.value_type not in {"SCOORD", "SCOORD3D"} or not line.places:
            continue
        above = line.number.rpartition(".")[0]
        parent = parents.get(above)
        if parent is not None and parent.value_type == "NUM":
            numbers = [parent]
        else:
            level = above.count(".") + 1
            numbers = [
                one
                for one in report.lines
                if one.value_type == "NUM" and one.number.startswith(f"{above}.") and one.number.count(".") == level
            ]
        found.append((index, "\n".join(number_line(one) for one in numbers[:3])))
    return tuple(found)


def number_line(line: ContentLine) -> str:
    """`name: value unit`, as written."""
    name = line.name.meaning if line.name is not None else ""
    value = f"{line.value} {unit_sign(line)}".strip() or ", ".join(code.meaning for code in line.codes)
    return f"{name}: {value}" if name else value


def unit_sign(line: ContentLine) -> str:
    """A unit as a reader knows it: UCUM's own sign, `HU`, `mm²`; nothing for plain numbers."""
    if line.unit is None:
        return ""
    signs = {"[hnsf'U]": "HU", "mm2": "mm²", "cm2": "cm²", "mm3": "mm³", "cm3": "cm³", "{pixels}": "px", "1": ""}
    code = line.unit
    if code.value in signs:
        return signs[code.value]
    if code.value in {"{SUVbw}g/ml", "g/ml{SUVbw}"}:
        return "SUVbw"
    if code.value.startswith("{") and code.value.endswith("}"):
        return code.value[1:-1]
    return code.value if code.scheme == "UCUM" else code.meaning or code.value

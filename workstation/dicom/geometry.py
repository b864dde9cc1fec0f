"""Frames to stacks: what belongs together, in which order, and whether it is a volume.

Geometry comes from Image Position and Image Orientation (Patient) alone (PS3.3 C.7.6.2); slice location, instance
number, slice thickness and the gantry tilt tag are never asked where an image stands. Nothing is dropped: each frame
with a picture is in exactly one stack, and a stack that is no volume says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.axes import orthonormal
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.instance import Instance
from workstation.dicom.kinds import MOSAIC, kinds_of
from workstation.dicom.mosaic import Mosaic
from workstation.dicom.slices import Hole, Placement, place
from workstation.dicom.spacing import PROJECTIONS, Spacing, spacing_of
from workstation.dicom.splitting import same_orientation, split
from workstation.language import _, ngettext

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class FrameRef:
    """One frame of an object; `frame` counts from 0."""

    instance: Instance
    frame: int = 0

    @cached_property
    def geometry(self) -> FrameGeometry:
        """The frame's own values; asked for some thirty times a frame while a series is split."""
        return self.instance.frame(self.frame)


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames that are scrolled together, ordered along their normal; without geometry, by instance and frame number.

    `ijk_to_lps` (4×4, read-only) maps voxel indices (column i, row j, slice k) to LPS millimetres of voxel centres:
    its columns are the steps along a row, along a column, and the true step from slice to slice, which is oblique to
    the slices in a tilted stack. It is None where there is no volume; `reason` then says why, and for a volume what is
    worth knowing. `slice_index` gives the k of each frame: missing slices leave out indices. In a stack of uneven steps
    it is empty, `slice_places` gives the k of each frame as a fraction, and `planes` of a regular grid are to be
    blended from the frames on both sides. `split_rule` names what parts this stack from others of its series; `part`,
    what tells it from repetitions of the same anatomy: a b-value, an echo, a phase. `duplicates` counts images that
    stand where another does, `copies` objects that were given once more.
    """

    frames: tuple[FrameRef, ...]
    spacing: Spacing
    title: str
    ijk_to_lps: Matrix | None = None
    is_volume: bool = False
    reason: str = ""
    split_rule: str = ""
    part: str = ""
    tilt_degrees: float = 0.0
    gaps: tuple[Hole, ...] = ()
    positions: int = 0
    copies: int = 0
    slice_index: tuple[int, ...] = field(default=(), repr=False)
    slice_places: tuple[float, ...] = field(default=(), repr=False)
    planes: int = 0

    @property
    def first(self) -> Instance:
        """The object of the first frame: it speaks for what all have in common."""
        return self.frames[0].instance

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""
        return self.first.study_uid

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return self.first.series_uid

    @property
    def frame_of_reference_uid(self) -> str:
        """Frame of Reference UID; empty when there is none, and then nothing may be linked by place."""
        return self.first.frame_of_reference_uid

    @property
    def modality(self) -> str:
        """Modality (0008,0060)."""
        return self.first.modality

    @property
    def duplicates(self) -> int:
        """Images that stand where another does; 0 where there are no positions."""
        return len(self.frames) - self.positions if self.positions else 0

    @property
    def uneven(self) -> bool:
        """Whether the frames stand between the planes of the volume's grid."""
        return bool(self.slice_places)

    @property
    def depth(self) -> int:
        """Planes of the volume, the missing ones included; for other stacks the number of frames."""
        if self.slice_places:
            return self.planes
        return self.slice_index[-1] + 1 if self.slice_index else len(self.frames)

    def index_of(self, number: int) -> int:
        """The k of frame `number` of the stack; ValueError where frames are no planes of the grid."""
        if self.slice_places:
            raise ValueError("uneven slices are no planes of the grid")
        return self.slice_index[number] if self.slice_index else number

    def place_of(self, number: int) -> float:
        """Where frame `number` stands in the grid of the volume, exactly: its k, or a fraction between two."""
        return self.slice_places[number] if self.slice_places else float(self.index_of(number))

    def alone(self, number: int, matrix: Matrix | None) -> "Stack":
        """Frame `number` as a stack of its own, where `matrix` says."""
        only = (self.frames[number],)
        return replace(
            self, frames=only, ijk_to_lps=matrix, is_volume=False, slice_index=(), slice_places=(), planes=0, gaps=()
        )

    @property
    def instances(self) -> dict[str, Instance]:
        """Its objects by SOP Instance UID, in the order of their first frames."""
        return {ref.instance.sop_instance_uid: ref.instance for ref in self.frames}

    def read_from(self, instances: Mapping[str, Instance]) -> "Stack":
        """The same frames of other readings of its objects, by SOP Instance UID."""
        return replace(
            self, frames=tuple(FrameRef(instances[ref.instance.sop_instance_uid], ref.frame) for ref in self.frames)
        )

    def frame_to_lps(self, number: int) -> Matrix | None:
        """The 4×4 matrix of one frame: (column, row, distance along the normal in mm) to LPS; None without geometry."""
        return frame_matrix(self.frames[number].geometry)


def frame_matrix(geometry: FrameGeometry) -> Matrix | None:
    """(column, row, millimetres along the normal) to LPS for one frame; None when its header has no valid geometry."""
    axes = orthonormal(geometry.orientation) if geometry.located else None
    if axes is None or geometry.position is None or geometry.pixel_spacing is None:
        return None
    matrix = np.eye(4)
    matrix[:3, 0] = axes[0] * geometry.pixel_spacing[1]
    matrix[:3, 1] = axes[1] * geometry.pixel_spacing[0]
    matrix[:3, 2] = axes[2]
    matrix[:3, 3] = geometry.position
    return matrix


def build_stacks(instances: Sequence[Instance]) -> tuple[Stack, ...]:
    """All frames of all objects with pictures as stacks, by series number, then as their first instances are numbered.

    An object given more than once (equal SOP Instance UID) counts once; its stack says so.
    """
    unique: dict[str, Instance] = {}
    again: dict[str, int] = {}
    for instance in instances:
        if instance.has_pixels:
            uid = instance.sop_instance_uid
            if uid in unique:
                again[uid] = again.get(uid, 0) + 1
            unique.setdefault(uid, instance)
    by_series: dict[tuple[str, str], list[Instance]] = {}
    for instance in unique.values():
        by_series.setdefault((instance.study_uid, instance.series_uid), []).append(instance)
    stacks: list[Stack] = []
    for series in by_series.values():
        series.sort(key=_filing_order)
        refs = [FrameRef(instance, frame) for instance in series for frame in range(instance.number_of_frames)]
        for group, rule, part in split(refs):
            stacks.append(replace(_stack(group, rule, _copies(group, again)), part=part))
    stacks.sort(key=lambda stack: (_number(stack.first.series_number), stack.series_uid))
    return tuple(stacks)


def _number(value: int | None) -> int:
    return 1 << 40 if value is None else value


def _filing_order(instance: Instance) -> tuple[str, int, int, str]:
    """Parts of a concatenation by their offset, whatever their instance numbers."""
    part = instance.concatenation
    number = 0 if part.uid else _number(instance.instance_number)
    return (part.uid, part.offset, number, instance.sop_instance_uid)


def _copies(refs: Sequence[FrameRef], again: dict[str, int]) -> int:
    return sum(again.get(uid, 0) for uid in {ref.instance.sop_instance_uid for ref in refs}) if again else 0


def _title(instance: Instance) -> str:
    name = instance.series_description or instance.protocol_name or instance.view_position or instance.body_part
    return name or instance.modality


def _stack(refs: Sequence[FrameRef], rule: str, copies: int) -> Stack:
    first = refs[0]
    axes = orthonormal(first.geometry.orientation)
    reason = _without_place(refs)
    if reason or axes is None or first.geometry.pixel_spacing is None:
        return Stack(
            tuple(refs),
            spacing_of(first.instance, first.frame),
            _title(first.instance),
            reason=_with_copies(reason, copies),
            split_rule=rule,
            copies=copies,
        )
    refs = sorted(refs, key=_repetition)
    positions = np.array([ref.geometry.position for ref in refs], dtype=np.float64)
    thickness = refs[0].geometry.slice_thickness or 0.0
    placement = place(positions, axes[2], min(first.geometry.pixel_spacing), thickness)
    if _turned(refs):
        turned = _("the slices are turned against each other")
        placement = Placement(tuple(range(len(refs))), positions[0], axes[2], positions=len(refs), reason=turned)
    return _placed(refs, rule, placement, axes, copies)


def _repetition(ref: FrameRef) -> tuple[float, ...]:
    """The order of images of one place; what has none of these keeps the order it is filed in."""
    frame = ref.geometry
    values = frame.temporal_position, frame.trigger_time, frame.cardiac_phase, frame.b_value, frame.echo_time
    return tuple(np.inf if value is None else float(value) for value in values)


def _without_place(refs: Sequence[FrameRef]) -> str:
    """Why frames have no common place in the patient; empty when they have."""
    first = refs[0]
    geometry = first.geometry
    if first.instance.modality in PROJECTIONS and geometry.position is None:
        return _("a projection image")
    if MOSAIC in kinds_of(geometry.image_type or first.instance.image_type):
        shown = _("mosaics of several slices each, shown as stored")
        return f"{shown}: {_(first.instance.mosaic_kept)}" if first.instance.mosaic_kept else shown
    if first.instance.number_of_frames > 1 and len(first.instance.frames) == 1:
        return _("the frames have no positions of their own")
    if any(not ref.geometry.located for ref in refs):
        return _("no geometry in the patient")
    if orthonormal(geometry.orientation) is None:
        return _("the direction cosines are not perpendicular unit vectors")
    return ""


def _turned(refs: Sequence[FrameRef]) -> bool:
    """Whether splitting left slices of different orientations together."""
    first = refs[0].geometry.orientation
    others = {ref.geometry.orientation for ref in refs}
    return len(others) > 1 and any(not same_orientation(first, other) for other in others)


def _with_copies(reason: str, copies: int) -> str:
    if not copies:
        return reason
    told = ngettext(
        "{count} copy under a UID that was given already, left out",
        "{count} copies under a UID that was given already, left out",
        copies,
    ).format(count=copies)
    return f"{reason}, {told}" if reason else told


def _with_mosaic(note: str, mosaic: Mosaic | None) -> str:
    if mosaic is None:
        return note
    told = ngettext("{count} slice of a mosaic", "{count} slices of a mosaic", mosaic.tiles).format(count=mosaic.tiles)
    if mosaic.empty:
        empty = ngettext("{count} empty tile left out", "{count} empty tiles left out", mosaic.empty)
        told = f"{told}, {empty.format(count=mosaic.empty)}"
    return f"{told}, {note}" if note else told


def _placed(refs: Sequence[FrameRef], rule: str, placement: Placement, axes: Matrix, copies: int) -> Stack:
    ordered = tuple(refs[number] for number in placement.order)
    first = ordered[0]
    spacing = spacing_of(first.instance, first.frame)
    reason, step = placement.reason, placement.step
    pixels = first.instance.pixels
    alone = len(ordered) == 1
    if alone:
        reason = _("a single image")
        step = axes[2] * (first.geometry.slice_thickness or 1.0)
    elif not reason and pixels is not None and pixels.colour:
        reason = _("colour images are shown one by one")
    matrix = None
    if not reason or alone:
        matrix = np.eye(4)
        matrix[:3, 0] = axes[0] * spacing.column_mm
        matrix[:3, 1] = axes[1] * spacing.row_mm
        matrix[:3, 2] = step
        matrix[:3, 3] = placement.origin
        matrix.flags.writeable = False
    return Stack(
        frames=ordered,
        spacing=spacing,
        title=_title(first.instance),
        ijk_to_lps=matrix,
        is_volume=not reason,
        reason=_with_copies(reason or _with_mosaic(placement.note, first.instance.mosaic), copies),
        split_rule=rule,
        tilt_degrees=placement.tilt_degrees,
        gaps=placement.holes if not reason else (),
        positions=placement.positions,
        copies=copies,
        slice_index=placement.slice_index if not reason else (),
        slice_places=placement.slice_places if not reason else (),
        planes=placement.planes if not reason else 0,
    )

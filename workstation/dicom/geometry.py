"""Frames to stacks: what belongs together, in which order, and whether it is a volume.

Geometry comes from Image Position and Image Orientation (Patient) alone (PS3.3 C.7.6.2); slice location, instance
number, slice thickness and the gantry tilt tag are never asked where an image stands. Nothing is dropped: each frame
with a picture is in exactly one stack, and a stack that is no volume says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.instance import Instance
from workstation.dicom.slices import Placement, place
from workstation.dicom.spacing import PROJECTIONS, Spacing, spacing_of
from workstation.dicom.splitting import split
from workstation.language import _

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class FrameRef:
    """One frame of an object; `frame` counts from 0."""

    instance: Instance
    frame: int = 0

    @property
    def geometry(self) -> FrameGeometry:
        """The frame's own values."""
        return self.instance.frame(self.frame)


@dataclass(frozen=True)
class Gap:
    """Slices that are missing behind a frame of the stack."""

    after: int
    missing: int


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames that are scrolled together, ordered along their normal; without geometry, by instance and frame number.

    `ijk_to_lps` (4×4, read-only) maps voxel indices (column i, row j, slice k) to LPS millimetres of voxel centres:
    its columns are the steps along a row, along a column, and the true step from slice to slice, which is oblique to
    the slices in a tilted stack. It is None where there is no volume; `reason` then says why. `slice_index` gives the k
    of each frame: missing slices leave out indices. `split_rule` names what parts this stack from others of its series.
    """

    frames: tuple[FrameRef, ...]
    spacing: Spacing
    title: str
    ijk_to_lps: Matrix | None = None
    is_volume: bool = False
    reason: str = ""
    split_rule: str = ""
    tilt_degrees: float = 0.0
    gaps: tuple[Gap, ...] = ()
    duplicates: int = 0
    slice_index: tuple[int, ...] = field(default=(), repr=False)

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
    def depth(self) -> int:
        """Slices of the volume, the missing ones included; for other stacks the number of frames."""
        return self.slice_index[-1] + 1 if self.slice_index else len(self.frames)

    def index_of(self, number: int) -> int:
        """The k of frame `number` of the stack."""
        return self.slice_index[number] if self.slice_index else number

    def frame_to_lps(self, number: int) -> Matrix | None:
        """The 4×4 matrix of one frame: (column, row, distance along the normal in mm) to LPS; None without geometry."""
        return frame_matrix(self.frames[number].geometry)


def frame_matrix(geometry: FrameGeometry) -> Matrix | None:
    """(column, row, millimetres along the normal) to LPS for one frame; None when its header has no valid geometry."""
    axes = orthonormal(geometry.orientation)
    if axes is None or geometry.position is None or geometry.pixel_spacing is None:
        return None
    matrix = np.eye(4)
    matrix[:3, 0] = axes[0] * geometry.pixel_spacing[1]
    matrix[:3, 1] = axes[1] * geometry.pixel_spacing[0]
    matrix[:3, 2] = axes[2]
    matrix[:3, 3] = geometry.position
    return matrix


def orthonormal(orientation: tuple[float, ...] | None) -> Matrix | None:
    """Row direction, column direction and normal as rows of a 3×3 array; None where the cosines are no right angle.

    Cosines rounded to few digits are straightened; more than 1 % from unit length or from perpendicular is refused.
    """
    if orientation is None:
        return None
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 0.01 or abs(lengths[1] - 1) > 0.01 or abs(float(row @ column)) > 0.01:
        return None
    row = row / lengths[0]
    column = column - row * float(row @ column)
    column = column / np.linalg.norm(column)
    return np.stack([row, column, np.cross(row, column)])


def build_stacks(instances: Sequence[Instance]) -> tuple[Stack, ...]:
    """All frames of all objects with pictures as stacks, by series number, then as their first instances are numbered.

    An object given twice (equal SOP Instance UID) counts once.
    """
    unique = {instance.sop_instance_uid: instance for instance in instances if instance.has_pixels}
    by_series: dict[tuple[str, str], list[Instance]] = {}
    for instance in unique.values():
        by_series.setdefault((instance.study_uid, instance.series_uid), []).append(instance)
    stacks: list[Stack] = []
    for series in by_series.values():
        refs = [FrameRef(instance, frame) for instance in series for frame in range(instance.number_of_frames)]
        refs.sort(key=_filing_order)
        stacks.extend(_stack(group, rule) for group, rule in split(refs))
    stacks.sort(key=lambda stack: (_number(stack.first.series_number), stack.series_uid))
    return tuple(stacks)


def _number(value: int | None) -> int:
    return 1 << 40 if value is None else value


def _filing_order(ref: FrameRef) -> tuple[int, str, int]:
    return (_number(ref.instance.instance_number), ref.instance.sop_instance_uid, ref.frame)


def _title(instance: Instance) -> str:
    name = instance.series_description or instance.protocol_name or instance.view_position or instance.body_part
    return name or instance.modality


def _stack(refs: Sequence[FrameRef], rule: str) -> Stack:
    first = refs[0]
    spacing = spacing_of(first.instance, first.frame)
    title = _title(first.instance)

    def without_volume(reason: str) -> Stack:
        return Stack(tuple(refs), spacing, title, reason=reason, split_rule=rule)

    geometry = first.geometry
    axes = orthonormal(geometry.orientation)
    positions = [ref.geometry.position for ref in refs]
    if first.instance.modality in PROJECTIONS and geometry.position is None:
        return without_volume(_("a projection image"))
    if first.instance.number_of_frames > 1 and len(first.instance.frames) == 1:
        return without_volume(_("the frames have no positions of their own"))
    if geometry.orientation is not None and axes is None:
        return without_volume(_("the direction cosines are not perpendicular unit vectors"))
    if axes is None or geometry.pixel_spacing is None or any(position is None for position in positions):
        return without_volume(_("no geometry in the patient"))
    placement = place(np.array(positions, dtype=np.float64), axes[2])
    return _placed(refs, rule, placement, axes, spacing, title)


def _placed(
    refs: Sequence[FrameRef], rule: str, placement: Placement, axes: Matrix, spacing: Spacing, title: str
) -> Stack:
    ordered = tuple(refs[number] for number in placement.order)
    reason, step, origin = placement.reason, placement.step, placement.origin
    pixels = ordered[0].instance.pixels
    if len(ordered) == 1:
        reason = _("a single image")
        step = axes[2] * (ordered[0].geometry.slice_thickness or 1.0)
    elif not reason and pixels is not None and pixels.colour:
        reason = _("colour images are shown one by one")
    matrix = None
    if not reason or len(ordered) == 1:
        matrix = np.eye(4)
        matrix[:3, 0] = axes[0] * spacing.column_mm
        matrix[:3, 1] = axes[1] * spacing.row_mm
        matrix[:3, 2] = step
        matrix[:3, 3] = origin
        matrix.flags.writeable = False
    return Stack(
        frames=ordered,
        spacing=spacing,
        title=title,
        ijk_to_lps=matrix,
        is_volume=not reason,
        reason=reason or placement.note,
        split_rule=rule,
        tilt_degrees=placement.tilt_degrees,
        gaps=tuple(Gap(after, missing) for after, missing in placement.gaps) if not reason else (),
        duplicates=placement.duplicates,
        slice_index=placement.slice_index if not reason else (),
    )

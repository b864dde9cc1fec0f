"""What distances mean where a graphic was drawn: millimetres and whence, pixels, or the two axes of a trace.

A graphic's points live in the space of its stack. A ruler turns them into points to measure with, says in which unit,
with which source, how fine the pixels are, and for what reason there is nothing to measure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.spacing import CALIBRATED, PATIENT, PIXELS, READER, REGION, Spacing
from workstation.dicom.ultrasound import AXES, Axis, region_of
from workstation.imaging.uncertainty import of_length
from workstation.language import N_
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec, distance, scale, vec

NO_UNIT = N_("in a region whose axes have no known unit")

_EXACT = frozenset((PATIENT, REGION, CALIBRATED, PIXELS))


@dataclass(frozen=True)
class ReaderScale:
    """The reader's own mm for one unit of an image's space, by a line between `ends` that is `known_mm` long."""

    known_mm: float
    ends: tuple[Vec, Vec]

    @property
    def factor(self) -> float:
        return self.known_mm / distance(*self.ends)

    def error(self, edges: NDArray[np.float64]) -> float:
        """How well its line's length in pixels is known, as a part of it."""
        return of_length(*self.ends, edges) / distance(*self.ends)


Scales = Mapping[str, ReaderScale]
"""By SOP Instance UID."""


@dataclass(frozen=True)
class Ruler:
    """`points` are to be measured with; `edges` are those of a pixel or voxel, one a row, in the same unit.

    `scale_error` is the relative uncertainty of the scale itself (95 %): 0 where it is the patient's or that of an
    object of known size, None where nobody knows it, as of a detector's plane. Where `axes` are given the points are
    (x, y, 0) in the units of a trace, and no distance between them means anything. `refusal` says why nothing can be
    measured.
    """

    points: tuple[Vec, ...]
    edges: NDArray[np.float64] = field(repr=False)
    in_mm: bool = True
    source: str = ""
    doubt: str = ""
    scale_error: float | None = 0.0
    axes: tuple[Axis, Axis] | None = None
    refusal: str = ""


def spacing_at(stack: ShownStack, k: int, scales: Scales) -> Spacing:
    """The spacing of an image as it counts: the reader's own calibration goes before all but patient geometry."""
    spacing = stack.spacing(k)
    scale = scales.get(stack.instance(k).sop_instance_uid)
    if scale is None or not calibratable(stack, k):
        return spacing
    return Spacing(spacing.row_mm * scale.factor, spacing.column_mm * scale.factor, READER)


def calibratable(stack: ShownStack, k: int) -> bool:
    """Whether a reader may say how long something on an image is: not where the patient's geometry says it."""
    return not stack.positioned and not stack.instance(k).ultrasound_regions


def ruler(stack: ShownStack, points: tuple[Vec, ...], k: int, scales: Scales, on_image: bool = True) -> Ruler:
    """The ruler for points on image `k`, or on a reformat near to it."""
    if not on_image and stack.is_volume:
        edges = np.asarray(stack.stack.ijk_to_lps)[:3, :3].T
        return Ruler(points, edges, source=stack.stack.spacing.source)
    edges = stack.matrix(k)[:3, :2].T
    if stack.positioned:
        return Ruler(points, edges, source=stack.spacing(k).source)
    if stack.instance(k).ultrasound_regions:
        return _in_region(stack, points, k)
    spacing = spacing_at(stack, k, scales)
    factor = spacing.column_mm / stack.spacing(k).column_mm
    measured = tuple(scale(point, factor) for point in points)
    source = spacing.source if spacing.in_mm else ""
    error = 0.0 if spacing.source in _EXACT else None
    if spacing.source == READER:
        error = scales[stack.instance(k).sop_instance_uid].error(edges)
    return Ruler(measured, edges * factor, spacing.in_mm, source, spacing.doubt, error)


def _in_region(stack: ShownStack, points: tuple[Vec, ...], k: int) -> Ruler:
    pixels = [stack.pixel_of(k, point)[:2] for point in points]
    region, refusal = region_of(stack.instance(k).ultrasound_regions, pixels)
    if region is None:
        return Ruler((), np.eye(3)[:2], refusal=refusal)
    x, y = AXES.get(region.units_x), AXES.get(region.units_y)
    if x is None or y is None or not region.delta_x or not region.delta_y:
        return Ruler((), np.eye(3)[:2], refusal=NO_UNIT)
    steps = np.array([abs(region.delta_x) * x.factor, abs(region.delta_y) * y.factor, 0.0])
    measured = tuple(vec(np.array([*pixel, 0.0]) * steps) for pixel in pixels)
    axes = None if region.spatial else (x, y)
    return Ruler(measured, np.diag(steps)[:2], region.spatial, REGION, axes=axes)

"""Measurements in millimetres and modality values; what is displayed (window, zoom, polarity) has no say in them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.plane import Plane, Point
from workstation.imaging.reslice import THIN, Slab, reslice
from workstation.imaging.volume import Volume

_MOST_SAMPLES = 1024


@dataclass(frozen=True)
class RegionStatistics:
    """The numbers of a region. `area_mm2` is the figure's own; the others are over the `count` samples within it.

    `sd` is the sample standard deviation (n − 1). Without a sample all but area and count are NaN. `resampled` says
    that the samples are interpolated on a reformat, `spacing_mm` then their distance; else they are acquired pixels.
    """

    area_mm2: float
    mean: float
    sd: float
    minimum: float
    maximum: float
    count: int
    resampled: bool = False
    spacing_mm: float = 0.0


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in the patient: its centre and its two perpendicular semi-axes as vectors in millimetres."""

    centre: Point
    first_axis: Point
    second_axis: Point

    @property
    def area_mm2(self) -> float:
        """π · a · b."""
        return math.pi * math.hypot(*self.first_axis) * math.hypot(*self.second_axis)

    @property
    def ends(self) -> tuple[Point, Point, Point, Point]:
        """The ends of the major, then of the minor axis, as SCOORD3D ELLIPSE wants them."""
        centre = np.array(self.centre)
        axes = sorted((self.first_axis, self.second_axis), key=lambda axis: -math.hypot(*axis))
        first, second, third, fourth = (
            tuple(float(value) for value in centre + sign * np.array(axis)) for axis in axes for sign in (-1, 1)
        )
        return _triple(first), _triple(second), _triple(third), _triple(fourth)

    @classmethod
    def in_box(cls, corner: Point, opposite: Point, plane: Plane) -> "Ellipse":
        """The ellipse that fills the upright box between two corners drawn on a plane."""
        from_corner = np.array(opposite) - np.array(corner)
        right, down = np.array(plane.right), np.array(plane.down)
        across, along = float(from_corner @ right) / 2, float(from_corner @ down) / 2
        centre = np.array(corner) + right * across + down * along
        return cls(_triple(centre), _triple(right * abs(across)), _triple(down * abs(along)))


def _triple(vector: Any) -> Point:
    return float(vector[0]), float(vector[1]), float(vector[2])


def length_mm(p0: Point, p1: Point) -> float:
    """The distance of two places in millimetres."""
    return math.dist(p0, p1)


def ellipse_statistics(
    values: NDArray[Any],
    inside: NDArray[np.bool_] | None,
    centre: tuple[float, float],
    first_axis: tuple[float, float],
    second_axis: tuple[float, float],
    spacing: tuple[float, float] = (1.0, 1.0),
) -> RegionStatistics:
    """Statistics over the pixels of an image whose centres lie in an ellipse, or on it.

    `values` has shape (rows, columns), modality units; `inside` is False for pixels that don't count (padding). Centre
    and semi-axis vectors are (x, y) in pixels, pixel centres at integers; `spacing` is (row, column) in mm, and the
    axes are perpendicular in mm.
    """
    row_mm, column_mm = spacing
    scale = np.array([column_mm, row_mm])
    first, second = np.array(first_axis) * scale, np.array(second_axis) * scale
    radii = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    area = math.pi * radii[0] * radii[1]
    if min(radii) <= 0:
        return RegionStatistics(area, math.nan, math.nan, math.nan, math.nan, 0)
    # the box around the ellipse: only its pixels are looked at
    reach = np.sqrt(np.square(first) + np.square(second)) / scale
    left, top = (max(0, math.ceil(centre[axis] - reach[axis] - 1e-9)) for axis in (0, 1))
    right, bottom = (min(values.shape[1 - axis] - 1, math.floor(centre[axis] + reach[axis] + 1e-9)) for axis in (0, 1))
    if right < left or bottom < top:
        return RegionStatistics(area, math.nan, math.nan, math.nan, math.nan, 0)
    x = (np.arange(left, right + 1) - centre[0])[None, :] * column_mm
    y = (np.arange(top, bottom + 1) - centre[1])[:, None] * row_mm
    along = (x * first[0] + y * first[1]) / radii[0] ** 2
    across = (x * second[0] + y * second[1]) / radii[1] ** 2
    within = along**2 + across**2 <= 1.0 + 1e-9
    if inside is not None:
        within &= inside[top : bottom + 1, left : right + 1]
    chosen = values[top : bottom + 1, left : right + 1][within].astype(np.float64)
    return _statistics(area, chosen)


def _statistics(area: float, chosen: NDArray[np.float64]) -> RegionStatistics:
    if chosen.size == 0:
        return RegionStatistics(area, math.nan, math.nan, math.nan, math.nan, 0)
    sd = float(chosen.std(ddof=1)) if chosen.size > 1 else 0.0
    return RegionStatistics(area, float(chosen.mean()), sd, float(chosen.min()), float(chosen.max()), chosen.size)


def ellipse_on_slice(volume: Volume, k: int, ellipse: Ellipse) -> RegionStatistics:
    """Statistics of an ellipse drawn on the acquired slice `k`, over the acquired pixels; the slice must be loaded."""
    index = volume.lps_to_ijk @ np.array([*ellipse.centre, 1.0])
    to_index = volume.lps_to_ijk[:3, :3]
    first, second = to_index @ np.array(ellipse.first_axis), to_index @ np.array(ellipse.second_axis)
    matrix = volume.ijk_to_lps
    spacing = float(np.linalg.norm(matrix[:3, 1])), float(np.linalg.norm(matrix[:3, 0]))
    padding = volume.padding_of(k)
    inside = None if padding is None else ~padding
    if not volume.loaded[k]:
        inside = np.zeros(volume.shape[1:3], np.bool_)
    return ellipse_statistics(
        volume.array[k],
        inside,
        (float(index[0]), float(index[1])),
        (float(first[0]), float(first[1])),
        (float(second[0]), float(second[1])),
        spacing,
    )


def ellipse_on_plane(volume: Volume, plane: Plane, ellipse: Ellipse, slab: Slab = THIN) -> RegionStatistics:
    """Statistics of an ellipse drawn on a reformat, over samples at the volume's finest voxel distance.

    The sampling is the reformat's own, whatever the zoom of the picture it was drawn on.
    """
    radii = math.hypot(*ellipse.first_axis), math.hypot(*ellipse.second_axis)
    steps = np.linalg.norm(volume.ijk_to_lps[:3, :3], axis=0)
    spacing = max(float(steps.min()), 2 * max(radii) / _MOST_SAMPLES)
    size = 2 * math.ceil(max(radii) / spacing) + 3
    grid = Plane(ellipse.centre, plane.right, plane.down, spacing, size, size)
    sampled = reslice(volume, grid, slab)
    right, down = np.array(plane.right), np.array(plane.down)
    first, second = (
        (float(np.array(axis) @ right) / spacing, float(np.array(axis) @ down) / spacing)
        for axis in (ellipse.first_axis, ellipse.second_axis)
    )
    middle = (size - 1) / 2
    found = ellipse_statistics(sampled.values, sampled.inside, (middle, middle), first, second, (spacing, spacing))
    return RegionStatistics(
        found.area_mm2, found.mean, found.sd, found.minimum, found.maximum, found.count, True, spacing
    )

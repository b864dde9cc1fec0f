"""Measurements in millimetres and modality values; what is displayed (window, zoom, polarity) has no say in them."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.figures import Ellipse, Figure, within_ellipse, within_polygon
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
    and semi-axis vectors are (x, y) in pixels, pixel centres at integers; `spacing` is (row, column) in mm.
    """
    (ax, ay), (bx, by) = first_axis, second_axis
    area = math.pi * abs(ax * by - ay * bx) * spacing[0] * spacing[1]
    return _statistics(area, values, within_ellipse(_shape(values), centre, first_axis, second_axis), inside)


def polygon_statistics(
    values: NDArray[Any],
    inside: NDArray[np.bool_] | None,
    corners: NDArray[np.float64],
    spacing: tuple[float, float] = (1.0, 1.0),
) -> RegionStatistics:
    """Statistics over the pixels whose centres lie in an outline of corners (x, y) in pixels, shape (n, 2)."""
    x, y = corners[:, 0], corners[:, 1]
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 * spacing[0] * spacing[1]
    return _statistics(area, values, within_polygon(_shape(values), corners), inside)


def _shape(values: NDArray[Any]) -> tuple[int, int]:
    return int(values.shape[0]), int(values.shape[1])


def _statistics(
    area: float, values: NDArray[Any], within: NDArray[np.bool_], inside: NDArray[np.bool_] | None
) -> RegionStatistics:
    chosen = values[within if inside is None else within & inside].astype(np.float64)
    if chosen.size == 0:
        return RegionStatistics(area, math.nan, math.nan, math.nan, math.nan, 0)
    sd = float(chosen.std(ddof=1)) if chosen.size > 1 else 0.0
    return RegionStatistics(area, float(chosen.mean()), sd, float(chosen.min()), float(chosen.max()), chosen.size)


def region_on_slice(volume: Volume, k: int, figure: Figure) -> RegionStatistics:
    """Statistics of a figure drawn on the acquired slice `k`, over the acquired pixels; the slice must be loaded."""
    matrix = volume.ijk_to_lps
    spacing = float(np.linalg.norm(matrix[:3, 1])), float(np.linalg.norm(matrix[:3, 0]))
    padding = volume.padding_of(k)
    inside = None if padding is None else ~padding
    if not volume.loaded[k]:
        inside = np.zeros(volume.shape[1:3], np.bool_)
    to_index = volume.lps_to_ijk
    if isinstance(figure, Ellipse):
        centre = to_index @ np.array([*figure.centre, 1.0])
        first, second = to_index[:3, :3] @ figure.first_axis, to_index[:3, :3] @ figure.second_axis
        found = ellipse_statistics(volume.array[k], inside, _pair(centre), _pair(first), _pair(second), spacing)
    else:
        corners = np.array(figure.corners) @ to_index[:2, :3].T + to_index[:2, 3]
        found = polygon_statistics(volume.array[k], inside, corners, spacing)
    return replace(found, area_mm2=figure.area_mm2)


def region_on_plane(volume: Volume, plane: Plane, figure: Figure, slab: Slab = THIN) -> RegionStatistics:
    """Statistics of a figure drawn on a reformat or a slab, over samples at the volume's finest voxel distance.

    The sampling is the reformat's own, whatever the zoom of the picture it was drawn on.
    """
    steps = np.linalg.norm(volume.ijk_to_lps[:3, :3], axis=0)
    spacing = max(float(steps.min()), 2 * figure.reach_mm / _MOST_SAMPLES)
    size = 2 * math.ceil(figure.reach_mm / spacing) + 3
    grid = Plane(figure.centre, plane.right, plane.down, spacing, size, size)
    sampled = reslice(volume, grid, slab)
    if isinstance(figure, Ellipse):
        right, down = np.array(plane.right), np.array(plane.down)
        first, second = (
            (float(np.array(axis) @ right) / spacing, float(np.array(axis) @ down) / spacing)
            for axis in (figure.first_axis, figure.second_axis)
        )
        middle = (size - 1) / 2
        square = (spacing, spacing)
        found = ellipse_statistics(sampled.values, sampled.inside, (middle, middle), first, second, square)
    else:
        corners = np.array([grid.lps_to_pixel(corner) for corner in figure.corners])
        found = polygon_statistics(sampled.values, sampled.inside, corners, (spacing, spacing))
    return replace(found, area_mm2=figure.area_mm2, resampled=True, spacing_mm=spacing)


def value_on_slice(volume: Volume, k: int, point: Point) -> float | None:
    """The value of the acquired pixel that holds a point of slice `k`; None outside, on padding, or not loaded."""
    column, row = (round(value) for value in _pair(volume.lps_to_ijk @ np.array([*point, 1.0])))
    if not (0 <= row < volume.shape[1] and 0 <= column < volume.shape[2]) or not volume.loaded[k]:
        return None
    padding = volume.padding_of(k)
    return None if padding is not None and padding[row, column] else float(volume.array[k, row, column])


def value_on_plane(volume: Volume, plane: Plane, point: Point, slab: Slab = THIN) -> float | None:
    """The value that a reformat or slab shows at a point; None where it shows none."""
    steps = np.linalg.norm(volume.ijk_to_lps[:3, :3], axis=0)
    spot = reslice(volume, Plane(point, plane.right, plane.down, float(steps.min()), 1, 1), slab)
    return float(spot.values[0, 0]) if spot.inside[0, 0] else None


def _pair(vector: NDArray[np.float64]) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])

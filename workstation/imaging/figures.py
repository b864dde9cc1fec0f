"""Figures drawn in the patient: their areas and angles, and which points of a grid of pixels lie within.

Everything is in millimetres, so that pixels that are no squares make no difference; a figure on a picture without
millimetres counts in widths of its pixels. The pixels of a figure are those whose centres lie in it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.plane import Point

_EDGE = 1e-9


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in the patient: its centre and its two perpendicular semi-axes as vectors in millimetres."""

    centre: Point
    first_axis: Point
    second_axis: Point

    @property
    def area_mm2(self) -> float:
        """π · a · b; by the cross product, so that it holds for axes that another scale has made oblique."""
        return math.pi * float(np.linalg.norm(np.cross(self.first_axis, self.second_axis)))

    @property
    def reach_mm(self) -> float:
        """The greatest distance of its outline from its centre."""
        return max(math.hypot(*self.first_axis), math.hypot(*self.second_axis))


@dataclass(frozen=True)
class Polygon:
    """A closed outline in one plane of the patient: its corners in order, the first not repeated at the end."""

    corners: tuple[Point, ...]

    @property
    def area_mm2(self) -> float:
        """By the shoelace formula in space, good for any plane; meaningless where the outline crosses itself."""
        at = np.array(self.corners) - np.array(self.corners[0])
        return float(np.linalg.norm(np.cross(at, np.roll(at, -1, axis=0)).sum(axis=0))) / 2

    @property
    def centre(self) -> Point:
        """The middle of the box around it."""
        at = np.array(self.corners)
        return _triple((at.min(axis=0) + at.max(axis=0)) / 2)

    @property
    def reach_mm(self) -> float:
        """The greatest distance of a corner from its centre."""
        return float(np.linalg.norm(np.array(self.corners) - np.array(self.centre), axis=1).max())

    @property
    def crosses_itself(self) -> bool:
        """Whether two edges that are no neighbours meet: then no area and no inside can be told."""
        at = _flat(np.array(self.corners))
        count = len(at)
        if count < 4:
            return False
        start, way = at, np.roll(at, -1, axis=0) - at
        apart = start[None, :, :] - start[:, None, :]
        across = way[:, None, 0] * way[None, :, 1] - way[:, None, 1] * way[None, :, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            along_one = (apart[..., 0] * way[None, :, 1] - apart[..., 1] * way[None, :, 0]) / across
            along_other = (apart[..., 0] * way[:, None, 1] - apart[..., 1] * way[:, None, 0]) / across
        meet = (along_one >= 0) & (along_one <= 1) & (along_other >= 0) & (along_other <= 1)
        number = np.arange(count)
        distance = np.abs(number[:, None] - number[None, :])
        neighbours = (distance <= 1) | (distance == count - 1)
        return bool((meet & ~neighbours).any())


Figure = Ellipse | Polygon


def angle_degrees(one: Point, vertex: Point, other: Point) -> float:
    """The angle at `vertex` between two points, 0 to 180°; NaN where a point lies on the vertex."""
    return _between(np.array(one) - np.array(vertex), np.array(other) - np.array(vertex))


def cobb_degrees(one: Point, one_end: Point, other: Point, other_end: Point) -> float:
    """The angle between two lines, each drawn from either end, 0 to 180°.

    The ends are paired as they lie, left with left and right with right: the shorter way of joining them, which does
    not cross. So an angle beyond 90° stays one, and the direction in which a line was drawn has no say.
    """
    first, second = np.array(one_end) - np.array(one), np.array(other_end) - np.array(other)
    joined = math.dist(one, other) + math.dist(one_end, other_end)
    crossed = math.dist(one, other_end) + math.dist(one_end, other)
    return _between(first, second if joined <= crossed else -second)


def _between(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if not one.any() or not other.any():
        return math.nan
    # by the tangent: the cosine loses all digits of a small angle
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other)))


def within_ellipse(
    shape: tuple[int, int],
    centre: tuple[float, float],
    first_axis: tuple[float, float],
    second_axis: tuple[float, float],
) -> NDArray[np.bool_]:
    """Which pixels of (rows, columns) have their centres in an ellipse or on it.

    Centre and semi-axes are (x, y) in pixels, pixel centres at integers; the axes may be oblique to each other, as
    conjugate half-diameters are. None for an ellipse without extent.
    """
    (ax, ay), (bx, by) = first_axis, second_axis
    area = ax * by - ay * bx
    mask = np.zeros(shape, np.bool_)
    if area == 0:
        return mask
    # only the pixels of the box around it are looked at
    rows, columns = _box(shape, centre, (math.hypot(ax, bx), math.hypot(ay, by)))
    x = (np.arange(columns.start, columns.stop) - centre[0])[None, :]
    y = (np.arange(rows.start, rows.stop) - centre[1])[:, None]
    along, across = (x * by - y * bx) / area, (y * ax - x * ay) / area
    mask[rows, columns] = along**2 + across**2 <= 1.0 + _EDGE
    return mask


def within_polygon(shape: tuple[int, int], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pixels of (rows, columns) have their centres in an outline of corners (x, y), shape (n, 2).

    A centre on a left or upper edge counts and on a right or lower one does not, so that of two outlines that share an
    edge each pixel belongs to one.
    """
    mask = np.zeros(shape, np.bool_)
    after = np.roll(corners, -1, axis=0)
    low, high = corners.min(axis=0), corners.max(axis=0)
    rows, _columns = _box(shape, tuple((low + high) / 2), tuple((high - low) / 2))
    columns = np.arange(shape[1])
    for row in range(rows.start, rows.stop):
        passing = (corners[:, 1] <= row) != (after[:, 1] <= row)
        one, other = corners[passing], after[passing]
        at = np.sort(one[:, 0] + (row - one[:, 1]) / (other[:, 1] - one[:, 1]) * (other[:, 0] - one[:, 0]))
        mask[row] = np.searchsorted(at, columns + _EDGE, side="left") % 2 == 1
    return mask


def _box(shape: tuple[int, int], centre: tuple[float, ...], reach: tuple[float, ...]) -> tuple[slice, slice]:
    """Rows and columns of the image that a box holds, as slices that may be empty."""
    found = []
    for axis, size in ((1, shape[0]), (0, shape[1])):
        first = max(0, math.ceil(centre[axis] - reach[axis] - _EDGE))
        last = min(size - 1, math.floor(centre[axis] + reach[axis] + _EDGE))
        found.append(slice(first, max(last + 1, first)))
    return found[0], found[1]


def _flat(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners in two coordinates of their own plane."""
    offset = corners - corners.mean(axis=0)
    directions = np.linalg.svd(offset, full_matrices=False)[2][:2]
    flat: NDArray[np.float64] = offset @ directions.T
    return flat


def _triple(vector: Any) -> Point:
    return float(vector[0]), float(vector[1]), float(vector[2])

"""Labels on their own grid: masks put together to label volumes, and painted over a picture's plane.

A label volume holds the numbers of segments in the segmentation's own resolution and directions; where segments overlap
there is a second one. Planes are cut by nearest neighbour: a label is never a mean of others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.plane import Plane
from workstation.imaging.reslice import THIN, reslice
from workstation.imaging.volume import Volume

Matrix = NDArray[np.float64]
_SAME_MM = 0.01
_UNEVEN = 0.05
_SHIFTED_MM = 0.1


@dataclass(frozen=True, eq=False)
class LabelPlane:
    """One mask: `matrix` maps (column, row, mm along the normal) of its whole frame to LPS.

    `values` are labels or 0; they may be a part of the frame of `size` (rows, columns), whose first pixel is `corner`.
    """

    matrix: Matrix
    values: NDArray[Any] = field(repr=False)
    corner: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)

    @property
    def frame_size(self) -> tuple[int, int]:
        """(rows, columns) of the whole frame."""
        return self.size if any(self.size) else (self.values.shape[0], self.values.shape[1])

    def cut_out(self) -> "LabelPlane":
        """The same mask without the empty rows and columns around it: thousands of masks are held at once."""
        rows, columns = np.flatnonzero(self.values.any(axis=1)), np.flatnonzero(self.values.any(axis=0))
        if not rows.size:
            return LabelPlane(self.matrix, np.zeros((0, 0), self.values.dtype), self.corner, self.frame_size)
        top, left = int(rows[0]), int(columns[0])
        values = self.values[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].copy()
        return LabelPlane(self.matrix, values, (self.corner[0] + top, self.corner[1] + left), self.frame_size)


@dataclass(frozen=True, eq=False)
class Labels:
    """Label volumes of one grid; `voxel_ml` is None where the distance of slices is not known."""

    volumes: tuple[Volume, ...]
    voxel_ml: float | None

    @property
    def nbytes(self) -> int:
        """The memory of its voxels."""
        return sum(volume.nbytes for volume in self.volumes)


@dataclass(frozen=True, eq=False)
class Tint:
    """What to paint over a picture: volumes, a colour (r, g, b) a label, which labels are shown, and how dense."""

    volumes: tuple[Volume, ...] = field(repr=False)
    colours: NDArray[np.uint8] = field(repr=False)
    shown: NDArray[np.bool_] = field(repr=False)
    opacity: float


def grid_of(
    planes: Sequence[LabelPlane], spacing_mm: float | None, thickness_mm: float | None, room: int | None = None
) -> Labels | None:
    """The planes as label volumes; None when they lie on no common grid, or on one of more than `room` bytes.

    Planes without labels may be left out of a segmentation, so that the distance of slices is what the object says
    (`spacing_mm`, or the thickness) where that fits all steps, and else the least step.
    """
    first = planes[0]
    axes = first.matrix[:3, :3]
    if any(
        plane.frame_size != first.frame_size or np.abs(plane.matrix[:3, :3] - axes).max() > 1e-3 for plane in planes
    ):
        return None
    normal = axes[:, 2]
    origins = np.array([plane.matrix[:3, 3] for plane in planes])
    placed = _placed(origins, normal, [one for one in (spacing_mm, thickness_mm) if one])
    if placed is None:
        return None
    origin, step, index = placed
    matrix = np.eye(4)
    matrix[:3, :2], matrix[:3, 2], matrix[:3, 3] = axes[:, :2], step, origin
    # thin planes far apart and nothing said of what lies between: no one knows what a voxel stands for
    counts = np.diff(sorted(set(index)))
    contiguous = bool(counts.size) and int(counts.min()) == 1
    known = bool(spacing_mm) or contiguous or (not counts.size and bool(thickness_mm))
    voxel = abs(float(np.linalg.det(matrix[:3, :3]))) / 1000 if known else None
    volumes = _volumes(planes, index, matrix, room)
    return None if volumes is None else Labels(volumes, voxel)


def sheet_of(planes: Sequence[LabelPlane], thickness_mm: float) -> Labels:
    """Planes at one place as a volume of one slice: for images that are on no grid."""
    matrix = planes[0].matrix.copy()
    matrix[:3, 2] *= thickness_mm
    return Labels(_volumes(planes, [0] * len(planes), matrix) or (), None)


def painted(tints: Sequence[Tint], plane: Plane) -> NDArray[np.uint8] | None:
    """The labels that a plane cuts as premultiplied RGBA, shape (height, width, 4): filled by their opacity, their
    outlines whole. None where it cuts none."""
    result: NDArray[np.uint32] | None = None
    for tint in tints:
        filled, whole = _table(tint, round(255 * tint.opacity)), _table(tint, 255)
        for volume in tint.volumes:
            cut = reslice(volume, plane, THIN, "nearest")
            labels = np.where(cut.inside, cut.values, 0).astype(np.intp)
            labels[~tint.shown[labels]] = 0
            rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
            if not rows.size:
                continue
            box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            if result is None:
                result = np.zeros((plane.height, plane.width), np.uint32)
            inner = labels[box]
            _over(result[box], np.where(_edges(inner), whole[inner], filled[inner]))
    return None if result is None else result.view(np.uint8).reshape(plane.height, plane.width, 4)


def _table(tint: Tint, alpha: int) -> NDArray[np.uint32]:
    """Label → premultiplied RGBA of one alpha, as one number, so that a picture is looked up at once."""
    table = np.zeros((len(tint.colours), 4), np.uint8)
    table[1:, :3] = tint.colours[1:].astype(np.uint16) * alpha // 255
    table[1:, 3] = alpha
    return table.view(np.uint32)[:, 0]


def _over(below: NDArray[np.uint32], above: NDArray[np.uint32]) -> None:
    """Paint one layer over what is there; where nothing is, which is most, it is taken as it is."""
    both = (below != 0) & (above != 0)
    under, over = (np.ascontiguousarray(one[both]).view(np.uint8).reshape(-1, 4) for one in (below, above))
    mixed = over + (under.astype(np.uint16) * (255 - over[:, 3:].astype(np.uint16)) // 255).astype(np.uint8)
    np.maximum(below, above, out=below, where=~both)
    below[both] = np.ascontiguousarray(mixed).view(np.uint32)[:, 0]


def _edges(labels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Pixels of a label with a neighbour that is of another; the rim of what is cut out counts as one."""
    framed = np.pad(labels, 1)
    middle = framed[1:-1, 1:-1]
    edges: NDArray[np.bool_] = (
        (framed[:-2, 1:-1] != middle)
        | (framed[2:, 1:-1] != middle)
        | (framed[1:-1, :-2] != middle)
        | (framed[1:-1, 2:] != middle)
    )
    return edges


def _placed(
    origins: NDArray[np.float64], normal: NDArray[np.float64], offered: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]] | None:
    """(origin, step vector, slice of each plane), or None where heights are uneven or the planes are shifted."""
    heights = origins @ normal
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    real = steps[steps > _SAME_MM]
    if not real.size:
        spread = float(np.abs(origins - origins[0]).max())
        return (origins[0], normal * (offered[0] if offered else 1.0), [0] * len(origins)) if spread < 0.1 else None
    for step in (*offered, float(real.min())):
        counts = real / step
        if np.abs(counts - np.rint(counts)).max() < _UNEVEN and counts.min() > 0.5:
            break
    else:
        return None
    index = np.zeros(len(origins), dtype=np.intp)
    index[order] = np.concatenate([[0], np.cumsum(np.rint(np.where(steps > _SAME_MM, steps / step, 0)))])
    centred = index - index.mean()
    vector = centred @ origins / float(centred @ centred)
    origin = origins.mean(axis=0) - index.mean() * vector
    away = np.linalg.norm(origins - (origin + index[:, None] * vector), axis=1)
    if away.max() > max(_SHIFTED_MM, _UNEVEN * step):
        return None
    return origin, vector, [int(one) for one in index]


def _volumes(
    planes: Sequence[LabelPlane], index: Sequence[int], matrix: Matrix, room: int | None = None
) -> tuple[Volume, ...] | None:
    """The fewest volumes in which no plane covers labels of another, cut out to where labels are.

    None where they take more than `room` bytes: two planes may lie as far apart as an object likes to say.
    """
    parts = [(plane.cut_out(), k) for plane, k in zip(planes, index, strict=True)]
    parts = [(plane, k) for plane, k in parts if plane.values.size]
    if not parts:
        return ()
    top, left = (min(plane.corner[axis] for plane, _k in parts) for axis in (0, 1))
    bottom, right = (max(plane.corner[axis] + plane.values.shape[axis] for plane, _k in parts) for axis in (0, 1))
    shape = (max(index) + 1, bottom - top, right - left)
    arrays: list[NDArray[np.int16]] = []
    for plane, k in parts:
        row, column = plane.corner[0] - top, plane.corner[1] - left
        box = np.s_[row : row + plane.values.shape[0], column : column + plane.values.shape[1]]
        mask = plane.values != 0
        for array in arrays:
            if not (array[k][box][mask] != 0).any():
                break
        else:
            if room is not None and (len(arrays) + 1) * math.prod(shape) * np.dtype(np.int16).itemsize > room:
                return None
            array = np.zeros(shape, np.int16)
            arrays.append(array)
        array[k][box][mask] = plane.values[mask]
    placed = matrix.copy()
    placed[:3, 3] += matrix[:3, 0] * left + matrix[:3, 1] * top
    return tuple(Volume.of_array(array, placed) for array in arrays)

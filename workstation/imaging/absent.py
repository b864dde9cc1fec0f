"""Pixels whose samples meet voxels that are not there: padding, slices still to come, and what lies beyond the ends.

Such a voxel takes no part: a sample is interpolated from the real voxels about it and counts when they make up at least
half of its weight, that is when it lies nearer to them; a slab is made of the samples that count. This is many times
slower than VTK, which knows nothing of it, so it is done for the pixels that need it only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.reduction import Source
from workstation.imaging.sampler import Grid, SlabMode, extent_of

# pixels at a time, so that their indices and weights stay in the cache
_AT_ONCE = 1 << 15
_ENOUGH = 0.5 - 1e-6


def sample_real(
    source: Source,
    loaded: NDArray[np.bool_] | None,
    grid: Grid,
    where: NDArray[np.bool_],
    mode: SlabMode,
    nearest: bool,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values and whether there is one, of the pixels at which `where`, shape (height, width), is True.

    The values have shape (n,) or (n, channels). `loaded` says which slices are there; None: all of them.
    """
    rows, columns = np.nonzero(where)
    channels = source.values.shape[3:]
    values = np.zeros((len(rows), *channels))
    real = np.zeros(len(rows), np.bool_)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        plane = grid.axes @ np.stack([columns[part], rows[part], np.ones(len(rows[part]))])
        values[part], real[part] = _slab(source, loaded, grid, plane, mode, nearest)
    return values, real


def _slab(
    source: Source,
    loaded: NDArray[np.bool_] | None,
    grid: Grid,
    plane: NDArray[np.float64],
    mode: SlabMode,
    nearest: bool,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points on the plane in voxel indices, shape (3, n), to the values of their slabs, and whether there is one."""
    start = {"mean": 0.0, "mip": -np.inf, "minip": np.inf}[mode]
    found = np.full((plane.shape[1], *source.values.shape[3:]), start)
    counted = np.zeros(plane.shape[1], np.int32)
    for offset in grid.offsets():
        value, counts = _sample(source, loaded, plane + grid.step[:, None] * offset, nearest)
        counted += counts
        if mode == "mean":
            found[counts] += value[counts]
        else:
            (np.maximum if mode == "mip" else np.minimum)(found, value, out=found, where=_beside(counts, value))
    real: NDArray[np.bool_] = counted > 0
    if mode == "mean":
        found /= _beside(np.maximum(counted, 1), found)
    found[~real] = 0
    return found, real


def _sample(
    source: Source, loaded: NDArray[np.bool_] | None, points: NDArray[np.float64], nearest: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """One sample a point: its value from the real voxels about it, and whether it counts."""
    shape = source.values.shape
    sizes = np.array([shape[2], shape[1], shape[0]])[:, None]
    first, last = extent_of(sizes)
    within = ((points >= first) & (points <= last)).all(axis=0)
    points = np.clip(points, 0, sizes - 1)
    if nearest:
        points = np.floor(points + 0.5)
    low = np.floor(points).astype(np.intp)
    part = points - low
    high = np.minimum(low + 1, sizes - 1)
    values = source.values.reshape(-1, *shape[3:])
    padding = None if source.padding is None else source.padding.reshape(-1)
    sums = np.zeros((points.shape[1], *shape[3:]))
    weights = np.zeros(points.shape[1])
    for k, by_k in ((low[2], 1 - part[2]), (high[2], part[2])):
        if loaded is not None:
            by_k = by_k * loaded[k]
        for j, by_j in ((low[1], 1 - part[1]), (high[1], part[1])):
            row, by_row = (k * shape[1] + j) * shape[2], by_k * by_j
            for i, by_i in ((low[0], 1 - part[0]), (high[0], part[0])):
                at, weight = row + i, by_row * by_i
                if padding is not None:
                    weight = weight * (padding.take(at) == 0)
                taken = values.take(at, axis=0)
                if taken.dtype.kind == "f":
                    # 0 × NaN is NaN
                    taken = np.where(_beside(weight > 0, taken), taken, 0)
                weights += weight
                sums += taken * _beside(weight, taken)
    counts = within & (weights >= _ENOUGH)
    return sums / _beside(np.where(counts, weights, 1.0), sums), counts


def _beside(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """One number a pixel, in a shape that goes with values of one or several channels."""
    return one if other.ndim == 1 else one[:, None]

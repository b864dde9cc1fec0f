"""A mean slab along one axis of the voxels, averaged before it is sampled: once, where VTK interpolates every sample.

Interpolation and averaging are both linear, so their order doesn't matter; two to seven times as quick for ten samples.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.reduction import Source
from workstation.imaging.sampler import Grid, extent_of


def flattened(values: NDArray[Any], grid: Grid) -> tuple[Source, Grid] | None:
    """The mean of the slab as voxels one deep, float32, and the grid in them; None where the slab runs aslant.

    Samples beyond the ends take no part; None too where no sample is within.
    """
    along = np.flatnonzero(grid.step)
    if along.size != 1 or grid.axes[along[0], :2].any() or values.ndim != 3:
        return None
    # axes are (i, j, k), voxels (k, j, i)
    axis = int(along[0])
    size = values.shape[2 - axis]
    places = grid.axes[axis, 2] + grid.step[axis] * grid.offsets()
    start, end = extent_of(size)
    places = places[(places >= start) & (places <= end)]
    if not places.size:
        return None
    places = np.clip(places, 0, size - 1)
    low = np.floor(places).astype(np.intp)
    weights = np.bincount(low, 1 - (places - low), size + 1) + np.bincount(low + 1, places - low, size + 1)
    first, last = int(low.min()), int(np.flatnonzero(weights)[-1])
    share = (weights[first : last + 1] / places.size).astype(np.float32)
    part = (slice(None),) * (2 - axis) + (slice(first, last + 1),)
    block = values[part].astype(np.float32)
    if axis == 2:
        mean = (share @ block.reshape(len(share), -1)).reshape(1, *block.shape[1:])
    elif axis == 1:
        mean = np.matmul(share, block)[:, None, :]
    else:
        mean = np.matmul(block, share)[:, :, None]
    axes = grid.axes.copy()
    axes[axis] = 0.0
    return Source(np.ascontiguousarray(mean), None), Grid(axes, grid.step, grid.width, grid.height)

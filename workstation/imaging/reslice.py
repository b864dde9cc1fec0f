"""Any plane through a volume, thin or as a slab, with only such voxels in it as are there.

Pixels are carried to voxel indices by `lps_to_ijk`, which may be sheared, and sampled by VTK. Where padding, slices
that are still to come, or the volume's ends take part in a pixel, it is made again from what is real.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.absent import sample_real
from workstation.imaging.flattened import flattened
from workstation.imaging.plane import Plane
from workstation.imaging.reduction import Source, block_sums, reduced_slice, whole
from workstation.imaging.sampler import Grid, Interpolation, Matrix, SlabMode, extent_of, sampled
from workstation.imaging.volume import Volume

__all__ = ["THIN", "Interpolation", "Resliced", "Slab", "SlabMode", "reslice"]

_MOST_OVERSAMPLING = 4
_CLEAN = 1e-9


@dataclass(frozen=True)
class Slab:
    """A thickness along the normal, centred on the plane, and how its samples become one value; 0 mm is thin."""

    thickness_mm: float = 0.0
    mode: SlabMode = "mean"


THIN = Slab()


@dataclass(frozen=True, eq=False)
class Resliced:
    """Modality values on a plane, shape (height, width[, 3]), and where they are real.

    `inside` is False outside the volume, and where there is nothing but padding or slices that are not loaded.
    """

    values: NDArray[Any]
    inside: NDArray[np.bool_]


def reslice(volume: Volume, plane: Plane, slab: Slab = THIN, interpolation: Interpolation = "linear") -> Resliced:
    """Sample a volume on a plane.

    Values keep the volume's type: integers are rounded to the nearest unit. Where a screen pixel covers more than about
    one voxel, the area is averaged instead of sampled (not for `nearest`). A plane along an acquired slice touches only
    it. Voxels that are padding or not loaded take no part: a sample counts where real voxels make up at least half of
    its weight, and is interpolated (linearly, beside absent ones) from them alone; a slab is made of what counts.
    """
    grid = _grid(volume, plane, slab)
    axes = grid.axes
    depth, rows, columns = volume.shape[:3]
    size = (float(columns), float(rows), float(depth))
    ratio = float(max(np.linalg.norm(axes[:, 0]), np.linalg.norm(axes[:, 1])))
    source, loaded = whole(volume), None if volume.complete else volume.loaded.copy()
    flat = abs(axes[2, 0]) < _CLEAN and abs(axes[2, 1]) < _CLEAN
    if flat and grid.samples == 1 and abs(axes[2, 2] - round(axes[2, 2])) < 1e-6:
        k = round(axes[2, 2])
        axes[2] = (0.0, 0.0, float(k))
        if interpolation != "nearest" and ratio >= 2 and 0 <= k < depth:
            level = int(np.log2(ratio))
            source = reduced_slice(volume, k, level)
            grid = Grid(_at_level(axes, level), grid.step, grid.width, grid.height)
            size = (columns / 2**level, rows / 2**level, 1.0)
            loaded = None if loaded is None else loaded[k : k + 1]
            ratio /= 2**level
    if flat and grid.samples > 1:
        grid = _present_samples(grid, source, loaded)
    factor = 1
    if interpolation != "nearest" and ratio > 1.2:
        factor = min(int(np.ceil(ratio)), _MOST_OVERSAMPLING)
    fine = grid if factor == 1 else grid.finer(factor)
    values, real = _real_samples(source, size, loaded, fine, slab.mode, interpolation)
    if factor == 1:
        return Resliced(values, real)
    averaged = _averaged(values, real, factor)
    return Resliced(averaged.values, averaged.inside & _inside(size, grid)[0])


def _grid(volume: Volume, plane: Plane, slab: Slab) -> Grid:
    """The picture's pixels in voxel indices."""
    picture = np.zeros((4, 4))
    picture[:3, 0] = np.array(plane.right) * plane.spacing_mm
    picture[:3, 1] = np.array(plane.down) * plane.spacing_mm
    picture[:3, 2] = plane.normal
    picture[:3, 3] = plane.corner
    picture[3, 3] = 1.0
    matrix: Matrix = (volume.lps_to_ijk @ picture)[:3]
    # what is 0 but for rounding lets VTK take its fast path for planes along the axes, five times as quick
    matrix[:, :3][np.abs(matrix[:, :3]) < _CLEAN] = 0.0
    along = matrix[:, 2]
    samples, step_mm = _slab_samples(slab, float(np.linalg.norm(along)))
    return Grid(matrix[:, [0, 1, 3]], along * step_mm, plane.width, plane.height, samples)


def _slab_samples(slab: Slab, voxels_per_mm: float) -> tuple[int, float]:
    """How many samples a slab has, and their distance in mm: one for each voxel that it passes.

    A mean divides the thickness evenly. A MIP or MinIP counts whole voxels from the plane up to its ends: on a plane
    along the slices it meets their centres, where between two of them the brightest spot would have lost half.
    """
    voxels = max(slab.thickness_mm, 0.0) * voxels_per_mm
    if slab.mode == "mean":
        samples = max(1, int(np.ceil(voxels - 1e-6)))
        return samples, slab.thickness_mm / samples if samples > 1 else 1.0
    return 2 * int(np.floor(voxels / 2 + 1e-6)) + 1, 1 / voxels_per_mm


def _at_level(axes: Matrix, level: int) -> Matrix:
    """Indices of the full slice to indices of its reduction: centres of blocks of 2^level pixels; its only k is 0."""
    scaled = axes.copy()
    scaled[:2] /= 2**level
    scaled[:2, 2] += 0.5 / 2**level - 0.5
    scaled[2] = 0.0
    return scaled


def _present_samples(grid: Grid, source: Source, loaded: NDArray[np.bool_] | None) -> Grid:
    """Of a slab along the slices that sticks out of the volume, or of what is loaded: the part that doesn't."""
    depth = source.values.shape[0]
    k = grid.axes[2, 2] + grid.step[2] * grid.offsets()
    first, last = extent_of(depth)
    there = (k > first) & (k < last)
    if loaded is not None:
        missing = _missing_at(loaded, k)
        nearest = [np.clip(np.floor(k + half), 0, depth - 1).astype(np.intp) for half in (0.5 - 1e-6, 0.5 + 1e-6)]
        if (there & (missing == 1) & (loaded[nearest[0]] | loaded[nearest[1]])).any():
            # one that counts, of a real slice and one that is not there
            return grid
        there &= missing == 0
    found = np.flatnonzero(there)
    if grid.step[:2].any() or not found.size or found.size == grid.samples or np.ptp(found) >= found.size:
        return grid
    return grid.of_samples(int(found[0]), found.size)


def _real_samples(
    source: Source,
    size: tuple[float, float, float],
    loaded: NDArray[np.bool_] | None,
    grid: Grid,
    mode: SlabMode,
    interpolation: Interpolation,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Samples, and where they are real."""
    values, exact = _sampled(source, source.values, grid, mode, interpolation)
    inside, doubtful = _inside(size, grid, entirely=mode == "mean" and grid.samples > 1 and not exact)
    if source.padding is not None:
        padding, _exact = _sampled(source, source.padding, grid, "mean", interpolation, as_float=True)
        if interpolation != "cubic":
            inside &= padding < 254.99
        doubtful = _either(doubtful, np.abs(padding) > 1e-3)
    if loaded is not None:
        missing = _missing(loaded, grid)
        inside &= missing < grid.samples * 2
        doubtful = _either(doubtful, missing > 0)
    if doubtful is None:
        return values, inside
    doubtful &= inside
    if doubtful.any():
        found, real = sample_real(source, loaded, grid, doubtful, mode, interpolation == "nearest")
        values[doubtful] = np.rint(found) if values.dtype.kind in "iu" else found
        inside[doubtful] = real
    return values, inside


def _sampled(
    source: Source,
    array: NDArray[Any],
    grid: Grid,
    mode: SlabMode,
    interpolation: Interpolation,
    *,
    as_float: bool = False,
) -> tuple[NDArray[Any], bool]:
    """Samples, and whether a mean leaves out what lies beyond the ends."""
    flat = None
    if mode == "mean" and interpolation == "linear" and grid.samples > 1:
        flat = flattened(array, grid)
    if flat is None:
        return sampled(source, array, grid, mode, interpolation, as_float=as_float), False
    values = sampled(flat[0], flat[0].values, flat[1], mode, interpolation)
    whole_numbers = array.dtype.kind in "iu" and not as_float
    return np.rint(values, out=values).astype(array.dtype) if whole_numbers else values, True


def _inside(
    size: tuple[float, float, float], grid: Grid, *, entirely: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Where any sample of a pixel lies in voxels of this size (i, j, k), and, when asked for, where not all do."""
    first, last = _row_ranges(size, grid)
    crossed = first <= last
    lowest, highest = np.where(crossed, first, np.inf).min(axis=0), np.where(crossed, last, -np.inf).max(axis=0)
    starts, ends = np.ceil(first), np.floor(last)
    torn = crossed[1:] & crossed[:-1] & ((starts[1:] > ends[:-1] + 1) | (starts[:-1] > ends[1:] + 1))
    if torn.any():
        # through a thin volume, aslant: a pixel can fall between the samples of a slab
        mask = np.zeros((grid.height, grid.width), np.bool_)
        for start, end in zip(first, last, strict=True):
            mask |= _between(start, end, grid)
    else:
        mask = _between(lowest, highest, grid)
    if not entirely:
        return mask, None
    return mask, ~_between(first.max(axis=0), last.min(axis=0), grid)


def _row_ranges(size: tuple[float, float, float], grid: Grid) -> tuple[Matrix, Matrix]:
    """For each sample and row of the picture the first and last x inside: the plane cuts a box in a convex figure."""
    first = np.full((grid.samples, grid.height), 0.0)
    last = np.full((grid.samples, grid.height), grid.width - 1.0)
    rows = np.arange(grid.height, dtype=np.float64)
    for axis, extent in enumerate(size):
        slope = grid.axes[axis, 0]
        start = grid.axes[axis, 1] * rows + grid.axes[axis, 2] + grid.step[axis] * grid.offsets()[:, None]
        low, high = extent_of(extent)
        if slope == 0.0:
            first[(start < low) | (start > high)] = np.inf
            continue
        ends = (low - start) / slope, (high - start) / slope
        np.maximum(first, np.minimum(*ends), out=first)
        np.minimum(last, np.maximum(*ends), out=last)
    return first, last


def _between(first: NDArray[np.float64], last: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """True from the first to the last x of each row."""
    mask = np.zeros((grid.height, grid.width), np.bool_)
    rows = np.flatnonzero(first <= last)
    if rows.size:
        left, right = np.ceil(first[rows]), np.floor(last[rows])
        if (left == left[0]).all() and (right == right[0]).all() and rows[-1] - rows[0] + 1 == rows.size:
            # a rectangle, as of every plane along the axes, is filled many times quicker than compared
            mask[rows[0] : rows[-1] + 1, int(left[0]) : int(right[0]) + 1] = True
        else:
            columns = np.arange(grid.width, dtype=np.float32)
            mask[rows] = (columns >= left[:, None].astype(np.float32)) & (columns <= right[:, None].astype(np.float32))
    return mask


def _missing(loaded: NDArray[np.bool_], grid: Grid) -> NDArray[np.int32]:
    """For each pixel how many of the two slices beside each sample are not there, summed over the samples."""
    columns = np.arange(grid.width) if grid.axes[2, 0] else np.zeros(1)
    rows = np.arange(grid.height) if grid.axes[2, 1] else np.zeros(1)
    k = grid.axes[2, 0] * columns + (grid.axes[2, 1] * rows + grid.axes[2, 2])[:, None]
    found = np.zeros(k.shape, np.int32)
    for offset in grid.offsets():
        found += _missing_at(loaded, k + grid.step[2] * offset)
    return np.broadcast_to(found, (grid.height, grid.width))


def _missing_at(loaded: NDArray[np.bool_], k: NDArray[np.float64]) -> NDArray[np.int32]:
    last = len(loaded) - 1
    below = np.clip(np.floor(k + 1e-6), 0, last).astype(np.intp)
    above = np.clip(np.ceil(k - 1e-6), 0, last).astype(np.intp)
    absent = (~loaded).astype(np.int32)
    missing: NDArray[np.int32] = absent[below] + absent[above]
    return missing


def _either(one: NDArray[np.bool_] | None, other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return other.copy() if one is None else one | other


def _averaged(values: NDArray[Any], real: NDArray[np.bool_], factor: int) -> Resliced:
    """Means over blocks of factor² samples, of the real ones among them."""
    if real.all():
        sums, inside = block_sums(values, factor) / np.float32(factor * factor), real[::factor, ::factor]
    else:
        counts = block_sums(real, factor)
        inside = counts > 0
        weights = np.maximum(counts, 1)
        if values.ndim == 3:
            real, weights = real[..., None], weights[..., None]
        sums = block_sums(np.where(real, values, values.dtype.type(0)), factor) / weights
    return Resliced((np.rint(sums) if values.dtype.kind in "iu" else sums).astype(values.dtype), inside)

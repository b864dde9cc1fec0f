"""Any plane through a volume, by VTK's imaging pipeline on the CPU.

`vtkImageReslice` runs in index space: the plane's pixels are carried to voxel indices by `lps_to_ijk`, which may be
sheared, so a tilted stack is sampled exactly where its voxels stand, without regridding. Its defaults (nearest
neighbour, slab mean, automatic extent) are all set here.
"""

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.plane import Plane
from workstation.imaging.reduction import Source, block_sums, reduced_slice, whole
from workstation.imaging.volume import Volume

Interpolation = Literal["nearest", "linear", "cubic"]
SlabMode = Literal["mean", "mip", "minip"]
Matrix = NDArray[np.float64]

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

    `inside` is False outside the volume, where a slice is not loaded yet, and where padding took part.
    """

    values: NDArray[Any]
    inside: NDArray[np.bool_]


def reslice(volume: Volume, plane: Plane, slab: Slab = THIN, interpolation: Interpolation = "linear") -> Resliced:
    """Sample a volume on a plane.

    Values keep the volume's type: int16 is rounded to the nearest unit. Where a screen pixel covers more than about one
    voxel, the area is averaged instead of sampled (not for `nearest`). A plane along an acquired slice touches only it.
    """
    to_index = _index_matrix(volume, plane)
    samples = _samples(volume, plane, slab)
    level = 0
    source = whole(volume)
    along_slice = samples == 1 and abs(to_index[2, 0]) < _CLEAN and abs(to_index[2, 1]) < _CLEAN
    ratio = float(max(np.linalg.norm(to_index[:, 0]), np.linalg.norm(to_index[:, 1])))
    exact = along_slice and abs(to_index[2, 3] - round(to_index[2, 3])) < 1e-6
    wanted = to_index
    if exact:
        k = round(to_index[2, 3])
        wanted = to_index.copy()
        wanted[2] = (0.0, 0.0, 0.0, float(k))
        if interpolation != "nearest" and ratio >= 2 and 0 <= k < volume.shape[0]:
            level = int(np.log2(ratio))
            source = reduced_slice(volume, k, level)
            wanted = _at_level(wanted, level)
            ratio /= 2**level
    factor = 1
    if interpolation != "nearest" and ratio > 1.2:
        factor = min(int(np.ceil(ratio)), _MOST_OVERSAMPLING)
    step = _slab_step(volume, plane, slab, samples)
    values = _sampled(source, source.values, wanted, step, plane, factor, samples, slab.mode, interpolation)
    inside = _inside(volume, to_index, step, plane, samples)
    if source.padding is not None:
        touched = _sampled(source, source.padding, wanted, step, plane, factor, samples, "mip", interpolation)
        inside &= touched == 0
    if not volume.complete:
        inside &= _loaded(volume, to_index, plane)
    return Resliced(values, inside)


def _index_matrix(volume: Volume, plane: Plane) -> Matrix:
    """(x, y, 1 mm along the normal) of the picture to voxel indices (i, j, k), 3×4."""
    picture = np.eye(4)
    picture[:3, 0] = np.array(plane.right) * plane.spacing_mm
    picture[:3, 1] = np.array(plane.down) * plane.spacing_mm
    picture[:3, 2] = plane.normal
    picture[:3, 3] = plane.corner
    matrix: Matrix = (volume.lps_to_ijk @ picture)[:3]
    # what is 0 but for rounding lets VTK take its fast path for planes along the axes
    matrix[:, :3][np.abs(matrix[:, :3]) < _CLEAN] = 0.0
    return matrix


def _samples(volume: Volume, plane: Plane, slab: Slab) -> int:
    """How many samples a slab needs along the normal, one for each voxel that it passes."""
    if slab.thickness_mm <= 0:
        return 1
    voxels_per_mm = float(np.linalg.norm(volume.lps_to_ijk[:3, :3] @ np.array(plane.normal)))
    return max(1, int(np.ceil(slab.thickness_mm * voxels_per_mm - 1e-6)))


def _slab_step(volume: Volume, plane: Plane, slab: Slab, samples: int) -> Matrix:
    """Voxel indices from one sample of a slab to the next."""
    along = volume.lps_to_ijk[:3, :3] @ np.array(plane.normal)
    # as in the index matrix: rounding of a stack's own matrix would cost VTK's fast path, and four fifths of the speed
    along[np.abs(along) < _CLEAN] = 0.0
    step: Matrix = along * (slab.thickness_mm / samples if samples > 1 else 1.0)
    return step


def _at_level(matrix: Matrix, level: int) -> Matrix:
    """Indices of the full slice to indices of its reduction: centres of blocks of 2^level pixels; its only k is 0."""
    scaled = matrix.copy()
    scaled[:2] /= 2**level
    scaled[:2, 3] += 0.5 / 2**level - 0.5
    scaled[2] = 0.0
    return scaled


def _sampled(
    source: Source,
    array: NDArray[Any],
    matrix: Matrix,
    step: Matrix,
    plane: Plane,
    factor: int,
    samples: int,
    mode: SlabMode,
    interpolation: Interpolation,
) -> NDArray[Any]:
    """Values at the picture's pixels; with a `factor` each is the mean of factor² samples over its area."""
    width, height = plane.width * factor, plane.height * factor
    axes = np.eye(4)
    axes[:3, 0], axes[:3, 1], axes[:3, 2] = matrix[:, 0] / factor, matrix[:, 1] / factor, step
    axes[:3, 3] = matrix[:, 3] + (matrix[:, 0] + matrix[:, 1]) * ((1 - factor) / (2 * factor))
    values = _pipeline().run(source, array, axes, width, height, samples, mode, interpolation)
    if factor == 1:
        return values
    mean = block_sums(values, factor) / np.float32(factor * factor)
    return (np.rint(mean) if array.dtype.kind in "iu" else mean).astype(array.dtype)


def _row_ranges(
    volume: Volume, matrix: Matrix, shift: Matrix, plane: Plane
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each row of the picture the first and last x inside the volume: the plane cuts it in a convex figure."""
    rows = np.arange(plane.height, dtype=np.float64)
    first = np.full(plane.height, 0.0)
    last = np.full(plane.height, plane.width - 1.0)
    sizes = (volume.shape[2], volume.shape[1], volume.shape[0])
    for axis, size in enumerate(sizes):
        start = matrix[axis, 3] + shift[axis] + matrix[axis, 1] * rows
        low, high = -0.5 + 1e-6, size - 0.5 - 1e-6
        slope = matrix[axis, 0]
        if slope == 0.0:
            outside = (start < low) | (start > high)
            first[outside] = np.inf
            continue
        ends = (low - start) / slope, (high - start) / slope
        first = np.maximum(first, np.minimum(*ends))
        last = np.minimum(last, np.maximum(*ends))
    return first, last


def _inside(volume: Volume, matrix: Matrix, step: Matrix, plane: Plane, samples: int) -> NDArray[np.bool_]:
    """Where the picture is in the volume; of a slab, where any of its samples is."""
    mask = np.zeros((plane.height, plane.width), np.bool_)
    columns = np.arange(plane.width)
    # the figure moves evenly from sample to sample: the ends and the middle cover what lies between
    offsets = sorted({0.0, -(samples - 1) / 2, (samples - 1) / 2})
    for offset in offsets:
        first, last = _row_ranges(volume, matrix, step * offset, plane)
        if (first <= 0).all() and (last >= plane.width - 1).all():
            mask[:] = True
            return mask
        rows = np.flatnonzero(first <= last)
        if not rows.size:
            continue
        left, right = first[rows], last[rows]
        if (left == left[0]).all() and (right == right[0]).all():
            # a rectangle, as of every plane along the axes, is filled many times quicker than compared
            mask[rows[0] : rows[-1] + 1, int(np.ceil(left[0])) : int(np.floor(right[0])) + 1] = True
        else:
            mask |= (columns >= first[:, None]) & (columns <= last[:, None])
    return mask


def _loaded(volume: Volume, matrix: Matrix, plane: Plane) -> NDArray[np.bool_]:
    """Where both slices that a pixel lies between are there."""
    loaded = volume.loaded
    last = len(loaded) - 1
    k = matrix[2, 3] + matrix[2, 0] * np.arange(plane.width)[None, :] + matrix[2, 1] * np.arange(plane.height)[:, None]
    below = np.clip(np.floor(k + 1e-6), 0, last).astype(np.intp)
    above = np.clip(np.ceil(k - 1e-6), 0, last).astype(np.intp)
    present: NDArray[np.bool_] = loaded[below] & loaded[above]
    return present


class _Pipeline:
    """One thread's reslice object, kept between pictures, with the sources it was given as VTK images."""

    def __init__(self) -> None:
        from vtkmodules.vtkCommonCore import vtkSMPTools
        from vtkmodules.vtkCommonMath import vtkMatrix4x4
        from vtkmodules.vtkImagingCore import vtkImageReslice

        if vtkSMPTools.GetBackend() != "STDThread":
            vtkSMPTools.SetBackend("STDThread")
        self._reslice: Any = vtkImageReslice()
        self._reslice.SetNumberOfThreads(os.cpu_count() or 1)
        self._reslice.SetOutputDimensionality(2)
        self._reslice.SetOutputSpacing(1.0, 1.0, 1.0)
        self._reslice.SetOutputOrigin(0.0, 0.0, 0.0)
        self._reslice.SetBorder(True)
        self._matrix: Any = vtkMatrix4x4()
        self._reslice.SetResliceAxes(self._matrix)
        self._images: weakref.WeakKeyDictionary[Source, dict[int, Any]] = weakref.WeakKeyDictionary()

    def _image(self, source: Source, array: NDArray[Any]) -> Any:
        """A VTK image on the memory of one of a source's arrays, kept as long as the source."""
        from vtkmodules.util import numpy_support
        from vtkmodules.vtkCommonDataModel import vtkImageData

        to_vtk: Callable[..., Any] = numpy_support.numpy_to_vtk
        kept = self._images.setdefault(source, {})
        if id(array) not in kept:
            channels = array.shape[3] if array.ndim == 4 else 1
            flat = array.reshape(-1, channels) if channels > 1 else array.reshape(-1)
            image = vtkImageData()
            image.SetDimensions(array.shape[2], array.shape[1], array.shape[0])
            image.GetPointData().SetScalars(to_vtk(flat, deep=False))
            kept[id(array)] = image
        return kept[id(array)]

    def run(
        self,
        source: Source,
        array: NDArray[Any],
        axes: Matrix,
        width: int,
        height: int,
        samples: int,
        mode: SlabMode,
        interpolation: Interpolation,
    ) -> NDArray[Any]:
        """Values at (x, y) = axes · (x, y, 0, 1) in voxel indices, shape (height, width[, channels])."""
        from vtkmodules.util import numpy_support

        to_numpy: Callable[[Any], NDArray[Any]] = numpy_support.vtk_to_numpy
        tool = self._reslice
        tool.SetInputData(self._image(source, array))
        {
            "nearest": tool.SetInterpolationModeToNearestNeighbor,
            "linear": tool.SetInterpolationModeToLinear,
            "cubic": tool.SetInterpolationModeToCubic,
        }[interpolation]()
        {"mean": tool.SetSlabModeToMean, "mip": tool.SetSlabModeToMax, "minip": tool.SetSlabModeToMin}[mode]()
        tool.SetSlabNumberOfSlices(samples)
        tool.SetOutputExtent(0, width - 1, 0, height - 1, 0, 0)
        self._matrix.DeepCopy(axes.ravel().tolist())
        # the array may have been filled further since the last picture
        tool.Modified()
        tool.Update()
        scalars = to_numpy(tool.GetOutput().GetPointData().GetScalars())
        shape = (height, width, array.shape[3]) if array.ndim == 4 else (height, width)
        result = scalars.reshape(shape).copy()
        # a closed case's voxels are not to be kept alive from here
        tool.SetInputData(None)
        return result


_threads = threading.local()


def _pipeline() -> _Pipeline:
    found: _Pipeline | None = getattr(_threads, "pipeline", None)
    if found is None:
        found = _threads.pipeline = _Pipeline()
    return found

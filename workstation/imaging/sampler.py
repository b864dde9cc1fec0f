"""Samples of voxels on an affine grid of pixels, by VTK's imaging pipeline on the CPU.

`vtkImageReslice` runs in index space: pixels are carried to voxel indices by a matrix that may be sheared, so a tilted
stack is sampled exactly where its voxels stand, without regridding. Its defaults (nearest neighbour, slab mean,
automatic extent) are all set here.
"""

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.reduction import Source

Interpolation = Literal["nearest", "linear", "cubic"]
SlabMode = Literal["mean", "mip", "minip"]
Matrix = NDArray[np.float64]

# nanoseconds a sample, by how its neighbours lie in memory
_ALONG_ROWS_NS, _ACROSS_ROWS_NS, _ASLANT_NS = 4.5, 10.0, 17.0
# work that one thread does sooner than two have been woken, more so on a busy machine
_ALONE_MS = 3.0

# samples held at a time while a slab is made of them: 16 MB of int16
_MOST_AT_ONCE = 1 << 23


@dataclass(frozen=True, eq=False)
class Grid:
    """Where samples are taken, in voxel indices (i, j, k).

    Sample n of pixel (x, y) is at `axes` · (x, y, 1) + `step` · (n − (samples − 1) / 2); `axes` has shape (3, 3).
    """

    axes: Matrix
    step: Matrix
    width: int
    height: int
    samples: int = 1

    @property
    def along_axes(self) -> bool:
        """Whether columns, rows and samples of the picture each follow an axis of the voxels."""
        steps = np.column_stack([self.axes[:, :2], self.step])
        return bool((np.count_nonzero(steps, axis=0) == 1).all() and (np.count_nonzero(steps, axis=1) == 1).all())

    def finer(self, factor: int) -> "Grid":
        """factor² pixels in the place of each."""
        axes = self.axes.copy()
        axes[:, 2] += (axes[:, 0] + axes[:, 1]) * ((1 - factor) / (2 * factor))
        axes[:, :2] /= factor
        return Grid(axes, self.step, self.width * factor, self.height * factor, self.samples)

    def of_samples(self, first: int, count: int) -> "Grid":
        """Only the samples `first` … `first + count − 1` of each pixel."""
        axes = self.axes.copy()
        axes[:, 2] += self.step * (first + (count - 1) / 2 - (self.samples - 1) / 2)
        return Grid(axes, self.step, self.width, self.height, count)

    @property
    def milliseconds(self) -> float:
        """About how long one thread takes, for linear interpolation."""
        aslant = (np.count_nonzero(self.axes[:, :2], axis=0) > 1).any()
        nanoseconds = _ASLANT_NS if aslant else _ACROSS_ROWS_NS if self.axes[2, 0] else _ALONG_ROWS_NS
        return self.width * self.height * self.samples * nanoseconds / 1e6

    def offsets(self) -> NDArray[np.float64]:
        """The steps from the plane to each sample."""
        return np.arange(self.samples, dtype=np.float64) - (self.samples - 1) / 2


def extent_of(size: Any) -> tuple[float, Any]:
    """The first and the last index within so many voxels, a number or an array: their edges, but for rounding."""
    return -0.5 + 1e-6, size - 0.5 - 1e-6


def sampled(
    source: Source,
    array: NDArray[Any],
    grid: Grid,
    mode: SlabMode,
    interpolation: Interpolation,
    *,
    as_float: bool = False,
) -> NDArray[Any]:
    """Samples of one of a source's arrays, those of a slab made one; shape (height, width[, channels]).

    In the type of the array, rounded, or in float32. Without meaning where no sample lies in it, and of a mean where
    not all samples do (VTK counts one of them twice).
    """
    return _pipeline().run(source, array, grid, mode, interpolation, as_float)


class _Pipeline:
    """One thread's reslice object, kept between pictures, with the sources it was given as VTK images."""

    def __init__(self) -> None:
        from vtkmodules.vtkCommonCore import vtkSMPTools
        from vtkmodules.vtkCommonMath import vtkMatrix4x4
        from vtkmodules.vtkImagingCore import vtkImageReslice

        if vtkSMPTools.GetBackend() != "STDThread":
            vtkSMPTools.SetBackend("STDThread")
        self._reslice: Any = vtkImageReslice()
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
        grid: Grid,
        mode: SlabMode,
        interpolation: Interpolation,
        as_float: bool,
    ) -> NDArray[Any]:
        from vtkmodules.util import numpy_support
        from vtkmodules.util.vtkConstants import VTK_FLOAT

        to_numpy: Callable[[Any], NDArray[Any]] = numpy_support.vtk_to_numpy
        tool = self._reslice
        tool.SetInputData(self._image(source, array))
        {
            "nearest": tool.SetInterpolationModeToNearestNeighbor,
            "linear": tool.SetInterpolationModeToLinear,
            "cubic": tool.SetInterpolationModeToCubic,
        }[interpolation]()
        {"mean": tool.SetSlabModeToMean, "mip": tool.SetSlabModeToMax, "minip": tool.SetSlabModeToMin}[mode]()
        shared = grid.milliseconds >= _ALONE_MS
        tool.SetEnableSMP(shared)
        tool.SetNumberOfThreads(os.cpu_count() or 1 if shared else 1)
        tool.SetOutputScalarType(VTK_FLOAT if as_float else -1)
        shape = (grid.height, grid.width, *array.shape[3:])

        def sheets(start: Matrix, count: int, samples: int) -> NDArray[Any]:
            """`count` pictures a step apart, shape (count, height, width[, channels]), each of so many samples."""
            axes = np.eye(4)
            axes[:3, :2], axes[:3, 2], axes[:3, 3] = grid.axes[:, :2], grid.step, start
            self._matrix.DeepCopy(axes.ravel().tolist())
            tool.SetOutputDimensionality(3 if count > 1 else 2)
            tool.SetSlabNumberOfSlices(samples)
            tool.SetOutputExtent(0, grid.width - 1, 0, grid.height - 1, 0, count - 1)
            # the array may have been filled further since the last picture
            tool.Modified()
            tool.Update()
            # VTK writes into memory of its own next time, because this array now has another owner too
            scalars = to_numpy(tool.GetOutput().GetPointData().GetScalars())
            tool.GetOutput().Initialize()
            return scalars.reshape(count, *shape)

        if grid.samples > 1 and grid.along_axes:
            result = _combined(grid, sheets, mode, np.dtype(np.float32) if as_float else array.dtype, tool)
        else:
            result = sheets(grid.axes[:, 2], 1, grid.samples)[0]
        # a closed case's voxels are not to be kept alive from here
        tool.SetInputData(None)
        return result


def _combined(
    grid: Grid,
    sheets: Callable[[Matrix, int, int], NDArray[Any]],
    mode: SlabMode,
    dtype: "np.dtype[Any]",
    tool: Any,
) -> NDArray[Any]:
    """A slab of planes along the voxel axes, sample by sample.

    The quick way that VTK has for such planes puts all samples of its own slabs half a step too low (seen in 9.7.2).
    """
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    # what lies outside takes no part in a MIP or MinIP
    tool.SetBackgroundLevel({"mean": 0.0, "mip": float(limits.min), "minip": float(limits.max)}[mode])
    combine = {"mean": np.add, "mip": np.maximum, "minip": np.minimum}[mode]
    whole: NDArray[Any] | None = None
    at_once = max(_MOST_AT_ONCE // (grid.width * grid.height), 1)
    for first in range(0, grid.samples, at_once):
        count = min(at_once, grid.samples - first)
        start = grid.axes[:, 2] + grid.step * (first - (grid.samples - 1) / 2)
        part = sheets(start, count, 1)
        wide: Any = (np.float64 if dtype.kind == "f" else np.int64) if mode == "mean" else None
        reduced = combine.reduce(part, axis=0, dtype=wide)
        whole = reduced if whole is None else combine(whole, reduced)
    tool.SetBackgroundLevel(0.0)
    assert whole is not None
    if mode != "mean":
        return whole
    mean = whole / grid.samples
    return (np.rint(mean) if dtype.kind in "iu" else mean).astype(dtype)


_threads = threading.local()


def _pipeline() -> _Pipeline:
    found: _Pipeline | None = getattr(_threads, "pipeline", None)
    if found is None:
        found = _threads.pipeline = _Pipeline()
    return found

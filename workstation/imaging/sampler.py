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

    def offsets(self) -> NDArray[np.float64]:
        """The steps from the plane to each sample."""
        return np.arange(self.samples, dtype=np.float64) - (self.samples - 1) / 2


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

    In the type of the array, rounded, or in float32. 0 where no sample lies in it. Of a mean with samples beyond the
    array's ends VTK counts one of them twice: take it only where all samples are within.
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
        tool.SetSlabNumberOfSlices(grid.samples)
        tool.SetOutputExtent(0, grid.width - 1, 0, grid.height - 1, 0, 0)
        tool.SetOutputScalarType(VTK_FLOAT if as_float else -1)
        axes = np.eye(4)
        axes[:3, :2], axes[:3, 2], axes[:3, 3] = grid.axes[:, :2], grid.step, grid.axes[:, 2]
        self._matrix.DeepCopy(axes.ravel().tolist())
        # the array may have been filled further since the last picture
        tool.Modified()
        tool.Update()
        # VTK writes into memory of its own next time, because this array now has another owner too
        scalars = to_numpy(tool.GetOutput().GetPointData().GetScalars())
        tool.GetOutput().Initialize()
        # a closed case's voxels are not to be kept alive from here
        tool.SetInputData(None)
        colour = array.ndim == 4
        return scalars.reshape((grid.height, grid.width, array.shape[3]) if colour else (grid.height, grid.width))


_threads = threading.local()


def _pipeline() -> _Pipeline:
    found: _Pipeline | None = getattr(_threads, "pipeline", None)
    if found is None:
        found = _threads.pipeline = _Pipeline()
    return found

"""What others take for the same work, measured beside ours in the same run."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEventLoop, QPointF
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from benchmarks.waves import PIXEL_MM, STEP_MM, WaveSeries
from workstation.viewing.viewport import ViewportState


def pydicom_volume(files: Sequence[Path]) -> tuple[float, NDArray[np.int16]]:
    """The usual loop: read, decode, rescale, put into one array. Milliseconds and the array."""
    from pydicom import dcmread

    began = perf_counter()
    volume: NDArray[np.int16] | None = None
    for k, file in enumerate(files):
        image = dcmread(file)
        pixels = image.pixel_array
        if volume is None:
            volume = np.empty((len(files), *pixels.shape), np.int16)
        np.add(pixels.astype(np.int16), np.int16(image.RescaleIntercept), out=volume[k])
    assert volume is not None
    return (perf_counter() - began) * 1000, volume


def pydicom_by(plugin: str, files: Sequence[Path]) -> tuple[float, NDArray[np.int16]]:
    """The same loop with one of pydicom's plug-ins named."""
    from pydicom import dcmread
    from pydicom.pixels import pixel_array

    began = perf_counter()
    volume: NDArray[np.int16] | None = None
    for k, file in enumerate(files):
        image = dcmread(file)
        pixels = pixel_array(image, decoding_plugin=plugin)
        if volume is None:
            volume = np.empty((len(files), *pixels.shape), np.int16)
        np.add(pixels.astype(np.int16), np.int16(image.RescaleIntercept), out=volume[k])
    assert volume is not None
    return (perf_counter() - began) * 1000, volume


def simple_itk_volume(files: Sequence[Path]) -> tuple[float, NDArray[np.int16]]:
    """SimpleITK reads a series of files, in order, with its GDCM. Milliseconds and the array."""
    import SimpleITK as sitk  # noqa: N813 - its usual name

    began = perf_counter()
    image = sitk.ReadImage([str(file) for file in files])
    volume = sitk.GetArrayFromImage(image)
    return (perf_counter() - began) * 1000, volume.astype(np.int16, copy=False)


class SequentialReslice:
    """`vtkImageReslice` as it comes: the Sequential backend, linear, one plane after the other."""

    def __init__(self, volume: NDArray[np.int16], series: WaveSeries) -> None:
        from vtkmodules.util.numpy_support import numpy_to_vtk
        from vtkmodules.vtkCommonDataModel import vtkImageData

        self._kept = volume
        self._image = vtkImageData()
        self._image.SetDimensions(*volume.shape[::-1])
        self._image.SetSpacing(PIXEL_MM, PIXEL_MM, STEP_MM)
        self._image.SetOrigin(*series.corner)
        self._image.GetPointData().SetScalars(numpy_to_vtk(volume.reshape(-1)))

    def milliseconds(self, states: Sequence[ViewportState]) -> float:
        """Sample the planes of viewports, slabs included."""
        from vtkmodules.vtkCommonCore import vtkSMPTools
        from vtkmodules.vtkImagingCore import vtkImageReslice

        backend = vtkSMPTools.GetBackend()
        vtkSMPTools.SetBackend("Sequential")
        try:
            began = perf_counter()
            for state in states:
                tool: Any = vtkImageReslice()
                tool.SetInputData(self._image)
                tool.SetNumberOfThreads(1)
                tool.SetOutputDimensionality(2)
                right, down = state.axes
                tool.SetResliceAxesDirectionCosines(*right, *down, *state.normal)
                tool.SetResliceAxesOrigin(*state.centre)
                tool.SetInterpolationModeToLinear()
                mm = state.mm_per_pixel
                samples = max(1, round(state.slab.thickness_mm / STEP_MM))
                tool.SetOutputSpacing(mm, mm, STEP_MM)
                tool.SetOutputOrigin(-(state.width - 1) / 2 * mm, -(state.height - 1) / 2 * mm, 0)
                tool.SetOutputExtent(0, state.width - 1, 0, state.height - 1, 0, 0)
                tool.SetSlabNumberOfSlices(samples)
                if samples > 1:
                    tool.SetSlabModeToMax()
                tool.Update()
            return (perf_counter() - began) * 1000
        finally:
            vtkSMPTools.SetBackend(backend)


class BareWidget(QWidget):
    """The least a viewer can do: a key takes the next slice, a table makes it grey, Qt paints it. No text, no zoom."""

    def __init__(self, volume: NDArray[np.int16], width: int, height: int) -> None:
        super().__init__()
        self._volume = volume
        self._table = np.clip((np.arange(-32768, 32768) + 160) * (255 / 400), 0, 255).astype(np.uint8)
        self._k = 0
        rows = np.linspace(0, volume.shape[1] - 1, height).astype(np.intp)
        columns = np.linspace(0, volume.shape[2] - 1, width).astype(np.intp)
        self._places = rows[:, None] * volume.shape[2] + columns[None, :]
        self._loop = QEventLoop()
        self._grey: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.resize(width, height)
        self.show()

    def milliseconds(self) -> float:
        """From a key to the painted slice."""
        began = perf_counter()
        QTest.keyClick(self, "n")
        self._loop.exec()
        return (perf_counter() - began) * 1000

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        self._k = (self._k + 1) % len(self._volume)
        # grey first: a slice has fewer pixels than the screen
        grey = self._table.take(self._volume[self._k].astype(np.int32) + 32768)
        self._grey = grey.reshape(-1).take(self._places)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        height, width = self._grey.shape
        painter.drawImage(QPointF(0, 0), QImage(self._grey.data, width, height, width, QImage.Format.Format_Grayscale8))
        painter.end()
        self._loop.quit()

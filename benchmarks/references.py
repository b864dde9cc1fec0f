"""What other programs make of the same file: GDCM, dcmtk and pydicom as judges of our modality values.

Each gives stored values by its own reading and decoding; masks, signs, palettes, colour spaces and the modality
transform are applied here as the standard writes them, by pydicom or in a line, and by nothing of ours.
"""

import os
import subprocess
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

Values = NDArray[Any]
_PYLIBJPEG = ("1.2.840.10008.1.2.5", *(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203)))
_MOST_SECONDS = 60
_DCMTK = {
    "1.2.840.10008.1.2.5": "dcmdrle",
    **{f"1.2.840.10008.1.2.4.{n}": "dcmdjpeg" for n in (50, 51, 53, 55, 57, 70)},
    **{f"1.2.840.10008.1.2.4.{n}": "dcmdjpls" for n in (80, 81)},
    **dict.fromkeys(("1.2.840.10008.1.2", *(f"1.2.840.10008.1.2.{n}" for n in ("1", "2", "1.99"))), "dcmconv"),
}


class CannotRead(Exception):
    """The other program makes no picture of the file."""


@dataclass(frozen=True)
class Stored:
    """Samples of all frames, (frames, rows, columns[, 3]), and what colours they are."""

    samples: Values
    photometric: str
    masked: bool = False
    slope: float = 1.0
    intercept: float = 0.0


class Apart:
    """A process of its own for what may die of a file, as GDCM does of some."""

    def __init__(self) -> None:
        self._process: ProcessPoolExecutor | None = None

    def stored(self, read: Callable[[str], Stored], path: Path) -> Stored:
        """The samples of a file by `read`. Raises CannotRead."""
        if self._process is None:
            self._process = ProcessPoolExecutor(1, get_context("forkserver"), _silenced)
        try:
            return self._process.submit(read, str(path)).result(timeout=_MOST_SECONDS)
        except (BrokenProcessPool, TimeoutError) as error:
            self._process.shutdown(wait=False, cancel_futures=True)
            self._process = None
            raise CannotRead(f"it dies ({type(error).__name__})") from error

    def close(self) -> None:
        if self._process is not None:
            self._process.shutdown()


def _silenced() -> None:
    """What native libraries print to the terminal says nothing about our reading."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _gdcm_stored(path: str) -> Stored:
    import gdcm

    for name in ("WarningOff", "ErrorOff", "DebugOff"):
        getattr(gdcm.Trace, name)()
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        raise CannotRead("GDCM reads no image")
    image = reader.GetImage()
    form = image.GetPixelFormat()
    kinds = {
        gdcm.PixelFormat.UINT8: "u1", gdcm.PixelFormat.INT8: "i1", gdcm.PixelFormat.UINT16: "<u2",
        gdcm.PixelFormat.INT16: "<i2", gdcm.PixelFormat.UINT32: "<u4", gdcm.PixelFormat.INT32: "<i4",
        gdcm.PixelFormat.UINT12: "<u2", gdcm.PixelFormat.INT12: "<i2",
        gdcm.PixelFormat.FLOAT32: "<f4", gdcm.PixelFormat.FLOAT64: "<f8",
    }  # fmt: skip
    if form.GetScalarType() not in kinds:
        raise CannotRead(f"GDCM gives {form.GetScalarTypeAsString()}")
    try:
        raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    except (UnicodeError, AttributeError) as error:
        raise CannotRead("GDCM's buffer can't be fetched") from error
    size = image.GetDimensions()
    frames = size[2] if len(size) > 2 else 1
    samples = form.GetSamplesPerPixel()
    values = np.frombuffer(raw, kinds[form.GetScalarType()])
    if values.size != frames * size[0] * size[1] * samples:
        raise CannotRead("GDCM gives another number of samples")
    if samples == 1:
        shaped = values.reshape(frames, size[1], size[0])
    elif image.GetPlanarConfiguration() == 1:
        shaped = values.reshape(frames, samples, size[1], size[0]).transpose(0, 2, 3, 1)
    else:
        shaped = values.reshape(frames, size[1], size[0], samples)
    named = str(image.GetPhotometricInterpretation())
    return Stored(shaped, named, slope=image.GetSlope(), intercept=image.GetIntercept())


def _pydicom_stored(path: str) -> Stored:
    """By pydicom; code streams by its pylibjpeg plug-ins, those that have none (JPEG, JPEG-LS) by GDCM's decoders."""
    warnings.simplefilter("ignore")
    header = dcmread(path)
    uid = str(header.file_meta.TransferSyntaxUID)
    native = _DCMTK.get(uid) == "dcmconv"
    try:
        values = pixel_array(header, raw=True, decoding_plugin="pylibjpeg" if uid in _PYLIBJPEG else "")
    except Exception as error:
        raise CannotRead(f"pydicom: {type(error).__name__}") from error
    photometric = str(header.get("PhotometricInterpretation", ""))
    if not native and photometric in ("YBR_RCT", "YBR_ICT"):
        photometric = "RGB"
    return Stored(_with_frames(values, header), photometric, masked=True)


def dcmtk_stored(path: Path, header: Dataset | None, folder: Path) -> tuple[Stored, Dataset]:
    """By dcmtk's decompressing programs; their native output, with its header, is read by pydicom."""
    program = "dcmconv" if header is None else _DCMTK.get(str(header.file_meta.TransferSyntaxUID))
    if program is None:
        raise CannotRead("dcmtk has no decoder for it")
    made = folder / "dcmtk.dcm"
    command = [program, "+te", str(path), str(made)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode or not made.exists():
        made.unlink(missing_ok=True)
        raise CannotRead(f"dcmtk: {program} fails")
    try:
        read = dcmread(made)
        values = pixel_array(read, raw=True)
    except Exception as error:
        raise CannotRead(f"dcmtk: {type(error).__name__}") from error
    finally:
        made.unlink(missing_ok=True)
    return Stored(_with_frames(values, read), str(read.PhotometricInterpretation), masked=True), read


def _with_frames(values: Values, header: Dataset) -> Values:
    samples = int(header.get("SamplesPerPixel", 1))
    return values if values.ndim == (4 if samples > 1 else 3) else values[None]


class Judges:
    """The other programs, in the order they are asked."""

    NAMES = ("GDCM", "dcmtk", "pydicom")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._apart = Apart()

    def values(self, name: str, path: Path, header: Dataset | None) -> Values:
        """Modality values by one of them; without a header, where pydicom finds none, by its own. Raises CannotRead."""
        try:
            if name == "GDCM":
                stored = self._apart.stored(_gdcm_stored, path)
                if header is None:
                    return stored.samples.astype(np.float64) * stored.slope + stored.intercept
                return modality_values(stored, header)
            if name == "dcmtk":
                stored, read = dcmtk_stored(path, header, self._folder)
                return modality_values(stored, read if header is None else header)
            if header is None:
                raise CannotRead("pydicom reads no header")
            return modality_values(self._apart.stored(_pydicom_stored, path), header)
        except (AttributeError, ValueError, TypeError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
            raise CannotRead(f"{name}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._apart.close()


def modality_values(stored: Stored, header: Dataset) -> Values:
    """Modality values of stored samples, or RGB."""
    samples = stored.samples
    if samples.ndim == 4:
        return _rgb(samples, stored.photometric)
    if not stored.masked:
        samples = _masked(samples, header)
    if header.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(samples, header)
        return colours if colours.dtype == np.uint8 else (colours >> 8).astype(np.uint8)
    if "ModalityLUTSequence" in header:
        return np.asarray(apply_modality_lut(samples, header))
    values = np.empty(samples.shape, np.float64)
    for frame in range(len(samples)):
        slope, intercept = rescale(header, frame)
        values[frame] = samples[frame].astype(np.float64) * slope + intercept
    return values


def rescale(header: Dataset, frame: int) -> tuple[float, float]:
    """Slope and intercept of a frame: its own functional group, the shared one, the data set (PS3.3 C.7.6.16.2.9)."""
    for groups, index in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        items = header.get(groups) or []
        if index < len(items) and items[index].get("PixelValueTransformationSequence"):
            item = items[index].PixelValueTransformationSequence[0]
            return float(item.RescaleSlope), float(item.RescaleIntercept)
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    return (1.0 if slope in (None, "") else float(slope)), (0.0 if intercept in (None, "") else float(intercept))


def _masked(samples: Values, header: Dataset) -> Values:
    """Bits Stored below High Bit, sign-extended (PS3.5 8.1.1); what lies elsewhere in the word is no pixel."""
    if samples.dtype.kind == "f":
        return samples
    allocated = samples.dtype.itemsize * 8
    stored, high = int(header.BitsStored), int(header.HighBit)
    if stored >= allocated or high >= allocated:
        return samples
    # words of native and RLE data are as the header says; a code stream's samples are right-aligned
    words_as_stored = _DCMTK.get(str(header.file_meta.TransferSyntaxUID)) in ("dcmconv", "dcmdrle")
    left = allocated - 1 - (high if words_as_stored else stored - 1)
    kind = "i" if header.PixelRepresentation else "u"
    words = samples.view(f"<u{allocated // 8}") << left
    return words.view(f"<{kind}{allocated // 8}") >> (allocated - stored)


def _rgb(samples: Values, photometric: str) -> Values:
    """RGB of colour samples; YBR_FULL by the inverse of PS3.3 C.7.6.3.1.2."""
    if not photometric.startswith("YBR_FULL"):
        return samples
    y, cb, cr = (samples[..., n].astype(np.float64) for n in range(3))
    red, blue = y + 1.402 * (cr - 128), y + 1.772 * (cb - 128)
    green = (y - 0.114 * blue - 0.299 * red) / 0.587
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)

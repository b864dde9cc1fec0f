"""Other forms of stored pixels: single frames, decoded frames, and whole objects in Explicit VR Little Endian."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames, get_frame
from pydicom.uid import ExplicitVRLittleEndian

from workstation.errors import UnreadableObject


class NoPixels(ValueError):
    """An object without pixels, or with pixels that can't be decoded here."""


def stored_frames(path: Path, frames: Sequence[int]) -> list[bytes]:
    """Frames (from 0) exactly as the object holds them: compressed, or raw little endian values."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.get("PixelData")
    if pixels is None:
        raise NoPixels
    count = int(dataset.get("NumberOfFrames") or 1)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        return [get_frame(pixels, frame, number_of_frames=count) for frame in frames]
    size = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    return [pixels[frame * size : (frame + 1) * size] for frame in frames]


def decoded_frames(path: Path, frames: Sequence[int]) -> list[bytes]:
    """Frames (from 0) as raw little endian values."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        return stored_frames(path, frames)
    return [decode(path, frame).astype(_raw_type(dataset)).tobytes() for frame in frames]


def explicit_little_endian(path: Path) -> bytes:
    """The object with the same identity, its pixels decoded, in Explicit VR Little Endian."""
    dataset = pydicom.dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        count = int(dataset.get("NumberOfFrames") or 1)
        pixels = b"".join(decoded_frames(path, range(count)))
        dataset["PixelData"].is_undefined_length = False
        dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
        if dataset.SamplesPerPixel == 3:
            dataset.PlanarConfiguration = 0
            dataset.PhotometricInterpretation = "RGB"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()


def decode(path: Path, frame: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    """Stored values of one frame (from 0): rows × columns, or rows × columns × 3. Raises NoPixels."""
    from workstation.dicom.parsing import parse_instance
    from workstation.dicom.pixels import decode_frame

    data = path.read_bytes()
    try:
        return decode_frame(parse_instance(data), data, frame)
    except UnreadableObject as error:
        raise NoPixels(error.title) from error


def value_of(path: Path, tag: str) -> bytes | None:
    """The bytes of one attribute of the dataset, pixels as stored with a frame's fragments joined, or None."""
    dataset = pydicom.dcmread(path)
    try:
        number = int(tag, 16)
    except ValueError:
        return None
    if number not in dataset:
        return None
    element = dataset[number]
    if element.keyword == "PixelData" and element.is_undefined_length:
        return b"".join(generate_frames(element.value, number_of_frames=1))
    value = element.value
    return value if isinstance(value, bytes) else str(value).encode()


def _raw_type(dataset: pydicom.Dataset) -> str:
    kind = "i" if dataset.get("PixelRepresentation") == 1 else "u"
    return f"<{kind}{int(dataset.BitsAllocated) // 8}"

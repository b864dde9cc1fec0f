"""Images for tests of decoding: native words or code streams under any header, in any transfer syntax."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame

Array = NDArray[Any]


def image(samples: Array, raw: bytes | None = None, photometric: str = "MONOCHROME2", **changes: Any) -> Dataset:
    """An image of the words of `samples`, (rows, columns[, 3]); `raw` replaces them as pixel data."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3", "1.2.4", "OT"
    ds.Rows, ds.Columns = samples.shape[:2]
    ds.SamplesPerPixel = samples.shape[2] if samples.ndim == 3 else 1
    ds.PhotometricInterpretation = photometric
    if ds.SamplesPerPixel > 1:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = samples.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(samples.dtype.kind == "i")
    data = samples.tobytes() if raw is None else raw
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW"
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def compressed(samples: Array, *streams: bytes, photometric: str = "MONOCHROME2", **changes: Any) -> Dataset:
    """An image of as many frames as there are code streams, each of the size of `samples`."""
    ds = image(samples, encapsulate(list(streams)), photometric, **changes)
    if len(streams) > 1:
        ds.NumberOfFrames = len(streams)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    return ds


def part10(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Part 10 bytes, written by hand because pydicom doesn't know the newest transfer syntaxes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    stream.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(stream, meta)
    stream.is_little_endian, stream.is_implicit_VR = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    write_dataset(stream, ds)
    return bytes(stream.getvalue())


def opened(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> tuple[Instance, bytes]:
    """Header and bytes of an image."""
    data = part10(ds, syntax)
    return parse_instance(data), data


def decoded(ds: Dataset, syntax: str = ExplicitVRLittleEndian, frame: int = 0) -> Array:
    """A frame as the program decodes it."""
    return decode_frame(*opened(ds, syntax), frame)


def smooth(rows: int, columns: int, bits: int, *, signed: bool = False) -> Array:
    """Waves with a little noise over the whole range of `bits`, in the smallest type that holds them."""
    row, column = np.mgrid[0:rows, 0:columns]
    waves = np.sin(row / 5) * np.cos(column / 7) + np.random.default_rng(bits).normal(0, 0.02, (rows, columns))
    greatest = (1 << bits) - 1
    values = np.clip(np.round((waves + 1) * greatest / 2), 0, greatest).astype(np.int64)
    kind = f"{'i' if signed else 'u'}{1 if bits <= 8 else 2 if bits <= 16 else 4}"
    return (values - (1 << (bits - 1)) if signed else values).astype(kind)

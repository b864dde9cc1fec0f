"""One-sample images with chosen headers, and what dcmtk makes of them; made with pydicom, they show nobody."""

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid


def image(stored: NDArray[Any], **changes: Any) -> Dataset:
    """An image of the words of `stored`, shape (rows, columns) or (frames, rows, columns), signed by its type."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.3680043.10.6.1", "1.2.826.0.1.3680043.10.6.2"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Test", "T-1", "", ""
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260110", "101500", "1", ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.ReferringPhysicianName = "OT", 1, 1, ""
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = stored.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(stored.dtype.kind == "i")
    if stored.ndim == 3:
        ds.NumberOfFrames = stored.shape[0]
    ds.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def saved(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as Part 10 bytes."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer,
        ds,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return buffer.getvalue()


def item(**values: Any) -> Dataset:
    """A sequence item."""
    ds = Dataset()
    for name, value in values.items():
        setattr(
            ds, name, Sequence(value) if isinstance(value, list) and value and isinstance(value[0], Dataset) else value
        )
    return ds


def lut_item(first: int, bits: int, entries: NDArray[Any] | list[int], *, signed: bool = False, **more: Any) -> Dataset:
    """An item of a Modality, VOI or Presentation LUT Sequence."""
    made = Dataset()
    count = len(entries)
    made.add_new(0x00283002, "SS" if signed else "US", [count if count < 65536 else 0, first, bits])
    made.add_new(0x00283006, "OW", np.asarray(entries, "<u2").tobytes())
    for name, value in more.items():
        setattr(made, name, value)
    return made


def packed(bits: NDArray[np.bool_]) -> bytes:
    """Overlay Data of bits, shape (…, rows, columns)."""
    raw = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    return raw + b"\0" * (len(raw) % 2)


def add_overlay(ds: Dataset, bits: NDArray[np.bool_] | None, group: int = 0x6000, **values: Any) -> None:
    """An overlay plane; without `bits` it is embedded. Names are the keywords' without their repeating group."""
    tags = {
        "Rows": (0x0010, "US"),
        "Columns": (0x0011, "US"),
        "Type": (0x0040, "CS"),
        "Origin": (0x0050, "SS"),
        "BitsAllocated": (0x0100, "US"),
        "BitPosition": (0x0102, "US"),
        "Frames": (0x0015, "IS"),
        "FrameOrigin": (0x0051, "US"),
        "Label": (0x1500, "LO"),
        "Description": (0x0022, "LO"),
        "ActivationLayer": (0x1001, "CS"),
    }
    shape = (ds.Rows, ds.Columns) if bits is None else bits.shape[-2:]
    given = {"Rows": shape[0], "Columns": shape[1], "Type": "G", "Origin": [1, 1], "BitPosition": 0, "BitsAllocated": 1}
    for name, value in (given | values).items():
        element, vr = tags[name]
        ds.add_new(group << 16 | element, vr, value)
    if bits is not None:
        ds.add_new(group << 16 | 0x3000, "OW", packed(bits))


def pgm(path: Path) -> NDArray[np.uint8]:
    """A binary PGM of 8 bits."""
    raw = path.read_bytes()
    fields, at = [], 0
    while len(fields) < 4:
        end = at
        while raw[end : end + 1] not in (b" ", b"\n", b"\t", b"\r"):
            end += 1
        if raw[at : at + 1] == b"#":
            at = raw.index(b"\n", at) + 1
            continue
        if end > at:
            fields.append(raw[at:end])
        at = end + 1
    magic, width, height, most = fields
    assert (magic, most) == (b"P5", b"255")
    return np.frombuffer(raw, np.uint8, int(width) * int(height), at).reshape(int(height), int(width))


def dcm2pnm(data: bytes, folder: Path, *options: str) -> NDArray[np.uint8]:
    """The picture that dcmtk makes of an image."""
    source, target = folder / "image.dcm", folder / "image.pgm"
    source.write_bytes(data)
    # the same program for JPEG too
    subprocess.run(["dcmj2pnm", *options, source, target], check=True, capture_output=True)
    return pgm(target)


def dcmp2pgm(data: bytes, presentation: bytes, folder: Path, frame: int = 1) -> NDArray[np.uint8]:
    """The picture that dcmtk makes of an image by a presentation state."""
    source, state, target = folder / "image.dcm", folder / "state.dcm", folder / "image.pgm"
    source.write_bytes(data)
    state.write_bytes(presentation)
    subprocess.run(["dcmp2pgm", "-f", str(frame), "-p", state, source, target], check=True, capture_output=True)
    return pgm(target)

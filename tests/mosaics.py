"""Siemens mosaics for tests: CSA headers as nibabel's real ones are built, around tiles of known content."""

import io
import struct
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

with warnings.catch_warnings():
    # it calls its DICOM readers experimental
    warnings.simplefilter("ignore")
    from nibabel.nicom import csareader, dicomwrappers  # noqa: F401

MR = "1.2.840.10008.5.1.4.1.1.4"
TILT = (1.0, 0.0, 0.0, 0.0, 0.936, -0.352)
"""Direction cosines of slices tilted by 20.6° about the patient's left-right axis."""


def csa(values: Mapping[str, tuple[str, Sequence[object]]], *, marked: bool = True) -> bytes:
    """A CSA header of names with their VR and values, in the form SV10 or in the older one."""
    made = b"SV10\4\3\2\1" if marked else b""
    made += struct.pack("<2I", len(values), 77)
    items = 6
    for name, (vr, texts) in values.items():
        made += struct.pack("<64si4s3i", name.encode(), len(texts), vr.encode(), 0, items, 77)
        for number in range(items):
            text = f"{texts[number]}".encode() + b"\0" if number < len(texts) else b""
            length = len(text)
            first = length if marked else length + items
            made += struct.pack("<4i", first, length if marked else 0, 77, length) + text + b"\0" * (-length % 4)
    return made


def normal_of(orientation: Sequence[float] = TILT) -> NDArray[np.float64]:
    return np.cross(orientation[:3], orientation[3:])


def mosaic(
    tiles: NDArray[Any],
    *,
    header: bytes | None = None,
    sign: int = 1,
    step: float = 3.0,
    position: Sequence[float] = (-100.0, -120.0, 40.0),
    orientation: Sequence[float] = TILT,
    spacing: Sequence[float] = (2.0, 1.5),
    csa_values: Mapping[str, tuple[str, Sequence[object]]] | None = None,
    uid: str = "1.7.1",
    **values: Any,
) -> Dataset:
    """A mosaic of tiles (number, rows, columns). `header` in place of a CSA header made to fit; b"" for none."""
    count, rows, columns = tiles.shape
    across = int(np.ceil(np.sqrt(count)))
    sheet = np.zeros((across * rows, across * columns), "<u2")
    for number, tile in enumerate(tiles):
        top, left = number // across * rows, number % across * columns
        sheet[top : top + rows, left : left + columns] = tile
    ds = Dataset()
    plain: dict[str, Any] = {
        "SOPClassUID": MR,
        "SOPInstanceUID": uid,
        "StudyInstanceUID": "1.1",
        "SeriesInstanceUID": "1.2",
        "Modality": "MR",
        "Manufacturer": "SIEMENS",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "FrameOfReferenceUID": "1.9",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        "ImagePositionPatient": list(position),
        "ImageOrientationPatient": list(orientation),
        "PixelSpacing": list(spacing),
        "SpacingBetweenSlices": step,
        "SliceThickness": step - 0.5,
        "Rows": sheet.shape[0],
        "Columns": sheet.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": sheet.tobytes(),
    }
    for name, value in {**plain, **values}.items():
        setattr(ds, name, value)
    if header is None:
        written: dict[str, tuple[str, Sequence[object]]] = {
            "NumberOfImagesInMosaic": ("US", [count]),
            "SliceNormalVector": ("FD", [f"{sign * value:.8f}" for value in normal_of(orientation)]),
            "AcquisitionMatrixText": ("SH", [f"{rows}p*{columns}"]),
        }
        header = csa({**written, **(csa_values or {})})
    if header:
        block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", header)
    return ds


def file(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def tiles_of(count: int, rows: int = 12, columns: int = 10) -> NDArray[np.uint16]:
    """Tiles in which no two pixels of one mosaic are equal, as far as 12 bits reach."""
    return (np.arange(count * rows * columns, dtype=np.uint16) % 4095 + 1).reshape(count, rows, columns)


def lps_of_nibabel(wrapper: Any) -> NDArray[np.float64]:
    """nibabel's affine of a mosaic, (row, column, slice) to LPS, as (column, row, slice) to LPS."""
    affine = np.array(wrapper.affine, dtype=np.float64)
    return affine[:, [1, 0, 2, 3]]

"""Tiny objects for the self-test: a picture in every transfer syntax there is a decoder for, and a small conclusion."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workstation.cli.png import png
from workstation.demo.phantoms.encoding import ENCODERS
from workstation.dicom import concepts
from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.content import (
    Anchor,
    Code,
    Conclusion,
    ImageReference,
    KeyImage,
    Measurement,
    Observer,
    Order,
    Patient,
    Quantity,
    Section,
    Statement,
    StudyHeader,
)
from workstation.dicom.uids import new_document_uids

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset

SIDE = 32
BITS = 12
IMPLICIT_LITTLE, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
# what the lossy coders may be off, in stored values of 12 bits
LOSSY = ts.JPEG_BASELINE | ts.JPEG_EXTENDED | ts.JPEG_PROGRESSIVE
TOLERANCE = 64

Picture = NDArray[np.unsignedinteger[Any]]


def picture() -> Picture:
    """A smooth ramp with a step in it, 12 bits."""
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    values: Picture = (row * 60 + column * 30 + 1000 * (column > SIDE // 2)).astype(np.uint16)
    return values


def specimen(transfer_syntax_uid: str) -> tuple[bytes, Picture]:
    """A CT image of one frame as Part 10 bytes, and the stored values that went into it.

    Baseline JPEG has 8 bits and gets the picture's upper ones. Retired JPEG processes get a sequential stream.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    values: Picture = picture()
    bits = BITS
    if transfer_syntax_uid in ts.JPEG_BASELINE:
        values, bits = (values >> 4).astype(np.uint8), 8
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT_IMAGE, "2.25.1", "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.PatientName, ds.PatientID = "Test^Self", "self-test"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16 if bits > 8 else 8, bits, bits - 1
    order = ">" if transfer_syntax_uid == BIG_ENDIAN else "<"
    if transfer_syntax_uid in ts.NATIVE:
        ds.PixelData = values.astype(f"{order}u2").tobytes()
    else:
        ds.PixelData = encapsulate([_encoder(transfer_syntax_uid)(values, bits)])
        ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB" if transfer_syntax_uid in ts.ENCAPSULATED else "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    return _part10(ds, meta), values


def _part10(ds: "Dataset", meta: "FileMetaDataset") -> bytes:
    import pydicom
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset, write_file_meta_info

    stream = DicomBytesIO()
    if meta.TransferSyntaxUID in ts.NATIVE:
        ds.file_meta = meta
        pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    else:
        # by hand, because pydicom refuses to write syntaxes that it doesn't know and we read
        stream.is_little_endian, stream.is_implicit_VR = True, False
        stream.write(b"\0" * 128 + b"DICM")
        write_file_meta_info(stream, meta)
        write_dataset(stream, ds)
    return stream.getvalue()


def _encoder(transfer_syntax_uid: str) -> Callable[[Picture, int], bytes]:
    if transfer_syntax_uid in LOSSY:
        return _jpeg
    if transfer_syntax_uid in ts.JPEG_XL:
        return _jpeg_xl
    families = (ts.JPEG_LOSSLESS, ts.JPEG_LS, ts.JPEG_2000, ts.HTJ2K, ts.RLE)
    family = next(family for family in families if transfer_syntax_uid in family)
    return next(encode for uid, encode in ENCODERS.items() if uid in family)


def _jpeg(values: Picture, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg8_encode(values, level=98, bitspersample=bits))


def _jpeg_xl(values: Picture, bits: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(values, lossless=True, usecontainer=False))


def small_conclusion() -> Conclusion:
    """A conclusion in Russian with one length, one key image and nobody's data."""
    image = ImageReference("2.25.2", "2.25.3", CT_IMAGE, "2.25.1")
    length = Measurement(
        tracking_uid="2.25.4",
        label="Очаг",
        kind="length",
        anchor=Anchor(image, "POLYLINE", points_px=((4.5, 4.5), (14.5, 4.5))),
        quantities=(Quantity(concepts.LENGTH, 10.0, concepts.MILLIMETER),),
        spacing_source="Pixel Spacing (0028,0030)",
    )
    finding = Statement(concepts.FINDING, "Очаг 10 мм.", measurements=(length.tracking_uid,), images=(image,))
    return Conclusion(
        uids=new_document_uids(),
        patient=Patient("Test^Self", "self-test", birth_date="19700101", sex="O"),
        study=StudyHeader("2.25.2", "20260101", "120000", modality="CT"),
        order=Order(),
        title=Code("18748-4", "LN", "Diagnostic imaging study"),
        language="ru",
        observer=Observer("Test^Self", "self-test", Code("0", "99IRIS", "Test Self")),
        observed_at=datetime.now(UTC).replace(microsecond=0),
        sections=(
            Section(concepts.FINDINGS, "Описание", (finding,)),
            Section(concepts.CONCLUSIONS, "Заключение", (Statement(concepts.CONCLUSION, "Проверка."),)),
        ),
        measurements=(length,),
        key_images=(KeyImage(image, png((picture() >> 4).astype(np.uint8)), "Очаг"),),
        evidence=(image,),
        completeness="Прочитано изображений: 1 из 1.",
        station_name="SELF-TEST",
    )

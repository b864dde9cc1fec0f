"""Documents built item by item with pydicom: structured reports, key objects, dose reports, encapsulated documents."""

import io

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

KO = "1.2.840.10008.5.1.4.1.1.88.59"
RDSR = "1.2.840.10008.5.1.4.1.1.88.67"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
CDA = "1.2.840.10008.5.1.4.1.1.104.2"


def coded(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """The item of a code sequence."""
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def item(kind: str, name: Dataset | None, *children: Dataset, **values: object) -> Dataset:
    """A content item."""
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", kind
    if name is not None:
        made.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = list(children)
    return made


def number(code: str, meaning: str, value: str, unit: str, *children: Dataset) -> Dataset:
    """A number with its UCUM unit."""
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, [coded(unit, unit, "UCUM")]
    return item("NUM", coded(code, meaning), *children, MeasuredValueSequence=[measured])


def word(code: str, meaning: str, value: str) -> Dataset:
    """A coded value."""
    return item("CODE", coded(code, meaning), ConceptCodeSequence=[coded("1", value, "99X")])


def image(uid: str, *frames: int) -> Dataset:
    """A reference to an image, or to frames of it."""
    sop = Dataset()
    sop.ReferencedSOPClassUID, sop.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid
    if frames:
        sop.ReferencedFrameNumber = list(frames)
    return item("IMAGE", None, ReferencedSOPSequence=[sop])


def written(root: Dataset, sop_class: str, uid: str = "2.25.77", **values: object) -> bytes:
    """A document as Part 10 bytes; `values` are elements of its header."""
    root.SOPClassUID, root.SOPInstanceUID = sop_class, uid
    root.StudyInstanceUID, root.SeriesInstanceUID, root.Modality = "2.25.1", "2.25.2", "SR"
    root.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        setattr(root, keyword, value)
    root.file_meta = FileMetaDataset()
    root.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    buffer = io.BytesIO()
    dcmwrite(buffer, root, enforce_file_format=True)
    return buffer.getvalue()


def key_objects(code: str, meaning: str, *children: Dataset, uid: str = "2.25.77", **values: object) -> bytes:
    """A Key Object Selection, or a rejection note."""
    return written(item("CONTAINER", coded(code, meaning), *children), KO, uid, **values)


def encapsulated(held: bytes, sop_class: str, uid: str = "2.25.77", **values: object) -> bytes:
    """An encapsulated document, padded to even length."""
    made = Dataset()
    made.EncapsulatedDocument, made.EncapsulatedDocumentLength = held + b"\0" * (len(held) % 2), len(held)
    return written(made, sop_class, uid, **values)

"""The directory of a medium, DICOMDIR (PS3.3 Annex F, PS3.10 8.6): which files it names, and one for a new file-set."""

import io
from collections.abc import Iterator
from itertools import pairwise

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from workstation.dicom.document_header import IMPLEMENTATION_CLASS_UID
from workstation.dicom.part10 import BROKEN, open_part10, unreadable_header
from workstation.dicom.uids import KEY_OBJECT_SELECTION, new_uid

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_SR = "1.2.840.10008.5.1.4.1.1.88."
_PRESENTATION = "1.2.840.10008.5.1.4.1.1.11."
# the keys of each record beside those of the directory itself (F.5)
_KEYS = {
    "PATIENT": ("PatientName", "PatientID"),
    "STUDY": ("StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "StudyInstanceUID", "StudyID"),
    "SERIES": ("Modality", "SeriesInstanceUID", "SeriesNumber"),
    "IMAGE": ("InstanceNumber",),
    "SR DOCUMENT": (
        "InstanceNumber", "CompletionFlag", "VerificationFlag", "ContentDate", "ContentTime", "ConceptNameCodeSequence",
    ),
    "KEY OBJECT DOC": ("InstanceNumber", "ContentDate", "ContentTime", "ConceptNameCodeSequence"),
    "PRESENTATION": (
        "InstanceNumber", "PresentationCreationDate", "PresentationCreationTime", "ContentLabel", "ContentDescription",
        "ContentCreatorName", "ReferencedSeriesSequence",
    ),
}  # fmt: skip
_NUMBERS = {"StudyID": "1", "SeriesNumber": "1", "InstanceNumber": "1"}
_EMPTY_SEQUENCES = {"ConceptNameCodeSequence", "ReferencedSeriesSequence"}


def referenced_files(data: bytes) -> list[tuple[str, ...]]:
    """The files that a DICOMDIR names in its records in use, each by the parts of its path from the directory's folder.

    Raises UnreadableObject.
    """
    open_part10(data)
    try:
        records = dcmread(io.BytesIO(data), force=True).get("DirectoryRecordSequence") or []
        named = []
        for record in records:
            file_id = record.get("ReferencedFileID")
            if file_id and record.get("RecordInUseFlag", 0xFFFF) != 0:
                parts = [file_id] if isinstance(file_id, str) else list(file_id)
                named.append(tuple(str(part) for part in parts))
        return named
    except BROKEN as error:
        raise unreadable_header(error) from None


class MediaDirectory:
    """A DICOMDIR in the making: patients, their studies, series and objects in the order in which they came."""

    def __init__(self) -> None:
        # records below each other, by what makes them one
        self._patients: dict[str, _Node] = {}

    def add(self, dataset: Dataset, file_id: tuple[str, ...]) -> bool:
        """Enter a file; False for a kind that this directory has no record for: the file lies there all the same."""
        kind = _kind_of(dataset)
        if not kind:
            return False
        below = self._patients
        for level, key in (("PATIENT", "PatientID"), ("STUDY", "StudyInstanceUID"), ("SERIES", "SeriesInstanceUID")):
            node = below.setdefault(str(dataset.get(key, "")), _Node(_record(level, dataset)))
            below = node.below
        record = _record(kind, dataset)
        record.ReferencedFileID = list(file_id)
        record.ReferencedSOPClassUIDInFile = dataset.SOPClassUID
        record.ReferencedSOPInstanceUIDInFile = dataset.SOPInstanceUID
        record.ReferencedTransferSyntaxUIDInFile = dataset.file_meta.TransferSyntaxUID
        below[str(dataset.SOPInstanceUID)] = _Node(record)
        return True

    def encode(self) -> bytes:
        """The DICOMDIR as Part 10 bytes."""
        nodes = list(_in_order(self._patients))
        directory = Dataset()
        directory.FileSetID = ""
        directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
        directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
        directory.FileSetConsistencyFlag = 0
        directory.DirectoryRecordSequence = [node.record for node in nodes]
        directory.file_meta = _meta()
        # offsets have a fixed length: where the records stand doesn't change when they are filled in
        written = dcmread(io.BytesIO(_bytes(directory)), force=True)
        for node, item in zip(nodes, written.DirectoryRecordSequence, strict=True):
            node.offset = item.seq_item_tell or 0
        first, last = _linked(self._patients)
        directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = first
        directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = last
        return _bytes(directory)


class _Node:
    """A record, where it stands in the file, and the records below it."""

    def __init__(self, record: Dataset) -> None:
        self.record = record
        self.offset = 0
        self.below: dict[str, _Node] = {}


def _kind_of(dataset: Dataset) -> str:
    kind = str(dataset.SOPClassUID)
    if kind == KEY_OBJECT_SELECTION:
        return "KEY OBJECT DOC"
    if kind.startswith(_SR):
        return "SR DOCUMENT"
    if kind.startswith(_PRESENTATION):
        return "PRESENTATION"
    return "IMAGE" if "Rows" in dataset else ""


def _record(level: str, dataset: Dataset) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = level
    if "SpecificCharacterSet" in dataset:
        record.SpecificCharacterSet = dataset.SpecificCharacterSet
    for keyword in _KEYS[level]:
        value = dataset.get(keyword)
        if value is None or value == "":
            value = [] if keyword in _EMPTY_SEQUENCES else _NUMBERS.get(keyword, "")
        setattr(record, keyword, value)
    return record


def _in_order(below: "dict[str, _Node]") -> "Iterator[_Node]":
    for node in below.values():
        yield node
        yield from _in_order(node.below)


def _linked(below: "dict[str, _Node]") -> tuple[int, int]:
    """Link the records of one level to each other and to the level below; where its first and last one stand."""
    nodes = list(below.values())
    for node, following in pairwise(nodes):
        node.record.OffsetOfTheNextDirectoryRecord = following.offset
    for node in nodes:
        node.record.OffsetOfReferencedLowerLevelDirectoryEntity, _last = _linked(node.below)
    return (nodes[0].offset, nodes[-1].offset) if nodes else (0, 0)


def _meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(DIRECTORY_CLASS)
    meta.MediaStorageSOPInstanceUID = UID(new_uid())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = "IRISWS"
    return meta


def _bytes(directory: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, directory, enforce_file_format=True)
    return buffer.getvalue()

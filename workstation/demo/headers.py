"""A DICOM object's header as DICOM JSON (PS3.18 F), made once when the object arrives.

pydicom reads and encodes; what is too big for JSON stands there as a BulkDataURI relative to the instance.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

Json = dict[str, Any]

BULK_BYTES = 1024
# replaced by the instance's own address whenever the header is handed out
BULK_PREFIX = "iris-bulk:"

PIXEL_TAGS = {"7FE00008": "OF", "7FE00009": "OD", "7FE00010": "OW"}


class NoDicom(ValueError):
    """Bytes that are no DICOM Part 10 object, or one without its identity."""


@dataclass(frozen=True)
class Header:
    """The identity and the JSON header of one object."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frames: int
    instance_number: int
    dataset: Json


def read_header(source: Path | bytes) -> Header:
    """Read an object's header. Raises NoDicom."""
    stream: BinaryIO = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
    with stream:
        try:
            return _header(pydicom.dcmread(stream, stop_before_pixels=True))
        except (InvalidDicomError, AttributeError, LookupError, ValueError, TypeError, EOFError, OSError) as error:
            raise NoDicom(type(error).__name__) from error


def _header(dataset: FileDataset) -> Header:
    transfer_syntax = str(dataset.file_meta.TransferSyntaxUID)
    frames = int(dataset.get("NumberOfFrames") or 1)
    content = _json(dataset)
    if "Rows" in dataset:
        content["7FE00010"] = {"vr": PIXEL_TAGS["7FE00010"], "BulkDataURI": BULK_PREFIX + "7FE00010"}
    if "00080005" in content:
        # the JSON itself is UTF-8 (PS3.18 F.2)
        content["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    content["00083002"] = {"vr": "UI", "Value": [transfer_syntax]}
    header = Header(
        study_uid=str(dataset.StudyInstanceUID),
        series_uid=str(dataset.SeriesInstanceUID),
        sop_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        transfer_syntax_uid=transfer_syntax,
        frames=frames,
        instance_number=int(dataset.get("InstanceNumber") or 0),
        dataset=content,
    )
    for uid in (header.study_uid, header.series_uid, header.sop_uid):
        if not is_uid(uid):
            raise NoDicom("identity")
    return header


def _json(dataset: FileDataset) -> Json:
    """Every element that can be encoded; one that can't is left out, as strictness would lose more of foreign objects.

    pydicom's own way to leave elements out (`suppress_invalid_tags`) makes all reading in the process strict meanwhile.
    """
    content: Json = {}
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset decodes each element outside the try
        try:
            content[f"{tag:08X}"] = dataset[tag].to_json_dict(_bulk, BULK_BYTES)
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError, NotImplementedError):
            continue
    return content


def _bulk(element: DataElement) -> str:
    return f"{BULK_PREFIX}{element.tag:08X}"


def is_uid(text: str) -> bool:
    """Only digits and single dots, at most 64 characters: also safe as a file name."""
    return 0 < len(text) <= 64 and text.isascii() and all(part.isdigit() for part in text.split("."))


def with_addresses(stored: str, instance_url: str) -> Json:
    """The header of an instance with its bulk data addressed below `instance_url`."""
    content: Json = json.loads(stored.replace(BULK_PREFIX, f"{instance_url}/bulkdata/"))
    return content

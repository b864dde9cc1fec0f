"""Elements are found where pydicom finds them, in every file of its own collection, and in big objects as a whole."""

import io
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from workstation.cli.specimens import specimen
from workstation.dicom.part10 import open_part10
from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES
from workstation.dicom.text import Header
from workstation.errors import UnreadableObject

FOLDER = Path(pydicom.__file__).parent / "data"
FILES = sorted(path for path in FOLDER.rglob("*.dcm") if path.stat().st_size <= 1_000_000)


def same(ours: Header, theirs: Dataset) -> int:
    """Compare all values and the items of all sequences; how many values were compared."""
    count = 0
    assert set(map(int, theirs._dict)) == set(ours._elements)
    for tag in list(ours._elements):
        element: object = theirs.get_item(tag)
        if isinstance(element, RawDataElement):
            assert (ours.raw(tag) or b"") == (element.value or b"")
            count += 1
        converted = theirs[tag]
        if isinstance(element, DataElement) or converted.VR == "SQ":
            if converted.VR != "SQ" or (tag >> 16) % 2:
                continue
            items = list(ours.items(tag))
            assert len(items) == len(converted.value)
            count += sum(same(mine, its) for mine, its in zip(items, converted.value, strict=True))
    return count


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_value_stands_where_pydicom_finds_it(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        try:
            ours = open_part10(path.read_bytes()).header
        except UnreadableObject:
            # files without a data set, and one that says explicit and is cut
            assert len(theirs) < 10 or "trunc" in path.name
            return
        assert same(ours, theirs) >= len(theirs) // 2


@pytest.mark.parametrize("uid", SUPPORTED_TRANSFER_SYNTAXES)
def test_headers_of_every_transfer_syntax_are_read_as_by_pydicom(uid: str) -> None:
    data = specimen(uid)[0]
    assert same(open_part10(data).header, pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)) > 10

"""Whether two objects that differ in their bytes say the same: for what a server gives back of what it was sent."""

import io
from enum import Enum

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError


class Sameness(Enum):
    """`RECODED`: the same data set in another transfer syntax, or with other file meta information."""

    RECODED = "recoded"
    OTHER = "other"
    UNREADABLE = "unreadable"


def compare(sent: bytes, received: bytes) -> Sameness:
    """What became of an object whose bytes came back otherwise. `sent` is a sound Part 10 file."""
    try:
        found = _dataset(received)
    except (InvalidDicomError, EOFError, ValueError, NotImplementedError, AttributeError, KeyError):
        return Sameness.UNREADABLE
    if not found:
        return Sameness.UNREADABLE
    return Sameness.RECODED if found == _dataset(sent) else Sameness.OTHER


def _dataset(data: bytes) -> Dataset:
    whole = dcmread(io.BytesIO(data))
    # another length of a group or of padding is no other content
    plain = Dataset()
    plain.update({element.tag: element for element in whole if element.tag.element and element.tag != 0xFFFCFFFC})
    return plain

"""The byte stream over which a DICOM signature is made (PS3.15 C.1.1; PS3.3 C.12.1.1.3.1.1).

Explicit VR Little Endian, whatever the file's own transfer syntax; sequences and items carry no length and end with a
sequence delimiter alone, so that a change of encoding doesn't break a signature. Bit-identical to what DCMTK's
`dcmsign` hashes.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr_element, write_data_element

# DCMTK's buffer: where it fills inside a sequence that lies in another one, `dcmsign` leaves the rest of the inner one
# out of the hash. It asks for up to 16 bytes of room before a tag.
DCMTK_BUFFER = 16_384 - 16

_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV"}
_UNSIGNABLE = {0x00080001, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC}
_NOT_IN_OWN_MAC = {0x04000115, 0x04000120, 0x04000305, 0x04000310}


def mac_stream(dataset: Dataset, signed: Iterable[int], signature_item: Dataset) -> bytes:
    """The bytes to sign: the elements `signed` of `dataset`, ascending, then those of the new signature item.

    `dataset` should be as parsed, so that values enter exactly as they stand in the file. A listed element that is
    absent or can't be signed adds nothing.
    """
    wanted = sorted(set(signed))
    parts = [part for tag in wanted if tag in dataset for part in _element(dataset, tag)]
    own = sorted(int(tag) for tag in signature_item.keys() if int(tag) not in _NOT_IN_OWN_MAC)  # noqa: SIM118 - a Dataset iterates over elements
    parts += [part for tag in own for part in _element(signature_item, tag)]
    return b"".join(parts)


def signable(dataset: Dataset) -> tuple[int, ...]:
    """The tags of the data set that a signature can cover."""
    return tuple(tag for tag in _tags(dataset) if next(_element(dataset, tag), None) is not None)


def _tags(dataset: Dataset) -> list[int]:
    return sorted(int(tag) for tag in dataset.keys())  # noqa: SIM118 - a Dataset iterates over elements


def _element(dataset: Dataset, tag: int) -> Iterator[bytes]:
    """The encoding of one element; nothing when it can't be signed."""
    group, element = tag >> 16, tag & 0xFFFF
    if element == 0 or group < 0x0008 or tag in _UNSIGNABLE or group == 0xFFFA:
        return
    vr, value = _value(dataset, tag)
    head = struct.pack("<HH2s", group, element, vr.encode("ascii"))
    if vr == "UN":
        return
    if vr == "SQ":
        items = list(_items(dataset[tag].value))
        if any(item is None for item in items):
            return
        yield head + b"\0\0"
        for item in items:
            yield b"\xfe\xff\x00\xe0" + (item or b"")
        yield b"\xfe\xff\xdd\xe0"
        return
    if len(value) % 2:
        value += b"\0" if vr in {"UI", "OB"} else b" "
    yield head + (struct.pack("<HI", 0, len(value)) if vr in _LONG else struct.pack("<H", len(value))) + value


def _items(sequence: Iterable[Dataset]) -> Iterator[bytes | None]:
    """The items' contents; None for one that holds something that can't be signed for its unknown VR."""
    for item in sequence:
        parts: list[bytes] = []
        for tag in _tags(item):
            encoded = b"".join(_element(item, tag))
            if not encoded and _value(item, tag)[0] in {"UN", "SQ"} and tag not in _UNSIGNABLE:
                yield None
                break
            parts.append(encoded)
        else:
            yield b"".join(parts)


def _value(dataset: Dataset, tag: int) -> tuple[str, bytes]:
    """VR and value as Little Endian bytes; of a sequence only the VR counts."""
    element: Any = dataset.get_item(tag, keep_deferred=True)
    vr = str(element.VR) if element.VR is not None else _known_vr(tag)
    if vr == "SQ":
        return vr, b""
    if isinstance(element, RawDataElement) and element.is_little_endian and " or " not in vr:
        return vr, element.value or b""
    return _encoded(dataset, dataset[tag])


def _known_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def _encoded(dataset: Dataset, element: DataElement) -> tuple[str, bytes]:
    """A value that isn't at hand as Little Endian bytes, encoded anew."""
    exact: Any = correct_ambiguous_vr_element(element, dataset, True)
    encodings: Any = dataset.original_character_set or "iso8859"
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_data_element(buffer, exact, encodings)
    vr = str(exact.VR)
    return vr, buffer.getvalue()[12 if vr in _LONG else 8 :]

"""The CSA Image Header of Siemens MR images: what the maker keeps in a binary block of its own (0029,xx10).

It is no DICOM: a table of names with texts as values, in an older form and in one marked SV10. Makers never published
it; the layout is the one that SPM, GDCM and nibabel read. Lengths are never believed beyond the bytes that are there.
"""

import math
import struct
from collections.abc import Mapping
from functools import lru_cache

from workstation.dicom.private_blocks import private_block
from workstation.dicom.text import Header

Values = Mapping[str, tuple[str, ...]]

_CREATOR = "SIEMENS CSA HEADER"
_MARK = b"SV10"
# stands behind the number of names in both forms
_CHECK = 77
_TAG = struct.Struct("<64si4s3i")
_ITEM = struct.Struct("<4i")
_MOST_TAGS = 1000
# such headers have some ten thousand bytes
_MOST_BYTES = 1 << 22


def csa_image_header(header: Header) -> Values | None:
    """The values of an object's CSA Image Header; None where there is none, nothing in it where it is broken."""
    block = private_block(header, 0x0029, _CREATOR)
    data = header.raw(block | 0x10) if block else None
    return None if data is None else csa_values(data)


def csa_floats(values: Values, name: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite numbers; None otherwise."""
    try:
        found = tuple(float(text) for text in values.get(name, ()))
    except ValueError:
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


# the b-value, the gradient and the mosaic of one image ask one after the other
@lru_cache(maxsize=4)
def csa_values(data: bytes) -> Values:
    """Names with their texts, empty ones left out; nothing at all when any length or number contradicts the bytes."""
    if len(data) > _MOST_BYTES:
        return {}
    try:
        return _read(data)
    except (struct.error, ValueError):
        return {}


def _read(data: bytes) -> Values:
    marked = data.startswith(_MARK)
    at = 8 if marked else 0
    count, check = struct.unpack_from("<2I", data, at)
    if not 0 < count <= _MOST_TAGS or check != _CHECK:
        raise ValueError("no CSA header")
    at += 8
    found: dict[str, tuple[str, ...]] = {}
    surplus = -1
    for _number in range(count):
        name, multiplicity, _vr, _type, items, _check = _TAG.unpack_from(data, at)
        at += _TAG.size
        if items < 0 or multiplicity < 0 or items * _ITEM.size > len(data) - at:
            raise ValueError("more values than bytes")
        if surplus < 0:
            # in the older form lengths count the values of the first name in
            surplus = items
        texts = []
        for _item in range(items):
            first, second, _third, _fourth = _ITEM.unpack_from(data, at)
            at += _ITEM.size
            length = second if marked else first - surplus
            if not marked and (length < 0 or length > len(data) - at):
                # there the values that are not used have no length
                break
            if not 0 <= length <= len(data) - at:
                raise ValueError("a value is longer than the header")
            texts.append(_text(data[at : at + length]))
            at += -(-length // 4) * 4
        found[_text(name)] = tuple(text for text in texts[: multiplicity or items] if text)
    return found


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("latin-1").strip()

"""The elements of a data set found in its bytes: where each value stands, nothing converted (PS3.5 chapter 7).

A header is read once and most of its values never: finding them is all that is done here, sequences of known length are
passed over until they are asked for. Eight bytes make an element or an item, so that a small file can hold hours of
work; what all reading of one object may cost is bounded.
"""

import struct
from collections.abc import Container
from functools import lru_cache

from workstation.errors import UnreadableObject
from workstation.language import _

UNDEFINED = 0xFFFFFFFF
Element = tuple[str | None, int, int, bool]
"""VR, where the value begins, its length, and whether it is a sequence that ends by a delimiter."""
Elements = dict[int, Element]
Item = tuple[Elements, bool, bool]
"""The elements of an item, whether they are in implicit VR, and whether in little endian."""

LONG_VRS = {vr.encode(): vr for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")}
"""VRs whose length has 32 bits behind two unused bytes (PS3.5 7.1.2), by their code in a file."""
_SHORT = {
    vr.encode(): vr
    for vr in (
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM",
        "UI", "UL", "US",
    )
}  # fmt: skip
_EXPLICIT = {True: struct.Struct("<HH2sH").unpack_from, False: struct.Struct(">HH2sH").unpack_from}
_IMPLICIT = {True: struct.Struct("<HHI").unpack_from, False: struct.Struct(">HHI").unpack_from}
_LENGTH = {True: struct.Struct("<I").unpack_from, False: struct.Struct(">I").unpack_from}
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITER = {True: b"\xfe\xff\xdd\xe0", False: b"\xff\xfe\xe0\xdd"}

# a segmentation of twenty thousand frames costs half of it, an enhanced CT of five thousand a quarter; all of it is two
# seconds and, for elements of one data set, half a gigabyte
_MOST = 2_000_000
# an item costs more than an element, also those who look into it
_COST_OF_ITEM = 6
_DEEPEST = 400


@lru_cache(maxsize=4096)
def dictionary_vr(tag: int) -> str:
    """The VR of a tag by PS3.6; empty where it is not known."""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


class ElementReader:
    """Reads in the bytes of one object. What is broken raises EOFError, ValueError, struct.error or RecursionError;
    what costs too much UnreadableObject."""

    __slots__ = ("_ends", "_left", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._left = _MOST
        # where sequences of undefined length end, by where they begin: each is walked through once
        self._ends: dict[int, int] = {}

    def elements(
        self, at: int, end: int, implicit: bool, little: bool, *, stop: Container[int] = (), delimited: bool = False
    ) -> tuple[Elements, int]:
        """The elements from `at` on, and where they end: at `end`, or behind an item's delimiter if `delimited`.

        A tag of `stop` is the last one; its value, which may be of undefined length, is not looked at.
        """
        found: Elements = {}
        last = end - 8
        count = 0
        for count in range(self._left):  # noqa: B007 - what was spent
            if at > last:
                if delimited:
                    raise EOFError
                break
            tag, vr, start, length = _head(self.body, at, implicit, little)
            at = start
            if tag == _ITEM_END:
                break
            if tag in stop:
                found[tag] = vr, start, length, False
                break
            if length != UNDEFINED:
                at = start + length
                if at > end:
                    raise EOFError
                found[tag] = vr, start, length, False
            elif sequence := self._sequence(tag, vr, start, little):
                at = self._behind(start, end, sequence, implicit, little)
                found[tag] = sequence, start, at - start, True
            else:
                at = self._delimiter(start, end, little)
                found[tag] = vr, start, at - 8 - start, False
        else:
            raise _too_many()
        self._left -= count
        return found, at

    def item(self, at: int, end: int, implicit: bool, little: bool) -> tuple[Item | None, int]:
        """The item at `at` of a sequence that ends at `end` or before, and where it ends; None for the delimiter."""
        length, at = self._item(at, end, little)
        if length is None:
            return None, at
        self._spend(_COST_OF_ITEM)
        implicit = implicit or self._implicit(at)
        if length == UNDEFINED:
            elements, at = self.elements(at, end, implicit, little, delimited=True)
            return (elements, implicit, little), at
        return (self.elements(at, at + length, implicit, little)[0], implicit, little), at + length

    def _item(self, at: int, end: int, little: bool) -> tuple[int | None, int]:
        """The length of an item, None for the delimiter of the sequence, and where it begins."""
        if at + 8 > end:
            raise EOFError
        group, number, length = _IMPLICIT[little](self.body, at)
        tag = group << 16 | number
        if tag == _SEQUENCE_END:
            return None, at + 8
        if tag != _ITEM:
            raise ValueError("a sequence of other things than items")
        if length != UNDEFINED and at + 8 + length > end:
            raise EOFError
        return length, at + 8

    def _implicit(self, at: int) -> bool:
        """Whether an item is in implicit VR although the object is not (PS3.5 6.2.2)."""
        code = self.body[at + 4 : at + 6]
        return not (code.isalpha() and code.isupper())

    def _sequence(self, tag: int, vr: str | None, start: int, little: bool) -> str:
        """The VR, SQ or UN, of an element of undefined length that is a sequence; empty for plain bytes."""
        if vr is None:
            vr = dictionary_vr(tag) or ("SQ" if _IMPLICIT[little](self.body, start)[:2] == (0xFFFE, 0xE000) else "")
        return vr if vr in ("SQ", "UN") else ""

    def _delimiter(self, start: int, end: int, little: bool) -> int:
        """Where bytes of undefined length end, with their delimiter."""
        at = self.body.find(_DELIMITER[little], start, end)
        if at < 0:
            raise EOFError
        return at + 8

    def _behind(self, at: int, end: int, vr: str, implicit: bool, little: bool) -> int:
        """Where a sequence of undefined length ends whose items begin at `at`."""
        if (known := self._ends.get(at)) is not None:
            return known
        # for each sequence walked through: where it begins, and how the elements and the items around it are written
        around = [(at, implicit, little, implicit)]
        items_implicit, little = in_items(vr, implicit, little)
        between = True
        while around:
            self._spend(1)
            if between:
                length, at = self._item(at, end, little)
                if length is None:
                    begin, implicit, little, items_implicit = around.pop()
                    self._ends[begin] = at
                    between = False
                elif length == UNDEFINED:
                    implicit = items_implicit or self._implicit(at)
                    between = False
                else:
                    at += length
                continue
            if at + 8 > end:
                raise EOFError
            tag, own, start, length = _head(self.body, at, implicit, little)
            at = start
            if tag == _ITEM_END:
                between = True
            elif length != UNDEFINED:
                at += length
            elif inner := self._sequence(tag, own, start, little):
                if len(around) >= _DEEPEST:
                    raise RecursionError
                around.append((start, implicit, little, items_implicit))
                items_implicit, little = in_items(inner, implicit, little)
                between = True
            else:
                at = self._delimiter(start, end, little)
        return at

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise _too_many()


def in_items(vr: str | None, implicit: bool, little: bool) -> tuple[bool, bool]:
    """How the items of a sequence are written, unless an item itself is in implicit VR: (implicit, little endian).

    Those of unknown VR are in implicit little endian, whatever the object is in (PS3.5 6.2.2).
    """
    return (implicit or not little, True) if vr == "UN" else (implicit, little)


def _head(body: bytes, at: int, implicit: bool, little: bool) -> tuple[int, str | None, int, int]:
    """Tag, VR (None where it is implicit), where the value begins, and its length."""
    if implicit:
        group, number, length = _IMPLICIT[little](body, at)
        return group << 16 | number, None, at + 8, length
    group, number, code, length = _EXPLICIT[little](body, at)
    tag = group << 16 | number
    vr = _SHORT.get(code)
    if vr is not None:
        return tag, vr, at + 8, length
    vr = LONG_VRS.get(code)
    if vr is not None:
        return tag, vr, at + 12, _LENGTH[little](body, at + 8)[0]
    if b"AA" <= code <= b"ZZ":
        return tag, code.decode("latin-1"), at + 8, length
    # delimiters have no VR, and some writers change to implicit VR on the way
    return tag, None, at + 8, _LENGTH[little](body, at + 4)[0]


def _too_many() -> UnreadableObject:
    return UnreadableObject(_("Damaged DICOM object"), _("its header holds too many elements"))

"""Raw element values of a header as plain Python values, each read out of the object's bytes when it is asked for.

A header of one CT slice has some 150 elements of which we want 70. Reading is tolerant: a value that breaks its VR
counts as absent.
"""

import math
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from workstation.dicom.elements import ElementReader, Item, dictionary_vr, in_items
from workstation.dicom.undeclared_text import encoding_meant

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q", "US or SS": "H"}
# implicit VR has none, and a writer who doesn't know one says UN
_UNKNOWN = ("UN", None)
_PADDING = " \0\r\n\t"
_DEFAULT = "latin-1"
_ASCII = ("iso8859", _DEFAULT)
# an escape sequence holds up to one of these (PS3.5 6.1.2.5.3)
_DELIMITERS = set(map(ord, "^=\\\n\r\t\f"))
# who and what was examined, where, by whom: what people typed
_TELLING = (
    0x00100010, 0x00081030, 0x0008103E, 0x00080080, 0x00080081, 0x00080090, 0x00081040, 0x00081050, 0x00081070,
    0x00104000, 0x00181030, 0x00321060,
)  # fmt: skip
_quiet = threading.Lock()


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings by which pydicom quotes odd values; filters are the process's: one thread at a time."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@lru_cache(maxsize=64)
def encodings_of(terms: bytes) -> tuple[str, ...]:
    """Python codecs of a Specific Character Set (0008,0005), PS3.3 C.12.1.1.2; latin-1 where the term is unknown.

    Latin-1 never fails, so that a text in an undeclared encoding survives as bytes someone can still recognise.
    """
    from pydicom.charset import python_encoding

    names = []
    for term in terms.decode("ascii", "replace").split("\\"):
        cleaned = re.sub(r"[\s_-]+", " ", term.strip(_PADDING)).upper()
        known = cleaned.replace("ISO IR", "ISO_IR").replace("ISO 2022 IR", "ISO 2022 IR")
        names.append(str(python_encoding.get(known, _DEFAULT)))
    return tuple(names)


class Header:
    """One data set: the whole object, or an item of a sequence. Tags are plain integers (0xGGGGEEEE)."""

    __slots__ = ("_body", "_declared", "_elements", "_encodings", "_implicit", "_little", "_reader", "encoding_meant")

    def __init__(
        self, reader: ElementReader, found: Item, parent: "Header | None" = None, text_encoding: str = ""
    ) -> None:
        self._reader = reader
        self._body = reader.body
        self._elements, self._implicit, self._little = found
        self.encoding_meant = ""
        """The codec that texts are decoded by in place of what the object declares falsely; empty otherwise."""
        own = self.raw(0x00080005)
        if parent is None:
            self._declared: tuple[str, ...] = encodings_of(own) if own else (_DEFAULT,)
            texts = (value for tag in _TELLING if (value := self.raw(tag)) is not None)
            self.encoding_meant = encoding_meant(texts, self._declared, text_encoding)
        else:
            self._declared = encodings_of(own) if own else parent._declared
            if self._declared == parent._declared:
                # an item is too short to be judged by itself
                self.encoding_meant = parent.encoding_meant
        self._encodings = (self.encoding_meant,) if self.encoding_meant else self._declared

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def raw(self, tag: int) -> bytes | None:
        """The value's bytes as they stand in the file; None when absent or empty."""
        element = self._elements.get(tag)
        if element is None:
            return None
        _vr, start, length, delimited = element
        return self._body[start : start + length] if length and not delimited else None

    @property
    def little_endian(self) -> bool:
        """The byte order of binary values."""
        return self._little

    def long_text(self, tag: int) -> str:
        """The decoded value with its backslashes (ST, LT, UT); empty when absent."""
        value = self.raw(tag)
        return self._decode(value).rstrip(_PADDING) if value else ""

    def texts(self, tag: int) -> tuple[str, ...]:
        """The decoded values of a multi-valued text; empty when absent."""
        value = self.raw(tag)
        if not value:
            return ()
        return tuple(part.strip(_PADDING) for part in self._decode(value).split("\\"))

    def text(self, tag: int) -> str:
        """The first value of a text; empty when absent."""
        values = self.texts(tag)
        return values[0] if values else ""

    def _decode(self, value: bytes) -> str:
        if value.isascii() and b"\x1b" not in value:
            return value.decode("ascii")
        if b"\x1b" in value:
            from pydicom.charset import decode_bytes

            try:
                with quietly():
                    decoded = decode_bytes(value, list(self._encodings), _DELIMITERS)
            except (LookupError, ValueError):
                return value.decode(_DEFAULT)
            return str(decoded)
        # a byte above 7F is none of ISO_IR 6, whose place is first where a second set is meant to be switched to
        first = self._encodings[1:] if len(self._encodings) > 1 and self._encodings[0] in _ASCII else ()
        for encoding in (*first, *self._encodings):
            try:
                return value.decode(encoding)
            except (LookupError, UnicodeDecodeError):
                continue
        return value.decode(_DEFAULT)

    def numbers(self, tag: int, *, signed: bool = False) -> tuple[float, ...]:
        """All values of a numeric element (DS, IS, or binary); empty when absent, broken, or not finite."""
        value = self.raw(tag)
        if value is None:
            return ()
        vr = self._elements[tag][0]
        if vr in _UNKNOWN:
            vr = dictionary_vr(tag)
            if not vr:
                return ()
        code = _BINARY.get(vr)
        if code is not None:
            if signed and code == "H":
                code = "h"
            count = len(value) // struct.calcsize(code)
            values = struct.unpack_from(f"{'<' if self._little else '>'}{count}{code}", value)
        else:
            try:
                values = tuple(map(float, value.strip(b" \0\r\n\t").split(b"\\")))
            except ValueError:
                return ()
        return values if all(map(math.isfinite, values)) else ()

    def private_number(self, tag: int) -> float | None:
        """The first value of a private element: text or binary by its VR, or text where the VR is lost."""
        value = self.raw(tag)
        if value is None:
            return None
        if self._elements[tag][0] in _BINARY:
            return self.number(tag)
        try:
            number = float(value.split(b"\\")[0].strip(b" \0"))
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def number(self, tag: int, *, signed: bool = False) -> float | None:
        """The first value of a numeric element; None when absent or broken."""
        values = self.numbers(tag, signed=signed)
        return float(values[0]) if values else None

    def integer(self, tag: int, *, signed: bool = False) -> int | None:
        """The first value of a numeric element as an integer; None when absent or broken."""
        values = self.numbers(tag, signed=signed)
        return int(values[0]) if values else None

    def floats(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Exactly `count` values; None otherwise."""
        values = self.numbers(tag)
        return tuple(float(value) for value in values) if len(values) == count else None

    def items(self, tag: int) -> Iterator["Header"]:
        """The items of a sequence; none when it is absent or no sequence. UnreadableObject when it costs too much."""
        element = self._elements.get(tag)
        if element is None:
            return
        vr, at, length, delimited = element
        if not delimited and vr != "SQ" and not (vr in _UNKNOWN and dictionary_vr(tag) == "SQ"):
            return
        implicit, little = in_items(vr, self._implicit, self._little)
        end = at + length
        while at < end:
            found, at = self._reader.item(at, end, implicit, little)
            if found is None:
                return
            yield Header(self._reader, found, self)

    def item(self, tag: int) -> "Header | None":
        """The first item of a sequence, or None."""
        return next(self.items(tag), None)

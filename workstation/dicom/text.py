"""Raw element values of a parsed header as plain Python values, without pydicom's per-element conversion.

A header of one CT slice has some 150 elements of which we want 70; converting each through `Dataset.__getitem__`
costs more than reading the file. Reading here is tolerant: a value that breaks its VR counts as absent.
"""

import math
import re
import struct
from collections.abc import Iterator

import pydicom.charset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from workstation.dicom.measured_stream import Allowance, MeasuredStream
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


def encodings_of(terms: bytes) -> tuple[str, ...]:
    """Python codecs of a Specific Character Set (0008,0005), PS3.3 C.12.1.1.2; latin-1 where the term is unknown.

    Latin-1 never fails, so that a text in an undeclared encoding survives as bytes someone can still recognise.
    """
    names = []
    for term in terms.decode("ascii", "replace").split("\\"):
        cleaned = re.sub(r"[\s_-]+", " ", term.strip(_PADDING)).upper()
        known = cleaned.replace("ISO IR", "ISO_IR").replace("ISO 2022 IR", "ISO 2022 IR")
        names.append(str(pydicom.charset.python_encoding.get(known, _DEFAULT)))
    return tuple(names)


def _dictionary_vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


class Header:
    """One data set: the whole object, or an item of a sequence. Tags are plain integers (0xGGGGEEEE)."""

    __slots__ = ("_allowance", "_dataset", "_declared", "_encodings", "encoding_meant")

    def __init__(
        self,
        dataset: Dataset,
        parent: "Header | None" = None,
        allowance: Allowance | None = None,
        text_encoding: str = "",
    ) -> None:
        self._dataset = dataset
        self._allowance: Allowance = allowance or (Allowance(0) if parent is None else parent._allowance)
        own = self.raw(0x00080005)
        inherited: tuple[str, ...] = (_DEFAULT,) if parent is None else parent._declared
        self._declared: tuple[str, ...] = encodings_of(own) if own else inherited
        self.encoding_meant = ""
        """The codec that texts are decoded by in place of what the object declares falsely; empty otherwise."""
        if parent is None:
            texts = (value for tag in _TELLING if (value := self.raw(tag)) is not None)
            self.encoding_meant = encoding_meant(texts, self._declared, text_encoding)
        elif self._declared == inherited:
            # an item is too short to be judged by itself
            self.encoding_meant = parent.encoding_meant
        self._encodings = (self.encoding_meant,) if self.encoding_meant else self._declared

    def __contains__(self, tag: int) -> bool:
        return tag in self._dataset

    def _element(self, tag: int) -> RawDataElement | None:
        # get_item gives the raw element although its annotation in pydicom says otherwise
        element: object = self._dataset.get_item(tag, keep_deferred=True)
        return element if isinstance(element, RawDataElement) else None

    def raw(self, tag: int) -> bytes | None:
        """The value's bytes as they stand in the file; None when absent or empty."""
        element = self._element(tag)
        return (element.value or None) if element is not None else None

    def little_endian(self, tag: int) -> bool:
        """The byte order of an element's binary value."""
        element = self._element(tag)
        return element is None or element.is_little_endian

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
            try:
                decoded = pydicom.charset.decode_bytes(value, list(self._encodings), _DELIMITERS)
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
        element = self._element(tag)
        if element is None or not element.value:
            return ()
        vr = element.VR
        if vr is None or vr == "UN":
            vr = _dictionary_vr(tag)
            if not vr:
                return ()
        code = _BINARY.get(vr)
        if code is not None:
            if signed and code == "H":
                code = "h"
            size = struct.calcsize(code)
            count = len(element.value) // size
            order = "<" if element.is_little_endian else ">"
            values = struct.unpack_from(f"{order}{count}{code}", element.value)
        else:
            try:
                values = tuple(float(part) for part in element.value.strip(b" \0\r\n\t").split(b"\\"))
            except ValueError:
                return ()
        return values if all(map(math.isfinite, values)) else ()

    def private_number(self, tag: int) -> float | None:
        """The first value of a private element: text or binary by its VR, or text where the VR is lost."""
        element = self._element(tag)
        if element is None or not element.value:
            return None
        if element.VR in _BINARY:
            return self.number(tag)
        try:
            value = float(element.value.split(b"\\")[0].strip(b" \0"))
        except ValueError:
            return None
        return value if math.isfinite(value) else None

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
        if tag not in self._dataset:
            return
        raw = self._element(tag)
        if raw is not None and raw.value and (raw.VR == "SQ" or (raw.VR in _UNKNOWN and _dictionary_vr(tag) == "SQ")):
            self._open(raw, raw.value)
        value = self._dataset[Tag(tag)].value
        if isinstance(value, Sequence):
            for item in value:
                yield Header(item, self)

    def _open(self, raw: RawDataElement, value: bytes) -> None:
        """Read the items of a sequence of known length, as pydicom would, but within the object's allowance."""
        stream = MeasuredStream(value, self._allowance)
        # the items of an unknown VR are in implicit little endian, whatever the object is in (PS3.5 6.2.2)
        implicit = raw.is_implicit_VR or raw.VR == "UN"
        little = raw.is_little_endian or raw.VR == "UN"
        try:
            sequence = read_sequence(stream, implicit, little, len(value), _DEFAULT)
        finally:
            self._allowance.check()
        self._dataset[raw.tag] = DataElement(raw.tag, "SQ", sequence)

    def item(self, tag: int) -> "Header | None":
        """The first item of a sequence, or None."""
        return next(self.items(tag), None)

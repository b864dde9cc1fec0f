"""A DICOM file's bytes opened: transfer syntax, header, and where the pixel data stand (PS3.10 chapter 7).

Tolerant where files in the wild are wrong and nothing is guessed about the picture: no preamble, no meta group, a meta
group without its length, implicit VR where explicit was promised.
"""

import struct
import zlib
from dataclasses import dataclass, field

from workstation.dicom.elements import LONG_VRS, UNDEFINED, ElementReader
from workstation.dicom.text import Header
from workstation.dicom.transfer_syntaxes import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from workstation.errors import UnreadableObject
from workstation.language import _

_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
# what a deflated data set may grow to; twice that is in memory for a moment
_INFLATED_LIMIT = 3 << 27
_INFLATED_STEP = 1 << 22

# whatever may come out of a broken data set
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    NotImplementedError,
    RecursionError,
    OverflowError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)


def not_dicom(detail: str = "") -> UnreadableObject:
    """The error for bytes that are no DICOM object."""
    return UnreadableObject(_("Not a DICOM object"), detail)


def truncated(detail: str = "") -> UnreadableObject:
    """The error for an object that ends before its own lengths say so."""
    return UnreadableObject(_("Truncated DICOM object"), detail, _("Retrieve it again."))


@dataclass(frozen=True)
class PixelElement:
    """Where the pixel data stand in `Part10.body`; `length` None when encapsulated."""

    tag: int
    offset: int
    length: int | None
    vr: str = ""


@dataclass(frozen=True)
class Part10:
    """An opened object. `body` is the file itself, or the inflated data set of a deflated file: offsets count in it."""

    header: Header
    transfer_syntax_uid: str
    meta: dict[int, bytes]
    body: bytes = field(repr=False)
    pixels: PixelElement | None

    def meta_text(self, tag: int) -> str:
        """A value of the file meta group as text; empty when absent."""
        return self.meta.get(tag, b"").decode("ascii", "replace").strip(" \0")


def _meta_group(data: bytes) -> tuple[dict[int, bytes], int]:
    """The file meta group's values and where the data set begins."""
    at = 132 if data[128:132] == b"DICM" else 0
    if at == 0 and data[:2] != b"\x02\x00" and (len(data) < 8 or not _plausible(data)):
        raise not_dicom()
    meta: dict[int, bytes] = {}
    while data[at : at + 2] == b"\x02\x00":
        vr = data[at + 4 : at + 6]
        head = 12 if vr in LONG_VRS else 8
        if len(data) < at + head:
            raise truncated()
        tag = 0x00020000 | int.from_bytes(data[at + 2 : at + 4], "little")
        if head == 12:
            length = int.from_bytes(data[at + 8 : at + 12], "little")
        elif vr.isalpha():
            length = int.from_bytes(data[at + 6 : at + 8], "little")
        else:
            length = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + head + length > len(data):
            raise truncated()
        meta[tag] = data[at + head : at + head + length]
        at += head + length
    return meta, at


def _plausible(data: bytes) -> bool:
    """Whether bytes without preamble and meta group begin like a data set: group 0008, a sane first length."""
    group, element = struct.unpack_from("<HH", data)
    if group == 0x0800:
        return data[4:6].isalpha() and data[4:6].isupper()
    if group != 0x0008 or element > 0x0100:
        return False
    if data[4:6].isalpha() and data[4:6].isupper():
        return True
    return int(struct.unpack_from("<I", data, 4)[0]) < 1024


def inflate(data: bytes, start: int) -> bytes:
    """The data set of a deflated file (PS3.5 A.5), at most 384 MiB."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, size, rest = [], 0, data[start:]
    while not inflater.eof:
        try:
            part = inflater.decompress(rest, _INFLATED_STEP)
        except zlib.error:
            raise UnreadableObject(_("Damaged DICOM object"), _("the deflated data set does not inflate")) from None
        rest = inflater.unconsumed_tail
        if not part and not inflater.eof:
            raise truncated(_("the deflated data set has no end"))
        size += len(part)
        if size > _INFLATED_LIMIT:
            raise UnreadableObject(_("The DICOM object is too large"), _("its deflated data set has no bounds"))
        parts.append(part)
    return b"".join(parts)


class Inflated(bytes):
    """The data set of a deflated object, inflated: `body_of` finds nothing left to do."""


def inflated_once(data: bytes, transfer_syntax_uid: str) -> bytes:
    """What to decode many frames of one object from: its bytes, and for a deflated one its data set."""
    return Inflated(body_of(data, transfer_syntax_uid)) if transfer_syntax_uid == DEFLATED else data


def body_of(data: bytes, transfer_syntax_uid: str) -> bytes:
    """The bytes that frame offsets count in: the file itself unless it is deflated."""
    if transfer_syntax_uid != DEFLATED or isinstance(data, Inflated):
        return data
    return inflate(data, _meta_group(data)[1])


def open_part10(data: bytes, text_encoding: str = "") -> Part10:
    """Read the header up to the pixel data; UnreadableObject for what is no DICOM, or is truncated.

    `text_encoding` is the codec in which the source is known to write, whatever it declares; empty for none.
    """
    meta, start = _meta_group(data)
    syntax = meta.get(0x00020010, b"").decode("ascii", "replace").strip(" \0")
    body = data
    if syntax == DEFLATED:
        body, start = inflate(data, start), 0
    if start >= len(body):
        raise truncated(_("there is nothing behind the file meta group"))
    little = syntax != EXPLICIT_BIG
    if not syntax and body[start : start + 2] == b"\x00\x08":
        little = False
    vr = body[start + 4 : start + 6]
    implicit = not (vr.isalpha() and vr.isupper())
    if not syntax:
        syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE if little else EXPLICIT_BIG
    header, pixels = _read(body, start, implicit, little, text_encoding)
    return Part10(header, syntax, meta, body, pixels)


def _read(
    body: bytes, start: int, implicit: bool, little: bool, text_encoding: str
) -> tuple[Header, PixelElement | None]:
    reader = ElementReader(body)
    try:
        elements, at = reader.elements(start, len(body), implicit, little, stop=_PIXEL_TAGS)
    except EOFError:
        raise truncated(_("the header ends early")) from None
    except BROKEN as error:
        raise unreadable_header(error) from None
    pixels = None
    tag = next(reversed(elements), 0)
    if tag in _PIXEL_TAGS:
        vr, offset, length, _delimited = elements.pop(tag)
        pixels = PixelElement(tag, offset, None if length == UNDEFINED else length, vr or "")
    elif len(body) - at >= 8 or not elements:
        raise truncated(_("the header ends early"))
    return Header(reader, (elements, implicit, little), None, text_encoding), pixels


def unreadable_header(error: Exception) -> UnreadableObject:
    """The error for a header on whose structure reading failed."""
    if isinstance(error, RecursionError):
        return UnreadableObject(_("Damaged DICOM object"), _("its sequences are nested too deeply"))
    kind = type(error).__name__
    return UnreadableObject(_("Damaged DICOM object"), _("the header can't be read ({kind})").format(kind=kind))

"""What a compressed frame says of itself: size, bits, sign and colour, read from its own markers before it is decoded.

Code streams and headers contradict each other in the wild. The code stream is right about how it was coded, and a
decoder should not be asked for what it does not hold: some fill a stream that ends early with grey and say nothing.
"""

from dataclasses import dataclass, replace

_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))
_RGB_IDS = (b"RGB", b"rgb")


@dataclass(frozen=True)
class StreamHeader:
    """Size, samples, bits a sample and sign of a code stream; `complete` says whether it has its end.

    `signed` is None where the code has no sign (JPEG, JPEG-LS). `transformed` says whether the samples were coded as
    luma and chroma, which the decoder turns back; None where the stream does not say. `lossy` says whether decoded
    samples may lie beyond what went in: by a cosine transform, a near-lossless bound, an irreversible wavelet.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool | None = None
    transformed: bool | None = None
    complete: bool = True
    lossy: bool = False


def jpeg_header(data: bytes) -> StreamHeader | None:
    """The frame header of a JPEG (ISO 10918-1 B.2.2) or JPEG-LS (ISO 14495-1 C.2.2) stream; None when there is none.

    Colour is told by the Adobe marker, then the component names R, G and B, then the JFIF marker.
    """
    at, jfif = 2, False
    adobe: int | None = None
    found: StreamHeader | None = None
    names, kind = b"", 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            break
        if marker == 0xE0 and data[at + 4 : at + 8] == b"JFIF":
            jfif = True
        elif marker == 0xEE and data[at + 4 : at + 9] == b"Adobe" and length >= 14:
            adobe = data[at + 15]
        elif marker in _FRAMES and at + 10 <= len(data):
            rows, columns = (int.from_bytes(data[at + k : at + k + 2], "big") for k in (5, 7))
            names = bytes(data[at + 10 : at + 10 + 3 * data[at + 9] : 3])
            found, kind = StreamHeader(rows, columns, data[at + 9], data[at + 4]), marker
        at += 2 + length
    if found is None:
        return None
    transformed = True if jfif else None
    if names in _RGB_IDS:
        transformed = False
    if adobe is not None:
        transformed = adobe != 0
    # behind the scan's beginning, FF D9 can only be the end (ISO 10918-1 B.1.1.2)
    complete = data.find(b"\xff\xd9", at) >= 0
    lossy = kind not in (0xC3, 0xC7, 0xCB, 0xCF)
    if kind == 0xF7:
        near = at + 5 + 2 * data[at + 4] if at + 5 < len(data) else len(data)
        lossy = data[near : near + 1] not in (b"", b"\0")
    return replace(found, transformed=transformed, complete=complete, lossy=lossy)


def jpeg_2000_codestream(data: bytes) -> bytes:
    """The bare code stream; a JP2 or JPH file's boxes (ISO 15444-1 I.4), which PS3.5 A.4.4 forbids, are left out."""
    at = 0
    while data[:4] == b"\0\0\0\x0c" and at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + length if length else len(data)
        if kind == b"jp2c":
            return data[at + head : end]
        if length and length < head:
            break
        at = end
    return data


def jpeg_2000_ended(data: bytes) -> bytes:
    """A whole code stream with its end marker, which some encoders leave out and some decoders ask for."""
    return data if b"\xff\xd9" in data[-4:] else data + b"\xff\xd9"


def jpeg_2000_header(data: bytes) -> StreamHeader | None:
    """The main header of a JPEG 2000 or HTJ2K code stream (ISO 15444-1 A.5.1, A.6.1); None when there is none."""
    if data[:4] != b"\xff\x4f\xff\x51" or len(data) < 43:
        return None
    right, bottom, left, top = (int.from_bytes(data[at : at + 4], "big") for at in range(8, 24, 4))
    samples, depth = int.from_bytes(data[40:42], "big"), data[42]
    transformed: bool | None = None
    lossy = False
    at = 4 + int.from_bytes(data[4:6], "big")
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x90:
        if data[at + 1] == 0x52 and at + 8 < len(data):
            transformed = data[at + 8] == 1
            lossy = data[at + 13 : at + 14] == b"\0"
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return StreamHeader(
        bottom - top,
        right - left,
        samples,
        (depth & 0x7F) + 1,
        bool(depth & 0x80),
        transformed,
        _tiles_end(data, at),
        lossy,
    )


def _tiles_end(data: bytes, at: int) -> bool:
    """Whether all tile-parts from `at` on are there (ISO 15444-1 A.4.2); a missing end marker behind them is borne."""
    size = len(data)
    while at + 12 <= size and data[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        if length == 0:  # up to the end of the code stream
            return data.find(b"\xff\xd9", at) >= 0
        at += length
    return at <= size and data[at : at + 2] in (b"\xff\xd9", b"", b"\0\0", b"\0")

"""Where each frame's bytes stand, worked out once at arrival (PS3.5 A.4 and 8.2)."""

import struct

from workstation.dicom.part10 import PixelElement, truncated
from workstation.errors import UnreadableObject
from workstation.language import _

Span = tuple[int, int]
FrameSpans = tuple[tuple[Span, ...], ...]

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP", b"\xff\x0a", b"\x00\x00\x00\x0cJXL")

SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
"""Photometric interpretations with half as many chroma samples as pixels in native data (PS3.3 C.7.6.3.1.2)."""


def native_frame_bits(photometric: str, samples: int, allocated: int, area: int, length: int, frames: int) -> int:
    """Bits of an uncompressed frame of `area` pixels. Sub-sampled chroma is left at full size by some writers.

    The pixel data's length, in bytes, tells which; a length that is neither is not taken for the smaller one, because
    a full-size picture that was cut off would then be shown as another one.
    """
    full = area * samples * allocated
    if photometric not in SUBSAMPLED or samples != 3 or length * 8 >= full * frames:
        return full
    halved = area * 2 * allocated
    return halved if length - -(-halved * frames // 8) in (0, 1) else full


def native_frames(element: PixelElement, size: int, frame_bits: int, frames: int) -> FrameSpans:
    """Spans of uncompressed frames. `frame_bits` may be no multiple of 8 (1-bit images): spans then overlap a byte.

    A pixel data element that is shorter than its frames gives empty spans for those that are not there; decoding says
    so. A file that is shorter than its element is truncated.
    """
    length = element.length or 0
    if element.offset + length > size:
        raise truncated(_("the pixel data end early"))
    spans: list[tuple[Span, ...]] = []
    for frame in range(frames):
        first, last = frame * frame_bits // 8, -(-(frame + 1) * frame_bits // 8)
        spans.append(((element.offset + first, last - first),) if last <= length else ())
    return tuple(spans)


def fragments(body: bytes, offset: int) -> tuple[tuple[Span, ...], Span]:
    """The fragments of encapsulated pixel data, and the Basic Offset Table's span. A missing end delimiter is borne."""
    found: list[Span] = []
    at, size = offset, len(body)
    while at + 8 <= size:
        tag, length = body[at : at + 4], int(struct.unpack_from("<I", body, at + 4)[0])
        if tag == _END:
            break
        if tag != _ITEM:
            raise UnreadableObject(_("Damaged DICOM object"), _("the encapsulated pixel data are no sequence of items"))
        if at + 8 + length > size:
            raise truncated(_("the pixel data end early"))
        found.append((at + 8, length))
        at += 8 + length
    if not found:
        raise truncated(_("the pixel data are missing"))
    return tuple(found[1:]), found[0]


def encapsulated_frames(
    body: bytes, offset: int, frames: int, extended: tuple[tuple[int, ...], tuple[int, ...]] | None = None
) -> FrameSpans:
    """Fragments grouped by frame: by the Extended Offset Table, the Basic one, or where a new code stream begins.

    A table is believed when each of its frames begins where a fragment does, and, in code streams that can be told by
    their first bytes, where one of them begins.
    """
    parts, table = fragments(body, offset)
    if not parts:
        return ((),) * frames
    if frames == 1:
        return (parts,)
    begins = [at - 8 for at, _length in parts if body.startswith(_STARTS, at)]

    def whole(spans: FrameSpans | None) -> bool:
        return spans is not None and (not begins or {span[0][0] - 8 for span in spans if span} <= set(begins))

    base = parts[0][0] - 8
    if extended is not None and len(extended[0]) == len(extended[1]) == frames:
        spans = _by_lengths(parts, base, *extended)
        if spans is not None and whole(spans):
            return spans
    if table[1] == 4 * frames:
        starts = struct.unpack_from(f"<{frames}I", body, table[0])
        grouped = _grouped(parts, [base + start for start in starts])
        if grouped is not None and whole(grouped):
            return grouped
    if len(parts) == frames:
        return tuple((part,) for part in parts)
    if len(begins) == frames:
        grouped = _grouped(parts, begins)
        if grouped is not None:
            return grouped
    raise UnreadableObject(
        _("Damaged DICOM object"),
        _("{fragments} fragments can't be told apart into {frames} frames").format(fragments=len(parts), frames=frames),
    )


def _by_lengths(
    parts: tuple[Span, ...], base: int, offsets: tuple[int, ...], lengths: tuple[int, ...]
) -> FrameSpans | None:
    """Frames of one fragment each by the Extended Offset Table (PS3.3 C.7.6.3.1.8); None when it names no fragments."""
    sizes = dict(parts)
    spans = tuple((base + 8 + start, length) for start, length in zip(offsets, lengths, strict=True))
    if any(length > sizes.get(at, -1) for at, length in spans):
        return None
    return tuple((span,) for span in spans)


def _grouped(parts: tuple[Span, ...], starts: list[int]) -> FrameSpans | None:
    """Fragments by the item offsets at which frames start; None when an offset is no item's."""
    if (
        starts != sorted(set(starts))
        or not set(starts) <= {at - 8 for at, _length in parts}
        or starts[0] != parts[0][0] - 8
    ):
        return None
    result: list[list[Span]] = []
    pending = iter([*starts[1:], -1])
    following = -2
    for part in parts:
        if not result or part[0] - 8 == following:
            result.append([])
            following = next(pending)
        result[-1].append(part)
    return tuple(tuple(group) for group in result)

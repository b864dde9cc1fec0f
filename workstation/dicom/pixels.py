"""One frame's stored values from its bytes: found by the offsets of the header, decoded, masked and sign-extended.

What comes out are stored values; rescale, windows and polarity belong to `imaging`.
"""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom import decoder_processes
from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.codestreams import (
    StreamHeader,
    jpeg_2000_codestream,
    jpeg_2000_ended,
    jpeg_2000_header,
    jpeg_header,
)
from workstation.dicom.colour import coloured, rgb_from_palette
from workstation.dicom.colour_profiles import srgb_from
from workstation.dicom.decoders import DECODERS, Codestream
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.lut import BROKEN_TABLE
from workstation.dicom.native import native_samples
from workstation.dicom.part10 import body_of
from workstation.dicom.quoting import quoted_uid
from workstation.dicom.stored_values import clipped, stored_values, words
from workstation.errors import UnreadableObject, Unsupported
from workstation.language import _

logger = logging.getLogger(__name__)

SUPPORTED_TRANSFER_SYNTAXES: tuple[str, ...] = tuple(sorted(ts.NATIVE | set(DECODERS)))
"""Transfer syntaxes whose frames `decode_frame` can decode."""

_MOST_SAMPLES = 1 << 29


def decode_frame(instance: Instance, data: bytes, frame: int = 0, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Stored values of a frame, counted from 0, from the object's Part 10 bytes.

    Grey: shape (rows, columns), the smallest integer type that holds Bits Allocated, signed by Pixel Representation, or
    float. Colour: shape (rows, columns, 3), RGB, uint8 (uint16 for RGB of more bits), the palette expanded, colours of
    a profile of its own turned into sRGB. With `out` (of that shape) the values are written there and `out` is
    returned; its type must hold every value the header allows.

    Raises UnreadableObject, with each decoder's reason, when there is no picture or it can't be decoded.
    """
    return decode_frame_named(instance, data, frame, out)[0]


def decode_frame_named(
    instance: Instance, data: bytes, frame: int = 0, out: NDArray[Any] | None = None
) -> tuple[NDArray[Any], str]:
    """As `decode_frame`, with the name of the decoder that did it."""
    samples, name = _samples(instance, data, frame)
    if out is None:
        return samples, name
    assert instance.pixels is not None
    _fill(out, samples, instance.pixels)
    return out, name


def decode_mosaic(instance: Instance, data: bytes) -> NDArray[Any]:
    """The stored image of which the frames of a mosaic are cut by `Mosaic.cut`, for whoever wants many of them."""
    return _mosaic(instance, data)[0]


def _mosaic(instance: Instance, data: bytes) -> tuple[NDArray[Any], str]:
    """The stored image and its decoder; UnreadableObject where it holds more slices than were counted."""
    mosaic, pixels = instance.mosaic, instance.pixels
    assert mosaic is not None
    assert pixels is not None
    rows, columns = mosaic.across * mosaic.rows, mosaic.across * mosaic.columns
    stored = replace(instance, mosaic=None, rows=rows, columns=columns, number_of_frames=1)
    samples, name = _samples(stored, data, 0)
    # native ones were looked at when the header was read; lossy coding leaves traces around the slices
    looked_at = instance.transfer_syntax_uid in ts.NATIVE or pixels.lossy
    if mosaic.empty and not looked_at and np.ptp(mosaic.rest(samples)):
        raise _unreadable(_("the mosaic shows more slices than its CSA header counts"))
    return samples, name


def _samples(instance: Instance, data: bytes, frame: int) -> tuple[NDArray[Any], str]:
    """A frame as it is decoded, in an array of its own or a view of `data`."""
    if instance.mosaic is not None:
        if not 0 <= frame < instance.number_of_frames:
            raise _unreadable(_("there is no frame {number}").format(number=frame + 1))
        stored, name = _mosaic(instance, data)
        return instance.mosaic.cut(stored, frame), name
    pixels = _checked(instance, frame)
    body = memoryview(body_of(data, instance.transfer_syntax_uid))
    spans = instance.frame_offsets[frame]
    if any(at + length > len(body) for at, length in spans):
        raise _unreadable(_("the pixel data end early"))
    if instance.transfer_syntax_uid in ts.NATIVE:
        at, length = spans[0]
        samples, name = native_samples(instance, pixels, body, at, length, frame), "numpy"
    else:
        frame_data = b"".join(body[at : at + length] for at, length in spans)
        samples, name = _encapsulated(instance, pixels, frame_data)
    if samples.ndim == 2 and pixels.photometric == "PALETTE COLOR":
        if instance.palette is None:
            raise _unreadable(_("its colour palette is missing or broken"))
        samples = rgb_from_palette(samples, instance.palette)
    if samples.ndim == 3 and instance.colour_profile is not None:
        samples = srgb_from(samples, instance.colour_profile, 8 if samples.dtype == np.uint8 else pixels.bits_stored)
    return samples, name


def undecodable(instance: Instance) -> str:
    """Why, by its header, an image makes no picture or not each of its frames does; "" for one that should."""
    try:
        _of_known_kind(instance)
        for frame in range(min(len(instance.frame_offsets), instance.number_of_frames)):
            _checked(instance, frame)
    except UnreadableObject as error:
        return error.detail
    return ""


def _checked(instance: Instance, frame: int) -> PixelDescription:
    """The description of a picture that can be decoded; Unsupported or UnreadableObject, with the reason, otherwise."""
    pixels = _of_known_kind(instance)
    if not 0 <= frame < instance.number_of_frames:
        raise _unreadable(_("there is no frame {number}").format(number=frame + 1))
    if sum(length for _at, length in instance.frame_offsets[frame]) == 0:
        raise _unreadable(_("the pixel data don't hold frame {number} whole").format(number=frame + 1))
    return pixels


def _of_known_kind(instance: Instance) -> PixelDescription:
    """The description of an image of which pictures are made, whatever its frames hold. Raises as `_checked`."""
    pixels, uid = instance.pixels, instance.transfer_syntax_uid
    if pixels is None or not instance.has_pixels:
        raise _unsupported(_("the object has no picture"))
    if uid in ts.VIDEO:
        raise _unsupported(_("it is a video ({kind}), which this program doesn't play").format(kind=ts.VIDEO[uid]))
    if uid not in SUPPORTED_TRANSFER_SYNTAXES:
        named = f"{ts.UNDECODED[uid]}, {uid}" if uid in ts.UNDECODED else quoted_uid(uid)
        raise _unsupported(_("no decoder for transfer syntax {uid}").format(uid=named))
    if pixels.samples_per_pixel not in (1, 3):
        raise _unsupported(_("{count} samples a pixel").format(count=pixels.samples_per_pixel))
    if pixels.float_bits and uid not in ts.NATIVE:
        raise _unsupported(_("floating-point pixels in transfer syntax {uid}").format(uid=uid))
    if instance.rows * instance.columns * pixels.samples_per_pixel > _MOST_SAMPLES:
        raise _unreadable(
            _("it promises {rows} × {columns} pixels").format(rows=instance.rows, columns=instance.columns)
        )
    if instance.modality_table == BROKEN_TABLE:
        raise _unreadable(_("its modality LUT is broken"))
    return pixels


def _unsupported(detail: str) -> Unsupported:
    return Unsupported(_("The picture can't be decoded"), detail)


def _unreadable(detail: str) -> UnreadableObject:
    return UnreadableObject(_("The picture can't be decoded"), detail)


def _fill(out: NDArray[Any], samples: NDArray[Any], pixels: PixelDescription) -> None:
    if out.shape != samples.shape:
        raise ValueError(f"out has shape {out.shape}, the frame {samples.shape}")
    if out.dtype.kind in "iu" and samples.dtype.kind in "iu" and samples.ndim == 2:
        least, greatest = pixels.stored_range
        held = np.iinfo(out.dtype)
        if least < held.min or greatest > held.max:
            raise ValueError(f"{out.dtype} doesn't hold {least} to {greatest}")
        np.copyto(out, samples, casting="unsafe")
    else:
        np.copyto(out, samples, casting="same_kind")


def _encapsulated(instance: Instance, pixels: PixelDescription, data: bytes) -> tuple[NDArray[Any], str]:
    """A compressed frame: grey or palette indices, shape (rows, columns), or RGB; and its decoder's name."""
    uid = instance.transfer_syntax_uid
    if uid in ts.JPEG_2000 | ts.HTJ2K:
        data = jpeg_2000_codestream(data)
    stream = Codestream(data, instance.rows, instance.columns, pixels)
    header = _stream_header(uid, data)
    if uid in ts.JPEG_2000 | ts.HTJ2K and header is not None and header.complete:
        stream = replace(stream, data=jpeg_2000_ended(data))
    if header is not None:
        _check_stream(header, stream)
    reasons = []
    for decoder in DECODERS[uid]:
        if reason := decoder.missing():
            reasons.append(f"{decoder.name}: {reason}")
            continue
        try:
            samples = decoder_processes.decode(uid, decoder, stream)
        except (RuntimeError, ValueError, TypeError, MemoryError, ImportError, OSError, IndexError) as error:
            reasons.append(f"{decoder.name}: {_one_line(error)}")
            continue
        if samples.shape != stream.shape or samples.dtype.kind not in "iu":
            got = "×".join(str(size) for size in samples.shape)
            reasons.append(_("{decoder}: the code stream has shape {got}").format(decoder=decoder.name, got=got))
            continue
        if header is not None and header.precision > pixels.bits_stored and (header.lossy or _truncated(uid, pixels)):
            samples = clipped(samples, pixels, header.precision)
        typed = words(samples, pixels)
        stored = _stored_bits(uid, header, pixels)
        own = typed.flags.writeable and typed.flags.c_contiguous
        values = stored_values(typed, pixels, shifted=uid in ts.RLE, stored=stored, own=own)
        if values.ndim == 2:
            return values, decoder.name
        return coloured(np.ascontiguousarray(values), pixels, converted=_converted(uid, header)), decoder.name
    raise _unreadable("; ".join(reasons))


def _stream_header(uid: str, data: bytes) -> StreamHeader | None:
    """What the code stream says of itself, where it is of a kind that is looked into."""
    if uid in ts.JPEG | ts.JPEG_LS:
        return jpeg_header(data)
    if uid in ts.JPEG_2000 | ts.HTJ2K:
        return jpeg_2000_header(data)
    return None


def _check_stream(header: StreamHeader, stream: Codestream) -> None:
    """Refuse a code stream that can't be the picture of this header, before a decoder makes room for it."""
    # a JPEG's number of rows may stand behind the first scan (DNL)
    if header.columns != stream.columns or header.rows not in (stream.rows, 0):
        got = f"{header.rows}×{header.columns}"
        raise _unreadable(
            _("the header says {rows}×{columns} pixels, the code stream {got}").format(
                rows=stream.rows, columns=stream.columns, got=got
            )
        )
    if header.samples != stream.pixels.samples_per_pixel:
        raise _unreadable(
            _("the header says {count} samples a pixel, the code stream {got}").format(
                count=stream.pixels.samples_per_pixel, got=header.samples
            )
        )
    if header.precision > stream.pixels.bits_allocated:
        raise _unreadable(
            _("the header allows {count} bits, the code stream has {got}").format(
                count=stream.pixels.bits_allocated, got=header.precision
            )
        )
    if not header.complete:
        raise _unreadable(_("the code stream ends early"))


def _truncated(uid: str, pixels: PixelDescription) -> bool:
    """Whether a reversible code may have been cut to fewer bits than it needs to be lossless."""
    return pixels.lossy and uid in ts.JPEG_2000 | ts.HTJ2K


def _stored_bits(uid: str, header: StreamHeader | None, pixels: PixelDescription) -> int:
    """Bits Stored, or the code stream's own where it has fewer and can't have the header's sign.

    A negative value that was coded without its sign is negative at the code stream's width, not at the header's. JPEG
    has no sign either, but its encoders take the least width that holds the values, so that its width says nothing.
    """
    if header is None or uid in ts.JPEG or header.precision >= pixels.bits_stored:
        return pixels.bits_stored
    if bool(header.signed) == pixels.signed:
        return pixels.bits_stored
    logger.debug("a code stream of %d bits under a header of %d has another sign", header.precision, pixels.bits_stored)
    return header.precision


def _converted(uid: str, header: StreamHeader | None) -> bool:
    """Whether the decoder has turned luma and chroma back into RGB, so that it must not be done again."""
    if uid in ts.JPEG:
        # by the code, not by the transfer syntax: some objects name the wrong process
        return header is not None and header.lossy
    if uid in ts.JPEG_XL:
        return True
    return uid in ts.JPEG_2000 | ts.HTJ2K and header is not None and header.transformed is True


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:117]}…"

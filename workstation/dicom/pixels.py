"""One frame's stored values from its bytes: found by the offsets of the header, decoded, masked and sign-extended.

What comes out are stored values; rescale, windows and polarity belong to `imaging`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom import decoder_processes
from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.colour import rgb_from_palette, rgb_from_ybr_full, rgb_from_ybr_partial, ybr_422_expanded
from workstation.dicom.decoders import DECODERS, Codestream
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.part10 import EXPLICIT_BIG, body_of
from workstation.errors import UnreadableObject
from workstation.language import _

SUPPORTED_TRANSFER_SYNTAXES: tuple[str, ...] = tuple(sorted(ts.NATIVE | set(DECODERS)))
"""Transfer syntaxes whose frames `decode_frame` can decode."""

_MOST_SAMPLES = 1 << 29


def decode_frame(instance: Instance, data: bytes, frame: int = 0, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Stored values of a frame, counted from 0, from the object's Part 10 bytes.

    Grey: shape (rows, columns), the smallest integer type that holds Bits Allocated, signed by Pixel Representation, or
    float. Colour: shape (rows, columns, 3), RGB, uint8 (uint16 for RGB of more bits), palette expanded. With `out` (of
    that shape) the values are written there and `out` is returned; its type must hold every value the header allows.

    Raises UnreadableObject, with each decoder's reason, when there is no picture or it can't be decoded.
    """
    return decode_frame_named(instance, data, frame, out)[0]


def decode_frame_named(
    instance: Instance, data: bytes, frame: int = 0, out: NDArray[Any] | None = None
) -> tuple[NDArray[Any], str]:
    """As `decode_frame`, with the name of the decoder that did it."""
    pixels = instance.pixels
    if pixels is None or not instance.has_pixels:
        raise _unreadable(_("the object has no picture"))
    if instance.transfer_syntax_uid in ts.VIDEO:
        raise _unreadable(_("video ({uid}) can't be decoded").format(uid=instance.transfer_syntax_uid))
    if instance.transfer_syntax_uid not in SUPPORTED_TRANSFER_SYNTAXES:
        raise _unreadable(_("no decoder for transfer syntax {uid}").format(uid=instance.transfer_syntax_uid))
    if pixels.samples_per_pixel not in (1, 3):
        raise _unreadable(_("{count} samples a pixel").format(count=pixels.samples_per_pixel))
    if not 0 <= frame < instance.number_of_frames:
        raise _unreadable(_("there is no frame {number}").format(number=frame + 1))
    if instance.rows * instance.columns * pixels.samples_per_pixel > _MOST_SAMPLES:
        raise _unreadable(
            _("it promises {rows} × {columns} pixels").format(rows=instance.rows, columns=instance.columns)
        )
    spans = instance.frame_offsets[frame]
    if not spans or sum(length for _at, length in spans) == 0:
        raise _unreadable(_("the pixel data hold nothing for frame {number}").format(number=frame + 1))
    body = memoryview(body_of(data, instance.transfer_syntax_uid))
    if any(at + length > len(body) for at, length in spans):
        raise _unreadable(_("the pixel data end early"))
    if instance.transfer_syntax_uid in ts.NATIVE:
        at, length = spans[0]
        samples, name = _native(instance, pixels, body, at, length, frame), "numpy"
    else:
        samples, name = _encapsulated(instance, pixels, b"".join(body[at : at + length] for at, length in spans))
    if out is None:
        return samples, name
    _fill(out, samples, pixels)
    return out, name


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


def _native(
    instance: Instance, pixels: PixelDescription, body: memoryview, at: int, length: int, frame: int
) -> NDArray[Any]:
    rows, columns, samples = instance.rows, instance.columns, pixels.samples_per_pixel
    order = ">" if instance.transfer_syntax_uid == EXPLICIT_BIG else "<"
    if pixels.float_bits:
        values = np.frombuffer(body, f"{order}f{pixels.float_bits // 8}", rows * columns, at)
        return values.reshape(rows, columns).astype(values.dtype.newbyteorder("="), copy=False)
    if pixels.bits_allocated == 1:
        first = frame * rows * columns % 8
        bits = np.unpackbits(np.frombuffer(body, np.uint8, length, at), bitorder="little")
        return bits[first : first + rows * columns].reshape(rows, columns)
    if pixels.bits_allocated not in (8, 16, 32, 64):
        raise _unreadable(_("{count} bits allocated").format(count=pixels.bits_allocated))
    dtype = np.dtype(f"{order}u{pixels.bits_allocated // 8}")
    if pixels.swapped_bytes:
        even = np.frombuffer(body, np.uint8, min(length + length % 2, len(body) - at), at)
        raw: NDArray[Any] = even[: len(even) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)[:length]
    else:
        raw = np.frombuffer(body, dtype, length // dtype.itemsize, at)
    raw = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if samples == 1:
        return _presentable(instance, _bits(raw.reshape(rows, columns), pixels, shifted=True), pixels)
    if pixels.photometric == "YBR_FULL_422" and raw.size < rows * columns * 3:
        if columns % 2:
            raise _unreadable(_("4:2:2 chroma with an odd number of columns"))
        return rgb_from_ybr_full(ybr_422_expanded(raw.astype(np.uint8, copy=False), rows, columns))
    planar = pixels.planar == 1
    triples = raw.reshape(3, rows, columns).transpose(1, 2, 0) if planar else raw.reshape(rows, columns, 3)
    return _coloured(np.ascontiguousarray(triples), pixels)


def _encapsulated(instance: Instance, pixels: PixelDescription, data: bytes) -> tuple[NDArray[Any], str]:
    stream = Codestream(data, instance.rows, instance.columns, pixels)
    uid = instance.transfer_syntax_uid
    reasons = []
    for decoder in DECODERS[uid]:
        try:
            samples = decoder_processes.decode(uid, decoder, stream)
        except (RuntimeError, ValueError, TypeError, MemoryError, ImportError, OSError, IndexError) as error:
            reasons.append(f"{decoder.name}: {_one_line(error)}")
            continue
        if samples.shape != stream.shape or samples.dtype.kind not in "iu":
            got = "×".join(str(size) for size in samples.shape)
            reasons.append(_("{decoder}: the code stream has shape {got}").format(decoder=decoder.name, got=got))
            continue
        if samples.ndim == 2:
            typed = _typed(samples, pixels)
            return _presentable(instance, _bits(typed, pixels, shifted=uid in ts.RLE), pixels), decoder.name
        if uid in ts.JPEG_BASELINE | ts.JPEG_EXTENDED | ts.JPEG_PROGRESSIVE or (
            uid in ts.JPEG_2000 | ts.HTJ2K and _component_transform(data)
        ):
            return np.ascontiguousarray(samples), decoder.name
        return _coloured(np.ascontiguousarray(samples), pixels), decoder.name
    raise _unreadable("; ".join(reasons))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:117]}…"


def _component_transform(data: bytes) -> bool:
    """Whether a JPEG 2000 code stream says (in COD) that its decoder gives back RGB (ISO 15444-1 A.6.1)."""
    at = data.find(b"\xff\x52")
    return at >= 0 and data[at + 8 : at + 9] == b"\x01"


def _typed(samples: NDArray[Any], pixels: PixelDescription) -> NDArray[Any]:
    """Samples in the unsigned type of Bits Allocated, bit patterns kept (a signed code stream is sign-extended)."""
    wanted = 1 if pixels.bits_allocated <= 8 else 2 if pixels.bits_allocated <= 16 else 4
    size = max(wanted, samples.dtype.itemsize)
    if samples.dtype.itemsize != size:
        samples = samples.astype(f"{samples.dtype.kind}{size}")
    return samples.view(f"u{size}")


def _bits(values: NDArray[Any], pixels: PixelDescription, *, shifted: bool) -> NDArray[Any]:
    """Unsigned words to stored values: High Bit aligned, what lies above cut off, the sign extended (PS3.5 8.1.1).

    `shifted` says whether Bits Stored sit below High Bit in the word; code streams are right-aligned already.
    """
    allocated = values.dtype.itemsize * 8
    stored = min(pixels.bits_stored, allocated)
    above = allocated - stored
    high = pixels.high_bit if shifted and stored - 1 <= pixels.high_bit < allocated else stored - 1
    if above == 0:
        return values.view(f"i{allocated // 8}") if pixels.signed else values
    left = allocated - 1 - high
    if pixels.signed:
        raised = (values << left) if left else values.copy()
        signed: NDArray[Any] = raised.view(f"i{allocated // 8}")
        signed >>= above
        return signed
    result: NDArray[Any] = values << left
    result >>= above
    return result


def _presentable(instance: Instance, values: NDArray[Any], pixels: PixelDescription) -> NDArray[Any]:
    """One-sample values: palette indices become RGB, grey stays as it is."""
    if pixels.photometric != "PALETTE COLOR":
        return values
    if instance.palette is None:
        raise _unreadable(_("its colour palette is missing or broken"))
    return rgb_from_palette(values, instance.palette)


def _coloured(samples: NDArray[Any], pixels: PixelDescription) -> NDArray[Any]:
    """Three-sample values to RGB by the photometric interpretation."""
    photometric = pixels.photometric
    if photometric in ("RGB", "YBR_RCT", "YBR_ICT"):
        return samples
    if samples.dtype.itemsize != 1:
        raise _unreadable(_("{name} of more than 8 bits").format(name=photometric))
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return rgb_from_ybr_full(samples)
    if photometric in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        return rgb_from_ybr_partial(samples)
    raise _unreadable(_("unknown photometric interpretation"))

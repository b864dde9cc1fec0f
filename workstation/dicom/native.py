"""Frames that are not compressed: words of the file to stored values or RGB (PS3.5 8.1.1, 8.2, D.3).

Byte order, words of 1, 8, 16, 32 and 64 bits, float and double, planes or triples, sub-sampled chroma.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.colour import coloured, rgb_from_ybr_full, rgb_from_ybr_partial, ybr_422_expanded
from workstation.dicom.frames import SUBSAMPLED
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.stored_values import stored_values
from workstation.dicom.transfer_syntaxes import EXPLICIT_BIG
from workstation.errors import Unsupported
from workstation.language import _


def native_samples(
    instance: Instance, pixels: PixelDescription, body: memoryview, at: int, length: int, frame: int
) -> NDArray[Any]:
    """Frame `frame`, whose bytes begin at `at` in `body`: grey or palette indices, shape (rows, columns), or RGB.

    The array may be a read-only view of `body`. Raises Unsupported for a layout that has no meaning.
    """
    rows, columns, samples = instance.rows, instance.columns, pixels.samples_per_pixel
    order = ">" if instance.transfer_syntax_uid == EXPLICIT_BIG else "<"
    if pixels.float_bits:
        values = np.frombuffer(body, f"{order}f{pixels.float_bits // 8}", rows * columns, at)
        return values.reshape(rows, columns).astype(values.dtype.newbyteorder("="), copy=False)
    if pixels.bits_allocated == 1:
        first = frame * rows * columns % 8
        bits = np.unpackbits(_bytes(instance, pixels, body, at, length), bitorder="little")
        return bits[first : first + rows * columns].reshape(rows, columns)
    if pixels.bits_allocated not in (8, 16, 32, 64):
        raise _refusal(_("{count} bits allocated").format(count=pixels.bits_allocated))
    if pixels.bits_allocated == 8:
        words: NDArray[Any] = _bytes(instance, pixels, body, at, length)
    else:
        dtype = np.dtype(f"{order}u{pixels.bits_allocated // 8}")
        words = np.frombuffer(body, dtype, length // dtype.itemsize, at)
        words = words.astype(words.dtype.newbyteorder("="), copy=False)
    if samples == 1:
        return stored_values(words.reshape(rows, columns), pixels, shifted=True)
    if pixels.photometric in SUBSAMPLED and words.size < rows * columns * 3:
        if columns % 2 or pixels.bits_allocated != 8:
            raise _refusal(_("4:2:2 chroma with an odd number of columns or of more than 8 bits"))
        expanded = ybr_422_expanded(words, rows, columns)
        return rgb_from_ybr_full(expanded) if pixels.photometric == "YBR_FULL_422" else rgb_from_ybr_partial(expanded)
    planar = pixels.planar == 1
    triples = words.reshape(3, rows, columns).transpose(1, 2, 0) if planar else words.reshape(rows, columns, 3)
    return coloured(stored_values(np.ascontiguousarray(triples), pixels, shifted=True), pixels)


def _bytes(instance: Instance, pixels: PixelDescription, body: memoryview, at: int, length: int) -> NDArray[np.uint8]:
    """Bytes in their order in the picture; in big-endian words each two stand the other way round (PS3.5 D.3)."""
    if not pixels.swapped_bytes:
        return np.frombuffer(body, np.uint8, length, at)
    # words count from the first byte of the pixel data, not of the frame
    first = at - (at - instance.frame_offsets[0][0][0]) % 2
    last = min(at + length + (at + length - first) % 2, len(body))
    words = np.frombuffer(body, np.uint8, (last - first) // 2 * 2, first).reshape(-1, 2)
    return words[:, ::-1].reshape(-1)[at - first : at - first + length]


def _refusal(detail: str) -> Unsupported:
    return Unsupported(_("The picture can't be decoded"), detail)

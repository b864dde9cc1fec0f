"""Words to stored values (PS3.5 8.1.1): High Bit aligned, what is not stored cut off, the sign extended.

Nothing here knows how the words came: they are native, or a decoder's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.instance import PixelDescription


def words(samples: NDArray[Any], pixels: PixelDescription) -> NDArray[Any]:
    """A decoder's samples in the unsigned type of Bits Allocated, bit patterns kept (signed ones are extended)."""
    wanted = 1 if pixels.bits_allocated <= 8 else 2 if pixels.bits_allocated <= 16 else 4
    size = max(wanted, samples.dtype.itemsize)
    if samples.dtype.itemsize != size:
        samples = samples.astype(f"{samples.dtype.kind}{size}")
    return samples.view(f"u{size}")


def clipped(samples: NDArray[Any], pixels: PixelDescription, precision: int) -> NDArray[Any]:
    """Samples of a lossy code of more bits than are stored, kept within those: cut off, 4096 would become 0.

    Signed values that were coded without their sign count at the code's width, unless none is negative there: then
    they were coded at the width of the stored ones.
    """
    if pixels.signed and samples.dtype.kind == "u":
        size = samples.dtype.itemsize
        extended = (samples << (size * 8 - precision)).view(f"i{size}") >> (size * 8 - precision)
        if extended.min(initial=0) >= 0:
            return samples
        samples = extended
    elif not pixels.signed and samples.dtype.kind == "i":
        return samples
    low, high = pixels.stored_range
    kept: NDArray[Any] = np.clip(samples, low, high)
    return kept


def stored_values(
    values: NDArray[Any], pixels: PixelDescription, *, shifted: bool, stored: int | None = None, own: bool = False
) -> NDArray[Any]:
    """Unsigned words of any shape to stored values, signed by Pixel Representation where there is one sample.

    `shifted` says whether Bits Stored sit below High Bit in the word; code streams are right-aligned already. `stored`
    replaces Bits Stored. With `own` the words may be overwritten.
    """
    allocated = values.dtype.itemsize * 8
    count = min(stored or pixels.bits_stored, allocated)
    above = allocated - count
    signed = pixels.signed and pixels.samples_per_pixel == 1
    kind = f"i{allocated // 8}" if signed else f"u{allocated // 8}"
    if above == 0:
        return values.view(kind)
    high = pixels.high_bit if shifted and count - 1 <= pixels.high_bit < allocated else count - 1
    target = values if own else None
    if high == count - 1 and not signed:
        kept: NDArray[Any] = np.bitwise_and(values, (1 << count) - 1, out=target)
        return kept
    raised = np.left_shift(values, allocated - 1 - high, out=target)
    result: NDArray[Any] = raised.view(kind)
    result >>= above
    return result

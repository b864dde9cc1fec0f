"""A contrast image less its mask: digital subtraction angiography (PS3.3 C.7.6.10.1).

X-rays are weakened by factors, so what a vessel adds is a difference of logarithms; values that are linear in the
intensity become logarithms first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


def subtracted(
    contrast: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any]], shift: tuple[float, ...], *, logarithmic: bool
) -> Values:
    """Mean of the contrast frames less the mean of the masks, float32 of the frames' shape (rows, columns).

    The mask is moved by `shift` (rows down, columns to the right, fractions by linear interpolation); where it has
    moved away the result is NaN. Unless the values are `logarithmic`, the result is ln(contrast) − ln(mask), and values
    below 1 count as 1.
    """
    image, mask = _mean(contrast), _moved(_mean(masks), shift)
    if not logarithmic:
        image, mask = np.log(np.maximum(image, 1)), np.log(np.maximum(mask, 1))
    return (image - mask).astype(np.float32)


def _mean(frames: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean([np.asarray(frame, np.float64) for frame in frames], axis=0)
    return mean


def _moved(image: NDArray[np.float64], shift: tuple[float, ...]) -> NDArray[np.float64]:
    for axis, distance in enumerate(shift):
        image = _moved_along(image, axis, distance)
    return image


def _moved_along(image: NDArray[np.float64], axis: int, distance: float) -> NDArray[np.float64]:
    """The image moved onwards along an axis; NaN where nothing came."""
    if distance == 0:
        return image
    size = image.shape[axis]
    source = np.arange(size) - distance
    below = np.floor(source).astype(np.intp)
    part = source - below
    above = below + (part > 0)
    there = (below >= 0) & (above <= size - 1)
    before, after = (np.take(image, np.clip(at, 0, size - 1), axis=axis) for at in (below, above))
    along = (-1, 1) if axis == 0 else (1, -1)
    moved = before + (after - before) * part.reshape(along)
    return np.where(there.reshape(along), moved, np.nan)

"""Stored values to modality values as numbers to compute with: exact integers where the header keeps them, else double.

A `Volume` holds what a picture needs; whoever takes values away to calculate with them gets all digits.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.instance import PixelDescription
from workstation.imaging.volume import SliceTransform


def modality_type(pixels: PixelDescription, transforms: Iterable[SliceTransform]) -> "np.dtype[Any]":
    """The type that holds the modality values of frames exactly (PS3.3 C.11.1): the smallest integer one, or float64.

    Colour stays as `decode_frame` gives it: unsigned, uint8 for a palette.
    """
    if pixels.colour:
        eight = pixels.bits_allocated <= 8 or pixels.photometric == "PALETTE COLOR"
        return np.dtype(np.uint8 if eight else np.uint16 if pixels.bits_allocated <= 16 else np.uint32)
    ends = []
    for transform in transforms:
        if transform.table is not None:
            ends += [0, int(transform.table.values.max(initial=0))]
            continue
        if pixels.float_bits or not transform.integral:
            return np.dtype(np.float64)
        ends += [value * int(transform.slope) + int(transform.intercept) for value in pixels.stored_range]
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64):
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.float64)


def modality_values(stored: NDArray[Any], transform: SliceTransform, dtype: "np.dtype[Any]") -> NDArray[Any]:
    """Stored values of a frame as modality values of `dtype` (`modality_type`), padding included, the same shape."""
    if transform.table is not None:
        return transform.table.entries_for(stored.astype(np.int64)).astype(dtype)
    if transform.slope == 1.0 and transform.intercept == 0.0:
        return stored.astype(dtype)
    if dtype.kind == "f":
        values: NDArray[Any] = np.multiply(stored, transform.slope, dtype=np.float64) + transform.intercept
        return values
    return (stored.astype(np.int64) * int(transform.slope) + int(transform.intercept)).astype(dtype)

"""Modality values to grey: the VOI transforms of PS3.3 C.11.2, evaluated as the standard writes them.

Polarity comes after the VOI, on the way to the display only; padding stays black whatever the polarity.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.lut import VoiFunction, VoiTable, Window
from workstation.language import N_

__all__ = ["AUTO", "Voi", "VoiFunction", "VoiTable", "Window", "auto_window", "grey", "lookup", "to_grey"]

Voi = Window | VoiTable
Grey = NDArray[np.uint8]

AUTO = N_("auto")
"""The explanation of a window that no header gave."""


def grey(values: NDArray[Any], voi: Voi) -> NDArray[np.float64]:
    """Modality values through the VOI to 0.0 … 255.0, not yet rounded (ymin 0, ymax 255 in the standard's formulas).

    A LINEAR width below 1, which the standard forbids and files have, counts as 1. Table inputs are rounded first.
    """
    x = np.asarray(values, dtype=np.float64)
    if isinstance(voi, VoiTable):
        entries = voi.entries_for(np.rint(x)).astype(np.float64)
        return entries * (255.0 / ((1 << voi.bits) - 1))
    if voi.function == "SIGMOID":
        with np.errstate(over="ignore"):
            falling: NDArray[np.float64] = np.exp(-4.0 * (x - voi.center) / voi.width)
        return 255.0 / (1.0 + falling)
    if voi.function == "LINEAR_EXACT":
        low, high = voi.center - voi.width / 2, voi.center + voi.width / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            y = ((x - voi.center) / voi.width + 0.5) * 255.0
    else:
        middle, span = voi.center - 0.5, max(voi.width, 1.0) - 1.0
        low, high = middle - span / 2, middle + span / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            y = ((x - middle) / span + 0.5) * 255.0
    return np.where(x <= low, 0.0, np.where(x > high, 255.0, y))


def _rounded(values: NDArray[np.float64], invert: bool) -> Grey:
    result = np.floor(np.clip(values, 0.0, 255.0) + 0.5).astype(np.uint8)
    return 255 - result if invert else result


@functools.lru_cache(maxsize=32)
def lookup(voi: Voi, lowest: int, highest: int, invert: bool = False) -> Grey:
    """The grey of each integer modality value from `lowest` to `highest`, inclusive; read-only, entry 0 is `lowest`."""
    table = _rounded(grey(np.arange(lowest, highest + 1), voi), invert)
    table.flags.writeable = False
    return table


@functools.lru_cache(maxsize=32)
def _wrapped(voi: Voi, invert: bool) -> Grey:
    """A table for all int16 values, indexed by their bits read as uint16."""
    table = np.roll(lookup(voi, -32768, 32767, invert), -32768)
    table.flags.writeable = False
    return table


def to_grey(
    values: NDArray[Any], voi: Voi, invert: bool = False, padding_mask: NDArray[np.bool_] | None = None
) -> Grey:
    """Modality values, any shape, to 8-bit grey of the same shape; `padding_mask` is True where black must stay."""
    if values.dtype == np.int16:
        result: Grey = _wrapped(voi, invert).take(values.view(np.uint16))
    elif values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        held = np.iinfo(values.dtype)
        result = lookup(voi, held.min, held.max, invert).take(values.astype(np.int32) - held.min)
    elif isinstance(voi, Window) and voi.function != "SIGMOID":
        result = _linear(values, voi, invert)
    else:
        result = _rounded(grey(values, voi), invert)
    if padding_mask is not None:
        result[padding_mask] = 0
    return result


def _linear(values: NDArray[Any], voi: Window, invert: bool) -> Grey:
    """LINEAR and LINEAR_EXACT of floats in one pass; a span of nothing is a step."""
    exact = voi.function == "LINEAR_EXACT"
    centre = voi.center if exact else voi.center - 0.5
    span = voi.width if exact else max(voi.width, 1.0) - 1.0
    if span <= 0:
        return _rounded(np.where(values <= centre, 0.0, 255.0), invert)
    scale = 255.0 / span
    # + 0.5 rounds to nearest when the fraction is cut off
    scaled = np.multiply(values, scale, dtype=np.float32)
    scaled += np.float32(127.5 - centre * scale + 0.5)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    result: Grey = np.nan_to_num(scaled, copy=False).astype(np.uint8)
    return 255 - result if invert else result


def auto_window(values: NDArray[Any], padding_mask: NDArray[np.bool_] | None = None) -> Window:
    """A window from the 0.5th to the 99.5th percentile of values that are no padding, explained as `auto`."""
    real = values[~padding_mask] if padding_mask is not None else values.reshape(-1)
    if real.dtype.kind == "f":
        real = real[np.isfinite(real)]
    if real.size == 0:
        return Window(0.5, 1.0, "LINEAR_EXACT", AUTO)
    # a picture's percentiles don't change with every tenth pixel
    sample = real[:: max(1, real.size // 200_000)]
    low, high = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    if high <= low:
        low, high = float(real.min()), float(real.max())
    return Window((low + high) / 2, max(high - low, 1e-6 if real.dtype.kind == "f" else 1.0), "LINEAR_EXACT", AUTO)

"""Colour samples to RGB (PS3.3 C.7.6.3.1.2), each conversion exactly once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.lut import Palette

Bytes = NDArray[np.uint8]


def rgb_from_ybr_full(samples: NDArray[Any]) -> Bytes:
    """8-bit YBR_FULL, shape (rows, columns, 3), to RGB by the inverse of PS3.3 C.7.6.3.1.2, rounded and clipped."""
    luma = samples[..., 0].astype(np.float32)
    blue = samples[..., 1].astype(np.float32) - 128.0
    red = samples[..., 2].astype(np.float32) - 128.0
    result = np.empty(samples.shape, np.float32)
    result[..., 0] = luma + 1.402 * red
    result[..., 1] = luma - 0.344136 * blue - 0.714136 * red
    result[..., 2] = luma + 1.772 * blue
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def rgb_from_ybr_partial(samples: NDArray[Any]) -> Bytes:
    """8-bit YBR_PARTIAL_*: luma 16 to 235, chroma 16 to 240 (ITU-R BT.601)."""
    full = samples.astype(np.float32)
    full[..., 0] = (full[..., 0] - 16) * (255 / 219)
    full[..., 1:] = (full[..., 1:] - 128) * (255 / 224) + 128
    return rgb_from_ybr_full(full)


def ybr_422_expanded(raw: NDArray[np.uint8], rows: int, columns: int) -> Bytes:
    """Native YBR_FULL_422, stored Y₁ Y₂ Cb Cr for two neighbouring pixels, to one triple a pixel."""
    pairs = raw[: rows * columns * 2].reshape(-1, 4)
    result = np.empty((pairs.shape[0], 2, 3), np.uint8)
    result[:, :, 0] = pairs[:, :2]
    result[:, :, 1:] = pairs[:, None, 2:]
    return result.reshape(rows, columns, 3)


def rgb_from_palette(indices: NDArray[Any], palette: Palette) -> Bytes:
    """Palette indices to 8-bit RGB; entries of more than 8 bits lose their low ones (PS3.3 C.7.9)."""
    result = np.empty((*indices.shape, 3), np.uint8)
    for channel, table in enumerate((palette.red, palette.green, palette.blue)):
        entries: NDArray[Any] = table.values
        # a 16-bit table with nothing above 255 is an 8-bit one under a wrong descriptor
        if table.bits > 8 and int(entries.max(initial=0)) > 255:
            entries = entries >> (table.bits - 8)
        at = np.clip(indices.astype(np.int64) - table.first_mapped, 0, len(entries) - 1)
        result[..., channel] = entries.astype(np.uint8)[at]
    return result

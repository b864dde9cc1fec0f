"""Colour samples to RGB (PS3.3 C.7.6.3.1.2), each conversion exactly once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.instance import PixelDescription
from workstation.dicom.lut import Palette
from workstation.errors import Unsupported
from workstation.language import _

Bytes = NDArray[np.uint8]

# tristimulus values of white, and what turns those of a colour into linear sRGB, whose white is D65
_WHITES = {
    # by Bradford's adaptation
    "D50": (
        (0.9642, 1.0, 0.8249),
        ((3.1338561, -1.6168667, -0.4906146), (-0.9787684, 1.9161415, 0.0334540), (0.0719453, -0.2289914, 1.4052427)),
    ),
    "D65": (
        (0.95047, 1.0, 1.08883),
        ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252)),
    ),
}


def coloured(samples: NDArray[Any], pixels: PixelDescription, *, converted: bool = False) -> NDArray[Any]:
    """Three samples a pixel to RGB by the photometric interpretation: uint8 where Bits Stored fit.

    `converted` says that a decoder gave back RGB already, whatever the header calls the code stream. A YBR_RCT or
    YBR_ICT whose code stream says that it has no transform holds RGB. Raises Unsupported for an interpretation that
    has no meaning here.
    """
    photometric = pixels.photometric
    if pixels.bits_stored <= 8:
        samples = samples.astype(np.uint8, copy=False)
    if converted or photometric in ("RGB", "YBR_RCT", "YBR_ICT"):
        return samples
    if photometric not in ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        raise _refusal(_("unknown photometric interpretation"))
    if samples.dtype.itemsize != 1:
        raise _refusal(_("{name} of more than 8 bits").format(name=photometric))
    if photometric.startswith("YBR_FULL"):
        return rgb_from_ybr_full(samples)
    return rgb_from_ybr_partial(samples)


def _refusal(detail: str) -> Unsupported:
    return Unsupported(_("The picture can't be decoded"), detail)


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


def rgb_of_lab(lightness: float, a: float, b: float, *, white: str = "D50") -> tuple[int, int, int]:
    """CIELab of 16 bits as DICOM stores it (PS3.3 C.10.7.1.1, white D50) to 8-bit sRGB; some writers take D65."""
    light, green_red, blue_yellow = lightness / 65535 * 100, a / 257 - 128, b / 257 - 128
    fy = (light + 16) / 116
    roots = np.array([fy + green_red / 500, fy, fy - blue_yellow / 200])
    tristimulus, to_linear = (np.array(part) for part in _WHITES[white])
    linear = to_linear @ (tristimulus * np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29)))
    linear = np.clip(linear, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(value * 255)) for value in curved)
    return red, green, blue

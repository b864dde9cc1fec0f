"""The ICC profile of a colour picture (PS3.3 C.11.15), and its colours turned into sRGB.

A profile is kept with the header only where it makes a difference: most are sRGB under some name. A profile that can't
be used is told, and the picture is shown with its colours as they stand.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.text import Header
from workstation.language import _

_LARGEST = 1 << 18
_SAME = 2


@dataclass(frozen=True)
class ColourProfile:
    """A profile whose colours are not sRGB's. `data` is empty when it can't be used, and `fault` says why."""

    data: bytes = field(default=b"", repr=False)
    fault: str = ""


def colour_profile_of(header: Header, *, colour: bool) -> ColourProfile | None:
    """The ICC Profile (0028,2000) of a colour picture; None without one, or when it is sRGB within two grey levels."""
    raw = header.raw(0x00282000)
    if raw is None or not colour or header.text(0x00282002) == "SRGB":
        return None
    size = int.from_bytes(raw[:4], "big")
    if raw[36:40] != b"acsp" or not 128 <= size <= len(raw):
        return ColourProfile(fault=_("its colour profile is broken"))
    if raw[16:20] != b"RGB ":
        return ColourProfile(fault=_("its colour profile is not one of RGB"))
    if size > _LARGEST:
        return ColourProfile(fault=_("its colour profile is too large"))
    profile = ColourProfile(raw[:size])
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    try:
        shown = srgb_from(probe, profile)
    except (RuntimeError, ValueError):
        return ColourProfile(fault=_("its colour profile is broken"))
    return None if np.abs(shown.astype(int) - probe).max() <= _SAME else profile


def srgb_from(rgb: NDArray[Any], profile: ColourProfile, bits: int = 8) -> NDArray[Any]:
    """RGB, shape (rows, columns, 3), uint8 or uint16 of `bits` bits, in sRGB: same shape, type and bits.

    A profile that can't be used leaves the picture as it is. Raises RuntimeError when the profile turns out broken.
    """
    if not profile.data or rgb.dtype not in (np.uint8, np.uint16):
        return rgb
    import imagecodecs

    spare = rgb.dtype.itemsize * 8 - bits
    full = np.ascontiguousarray(rgb << spare if spare else rgb)
    turned: NDArray[Any] = imagecodecs.cms_transform(
        full, profile.data, imagecodecs.cms_profile("srgb"), colorspace="RGB", outcolorspace="RGB"
    )
    return turned >> spare if spare else turned

"""Overlay planes (groups 60xx): one-bit graphics that lie over an image, in their own element or in spare pixel bits.

The header keeps where a plane lies and for which frames; its bits are read from the object when they are to be seen,
because an index of a million instances has no room for bitmaps. PS3.3 C.9.2, PS3.5 8.1.2.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.instance import Instance
from workstation.dicom.overlay_planes import OverlayPlane
from workstation.dicom.part10 import open_part10
from workstation.dicom.pixels import decode_frame
from workstation.errors import UnreadableObject
from workstation.language import _

Bits = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OverlayBits:
    """The bits of a plane for one frame, shape (rows, columns), read-only, and the plane they belong to."""

    plane: OverlayPlane
    bits: Bits


def overlay_bits(instance: Instance, data: bytes, plane: OverlayPlane, frame: int = 0) -> OverlayBits | None:
    """The bits of a plane over a frame, counted from 0; None where the plane has nothing for that frame.

    Raises UnreadableObject when the plane promises more than the object holds, or names bits that belong to the pixels.
    """
    at = plane.frame_for(frame)
    if at is None:
        return None
    bits = _embedded(instance, data, plane, frame) if plane.embedded else _standalone(data, plane, at)
    bits.flags.writeable = False
    return OverlayBits(plane, bits)


def plane_bits(raw: bytes, little_endian: bool, rows: int, columns: int, frame: int = 0) -> Bits:
    """One frame out of Overlay Data (60xx,3000): packed without gaps, the first pixel in the lowest bit."""
    size = rows * columns
    words = np.frombuffer(raw, np.uint8)
    if not little_endian:
        # OW in big endian: the bytes of each word change places
        words = words[: len(words) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    first, last = frame * size, (frame + 1) * size
    if last > 8 * len(words):
        raise _unreadable(_("its data end early"))
    packed = words[first // 8 : -(-last // 8)]
    found = np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + size]
    return found.reshape(rows, columns).astype(np.bool_)


def _standalone(data: bytes, plane: OverlayPlane, frame: int) -> Bits:
    header = open_part10(data).header
    tag = plane.group << 16 | 0x3000
    raw = header.raw(tag)
    if raw is None:
        raise _unreadable(_("its data are missing"))
    return plane_bits(raw, header.little_endian, plane.rows, plane.columns, frame)


def _embedded(instance: Instance, data: bytes, plane: OverlayPlane, frame: int) -> Bits:
    pixels = instance.pixels
    if pixels is None or pixels.samples_per_pixel != 1 or pixels.float_bits:
        raise _unreadable(_("there are no pixel bits for it"))
    lowest = pixels.high_bit + 1 - pixels.bits_stored
    if not 0 <= plane.bit_position < pixels.bits_allocated or lowest <= plane.bit_position <= pixels.high_bit:
        raise _unreadable(_("its bit belongs to the pixels"))
    # the words as they are stored: every bit counts, none is a sign
    whole = replace(pixels, bits_stored=pixels.bits_allocated, high_bit=pixels.bits_allocated - 1, signed=False)
    words = decode_frame(replace(instance, pixels=replace(whole, photometric="MONOCHROME2")), data, frame)
    found: Bits = (words >> plane.bit_position & 1).astype(np.bool_)
    return found[: plane.rows, : plane.columns]


def _unreadable(detail: str) -> UnreadableObject:
    return UnreadableObject(_("An overlay can't be read"), detail)

"""Diffusion weighting of an image: its b-value and gradient direction, standard or in the makers' private elements.

Classic MR objects have no standard place for them, and each maker has its own; without them the images of a diffusion
series can't be told apart.
"""

import struct

from workstation.dicom.csa import csa_floats, csa_image_header
from workstation.dicom.private_blocks import private_block
from workstation.dicom.text import Header

# GE adds 10⁹ and other flags to the b-value of some releases; no scanner reaches this
_FLAGGED = 100_000


def b_value_of(header: Header) -> float | None:
    """The diffusion b-value in s/mm²; None when there is none."""
    standard = header.number(0x00189087)
    if standard is not None or not _maybe(header):
        return standard
    if block := private_block(header, 0x0019, "SIEMENS MR HEADER"):
        value = header.private_number(block | 0x0C)
        if value is not None:
            return value
    if csa := csa_image_header(header):
        told = csa_floats(csa, "B_value", 1)
        return told[0] if told is not None else None
    if block := private_block(header, 0x0043, "GEMS_PARM_01"):
        value = header.private_number(block | 0x39)
        return None if value is None else value % _FLAGGED
    if block := private_block(header, 0x2001, "Philips Imaging DD 001"):
        return header.private_number(block | 0x03)
    if block := private_block(header, 0x0065, "Image Private Header"):
        return header.private_number(block | 0x09)
    return None


def gradient_of(header: Header) -> tuple[float, ...]:
    """The gradient direction, three numbers to four digits; empty when there is none or its length is zero."""
    found: tuple[float | None, ...] = header.floats(0x00189089, 3) or ()
    if not found and not _maybe(header):
        return ()
    if not found and (block := private_block(header, 0x0019, "SIEMENS MR HEADER")):
        found = _doubles(header.raw(block | 0x0E))
    if not found and (csa := csa_image_header(header)):
        found = csa_floats(csa, "DiffusionGradientDirection", 3) or ()
    if not found and (block := private_block(header, 0x0019, "GEMS_ACQU_01")):
        found = tuple(header.private_number(block | element) for element in (0xBB, 0xBC, 0xBD))
    if not found and (block := private_block(header, 0x2005, "Philips MR Imaging DD 001")):
        found = tuple(header.private_number(block | element) for element in (0xB0, 0xB1, 0xB2))
    values = tuple(round(value, 4) + 0.0 for value in found if value is not None)
    return values if len(values) == 3 and any(values) else ()


def _maybe(header: Header) -> bool:
    """Whether private elements are worth a search, which takes longer than reading the rest of a CT's header."""
    return header.text(0x00080060) in ("MR", "")


def _doubles(value: bytes | None) -> tuple[float, ...]:
    return struct.unpack("<3d", value) if value is not None and len(value) == 24 else ()

"""Calibrated regions of an ultrasound image: what a pixel means in each (PS3.3 C.8.5.5).

One frame holds tissue, traces and tables side by side;
a number is good within its region alone.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class UltrasoundRegion:
    """A calibrated region (PS3.3 C.8.5.5): bounds in pixels, inclusive; units by code (3 = cm, 4 = s)."""

    left: int
    top: int
    right: int
    bottom: int
    units_x: int
    units_y: int
    delta_x: float
    delta_y: float
    spatial_format: int = 0


def regions_of(header: Header) -> tuple[UltrasoundRegion, ...]:
    """The regions of a header; those without bounds or deltas are left out."""
    regions = []
    for item in header.items(0x00186011):
        bounds = [item.integer(tag) for tag in (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)]
        deltas = item.number(0x0018602C), item.number(0x0018602E)
        if None in bounds or None in deltas:
            continue
        left, top, right, bottom = (value or 0 for value in bounds)
        regions.append(
            UltrasoundRegion(
                left,
                top,
                right,
                bottom,
                item.integer(0x00186024) or 0,
                item.integer(0x00186026) or 0,
                deltas[0] or 0.0,
                deltas[1] or 0.0,
                item.integer(0x00186012) or 0,
            )
        )
    return tuple(regions)

"""Calibrated regions of an ultrasound image: what a pixel means in each (PS3.3 C.8.5.5).

One frame holds tissue, traces and tables side by side;
a number is good within its region alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workstation.dicom import concepts
from workstation.dicom.content import Code
from workstation.dicom.text import Header
from workstation.language import N_

ACROSS = N_("across two regions")
OUTSIDE = N_("outside the calibrated regions")
OVERLAPPING = N_("where regions of different scale overlap")

CENTIMETRES = 3


@dataclass(frozen=True)
class Axis:
    """What a step along one axis of a region is: a quantity, its UCUM unit, and how many of it a header's unit is."""

    name: Code
    unit: Code
    factor: float = 1.0


AXES: dict[int, Axis] = {
    CENTIMETRES: Axis(concepts.LENGTH, concepts.MILLIMETER, 10.0),
    4: Axis(concepts.TIME, concepts.SECOND),
    7: Axis(concepts.VELOCITY, concepts.CENTIMETER_PER_SECOND),
    12: Axis(concepts.ANGLE, concepts.DEGREE),
}
"""By the units code of (0018,6024) and (0018,6026), PS3.3 C.8.5.5.1.15: what a caliper can tell."""


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

    @property
    def spatial(self) -> bool:
        """Whether both its axes are lengths, so that distances, areas and angles mean something."""
        return self.units_x == self.units_y == CENTIMETRES and self.delta_x != 0 and self.delta_y != 0

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Between rows and between columns, of a spatial region."""
        return abs(self.delta_y) * 10, abs(self.delta_x) * 10

    def holds(self, column: float, row: float) -> bool:
        """Whether a point lies in it, pixel centres at integers."""
        return self.left - 0.5 <= column <= self.right + 0.5 and self.top - 0.5 <= row <= self.bottom + 0.5

    def same_scale(self, other: "UltrasoundRegion") -> bool:
        """Whether a step means the same in both."""
        mine = self.units_x, self.units_y, abs(self.delta_x), abs(self.delta_y)
        return mine == (other.units_x, other.units_y, abs(other.delta_x), abs(other.delta_y))


def region_of(
    regions: Sequence[UltrasoundRegion], points: Sequence[tuple[float, float]]
) -> tuple[UltrasoundRegion | None, str]:
    """The one region that holds all points (column, row), or None and why there is none.

    Between two regions there is no distance, even where both are to one scale: they need not continue each other. Where
    regions overlap a point has a meaning only if they agree on it.
    """
    holding = [region for region in regions if all(region.holds(*point) for point in points)]
    if holding:
        alike = all(region.same_scale(holding[0]) for region in holding)
        return (holding[0], "") if alike else (None, OVERLAPPING)
    each_in_one = all(any(region.holds(*point) for region in regions) for point in points)
    return None, ACROSS if each_in_one else OUTSIDE


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

"""Real World Value Mapping (0040,9096): what stored values mean, in which unit (PS3.3 C.7.6.16.2.11).

An image may carry several, each with a name; none is the rescale, which says what the windows count in.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.text import Header


@dataclass(frozen=True)
class RealWorldMapping:
    """Stored values from `first` to `last` mean `slope` · stored + `intercept`, or entry stored − first of `table`.

    `unit` is the code of the unit (UCUM), `unit_meaning` its name; `quantity` what is measured, where it is said.
    """

    label: str = ""
    explanation: str = ""
    unit: str = ""
    unit_meaning: str = ""
    quantity: str = ""
    first: float | None = None
    last: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    table: tuple[float, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What to call it in a list."""
        return self.explanation or self.quantity or self.label or self.unit_meaning or self.unit

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest stored value that it is good for; None where it sets no bounds."""
        if self.first is None or self.last is None:
            return None
        return min(self.first, self.last), max(self.first, self.last)

    def values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Stored values, any shape, as real-world values; NaN where the mapping says nothing of a stored value."""
        x = np.asarray(stored, dtype=np.float64)
        if self.table:
            entries = np.asarray(self.table)
            at = np.rint(x) - (self.first or 0.0)
            inside = (at >= 0) & (at < len(entries))
            result: NDArray[np.float64] = entries[np.where(inside, at, 0).astype(np.intp)]
        else:
            inside = np.ones(x.shape, np.bool_)
            result = x * self.slope + self.intercept
        if self.first is not None:
            inside &= x >= self.first
        if self.last is not None:
            inside &= x <= self.last
        return np.where(inside, result, np.nan)


@dataclass(frozen=True)
class ImageMapping:
    """Mappings that another object gives for images, named by their SOP Instance UIDs (PS3.3 A.46)."""

    images: tuple[str, ...]
    mappings: tuple[RealWorldMapping, ...]


def image_mappings_of(header: Header) -> tuple[ImageMapping, ...]:
    """What an object of Real World Value Mapping Storage says of images; nothing for any other object."""
    found = []
    for item in header.items(0x00409094):
        images = tuple(one.text(0x00081155) for one in item.items(0x00081140))
        mappings = real_world_of(item, signed=False)
        if images and mappings:
            found.append(ImageMapping(images, mappings))
    return tuple(found)


def real_world_of(header: Header, *, signed: bool) -> tuple[RealWorldMapping, ...]:
    """All mappings of a header or of a functional group; those without a slope and without a table are left out."""
    found = []
    for item in header.items(0x00409096):
        slope, intercept = item.number(0x00409225), item.number(0x00409224)
        table = tuple(float(value) for value in item.numbers(0x00409212))
        if slope is None and not table:
            continue
        unit, quantity = item.item(0x004008EA), _quantity(item)
        found.append(
            RealWorldMapping(
                label=item.text(0x00409210),
                explanation=item.text(0x00283003),
                unit="" if unit is None else unit.text(0x00080100),
                unit_meaning="" if unit is None else unit.text(0x00080104),
                quantity=quantity,
                first=_bound(item, 0x00409216, 0x00409214, signed),
                last=_bound(item, 0x00409211, 0x00409213, signed),
                slope=1.0 if slope is None else slope,
                intercept=intercept or 0.0,
                table=table,
            )
        )
    return tuple(found)


def _bound(item: Header, whole: int, double: int, signed: bool) -> float | None:
    value = item.number(double)
    return item.number(whole, signed=signed) if value is None else value


def _quantity(item: Header) -> str:
    """The meaning of the Quantity (246205007, SCT; G-C1C6, SRT) among the quantity's definitions."""
    for content in item.items(0x00409220):
        concept, value = content.item(0x0040A043), content.item(0x0040A168)
        if concept is not None and value is not None and concept.text(0x00080100) in ("246205007", "G-C1C6"):
            return value.text(0x00080104)
    return ""

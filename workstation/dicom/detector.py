"""A digital detector's own sizes, by which a stale pixel spacing shows (PS3.3 C.8.11.3, C.8.11.2.1).

A program that bins, reduces or crops an image and copies its header leaves a spacing that was true before;
the detector's elements and the field of view are seldom rewritten, so they tell.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header
from workstation.language import N_

BINNED = N_("doubtful spacing: it does not fit the detector's elements")
RESIZED = N_("doubtful spacing: image and field of view differ in size")

_ELEMENT_TOLERANCE = 0.03
# a field of view is often stated in whole mm, and a few rows at an edge are commonly left out
_FIELD_TOLERANCE = 0.05


@dataclass(frozen=True)
class Detector:
    """Sizes in mm, (row, column): of its elements, and of the field of view on it. `binning` is elements a pixel."""

    element_spacing: tuple[float, ...] | None = None
    binning: tuple[float, ...] | None = None
    field_of_view: tuple[float, ...] | None = None


def detector_of(header: Header) -> Detector | None:
    """The detector of a header; None when it states nothing. A round field of view is of no use here and left out."""
    field = header.floats(0x00181149, 2) if header.text(0x00181147) in ("", "RECTANGLE") else None
    found = Detector(header.floats(0x00187022, 2), header.floats(0x0018701A, 2), field)
    return None if found == Detector() else found


def doubt_of(detector: Detector, imager_spacing: tuple[float, ...], rows: int, columns: int) -> str:
    """What speaks against a spacing at the detector, in English; empty when nothing does."""
    elements = detector.element_spacing
    if elements is not None and min(elements) > 0:
        for spacing, element, binning in zip(imager_spacing, elements, detector.binning or (0, 0), strict=True):
            times = spacing / element
            wanted = binning or max(round(times), 1)
            if abs(times - wanted) > _ELEMENT_TOLERANCE * wanted:
                return BINNED
    field = detector.field_of_view
    if field is not None and min(field) > 0:
        size = rows * imager_spacing[0], columns * imager_spacing[1]
        # the field may be stated before the image was turned by a quarter
        if not any(_near(size, stated) for stated in (field, field[::-1])):
            return RESIZED
    return ""


def _near(size: tuple[float, ...], stated: tuple[float, ...]) -> bool:
    return all(abs(one - other) <= _FIELD_TOLERANCE * other for one, other in zip(size, stated, strict=True))

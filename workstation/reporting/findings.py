"""Measurements as a report says them: the number, its unit, and where the millimetres come from."""

from collections.abc import Iterable

from workstation.dicom.content import Measurement, Quantity
from workstation.language import number_text
from workstation.reporting.structure import Language
from workstation.reporting.wording import remark_text, spacing_text, with_unit, word

# quantity codes (SCT) that carry a word of their own; a length says itself by its unit
_NAMES = {
    "42798000": "area",
    "373098007": "mean",
    "386136009": "deviation",
    "255605001": "minimum",
    "56851009": "maximum",
}


def by_uid(measurements: Iterable[Measurement]) -> dict[str, Measurement]:
    """The measurements by TrackingUID."""
    return {each.tracking_uid: each for each in measurements}


def quantity_text(quantity: Quantity, language: Language) -> str:
    """One number with its unit: `12.4 mm`, `mean −620 HU`; says so where no unit is known."""
    unit = quantity.unit.value if quantity.unit else None
    decimals = _decimals(quantity, unit)
    number = number_text(quantity.value, decimals, language)
    said = with_unit(number, unit, language) if unit else f"{number} ({word('no unit', language)})"
    name = _NAMES.get(quantity.name.value)
    return f"{word(name, language)} {said}" if name else said


def measurement_text(measurement: Measurement, language: Language) -> str:
    """All its numbers and the source of the spacing: `12.4 mm (Pixel Spacing)`."""
    numbers = ", ".join(quantity_text(quantity, language) for quantity in measurement.quantities)
    said = spacing_text(measurement.spacing_source, language), remark_text(measurement.remark, language)
    beside = "; ".join(part for part in said if part)
    return f"{numbers} ({beside})" if beside and numbers else numbers


def value_for(measurement: Measurement, name: str) -> str:
    """The number a field merges from it (`finding.longest_mm` …), as typed text with a point; "" when it has none."""
    for quantity in measurement.quantities:
        unit = quantity.unit.value if quantity.unit else ""
        kind = _NAMES.get(quantity.name.value, "")
        wanted = {"finding.longest_mm": unit == "mm" and not kind, "finding.mean": kind == "mean"}
        wanted["finding.max"] = kind == "maximum"
        wanted["finding.area_mm2"] = kind == "area" and unit == "mm2"
        if wanted.get(name, False):
            return f"{quantity.value:.{_decimals(quantity, unit)}f}"
    return ""


def fingerprint(measurement: Measurement) -> str:
    """The numbers in one text, to tell whether they changed since a field took them."""
    return ";".join(
        f"{quantity.name.value}={quantity.value:.3f}{quantity.unit.value if quantity.unit else ''}"
        for quantity in measurement.quantities
    )


def chip_text(measurement: Measurement, language: Language) -> str:
    """A short name for a button: label and first number."""
    number = quantity_text(measurement.primary, language) if measurement.quantities else ""
    return " · ".join(part for part in (measurement.label, number) if part)


def _decimals(quantity: Quantity, unit: str | None) -> int:
    """As many as the number's uncertainty supports, one at most for lengths and areas; two for small values."""
    most = 2 if unit in ("g/ml{SUVbw}", "s") else 1
    if quantity.uncertainty > 0:
        return 0 if quantity.uncertainty >= 1 else most
    if unit in ("mm2", "[hnsf'U]"):
        return 0 if abs(quantity.value) >= 100 else 1
    return most

"""Measurements in the words of a report: digits that their uncertainty supports, sources, remarks."""

import pytest

from workstation.dicom import concepts, detector, spacing
from workstation.dicom.content import Anchor, Code, ImageReference, Measurement, Quantity
from workstation.reporting.findings import measurement_text, value_for
from workstation.reporting.structure import Language
from workstation.reporting.wording import remark_text, spacing_text

IMAGE = ImageReference("1.1", "1.2", "1.3", "1.4")


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def measured(quantity: Quantity, remark: str = "", source: str = spacing.DETECTOR) -> Measurement:
    anchor = Anchor(IMAGE, "POLYLINE", points_px=((0.0, 0.0), (1.0, 1.0)))
    return Measurement("2.25.1", "", "length", anchor, (quantity,), source, remark=remark)


@pytest.mark.parametrize(
    ("uncertainty", "text"), [(0.0, "12.4 mm"), (0.3, "12.4 mm"), (0.04, "12.4 mm"), (1.7, "12 mm")]
)
def test_a_length_has_no_more_digits_in_a_report_than_its_pixels_allow(uncertainty: float, text: str) -> None:
    length = measured(Quantity(concepts.LENGTH, 12.36, concepts.MILLIMETER, uncertainty), source="")
    assert plain(measurement_text(length, "en")) == text
    assert value_for(length, "finding.longest_mm") == text.split()[0]


def test_what_speaks_against_a_number_goes_into_the_report_with_it() -> None:
    length = measured(Quantity(concepts.LENGTH, 72.5, concepts.MILLIMETER), detector.BINNED)
    assert plain(measurement_text(length, "en")) == f"72.5 mm (detector plane, uncorrected; {detector.BINNED})"
    russian = measurement_text(length, "ru")
    assert "сомнителен" in russian
    assert "doubtful" not in russian


@pytest.mark.parametrize(
    ("remark", "russian"),
    [
        (
            "on a slab of 7.5 mm (mip); samples interpolated, 0.7 mm apart",
            "в слое 7,5 мм (MIP); интерполяция, шаг 0,7 мм",
        ),
        ("length of 20 mm entered by the reader", "длина 20 мм введена врачом"),
        ("values: ADC; length of 20 mm entered by the reader", "величина: ADC; длина 20 мм введена врачом"),
        ("something of another program", "something of another program"),
        ("", ""),
    ],
)
def test_remarks_are_in_the_language_of_the_report(remark: str, russian: str) -> None:
    assert remark_text(remark, "ru") == russian
    assert remark_text(remark, "en") == remark


def test_every_source_and_doubt_has_its_russian_words() -> None:
    sources = [value for name, value in vars(spacing).items() if name[0].isalpha() and type(value) is str]
    sources = [source for source in sources if source not in (spacing.__name__, spacing.__doc__)]
    assert len(sources) > 8
    untranslated = [source for source in sources if source != spacing.PIXELS and spacing_text(source, "ru") == source]
    assert untranslated == []
    assert all(remark_text(doubt, "ru") != doubt for doubt in (detector.BINNED, detector.RESIZED))


@pytest.mark.parametrize(
    ("quantity", "language", "text"),
    [
        (Quantity(concepts.ANGLE, 33.33, concepts.DEGREE, 0.2), "en", "33.3°"),
        (Quantity(concepts.TIME, 0.4512, concepts.SECOND), "ru", "0,45 с"),
        (Quantity(concepts.SUV_BODY_WEIGHT, 4.237, Code("g/ml{SUVbw}", "UCUM", "x")), "en", "4.24 g/ml SUVbw"),
    ],
)
def test_angles_times_and_uptake_are_written_with_their_units(
    quantity: Quantity, language: Language, text: str
) -> None:
    said = measurement_text(measured(quantity, source=""), language)
    assert plain(said) == text

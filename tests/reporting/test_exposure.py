"""The dose of a study as a line of the conclusion."""

import pytest

from workstation.dicom.content import Code
from workstation.dicom.dose import Dose, DoseNumber, Irradiation
from workstation.reporting.exposure import dose_line

INDEX, PRODUCT = Code("113830", "DCM", "Mean CTDIvol"), Code("113838", "DCM", "DLP")
TOTAL = Code("113813", "DCM", "CT Dose Length Product Total")
MGY, MGY_CM = Code("mGy", "UCUM", "mGy"), Code("mGy.cm", "UCUM", "mGy.cm")


def ct(*indices: str, total: str = "512.3") -> Dose:
    rows = tuple(Irradiation("", "Chest", "Spiral", (DoseNumber(INDEX, value, MGY),)) for value in indices)
    return Dose((INDEX,), rows, (("", DoseNumber(TOTAL, total, MGY_CM)),))


def test_a_ct_names_its_total_and_the_largest_index() -> None:
    doses = [ct("0.3", "12.5", "9.75")]
    assert dose_line(doses, "ru") == "Лучевая нагрузка: DLP 512,3\u00a0мГр·см, CTDIvol до 12,5\u00a0мГр."
    assert dose_line(doses, "en") == "Radiation dose: DLP 512.3\u00a0mGy·cm, CTDIvol up to 12.5\u00a0mGy."


def test_planes_of_an_angiograph_are_told_apart() -> None:
    area, unit = Code("113722", "DCM", "Dose Area Product Total"), Code("Gy.m2", "UCUM", "Gy.m2")
    dose = Dose((), (), (("Plane A", DoseNumber(area, "0.0031", unit)), ("Plane B", DoseNumber(area, "0.0012", unit))))
    assert dose_line([dose], "en") == (
        "Radiation dose: dose area product (Plane A) 0.0031\u00a0Gy·m², dose area product (Plane B) 0.0012\u00a0Gy·m²."
    )


def test_two_reports_are_two_parts_and_the_same_one_twice_is_one() -> None:
    assert dose_line([ct("1.5"), ct("1.5"), ct("2.5", total="80")], "en") == (
        "Radiation dose: DLP 512.3\u00a0mGy·cm, CTDIvol up to 1.5\u00a0mGy; "
        "DLP 80\u00a0mGy·cm, CTDIvol up to 2.5\u00a0mGy."
    )


def test_digits_beyond_reason_are_cut() -> None:
    assert "DLP 512.346\u00a0mGy·cm" in dose_line([ct(total="512.345678901")], "en")


@pytest.mark.parametrize("doses", [[], [Dose((), (), ())]])
def test_without_a_number_nothing_is_said(doses: list[Dose]) -> None:
    assert dose_line(doses, "ru") == ""

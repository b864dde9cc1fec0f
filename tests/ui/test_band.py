"""The band above the pictures: how complete the study is, series by series, and whose pictures these may be instead."""

import pytest
from PySide6.QtWidgets import QApplication, QLabel

from workstation import language
from workstation.archive.ledger import Gap, SeriesLedger, StudyLedger
from workstation.consultation.case import CaseContents, CaseKind, CaseRow
from workstation.consultation.states import CaseState
from workstation.dicom.content import Order, Patient
from workstation.ui.reading.band import CaseBand
from workstation.ui.texts import ranges

ROW = CaseRow(
    "1.1", CaseState.CLAIMED, CaseKind.FIRST_READING, "HIGH", None, Patient("Ivanov^Ivan", "77-1"), 60, "CT", "CHEST",
    "1.2", "20260110", "CT", "A-1", "", "", "", "", "", 300, 297, 0, 0, False, Order(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "written"),
    [((), ""), ((4,), "4"), ((3, 7, 8, 9), "3, 7–9"), ((9, 8, 1, 2, 2), "1–2, 8–9")],
)
def test_numbers_are_written_as_a_person_would(numbers: tuple[int, ...], written: str) -> None:
    assert ranges(numbers) == written


def test_the_band_tells_what_lacks_by_series_and_whom_the_images_name_instead(app: QApplication) -> None:
    language.set_language("en")
    gaps = tuple(Gap("1.2.1", f"1.2.1.{n}", n, "the server no longer has it") for n in (4, 5, 9))
    series = SeriesLedger("1.2.1", "CT", 2, "Thorax", 300, 300, 297, gaps)
    contents = CaseContents((), StudyLedger("1.2", "2026-01-10", (series,)), (), None, "another name")
    band = CaseBand()
    band.show_case(ROW, contents)
    assert band.complete_shown == "297 of 300 objects are here"
    tips = [label.toolTip() for label in band.findChildren(QLabel)]
    assert "Series 2 CT Thorax: 297 of 300, not here: 4–5, 9, the server no longer has it" in tips
    texts = [label.text() for label in band.findChildren(QLabel) if not label.isHidden()]
    assert "The images of this case may be of another person than the order: another name" in texts
    band.deleteLater()

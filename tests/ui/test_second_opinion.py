"""A second opinion through the window: blind, locked, compared, scored and signed, with the link away in the middle."""

from collections.abc import Callable

from PySide6.QtWidgets import QPlainTextEdit, QRadioButton

from tests.ui.conftest import Reader
from workstation.consultation.case import CaseKind
from workstation.consultation.states import CaseState
from workstation.demo.preparation import DemoFolder
from workstation.demo.server import EmbeddedIris
from workstation.dicom.documents import read_report

# words of the demonstration's first report on this case
TELLTALE = "нельзя исключить очаговые тени"


def editor(reader: Reader, name: str) -> QPlainTextEdit:
    view = reader.window.reading.second.view
    return next(one for one in view.findChildren(QPlainTextEdit) if one.accessibleName() == name)


def score(reader: Reader, name: str) -> QRadioButton:
    view = reader.window.reading.second.view
    return next(one for one in view.findChildren(QRadioButton) if one.accessibleName() == f"RADPEER {name}")


def test_a_second_opinion_goes_from_blind_to_delivered(
    seat: Callable[..., Reader], iris: EmbeddedIris, demo: DemoFolder
) -> None:
    reader = seat()
    reader.rows(3)
    case = reader.find("FLG-2ND")
    assert case.kind is CaseKind.SECOND_OPINION
    reader.read(case)
    page, hands = reader.window.reading, reader.hands
    assert "covered until you lock your impression" in page.second.card.text
    assert not page.viewer.strip.documents
    hands.wait(lambda: page.report.is_made, "for the form")
    # signing is refused while blind, and there is nothing to lock yet
    hands.press("F6")
    hands.press("Ctrl+Return")
    hands.wait(lambda: "Your own impression is not locked yet" in reader.message, "for the refusal")
    hands.press("F7")
    hands.wait(lambda: "no impression to lock" in reader.message, "for the refusal")

    iris.stop()
    reader.answer_all()
    hands.press("F7")
    hands.wait(lambda: len(page.viewer.strip.documents) == 2, "for the first report")
    hands.wait(lambda: "locked" in page.second.card.text, "for the lock")
    assert reader.desk.case(case.case_uid).state in (CaseState.IMPRESSION_LOCKED, CaseState.DRAFTING)
    hands.wait(lambda: page.viewer.is_settled() and page.viewer.is_loaded(), "for the pictures")

    hands.wait(lambda: page.report.is_made, "for the form")
    hands.press("F7")
    hands.wait(lambda: TELLTALE in page.second.view.text(), "for the comparison")
    assert "Your report" in page.second.view.text()

    hands.press("Ctrl+Return")
    assert not page.is_signing
    focused = page.focusWidget()
    assert isinstance(focused, QPlainTextEdit)
    assert focused.property("invalid") == "true"
    for question in ("Второе чтение флюорограммы. Подтверждаются ли очаговые тени?",):
        hands.click(editor(reader, question))
        hands.type("No.", editor(reader, question))
    hands.click(score(reader, "2b"), (10.0, 8.0))
    hands.press("Ctrl+Return", editor(reader, "Comment"))
    assert not page.is_preparing
    assert editor(reader, "Comment").property("invalid") == "true"
    hands.type("Superimposed ribs.", editor(reader, "Comment"))
    hands.press("Ctrl+Return", editor(reader, "Comment"))
    hands.wait(lambda: page.is_signing, "for the document")
    field = reader.field("Password of the identity")
    field.setFocus()
    hands.type(demo.identities.password, field)
    hands.press("Return", field)
    hands.wait(lambda: bool(reader.desk.outbox()), "for the package")

    iris.start()
    hands.press("F5")
    hands.wait(lambda: reader.package_state() == "delivered", "for the delivery")
    sealed = {one.role: one.data for one in reader.desk.documents(case.case_uid)}
    text = str(read_report(sealed["conclusion"]).sections)
    assert "RADPEER 2b" in text
    assert "Superimposed ribs." in text

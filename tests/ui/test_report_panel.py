"""The report panel under real key and mouse events: answers, findings, normal text, problems, the way to sign."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QPushButton, QToolButton, QWidget

from workstation.dicom.concepts import LENGTH, MILLIMETER
from workstation.dicom.content import Anchor, ImageReference, Measurement, Quantity
from workstation.language import set_language
from workstation.reporting.form import Form
from workstation.reporting.template import load_templates
from workstation.reporting.validation import problems
from workstation.ui import theme
from workstation.ui.report.panel import ReportPanel

IMAGE = ImageReference("1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
CASE = {
    "study.modality": "CT",
    "study.region": "CHEST",
    "study.date": "20250314",
    "order.question": "Nodule?",
    "order.history": "Smoker",
}


def length(uid: str, value: float) -> Measurement:
    anchor = Anchor(IMAGE, "POLYLINE", ((10.0, 10.0), (20.0, 10.0)))
    return Measurement(uid, "", "length", anchor, (Quantity(LENGTH, value, MILLIMETER),), "patient geometry")


@pytest.fixture(scope="module")
def application() -> QApplication:
    running = QApplication.instance()
    app = running if isinstance(running, QApplication) else QApplication([])
    theme.apply_theme(app, "dark")
    return app


@pytest.fixture(scope="module")
def standing_panel(application: QApplication) -> Iterator[ReportPanel]:
    set_language("en")
    panel = ReportPanel()
    panel.show()
    panel.activateWindow()
    assert QTest.qWaitForWindowExposed(panel)
    yield panel
    panel.close()
    panel.deleteLater()
    application.processEvents()


@pytest.fixture
def panel(standing_panel: ReportPanel) -> ReportPanel:
    """The panel as it shows the next case."""
    set_language("en")
    standing_panel.resize(420, 900)
    standing_panel.set_case(CASE, load_templates(), None)
    standing_panel.set_measurements(())
    QApplication.processEvents()
    return standing_panel


def field(panel: ReportPanel, name: str) -> QWidget:
    found = panel.findChild(QWidget, name)
    assert isinstance(found, QWidget)
    return found


def chips(panel: ReportPanel) -> list[QToolButton]:
    found: list[QToolButton] = panel.findChildren(QToolButton, "finding")
    return [chip for chip in found if chip.isVisible()]


def focus(panel: ReportPanel, name: str) -> QWidget:
    widget = field(panel, name)
    widget.setFocus()
    QApplication.processEvents()
    return widget


def sign_button(panel: ReportPanel) -> QPushButton:
    button = panel.findChild(QPushButton, "sign")
    assert isinstance(button, QPushButton)
    return button


def test_the_case_chooses_the_template_and_fills_what_it_knows(panel: ReportPanel) -> None:
    assert panel.template().identifier == "iris-workstation.ct-chest.en"
    date = field(panel, "study_date")
    assert isinstance(date, QLineEdit)
    assert date.text() == "14\N{NO-BREAK SPACE}March 2025"


def test_typing_makes_a_new_form_each_time(panel: ReportPanel) -> None:
    forms: list[Form] = []
    panel.form_changed.connect(forms.append)
    impression = focus(panel, "impression")
    assert isinstance(impression, QPlainTextEdit)
    QTest.keyClicks(impression, "Nodule")
    assert [form.text("impression") for form in forms] == ["N", "No", "Nod", "Nodu", "Nodul", "Nodule"]
    assert panel.form().edited("impression")


def test_letters_choose_in_a_list_and_delete_takes_it_back(panel: ReportPanel) -> None:
    emphysema = focus(panel, "emphysema")
    QTest.keyClicks(emphysema, "par")
    assert panel.form().text("emphysema") == "paraseptal"
    assert field(panel, "emphysema_grade").isVisible()
    QTest.keyClick(emphysema, Qt.Key.Key_Delete)
    assert panel.form().text("emphysema") == ""
    assert not field(panel, "emphysema_grade").isVisible()


def test_the_wheel_never_changes_an_answer(panel: ReportPanel) -> None:
    consolidation = focus(panel, "consolidation")
    assert isinstance(consolidation, QComboBox)
    QTest.keyClicks(consolidation, "lob")
    QTest.wheelEvent(panel.windowHandle(), consolidation.mapTo(panel, QPoint(20, 10)), QPoint(0, 120), QPoint(0, 10))
    QApplication.processEvents()
    assert panel.form().text("consolidation") == "lobar"


def test_enter_goes_to_the_next_field(panel: ReportPanel) -> None:
    QTest.keyClick(focus(panel, "study_date"), Qt.Key.Key_Return)
    assert QApplication.focusWidget() is field(panel, "slice_thickness")


def test_control_and_arrows_walk_the_sections(panel: ReportPanel) -> None:
    QTest.keyClick(focus(panel, "emphysema"), Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is field(panel, "nodules")
    QTest.keyClick(field(panel, "nodules"), Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is field(panel, "aeration")


def test_the_keys_go_to_the_first_field_and_later_to_the_last_one(panel: ReportPanel) -> None:
    panel.take_focus()
    assert QApplication.focusWidget() is field(panel, "study_date")
    focus(panel, "effusion").clearFocus()
    panel.take_focus()
    assert QApplication.focusWidget() is field(panel, "effusion")


def test_alt_n_gives_normal_answers_to_the_section_alone(panel: ReportPanel) -> None:
    QTest.keyClick(focus(panel, "effusion"), Qt.Key.Key_N, Qt.KeyboardModifier.AltModifier)
    assert panel.form().text("effusion") == "none"
    assert panel.form().text("pneumothorax") == "none"
    assert panel.form().text("emphysema") == ""


def test_a_normal_chest_is_one_key(panel: ReportPanel) -> None:
    keys = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(focus(panel, "aeration"), Qt.Key.Key_N, keys)
    assert problems(panel.template(), panel.form(), ()) == ()
    assert panel.form().text("impression") == "No abnormality of the chest."


def test_all_normal_writes_no_impression_over_a_finding(panel: ReportPanel) -> None:
    panel.link_measurement(length("2.25.1", 12.4))
    button = panel.findChild(QPushButton, "all-normal")
    assert isinstance(button, QPushButton)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.form().text("nodules") == "one"
    assert panel.form().text("effusion") == "none"
    assert panel.form().text("impression") == ""


def test_a_finding_takes_back_the_normal_impression_that_nobody_typed(panel: ReportPanel) -> None:
    panel.take_all_normal()
    assert panel.form().text("impression") == "No abnormality of the chest."
    panel.link_measurement(length("2.25.1", 12.4))
    assert panel.form().text("nodules") == "one"
    assert panel.form().text("impression") == ""
    assert panel.form().text("recommendation_text") == ""
    assert "impression" in {each.field_id for each in problems(panel.template(), panel.form(), None)}


def test_a_typed_impression_stays_whatever_the_findings(panel: ReportPanel) -> None:
    panel.take_all_normal()
    QTest.keyClicks(focus(panel, "impression"), " Indeed")
    panel.link_measurement(length("2.25.1", 12.4))
    assert panel.form().text("impression") != ""


def test_a_measurement_becomes_a_nodule_and_leads_back_to_the_picture(panel: ReportPanel) -> None:
    wanted: list[str] = []
    panel.finding_activated.connect(wanted.append)
    panel.set_measurements((length("2.25.1", 12.4),))
    assert panel.link_measurement(length("2.25.1", 12.4)) == "nodule_1_size"
    QApplication.processEvents()
    (chip,) = chips(panel)
    assert chip.text() == "12.4\N{NO-BREAK SPACE}mm"
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert wanted == ["2.25.1"]


def test_a_measurement_goes_into_the_field_the_reader_left(panel: ReportPanel) -> None:
    focus(panel, "aorta")
    assert panel.link_measurement(length("2.25.1", 33.0)) == "aorta"
    assert panel.link_measurement(length("2.25.2", 8.0)) == "nodule_1_size"


def test_delete_on_a_finding_takes_it_out_with_its_number(panel: ReportPanel) -> None:
    panel.link_measurement(length("2.25.1", 12.4))
    QApplication.processEvents()
    (chip,) = chips(panel)
    chip.setFocus()
    QTest.keyClick(chip, Qt.Key.Key_Delete)
    assert panel.form().links.get("nodule_1_size", ()) == ()
    assert panel.form().text("nodule_1_size") == ""


def test_moving_the_graphic_moves_the_number(panel: ReportPanel) -> None:
    panel.link_measurement(length("2.25.1", 12.4))
    panel.set_measurements((length("2.25.1", 13.1),))
    size = field(panel, "nodule_1_size")
    assert isinstance(size, QLineEdit)
    assert size.text() == "13.1"


def test_signing_an_incomplete_form_shows_why_and_goes_there(panel: ReportPanel) -> None:
    asked: list[None] = []
    panel.sign_requested.connect(lambda: asked.append(None))
    QTest.keyClick(focus(panel, "study_date"), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert len(asked) == 1
    assert panel.show_problems()
    assert QApplication.focusWidget() is field(panel, "nodules")
    assert field(panel, "nodules").property("invalid") is True


def test_doubts_stand_in_the_way_once(panel: ReportPanel) -> None:
    panel.take_all_normal()
    QTest.keyClick(focus(panel, "effusion"), Qt.Key.Key_Delete)
    assert panel.show_problems()
    assert sign_button(panel).text() == "Sign anyway…"
    assert not panel.show_problems()


def test_a_new_doubt_asks_again(panel: ReportPanel) -> None:
    panel.take_all_normal()
    QTest.keyClick(focus(panel, "effusion"), Qt.Key.Key_Delete)
    assert panel.show_problems()
    QTest.keyClick(focus(panel, "lymph_nodes"), Qt.Key.Key_Delete)
    assert sign_button(panel).text() == "Sign…"
    assert panel.show_problems()


def test_a_saved_form_comes_back_with_its_template(panel: ReportPanel) -> None:
    QTest.keyClicks(focus(panel, "impression"), "Kept")
    saved = Form.from_json(panel.form().to_json())
    panel.set_case({**CASE, "study.modality": "MR"}, load_templates(), saved)
    assert panel.template().identifier == "iris-workstation.ct-chest.en"
    assert panel.form() == saved


def test_another_case_starts_clean(panel: ReportPanel) -> None:
    QTest.keyClicks(focus(panel, "impression"), "Of the first patient")
    panel.link_measurement(length("2.25.1", 12.4))
    panel.set_case(CASE, load_templates(), None)
    QApplication.processEvents()
    impression = field(panel, "impression")
    assert isinstance(impression, QPlainTextEdit)
    assert impression.toPlainText() == ""
    assert not panel.form().links
    assert not chips(panel)


def test_another_language_keeps_the_answers(panel: ReportPanel) -> None:
    QTest.keyClicks(focus(panel, "interstitial"), "ret")
    panel.link_measurement(length("2.25.1", 12.4))
    chooser = panel.findChild(QComboBox, "template")
    assert isinstance(chooser, QComboBox)
    chooser.setCurrentIndex(chooser.findData("iris-workstation.ct-chest.ru"))
    chooser.activated.emit(chooser.currentIndex())
    assert panel.template().language == "ru"
    assert panel.form().text("interstitial") == "reticulation"
    assert panel.form().text("study_date") == "14.03.2025"
    assert [link.tracking_uid for link in panel.form().links["nodule_1_size"]] == ["2.25.1"]


def test_a_folded_section_shows_its_text(panel: ReportPanel) -> None:
    focus(panel, "effusion")
    QTest.keyClicks(field(panel, "effusion"), "l")
    title = next(each for each in panel.findChildren(QToolButton) if each.text() == "Pleura")
    QTest.mouseClick(title, Qt.MouseButton.LeftButton)
    texts = [label.text() for label in panel.findChildren(QWidget) if hasattr(label, "text") and label.isVisible()]
    assert "Pleura. Left pleural effusion." in texts
    assert not field(panel, "effusion").isVisible()
    QTest.mouseClick(title, Qt.MouseButton.LeftButton)
    assert field(panel, "effusion").isVisible()


@pytest.mark.parametrize("width", [340, 380, 460])
def test_nothing_is_wider_than_the_column(panel: ReportPanel, width: int) -> None:
    panel.take_all_normal()
    panel.resize(width, 700)
    QApplication.processEvents()
    assert panel.width() == width
    for editor in panel.findChildren(QComboBox) + panel.findChildren(QPlainTextEdit):
        if editor.isVisible():
            assert editor.mapTo(panel, QPoint(editor.width(), 0)).x() <= width

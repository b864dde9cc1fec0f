"""Measurements in the window: tools by keys, outlines by clicks, labels that keep apart, calibration by a length."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt, QTimer
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QInputDialog, QMenu

from tests import synthetic_stack
from workstation.dicom import concepts
from workstation.dicom.content import Quantity
from workstation.ui.viewer import panel as panel_module
from workstation.ui.viewer import wording
from workstation.ui.viewer.calibration import ask_length
from workstation.ui.viewer.measurement_painting import MeasurementPainter
from workstation.ui.viewer.panel import ViewerPanel
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing

LEFT = Qt.MouseButton.LeftButton


@dataclass
class Window:
    panel: ViewerPanel
    until: Callable[..., None]

    def settle(self) -> None:
        self.until(lambda: self.panel.is_loaded() and self.panel.is_settled())

    def open(self, series: Any) -> None:
        self.panel.open_case(series.instances, [], series.data.__getitem__)
        self.settle()

    def key(self, key: Qt.Key) -> None:
        QTest.keyClick(self.panel.canvases[0], key)
        self.settle()

    def click(self, *spots: QPoint) -> None:
        for spot in spots:
            QTest.mouseClick(self.panel.canvases[0], LEFT, pos=spot)
        self.settle()

    @property
    def drawn(self) -> tuple[Drawing, ...]:
        assert self.panel.session is not None
        return self.panel.session.store.drawings


@pytest.fixture
def window(panel: ViewerPanel, until: Callable[..., None]) -> Window:
    panel.resize(760, 560)
    return Window(panel, until)


def test_each_tool_has_a_key_and_a_button(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=1))
    assert window.panel.session is not None
    keys = {"L": "length", "E": "ellipse", "G": "polygon", "A": "angle", "D": "cobb", "V": "point"}
    for key, tool in keys.items():
        window.key(Qt.Key[f"Key_{key}"])
        assert window.panel.session.tool == tool
        assert window.panel.toolbar.buttons[f"tool.{tool}"].isChecked()


def test_what_found_no_room_is_in_the_menu_as_it_stands_and_what_has_no_use_nowhere(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    toolbar = window.panel.toolbar
    toolbar.resize(420, toolbar.height())
    window.panel.run("view.cubic")
    menu = QMenu()
    toolbar._fill_more(menu)
    listed = {action.text().split("\t")[0]: action for action in menu.actions() if action.text()}
    assert listed["Cubic interpolation"].isChecked()
    assert not listed["Invert"].isChecked()
    assert "Length" not in listed
    assert not {"Shutter", "Next document", "Subtraction of the mask"} & set(listed)
    toolbar.resize(1600, toolbar.height())
    assert toolbar.buttons["view.cubic"].isVisible()
    assert toolbar.buttons["view.shutter"].isHidden()


def test_an_outline_by_clicks_ends_with_enter_and_goes_into_the_report_with_the_next_enter(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    told: list[Any] = []
    window.panel.insert_into_report.connect(told.append)
    window.key(Qt.Key.Key_G)
    window.click(QPoint(300, 200), QPoint(360, 200), QPoint(360, 260))
    window.key(Qt.Key.Key_Return)
    (outline,) = window.drawn
    assert (outline.kind, told) == ("polygon", [])
    window.key(Qt.Key.Key_Return)
    (measurement,) = told
    assert measurement.quantities == outline.quantities
    assert {each.name for each in measurement.quantities} >= {drawings.AREA, drawings.MEAN}


def test_quick_clicks_are_points_and_not_a_double_click_that_maximises(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    window.key(Qt.Key.Key_A)
    canvas = window.panel.canvases[0]
    QTest.mouseClick(canvas, LEFT, pos=QPoint(300, 200))
    QTest.mouseDClick(canvas, LEFT, pos=QPoint(360, 200))
    QTest.mouseDClick(canvas, LEFT, pos=QPoint(360, 260))
    window.settle()
    (angle,) = window.drawn
    assert angle.kind == "angle"
    assert angle.quantities[0].value == pytest.approx(90, abs=1)


def test_a_typed_length_calibrates_the_image_and_the_scale_bar(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    series = synthetic_stack.ball_series(slices=1, located=False)
    series.instances[0] = replace(
        series.instances[0], modality="DX", imager_pixel_spacing=(0.5, 0.5), frame_of_reference_uid=""
    )
    window.open(series)
    window.key(Qt.Key.Key_L)
    window.click(QPoint(300, 200), QPoint(400, 200))
    asked: list[float] = []

    def answer(_parent: object, drawing: Drawing) -> float:
        asked.append(drawing.quantities[0].value)
        return 30.0

    monkeypatch.setattr(panel_module, "ask_length", answer)
    window.key(Qt.Key.Key_Q)
    (line,) = window.drawn
    assert len(asked) == 1
    assert (line.quantities[0].value, line.spacing_source) == (pytest.approx(30.0), "calibrated by the reader")
    assert any(
        "calibrated by the reader" in each.text or "entered" in each.text for each in wording.drawing_lines(line)
    )


@pytest.mark.parametrize(
    ("known", "typed", "key", "answer"),
    [
        (0.0, "", Qt.Key.Key_Return, 0.0),
        (0.0, "25", Qt.Key.Key_Return, 25.0),
        (25.0, "", Qt.Key.Key_Return, 25.0),
        (25.0, "30", Qt.Key.Key_Escape, None),
    ],
)
def test_the_question_for_a_length_calibrates_by_what_is_typed_only(
    window: Window, known: float, typed: str, key: Qt.Key, answer: float | None
) -> None:
    window.open(synthetic_stack.ball_series(slices=1))
    window.key(Qt.Key.Key_L)
    window.click(QPoint(300, 200), QPoint(400, 200))

    def hands() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QInputDialog)
        QTest.keyClicks(dialog.findChild(QDoubleSpinBox), typed)
        QTest.keyClick(dialog, key)

    QTimer.singleShot(0, hands)
    assert ask_length(window.panel, replace(window.drawn[0], known_mm=known)) == answer


def test_labels_of_measurements_never_lie_on_each_other(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    window.key(Qt.Key.Key_L)
    for number in range(6):
        at = QPoint(300, 150 + 20 * number)
        QTest.mousePress(window.panel.canvases[0], LEFT, pos=at)
        QTest.mouseMove(window.panel.canvases[0], at + QPoint(40, 30))
        QTest.mouseMove(window.panel.canvases[0], at + QPoint(90, 55))
        QTest.mouseRelease(window.panel.canvases[0], LEFT, pos=at + QPoint(90, 55))
        session = window.panel.session
        assert session is not None
        session.store.select("")
    window.settle()
    canvas = window.panel.canvases[0]
    picture = canvas.picture
    assert picture is not None
    assert session is not None
    image = QImage(canvas.width(), canvas.height(), QImage.Format.Format_RGB888)
    painter = QPainter(image)
    shown = MeasurementPainter(painter, QRectF(canvas.rect()), 1.0, QFontMetricsF(QFont(painter.font())))
    shown.paint(session.annotations, "", picture.state, [])
    painter.end()
    places = shown.taken
    assert len(places) == len(window.drawn) > 3
    for number, one in enumerate(places):
        assert not any(one.intersects(other) for other in places[number + 1 :])


@pytest.mark.parametrize("width", [170, 240, 700])
def test_no_label_is_cut_off_by_the_edge_of_its_viewport(window: Window, width: int) -> None:
    """A number that lost its first digits would be another one."""
    window.open(synthetic_stack.ball_series(slices=3))
    window.key(Qt.Key.Key_E)
    window.click(QPoint(320, 200), QPoint(440, 300))
    canvas, session = window.panel.canvases[0], window.panel.session
    assert canvas.picture is not None
    assert session is not None
    words = [word for line in wording.drawing_lines(window.drawn[0]) for word in line.text.split(" ")]
    image = QImage(width, 500, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    shown = MeasurementPainter(painter, QRectF(image.rect()), 1.0, QFontMetricsF(QFont(painter.font())))
    said: list[str] = []
    written = shown._text
    shown._text = lambda x, y, text, color: (said.append(text), written(x, y, text, color))[1]  # type: ignore[method-assign]
    shown.paint(session.annotations, "", canvas.picture.state, [])
    painter.end()
    (place,) = shown.taken
    assert QRectF(image.rect()).contains(place)
    assert " ".join(said).split(" ") == words


def test_a_label_leaves_its_own_outline_to_be_seen(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    window.key(Qt.Key.Key_E)
    window.click(QPoint(60, 200), QPoint(560, 420))
    canvas, session = window.panel.canvases[0], window.panel.session
    assert canvas.picture is not None
    assert session is not None
    image = QImage(canvas.width(), canvas.height(), QImage.Format.Format_RGB888)
    painter = QPainter(image)
    shown = MeasurementPainter(painter, QRectF(canvas.rect()), 1.0, QFontMetricsF(QFont(painter.font())))
    shown.paint(session.annotations, "", canvas.picture.state, [])
    painter.end()
    ((_drawing, corners),) = session.annotations.visible(canvas.picture.state)
    assert not any(shown.taken[0].contains(x, y) for x, y in corners)


def test_numbers_are_rounded_to_what_their_uncertainty_supports() -> None:
    length = Quantity(concepts.LENGTH, 12.3456, concepts.MILLIMETER, 0.8165)
    assert wording.quantity_text(length) == "12.3 ± 0.8 mm"
    assert wording.quantity_text(replace(length, uncertainty=4.08)) == "12 ± 4 mm"
    assert wording.quantity_text(replace(length, uncertainty=0.0816)) == "12.35 ± 0.08 mm"
    assert wording.quantity_text(replace(length, uncertainty=0.0)) == "12.3 mm"
    assert wording.quantity_text(Quantity(concepts.ANGLE, 33.333, concepts.DEGREE, 0.4)) == "33.3 ± 0.4°"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-201.0, concepts.HOUNSFIELD_UNIT, "−201 HU"),
        (22.234, drawings.unit_code("SUVbw"), "22.23 g/ml SUVbw"),
        (0.0012345, None, "0.00123"),
        (52777.3, drawings.unit_code("BQML"), "52777 Bq/ml"),
        (1234.0, None, "1234"),
    ],
)
def test_a_value_has_its_unit_or_none_and_the_digits_it_needs(value: float, unit: Any, text: str) -> None:
    assert wording.value_text(Quantity(concepts.MEAN, value, unit), 0) == text


def test_mean_and_deviation_have_the_same_digits(window: Window) -> None:
    window.open(synthetic_stack.ball_series(slices=3))
    window.key(Qt.Key.Key_E)
    window.click(QPoint(320, 200), QPoint(440, 300))
    (drawn,) = window.drawn

    def said(mean: float, deviation: float) -> str:
        names = {drawings.MEAN: mean, drawings.DEVIATION: deviation}
        found = tuple(replace(each, value=names.get(each.name, each.value)) for each in drawn.quantities)
        return wording.drawing_lines(replace(drawn, quantities=found))[0].text

    assert said(32.8, 6.04) == "mean 32.8 HU · SD 6.0"
    assert said(0.213, 7.6) == "mean 0.21 HU · SD 7.60"
    assert said(1234.5, 56.7) == "mean 1234 HU · SD 57"

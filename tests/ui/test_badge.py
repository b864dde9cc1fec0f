"""The badge: notes that are too long for their corner are broken, those without room are told on hover."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QImage, QPainter
from PySide6.QtWidgets import QApplication, QToolTip

from tests import synthetic_stack
from workstation.ui.viewer import overlay as overlay_module
from workstation.ui.viewer.lettering import wrapped
from workstation.ui.viewer.overlay import Look, Overlay
from workstation.ui.viewer.panel import ViewerPanel

FIVE = (
    "12 images unreadable",
    "lossy source 12:1",
    "uneven slices 1.08–7 mm, interpolated",
    "scale: magnification-corrected, assumed depth",
    "doubtful spacing: does not agree with the detector",
)


@pytest.fixture
def panel(panel: ViewerPanel, until: Callable[..., None]) -> ViewerPanel:
    panel.resize(560, 420)
    series = synthetic_stack.ball_series(slices=3)
    panel.open_case(series.instances, [], series.data.__getitem__)
    until(lambda: panel.is_loaded() and panel.is_settled())
    return panel


def painted(panel: ViewerPanel, width: int, height: int) -> Overlay:
    session, picture = panel.session, panel.canvases[0].picture
    assert session is not None
    assert picture is not None
    stack = session.case.stack(picture.state.stack)
    assert stack is not None
    image = QImage(width, height, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    overlay = Overlay(session, 0, painter, QRectF(image.rect()), 1.0)
    overlay.paint(picture, stack, Look())
    painter.end()
    return overlay


@pytest.mark.parametrize("size", [(900, 700), (300, 600), (180, 340)])
def test_five_notes_stand_beside_each_other_and_inside(
    panel: ViewerPanel, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(overlay_module, "fidelity_notes", lambda *_told: FIVE)
    overlay = painted(panel, *size)
    assert overlay.notes[-5:] == FIVE
    whole = QRectF(0, 0, *size)
    assert all(whole.contains(place) for place in overlay.taken)
    for number, one in enumerate(overlay.badge):
        assert not any(one.intersects(other) for other in overlay.badge[number + 1 :])
    assert sum(place.height() for place in overlay.badge) < 0.5 * size[1]


def test_what_found_no_room_is_told_on_hover(
    panel: ViewerPanel, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_module, "fidelity_notes", lambda *_told: FIVE * 4)
    canvas = panel.canvases[0]
    canvas.repaint()
    where = canvas._badge[0].center().toPoint()
    QApplication.sendEvent(canvas, QHelpEvent(QEvent.Type.ToolTip, where, canvas.mapToGlobal(where)))
    assert QToolTip.text().splitlines()[-20:] == list(FIVE * 4)
    QApplication.sendEvent(canvas, QHelpEvent(QEvent.Type.ToolTip, QPoint(5, 200), canvas.mapToGlobal(QPoint(5, 200))))
    # nothing is told beside the badge
    until(lambda: not QToolTip.text(), seconds=5)


def test_a_number_stays_with_its_unit_where_a_line_is_broken(panel: ViewerPanel) -> None:
    metrics = QFontMetricsF(QFont(panel.font()))
    width = metrics.horizontalAdvance("mean 12.3 HU · SD")
    assert wrapped("mean 12.3 HU · SD 4.5 HU", width, metrics) == ["mean 12.3 HU · SD", "4.5 HU"]

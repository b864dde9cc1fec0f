"""The slider at a viewport's right edge: which slice, and which slices are here, missing or broken."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from workstation.ui import theme
from workstation.ui.viewer.lettering import SHADE
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.slices import slices_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState

MARGIN = 8.0
SLIDER_WIDTH = 14.0
_HERE = "#5c5c5c"


def paint_slider(
    painter: QPainter, rect: QRectF, session: ReadingSession, stack: ShownStack, state: ViewportState
) -> None:
    """The slider of a viewport; nothing where there is one slice."""
    slices = slices_of(state, stack)
    if slices.count < 2:
        return
    track = slider_track(rect)
    colours = theme.current()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(track, QColor(colours.raised))
    loader = session.case.loader(stack.key)
    if state.kind is PlaneKind.STACK and not loader.complete:
        for first, last in _runs(loader.loaded.tolist()):
            painter.fillRect(_part(track, first, last + 1, slices.count), QColor(_HERE))
        for k in loader.failures:
            painter.fillRect(_part(track, k, k + 1, slices.count), QColor(colours.danger))
    else:
        painter.fillRect(track, QColor(_HERE))
    if state.kind is PlaneKind.STACK:
        for gap in stack.stack.gaps:
            painter.fillRect(_part(track, gap.after + 0.7, gap.after + 1.3, slices.count), QColor(colours.warning))
    y = track.top() + (slices.index + 0.5) / slices.count * track.height()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(SHADE, 1))
    painter.setBrush(QColor(colours.text))
    painter.drawRoundedRect(QRectF(track.center().x() - 5, y - 3, 10, 6), 2, 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def slider_track(rect: QRectF) -> QRectF:
    """The line of the slice slider at the right edge of a canvas."""
    return QRectF(rect.right() - SLIDER_WIDTH + 4, rect.top() + MARGIN, 4, rect.height() - 2 * MARGIN)


def _part(track: QRectF, first: float, end: float, count: int) -> QRectF:
    step = track.height() / count
    return QRectF(track.left(), track.top() + first * step, track.width(), (end - first) * step)


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """First and last number of each run of true flags."""
    runs: list[tuple[int, int]] = []
    start = None
    for number, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = number
        elif not flag and start is not None:
            runs.append((start, number - 1))
            start = None
    return runs

"""Graphics of others over a picture: what an open report points at; dashed, without handles: not to be moved."""

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from workstation.ui import theme
from workstation.ui.viewer.lettering import GROUND, SHADE, label_width, wrapped
from workstation.viewing.marks import Mark, PixelPoint

_COLOUR = QColor("#7fd0c4")
_ARM = 7.0


def paint_marks_of_others(
    painter: QPainter,
    marks: Sequence[tuple[Mark, tuple[PixelPoint, ...]]],
    at: Callable[[float, float], QPointF],
    write: Callable[[float, float, str, QColor], None],
    room: QRectF,
) -> None:
    """Each mark with its label as the report writes it, kept in `room`; `at` turns device pixels into the painter's."""
    for mark, pixels in marks:
        points = [at(x, y) for x, y in pixels]
        colour = QColor(theme.current().accent).lighter(125) if mark.chosen else _COLOUR
        pen = QPen(colour, 1.6)
        pen.setDashPattern([5, 3])
        painter.setBrush(QBrush(Qt.BrushStyle.NoBrush))
        for stroke in (QPen(SHADE, 3.6), pen):
            painter.setPen(stroke)
            _draw(painter, mark.graphic_type, points)
        metrics = QFontMetricsF(painter.font())
        widest = label_width(room, metrics)
        lines = [part for line in mark.label.splitlines() for part in wrapped(line, widest, metrics)]
        if lines:
            _label(painter, lines, _place(_extent(mark.graphic_type, points), lines, metrics, room), colour, write)


def _extent(kind: str, points: list[QPointF]) -> QRectF:
    """What a graphic takes of the picture; a circle is stored by its centre and a point on it."""
    box = QPolygonF(points).boundingRect()
    if kind == "CIRCLE" and len(points) == 2:
        radius = math.hypot(points[1].x() - points[0].x(), points[1].y() - points[0].y())
        box = QRectF(points[0].x() - radius, points[0].y() - radius, 2 * radius, 2 * radius)
    return box


def _place(box: QRectF, lines: list[str], metrics: QFontMetricsF, room: QRectF) -> QRectF:
    """At the right of a mark, where there is room, else at its left, or below it."""
    width, height = max(map(metrics.horizontalAdvance, lines)), metrics.height() * len(lines)
    x, y = box.right() + 12, box.center().y()
    if x + width > room.right():
        x = box.left() - 12 - width
    if x < room.left():
        x, y = box.center().x() - width / 2, box.bottom() + 12
    x = max(room.left(), min(x, room.right() - width))
    return QRectF(x, max(room.top(), min(y, room.bottom() - height)), width, height)


def _label(
    painter: QPainter,
    lines: list[str],
    place: QRectF,
    colour: QColor,
    write: Callable[[float, float, str, QColor], None],
) -> None:
    painter.fillRect(place.adjusted(-4, -1, 4, 1), GROUND)
    metrics = QFontMetricsF(painter.font())
    for row, text in enumerate(lines):
        write(place.left(), place.top() + row * metrics.height() + metrics.ascent(), text, colour)


def _draw(painter: QPainter, kind: str, points: list[QPointF]) -> None:
    if kind in {"POINT", "MULTIPOINT"}:
        for point in points:
            painter.drawLine(point + QPointF(-_ARM, 0), point + QPointF(_ARM, 0))
            painter.drawLine(point + QPointF(0, -_ARM), point + QPointF(0, _ARM))
    elif kind == "CIRCLE" and len(points) == 2:
        radius = math.hypot(points[1].x() - points[0].x(), points[1].y() - points[0].y())
        painter.drawEllipse(points[0], radius, radius)
    elif kind in {"ELLIPSE", "ELLIPSOID"} and len(points) >= 4:
        _ellipse(painter, points)
    elif kind == "POLYGON":
        painter.drawPolygon(QPolygonF(points))
    else:
        painter.drawPolyline(QPolygonF(points))


def _ellipse(painter: QPainter, points: list[QPointF]) -> None:
    """By the ends of its axes (PS3.3 C.18.6.1.2)."""
    first, second, third, fourth = points[:4]
    centre = (first + second) / 2
    major, minor = second - first, fourth - third
    painter.save()
    painter.translate(centre)
    painter.rotate(math.degrees(math.atan2(major.y(), major.x())))
    painter.drawEllipse(QPointF(0, 0), math.hypot(major.x(), major.y()) / 2, math.hypot(minor.x(), minor.y()) / 2)
    painter.restore()

"""Measurements above a picture: lines on a dark edge, handles, and labels that keep out of each other's way."""

import math
from dataclasses import replace

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from workstation.ui import theme
from workstation.ui.viewer import wording
from workstation.ui.viewer.lettering import EDGE, GROUND, SHADE, label_width, nearest_in, text_picture, wrapped
from workstation.ui.viewer.slider import MARGIN, SLIDER_WIDTH
from workstation.viewing.annotations import Annotations
from workstation.viewing.drawings import Drawing
from workstation.viewing.grips import segments
from workstation.viewing.viewport import ViewportState

GRAPHIC = QColor("#f0c75e")
# a label farther than this from its graphic, in lines, is led to it
_FAR = 3.0


class MeasurementPainter:
    """Paints the measurements of one viewport. `taken` are places of texts that no label covers; labels add to it."""

    def __init__(self, painter: QPainter, rect: QRectF, ratio: float, metrics: QFontMetricsF) -> None:
        self._painter = painter
        self._room = rect.adjusted(MARGIN, MARGIN, -MARGIN - SLIDER_WIDTH, -MARGIN)
        self._ratio = ratio
        self._metrics = metrics
        self._line = metrics.height()
        self.taken: list[QRectF] = []

    def paint(self, annotations: Annotations, selected: str, state: ViewportState, taken: list[QRectF]) -> None:
        """All graphics first, then their labels, so that no line runs through a text."""
        self.taken = taken
        shown = [
            (drawing, [self._at(*point) for point in points], drawing.tracking_uid == selected)
            for drawing, points in annotations.visible(state)
        ]
        for drawing, points, chosen in shown:
            self._graphic(drawing, points, self._colour(chosen or drawing is annotations.sketch))
        for drawing, points, chosen in shown:
            chosen = chosen or drawing is annotations.sketch
            self._handles(drawing, points, self._colour(chosen), chosen)
        for _drawing, (x, y) in annotations.crossings(state):
            self._crossing(self._at(x, y))
        marks = {drawing.tracking_uid: self._marks(drawing, points) for drawing, points, _chosen in shown}
        graphics = [mark for own in marks.values() for mark in own]
        # the chosen keeps the place it asks for
        for drawing, points, chosen in sorted(shown, key=lambda each: not each[2]):
            self._label(drawing, points, self._colour(chosen or drawing is annotations.sketch), graphics)

    def _at(self, x: float, y: float) -> QPointF:
        return QPointF((x + 0.5) / self._ratio, (y + 0.5) / self._ratio)

    @staticmethod
    def _colour(chosen: bool) -> QColor:
        return QColor(theme.current().accent).lighter(125) if chosen else GRAPHIC

    def _graphic(self, drawing: Drawing, points: list[QPointF], color: QColor) -> None:
        if drawing.kind == "ellipse" and drawing.whole:
            self._ellipse(points, color)
            return
        spots = tuple((point.x(), point.y()) for point in points)
        lines = [QLineF(points[a], points[b]) for a, b in segments(drawing, spots)]
        if drawing.kind == "cobb" and drawing.whole:
            self._between(points, color)
        for pen in (QPen(SHADE, 3.6), QPen(color, 1.6)):
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            self._painter.setPen(pen)
            if drawing.kind == "polygon" and len(points) > 2:
                self._painter.drawPolygon(QPolygonF(points))
            else:
                self._painter.drawLines(lines)
        if drawing.kind == "angle" and drawing.whole:
            self._arc(points, color)

    def _between(self, points: list[QPointF], color: QColor) -> None:
        """A thin line from one line of a Cobb angle to the other: they belong together."""
        pen = QPen(color, 1.0)
        pen.setDashPattern([4, 4])
        self._painter.setPen(pen)
        self._painter.drawLine((points[0] + points[1]) / 2, (points[2] + points[3]) / 2)

    def _arc(self, points: list[QPointF], color: QColor) -> None:
        """A small arc at the vertex, on the side that is measured."""
        one, other = QLineF(points[1], points[0]), QLineF(points[1], points[2])
        radius = min(22.0, one.length() / 2, other.length() / 2)
        if radius < 4:
            return
        turn = (other.angle() - one.angle() + 180) % 360 - 180
        box = QRectF(points[1].x() - radius, points[1].y() - radius, 2 * radius, 2 * radius)
        for pen in (QPen(SHADE, 2.6), QPen(color, 1.0)):
            self._painter.setPen(pen)
            self._painter.drawArc(box, round(one.angle() * 16), round(turn * 16))

    def _ellipse(self, points: list[QPointF], color: QColor) -> None:
        a, b, c, _d = points
        centre = (a + b) / 2
        along = QLineF(centre, b)
        painter = self._painter
        for pen in (QPen(SHADE, 3.6), QPen(color, 1.6)):
            painter.save()
            painter.translate(centre)
            painter.rotate(-along.angle())
            painter.setPen(pen)
            painter.drawEllipse(QPointF(0, 0), along.length(), QLineF(centre, c).length())
            painter.restore()

    def _handles(self, drawing: Drawing, points: list[QPointF], color: QColor, chosen: bool) -> None:
        """Of an outline of many points only where it is chosen: else they would hide it."""
        if drawing.kind == "polygon" and not chosen:
            return
        small = drawing.kind == "polygon" and len(points) > 12
        for point in points:
            if drawing.kind == "point":
                self._cross(point, color)
            elif small:
                self._painter.fillRect(QRectF(point.x() - 1.5, point.y() - 1.5, 3, 3), color)
            else:
                self._handle(point, color, chosen, filled=drawing.kind != "ellipse")

    def _cross(self, point: QPointF, color: QColor) -> None:
        """A cross with an open middle: the pixel itself stays to be seen."""
        lines = [
            QLineF(point.x() + dx * 3, point.y() + dy * 3, point.x() + dx * 9, point.y() + dy * 9)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        for pen in (QPen(SHADE, 3.6), QPen(color, 1.6)):
            self._painter.setPen(pen)
            self._painter.drawLines(lines)

    def _handle(self, point: QPointF, color: QColor, chosen: bool, filled: bool) -> None:
        radius = 5.0 if chosen else 4.0
        self._painter.setPen(QPen(SHADE, 3))
        self._painter.drawEllipse(point, radius, radius)
        self._painter.setPen(QPen(color, 1.4))
        self._painter.drawEllipse(point, radius, radius)
        if chosen and filled:
            self._painter.drawPoint(point)

    def _crossing(self, spot: QPointF) -> None:
        """Where a length passes through the plane."""
        self._painter.setPen(QPen(SHADE, 1))
        self._painter.setBrush(QBrush(GRAPHIC))
        self._painter.drawRect(QRectF(spot.x() - 3, spot.y() - 3, 6, 6))
        self._painter.setBrush(Qt.BrushStyle.NoBrush)

    @staticmethod
    def _marks(drawing: Drawing, points: list[QPointF]) -> list[QRectF]:
        """Small places along a graphic that labels leave free."""
        spots = list(points)
        if drawing.kind == "ellipse" and drawing.whole:
            centre, along, across = (points[0] + points[1]) / 2, points[1] - points[0], points[3] - points[2]
            spots += [
                centre + along / 2 * math.cos(turn * math.pi / 8) + across / 2 * math.sin(turn * math.pi / 8)
                for turn in range(16)
            ]
        if drawing.kind in ("length", "angle", "cobb", "polygon"):
            pairs = segments(drawing, tuple((point.x(), point.y()) for point in points))
            spots += [points[a] + (points[b] - points[a]) * part for a, b in pairs for part in (0.25, 0.5, 0.75)]
        return [QRectF(spot.x() - 6, spot.y() - 6, 12, 12) for spot in spots]

    def _label(self, drawing: Drawing, points: list[QPointF], color: QColor, graphics: list[QRectF]) -> None:
        """Beside the graphic, below or above it, where it covers neither a text nor a graphic."""
        room = self._room
        widest = label_width(room, self._metrics)
        lines = [
            replace(line, text=text)
            for line in wording.drawing_lines(drawing)
            for text in wrapped(line.text, widest, self._metrics)
        ]
        if not lines:
            return
        width = max(self._metrics.horizontalAdvance(line.text) for line in lines)
        height = self._line * len(lines)
        if drawing.kind == "cobb":
            # both lines are its own: beside what joins them
            points = [((points[0] + points[1]) + (points[2] + points[3])) / 4]
        right = max(points, key=lambda point: (point.x(), point.y()))
        left = min(points, key=lambda point: (point.x(), -point.y()))
        low, high = (edge(point.y() for point in points) for edge in (max, min))
        middle = (left.x() + right.x() - width) / 2
        spots = [
            QPointF(right.x() + 14, right.y() + 8),
            QPointF(left.x() - 14 - width, left.y() + 8),
            QPointF(middle, low + 14),
            QPointF(middle, high - 14 - height),
        ]
        # one that had to be pushed back into the room may cover its own graphic: only where there is no other
        inside = [spot for spot in spots if room.left() <= spot.x() <= room.right() - width]
        wanted = [
            QRectF(
                max(room.left(), min(spot.x(), room.right() - width)),
                max(room.top(), min(spot.y(), room.bottom() - height)),
                width,
                height,
            )
            for spot in inside or spots
        ]
        place = self._free(wanted, graphics)
        nearest = min(points, key=lambda point: (point - place.center()).manhattanLength())
        self._lead(place, nearest, color)
        # on soft tissue in mid grey the edge of the letters is not enough
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(GROUND)
        self._painter.drawRoundedRect(place.adjusted(-4, -1, 4, 1), 3, 3)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        colours = theme.current()
        tones = {
            "number": color,
            "source": QColor(colours.muted).lighter(130),
            "warning": QColor(colours.warning),
        }
        for row, line in enumerate(lines):
            self._text(place.x(), place.y() + row * self._line + self._metrics.ascent(), line.text, tones[line.tone])

    def _text(self, x: float, y: float, text: str, color: QColor) -> None:
        drawn = text_picture(text, color.rgb(), False, self._painter.font().family(), self._ratio)
        self._painter.drawImage(QPointF(x - EDGE, y - self._metrics.ascent() - EDGE), drawn)

    def _lead(self, place: QRectF, anchor: QPointF, color: QColor) -> None:
        """A thin line to a label that had to go far from its graphic."""
        line = QLineF(anchor, nearest_in(place, anchor))
        if line.length() > _FAR * self._line:
            pen = QPen(color, 1.0)
            pen.setDashPattern([1, 3])
            self._painter.setPen(pen)
            self._painter.drawLine(line)

    def _free(self, wanted: list[QRectF], graphics: list[QRectF]) -> QRectF:
        """The nearest place below or above the wanted ones that nothing else has.

        When there is none, the one that covers no text and least of the graphics; else the first wanted.
        """
        best, least = wanted[0], len(graphics) + 1
        for step in range(1, 60):
            rows = step // 2 * (1 if step % 2 else -1)
            for each in wanted:
                place = each.translated(0, rows * self._line / 2)
                inside = self._room.top() <= place.top() and place.bottom() <= self._room.bottom()
                if not inside or any(map(place.intersects, self.taken)):
                    continue
                covered = sum(map(place.intersects, graphics))
                if covered < least:
                    best, least = place, covered
                if not least:
                    break
            if not least:
                break
        self.taken.append(best)
        return best

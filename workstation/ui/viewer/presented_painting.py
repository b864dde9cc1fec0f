"""Overlay planes and the graphics of a presentation state, painted over a picture.

Overlay bits are painted pixel by pixel, as the picture is; graphics and texts are lines on a dark edge, so that they
are seen on bright and on dark.
"""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, qRgba

from workstation.ui.viewer.lettering import EDGE, SHADE, nearest_in, text_picture
from workstation.viewing.overlaid import GRAPHIC, REGION
from workstation.viewing.picture import Picture
from workstation.viewing.presented_graphics import Label, Stroke

_PLAIN = QColor("#8fd6e8")
"""For overlay planes, and for layers that recommend no colour."""

_SPOT = 5.0


def paint_marks(painter: QPainter, picture: Picture, ratio: float) -> None:
    """The bits of overlay planes: graphics in full colour, regions of interest let the picture through."""
    marks = picture.marks
    if marks is None:
        return
    height, width = marks.shape
    image = QImage(marks.data, width, height, marks.strides[0], QImage.Format.Format_Indexed8)
    colours = [0, 0, 0]
    colours[GRAPHIC] = _PLAIN.rgb()
    colours[REGION] = qRgba(_PLAIN.red(), _PLAIN.green(), _PLAIN.blue(), 90)
    image.setColorTable(colours)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(0, 0), image)


class GraphicPainter:
    """Paints the graphics of one picture; device pixels become logical ones by `ratio`."""

    def __init__(self, painter: QPainter, ratio: float) -> None:
        self._painter = painter
        self._ratio = ratio
        self._metrics = QFontMetricsF(painter.font())

    def paint(self, strokes: tuple[Stroke, ...], labels: tuple[Label, ...]) -> None:
        for stroke in strokes:
            self._stroke(stroke)
        for label in labels:
            self._label(label)

    def _at(self, spot: tuple[float, float]) -> QPointF:
        return QPointF((spot[0] + 0.5) / self._ratio, (spot[1] + 0.5) / self._ratio)

    def _stroke(self, stroke: Stroke) -> None:
        color, path = _color(stroke.colour), QPainterPath()
        spots = [self._at(spot) for spot in stroke.spots]
        if len(spots) == 1:
            for across, along in ((_SPOT, 0.0), (0.0, _SPOT)):
                path.moveTo(spots[0] - QPointF(across, along))
                path.lineTo(spots[0] + QPointF(across, along))
        else:
            path.moveTo(spots[0])
            for spot in spots[1:]:
                path.lineTo(spot)
        if stroke.filled and len(spots) > 2:
            self._painter.fillPath(path, color)
        self._on_edge(path, color)

    def _on_edge(self, path: QPainterPath, color: QColor) -> None:
        self._painter.strokePath(path, QPen(SHADE, 3.4))
        self._painter.strokePath(path, QPen(color, 1.4))

    def _label(self, label: Label) -> None:
        color, lines = _color(label.colour), label.text.split("\n")
        high = self._metrics.height()
        wide = max(self._metrics.horizontalAdvance(line) for line in lines)
        anchor = None if label.anchor is None else self._at(label.anchor)
        if label.box is not None:
            place = QRectF(self._at(label.box[:2]), self._at(label.box[2:]))
        elif anchor is not None:
            place = QRectF(anchor, anchor).adjusted(0, 0, wide, high * len(lines))
        else:
            return
        if label.joined and anchor is not None:
            path = QPainterPath(nearest_in(place, anchor))
            path.lineTo(anchor)
            self._on_edge(path, color)
        for row, line in enumerate(lines):
            room = place.width() - self._metrics.horizontalAdvance(line)
            shift = {"CENTER": room / 2, "RIGHT": room}.get(label.justification, 0.0)
            # a text that is too long for its box goes on to the right
            spot = QPointF(place.left() + max(shift, 0.0) - EDGE, place.top() + row * high - EDGE)
            drawn = text_picture(line, color.rgb(), False, self._painter.font().family(), self._ratio)
            self._painter.drawImage(spot, drawn)


def _color(colour: tuple[int, ...] | None) -> QColor:
    # a layer whose colour is black was made for another background: on ours it would not be seen
    if colour is None or max(colour) < 40:
        return _PLAIN
    return QColor(*colour)

"""Overlay texts as ready pictures: most are the same at each paint, and an edge on six sides is costly.

Texts that are wider than their place are broken at spaces: a number that lost its first digits would be another one.
"""

import math
import re
from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

TEXT_POINTS = 11.0
EDGE = 2.0
SHADE = QColor(0, 0, 0, 200)
GROUND = QColor(0, 0, 0, 150)
"""Under texts on bright pictures, where the edge of the letters is not enough."""
# lines of a label that are longer than this many line heights are broken
_WIDEST = 14.0
_BREAK = re.compile(r"  +|(?<![\d±WL]) +")


def label_width(room: QRectF, metrics: QFontMetricsF) -> float:
    """How wide a label beside a graphic may be where its texts have that room."""
    return min(room.width(), max(room.width() / 3, _WIDEST * metrics.height()))


def nearest_in(place: QRectF, point: QPointF) -> QPointF:
    """The point of a label's place nearest to another: where a line to its graphic begins."""
    return QPointF(min(max(point.x(), place.left()), place.right()), min(max(point.y(), place.top()), place.bottom()))


def wrapped(text: str, width: float, metrics: QFontMetricsF) -> list[str]:
    """A text on lines of at most `width`, broken at spaces; a number stays with its unit, or with W or L before it.

    What is longer and can't be broken ends in an ellipsis.
    """
    if metrics.horizontalAdvance(text) <= width:
        return [text]
    lines: list[str] = []
    for word in _BREAK.split(text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in lines]


@lru_cache(maxsize=400)
def text_picture(text: str, rgb: int, bold: bool, family: str, ratio: float) -> QImage:
    """A text on a soft dark edge, so that it reads on bright and on dark; kept, since it is the same at most paints."""
    font = QFont(family)
    font.setPointSizeF(TEXT_POINTS)
    font.setBold(bold)
    metrics = QFontMetricsF(font)
    width = math.ceil((metrics.horizontalAdvance(text) + 2 * EDGE + 1) * ratio)
    height = math.ceil((metrics.height() + 2 * EDGE) * ratio)
    drawn = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setFont(font)
    painter.setPen(SHADE)
    x, y = EDGE, metrics.ascent() + EDGE
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1)):
        painter.drawText(QPointF(x + dx, y + dy), text)
    painter.setPen(QColor.fromRgb(rgb))
    painter.drawText(QPointF(x, y), text)
    painter.end()
    return drawn

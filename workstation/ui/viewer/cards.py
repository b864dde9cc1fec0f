"""What the strip offers beside series: documents, segmentations, and images that were rejected."""

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from workstation.language import _, ngettext
from workstation.ui import theme
from workstation.ui.texts import short_date
from workstation.ui.viewer.document_view import ICONS
from workstation.viewing.documents import KINDS, CaseDocument
from workstation.viewing.rejection import SetAside
from workstation.viewing.segment_layers import SegmentLayer

_ICON = 18
_EDGE = 6
TITLE_POINTS, SMALL_POINTS = 11.0, 9.5


class Card(QAbstractButton):
    """An icon, a title on at most two lines, and smaller lines below, each with its colour."""

    def __init__(self, icon: str, title: str, lines: list[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = icon
        self._title = title
        self._lines = lines
        self._shown = False
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(title)
        self.setToolTip("\n".join([title, *(text for text, _colour in lines)]))

    def set_shown(self, shown: bool) -> None:
        if shown != self._shown:
            self._shown = shown
            self.update()

    def set_icon(self, icon: str) -> None:
        self._icon_name = icon
        self.update()

    def _font(self, points: float) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(points)
        return font

    def _title_lines(self) -> list[str]:
        return _fitted(self._title, QFontMetrics(self._font(TITLE_POINTS)), self._text_width())

    def _small_lines(self) -> list[tuple[str, str]]:
        """The lines below the title with their colours, wrapped."""
        metrics, width = QFontMetrics(self._font(SMALL_POINTS)), self._text_width()
        return [(line, colour) for text, colour in self._lines for line in _fitted(text, metrics, width)]

    def _text_width(self) -> int:
        return self.width() - 3 * _EDGE - _ICON

    def sizeHint(self) -> QSize:
        high = QFontMetrics(self._font(TITLE_POINTS)).height() * len(self._title_lines())
        small = QFontMetrics(self._font(SMALL_POINTS)).height() * len(self._small_lines())
        return QSize(self.width(), 2 * _EDGE + max(high, _ICON) + small)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        box = self.rect().adjusted(0, 0, -1, -1)
        painter.fillRect(box, QColor(colours.raised if self.underMouse() else colours.panel))
        theme.icon(self._icon_name).paint(painter, QRect(_EDGE, _EDGE, _ICON, _ICON))
        left, y = 2 * _EDGE + _ICON, _EDGE
        rows = [(TITLE_POINTS, line, "text") for line in self._title_lines()]
        rows += [(SMALL_POINTS, line, colour) for line, colour in self._small_lines()]
        for points, line, colour in rows:
            painter.setFont(self._font(points))
            painter.setPen(QColor(getattr(colours, colour)))
            high = painter.fontMetrics().height()
            painter.drawText(QRect(left, y, self._text_width(), high), Qt.AlignmentFlag.AlignLeft, line)
            y += high
        if self._shown:
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.drawRect(box.adjusted(1, 1, 0, 0))


class DocumentCard(Card):
    """A document. `chosen` gives its key."""

    chosen = Signal(str)

    def __init__(self, document: CaseDocument, parent: QWidget | None = None) -> None:
        date = short_date(document.date)
        lines = [(date or _(KINDS[document.kind]), "muted")]
        if document.verified:
            lines.append((_("Verified"), "good"))
        elif document.verified is False:
            lines.append((_("Not verified"), "warning"))
        if document.complete is False:
            lines.append((_("Incomplete"), "warning"))
        super().__init__(ICONS[document.kind], document.title, lines, parent)
        self.document = document
        self.setToolTip(f"{_(KINDS[document.kind])}\n{self.toolTip()}")
        self.clicked.connect(lambda: self.chosen.emit(document.key))


class LayerCard(Card):
    """A segmentation to switch on and off. `chosen` gives its key."""

    chosen = Signal(str)

    def __init__(self, layer: SegmentLayer, parent: QWidget | None = None) -> None:
        super().__init__("mdi6.eye-off-outline", layer.title, [(_("Segmentation"), "muted")], parent)
        self.layer_shown = layer
        self.setCheckable(True)
        self.clicked.connect(lambda: self.chosen.emit(layer.key))
        self.refresh()

    def refresh(self) -> None:
        """The eye as the layer is."""
        visible = self.layer_shown.visible
        self.setChecked(visible)
        self.set_icon("mdi6.eye-outline" if visible else "mdi6.eye-off-outline")
        self.set_shown(visible)


class RejectedCard(Card):
    """What notes take out of sight, with the way to see it."""

    def __init__(self, aside: tuple[SetAside, ...], parent: QWidget | None = None) -> None:
        count = sum(len(one.instances) for one in aside)
        title = ngettext("{count} object hidden", "{count} objects hidden", count).format(count=count)
        reasons = [(one.reason, "warning") for one in aside]
        super().__init__("mdi6.eye-remove-outline", title, [*reasons, (_("Show all the same"), "accent")], parent)


def _fitted(text: str, metrics: QFontMetrics, width: int) -> list[str]:
    """A text on one or two lines, broken at a space where there is one; what is longer ends in an ellipsis."""
    if metrics.horizontalAdvance(text) <= width:
        return [text]
    words, first = text.split(" "), ""
    while words and metrics.horizontalAdvance(f"{first} {words[0]}".strip()) <= width:
        first = f"{first} {words.pop(0)}".strip()
    rest = metrics.elidedText(" ".join(words), Qt.TextElideMode.ElideRight, width)
    return [first, rest] if first else [rest]

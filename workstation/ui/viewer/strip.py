"""The strip of series at the left: a small picture of each, those of earlier studies under their date."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.language import _, ngettext
from workstation.ui import theme
from workstation.ui.texts import short_date
from workstation.ui.viewer.grid import STACK_MIME
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.stacks import ShownStack

WIDTH = 148
PICTURE = 112


class SeriesCard(QWidget):
    """One stack: picture, title, how many images, and how many of them are here while they load."""

    chosen = Signal(str)

    def __init__(self, stack: ShownStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack = stack
        self._picture: QPixmap | None = None
        self._loaded = -1
        self._shown = False
        self._pressed: QPoint | None = None
        self.setFixedSize(WIDTH - 16, PICTURE + 44)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(f"{stack.modality} {stack.title}")
        self.setToolTip(self._tip())

    def _tip(self) -> str:
        lines = [self.stack.title, self._count()]
        lines += [text for text in (self.stack.stack.reason, self.stack.stack.split_rule, self.stack.reason) if text]
        return "\n".join(lines)

    def _count(self) -> str:
        count = self.stack.count
        return ngettext("{count} image", "{count} images", count).format(count=count)

    def set_picture(self, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        form = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        image = QImage(pixels.data, width, height, pixels.strides[0], form)
        fitted = image.scaled(
            QSize(PICTURE, PICTURE), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self._picture = QPixmap.fromImage(fitted)
        self.update()

    def set_loaded(self, loaded: int) -> None:
        if loaded != self._loaded:
            self._loaded = loaded
            self.update()

    def set_shown(self, shown: bool) -> None:
        if shown != self._shown:
            self._shown = shown
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.current()
        painter = QPainter(self)
        box = self.rect().adjusted(0, 0, -1, -1)
        painter.fillRect(box, QColor(colours.raised if self.underMouse() else colours.panel))
        place = box.adjusted(4, 4, -4, 0)
        place.setHeight(PICTURE)
        painter.fillRect(place, Qt.GlobalColor.black)
        if self._picture is not None:
            corner = place.center() - self._picture.rect().center()
            painter.drawPixmap(corner, self._picture)
        font = QFont(self.font())
        font.setPointSizeF(11)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        number = self.stack.first.series_number
        title = self.stack.title if number is None else f"{number} · {self.stack.title}"
        painter.setPen(QColor(colours.text))
        line = box.adjusted(5, PICTURE + 5, -5, 0)
        title = metrics.elidedText(title, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignTop, title)
        painter.setPen(QColor(colours.muted))
        count = self._count()
        if 0 <= self._loaded < self.stack.count:
            count = f"{self._loaded} / {self.stack.count}"
        painter.drawText(line.adjusted(0, metrics.height(), 0, 0), Qt.AlignmentFlag.AlignTop, count)
        modality = self.stack.modality
        x = line.right() - metrics.horizontalAdvance(modality)
        painter.drawText(x, line.top() + metrics.height() + metrics.ascent(), modality)
        if self._shown:
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.drawRect(box.adjusted(1, 1, 0, 0))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        gone = (event.position().toPoint() - self._pressed).manhattanLength()
        if gone >= QApplication.startDragDistance():
            self._pressed = None
            drag = QDrag(self)
            carried = QMimeData()
            carried.setData(STACK_MIME, self.stack.key.encode("utf-8"))
            drag.setMimeData(carried)
            if self._picture is not None:
                drag.setPixmap(self._picture)
            drag.exec(Qt.DropAction.CopyAction)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.stack.key)
        self._pressed = None


class Strip(QScrollArea):
    """All stacks of a case. `chosen` gives the key of the one to show in the active viewport."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: dict[str, SeriesCard] = {}
        self.setFixedWidth(WIDTH + 6)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.set_session(None)

    def set_session(self, session: ReadingSession | None) -> None:
        """Cards for all stacks of the session's case."""
        body = QFrame()
        theme.set_role(body, "panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        self.cards = {}
        study = ""
        for stack in session.case.stacks if session is not None else ():
            if stack.study.study_uid != study:
                study = stack.study.study_uid
                column.addWidget(self._heading(stack))
            card = SeriesCard(stack, body)
            card.chosen.connect(self.chosen)
            self.cards[stack.key] = card
            column.addWidget(card)
        column.addStretch(1)
        self.setWidget(body)

    def _heading(self, stack: ShownStack) -> QLabel:
        date = short_date(stack.study.study_date)
        label = QLabel(_("Prior {date}").format(date=date) if stack.prior else _("Current {date}").format(date=date))
        label.setWordWrap(True)
        theme.set_role(label, "warning" if stack.prior else "muted")
        if stack.reason:
            label.setToolTip(stack.reason)
        return label

    def show_state(self, session: ReadingSession) -> None:
        """Mark what is on the screen."""
        shown = {viewport.state.stack for viewport in session.views.all}
        for key, card in self.cards.items():
            card.set_shown(key in shown)

    def show_progress(self, session: ReadingSession) -> None:
        """How much of each stack is there, and how much memory they take together."""
        pixels = session.case.pixels
        for key, card in self.cards.items():
            loader = pixels.held(key)
            card.set_loaded(0 if loader is None else loader.loaded_count)
        self.setToolTip(pixels.text())

"""The strip at the left: series by their pictures, segmentations, documents; earlier studies under their date."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.dicom.content import StudyHeader
from workstation.language import _, ngettext
from workstation.ui import theme
from workstation.ui.texts import short_date
from workstation.ui.viewer.cards import Card, DocumentCard, LayerCard, RejectedCard
from workstation.ui.viewer.grid import STACK_MIME
from workstation.viewing.documents import CaseDocument
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.rejection import SetAside
from workstation.viewing.segment_layers import SegmentLayer
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

    @property
    def picture(self) -> QPixmap | None:
        return self._picture

    @property
    def pictured(self) -> str:
        """The SOP Instance UID of the object its picture is made from."""
        return self.stack.instance(self.stack.count // 2).sop_instance_uid

    def take_picture(self, picture: QPixmap | None) -> None:
        """Show the picture of the card that was here before."""
        self._picture = picture

    def _tip(self) -> str:
        lines = [self.stack.title, self._count()]
        lines += [text for text in (self.stack.stack.reason, self.stack.stack.split_rule, self.stack.reason) if text]
        return "\n".join(lines)

    def _count(self) -> str:
        count, awaited = self.stack.count, self.stack.awaited
        if awaited is not None and awaited.expected > awaited.received:
            return _("{received} of {expected}").format(received=awaited.received, expected=awaited.expected)
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
        painter.setPen(QColor(colours.muted if self.stack.awaited is None else colours.warning))
        count = self._count()
        if self.stack.awaited is None and 0 <= self._loaded < self.stack.count:
            count = f"{self._loaded} / {self.stack.count}"
        painter.drawText(line.adjusted(0, metrics.height(), 0, 0), Qt.AlignmentFlag.AlignTop, count)
        modality = self.stack.modality
        painter.setPen(QColor(colours.muted))
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
    """All that a case offers. `chosen` gives the key of the stack to show in the active viewport."""

    chosen = Signal(str)
    document_chosen = Signal(str)
    layer_chosen = Signal(str)
    rejected_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: dict[str, SeriesCard] = {}
        self.documents: dict[str, DocumentCard] = {}
        self.layers: dict[str, LayerCard] = {}
        self._session: ReadingSession | None = None
        self.setFixedWidth(WIDTH + 6)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.set_session(None)

    def set_session(self, session: ReadingSession | None) -> None:
        """Cards for all that the session's case offers, study by study: series, segmentations, documents."""
        body = QFrame()
        theme.set_role(body, "panel")
        column = QVBoxLayout(body)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        before = self.cards if session is self._session else {}
        self._session = session
        self.cards, self.documents, self.layers = {}, {}, {}
        for study, prior, reason in _studies(session):
            column.addWidget(self._heading(study, prior, reason))
            for card in self._cards_of(session, study, body):
                column.addWidget(card)
        column.addStretch(1)
        for key, card in self.cards.items():
            old = before.get(key)
            if old is not None and old.pictured in card.stack.objects:
                card.take_picture(old.picture)
        scrolled = self.verticalScrollBar().value()
        self.setWidget(body)
        self.verticalScrollBar().setValue(scrolled if before else 0)

    def _cards_of(self, session: ReadingSession | None, study: StudyHeader, body: QWidget) -> list[QWidget]:
        if session is None:
            return []
        case, uid, found = session.case, study.study_uid, list[QWidget]()
        aside = tuple(one for one in case.rejected if one.study.study_uid == uid)
        if aside:
            # on top: what is missing must not be found out by scrolling
            hidden = RejectedCard(aside, body)
            hidden.clicked.connect(self.rejected_wanted)
            found.append(self._sized(hidden))
        for stack in case.stacks:
            if stack.study.study_uid == uid:
                card = self.cards[stack.key] = SeriesCard(stack, body)
                card.chosen.connect(self.chosen)
                found.append(card)
        for layer in case.layers.all:
            if layer.study.study_uid == uid:
                eye = self.layers[layer.key] = LayerCard(layer, body)
                eye.chosen.connect(self.layer_chosen)
                found.append(self._sized(eye))
        for document in case.documents:
            if document.study.study_uid == uid:
                paper = self.documents[document.key] = DocumentCard(document, body)
                paper.chosen.connect(self.document_chosen)
                found.append(self._sized(paper))
        return found

    @staticmethod
    def _sized(card: Card) -> Card:
        card.resize(WIDTH - 16, 0)
        card.setFixedSize(card.sizeHint())
        return card

    def _heading(self, study: StudyHeader, prior: bool, reason: str) -> QLabel:
        date = short_date(study.study_date)
        label = QLabel(_("Prior {date}").format(date=date) if prior else _("Current {date}").format(date=date))
        label.setWordWrap(True)
        theme.set_role(label, "warning" if prior else "muted")
        if reason:
            label.setToolTip(reason)
        return label

    def show_state(self, session: ReadingSession) -> None:
        """Mark what is on the screen."""
        shown = {viewport.state.stack for viewport in session.views.all}
        for key, card in self.cards.items():
            card.set_shown(key in shown)
        for key, paper in self.documents.items():
            paper.set_shown(key == session.document)
        for eye in self.layers.values():
            eye.refresh()

    def show_progress(self, session: ReadingSession) -> None:
        """How much of each stack is there, and how much memory they take together."""
        pixels = session.case.pixels
        for key, card in self.cards.items():
            loader = pixels.held(key)
            card.set_loaded(0 if loader is None else loader.loaded_count)
        self.setToolTip(pixels.text())


def _studies(session: ReadingSession | None) -> list[tuple[StudyHeader, bool, str]]:
    """(study, whether it is a prior, why it was chosen) of all that is offered: the study itself first."""
    if session is None:
        return []
    case = session.case
    found: dict[str, tuple[StudyHeader, bool, str]] = {}
    for stack in case.stacks:
        found.setdefault(stack.study.study_uid, (stack.study, stack.prior, stack.reason))
    others: list[SegmentLayer | CaseDocument | SetAside] = [*case.layers.all, *case.documents, *case.rejected]
    for one in others:
        found.setdefault(one.study.study_uid, (one.study, one.prior, ""))
    return sorted(found.values(), key=lambda each: each[1])

"""One document in a viewport's place: a line that says what it is, and below it text, or the pages of a PDF.

Esc closes it. What it shows is in memory alone.
"""

from PySide6.QtCore import QEvent, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QResizeEvent, QTextCursor, QTextDocument, QTextOption, QWheelEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QTextBrowser,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from workstation.errors import WorkstationError
from workstation.jobs import Workers
from workstation.language import _
from workstation.ui import theme
from workstation.ui.texts import person_name, short_date
from workstation.ui.viewer.document_text import DocumentText, Link
from workstation.ui.viewer.pdf_view import PdfView, Post
from workstation.viewing.documents import KINDS, CaseDocument, OpenedDocument
from workstation.viewing.open_case import OpenCase

ICONS = {
    "report": "mdi6.text-box-outline",
    "dose": "mdi6.radioactive",
    "key objects": "mdi6.star-outline",
    "pdf": "mdi6.file-pdf-box",
    "clinical": "mdi6.file-document-outline",
}


class ReadingText(QTextBrowser):
    """Text that can be selected, clicked and hovered; Ctrl and wheel make it larger. It loads nothing from anywhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QTextBrowser { border: none; border-radius: 0; }")
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        # a table that is too wide scrolls: a word broken in the middle of a cell reads as two
        self.setWordWrapMode(QTextOption.WrapMode.WordWrap)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        return None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            place = self.viewport().mapFromGlobal(event.globalPos())
            tip = self.cursorForPosition(place).charFormat().toolTip()
            if tip:
                QToolTip.showText(event.globalPos(), tip, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoomIn(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self.zoomIn(1)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoomOut(1)
        else:
            super().keyPressEvent(event)


class DocumentView(QFrame):
    """Shows a document. `place_chosen` gives what a click points at, `closed` that the reader is done with it."""

    place_chosen = Signal(object)
    closed = Signal()

    def __init__(self, workers: Workers, post: Post, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document: CaseDocument | None = None
        self._links: list[Link] = []
        theme.set_role(self, "panel")
        self._icon = QLabel(self)
        self._title = QLabel(self)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        # a long title must not make the document wider than its viewport
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._facts = QLabel(self)
        self._facts.setTextFormat(Qt.TextFormat.PlainText)
        theme.set_role(self._facts, "muted")
        close = QToolButton(self)
        close.setIcon(theme.icon("mdi6.close"))
        close.setIconSize(QSize(18, 18))
        close.setToolTip(_("Close the document  (Esc)"))
        close.setAccessibleName(_("Close the document  (Esc)"))
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_role(close, "quiet")
        close.clicked.connect(self.closed)
        self.text = ReadingText(self)
        self.text.anchorClicked.connect(self._clicked)
        self.pdf = PdfView(workers, post, self)
        self._message = QLabel(self)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setMargin(24)
        self._faces = QStackedWidget(self)
        for face in (self.text, self.pdf, self._message):
            self._faces.addWidget(face)
        self._band = QFrame(self)
        theme.set_role(self._band, "band-danger")
        self._band_text = QLabel(self._band)
        self._band_text.setWordWrap(True)
        self._band_text.setTextFormat(Qt.TextFormat.PlainText)
        QVBoxLayout(self._band).addWidget(self._band_text)
        self._band.hide()
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._title)
        words.addWidget(self._facts)
        head = QHBoxLayout()
        head.setContentsMargins(10, 4, 4, 4)
        head.setSpacing(8)
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(words, 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._band)
        column.addWidget(self._faces, 1)
        self.setAccessibleName(_("Document"))

    def announce(self, document: CaseDocument, *, stranger: bool) -> None:
        """Name a document while it is read; a `stranger` claims another patient than the images."""
        patient = document.instance.patient
        name = person_name(patient.name) or patient.patient_id
        self._band_text.setText(
            _("This document names another patient: {name}").format(name=name)
            if name
            else _("This document names no patient")
        )
        self._band.setVisible(stranger)
        self.document = document
        self._icon.setPixmap(theme.icon(ICONS[document.kind]).pixmap(18, 18))
        self._title.setToolTip(document.title)
        self._elide()
        facts = [_(KINDS[document.kind]), short_date(document.date)]
        if document.prior:
            facts.insert(0, _("PRIOR"))
        self._facts.setText("  ·  ".join(part for part in facts if part))
        theme.set_role(self._facts, "warning" if document.prior else "muted")
        self.say(_("Loading…"))

    def _elide(self) -> None:
        title = "" if self.document is None else self.document.title
        metrics = self._title.fontMetrics()
        self._title.setText(metrics.elidedText(title, Qt.TextElideMode.ElideRight, max(self._title.width(), 40)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        layout = self.layout()
        if layout is not None:
            layout.activate()
        self._elide()

    def say(self, message: str) -> None:
        """One line instead of the document."""
        self._message.setText(message)
        self._faces.setCurrentWidget(self._message)
        self.setFocusProxy(self._message)

    @property
    def message(self) -> str:
        """The line that stands instead of the document; empty when the document is there."""
        return self._message.text() if self._faces.currentWidget() is self._message else ""

    def show_opened(self, opened: OpenedDocument, case: OpenCase) -> None:
        """Show what was read."""
        if opened.pdf is not None:
            try:
                self.pdf.show_pdf(opened.pdf)
            except WorkstationError as error:
                self.say(str(error))
                return
            self._face(self.pdf)
            return
        written = DocumentText(opened, case)
        text = written.write()
        text.setParent(self.text)
        text.setDefaultFont(self.font())
        self.text.setDocument(text)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        self.text.verticalScrollBar().setValue(0)
        self._links = written.links
        self._face(self.text)

    def _face(self, face: QWidget) -> None:
        self._faces.setCurrentWidget(face)
        self.setFocusProxy(face)
        face.setFocus()

    def clear(self) -> None:
        """Let go of what was shown."""
        if self.document is None:
            return
        self.document = None
        self._links = []
        # the document before, being a child of its editor, goes with this
        self.text.setDocument(QTextDocument(self.text))
        self.pdf.clear()

    @property
    def warning(self) -> str:
        """What the band says; empty when there is nothing to warn of."""
        return "" if self._band.isHidden() else self._band_text.text()

    def links(self) -> tuple[Link, ...]:
        """All places that can be clicked, in reading order."""
        return tuple(self._links)

    def _clicked(self, address: QUrl) -> None:
        number = address.path() or address.toString().rpartition(":")[2]
        if number.isdigit() and int(number) < len(self._links):
            self.place_chosen.emit(self._links[int(number)])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

"""The pages of a PDF one below the other: drawn on workers as they come into sight, zoomed, turned by keys.

The bytes live in memory alone and go with the view.
"""

from collections.abc import Callable

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from workstation.errors import WorkstationError
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.reporting.pages import PagePicture, page_sizes, page_text, picture_page

MARGIN = 16
GAP = 12
NARROWEST, FITTED, WIDEST = 200, 960, 4000
_STEP = 1.25

Post = Callable[[Callable[[], None]], None]


class Sheet(QWidget):
    """One page."""

    def __init__(self, number: int, ratio: float, parent: QWidget) -> None:
        super().__init__(parent)
        self.number = number
        self._ratio = ratio
        self.asked = 0
        self._image: QImage | None = None
        self.setAccessibleName(_("Page {number}").format(number=number + 1))

    def set_width(self, width: int) -> None:
        self.setFixedSize(QSize(width, max(round(width * self._ratio), 1)))

    def show_page(self, page: PagePicture) -> None:
        image = QImage(page.rgb, page.width, page.height, 3 * page.width, QImage.Format.Format_RGB888)
        self._image = image.copy()
        self.update()

    @property
    def drawn(self) -> bool:
        """Whether the page can be read."""
        return self._image is not None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#ffffff"))
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._image)


class PdfView(QScrollArea):
    """Shows one PDF. UnreadableObject from `show_pdf` says why it can't."""

    def __init__(self, workers: Workers, post: Post, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workers = workers
        self._post = post
        self._pdf = b""
        self._generation = 0
        self.sheets: list[Sheet] = []
        self._fitted = True
        self._page_width = 600
        self._paper = QWidget(self)
        self.setWidget(self._paper)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(_("PDF"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.verticalScrollBar().valueChanged.connect(self._draw_visible)

    def show_pdf(self, pdf: bytes) -> None:
        """Lay out the pages; raises UnreadableObject."""
        sizes = page_sizes(pdf)
        self._generation += 1
        self._pdf = pdf
        self._paper = QWidget(self)
        self.sheets = [Sheet(n, high / wide, self._paper) for n, (wide, high) in enumerate(sizes)]
        self.setWidget(self._paper)
        self._paper.show()
        self._fitted = True
        self._fit()

    def clear(self) -> None:
        """Let go of the bytes and of all pages."""
        self._generation += 1
        self._pdf = b""
        self.sheets = []
        self._paper = QWidget(self)
        self.setWidget(self._paper)

    @property
    def page(self) -> int:
        """The page in the middle of the view, from 0."""
        middle = self.verticalScrollBar().value() + self.viewport().height() // 2
        for sheet in self.sheets:
            if sheet.geometry().bottom() >= middle:
                return sheet.number
        return max(len(self.sheets) - 1, 0)

    def go_to(self, page: int) -> None:
        """Show a page from its top."""
        if self.sheets:
            sheet = self.sheets[min(max(page, 0), len(self.sheets) - 1)]
            self.verticalScrollBar().setValue(sheet.geometry().top() - MARGIN)

    def zoom(self, factor: float) -> None:
        """Larger or smaller; what is in the middle stays there."""
        bar = self.verticalScrollBar()
        part = (bar.value() + self.viewport().height() / 2) / max(self._paper.height(), 1)
        self._fitted = False
        self._set_width(round(min(max(self._page_width * factor, NARROWEST), WIDEST)))
        bar.setValue(round(part * self._paper.height() - self.viewport().height() / 2))

    def _fit(self) -> None:
        self._fitted = True
        self._set_width(min(max(self.viewport().width() - 2 * MARGIN, NARROWEST), FITTED))

    def _set_width(self, width: int) -> None:
        self._page_width = width
        across = max(self.viewport().width(), width + 2 * MARGIN)
        y = MARGIN
        for sheet in self.sheets:
            sheet.set_width(width)
            sheet.move((across - width) // 2, y)
            y += sheet.height() + GAP
        self._paper.resize(across, y - GAP + MARGIN)
        self._draw_visible()

    def _draw_visible(self) -> None:
        top = self.verticalScrollBar().value()
        seen = QRect(0, top - self.height(), 1 << 20, 3 * self.height())
        width = round(self._page_width * self.devicePixelRatioF())
        for sheet in self.sheets:
            if sheet.asked != width and seen.intersects(sheet.geometry()):
                sheet.asked = width
                self._draw(sheet, width)

    def _draw(self, sheet: Sheet, width: int) -> None:
        pdf, generation = self._pdf, self._generation

        def show(page: PagePicture) -> None:
            if generation == self._generation and sheet.asked == width:
                sheet.show_page(page)

        def work() -> None:
            try:
                page = picture_page(pdf, sheet.number, width)
            except WorkstationError:
                return
            self._post(lambda: show(page))

        self._workers.submit(Lane.INTERACTIVE, work)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted and self.sheets:
            self._fit()
        else:
            self._set_width(self._page_width)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.0015 ** event.angleDelta().y())
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, held = event.key(), event.modifiers()
        if key == Qt.Key.Key_PageDown:
            self.go_to(self.page + 1)
        elif key == Qt.Key.Key_PageUp:
            self.go_to(self.page - 1)
        elif key == Qt.Key.Key_Home:
            self.go_to(0)
        elif key == Qt.Key.Key_End:
            self.go_to(len(self.sheets) - 1)
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal}:
            self.zoom(_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / _STEP)
        elif key == Qt.Key.Key_0:
            self._fit()
        elif key == Qt.Key.Key_C and held & Qt.KeyboardModifier.ControlModifier:
            self._copy()
        else:
            super().keyPressEvent(event)

    def _copy(self) -> None:
        """The text of the page in view, to the clipboard."""
        if self._pdf:
            QGuiApplication.clipboard().setText(page_text(self._pdf, self.page))

    def minimumSizeHint(self) -> QSize:
        return QSize(NARROWEST, 120)

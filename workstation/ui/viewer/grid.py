"""The viewports side by side: canvases laid out in the cells of the session's layout, or one of them alone."""

from PySide6.QtCore import QRect, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workstation.ui import theme
from workstation.ui.viewer.canvas import Canvas
from workstation.viewing.layout import LAYOUTS
from workstation.viewing.reading_session import ReadingSession

GAP = 3
STACK_MIME = "application/x-workstation-stack"


class Grid(QWidget):
    """Canvases are kept and reused; number n shows viewport n of the session."""

    painted = Signal(int, int)
    stack_dropped = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session: ReadingSession | None = None
        self._canvases: list[Canvas] = []
        self.covered = -1
        """The viewport whose place a document has; -1 for none."""
        self._cover: QWidget | None = None
        self.setAcceptDrops(True)
        self.setMinimumSize(320, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def canvases(self) -> tuple[Canvas, ...]:
        """Those of the layout, by viewport number; when one is maximised the others are hidden."""
        count = 0 if self._session is None else len(self._session.views)
        return tuple(self._canvases[:count])

    def set_session(self, session: ReadingSession | None) -> None:
        self._session = session
        for canvas in self._canvases:
            canvas.set_session(session)
        self.arrange()

    def cover(self, number: int, widget: QWidget) -> None:
        """Give a viewport's place to a widget that is a child of this one."""
        self.covered, self._cover = number, widget
        self.arrange()
        widget.raise_()

    def uncover(self) -> None:
        """The viewport is back in its place."""
        if self._cover is not None:
            self._cover.hide()
        self.covered, self._cover = -1, None
        self.arrange()

    def arrange(self) -> None:
        """Put the canvases where the layout wants them."""
        session = self._session
        count = 0 if session is None else len(session.views)
        while len(self._canvases) < count:
            canvas = Canvas(len(self._canvases), self)
            canvas.painted.connect(self.painted)
            canvas.activated.connect(self._activate)
            canvas.set_session(session)
            self._canvases.append(canvas)
        for number, canvas in enumerate(self._canvases):
            canvas.cancel()
            alone = session is not None and session.views.maximised and number != session.views.active
            seen = number < count and not alone
            if seen:
                canvas.take_place(self._cell(number))
            canvas.setVisible(seen and number != self.covered)
            canvas.update()
        self._place_cover()

    def _place_cover(self) -> None:
        session, cover = self._session, self._cover
        if session is None or cover is None:
            return
        alone = session.views.maximised and self.covered != session.views.active
        if not alone and self.covered < len(session.views):
            cover.setGeometry(self._cell(self.covered))
        cover.setVisible(not alone and self.covered < len(session.views))

    def _cell(self, number: int) -> QRect:
        session = self._session
        assert session is not None
        if session.views.maximised:
            return self.rect()
        cells = LAYOUTS[session.views.layout].cells
        rows = max(row + spanned for row, _column, spanned, _columns in cells)
        columns = max(column + spanned for _row, column, _rows, spanned in cells)
        row, column, high, wide = cells[number]
        left, right = self._edges(column, wide, columns, self.width())
        top, bottom = self._edges(row, high, rows, self.height())
        return QRect(left, top, right - left, bottom - top)

    @staticmethod
    def _edges(first: int, spanned: int, count: int, size: int) -> tuple[int, int]:
        step = (size + GAP) / count
        return round(first * step), round((first + spanned) * step) - GAP

    def _activate(self, number: int) -> None:
        if self._session is not None:
            self._session.views.activate(number)

    def resizeEvent(self, event: QResizeEvent) -> None:
        for number, canvas in enumerate(self.canvases):
            if not canvas.isHidden():
                canvas.take_place(self._cell(number))
        self._place_cover()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), QColor(theme.current().window))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(STACK_MIME):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        key = bytes(event.mimeData().data(STACK_MIME).data()).decode("utf-8", "replace")
        for canvas in self.canvases:
            covered = canvas.number == self.covered and self._cover is not None and not self._cover.isHidden()
            if (covered or not canvas.isHidden()) and canvas.geometry().contains(event.position().toPoint()):
                self.stack_dropped.emit(canvas.number, key)
                event.acceptProposedAction()

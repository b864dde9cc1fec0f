"""One viewport on the screen: paints its newest picture and what lies above it, and hands the pointer to the tools.

A picture is painted device pixel by device pixel, straight from the array it came in; nothing is scaled here.
"""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QEvent, QIODevice, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QImage,
    QImageWriter,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QMenu, QToolTip, QWidget

from workstation.language import _
from workstation.ui import theme
from workstation.ui.viewer.overlay import Look, Overlay
from workstation.ui.viewer.presented_painting import paint_marks
from workstation.ui.viewer.slider import SLIDER_WIDTH, slider_track
from workstation.ui.viewer.viewport_menu import viewport_menu
from workstation.viewing.picture import Picture
from workstation.viewing.pointer import Button, PointerEvent
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.tools import DRAWING, Hand

_BUTTONS: dict[Qt.MouseButton, Button] = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.MiddleButton: "middle",
    Qt.MouseButton.RightButton: "right",
}
_SMALL_POINTS = 9.5
_KEY_IMAGE = Look(identity=False, controls=False)


class Canvas(QWidget):
    """The viewport `number` of a session. `painted` tells after each paint which request is on the screen."""

    painted = Signal(int, int)
    activated = Signal(int)

    def __init__(self, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = number
        self.painted_request = 0
        self._session: ReadingSession | None = None
        self._hand: Hand | None = None
        self._wheel = 0.0
        self._sliding = False
        self._notes: tuple[str, ...] = ()
        self._badge: list[QRectF] = []
        self._menu: QMenu | None = None
        self._menu_at: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self.setAccessibleName(_("Viewport {number}").format(number=number + 1))

    def set_session(self, session: ReadingSession | None) -> None:
        """Show a viewport of this session from now on, or nothing."""
        self.cancel()
        self._session = session
        self._hand = None if session is None else Hand(session, self.number)
        self.painted_request = 0
        self._sized()
        self.update()

    def cancel(self) -> bool:
        """Take back what is half drawn; whether there was any."""
        busy = self._hand is not None and self._hand.busy
        if self._hand is not None:
            self._hand.cancel()
        return busy

    @property
    def busy(self) -> bool:
        """Whether the reader is in the middle of something here: a gesture, a graphic, a menu."""
        gesture = self._sliding or (self._hand is not None and self._hand.busy)
        return gesture or (self._menu is not None and self._menu.isVisible())

    @property
    def picture(self) -> Picture | None:
        """The picture as it would be painted now."""
        return None if self._here is None else self._here.views[self.number].picture

    @property
    def _here(self) -> ReadingSession | None:
        """The session, while it has a viewport of this number."""
        return self._session if self._session is not None and self.number < len(self._session.views) else None

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        request = self._paint(painter, Look())
        self._frame(painter)
        painter.end()
        self.painted_request = request
        if request:
            self.painted.emit(self.number, request)

    def _paint(self, painter: QPainter, look: Look) -> int:
        """Picture and overlay; the id of the request they answer, or 0."""
        session, picture = self._here, self.picture
        ratio = self.devicePixelRatioF()
        covered = picture is not None and picture.pixels.shape[:2] == (
            round(self.height() * ratio),
            round(self.width() * ratio),
        )
        if not covered:
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if session is None:
            return 0
        stack = None if picture is None else session.case.stack(picture.state.stack)
        if picture is None or stack is None:
            self._paint_empty(painter, session)
            return 0
        image = picture_image(picture)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(0, 0), image)
        if picture.tint is not None:
            painter.drawImage(QPointF(0, 0), tint_image(picture.tint, ratio))
        paint_marks(painter, picture, ratio)
        overlay = Overlay(session, self.number, painter, QRectF(self.rect()), ratio)
        overlay.paint(picture, stack, look)
        self._notes, self._badge = overlay.notes, overlay.badge
        if picture.missing:
            failed = session.case.loader(stack.key).failures.get(picture.state.index)
            self._centred(painter, _("Loading…") if failed is None else failed)
        return picture.request.id

    def event(self, event: QEvent) -> bool:
        """Over the badge all notes are told, also those that found no room in it."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            over = any(place.contains(QPointF(event.pos())) for place in self._badge)
            # a note may quote a name of the file that looks like markup
            told = "\n".join(note.replace("<", "‹").replace(">", "›") for note in self._notes) if over else ""
            QToolTip.showText(event.globalPos(), told, self)
            return True
        return super().event(event)

    def _paint_empty(self, painter: QPainter, session: ReadingSession) -> None:
        viewport = session.views[self.number]
        if viewport.state.stack:
            self._centred(painter, _("Loading…"))
        elif session.coming and not session.case.stacks:
            self._centred(painter, _("The images are on their way…"))
        elif viewport.note == "prior":
            self._centred(painter, _("No earlier study of this kind"))
        else:
            self._centred(painter, _("Choose a series at the left, or drag one here"))

    def _centred(self, painter: QPainter, text: str) -> None:
        """A message in the picture's place: what it is, and smaller below it what a technician is to be told."""
        head, _colon, detail = text.partition(": ")
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        room = self.rect().adjusted(48, 24, -48 - round(SLIDER_WIDTH), -24)
        font = painter.font()
        small = QFont(font)
        small.setPointSizeF(_SMALL_POINTS)
        high = painter.boundingRect(room, flags, head).height()
        painter.setFont(small)
        low = painter.boundingRect(room, flags, detail).height() if detail else 0
        top = max(room.top(), room.center().y() - (high + low) // 2)
        painter.setPen(QColor(theme.current().muted))
        if detail:
            painter.drawText(room.adjusted(0, top + high + 6 - room.top(), 0, 0), flags, detail)
        painter.setFont(font)
        painter.setPen(QColor(theme.current().text if detail else theme.current().muted))
        painter.drawText(room.adjusted(0, top - room.top(), 0, 0), flags, head)

    def _frame(self, painter: QPainter) -> None:
        session = self._here
        if session is not None and session.views.active == self.number and len(session.views) > 1:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(QColor(theme.current().accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def as_seen(self) -> bytes:
        """The picture with its graphics as PNG, without the patient's identity."""
        ratio = self.devicePixelRatioF()
        image = QImage(round(self.width() * ratio), round(self.height() * ratio), QImage.Format.Format_RGB888)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.black)
        painter = QPainter(image)
        painter.setFont(self.font())
        self._paint(painter, _KEY_IMAGE)
        painter.end()
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        QImageWriter(buffer, b"png").write(image)
        return bytes(buffer.data().data())

    # size

    def take_place(self, place: QRect) -> None:
        """Lie there. The viewport behind may be a new one even where the place is the old."""
        self.setGeometry(place)
        self._sized()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._sized()

    def _sized(self) -> None:
        session = self._here
        if session is not None:
            ratio = self.devicePixelRatioF()
            session.views.resize(self.number, round(self.width() * ratio), round(self.height() * ratio))

    # pointer

    def mousePressEvent(self, event: QMouseEvent) -> None:
        session = self._here
        if session is None or self._hand is None:
            return
        self.activated.emit(self.number)
        self._menu_at = None
        if event.button() is Qt.MouseButton.RightButton and not self._hand.busy:
            self._menu_at = event.position()
        on_slider = event.position().x() >= self.width() - SLIDER_WIDTH
        if event.button() is Qt.MouseButton.LeftButton and on_slider and not self._hand.busy:
            self._sliding = True
            self._slide(event.position())
        else:
            self._hand.handle(self._pointer("press", event))
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._sliding:
            self._slide(event.position())
        elif self._hand is not None and self._here is not None:
            pointer = self._pointer("move", event)
            self._hand.handle(pointer)
            self._show_cursor(pointer)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._sliding:
            self._sliding = False
        elif self._hand is not None and self._here is not None:
            self._hand.handle(self._pointer("release", event))
            self._open_menu(event)
            self.update()

    def _open_menu(self, event: QMouseEvent) -> None:
        """A right press that was no drag opens the viewport's menu."""
        session, pressed, self._menu_at = self._here, self._menu_at, None
        if session is None or pressed is None or event.button() is not Qt.MouseButton.RightButton:
            return
        if (event.position() - pressed).manhattanLength() > QApplication.startDragDistance():
            return
        self._menu = viewport_menu(session, self.number)
        if self._menu is not None:
            self._menu.popup(event.globalPosition().toPoint())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        session = self._here
        if self._hand is not None and self._hand.drawing:
            # the second click of the two is one more point
            self._hand.handle(self._pointer("press", event))
            self.update()
        elif session is not None and event.button() is Qt.MouseButton.LeftButton:
            self.cancel()
            self.activated.emit(self.number)
            session.views.toggle_maximised()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A notch is a slice; with Ctrl the picture grows about the pointer."""
        session = self._here
        if session is None:
            return
        self.activated.emit(self.number)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            x, y = self._device(event.position())
            session.move.zoom(self.number, 1.0015 ** event.angleDelta().y(), x, y)
        else:
            self._wheel -= event.angleDelta().y() / 120
            steps = int(self._wheel)
            self._wheel -= steps
            if steps:
                session.move.scroll(self.number, steps)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.cancel():
            self.update()
            return
        ends = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if ends and self._hand is not None and self._hand.finish():
            self.update()
            return
        super().keyPressEvent(event)

    def focusNextPrevChild(self, _next: bool) -> bool:
        """Tab goes to the next viewport, by the command table."""
        return False

    def _slide(self, position: QPointF) -> None:
        session = self._here
        if session is not None:
            track = slider_track(QRectF(self.rect()))
            part = (position.y() - track.top()) / max(track.height(), 1)
            count = session.views.slices(self.number).count
            session.move.go_to(self.number, min(max(int(part * count), 0), count - 1))

    def _device(self, position: QPointF) -> tuple[float, float]:
        """Logical position to device pixels with centres at integers."""
        ratio = self.devicePixelRatioF()
        return position.x() * ratio - 0.5, position.y() * ratio - 0.5

    def _pointer(self, kind: str, event: QMouseEvent) -> PointerEvent:
        x, y = self._device(event.position())
        held = event.modifiers()
        return PointerEvent(
            kind,  # type: ignore[arg-type]
            x,
            y,
            _BUTTONS.get(event.button(), "none"),
            bool(held & Qt.KeyboardModifier.ShiftModifier),
            bool(held & Qt.KeyboardModifier.ControlModifier),
            self.devicePixelRatioF(),
        )

    def _show_cursor(self, pointer: PointerEvent) -> None:
        session = self._here
        if session is None:
            return
        grip = session.annotations.grip_at(self.number, pointer.x, pointer.y, pointer.ratio)
        gripping = grip is not None and session.annotations.draggable(grip)
        drawing = session.tool in DRAWING
        shape = Qt.CursorShape.CrossCursor if drawing else Qt.CursorShape.ArrowCursor
        shape = Qt.CursorShape.PointingHandCursor if gripping else shape
        if self.cursor().shape() != shape:
            self.setCursor(shape)


def tint_image(tint: NDArray[np.uint8], ratio: float) -> QImage:
    """What lies over a picture as an image; valid as long as the array lives."""
    height, width = tint.shape[:2]
    image = QImage(tint.data, width, height, tint.strides[0], QImage.Format.Format_RGBA8888_Premultiplied)
    image.setDevicePixelRatio(ratio)
    return image


def picture_image(picture: Picture) -> QImage:
    """The picture's own bytes as an image; valid as long as the picture lives."""
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    form = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(pixels.data, width, height, pixels.strides[0], form)

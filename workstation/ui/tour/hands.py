"""Hands on the real window: keys, clicks, drags and the wheel as Qt events, and waiting for what the screen shows."""

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from workstation.errors import WorkstationError
from workstation.language import _


class Hands:
    """Acts on one window. Nothing here calls a widget's methods: it only sends what a reader's hands would."""

    def __init__(self, window: QWidget, limit_s: float = 120.0) -> None:
        self._window = window
        self._limit = limit_s

    def wait(
        self, seen: Callable[[], bool], what: str, refused: Callable[[], WorkstationError | None] = lambda: None
    ) -> None:
        """Let the window work until `seen`. Raises what `refused` finds, or at the limit an error naming `what`."""
        end = time.monotonic() + self._limit
        while True:
            if (refusal := refused()) is not None:
                raise refusal
            if seen():
                return
            if time.monotonic() > end:
                raise WorkstationError(_("The tour waited in vain"), what)
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            time.sleep(0.002)

    def rest(self, seconds: float) -> None:
        """Let the window work for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, "")

    def press(self, keys: str, where: QWidget | None = None) -> None:
        """Press a key or combination (`F3`, `Ctrl+F`) in `where`, or wherever the focus is."""
        QTest.keySequence(self._focus() if where is None else where, QKeySequence(keys))

    def type(self, text: str, where: QWidget | None = None) -> None:
        """Type a text, in any alphabet."""
        for letter in text:
            target = where or self._focus()
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                QApplication.sendEvent(target, QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter))

    def click(self, where: QWidget, at: tuple[float, float] | None = None) -> None:
        """Click the left button, in the middle or at a point in the widget's logical pixels."""
        point = self._point(where, at)
        self._mouse(where, QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton)
        self._mouse(where, QEvent.Type.MouseButtonPress, point, Qt.MouseButton.LeftButton)
        self._mouse(where, QEvent.Type.MouseButtonRelease, point, Qt.MouseButton.LeftButton)

    def drag(
        self,
        where: QWidget,
        start: tuple[float, float],
        end: tuple[float, float],
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    ) -> None:
        """Press, move in steps, release."""
        self._mouse(where, QEvent.Type.MouseButtonPress, QPointF(*start), button)
        for step in range(1, 6):
            part = step / 5
            point = QPointF(start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
            self._mouse(where, QEvent.Type.MouseMove, point, button)
        self._mouse(where, QEvent.Type.MouseButtonRelease, QPointF(*end), button)

    def wheel(self, where: QWidget, at: tuple[float, float], notches: int, control: bool = False) -> None:
        """Turn the wheel over a point; with Ctrl held if wanted."""
        modifiers = Qt.KeyboardModifier.ControlModifier if control else Qt.KeyboardModifier.NoModifier
        for _notch in range(abs(notches)):
            event = QWheelEvent(
                QPointF(*at),
                QPointF(where.mapToGlobal(QPoint(round(at[0]), round(at[1])))),
                QPoint(0, 0),
                QPoint(0, 120 if notches > 0 else -120),
                Qt.MouseButton.NoButton,
                modifiers,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(where, event)

    def _focus(self) -> QWidget:
        focus = QApplication.focusWidget()
        return self._window if focus is None else focus

    @staticmethod
    def _point(where: QWidget, at: tuple[float, float] | None) -> QPointF:
        return QPointF(where.rect().center()) if at is None else QPointF(*at)

    @staticmethod
    def _mouse(where: QWidget, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton) -> None:
        held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else button
        pressed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else button
        event = QMouseEvent(kind, at, where.mapToGlobal(at), pressed, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(where, event)

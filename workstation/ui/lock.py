"""Locks the window: by key, after idle, with the screen and before sleep; unlocks it in the same place.

Locked, all pages are hidden, so nothing of them is painted, read aloud or named; other windows are hidden too. What
runs in the background goes on.
"""

import time

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QDrag, QGuiApplication, QKeySequence, QShortcut, QWindow
from PySide6.QtWidgets import QApplication, QDialog, QToolTip, QWidget
from shiboken6 import isValid

from workstation.archive.guard import Guard, Reason
from workstation.errors import WorkstationError
from workstation.jobs import Lane
from workstation.language import _
from workstation.secrets import KeyState
from workstation.settings import Settings
from workstation.ui import texts
from workstation.ui.background import Background
from workstation.ui.lock_face import LockFace
from workstation.ui.shell import Shell

_TOUCHES = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
        QEvent.Type.TouchUpdate,
        QEvent.Type.TabletMove,
        QEvent.Type.TabletPress,
    }
)


def clock() -> float:
    """Seconds that go on while the computer sleeps, wherever the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class DeskLock(QObject):
    """One window's lock. `can_lock` follows what the key file says (`look`)."""

    def __init__(self, shell: Shell, guard: Guard, background: Background, settings: Settings) -> None:
        super().__init__(shell)
        self._shell = shell
        self._guard = guard
        self._background = background
        self._idle_s = settings.lock_minutes * 60
        self._touched = clock()
        self._focus: QWidget | None = None
        self._hidden: list[QWidget] = []
        self._watched: list[QWindow] = []
        self._by_passphrase = False
        self.can_lock = False
        self.is_locked = False
        self.face = LockFace(settings.shown_as or texts.person_name(settings.reader.name))
        self.face.given.connect(self._try)
        self.face.left.connect(shell.close)
        self._shortcut = QShortcut(QKeySequence("Ctrl+L"), shell)
        self._shortcut.activated.connect(lambda: self.lock("key"))
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.timeout.connect(self._look_at_clock)
        QGuiApplication.instance().focusWindowChanged.connect(self._watch)  # type: ignore[union-attr]

    def start(self, state: KeyState) -> None:
        """Begin; locked, when the archive opened without the reader's word though there is one."""
        self._by_passphrase, self.can_lock = state.wrap == "passphrase", state.can_lock
        if not self._by_passphrase and self.can_lock:
            self.lock("start")
        self._look_at_clock()

    def look(self) -> None:
        """Know what opens this desk now; after each change of it."""

        def done(state: KeyState) -> None:
            self._by_passphrase, self.can_lock = state.wrap == "passphrase", state.can_lock

        self._background.run(Lane.INTERACTIVE, lambda: self._guard.state, done)

    def lock(self, reason: Reason) -> None:
        """Lock now. Without a word to unlock by there is no lock, and who asked for one is told so."""
        if self.is_locked:
            return
        if not self.can_lock:
            if reason == "key":
                self._shell.messages.show_note(
                    _(
                        "The desk can't be locked: the keyring opens the archive, and no desk passphrase is set. "
                        "Set one in Security."
                    )
                )
            return
        self.is_locked = True
        self._focus = self._shell.focusWidget()
        QDrag.cancel()
        QToolTip.hideText()
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()
        for window in QApplication.topLevelWidgets():
            if window is not self._shell and window.isVisible():
                self._put_away(window)
        self._shell.veil(self.face)
        self.face.show_locked(self._by_passphrase)
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]
        # on the screen before the computer sleeps, and before anything else happens
        self._shell.repaint()
        self._background.run(Lane.INTERACTIVE, lambda: self._guard.lock(reason), lambda _none: None)

    def _put_away(self, window: QWidget) -> None:
        """A question is taken back, as by Escape; a window that only shows comes again."""
        if isinstance(window, QDialog):
            window.reject()
        else:
            window.hide()
            self._hidden.append(window)

    def _try(self, typed: str) -> None:
        def failed(error: WorkstationError) -> None:
            self._background.run(
                Lane.INTERACTIVE,
                self._guard.wait,
                lambda wait: self.face.refuse(error, wait),
                lambda _error: self.face.refuse(error),
            )

        self._background.run(
            Lane.INTERACTIVE, lambda: self._guard.unlock(typed), lambda _none: self._open(), failed, priority=-1
        )

    def _open(self) -> None:
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]
        self.is_locked = False
        self._shell.unveil(self.face)
        self._touched = clock()
        self._look_at_clock()
        for window in self._hidden:
            if isValid(window):
                window.show()
        self._hidden.clear()
        self._shell.activateWindow()
        if self._focus is not None and isValid(self._focus):
            self._focus.setFocus()
        self._focus = None

    def _look_at_clock(self) -> None:
        if self._idle_s <= 0 or self.is_locked:
            return
        left = self._idle_s - (clock() - self._touched)
        if left <= 0:
            self.lock("idle")
            left = self._idle_s
        # in steps, because a timer doesn't count the time asleep
        self._idle.start(int(min(left, 15.0) * 1000) + 1)

    def _watch(self, window: QWindow | None) -> None:
        """Notice touches of each window that gets the keys; a filter on the whole program would cost every event."""
        self._watched = [known for known in self._watched if isValid(known)]
        if window is not None and window not in self._watched:
            window.installEventFilter(self)
            self._watched.append(window)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in _TOUCHES:
            self._touched = clock()
        elif (
            kind == QEvent.Type.Show
            and self.is_locked
            and isinstance(watched, QWidget)
            and watched.isWindow()
            and watched is not self._shell
        ):
            QTimer.singleShot(0, watched, lambda: self._put_away(watched))
        return False

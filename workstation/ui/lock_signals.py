"""What the Linux session says about locking: the screen was locked, the session is to be, the computer goes to sleep.

By D-Bus: `org.freedesktop.ScreenSaver` (and GNOME's) on the session bus, `org.freedesktop.login1` on the system bus.
Elsewhere, and where no bus answers, there is only the idle time.
"""

import os
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusUnixFileDescriptor

from workstation.archive.guard import Reason

_LOGIN, _LOGIN_PATH, _MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
_SAVERS = ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver")


class SessionSignals(QObject):
    """Calls `lock` with the reason. Holds sleep up until the window is covered (a delay inhibitor of logind)."""

    def __init__(
        self,
        lock: Callable[[Reason], None],
        parent: QObject,
        session: QDBusConnection | None = None,
        system: QDBusConnection | None = None,
    ) -> None:
        super().__init__(parent)
        self._lock = lock
        self._inhibitor: QDBusUnixFileDescriptor | None = None
        self._calls: list[QDBusPendingCallWatcher] = []
        self._session = session or QDBusConnection.sessionBus()
        self._system = system or QDBusConnection.systemBus()
        if self._session.isConnected():
            for name in _SAVERS:
                self._session.connect("", "", name, "ActiveChanged", self, _slot("screen_changed(bool)"))
        if self._system.isConnected():
            self._system.connect("", _LOGIN_PATH, _MANAGER, "PrepareForSleep", self, _slot("sleeping(bool)"))
            self._ask("GetSession", [os.environ.get("XDG_SESSION_ID", "auto")], self._follow_session)
            self._hold_sleep()

    @property
    def holds_sleep(self) -> bool:
        """Whether the computer waits for this program before it sleeps."""
        return self._inhibitor is not None and self._inhibitor.isValid()

    @Slot(bool)
    def screen_changed(self, active: bool) -> None:
        if active:
            self._lock("screen")

    @Slot()
    def session_locked(self) -> None:
        self._lock("screen")

    @Slot(bool)
    def sleeping(self, begins: bool) -> None:
        if begins:
            self._lock("sleep")
            # closing the descriptor lets the computer go
            self._inhibitor = None
        else:
            self._hold_sleep()

    def _hold_sleep(self) -> None:
        def held(reply: QDBusMessage) -> None:
            (self._inhibitor,) = reply.arguments()

        self._ask("Inhibit", ["sleep", "IRIS Workstation", "locks its window", "delay"], held)

    def _follow_session(self, reply: QDBusMessage) -> None:
        (path,) = reply.arguments()
        text = path.path() if hasattr(path, "path") else str(path)
        self._system.connect(_LOGIN, text, f"{_LOGIN}.Session", "Lock", self, _slot("session_locked()"))

    def _ask(self, method: str, arguments: list[str], done: Callable[[QDBusMessage], None]) -> None:
        """Call logind without waiting; a bus without it is no error."""
        call = QDBusMessage.createMethodCall(_LOGIN, _LOGIN_PATH, _MANAGER, method)
        call.setArguments(arguments)
        watcher = QDBusPendingCallWatcher(self._system.asyncCall(call), self)
        self._calls.append(watcher)

        def finished(answered: QDBusPendingCallWatcher) -> None:
            reply = answered.reply()
            if reply.type() == QDBusMessage.MessageType.ReplyMessage:
                done(reply)
            self._calls.remove(watcher)
            watcher.deleteLater()

        watcher.finished.connect(finished)


def _slot(signature: str) -> Any:
    # the stubs of PySide want bytes where it takes a string
    return SLOT(signature)

"""Locking with the session, by real D-Bus: a screen saver, a logind's Lock, and a computer that goes to sleep."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from PySide6.QtDBus import QDBusConnection
from PySide6.QtWidgets import QApplication

from workstation.ui.lock_signals import SessionSignals

Until = Callable[..., None]


class Logind:
    """The other side: `tell` makes it send a signal, `said` is what it said last."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fake_logind.py")), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.strip())

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def bus() -> Iterator[str]:
    """A D-Bus daemon of its own; its address."""
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    yield daemon.stdout.readline().strip()
    daemon.terminate()
    daemon.wait()
    daemon.stdout.close()


@pytest.fixture
def connection(bus: str, app: QApplication) -> Iterator[QDBusConnection]:
    yield QDBusConnection.connectToBus(bus, "lock test")
    QDBusConnection.disconnectFromBus("lock test")


def send(bus: str, path: str, member: str, *values: str) -> None:
    subprocess.run(["dbus-send", f"--bus={bus}", "--type=signal", path, member, *values], check=True)


def test_a_screen_saver_locks_when_it_comes_and_not_when_it_goes(
    bus: str, connection: QDBusConnection, until: Until
) -> None:
    reasons: list[str] = []
    owner = QObject()
    SessionSignals(reasons.append, owner, connection, QDBusConnection("none"))
    for name in ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver"):
        path = "/" + name.replace(".", "/")
        send(bus, path, f"{name}.ActiveChanged", "boolean:false")
        send(bus, path, f"{name}.ActiveChanged", "boolean:true")
    until(lambda: len(reasons) == 2)
    assert reasons == ["screen", "screen"]


def test_sleep_waits_until_the_window_is_locked(bus: str, connection: QDBusConnection, until: Until) -> None:
    logind = Logind(bus)
    try:
        until(lambda: logind.said == ["ready"])
        reasons: list[str] = []
        seen: queue.Queue[list[str]] = queue.Queue()

        def lock(reason: str) -> None:
            reasons.append(reason)
            # while the window is being locked the computer still waits
            seen.put(list(logind.said))

        owner = QObject()
        signals = SessionSignals(lock, owner, QDBusConnection("none"), connection)
        until(lambda: signals.holds_sleep)
        logind.tell("lock")
        until(lambda: reasons == ["screen"])
        logind.tell("sleep")
        until(lambda: reasons == ["screen", "sleep"])
        until(lambda: "released" in logind.said)
        assert all("released" not in words for words in (seen.get(), seen.get()))
        assert not signals.holds_sleep
        logind.tell("wake")
        until(lambda: signals.holds_sleep)
        assert logind.said.count("held") == 2
        assert reasons == ["screen", "sleep"]
    finally:
        logind.close()


def test_a_bus_without_anybody_on_it_is_no_error(connection: QDBusConnection, app: QApplication) -> None:
    owner = QObject()
    signals = SessionSignals(lambda _reason: None, owner, connection, connection)
    app.processEvents()
    assert not signals.holds_sleep

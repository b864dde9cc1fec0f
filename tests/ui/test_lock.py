"""The lock of the window: nothing of a patient behind it, the same place after it, and what makes it close."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from tests import tiny_instances
from workstation import language, secrets
from workstation.app import Application, application
from workstation.archive import audit, guard
from workstation.consultation.carrying import Carrying
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.secrets import desk_passphrase, wrapping
from workstation.settings import Reader, Settings
from workstation.ui.application import qt_application, run_window
from workstation.ui.recovery import RecoveryKeyPage
from workstation.ui.safekeeping import Safekeeping
from workstation.ui.security import SecurityPage
from workstation.ui.window import OUTBOX, READING, DeskWindow

PASSPHRASE = "четыре слова без связи"
PATIENT = "Смирнова"

Until = Callable[..., None]


class Ring(KeyringBackend):
    """A keyring that keeps what it is given."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Seat:
    """A window with its lock on an archive with one imported study."""

    def __init__(self, opened: Application, until: Until) -> None:
        self.opened = opened
        self.until = until
        self.window = DeskWindow(opened.desk, opened.workers, opened.settings)
        self.shell = self.window.shell
        self.keeping = Safekeeping(self.shell, opened.guard, self.window.background, opened.settings)
        self.lock = self.keeping.lock
        self.keeping.start(opened.guard.state)
        self.shell.show()
        self.shell.activateWindow()
        self.window.worklist.model.reload()
        QApplication.processEvents()

    def events(self) -> list[str]:
        with self.opened.archive.database.read() as cursor:
            return [entry.event for entry in audit.entries(cursor)]

    def field(self) -> QLineEdit:
        (field,) = self.lock.face.findChildren(QLineEdit)
        return field

    def unlock(self, typed: str = PASSPHRASE) -> None:
        self.field().setText(typed)
        QTest.keyClick(self.field(), Qt.Key.Key_Return)

    def texts(self) -> str:
        """Every text that can be seen, pointed at or read aloud."""
        seen = [self.shell.windowTitle(), self.shell.windowFilePath(), self.shell.windowIconText()]
        for top in QApplication.topLevelWidgets():
            for widget in [top, *top.findChildren(QWidget)]:
                if widget.isVisible():
                    seen += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
                    seen.append(str(widget.property("text") or ""))
        return "\n".join(seen)


@pytest.fixture
def tiny() -> ModuleType:
    return tiny_instances


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fast scrypt, no keyring of whoever runs the tests, English."""
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    monkeypatch.setattr(desk_passphrase, "_POWER", 14)
    before, spoken = keyring.get_keyring(), language.current_language()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)
    language.set_language(spoken)


@pytest.fixture
def sit(tmp_path: Path, app: QApplication, until: Until, tiny: ModuleType) -> Iterator[Callable[..., Seat]]:
    """`sit(lock_minutes=…)` opens a window; it is closed at the end."""
    closers: list[Callable[[], None]] = []

    def sit(lock_minutes: float = 0.0, folder: Path = tmp_path) -> Seat:
        settings = Settings(
            folder / "desk", language="en", lock_minutes=lock_minutes, reader=Reader("Петрова^Анна", "Центр", "R-1")
        )
        qt_application()
        context = application(settings, passphrase=lambda: PASSPHRASE)
        opened = context.__enter__()
        if not opened.archive.studies():
            objects = tiny.ct_series(3, patient_name=f"{PATIENT}^Ольга")
            for number, data in enumerate(objects):
                (folder / f"{number}.dcm").write_bytes(data)
            from workstation.archive.media import sources

            Carrying(opened.archive, settings.reader).take_in(
                sources([folder / f"{number}.dcm" for number in range(3)], lambda: ""),
                lambda _one: None,
                lambda _p: None,
            )
        seat = Seat(opened, until)

        def close() -> None:
            seat.shell.close()
            seat.shell.deleteLater()
            app.processEvents()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            context.__exit__(None, None, None)

        closers.append(close)
        return seat

    yield sit
    while closers:
        closers.pop()()


def test_a_locked_window_names_no_patient_anywhere_and_comes_back_as_it_was(
    sit: Callable[..., Seat], until: Until
) -> None:
    seat = sit()
    until(lambda: seat.window.worklist.model.rowCount() == 1)
    # a note with typed words, as in a report, and a window beside with the patient's name
    seat.shell.go(READING)
    text = QPlainTextEdit(seat.window.reading)
    text.setPlainText("набрано, но ещё не сохранено")
    text.show()
    text.setFocus()
    text.moveCursor(text.textCursor().MoveOperation.End)
    place = text.textCursor().position()
    beside = QLabel(PATIENT)
    beside.show()
    asked = QDialog(seat.shell)
    QVBoxLayout(asked).addWidget(QLabel(PATIENT, asked))
    asked.open()
    until(lambda: asked.isVisible())
    assert PATIENT in seat.texts()

    seat.lock.lock("screen")
    assert PATIENT not in seat.texts()
    assert not beside.isVisible()
    assert not asked.isVisible()
    assert not text.isVisible()
    assert "Петрова Анна" in seat.texts()
    until(lambda: seat.field().hasFocus())
    # a window that opens meanwhile goes as well
    late = QLabel(PATIENT)
    late.show()
    until(lambda: not late.isVisible())
    # and no key leads behind the face
    for key in (Qt.Key.Key_F2, Qt.Key.Key_F4):
        QTest.keyClick(seat.field(), key)
    assert seat.shell.place == READING
    assert PATIENT not in seat.texts()

    seat.unlock()
    until(lambda: not seat.lock.is_locked)
    assert seat.shell.place == READING
    assert text.isVisible()
    assert text.toPlainText() == "набрано, но ещё не сохранено"
    assert text.textCursor().position() == place
    until(lambda: text.hasFocus())
    assert beside.isVisible()
    assert [event for event in seat.events() if event.startswith("archive")] == ["archive locked", "archive unlocked"]
    for window in (beside, late, asked):
        window.close()
        window.deleteLater()


def test_a_locked_window_paints_nothing_of_the_page(sit: Callable[..., Seat], until: Until) -> None:
    seat = sit()
    red = QWidget(seat.window.outbox)
    red.setStyleSheet("background: #ff0000;")
    red.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    red.setGeometry(0, 0, 3000, 3000)
    red.raise_()
    seat.shell.go(OUTBOX)
    red.show()
    seat.window.outbox.setFocus()

    def reds() -> int:
        picture = seat.shell.grab().toImage()
        points = [QPoint(x, y) for x in range(5, picture.width(), 40) for y in range(5, picture.height(), 40)]
        return sum(QColor(picture.pixel(point)) == QColor("#ff0000") for point in points)

    assert reds() > 100
    QTest.keyClick(seat.shell, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert seat.lock.is_locked
    assert reds() == 0
    seat.unlock()
    until(lambda: not seat.lock.is_locked)
    assert reds() > 100


def test_wrong_attempts_wait_longer_and_longer_and_are_counted(
    sit: Callable[..., Seat], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    # longer than the two seconds of the table, which a busy machine may let pass unseen
    monkeypatch.setattr(guard, "delay_after", lambda wrong: 0.0 if wrong < 3 else 5.0)
    seat = sit()
    seat.lock.lock("key")
    for number in range(3):
        until(lambda: seat.lock.face.is_ready)
        seat.unlock(f"wrong number {number}")
        until(lambda number=number: seat.events().count("unlock failed") == number + 1)
    until(lambda: "Try again in" in seat.lock.face.message)
    assert not seat.lock.face.is_ready
    # the right one, too, has to wait: typed, pressed, and told by the guard itself
    seat.unlock()
    QTest.qWait(100)
    assert seat.lock.is_locked
    with pytest.raises(ArchiveLocked, match="Too many wrong attempts"):
        seat.opened.guard.unlock(PASSPHRASE)
    assert seat.events().count("unlock failed") == 3
    until(lambda: seat.lock.face.is_ready)
    seat.unlock()
    until(lambda: not seat.lock.is_locked)
    assert seat.opened.guard.wait() == 0


def test_delays_double_up_to_five_minutes_and_outlive_the_program(
    sit: Callable[..., Seat], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = [guard.delay_after(wrong) for wrong in range(13)]
    assert waits == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    seat = sit()
    for _wrong in range(3):
        with pytest.raises(WrongPassphrase):
            seat.opened.guard.check("not this one, surely")
    monkeypatch.setattr(guard, "delay_after", lambda wrong: 600.0 * (wrong == 3))
    again = guard.Guard(seat.opened.archive.database, seat.opened.settings.data_dir, bytes(32), "", (), shared=False)
    assert 0 < again.wait() <= 600


def test_idle_locks_and_a_touch_puts_it_off(sit: Callable[..., Seat], until: Until) -> None:
    seat = sit(lock_minutes=1.2 / 60)
    handle = seat.shell.windowHandle()
    QTest.qWait(50)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        QTest.mouseMove(handle, QPoint(int(100 + 100 * (end - time.monotonic())), 100))
        QTest.qWait(100)
        assert not seat.lock.is_locked
    until(lambda: seat.lock.is_locked, 5)
    until(lambda: "archive locked" in seat.events())


def test_zero_minutes_never_lock(sit: Callable[..., Seat]) -> None:
    seat = sit(lock_minutes=0)
    seat.lock._touched -= 1e6
    seat.lock._look_at_clock()
    assert not seat.lock.is_locked


def test_with_a_keyring_there_is_no_lock_without_a_desk_passphrase(sit: Callable[..., Seat], until: Until) -> None:
    keyring.set_keyring(Ring())
    seat = sit()
    seat.lock.lock("key")
    assert not seat.lock.is_locked
    assert "no desk passphrase is set" in seat.shell.messages.text
    seat.shell.messages.hide()
    seat.lock.lock("idle")
    assert not seat.lock.is_locked
    assert not seat.shell.messages.isVisible()
    seat.opened.guard.set_desk_passphrase("", "407193")
    seat.lock.look()
    until(lambda: seat.lock.can_lock)
    seat.lock.lock("key")
    assert seat.lock.is_locked
    seat.unlock("407193")
    until(lambda: not seat.lock.is_locked)


def test_a_desk_passphrase_is_asked_for_when_the_program_starts_anew(sit: Callable[..., Seat], until: Until) -> None:
    keyring.set_keyring(Ring())
    first = sit()
    first.opened.guard.set_desk_passphrase("", "407193")
    second = sit()
    assert second.lock.is_locked
    assert PATIENT not in second.texts().replace(first.texts(), "")
    second.unlock("407193")
    until(lambda: not second.lock.is_locked)


def page(seat: Seat, kind: type) -> QWidget | None:
    shown = seat.shell.covered_by
    return shown if isinstance(shown, kind) else None


def fields(of: QWidget) -> dict[str, QLineEdit]:
    return {field.accessibleName(): field for field in of.findChildren(QLineEdit)}


def test_passphrase_and_recovery_key_are_changed_on_the_security_page(sit: Callable[..., Seat], until: Until) -> None:
    seat = sit()
    folder = seat.opened.settings.data_dir
    seat.keeping.show_security()
    until(lambda: page(seat, SecurityPage) is not None)
    shown = page(seat, SecurityPage)
    assert isinstance(shown, SecurityPage)
    typed = fields(shown)
    typed["Passphrase until now"].setText("not this one, surely")
    typed["New passphrase of the archive"].setText("new words for the archive")
    typed["The same again"].setText("new words for the archive")
    QTest.keyClick(typed["The same again"], Qt.Key.Key_Return)
    until(lambda: "The passphrase is wrong" in shown.message)
    assert secrets.open_key(folder, lambda: PASSPHRASE)
    typed["Passphrase until now"].setText(PASSPHRASE)
    QTest.keyClick(typed["The same again"], Qt.Key.Key_Return)
    until(lambda: page(seat, SecurityPage) not in (None, shown))
    with pytest.raises(WrongPassphrase):
        secrets.open_key(folder, lambda: PASSPHRASE)
    assert secrets.open_key(folder, lambda: "new words for the archive")
    # the recovery key, from the page that says that it went well
    anew = page(seat, SecurityPage)
    assert isinstance(anew, SecurityPage)
    assert "new passphrase" in anew.message
    fields(anew)["Passphrase until now"].setText("new words for the archive")
    anew._make_recovery_key()
    until(lambda: page(seat, RecoveryKeyPage) is not None)
    paper = page(seat, RecoveryKeyPage)
    assert isinstance(paper, RecoveryKeyPage)
    assert not secrets.key_state(folder).has_recovery
    assert paper.primary is not None
    assert not paper.primary.isEnabled()
    code = paper.code
    assert code in paper.sheet
    paper.done.setChecked(True)
    paper.primary.click()
    until(lambda: page(seat, SecurityPage) is not None)
    assert secrets.recover_key(folder, code) == secrets.open_key(folder, lambda: "new words for the archive")
    # a lock on top of it, and the page is there again
    security = page(seat, SecurityPage)
    assert security is not None
    seat.lock.lock("key")
    assert not security.isVisible()
    seat.unlock("new words for the archive")
    until(security.isVisible)


def test_a_page_that_was_asked_for_before_the_lock_comes_behind_it(sit: Callable[..., Seat], until: Until) -> None:
    seat = sit()
    seat.keeping.show_security()
    seat.lock.lock("key")
    until(lambda: page(seat, SecurityPage) is not None)
    security = page(seat, SecurityPage)
    assert security is not None
    assert not security.isVisible()
    assert seat.lock.face.isVisible()
    seat.unlock()
    until(security.isVisible)


def test_start_and_end_of_the_program_are_in_the_audit_chain(tmp_path: Path, app: QApplication) -> None:
    settings = Settings(tmp_path, language="en", lock_minutes=0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with application(settings, passphrase=lambda: PASSPHRASE) as opened:
            # as a service manager would end it
            QTimer.singleShot(500, lambda: signal.raise_signal(signal.SIGTERM))
            status = run_window(opened.desk, opened.workers, settings, opened.door, opened.guard, wrong_attempts=2)
            with opened.archive.database.read() as cursor:
                entries = [(entry.event, dict(entry.detail)) for entry in audit.entries(cursor)]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert status == 0
    assert entries == [("program started", {"wrong passphrases": 2}), ("program ended", {})]
    QApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

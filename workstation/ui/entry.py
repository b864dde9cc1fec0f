"""The way into an archive, before there is a desk: who reads, and the key. One window, one page at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from workstation import secrets
from workstation.archive.guard import delay_after
from workstation.consultation import readers
from workstation.consultation.readers import DeskReader
from workstation.errors import WorkstationError, WrongPassphrase
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.secrets import KeyState
from workstation.ui.background import Background
from workstation.ui.card import CardPage
from workstation.ui.entry_pages import ChooserPage, NamePage, RecoverPage, SetUpPage, TroublePage, UnlockPage
from workstation.ui.recovery import RecoveryKeyPage

T = TypeVar("T")


@dataclass(frozen=True)
class Entered:
    """Who came in: data folder and master key, the wrong attempts before, and the passphrase to set after recovery."""

    folder: Path
    key: bytes
    wrong_attempts: int = 0
    new_passphrase: str | None = None


class EntryWindow(QWidget):
    """Shows a page only where something is to be asked; `enter` runs it."""

    def __init__(self, desk: Path, background: Background) -> None:
        super().__init__()
        self.setWindowTitle("IRIS Workstation")
        self.setMinimumSize(1100, 700)
        self.resize(1280, 800)
        self._desk = desk
        self._background = background
        self._loop = QEventLoop(self)
        self._reader = DeskReader(desk, "")
        self._wrong = 0
        self.entered: Entered | None = None
        self._stack = QStackedWidget(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    @property
    def page(self) -> CardPage | None:
        """What is shown."""
        page = self._stack.currentWidget()
        return page if isinstance(page, CardPage) else None

    def run(self, reader: DeskReader | None) -> Entered | None:
        """Until somebody is in, or the window is closed; without a `reader` the one who is chosen."""
        self.begin(reader)
        self._loop.exec()
        self.hide()
        return self.entered

    def begin(self, reader: DeskReader | None) -> None:
        """Ask the first question, if there is one."""
        if reader is not None:
            self._open(reader)
        else:
            self._ask_who()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._loop.quit()
        event.accept()

    def _ask_who(self) -> None:
        def found(known: tuple[DeskReader, ...]) -> None:
            if len(known) == 1:
                self._open(known[0])
                return
            page = ChooserPage(known)
            page.chosen.connect(self._open)
            page.another_wanted.connect(self._ask_name)
            self._show(page)

        self._run(lambda: readers.readers(self._desk), found)

    def _ask_name(self) -> None:
        page = NamePage()
        page.back.connect(self._ask_who)
        page.named.connect(lambda name: self._try(page, lambda: readers.add(self._desk, name), self._open))
        self._show(page)

    def _open(self, reader: DeskReader) -> None:
        self._reader = reader
        folder = reader.folder

        def look() -> tuple[KeyState, bytes | None, bool]:
            state = secrets.key_state(folder)
            key = secrets.open_key(folder) if state.wrap == "keyring" else None
            return state, key, secrets.has_keyring() and not readers.is_shared(folder)

        def found(answer: tuple[KeyState, bytes | None, bool]) -> None:
            state, key, keyring = answer
            if key is not None:
                self._enter(Entered(folder, key))
            elif state.wrap == "passphrase":
                self._ask_passphrase()
            else:
                self._set_up(keyring)

        self._run(look, found)

    def _ask_passphrase(self) -> None:
        page, folder = UnlockPage(self._reader.name), self._reader.folder
        page.forgotten.connect(self._ask_recovery_key)
        page.given.connect(
            lambda typed: self._try(
                page,
                lambda: secrets.open_key(folder, lambda: typed),
                lambda key: self._enter(Entered(folder, key, self._wrong)),
            )
        )
        self._show(page)

    def _set_up(self, keyring: bool) -> None:
        page, folder = SetUpPage(self._reader.name, keyring), self._reader.folder
        page.given.connect(
            lambda typed: self._try(
                page, lambda: secrets.create_key(folder, typed, lambda: typed or ""), self._show_code
            )
        )
        self._show(page)

    def _show_code(self, key: bytes) -> None:
        folder, code = self._reader.folder, secrets.new_code()
        page = RecoveryKeyPage(code, _("Not now"))
        page.declined.connect(lambda: self._enter(Entered(folder, key)))
        page.noted.connect(
            lambda: self._try(
                page,
                lambda: secrets.set_recovery_code(folder, key, code),
                lambda _none: self._enter(Entered(folder, key)),
            )
        )
        self._show(page)

    def _ask_recovery_key(self) -> None:
        page, folder = RecoverPage(), self._reader.folder

        def recover(code: str, new: str) -> Entered:
            key = secrets.recover_key(folder, code)
            secrets.must_be_strong(new)
            return Entered(folder, key, new_passphrase=new)

        page.back.connect(lambda: self._open(self._reader))
        page.given.connect(
            lambda code, new: self._try(
                page,
                lambda: recover(code, new),
                lambda entered: self._enter(replace(entered, wrong_attempts=self._wrong)),
            )
        )
        self._show(page)

    def _in_trouble(self, error: WorkstationError) -> None:
        """The keyring doesn't give the key, or the key file can't be used."""
        folder, reader = self._reader.folder, self._reader

        def show(recovery: bool) -> None:
            page = TroublePage(error, recovery)
            page.again.connect(lambda: self._open(reader))
            page.recovery_wanted.connect(self._ask_recovery_key)
            self._show(page)

        self._background.run(
            Lane.INTERACTIVE, lambda: secrets.key_state(folder).has_recovery, show, lambda _error: show(False)
        )

    def _try(self, page: CardPage, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do what a page asks for; what is refused stands on it, and wrong secrets make the next attempt wait."""
        page.set_busy(True)
        page.say(_("One moment…"), "muted")

        def failed(error: WorkstationError) -> None:
            wrong = isinstance(error, WrongPassphrase)
            self._wrong += wrong
            page.refuse(error, delay_after(self._wrong) if wrong else 0.0)

        self._background.run(Lane.INTERACTIVE, work, done, failed)

    def _run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        self._background.run(Lane.INTERACTIVE, work, done, self._in_trouble)

    def _show(self, page: CardPage) -> None:
        before = self._stack.currentWidget()
        self._stack.addWidget(page)
        self._stack.setCurrentWidget(page)
        if before is not None:
            self._stack.removeWidget(before)
            before.deleteLater()
        if not self.isVisible():
            self.show()
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    def _enter(self, entered: Entered) -> None:
        self.entered = entered
        self._loop.quit()


def enter(desk: Path, reader: DeskReader | None) -> Entered | None:
    """Ask what has to be asked, and open the key; None when the reader closed the window."""
    workers = Workers()
    background = Background(workers)
    window = EntryWindow(desk, background)
    try:
        return window.run(reader)
    finally:
        background.close()
        window.deleteLater()
        workers.close()

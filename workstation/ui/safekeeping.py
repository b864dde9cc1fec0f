"""Lock, security page and audit of the program's own life, put onto the window of a desk."""

from PySide6.QtCore import QObject, QTimer

from workstation import secrets
from workstation.archive.guard import Guard
from workstation.consultation import readers
from workstation.jobs import Lane
from workstation.language import _
from workstation.secrets import KeyState
from workstation.settings import Settings
from workstation.ui.background import Background
from workstation.ui.lock import DeskLock
from workstation.ui.recovery import RecoveryKeyPage
from workstation.ui.security import SecurityPage
from workstation.ui.shell import Shell


class Safekeeping(QObject):
    """Built once with the window; `start` when it is on the screen."""

    def __init__(self, shell: Shell, guard: Guard, background: Background, settings: Settings) -> None:
        super().__init__(shell)
        self._shell = shell
        self._guard = guard
        self._background = background
        self._settings = settings
        self.lock = DeskLock(shell, guard, background, settings)
        shell.offer(_("Lock"), "mdi6.lock-outline", "Ctrl+L", lambda: self.lock.lock("key"))
        shell.offer(_("Passphrase, recovery key, readers…"), "mdi6.key-outline", "", self.show_security)

    def start(self, state: KeyState) -> None:
        """Lock at once where the archive opened without the reader's word though there is one; follow the session."""
        self.lock.start(state)
        QTimer.singleShot(0, self, self._follow_session)

    def _follow_session(self) -> None:
        from workstation.ui.lock_signals import SessionSignals

        SessionSignals(self.lock.lock, self)

    def show_security(self) -> None:
        """The page with what opens and unlocks, in the window's place."""
        self._background.run(
            Lane.INTERACTIVE, lambda: (self._guard.state, secrets.has_keyring()), lambda found: self._show(*found)
        )

    def _show(self, state: KeyState, keyring: bool) -> None:
        desk = readers.desk_of(self._settings.data_dir)
        page = SecurityPage(state, keyring, self._guard, self._background, lambda name: void(readers.add(desk, name)))

        def again() -> None:
            told = page.message
            close()
            self._background.run(
                Lane.INTERACTIVE,
                lambda: (self._guard.state, secrets.has_keyring()),
                lambda found: self._show_with(told, *found),
            )

        def close() -> None:
            self._shell.uncover(page)
            page.deleteLater()

        page.changed.connect(self.lock.look)
        page.changed.connect(again)
        page.closed.connect(close)
        page.recovery_wanted.connect(self._show_recovery_key)
        self._shell.cover(page)
        page.setFocus()
        self._page = page

    def _show_with(self, told: str, state: KeyState, keyring: bool) -> None:
        self._show(state, keyring)
        self._page.say(told, "good")

    def _show_recovery_key(self, code: str) -> None:
        page = RecoveryKeyPage(code, _("Keep the one before"))
        security = self._page

        def close() -> None:
            self._shell.uncover(page)
            page.deleteLater()

        def kept(_none: None) -> None:
            close()
            security.changed.emit()

        page.declined.connect(close)
        page.noted.connect(
            lambda: self._background.run(
                Lane.INTERACTIVE, lambda: self._guard.keep_recovery_key(code), kept, page.refuse
            )
        )
        self._shell.cover(page)
        page.setFocus()


def void(_value: object) -> None:
    """For work whose answer nobody wants."""

"""The servers in the window: which one is in use, and signing in to it by a password or in the browser.

The page in the browser is waited for on a worker; nothing else waits for it.
"""

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QActionGroup, QDesktopServices, QGuiApplication

from workstation.consultation.desk import Desk
from workstation.consultation.door import Door
from workstation.errors import Cancelled, SignInNeeded, WorkstationError
from workstation.jobs import Cancellation, Lane, Report
from workstation.language import _
from workstation.settings import ServerProfile
from workstation.ui.background import Activity, Background
from workstation.ui.shell import Shell


class Servers(QObject):
    """`signed_in`: go on where the sign-in was missing. `switched`: another server is in use. `failed`: neither."""

    signed_in = Signal()
    switched = Signal()
    failed = Signal(object)
    _page = Signal(str)

    def __init__(self, desk: Desk, door: Door | None, background: Background, shell: Shell) -> None:
        super().__init__()
        self._desk = desk
        self._door = door
        self._background = background
        self._shell = shell
        self._strip = shell.sign_in
        self._waiting: Activity | None = None
        self._strip.given.connect(self._try_password)
        self._strip.browser_wanted.connect(self._sign_in_by_browser)
        self._strip.cancelled.connect(self._cancel)
        self._page.connect(self._open_page, Qt.ConnectionType.QueuedConnection)
        self._fill_menu()

    def ask(self, error: SignInNeeded) -> bool:
        """Ask the reader to sign in; False where the window has no way to."""
        if self._door is None:
            return False
        if self._waiting is None:
            profile = self._profile
            self._strip.ask(profile.name, error, by_browser=profile.signs_in_by_browser)
        return True

    @property
    def _profile(self) -> ServerProfile:
        return self._desk.settings.server

    def _fill_menu(self) -> None:
        """The menu of the status bar: the servers, and signing in and out."""
        settings, menu = self._desk.settings, self._shell.status.server_menu
        menu.clear()
        if not settings.servers or self._door is None:
            return
        group = QActionGroup(menu)
        # in the order of their names: the first of the settings is the one in use
        for name in sorted(server.name for server in settings.servers):
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name == settings.server.name)
            action.triggered.connect(lambda _checked, name=name: self.use(name))
            group.addAction(action)
        menu.addSeparator()
        by_browser = self._profile.signs_in_by_browser
        if by_browser or self._profile.user:
            wish = _("Sign in in the browser") if by_browser else _("Sign in…")
            menu.addAction(wish).triggered.connect(lambda _checked: self._wish())
            menu.addAction(_("Sign out")).triggered.connect(lambda _checked: self._sign_out())

    def use(self, name: str) -> None:
        """Work with another server from now on; cases that are held stay what they are."""
        if name == self._profile.name:
            return
        self._cancel()
        self._strip.hide()

        def done(_none: None) -> None:
            self._fill_menu()
            self.switched.emit()

        self._background.run(Lane.INTERACTIVE, lambda: self._desk.use_server(name), done)

    def _wish(self) -> None:
        if self._profile.signs_in_by_browser:
            self._sign_in_by_browser()
        else:
            self._strip.ask(self._profile.name, None)

    def _try_password(self, password: str) -> None:
        door, name = self._door, self._profile.name
        if door is not None:
            self._background.run(
                Lane.RETRIEVAL, lambda: door.sign_in(name, password), lambda _none: self._go_on(), self.failed.emit
            )

    def _sign_in_by_browser(self) -> None:
        door, name = self._door, self._profile.name
        if door is None or self._waiting is not None:
            return

        def sign_in(_report: Report, cancellation: Cancellation) -> str:
            return door.sign_in_by_browser(name, self._page.emit, cancellation)

        def done(_who: str) -> None:
            self._waiting = None
            self._go_on()

        def failed(error: WorkstationError) -> None:
            self._waiting = None
            shown = None if isinstance(error, Cancelled) else error
            self._strip.ask(name, shown, by_browser=True)

        self._strip.wait(name)
        self._waiting = self._background.start(_("Signing in"), Lane.RETRIEVAL, sign_in, done, failed)

    def _open_page(self, address: str) -> None:
        if self._waiting is not None and not QDesktopServices.openUrl(QUrl(address)):
            QGuiApplication.clipboard().setText(address)
            self._strip.tell(_("No browser opens. The address is in the clipboard: open it on this computer."))

    def _cancel(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _go_on(self) -> None:
        self._strip.hide()
        self.signed_in.emit()

    def _sign_out(self) -> None:
        door, profile = self._door, self._profile
        if door is None:
            return

        def sign_out() -> None:
            self._desk.leave(profile.name)
            door.sign_out(profile.name)

        def ask(_none: None) -> None:
            self._strip.ask(profile.name, None, by_browser=profile.signs_in_by_browser)

        def failed(error: WorkstationError) -> None:
            self._shell.messages.show_error(error)
            ask(None)

        self._background.run(Lane.RETRIEVAL, sign_out, ask, failed)

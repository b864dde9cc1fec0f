"""The line that asks to sign in to IRIS, in place, when the server wants it: by a password here, or in the browser."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from workstation.errors import WorkstationError
from workstation.language import _
from workstation.ui import theme


class SignInStrip(QFrame):
    """`given` carries a password, `browser_wanted` asks for the page; it stays until one works, or the reader is
    content to go on offline. `cancelled`: the page in the browser is waited for no longer.
    """

    given = Signal(str)
    browser_wanted = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "band-warning")
        self._by_browser = False
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._password = QLineEdit(self)
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._password.setPlaceholderText(_("Password at the server"))
        self._password.setAccessibleName(_("Password at the server"))
        self._password.setFixedWidth(220)
        self._password.returnPressed.connect(self._give)
        self._button = QPushButton(_("Sign in"), self)
        theme.set_role(self._button, "primary")
        self._button.clicked.connect(self._give)
        self._cancel = QPushButton(_("Cancel"), self)
        self._cancel.clicked.connect(self.cancelled)
        self._offline = QPushButton(_("Go on offline"), self)
        theme.set_role(self._offline, "quiet")
        self._offline.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._text, 1)
        for widget in (self._password, self._button, self._cancel, self._offline):
            row.addWidget(widget)
        self.hide()

    def ask(self, server: str, error: WorkstationError | None, *, by_browser: bool = False) -> None:
        """Ask to sign in, because of `error` or of the reader's wish; what was typed meanwhile stays."""
        self._by_browser = by_browser
        why = error.title if error is not None else _("Sign in in the browser.") if by_browser else _("Sign in")
        self._text.setText(why if server in why else f"{server}: {why}")
        self._text.setToolTip(str(error) if error is not None else "")
        self._button.setText(_("Sign in in the browser") if by_browser else _("Sign in"))
        self._button.setEnabled(True)
        self._show(waiting=False)
        if self.isHidden():
            self._password.clear()
            self.show()
            (self._button if by_browser else self._password).setFocus()

    def wait(self, server: str) -> None:
        """Say that the page in the browser is waited for."""
        self._text.setText(_("{server}: go on in the browser, then come back here").format(server=server))
        self._show(waiting=True)
        self.show()
        self._cancel.setFocus()

    def tell(self, text: str) -> None:
        """Say how the sign-in in the browser goes on."""
        self._text.setText(text)

    def _show(self, *, waiting: bool) -> None:
        self._password.setVisible(not self._by_browser)
        self._button.setVisible(not waiting)
        self._cancel.setVisible(waiting)
        self._offline.setVisible(not waiting)

    def _give(self) -> None:
        if self._by_browser:
            self.browser_wanted.emit()
        elif self._button.isEnabled() and self._password.text():
            self._button.setEnabled(False)
            self.given.emit(self._password.text())
            self._password.clear()

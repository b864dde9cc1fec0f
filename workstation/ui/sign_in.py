"""The line that asks for the password of IRIS, in place, when the server wants a sign-in."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from workstation.errors import WorkstationError
from workstation.language import _
from workstation.ui import theme


class SignInStrip(QFrame):
    """`given` carries a password; it is asked for again until one works or the reader goes on offline."""

    given = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "band-warning")
        self._text = QLabel(self)
        self._password = QLineEdit(self)
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._password.setPlaceholderText(_("Password at the server"))
        self._password.setAccessibleName(_("Password at the server"))
        self._password.setFixedWidth(220)
        self._password.returnPressed.connect(self._give)
        self._button = QPushButton(_("Sign in"), self)
        theme.set_role(self._button, "primary")
        self._button.clicked.connect(self._give)
        offline = QPushButton(_("Go on offline"), self)
        theme.set_role(offline, "quiet")
        offline.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.addWidget(self._text, 1)
        row.addWidget(self._password)
        row.addWidget(self._button)
        row.addWidget(offline)
        self.hide()

    def ask(self, server: str, error: WorkstationError) -> None:
        """Ask for the password; what was typed meanwhile stays."""
        self._text.setText(f"{server}: {error.title}")
        self._text.setToolTip(str(error))
        self._button.setEnabled(True)
        if self.isHidden():
            self._password.clear()
            self.show()
            self._password.setFocus()

    def _give(self) -> None:
        if self._button.isEnabled() and self._password.text():
            self._button.setEnabled(False)
            self.given.emit(self._password.text())
            self._password.clear()

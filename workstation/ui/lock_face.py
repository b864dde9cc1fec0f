"""What a locked window shows: whose desk it is, and a field. Nothing of any patient."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from workstation.errors import WorkstationError
from workstation.language import _
from workstation.ui.card import CardPage, quiet


class LockFace(CardPage):
    """`given` carries what was typed; `left` wants the program closed."""

    given = Signal(str)
    left = Signal()

    def __init__(self, reader: str, parent: QWidget | None = None) -> None:
        super().__init__("mdi6.lock-outline", reader or _("Locked"), "", parent)
        self._secret = self.field("")
        close = quiet(_("Close the program"))
        close.clicked.connect(self.left)
        self.buttons(_("Unlock"), [close]).clicked.connect(self._give)

    def show_locked(self, by_passphrase: bool) -> None:
        """Begin anew: the field is empty and named for what opens this desk."""
        name = _("Passphrase of the archive") if by_passphrase else _("Desk passphrase")
        self._secret.clear()
        self._secret.setAccessibleName(name)
        self._secret.setPlaceholderText(name)
        self.text.setText(_("Locked. Your place is kept; what was on its way goes on."))
        self.text.show()
        self.say("")
        self.set_busy(False)
        self._secret.setFocus()

    def refuse(self, error: WorkstationError, wait: float = 0.0) -> None:
        super().refuse(error, wait)
        self._secret.clear()

    def _give(self) -> None:
        typed = self._secret.text()
        if typed and self.is_ready:
            self.set_busy(True)
            self.say(_("One moment…"), "muted")
            self.given.emit(typed)

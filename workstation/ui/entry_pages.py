"""What is asked before an archive opens: who reads, a new archive's passphrase, the passphrase, the recovery key."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QListWidget, QListWidgetItem, QRadioButton, QWidget

from workstation.consultation.readers import DeskReader
from workstation.errors import WorkstationError
from workstation.language import _
from workstation.secrets import SHORTEST
from workstation.ui.card import CardPage, outlined, quiet


class ChooserPage(CardPage):
    """`chosen` carries the reader; `another_wanted` makes room for one more."""

    chosen = Signal(object)
    another_wanted = Signal()

    def __init__(self, readers: Sequence[DeskReader], parent: QWidget | None = None) -> None:
        super().__init__("mdi6.account-multiple-outline", _("Who reads?"), "", parent)
        self._list = QListWidget(self)
        self._list.setAccessibleName(_("Who reads?"))
        for reader in readers:
            item = QListWidgetItem(reader.label)
            item.setData(Qt.ItemDataRole.UserRole, reader)
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        row = self._list.fontMetrics().lineSpacing() + 16
        self._list.setStyleSheet("QListWidget::item { padding: 6px 8px; }")
        self._list.setFixedHeight(min(len(readers), 8) * row + 12)
        self._list.itemActivated.connect(lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole)))
        self.add(self._list)
        self.setFocusProxy(self._list)
        more = quiet(_("Add a reader…"), "mdi6.account-plus-outline")
        more.clicked.connect(self.another_wanted)
        self.buttons(_("Continue"), [more]).clicked.connect(self._choose)

    def _choose(self) -> None:
        item = self._list.currentItem()
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))


class NamePage(CardPage):
    """The name of another reader: `named`, or `back`."""

    named = Signal(str)
    back = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "mdi6.account-plus-outline",
            _("Another reader"),
            _("With an archive and a passphrase of their own. Everybody at this computer account sees the name."),
            parent,
        )
        self._name = self.field(_("Name in the list"), secret=False)
        back = quiet(_("Back"))
        back.clicked.connect(self.back)
        self.buttons(_("Continue"), [back]).clicked.connect(
            lambda: self.named.emit(self._name.text()) if self._name.text() and self.is_ready else None
        )


class SetUpPage(CardPage):
    """A new archive: `given` carries its passphrase, or None for the keyring."""

    given = Signal(object)

    def __init__(self, reader: str, keyring: bool, parent: QWidget | None = None) -> None:
        super().__init__(
            "mdi6.shield-lock-outline",
            _("Seal the archive of {reader}").format(reader=reader) if reader else _("Seal the archive"),
            _("Studies, drafts and conclusions are encrypted on this computer. Nobody opens them without the key."),
            parent,
        )
        self._by_keyring = QRadioButton(_("Open by the keyring of this computer account"), self)
        by_passphrase = QRadioButton(_("Open by a passphrase"), self)
        by_passphrase.setChecked(True)
        group = QButtonGroup(self)
        for button in (by_passphrase, self._by_keyring):
            group.addButton(button)
            self.add(button)
            outlined(button).setVisible(keyring)
        self._first = self.field(_("Passphrase"))
        self._first.setPlaceholderText(_("at least {count} characters, such as four words").format(count=SHORTEST))
        self._second = self.field(_("The same again"))
        self._by_keyring.toggled.connect(self._choose)
        self.buttons(_("Continue")).clicked.connect(self._give)

    def _choose(self, by_keyring: bool) -> None:
        for field in (self._first, self._second):
            field.setEnabled(not by_keyring)
        self.say(
            _("Whoever signs in to this computer account opens it, too.") if by_keyring else "",
            "muted" if by_keyring else "error",
        )

    def _give(self) -> None:
        if not self.is_ready:
            return
        if self._by_keyring.isChecked():
            self.given.emit(None)
        elif self._first.text() != self._second.text():
            self.say(_("The two passphrases differ"))
            self._second.selectAll()
            self._second.setFocus()
        else:
            self.given.emit(self._first.text())


class UnlockPage(CardPage):
    """The passphrase of an archive: `given`; `forgotten` goes to the recovery key."""

    given = Signal(str)
    forgotten = Signal()

    def __init__(self, reader: str, parent: QWidget | None = None) -> None:
        super().__init__("mdi6.lock-outline", reader or "IRIS Workstation", "", parent)
        self._secret = self.field(_("Passphrase of the archive"))
        forgotten = quiet(_("Forgotten? Use the recovery key"))
        forgotten.clicked.connect(self.forgotten)
        self.buttons(_("Open the archive"), [forgotten]).clicked.connect(self._give)

    def _give(self) -> None:
        if self._secret.text() and self.is_ready:
            self.given.emit(self._secret.text())


class TroublePage(CardPage):
    """Why the archive doesn't open by itself: `again`, or by the recovery key (`recovery_wanted`)."""

    again = Signal()
    recovery_wanted = Signal()

    def __init__(self, error: WorkstationError, recovery: bool, parent: QWidget | None = None) -> None:
        text = f"{error.detail}. {error.advice}" if error.detail else error.advice
        super().__init__("mdi6.key-alert-outline", error.title, text, parent)
        use = quiet(_("Use the recovery key"))
        use.setVisible(recovery)
        use.clicked.connect(self.recovery_wanted)
        button = self.buttons(_("Try again"), [use])
        button.clicked.connect(self.again)
        self.setFocusProxy(button)


class RecoverPage(CardPage):
    """A recovery key and a new passphrase: `given` carries both; `back` withdraws."""

    given = Signal(str, str)
    back = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "mdi6.key-outline",
            _("Open by the recovery key"),
            _("Type it from the paper, in capital or small letters. Then choose a new passphrase; nothing is lost."),
            parent,
        )
        self._code = self.field(_("Recovery key"), secret=False)
        self._code.setPlaceholderText("XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX")
        self._first = self.field(_("New passphrase"))
        self._second = self.field(_("The same again"))
        back = quiet(_("Back"))
        back.clicked.connect(self.back)
        self.buttons(_("Open the archive"), [back]).clicked.connect(self._give)

    def _give(self) -> None:
        if not self.is_ready:
            return
        if self._first.text() != self._second.text():
            self.say(_("The two passphrases differ"))
            self._second.selectAll()
            self._second.setFocus()
        else:
            self.given.emit(self._code.text(), self._first.text())

"""What opens the archive and unlocks the desk, and how to change it: a page in the window's place."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QWidget

from workstation import secrets
from workstation.archive.guard import Guard
from workstation.errors import WorkstationError
from workstation.jobs import Lane
from workstation.language import _
from workstation.secrets import KeyState
from workstation.ui import theme
from workstation.ui.background import Background
from workstation.ui.card import CardPage, quiet


class SecurityPage(CardPage):
    """`changed` when something else opens or unlocks now; `recovery_wanted` carries a new recovery key to show."""

    changed = Signal()
    recovery_wanted = Signal(str)
    closed = Signal()

    def __init__(
        self,
        state: KeyState,
        keyring: bool,
        guard: Guard,
        background: Background,
        add_reader: Callable[[str], None],
        parent: QWidget | None = None,
    ) -> None:
        passphrase = state.wrap == "passphrase"
        text = (
            _("The archive opens by your passphrase. It unlocks the desk, too.")
            if passphrase
            else _("The archive opens by the keyring of this computer account.")
        )
        super().__init__("mdi6.shield-lock-outline", _("Security"), text, parent)
        self._guard = guard
        self._background = background
        self._add_reader = add_reader
        self._old: QLineEdit | None = None
        if state.can_lock:
            self._old = self.field(_("Passphrase until now") if passphrase else _("Desk passphrase until now"))
        self._rule()
        self._new = self.field(_("New passphrase of the archive"))
        self._again = self.field(_("The same again"), entered=self._take)
        others = []
        if passphrase and keyring and not guard.is_shared:
            instead = quiet(_("Open by the keyring instead"))
            instead.clicked.connect(lambda: self._change(None))
            others.append(instead)
        self._row(_("Change the passphrase") if passphrase else _("Take a passphrase"), self._take, others)
        if not passphrase:
            self._rule()
            self._desk = self.field(
                _("New desk passphrase: unlocks the locked window"), entered=lambda: self._set_desk(self._desk.text())
            )
            remove = quiet(_("Remove it"))
            remove.setVisible(state.has_desk_passphrase)
            remove.clicked.connect(lambda: self._set_desk(None))
            self._row(_("Set the desk passphrase"), lambda: self._set_desk(self._desk.text()), [remove])
        self._rule()
        known = _("There is a recovery key.") if state.has_recovery else _("There is no recovery key yet.")
        self.label(known, "muted" if state.has_recovery else "warning")
        self._row(_("Make a new recovery key"), self._make_recovery_key)
        self._rule()
        self._name = self.field(_("Another reader at this desk, by the name to choose"), False, self._add)
        self._row(_("Add the reader"), self._add)
        self.column.addSpacing(10)
        self.buttons(_("Back")).clicked.connect(self.closed)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.closed)

    def _rule(self) -> None:
        line = QFrame(self)
        theme.set_role(line, "rule")
        line.setFixedHeight(1)
        self.column.addSpacing(6)
        self.column.addWidget(line)
        self.column.addSpacing(6)

    def _row(self, text: str, pressed: Callable[[], None], others: list[QPushButton] | None = None) -> None:
        button = QPushButton(text, self)
        button.setMinimumHeight(34)
        button.clicked.connect(lambda _checked: pressed())
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(button)
        for other in others or []:
            row.addWidget(other)
        row.addStretch(1)
        self.column.addLayout(row)

    def _take(self) -> None:
        if self._new.text() != self._again.text():
            self.say(_("The two passphrases differ"))
        else:
            self._change(self._new.text())

    def _change(self, new: str | None) -> None:
        told = _("The archive opens by the new passphrase now.") if new else _("The archive opens by the keyring now.")
        self._do(lambda: self._guard.change_passphrase(self._proof, new), told)

    def _set_desk(self, new: str | None) -> None:
        told = (
            _("The desk passphrase is set.") if new else _("The desk passphrase is removed: the desk can't be locked.")
        )
        self._do(lambda: self._guard.set_desk_passphrase(self._proof, new), told)

    def _make_recovery_key(self) -> None:
        proof = self._proof
        self._run(lambda: self._guard.prove(proof), lambda: self.recovery_wanted.emit(secrets.new_code()))

    def _add(self) -> None:
        name = self._name.text()
        told = _("Added. The name stands in the list at the next start; the passphrase is chosen there.")

        def done() -> None:
            self._name.clear()
            self.say(told, "good")

        self._run(lambda: self._add_reader(name), done)

    @property
    def _proof(self) -> str:
        return self._old.text() if self._old is not None else ""

    def _do(self, work: Callable[[], None], told: str) -> None:
        def done() -> None:
            self.say(told, "good")
            for field in self.findChildren(QLineEdit):
                field.clear()
            self.changed.emit()

        self._run(work, done)

    def _run(self, work: Callable[[], None], done: Callable[[], object]) -> None:
        if not self.is_ready:
            return
        self.set_busy(True)
        self.say(_("One moment…"), "muted")

        def succeeded(_none: None) -> None:
            self.set_busy(False)
            self.say("")
            done()

        def failed(error: WorkstationError) -> None:
            self.refuse(error)

        self._background.run(Lane.INTERACTIVE, work, succeeded, failed)

"""Who signs, and with what: a file or a key on a token, and its password or PIN."""

from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from workstation.archive.identity import alike
from workstation.errors import WorkstationError
from workstation.jobs import Lane
from workstation.language import _, ngettext
from workstation.signing.identity import subject_name
from workstation.signing.token import SCHEME, TokenIdentity, find_identities
from workstation.ui import texts, theme
from workstation.ui.background import Background

# so long before a certificate ends its owner is told
_WARN_DAYS = 30


class IdentityChooser(QWidget):
    """A list of identities with the place for the secret below; `entered`: the Return key in it."""

    entered = Signal()

    def __init__(self, background: Background, identity: str, library: str, parent: QWidget | None = None) -> None:
        """`identity` is the one of the settings, a path or an address `pkcs11:…`; `library` the PKCS#11 library."""
        super().__init__(parent)
        self._background = background
        self._library = library
        self._found: dict[str, TokenIdentity] = {}
        self._list = QComboBox(self)
        self._list.setAccessibleName(_("Identity"))
        self._list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._list.currentIndexChanged.connect(self._chosen)
        browse = QPushButton(self)
        browse.setIcon(theme.icon("mdi6.folder-open-outline"))
        browse.setToolTip(_("Choose the identity file"))
        browse.setAccessibleName(_("Choose the identity file"))
        browse.clicked.connect(self._browse)
        self._secret = QLineEdit(self)
        self._secret.setEchoMode(QLineEdit.EchoMode.Password)
        self._secret.setAccessibleName(_("Password of the identity"))
        self._secret.returnPressed.connect(self.entered)
        self._state = QLabel(self)
        self._state.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self._list, 1)
        row.addWidget(browse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self._secret)
        column.addWidget(self._state)
        self.setFocusProxy(self._secret)
        if identity:
            self._offer(identity, select=True)
        self._chosen()

    @property
    def identity(self) -> str:
        """The path or address that is chosen, or nothing."""
        return str(self._list.currentData() or "")

    def take_secret(self) -> str:
        """What was typed; it is kept no longer than this."""
        typed = self._secret.text()
        self._secret.clear()
        return typed

    def ask_again(self) -> None:
        """The secret was refused: put the cursor where it is typed."""
        self._secret.clear()
        self._secret.setFocus()

    def look(self, reader: str) -> None:
        """Look which tokens are there; the reader's own is chosen if nothing is yet."""
        if not self._library:
            return

        def show(found: list[TokenIdentity]) -> None:
            self._found = {str(one.address): one for one in found}
            for number in reversed(range(self._list.count())):
                # a token of the settings that is not in stays on the list
                if self._list.itemData(number).startswith(SCHEME) and self._list.itemData(number) != self.identity:
                    self._list.removeItem(number)
            for where, one in sorted(self._found.items(), key=lambda pair: not _of(pair[1], reader)):
                self._offer(where, select=not self.identity and _of(one, reader))
            self._chosen()

        def failed(error: WorkstationError) -> None:
            self._say(str(error), "error")

        self._background.run(Lane.INTERACTIVE, lambda: find_identities(self._library), show, failed)

    def _offer(self, where: str, *, select: bool) -> None:
        number = self._list.findData(where)
        title = self._title(where)
        if number < 0:
            self._list.addItem(title, where)
            number = self._list.count() - 1
        self._list.setItemText(number, title)
        if select:
            self._list.setCurrentIndex(number)

    def _title(self, where: str) -> str:
        found = self._found.get(where)
        if found is not None:
            return subject_name(found.certificate)
        return _("Token") if where.startswith(SCHEME) else Path(where).name

    def _chosen(self) -> None:
        where = self.identity
        token = where.startswith(SCHEME)
        self._list.setToolTip(where)
        if not where:
            self._list.setPlaceholderText(_("Choose a file, or put in your token"))
        self._secret.setEnabled(bool(where))
        self._secret.setPlaceholderText(_("PIN of the token") if token else _("Password of the identity"))
        found = self._found.get(where)
        if found is None:
            self._say("", "muted")
            return
        said, role = (_(found.trouble), "warning") if found.trouble else _validity(found)
        self._say(f"{found.address.token}: {said}", role)

    def _say(self, text: str, role: str) -> None:
        theme.set_role(self._state, role)
        self._state.setText(text)
        self._state.setVisible(bool(text))

    def _browse(self) -> None:
        where = self.identity
        start = str(Path(where).parent) if where and not where.startswith(SCHEME) else ""
        name, _kind = QFileDialog.getOpenFileName(
            self, _("Choose the identity file"), start, _("Identities (*.p12 *.pfx);;All files (*)")
        )
        if name:
            self._offer(name, select=True)
            self._secret.setFocus()


def _of(found: TokenIdentity, reader: str) -> bool:
    """Whether a certificate may be the reader's (a DICOM PN)."""
    return bool(reader) and alike(subject_name(found.certificate).replace(" ", "^"), reader)


def _validity(found: TokenIdentity) -> tuple[str, str]:
    """Until when a certificate is valid, and the role of that text."""
    end = found.certificate.not_valid_after_utc
    days = (end - datetime.now(UTC)).days
    date = texts.short_date(end.astimezone().strftime("%Y%m%d"))
    if days < 0:
        return _("the certificate expired on {date}").format(date=date), "error"
    if days <= _WARN_DAYS:
        left = ngettext("the certificate ends in {count} day", "the certificate ends in {count} days", days)
        return left.format(count=days), "warning"
    return _("valid until {date}").format(date=date), "muted"

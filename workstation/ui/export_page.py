"""The page that asks how studies leave: sealed for another workstation, or without their patient for teaching."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QFileDialog, QLabel, QRadioButton, QVBoxLayout, QWidget

from workstation.archive.parcel import SHORTEST_PASSPHRASE
from workstation.consultation.carrying import AnonymousWish
from workstation.language import _, ngettext
from workstation.ui.card import CardPage, outlined, quiet

_INDENT = 26


class ExportPage(CardPage):
    """`sealed` carries the file and the passphrase, `anonymous` the place and the wish; `declined` nothing."""

    sealed = Signal(object, str)
    anonymous = Signal(object, object)
    declined = Signal()

    def __init__(self, study: str, earlier: int, parent: QWidget | None = None) -> None:
        """`study` says in words which one; `earlier` is how many earlier studies of the case are here."""
        super().__init__("mdi6.export-variant", _("Export the study"), study, parent)
        self._kinds = QButtonGroup(self)
        self._sealed = self._kind(
            _("For another workstation"), _("One sealed file with everything; only the passphrase opens it.")
        )
        self._secrets = QWidget(self)
        column = QVBoxLayout(self._secrets)
        column.setContentsMargins(_INDENT, 0, 0, 6)
        column.setSpacing(6)
        self.column.addWidget(self._secrets)
        said = _("Passphrase, at least {count} characters").format(count=SHORTEST_PASSPHRASE)
        self.passphrase, self.again = self.field(said), self.field(_("The same again"))
        for field in (self.passphrase, self.again):
            column.addWidget(next(title for title in self.findChildren(QLabel) if title.buddy() is field))
            column.addWidget(field)
        self._anonymous = self._kind(
            _("For teaching, without the patient"),
            _("A folder or a ZIP file. What can't be cleaned stays here, and it is said why."),
        )
        self._wishes = QWidget(self)
        column = QVBoxLayout(self._wishes)
        column.setContentsMargins(_INDENT, 0, 0, 6)
        column.setSpacing(6)
        self.characteristics = self._wish(_("Keep age, sex, size and weight"), column)
        self.checked = self._wish(_("I have looked at the pictures: none shows a name"), column)
        self.checked.setToolTip(_("Then ultrasound, photographs, captures and angiograms go as well"))
        self.zipped = self._wish(_("As one ZIP file"), column)
        self.column.addWidget(self._wishes)
        count = ngettext("{count} earlier study too", "{count} earlier studies too", earlier).format(count=earlier)
        self.earlier = outlined(QCheckBox(count, self))
        self.earlier.setVisible(bool(earlier))
        self.column.addWidget(self.earlier)
        no = quiet(_("Cancel"))
        no.clicked.connect(self.declined)
        self.buttons(_("Export…"), [no]).clicked.connect(self._go_on)
        self._kinds.buttonToggled.connect(lambda *_any: self._show())
        self._sealed.setChecked(True)
        self._show()
        self.setFocusProxy(self._sealed)

    def _kind(self, name: str, about: str) -> QRadioButton:
        button = outlined(QRadioButton(name, self))
        button.setAccessibleDescription(about)
        self._kinds.addButton(button)
        self.column.addWidget(button)
        line = self.label(about, "muted")
        line.setContentsMargins(_INDENT, 0, 0, 4)
        return button

    def _wish(self, text: str, column: QVBoxLayout) -> QCheckBox:
        box = outlined(QCheckBox(text, self._wishes))
        column.addWidget(box)
        return box

    def choose_anonymous(self) -> None:
        """As if the reader had chosen teaching."""
        self._anonymous.setChecked(True)

    def _show(self) -> None:
        self._secrets.setVisible(self._sealed.isChecked())
        self._wishes.setVisible(self._anonymous.isChecked())
        self.say("")

    def _go_on(self) -> None:
        if self._anonymous.isChecked():
            self._ask_anonymous()
        elif len(self.passphrase.text()) < SHORTEST_PASSPHRASE:
            said = _("It guards the case outside: take at least {count} characters.")
            self._refuse(said.format(count=SHORTEST_PASSPHRASE))
        elif self.passphrase.text() != self.again.text():
            self._refuse(_("The two passphrases differ"))
        else:
            path = self.chosen(_("Sealed case"), "case.iris", [_("Sealed cases") + " (*.iris)"])
            if path is not None:
                self.sealed.emit(path, self.passphrase.text())

    def _ask_anonymous(self) -> None:
        zipped = self.zipped.isChecked()
        kinds = [_("ZIP archives") + " (*.zip)"] if zipped else []
        path = self.chosen(_("Study for teaching"), "teaching.zip" if zipped else "teaching", kinds)
        if path is not None:
            if zipped and path.suffix.lower() != ".zip":
                path = path.with_name(path.name + ".zip")
            self.anonymous.emit(path, AnonymousWish(self.characteristics.isChecked(), self.checked.isChecked()))

    def chosen(self, title: str, name: str, kinds: Sequence[str]) -> Path | None:
        """Where the reader wants it; None when nowhere."""
        found, _kind = QFileDialog.getSaveFileName(
            self,
            title,
            str(Path.home() / name),
            ";;".join(kinds),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        return Path(found) if found else None

    def _refuse(self, text: str) -> None:
        self.say(text)
        self.passphrase.setFocus(Qt.FocusReason.OtherFocusReason)
        self.passphrase.selectAll()


class PassphrasePage(CardPage):
    """What a sealed case of another workstation asks for: `given` carries it, `declined` nothing."""

    given = Signal(str)
    declined = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(
            "mdi6.package-variant-closed",
            _("Sealed case"),
            _("{name} was sealed at another workstation. Its passphrase came another way.").format(name=name),
            parent,
        )
        self.passphrase = self.field(_("Passphrase of the sealed case"))
        no = quiet(_("Cancel"))
        no.clicked.connect(self.declined)
        self.buttons(_("Import"), [no]).clicked.connect(self._go_on)

    def _go_on(self) -> None:
        if self.passphrase.text():
            self.given.emit(self.passphrase.text())

"""The recovery key on the screen: read it, print it, save it, and say that it is written down."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase, QTextDocument
from PySide6.QtWidgets import QCheckBox, QFileDialog, QFrame, QGridLayout, QHBoxLayout, QLabel, QWidget

from workstation.language import _
from workstation.ui import theme
from workstation.ui.card import CardPage, outlined, quiet


class RecoveryKeyPage(CardPage):
    """`noted` once the reader has it on paper; `declined` for one who wants none now."""

    noted = Signal()
    declined = Signal()

    def __init__(self, code: str, later: str, parent: QWidget | None = None) -> None:
        super().__init__(
            "mdi6.key-outline",
            _("Recovery key"),
            _(
                "It opens the archive when the passphrase is forgotten or the keyring is lost. It is shown only now. "
                "Keep the paper where nobody finds it together with this computer."
            ),
            parent,
        )
        self.code = code
        self.add(self._written(code))
        printed = quiet(_("Print…"), "mdi6.printer-outline")
        printed.clicked.connect(self._print)
        saved = quiet(_("Save to a file…"), "mdi6.content-save-outline")
        saved.clicked.connect(self._save)
        row = QHBoxLayout()
        row.addWidget(printed)
        row.addWidget(saved)
        row.addStretch(1)
        self.add(row)
        self.column.addSpacing(6)
        self.done = outlined(QCheckBox(_("I have written it down, and it isn't on this computer"), self))
        self.add(self.done)
        no = quiet(later)
        no.clicked.connect(self.declined)
        go_on = self.buttons(_("Continue"), [no])
        go_on.setEnabled(False)
        self.done.toggled.connect(go_on.setEnabled)
        go_on.clicked.connect(self.noted)
        self.setFocusProxy(self.done)

    def _written(self, code: str) -> QFrame:
        card = QFrame(self)
        theme.set_role(card, "card")
        grid = QGridLayout(card)
        grid.setContentsMargins(18, 14, 18, 14)
        grid.setVerticalSpacing(8)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(17)
        card.setAccessibleName(code)
        for number, group in enumerate(code.split("-")):
            label = QLabel(group, card)
            label.setFont(font)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
            place = QLabel(str(number + 1), card)
            theme.set_role(place, "muted")
            row, column = divmod(number, 4)
            cell = QHBoxLayout()
            cell.setSpacing(8)
            cell.addWidget(place)
            cell.addWidget(label)
            cell.addStretch(1)
            grid.addLayout(cell, row, column)
        return card

    @property
    def sheet(self) -> str:
        """What goes onto the paper: no name, no computer."""
        return "\n\n".join(
            (
                _("IRIS Workstation: recovery key"),
                self.code,
                _("Opens the sealed archive of a reader without its passphrase. Keep it away from the computer."),
                _("To use it: “Forgotten?” at the start, or iris-workstation archive recover"),
            )
        )

    def _print(self) -> None:
        from PySide6.QtPrintSupport import QPrintDialog, QPrinter

        printer = QPrinter()
        if QPrintDialog(printer, self).exec():
            paper = QTextDocument()
            paper.setPlainText(self.sheet)
            paper.print_(printer)
            self.say(_("Sent to the printer."), "muted")

    def _save(self) -> None:
        name, _kind = QFileDialog.getSaveFileName(self, _("Save the recovery key"), "iris-recovery-key.txt")
        if not name:
            return
        try:
            with open(name, "w", encoding="utf-8") as file:
                file.write(self.sheet + "\n")
        except OSError as error:
            self.say(_("It could not be saved: {reason}").format(reason=error.strerror))
        else:
            self.say(_("Saved. Take the file off this computer."), "muted")

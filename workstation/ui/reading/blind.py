"""Above the form of a second opinion: that the first report is covered, the lock, and then the way to compare."""

from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.consultation.covering import covered_words
from workstation.language import _, ngettext
from workstation.ui import texts, theme


class BlindCard(QFrame):
    """`lock_requested`: the reader locks the impression; `compare_requested`: shows or leaves the comparison."""

    lock_requested = Signal()
    compare_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "card")
        self._icon = QLabel(self)
        self._title = QLabel(self)
        self._title.setWordWrap(True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._about = QLabel(self)
        self._about.setWordWrap(True)
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        theme.set_role(self._about, "muted")
        self.lock = QPushButton(_("Lock impression"), self)
        self.lock.setToolTip(_("What the report says now is kept as your own impression and can't be changed (F7)"))
        theme.set_role(self.lock, "primary")
        self.lock.clicked.connect(self.lock_requested)
        self.compare = QPushButton(_("Compare"), self)
        self.compare.setCheckable(True)
        self.compare.setToolTip(_("The first report beside your own, in the place of the pictures (F7)"))
        self.compare.clicked.connect(self.compare_requested)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._about)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addWidget(self.lock, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.compare, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    @property
    def text(self) -> str:
        """What the card says."""
        return f"{self._title.text()}\n{self._about.text()}".strip()

    def show_covered(self, count: int, *, writable: bool) -> None:
        """What others found is covered: so many objects of it are here."""
        self._title.setText(covered_words())
        theme.set_role(self._title, "warning")
        here = ngettext("{count} object is covered.", "{count} objects are covered.", count).format(count=count)
        self._about.setText(here if count else _("It is not here yet."))
        self._show("mdi6.eye-off-outline", theme.current().warning)
        self.lock.setVisible(writable)
        self.compare.hide()

    def show_locked(self, at: datetime, *, comparing: bool) -> None:
        """The impression is locked and the first report open."""
        self._title.setText(_("Your impression is locked; the first report is open."))
        theme.set_role(self._title, "")
        self._about.setText(_("Locked {time}").format(time=texts.short_time(at)))
        self._show("mdi6.lock-check-outline", theme.current().good)
        self.lock.hide()
        self.compare.show()
        self.compare.setChecked(comparing)

    def _show(self, icon: str, colour: str) -> None:
        self._icon.setPixmap(theme.icon(icon, colour).pixmap(theme.ICON_SIZE))
        self.show()

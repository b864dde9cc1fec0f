"""The lower half of the outbox: one package, what to do with it, what happened to it, its documents, its receipt."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workstation.consultation.outbox import OutboxRow
from workstation.consultation.receipt import ROLES
from workstation.language import _, ngettext
from workstation.ui import texts, theme
from workstation.ui.outbox.receipt_view import ReceiptView
from workstation.ui.outbox.wording import STATES, Choice, age, choices, meaning, next_try

_ROLES = {"delivered": "good", "refused": "error", "paused": "warning", "held": "warning"}


class Detail(QFrame):
    """Shows a row; `chosen` tells which choice the reader made on it. `names_servers`: there are several of them."""

    chosen = Signal(OutboxRow, Choice)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        self._row: OutboxRow | None = None
        self.names_servers = False
        self._timing = QLabel(self)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._page = QWidget(area)
        area.setWidget(self._page)
        self._lines = QVBoxLayout(self._page)
        self._lines.setContentsMargins(16, 12, 16, 12)
        self._lines.setSpacing(4)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def show_row(self, row: OutboxRow | None, *, receipt: bool = False) -> None:
        """Show a package, or its receipt; None shows nothing."""
        self._row = row
        while self._lines.count():
            item = self._lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if row is None:
            return
        if receipt and row.receipt is not None:
            self._lines.addWidget(ReceiptView(row.receipt, self._page))
            return
        self._lines.addWidget(self._head(row))
        # why a package is held is what its meaning says
        if row.last_error and row.state != "held":
            self._write((row.last_error,), "error" if row.state == "refused" else "warning")
        self._write((meaning(row),))
        if choices(row):
            self._lines.addWidget(self._buttons(row))
        self._write((_("What happened"),), "heading")
        self._write([f"{texts.short_time(event.at)}   {event.text}" for event in row.journal])
        if row.objects:
            self._write((_("Documents"),), "heading")
            self._lines.addWidget(self._documents(row))
        self._lines.addStretch(1)

    def tell_time(self) -> None:
        """Bring the ages up to the moment."""
        if self._row is None:
            return
        row = self._row
        parts = []
        if waits := age(row):
            parts.append(_("signed {span} ago").format(span=waits))
        if self.names_servers and row.server and row.state != "delivered":
            parts.append(_("for the server {server}").format(server=row.server))
        if row.attempts and next_try(row) and not choices(row):
            tries = ngettext("{count} try failed", "{count} tries failed", row.attempts).format(count=row.attempts)
            parts.append(tries)
        if (soon := next_try(row)) and not choices(row):
            parts.append(_("next try {when}").format(when=soon))
        self._timing.setText("  ·  ".join(parts))

    def _head(self, row: OutboxRow) -> QWidget:
        line = QWidget(self._page)
        state = QLabel(texts.worded(STATES, row.state), line)
        theme.set_role(state, "heading")
        if row.state in _ROLES:
            colors = theme.current()
            color = {"good": colors.good, "error": colors.danger, "warning": colors.warning}[_ROLES[row.state]]
            state.setStyleSheet(f"color: {color}")
        self._timing = QLabel(line)
        theme.set_role(self._timing, "muted")
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        layout.addWidget(state)
        layout.addWidget(self._timing)
        layout.addStretch(1)
        self.tell_time()
        return line

    def _documents(self, row: OutboxRow) -> QWidget:
        table = QWidget(self._page)
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(4)
        for line, (role, uid, sha256) in enumerate(row.objects):
            for column, text in enumerate((texts.worded(ROLES, role), uid, f"SHA-256 {sha256[:16]}…")):
                grid.addWidget(self._label(text, "muted"), line, column)
        grid.setColumnStretch(3, 1)
        return table

    def _buttons(self, row: OutboxRow) -> QWidget:
        line = QWidget(self._page)
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 6, 0, 8)
        layout.setSpacing(8)
        for choice in choices(row):
            button = QPushButton(_(choice.label), line)
            button.clicked.connect(lambda _checked, choice=choice: self._choose(line, row, choice))
            layout.addWidget(button)
        layout.addStretch(1)
        return line

    def _choose(self, line: QWidget, row: OutboxRow, choice: Choice) -> None:
        line.setEnabled(False)
        self.chosen.emit(row, choice)

    def _write(self, lines: Sequence[str], role: str = "") -> None:
        for line in lines:
            label = self._label(line, role)
            label.setWordWrap(True)
            if role == "heading":
                label.setContentsMargins(0, 8, 0, 0)
            self._lines.addWidget(label)

    def _label(self, text: str, role: str) -> QLabel:
        label = QLabel(text, self._page)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if role:
            theme.set_role(label, role)
        return label

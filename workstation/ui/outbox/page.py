"""The outbox page: signed packages above, what happened to the chosen one below."""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.consultation.desk import Desk
from workstation.consultation.outbox import OutboxRow
from workstation.consultation.receipt import ROLES
from workstation.jobs import Lane
from workstation.language import N_, _
from workstation.ui import texts, theme
from workstation.ui.background import Background
from workstation.ui.outbox.receipt_view import ReceiptView

STATES = {
    "queued": N_("Waiting to be sent"),
    "sending": N_("Being sent"),
    "stored": N_("Stored, not checked yet"),
    "confirmed": N_("Read back and verified"),
    "delivered": N_("Delivered"),
    "refused": N_("Refused"),
    "paused": N_("Paused: sign in"),
    "held": N_("Kept back: decide"),
    "kept": N_("Kept here, not sent"),
    "replaced": N_("To be written anew"),
}

# what the reader may decide on a package that doesn't go by itself
AGAIN = {"refused": N_("Send again"), "held": N_("Send as an unsolicited opinion")}

COLUMNS: tuple[tuple[str, Callable[[OutboxRow], str], int], ...] = (
    (N_("State"), lambda row: texts.worded(STATES, row.state), 210),
    (N_("Patient"), lambda row: texts.person_name(row.patient.name), 230),
    (N_("Study"), lambda row: f"{texts.short_date(row.study_date)}  {row.study_description}", 0),
    (N_("Signed"), lambda row: texts.short_time(row.signed_at), 150),
    (N_("Retries"), lambda row: str(row.attempts or ""), 90),
    (N_("Delivered"), lambda row: texts.short_time(row.delivered_at), 150),
)
STRETCHED = 2

Index = QModelIndex | QPersistentModelIndex


class _Table(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[OutboxRow] = []

    def show_rows(self, rows: list[OutboxRow]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _(COLUMNS[section][0])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return COLUMNS[index.column()][1](row)
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            colors = theme.current()
            return QColor(
                {
                    "delivered": colors.good,
                    "refused": colors.danger,
                    "paused": colors.warning,
                    "held": colors.warning,
                }.get(row.state, colors.text)
            )
        return None


class OutboxPage(QWidget):
    """Reads the outbox when told to; `deliver_requested` asks for a try now."""

    deliver_requested = Signal()
    again_requested = Signal(str)
    counted = Signal(int)

    def __init__(self, desk: Desk, background: Background) -> None:
        super().__init__()
        self._desk = desk
        self._background = background
        self._model = _Table()
        title = QLabel(_("Outbox"), self)
        theme.set_role(title, "title")
        self._summary = QLabel(self)
        theme.set_role(self._summary, "muted")
        send = QPushButton(_("Send now"), self)
        send.setIcon(theme.icon("mdi6.send", theme.current().on_accent))
        send.setToolTip(_("Try everything that waits (F5)"))
        theme.set_role(send, "primary")
        send.clicked.connect(self.deliver_requested)
        self._again = QPushButton(self)
        self._again.clicked.connect(self._ask_again)
        self._again.hide()
        self._receipt = QPushButton(_("Receipt"), self)
        self._receipt.setCheckable(True)
        self._receipt.setToolTip(_("The proof of delivery: objects, hashes, the server's answers"))
        self._receipt.toggled.connect(self._show_current)
        self._receipt.hide()
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(title)
        head.addWidget(self._summary)
        head.addStretch(1)
        head.addWidget(self._receipt)
        head.addWidget(self._again)
        head.addWidget(send)
        self._table = QTableView(self)
        self._set_up_table()
        self._empty = QLabel(_("Nothing waits here. A signed conclusion goes through the outbox to IRIS."), self._table)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self._empty, "muted")
        self._detail = QFrame(self)
        theme.set_role(self._detail, "panel")
        self._lines = QVBoxLayout(self._detail)
        self._lines.setContentsMargins(16, 12, 16, 12)
        self._lines.setSpacing(3)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self._table)
        split.addWidget(self._detail)
        split.setStretchFactor(0, 1)
        split.setSizes([420, 240])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 12, 14, 0)
        outer.setSpacing(10)
        outer.addLayout(head)
        outer.addWidget(split, 1)
        self.setFocusProxy(self._table)
        shortcut = QShortcut(QKeySequence("F5"), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.deliver_requested)
        self.reload()

    def _set_up_table(self) -> None:
        table = self._table
        table.setModel(self._model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setAccessibleName(_("Outbox"))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(36)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number, (_name, _text, width) in enumerate(COLUMNS):
            if width:
                header.resizeSection(number, width)
        header.setSectionResizeMode(STRETCHED, QHeaderView.ResizeMode.Stretch)
        table.selectionModel().currentRowChanged.connect(lambda current, _previous: self._show(current.row()))

    def reload(self) -> None:
        """Read the outbox again; the cursor stays on its package."""
        self._background.run(Lane.INTERACTIVE, self._desk.outbox, self._apply)

    def _apply(self, rows: list[OutboxRow]) -> None:
        if rows != self._model.rows or not rows:
            current = self._table.currentIndex().row()
            chosen = self._model.rows[current].package_uid if 0 <= current < len(self._model.rows) else None
            self._model.show_rows(rows)
            place = next((number for number, row in enumerate(rows) if row.package_uid == chosen), 0)
            if rows:
                self._table.setCurrentIndex(self._model.index(place, 0))
        waiting = sum(row.state != "delivered" for row in rows)
        self._summary.setText(
            _("{waiting} waiting, {delivered} delivered").format(waiting=waiting, delivered=len(rows) - waiting)
        )
        self._empty.setVisible(not rows)
        self._empty.setGeometry(self._table.viewport().rect())
        self._detail.setVisible(bool(rows))
        self.counted.emit(waiting)

    def _show_current(self) -> None:
        self._show(self._table.currentIndex().row())

    def _show(self, number: int) -> None:
        while self._lines.count():
            item = self._lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if not 0 <= number < len(self._model.rows):
            self._again.hide()
            self._receipt.hide()
            return
        row = self._model.rows[number]
        self._again.setVisible(row.state in AGAIN)
        self._again.setText(texts.worded(AGAIN, row.state))
        self._receipt.setVisible(row.receipt is not None)
        if row.receipt is not None and self._receipt.isChecked():
            self._lines.addWidget(ReceiptView(row.receipt, self._detail))
            return
        self._write((_("What happened"),), "heading")
        self._write([f"{texts.short_time(event.at)}   {event.text}" for event in row.journal])
        if row.last_error:
            self._write((row.last_error,), "error")
        if row.objects:
            self._write((_("Documents"),), "heading")
            self._write(
                [f"{texts.worded(ROLES, role)}   {uid}   SHA-256 {sha256[:16]}…" for role, uid, sha256 in row.objects],
                "muted",
            )
        self._lines.addStretch(1)

    def _ask_again(self) -> None:
        number = self._table.currentIndex().row()
        if 0 <= number < len(self._model.rows):
            self.again_requested.emit(self._model.rows[number].case_uid)

    def _write(self, lines: Sequence[str], role: str = "") -> None:
        for line in lines:
            label = QLabel(line, self._detail)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if role:
                theme.set_role(label, role)
            self._lines.addWidget(label)

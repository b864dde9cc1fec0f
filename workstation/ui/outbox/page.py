"""The outbox page: signed packages above, what happened to the chosen one below."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.consultation.desk import Desk
from workstation.consultation.outbox import OutboxRow
from workstation.consultation.package_states import OVER
from workstation.jobs import Lane
from workstation.language import N_, _
from workstation.ui import texts, theme
from workstation.ui.background import Background
from workstation.ui.outbox.detail import Detail
from workstation.ui.outbox.wording import STATES, Choice, age, next_try

COLUMNS: tuple[tuple[str, Callable[[OutboxRow], str], int], ...] = (
    (N_("State"), lambda row: texts.worded(STATES, row.state), 190),
    (N_("Patient"), lambda row: texts.person_name(row.patient.name), 215),
    (N_("Study"), lambda row: f"{texts.short_date(row.study_date)}  {row.study_description}", 0),
    (N_("Signed"), lambda row: texts.short_time(row.signed_at), 145),
    (N_("Waits"), age, 100),
    (N_("Next try"), next_try, 120),
    (N_("Delivered"), lambda row: texts.short_time(row.delivered_at), 145),
)
STRETCHED = 2
_TELL_TIME_MS = 5000

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


def _servers(rows: list[OutboxRow]) -> set[str]:
    return {row.server for row in rows if row.server}


class OutboxPage(QWidget):
    """Reads the outbox when told to, and while it is looked at.

    `deliver_requested` asks for a try now; `decided`: the reader let something go on; `reopened` carries the UID of a
    case that is to be written again.
    """

    deliver_requested = Signal()
    decided = Signal()
    reopened = Signal(str)
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
        self._send = QPushButton(_("Send now"), self)
        self._send.setIcon(theme.icon("mdi6.send", theme.current().on_accent))
        self._send.setToolTip(_("Try everything that waits (F5)"))
        theme.set_role(self._send, "primary")
        self._send.clicked.connect(self.deliver_requested)
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
        head.addWidget(self._send)
        self._table = QTableView(self)
        self._set_up_table()
        self._empty = QLabel(_("Nothing waits here. A signed conclusion goes through the outbox to IRIS."), self)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self._empty, "muted")
        self._detail = Detail(self)
        self._detail.chosen.connect(self._decide)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self._table)
        split.addWidget(self._detail)
        split.setStretchFactor(0, 1)
        split.setSizes([330, 330])
        split.setChildrenCollapsible(False)
        self._content = QStackedWidget(self)
        self._content.addWidget(self._empty)
        self._content.addWidget(split)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 12, 14, 0)
        outer.setSpacing(10)
        outer.addLayout(head)
        outer.addWidget(self._content, 1)
        self.setFocusProxy(self._table)
        shortcut = QShortcut(QKeySequence("F5"), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.deliver_requested)
        self._clock = QTimer(self)
        self._clock.setInterval(_TELL_TIME_MS)
        self._clock.timeout.connect(self._tell_time)
        self.reload()

    def showEvent(self, event: QShowEvent) -> None:
        """While it is looked at, its ages go on."""
        super().showEvent(event)
        self._tell_time()
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Unseen, it needs no clock."""
        super().hideEvent(event)
        self._clock.stop()

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
        self._detail.names_servers = len({*(one.name for one in self._desk.settings.servers), *_servers(rows)}) > 1
        if rows != self._model.rows or not rows:
            current = self._table.currentIndex().row()
            chosen = self._model.rows[current].package_uid if 0 <= current < len(self._model.rows) else None
            self._model.show_rows(rows)
            place = next((number for number, row in enumerate(rows) if row.package_uid == chosen), 0)
            if rows:
                self._table.setCurrentIndex(self._model.index(place, 0))
        waiting = sum(row.state not in OVER for row in rows)
        delivered = sum(row.state == "delivered" for row in rows)
        self._summary.setText(
            _("{waiting} waiting, {delivered} delivered").format(waiting=waiting, delivered=delivered) if rows else ""
        )
        self._send.setEnabled(waiting > 0)
        self._content.setCurrentIndex(1 if rows else 0)
        self.counted.emit(waiting)

    def _show_current(self) -> None:
        self._show(self._table.currentIndex().row())

    def _show(self, number: int) -> None:
        row = self._model.rows[number] if 0 <= number < len(self._model.rows) else None
        self._receipt.setVisible(row is not None and row.receipt is not None)
        self._detail.show_row(row, receipt=self._receipt.isChecked())

    def _tell_time(self) -> None:
        self._table.viewport().update()
        self._detail.tell_time()

    def _decide(self, row: OutboxRow, choice: Choice) -> None:
        """Do what the reader chose; a decision that no longer fits shows what is there now."""
        deciding = self._desk.deciding

        def done(_none: None) -> None:
            self.reload()
            if choice.reopens:
                self.reopened.emit(row.case_uid)
            else:
                self.decided.emit()

        self._background.run(Lane.SUBMISSION, lambda: choice.deed(deciding, row.case_uid), done)

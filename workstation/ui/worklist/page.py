"""The worklist page: filters above, cases in the middle, the case under the cursor at the side."""

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.consultation.case import CaseFilter, CaseKind, CaseRow
from workstation.consultation.desk import Desk
from workstation.language import _, ngettext
from workstation.ui import theme
from workstation.ui.background import Background
from workstation.ui.worklist.delegate import ROW_HEIGHT, CaseDelegate
from workstation.ui.worklist.model import CASE_ROLE, COLUMNS, QUESTION, CaseTableModel, Place
from workstation.ui.worklist.side_panel import CasePanel

WIDE = 1500


class WorklistPage(QWidget):
    """Asks by signals: `open_requested` and `return_requested` carry a case UID, `refresh_requested` nothing."""

    open_requested = Signal(str)
    refresh_requested = Signal()

    def __init__(self, desk: Desk, background: Background) -> None:
        super().__init__()
        self._selected = ""
        self._row = self._top = 0
        self._above = 0
        self.model = CaseTableModel(desk, background)
        self._table = QTableView(self)
        self._table.setModel(self.model)
        self.model.reader_place = self._place
        self.model.modelAboutToBeReset.connect(self._remember)
        self.model.modelReset.connect(self._stay)
        self.model.loaded.connect(self._loaded)
        self._set_up_table()
        self._empty = QLabel(self._table)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        theme.set_role(self._empty, "muted")
        self._count = QLabel(self)
        theme.set_role(self._count, "muted")
        # over the list, where they came: the row above has no room left
        self._new = QPushButton(self._table)
        self._new.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._new.setIcon(theme.icon("mdi6.arrow-up", theme.current().accent))
        self._new.setToolTip(_("Cases came above the first row shown (Home)"))
        self._new.clicked.connect(self._go_up)
        self._new.hide()
        self._table.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.panel = CasePanel(desk, background, self)
        self.panel.open_requested.connect(self.open_requested)

        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(14, 12, 8, 0)
        column.setSpacing(10)
        column.addLayout(self._filters())
        column.addWidget(self._table, 1)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(left)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 1)
        split.setCollapsible(0, False)
        split.setSizes([1000, 310])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)
        self.setFocusProxy(self._table)
        for key, act in (("F5", self.refresh_requested.emit), ("Ctrl+F", self._search.setFocus), ("N", self.open_next)):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        self.model.reload()

    def _set_up_table(self) -> None:
        table = self._table
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setItemDelegate(CaseDelegate(table))
        table.setAccessibleName(_("Worklist"))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number, column in enumerate(COLUMNS):
            if column.width:
                header.resizeSection(number, column.width)
        header.setMinimumSectionSize(44)
        header.setSectionResizeMode(QUESTION, QHeaderView.ResizeMode.Stretch)
        table.activated.connect(self._activate)
        table.selectionModel().currentRowChanged.connect(self._current_changed)

    def _filters(self) -> QHBoxLayout:
        self._search = QLineEdit(self)
        self._search.setPlaceholderText(_("Patient, number, question…"))
        self._search.setClearButtonEnabled(True)
        self._search.setAccessibleName(_("Search"))
        self._search.setMinimumWidth(150)
        self._kind = self._choice(
            _("Kind"),
            (
                (_("All kinds"), None),
                (_("First readings"), CaseKind.FIRST_READING),
                (_("Second opinions"), CaseKind.SECOND_OPINION),
            ),
        )
        self._modality = self._choice(
            _("Modality"),
            ((_("All modalities"), None), *((name, name) for name in ("CT", "DX", "CR", "MR", "MG", "XA"))),
        )
        self._states = self._choice(
            _("State"), ((_("Open"), "open"), (_("Mine"), "held"), (_("Finished"), "finished"), (_("All"), None))
        )
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(150)
        self._delay.timeout.connect(self._filter_changed)
        self._search.textChanged.connect(self._delay.start)
        refresh = QPushButton(self)
        refresh.setIcon(theme.icon("mdi6.refresh"))
        refresh.setToolTip(_("Ask IRIS for new cases (F5)"))
        refresh.setAccessibleName(_("Refresh"))
        refresh.setFixedWidth(40)
        refresh.clicked.connect(self.refresh_requested)
        following = QPushButton(_("Next case"), self)
        following.setToolTip(_("Open the most urgent case (N)"))
        following.setIcon(theme.icon("mdi6.skip-next", theme.current().on_accent))
        theme.set_role(following, "primary")
        following.clicked.connect(self.open_next)
        row = self.bar = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._search, 1)
        row.addWidget(self._count)
        for choice in (self._kind, self._modality, self._states):
            row.addWidget(choice)
        row.addWidget(refresh)
        row.addWidget(following)
        return row

    def _choice(self, name: str, entries: tuple[tuple[str, object], ...]) -> QComboBox:
        box = QComboBox(self)
        box.setAccessibleName(name)
        for text, value in entries:
            box.addItem(text, value)
        # as wide as the first entry, which is what mostly stands there; the open list shows each entry whole
        box.ensurePolished()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(1)
        box.setMinimumWidth(box.fontMetrics().horizontalAdvance(entries[0][0]) + 44)
        box.view().setMinimumWidth(box.view().sizeHintForColumn(0) + 16)
        box.currentIndexChanged.connect(self._filter_changed)
        return box

    def _filter_changed(self) -> None:
        self.model.set_filter(
            CaseFilter(
                text=self._search.text().strip(),
                kind=self._kind.currentData(),
                modality=self._modality.currentData(),
                states=self._states.currentData(),
            )
        )

    @property
    def selected(self) -> CaseRow | None:
        """The case under the cursor."""
        case = self._table.currentIndex().data(CASE_ROLE)
        return case if isinstance(case, CaseRow) else None

    def select(self, case_uid: str) -> bool:
        """Put the cursor on a case; False when it is not among the rows held."""
        row = self.model.row_of(case_uid)
        if row is None:
            return False
        self._table.setCurrentIndex(self.model.index(row, 0))
        return True

    def open_next(self) -> None:
        """Ask for the most urgent case that is still open: the first of the list's order."""
        case = self.model.case_at(0)
        if case is not None:
            self.open_requested.emit(case.case_uid)

    def _activate(self, index: QModelIndex) -> None:
        case = index.data(CASE_ROLE)
        if isinstance(case, CaseRow):
            self.open_requested.emit(case.case_uid)

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        case = current.data(CASE_ROLE)
        if isinstance(case, CaseRow):
            self._selected = case.case_uid
            self.panel.show_case(case)

    def _place(self) -> Place:
        """The cursor's case stays where it stands on the screen; when it is out of sight, the first row shown does."""
        first = self._table.verticalScrollBar().value()
        shown = self._table.viewport().height() // ROW_HEIGHT
        row = self._table.currentIndex().row()
        keep = []
        if self._selected and first <= row < first + max(shown, 1):
            keep.append((self._selected, row - first))
        top = self.model.held(first)
        if top is not None:
            keep.append((top.case_uid, 0))
        return Place(first, self._selected, tuple(keep))

    def _remember(self) -> None:
        """Before the rows are replaced: where the cursor is, and how far from the top."""
        self._row = max(self._table.currentIndex().row(), 0)
        self._top = self._table.verticalScrollBar().value()
        case = self.selected
        if case is not None:
            self._selected = case.case_uid

    def _stay(self) -> None:
        """After the rows were replaced: the cursor on its case, the rows where they were on the screen."""
        view = self.model.view
        if not view.count:
            return
        # a case that left gives its row to the next one
        instead = 0 if self.model.changed_filter else min(self._row, view.count - 1)
        row = view.places.get(self._selected, instead)
        self._table.doItemsLayout()
        self._table.setCurrentIndex(self.model.index(row, 0))
        self._table.verticalScrollBar().setValue(view.first)
        if self.model.changed_filter:
            self._above = 0
        elif self._top == 0 and view.first:
            self._above += view.first
            self._new.setText(ngettext("{count} new", "{count} new", self._above).format(count=self._above))
        self._new.setVisible(self._above > 0)
        self._place_over()

    def _scrolled(self, value: int) -> None:
        if value == 0:
            self._above = 0
            self._new.hide()

    def _go_up(self) -> None:
        self._table.scrollToTop()
        self._table.setFocus()

    def _loaded(self, count: int) -> None:
        self._count.setText(ngettext("{count} case", "{count} cases", count).format(count=count))
        filtered = self.model.filter != CaseFilter()
        self._empty.setText(
            _("No case matches the filter.")
            if filtered
            else _("No cases here yet.\nPress F5 to ask IRIS, or check the link in the status bar.")
        )
        self._empty.setVisible(count == 0)
        self._place_over()
        if count and not self._table.currentIndex().isValid():
            self._table.setCurrentIndex(self.model.index(0, 0))
        if count == 0:
            self.panel.clear()

    def _place_over(self) -> None:
        """Put what stands over the table in its place."""
        inside = self._table.viewport().geometry()
        self._empty.setGeometry(inside.adjusted(40, 0, -40, 0))
        self._new.adjustSize()
        self._new.move(inside.center().x() - self._new.width() // 2, inside.top() + 6)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for number, column in enumerate(COLUMNS):
            self._table.setColumnHidden(number, column.wide_only and self.width() < WIDE)
        self._place_over()

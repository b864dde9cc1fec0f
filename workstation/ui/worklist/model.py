"""The table of cases: pages of rows fetched as they scroll into view, so that its cost does not grow with the list."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.desk import Desk
from workstation.jobs import Lane
from workstation.language import N_, _
from workstation.ui import texts, theme
from workstation.ui.background import Background

PAGE = 100
CASE_ROLE = Qt.ItemDataRole.UserRole

Index = QModelIndex | QPersistentModelIndex


def _here(row: CaseRow) -> str:
    if not row.expected and not row.received:
        return _("not here")
    text = f"{row.received} / {row.expected}"
    return f"{text} + {row.priors_received}" if row.priors_received else text


COLUMNS: tuple[tuple[str, Callable[[CaseRow], str], int], ...] = (
    (N_("Deadline"), lambda row: texts.until(row.deadline)[0], 98),
    (N_("Patient"), lambda row: texts.person_name(row.patient.name), 190),
    (N_("Sex, age"), lambda row: texts.sex_and_age(row.patient.sex, row.age_at_study), 70),
    (N_("Mod."), lambda row: row.modality, 52),
    (N_("Region"), lambda row: texts.worded(texts.REGIONS, row.region), 86),
    (N_("Study"), lambda row: texts.short_date(row.study_date), 92),
    (N_("Question"), lambda row: row.question, 0),
    (N_("Kind"), lambda row: texts.worded(texts.KINDS, row.kind.value), 128),
    (N_("State"), lambda row: texts.worded(texts.STATES, row.state.value), 110),
    (N_("Images here"), _here, 104),
    (N_("Sender"), lambda row: row.sender, 180),
    (N_("Reader"), lambda row: texts.person_name(row.reader), 150),
)
DEADLINE, PATIENT, QUESTION, KIND, STATE, HERE, SENDER, READER = 0, 1, 6, 7, 8, 9, 10, 11


class CaseTableModel(QAbstractTableModel):
    """Rows are cases in the order of the database. A row not fetched yet is empty and asks for its page."""

    loaded = Signal(int)

    def __init__(self, desk: Desk, background: Background) -> None:
        super().__init__()
        self._desk = desk
        self._background = background
        self._filter = CaseFilter()
        self._count = 0
        self._pages: dict[int, list[CaseRow]] = {}
        self._asked: set[int] = set()
        self._generation = 0
        self._clock = QTimer(self)
        self._clock.setInterval(30_000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

    @property
    def filter(self) -> CaseFilter:
        return self._filter

    def set_filter(self, wanted: CaseFilter) -> None:
        """Show the cases that match, from the first."""
        self._filter = wanted
        self.reload()

    def reload(self) -> None:
        """Read count and the pages in view again; the table changes only if they did."""
        self._generation += 1
        generation, wanted = self._generation, self._filter
        numbers = sorted(self._pages)[-3:] or [0]

        def read() -> tuple[int, dict[int, list[CaseRow]]]:
            count = self._desk.count(wanted)
            return count, {number: self._desk.page(wanted, number * PAGE, PAGE) for number in numbers}

        def show(answer: tuple[int, dict[int, list[CaseRow]]]) -> None:
            if generation != self._generation:
                return
            count, pages = answer
            if count != self._count or any(self._pages.get(number) != rows for number, rows in pages.items()):
                self.beginResetModel()
                self._count, self._pages = count, pages
                self._asked.clear()
                self.endResetModel()
            self.loaded.emit(count)

        self._background.run(Lane.INTERACTIVE, read, show)

    def case_at(self, row: int) -> CaseRow | None:
        """The case of a row, or None while its page is on the way."""
        number, place = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._ask(number)
            return None
        return page[place] if place < len(page) else None

    def row_of(self, case_uid: str) -> int | None:
        """The row of a case among the pages held."""
        for number, page in self._pages.items():
            for place, case in enumerate(page):
                if case.case_uid == case_uid:
                    return number * PAGE + place
        return None

    def _ask(self, number: int) -> None:
        if number in self._asked:
            return
        self._asked.add(number)
        generation, wanted = self._generation, self._filter

        def show(rows: list[CaseRow]) -> None:
            if generation != self._generation:
                return
            self._pages[number] = rows
            first, last = number * PAGE, number * PAGE + len(rows) - 1
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

        self._background.run(Lane.INTERACTIVE, lambda: self._desk.page(wanted, number * PAGE, PAGE), show)

    def _tick(self) -> None:
        if self._count:
            self.dataChanged.emit(self.index(0, DEADLINE), self.index(self._count - 1, DEADLINE))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _(COLUMNS[section][0])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        case = self.case_at(index.row())
        if case is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return COLUMNS[index.column()][1](case)
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[index.column()][1](case) or None
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._color(case, index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == DEADLINE:
            colors = theme.current()
            color = {"HIGH": colors.danger, "MEDIUM": colors.muted}.get(case.priority, colors.line)
            return theme.icon("mdi6.circle", color)
        if role == CASE_ROLE:
            return case
        return None

    def _color(self, case: CaseRow, column: int) -> QColor | None:
        colors = theme.current()
        if column == DEADLINE:
            urgency = texts.until(case.deadline)[1]
            return QColor({"soon": colors.warning, "overdue": colors.danger}.get(urgency, colors.text))
        if column == HERE:
            if not case.received:
                return QColor(colors.muted)
            return QColor(colors.good if case.received >= case.expected else colors.warning)
        if column in (SENDER, READER):
            return QColor(colors.muted)
        return None

"""The table of cases: pages of rows fetched as they scroll into view, so that its cost does not grow with the list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.desk import Desk
from workstation.jobs import Lane
from workstation.language import N_, _, ngettext
from workstation.ui import texts, theme
from workstation.ui.background import Background

PAGE = 100
CASE_ROLE = Qt.ItemDataRole.UserRole
SECOND_ROLE = CASE_ROLE + 1

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Column:
    """One column: the text that matters, and what stands below it in grey. `width` 0 takes what is left."""

    name: str
    first: Callable[[CaseRow], str]
    second: Callable[[CaseRow], str]
    width: int
    wide_only: bool = False


def _study(row: CaseRow) -> str:
    return " · ".join(part for part in (row.modality, texts.worded(texts.REGIONS, row.region)) if part)


def _person(row: CaseRow) -> str:
    age = texts.sex_and_age(row.patient.sex, row.age_at_study)
    return "   ".join(part for part in (age, row.patient.patient_id) if part)


def _here(row: CaseRow) -> str:
    if row.removed_at:
        return _("removed")
    return f"{row.received} / {row.expected}" if row.expected or row.received else _("not here")


def _priors(row: CaseRow) -> str:
    count = row.priors_received
    return ngettext("{count} prior", "{count} priors", count).format(count=count) if count else ""


COLUMNS: tuple[Column, ...] = (
    Column(
        N_("Deadline"),
        lambda row: texts.until(row.deadline)[0],
        lambda row: texts.worded(texts.PRIORITIES, row.priority),
        104,
    ),
    Column(N_("Patient"), lambda row: texts.person_name(row.patient.name), _person, 214),
    Column(N_("Study"), _study, lambda row: texts.short_date(row.study_date), 118),
    Column(N_("Question"), lambda row: row.question, lambda row: "", 0),
    Column(
        N_("Kind, state"),
        lambda row: texts.worded(texts.KINDS, row.kind.value),
        lambda row: texts.worded(texts.STATES, "import" if row.origin == "import" else row.state.value),
        124,
    ),
    Column(N_("Here"), _here, _priors, 104),
    Column(N_("Sender"), lambda row: row.sender, lambda row: row.label, 210, wide_only=True),
    Column(N_("Reader"), lambda row: texts.person_name(row.reader), lambda row: "", 190, wide_only=True),
)
DEADLINE, PATIENT, STUDY, QUESTION, KIND, HERE, SENDER, READER = range(len(COLUMNS))


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
            return _(COLUMNS[section].name)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        case = self.case_at(index.row())
        if case is None:
            return None
        column = COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.first(case)
        if role == SECOND_ROLE:
            return column.second(case)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join(part for part in (column.first(case), column.second(case)) if part) or None
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._color(case, index.column())
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
        return None

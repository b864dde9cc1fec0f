"""The table of cases: pages of rows fetched as they scroll into view, so that its cost does not grow with the list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor

from workstation.consultation.case import CaseFilter, CaseRow, CaseView
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
    if not row.expected and row.received:
        # came by a medium: nobody says of how many
        return ngettext("{count} here", "{count} here", row.received).format(count=row.received)
    return f"{row.received} / {row.expected}" if row.expected else _("not here")


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


@dataclass(frozen=True)
class Place:
    """Where the reader is: the row at the top, the cursor's case, cases to hold as (UID, rows below the top)."""

    first: int = 0
    cursor: str = ""
    keep: tuple[tuple[str, int], ...] = ()

    @property
    def afresh(self) -> "Place":
        """The place in another list: the cursor's case if it is there, or the first row."""
        held = tuple(one for one in self.keep if one[0] == self.cursor)
        return Place(0, self.cursor, held or ((self.cursor, 0),))


class CaseTableModel(QAbstractTableModel):
    """Rows are cases in the order of the database. A row not fetched yet is empty and asks for its page.

    `loaded` carries the number of rows, `view` what was read last; `reader_place` tells where the reader is, who stays
    there when rows come and go.
    """

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
        self.changed_filter = False
        self.view = CaseView(0, 0, 0, (), {})
        self.reader_place: Callable[[], Place] = Place
        self._clock = QTimer(self)
        self._clock.setInterval(30_000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

    @property
    def filter(self) -> CaseFilter:
        return self._filter

    def set_filter(self, wanted: CaseFilter) -> None:
        """Show the cases that match; the one under the cursor stays there if it does."""
        self._filter = wanted
        self.changed_filter = True
        self.reload()

    def reload(self) -> None:
        """Read count and the pages in view again; the table changes only if they did."""
        self._generation += 1
        generation, wanted, reader = self._generation, self._filter, self.reader_place()
        place = reader.afresh if self.changed_filter else reader

        def read() -> CaseView:
            return self._desk.view(wanted, place.first, PAGE, place.keep, place.cursor)

        def show(view: CaseView) -> None:
            if generation != self._generation:
                return
            if self.reader_place() != reader:
                # the reader went on meanwhile: what was read is about another place
                self.reload()
                return
            number = view.start // PAGE
            both = {number: list(view.rows[:PAGE]), number + 1: list(view.rows[PAGE:])}
            pages = {key: rows for key, rows in both.items() if rows}
            self.view = view
            if view.count != self._count or any(self._pages.get(key, rows) != rows for key, rows in pages.items()):
                self.beginResetModel()
                self._count, self._pages = view.count, pages
                self._asked.clear()
                self.endResetModel()
            else:
                for key in pages.keys() - self._pages.keys():
                    self._show_page(key, pages[key])
            self.changed_filter = False
            self.loaded.emit(view.count)

        self._background.run(Lane.INTERACTIVE, read, show)

    def case_at(self, row: int) -> CaseRow | None:
        """The case of a row, or None while its page is on the way."""
        number, place = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._ask(number)
            return None
        return page[place] if place < len(page) else None

    def held(self, row: int) -> CaseRow | None:
        """The case of a row, if its page is here."""
        page = self._pages.get(row // PAGE, [])
        return page[row % PAGE] if row % PAGE < len(page) else None

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
            self._show_page(number, rows)

        self._background.run(Lane.INTERACTIVE, lambda: self._desk.page(wanted, number * PAGE, PAGE), show)

    def _show_page(self, number: int, rows: list[CaseRow]) -> None:
        self._pages[number] = rows
        first, last = number * PAGE, number * PAGE + len(rows) - 1
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

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

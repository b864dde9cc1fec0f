"""The worklist under the reader's hands: rows come and go while the cursor, the place and the keyboard stay."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QTableView

from workstation.archive.archive import Archive
from workstation.consultation.case import CaseFilter
from workstation.consultation.cases import Cases
from workstation.consultation.desk import Desk
from workstation.dicom.content import Patient
from workstation.iris.workitem import Workitem, read_workitem
from workstation.jobs import Workers
from workstation.settings import Settings
from workstation.ui.background import Background
from workstation.ui.worklist.page import WorklistPage

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
Until = Callable[..., None]


def item(number: int, priority: str = "MEDIUM", state: str = "SCHEDULED") -> Workitem:
    """Case 1.2.<number>, due so many minutes after noon."""
    return replace(
        read_workitem({}),
        uid=f"1.2.{number}",
        state=state,
        priority=priority,
        deadline=NOON + timedelta(minutes=number),
        patient=Patient(f"Иванов^{number}", f"77-{number}", ""),
        study_uid=f"1.3.{number}",
        input_ready=True,
    )


class Reader:
    """A reader before a page of 400 cases."""

    def __init__(self, page: WorklistPage, cases: Cases, until: Until) -> None:
        self.page, self.cases, self._until = page, cases, until
        self.table = page.findChild(QTableView)

    def rows(self, count: int) -> None:
        self._until(lambda: self.page.model.rowCount() == count)

    def poll(self, *changes: Workitem, expected: int) -> None:
        """The server's changes come in."""
        self.cases.take_changes(changes)
        self.page.model.reload()
        self.rows(expected)

    def go(self, row: int, top: int) -> None:
        """Scroll so that `top` is the first row, with the cursor on `row`."""
        self.table.verticalScrollBar().setValue(top)
        self._until(lambda: self.page.model.held(row) is not None and self.page.model.held(top) is not None)
        self.table.setCurrentIndex(self.page.model.index(row, 0))
        self.table.verticalScrollBar().setValue(top)

    @property
    def cursor(self) -> str:
        case = self.page.selected
        return case.case_uid if case else ""

    @property
    def height(self) -> int:
        """Where on the screen the row of the cursor stands."""
        return self.table.visualRect(self.table.currentIndex()).top()

    @property
    def top(self) -> str:
        case = self.page.model.case_at(self.table.rowAt(1))
        return case.case_uid if case else ""


@pytest.fixture
def reader(app: QApplication, tmp_path: Path, until: Until) -> Iterator[Reader]:
    workers = Workers()
    with Archive.open(tmp_path, bytes(32)) as archive:
        cases = Cases(archive.database)
        cases.merge_workitems(item(number) for number in range(400))
        background = Background(workers)
        page = WorklistPage(Desk(archive, None, Settings(tmp_path, language="en")), background)
        page.resize(1200, 700)
        page.show()
        page.activateWindow()
        reader = Reader(page, cases, until)
        reader.rows(400)
        reader.table.setFocus()
        until(lambda: reader.cursor == "1.2.0")
        yield reader
        background.close()
        workers.close()
        page.close()
        page.deleteLater()


def test_cases_that_come_above_leave_the_cursor_where_it_was_on_the_screen(reader: Reader) -> None:
    reader.go(155, top=150)
    height, top = reader.height, reader.top
    assert (reader.cursor, top) == ("1.2.155", "1.2.150")
    reader.poll(item(1000, "HIGH"), item(1001, "HIGH"), item(1002, "HIGH"), expected=403)
    assert (reader.cursor, reader.top, reader.height) == ("1.2.155", top, height)
    assert reader.table.hasFocus()
    assert reader.table.selectionModel().selectedRows()[0].row() == 158
    # and the keyboard goes on from there
    QTest.keyClick(reader.table, Qt.Key.Key_Down)
    assert reader.cursor == "1.2.156"


def test_cases_that_go_above_leave_the_cursor_where_it_was_on_the_screen(reader: Reader) -> None:
    reader.go(155, top=150)
    height, top = reader.height, reader.top
    reader.poll(*(item(number, state="IN PROGRESS") for number in range(30)), expected=370)
    assert (reader.cursor, reader.top, reader.height) == ("1.2.155", top, height)


def test_a_reader_who_scrolled_away_from_the_cursor_stays_there(reader: Reader) -> None:
    reader.go(3, top=0)
    reader.table.verticalScrollBar().setValue(200)
    reader._until(lambda: reader.top == "1.2.200")
    reader.poll(item(1000, "HIGH"), item(100, state="IN PROGRESS"), item(101, state="IN PROGRESS"), expected=399)
    assert reader.top == "1.2.200"
    # its page is read again when somebody asks for it
    reader._until(lambda: reader.cursor == "1.2.3")
    assert reader.page.model.rowCount() == 399


def test_a_case_that_someone_took_gives_its_row_to_the_next(reader: Reader) -> None:
    reader.go(155, top=150)
    height = reader.height
    reader.poll(item(155, state="IN PROGRESS"), expected=399)
    assert (reader.cursor, reader.height, reader.top) == ("1.2.156", height, "1.2.150")
    assert all(row.case_uid != "1.2.155" for row in reader.cases.page(CaseFilter(), 0, 500))


def test_the_last_case_may_go_under_the_cursor(reader: Reader) -> None:
    reader.go(399, top=390)
    reader.poll(item(399, state="COMPLETED"), item(398, state="COMPLETED"), expected=398)
    assert reader.cursor == "1.2.397"


def test_new_cases_above_the_first_row_are_told_and_shown_on_a_click(reader: Reader) -> None:
    (told,) = [button for button in reader.page.findChildren(QPushButton) if "above" in button.toolTip()]
    reader.go(0, top=0)
    assert not told.isVisible()
    reader.poll(item(1000, "HIGH"), item(1001, "HIGH"), expected=402)
    assert (reader.cursor, reader.height) == ("1.2.0", 0)
    assert told.isVisible()
    assert "2" in told.text()
    QTest.mouseClick(told, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert reader.top == "1.2.1000"
    assert not told.isVisible()


def test_a_poll_that_brings_nothing_touches_nothing(reader: Reader) -> None:
    resets: list[int] = []
    loaded: list[int] = []
    reader.go(155, top=150)
    reader.page.model.modelReset.connect(lambda: resets.append(1))
    reader.page.model.loaded.connect(loaded.append)
    reader.poll(expected=400)
    reader._until(lambda: bool(loaded))
    assert not resets


def test_a_search_keeps_the_cursor_on_its_case_or_goes_to_the_first(reader: Reader) -> None:
    reader.go(155, top=150)
    reader.page.model.set_filter(CaseFilter(text="ИВАНОВ 15"))
    # 15, 150 … 159, 115, 215, 315
    reader.rows(14)
    assert reader.cursor == "1.2.155"
    reader.page.model.set_filter(CaseFilter(text="иванов 399"))
    reader.rows(1)
    assert reader.cursor == "1.2.399"
    reader.page.model.set_filter(CaseFilter(text="nobody"))
    reader.rows(0)
    reader.page.model.set_filter(CaseFilter())
    reader.rows(400)
    assert reader.cursor in ("1.2.399", "1.2.0")


def test_a_reader_who_scrolls_while_the_rows_are_read_is_not_thrown_back(reader: Reader) -> None:
    reader.go(10, top=0)
    reader.cases.take_changes([item(1000, "HIGH")])
    reader.page.model.reload()
    # the answer is on its way when the reader moves on; by then the new case is the first row
    reader.go(255, top=250)
    reader.rows(401)
    assert (reader.cursor, reader.top) == ("1.2.254", "1.2.249")

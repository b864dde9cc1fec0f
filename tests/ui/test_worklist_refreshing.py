"""Asking the server for a long worklist: said in the status bar, stoppable, never twice at once."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from workstation.errors import LinkDown
from workstation.jobs import Cancellation, Progress, Report, Workers
from workstation.ui.background import Background
from workstation.ui.worklist import refreshing
from workstation.ui.worklist.refreshing import Refreshing

Until = Callable[..., None]


class SlowDesk:
    """A desk whose server has more and more pages."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.pages = 1000
        self.broken = False

    def refresh(self, cancellation: Cancellation, report: Report, asked: bool) -> int:
        self.calls.append(asked)
        for page in range(self.pages):
            cancellation.check()
            report(Progress(page * 100, 0, f"{page * 100} cases"))
            time.sleep(0.01)
        if self.broken:
            raise LinkDown("cut")
        return self.pages * 100


class Table:
    """Counts how often the rows were read again."""

    reloads = 0

    def reload(self) -> None:
        self.reloads += 1


@pytest.fixture
def parts(app: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any, Background, Refreshing]]:
    monkeypatch.setattr(refreshing, "_LONG_S", 0.1)
    workers = Workers()
    background = Background(workers)
    desk: Any = SlowDesk()
    table: Any = Table()
    yield desk, table, background, Refreshing(desk, background, table)
    background.close()
    workers.close()


def test_a_long_list_is_said_shows_its_rows_and_stops_on_the_readers_word(
    parts: tuple[Any, Any, Background, Refreshing], until: Until
) -> None:
    desk, table, background, asking = parts
    ended: list[int] = []
    asking.done.connect(lambda: ended.append(1))
    asking.start(asked=True)
    until(lambda: bool(background.activities))
    until(lambda: table.reloads > 1)
    assert "cases" in background.activities[0].progress.text
    # a poll meanwhile asks nothing
    asking.start()
    background.activities[0].cancel()
    until(lambda: bool(ended))
    assert (desk.calls, background.activities) == ([True], [])
    asking.start()
    until(lambda: len(desk.calls) == 2)
    asking.stop()
    until(lambda: len(ended) == 2)


def test_a_short_list_is_no_work_to_speak_of(parts: tuple[Any, Any, Background, Refreshing], until: Until) -> None:
    desk, table, background, asking = parts
    desk.pages = 2
    ended: list[int] = []
    started: list[Any] = []
    background.activity_started.connect(started.append)
    asking.done.connect(lambda: ended.append(1))
    asking.start()
    until(lambda: bool(ended))
    assert (started, table.reloads) == ([], 0)


def test_a_broken_line_is_told_and_the_next_call_goes_out(
    parts: tuple[Any, Any, Background, Refreshing], until: Until
) -> None:
    desk, _table, background, asking = parts
    desk.pages, desk.broken = 20, True
    told: list[Any] = []
    asking.failed.connect(told.append)
    asking.start()
    until(lambda: bool(told))
    assert isinstance(told[0], LinkDown)
    assert background.activities == []
    asking.start()
    until(lambda: len(told) == 2)

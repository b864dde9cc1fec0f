"""Progress of long work on its way to the screen."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from workstation.jobs import Cancellation, Lane, Progress, Report, Workers
from workstation.ui.background import Background

T = TypeVar("T")


@pytest.fixture
def background() -> Iterator[Background]:
    assert QApplication.instance() or QApplication([])
    workers = Workers()
    background = Background(workers)
    yield background
    background.close()
    workers.close()


def test_a_flood_of_reports_is_shown_a_few_times_and_to_its_end(background: Background) -> None:
    told: list[int] = []
    loop = QEventLoop()

    def work(report: Report, _cancellation: Cancellation) -> None:
        for done in range(1, 2001):
            report(Progress(done, 2000))

    activity = background.start("", Lane.RETRIEVAL, work, lambda _none: loop.quit())
    activity.progressed.connect(lambda progress: told.append(progress.done))
    QTimer.singleShot(10_000, loop, loop.quit)
    loop.exec()
    assert told[0] == 1
    assert told[-1] == 2000
    assert len(told) < 200


def test_an_answer_comes_by_the_event_loop_even_when_the_work_is_done_at_once() -> None:
    class Prompt(Workers):
        """Does the work before it returns."""

        def submit(self, lane: Lane, work: Callable[[], T], priority: float = 0) -> Future[T]:
            future: Future[T] = Future()
            future.set_result(work())
            return future

    assert QApplication.instance() or QApplication([])
    prompt = Background(Prompt())
    told: list[str] = []
    loop = QEventLoop()
    prompt.run(Lane.INTERACTIVE, lambda: "answer", lambda answer: (told.append(answer), loop.quit()))
    assert told == []
    QTimer.singleShot(10_000, loop, loop.quit)
    loop.exec()
    assert told == ["answer"]

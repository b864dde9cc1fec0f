"""What is fetched ahead, at the foot of the window: what it says, and the button that pauses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from workstation import language
from workstation.archive.archive import Archive
from workstation.consultation.desk import Desk
from workstation.consultation.wanted import FetchingState, HeldBack, Kind, Pull, Stage, Urgency
from workstation.errors import LinkDown
from workstation.jobs import Workers
from workstation.settings import Settings
from workstation.ui.ahead import Ahead
from workstation.ui.background import Background
from workstation.ui.elided import ElidedLabel
from workstation.ui.status import StatusBar

RUNNING = Pull(Kind.STUDY, Urgency.NEXT, Stage.RUNNING, "1.2", received=150, expected=300, text="150 of 300 images")
WAITING = Pull(Kind.STUDY, Urgency.PRIORS, Stage.WAITING, "1.3")


@pytest.fixture
def bar(app: QApplication) -> Iterator[StatusBar]:
    language.set_language("en")
    workers = Workers()
    yield StatusBar(Background(workers))
    workers.close()


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (FetchingState((RUNNING, WAITING)), "Fetching ahead: a study, 50 %"),
        (FetchingState((WAITING,), held_back=HeldBack.PAUSED), "Fetching ahead is paused"),
        (
            FetchingState((WAITING,), held_back=HeldBack.LINK, last_error=LinkDown("No connection")),
            "waits for the link",
        ),
        (FetchingState((WAITING,), held_back=HeldBack.HOURS), "waits for its hours"),
        (FetchingState((WAITING,), held_back=HeldBack.ROOM), "No room to fetch ahead"),
    ],
)
def test_the_line_says_how_far_it_is_or_why_it_waits(bar: StatusBar, state: FetchingState, text: str) -> None:
    bar.ahead.show_state(state)
    assert not bar.ahead.isHidden()
    assert text in bar.ahead.text
    assert "still to come" in bar.ahead.toolTip()
    assert ("No connection" in bar.ahead.toolTip()) == (state.last_error is not None)


def test_while_an_opened_case_comes_the_line_is_left_to_it(bar: StatusBar) -> None:
    bar.ahead.show_state(FetchingState((Pull(Kind.STUDY, Urgency.OPENED, Stage.RUNNING, "1.2"), WAITING)))
    assert bar.ahead.isHidden()


def test_a_long_text_of_work_gives_way_and_makes_the_window_no_wider(bar: StatusBar) -> None:
    before = bar.minimumSizeHint().width()
    work = bar.findChild(ElidedLabel)
    assert work is not None
    work.setText("Images of a patient: 120 of 312 images, 63 MB, 4.1 MB/s, 25 s left " * 3)
    bar.resize(1280, 32)
    bar.layout().activate()
    assert bar.minimumSizeHint().width() == before
    assert work.toolTip().startswith("Images of a patient")


def test_the_button_pauses_and_goes_on(bar: StatusBar, tmp_path: Path) -> None:
    with Archive.open(tmp_path, bytes(32)) as archive:
        fetching = Desk(archive, None, Settings(tmp_path)).fetching
        ahead = Ahead(fetching, bar.ahead)
        assert bar.ahead.isHidden()
        fetching.pause()
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
        assert bar.ahead.button.accessibleName() == "Go on fetching ahead"
        bar.ahead.button.click()
        assert fetching.state.held_back is HeldBack.NOT
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
        assert bar.ahead.isHidden()
        ahead.close()
        fetching.close()

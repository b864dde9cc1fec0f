"""An open case of synthetic balls, read without a toolkit: the main loop is a queue."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from tests import synthetic_stack
from workstation.dicom.content import StudyHeader
from workstation.dicom.instance import Instance
from workstation.jobs import Workers
from workstation.viewing.open_case import OpenCase
from workstation.viewing.reading_session import ReadingSession


@dataclass(frozen=True)
class Prior:
    """A prior study as a case brings it."""

    header: StudyHeader
    instances: Sequence[Instance]
    reason: str = "same region"


@dataclass
class Desk:
    """Opens cases and runs what workers hand over, on this thread."""

    workers: Workers
    work: "queue.Queue[Callable[[], None]]" = field(default_factory=queue.Queue)
    sessions: list[ReadingSession] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def open(self, current: Any, *priors: Any, size: tuple[int, int] = (200, 200)) -> ReadingSession:
        data = dict(current.data)
        for prior in priors:
            data.update(prior.data)
        studies = [Prior(prior.instances[0].study, prior.instances) for prior in priors]

        def fetch(uid: str) -> bytes:
            self.fetched.append(uid)
            return bytes(data[uid])

        case = OpenCase(current.instances, studies, fetch, self.workers, self.work.put)
        session = ReadingSession(case, self.workers, self.work.put)
        self.sessions.append(session)
        session.hang()
        self.size(session, *size)
        return session

    def size(self, session: ReadingSession, width: int = 200, height: int = 200) -> None:
        for viewport in session.views.all:
            session.views.resize(viewport.number, width, height)

    def settle(self, session: ReadingSession, seconds: float = 10) -> None:
        """Until all pixels are there and each viewport has the picture it asked for last."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.work.get(timeout=0.01)()
            except queue.Empty:
                loaded = all(loader.finished for loader in session.case.loaders())
                drawn = all(
                    not viewport.state.stack
                    or (viewport.picture is not None and viewport.picture.request.id == viewport.asked)
                    for viewport in session.views.all
                )
                if loaded and drawn:
                    return
        raise AssertionError("the case did not settle")


@pytest.fixture(scope="session")
def balls() -> ModuleType:
    """The module that makes synthetic series."""
    return synthetic_stack


@pytest.fixture
def desk() -> Iterator[Desk]:
    workers = Workers()
    desk = Desk(workers)
    yield desk
    for session in desk.sessions:
        session.close()
    workers.close()

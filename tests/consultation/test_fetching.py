"""The one service that fetches: an opened case first, everything once, and on by itself after a pause or a cut."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from workstation.archive.archive import Archive
from workstation.consultation.desk import Desk
from workstation.consultation.fetching import Fetching
from workstation.consultation.wanted import FetchingState, HeldBack, Stage, Urgency
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import Cancelled, LinkDown
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.jobs import Cancellation, Workers
from workstation.settings import Reader, Settings

WAIT_S = 20


@contextmanager
def desk_of(bench: Any, archive: Archive, **changes: Any) -> Iterator[Desk]:
    """The reader's desk with its fetching at work."""
    workers = Workers()
    settings = Settings(bench.folder, servers=(bench.profile,), reader=Reader("A", "B", "R-1"), **changes)
    desk = Desk(archive, bench.connect, settings, workers)
    try:
        desk.refresh(Cancellation())
        yield desk
    finally:
        desk.fetching.close()
        workers.close()


def store(bench: Any, tiny: ModuleType, count: int) -> str:
    """A later study on the server, so a prior of nothing."""
    study_uid = new_uid()
    with IrisSession(bench.profile, bench.password) as session:
        DicomWeb(session).store(study_uid, tiny.ct_series(count, study_uid=study_uid, study_date="20270110"))
    return study_uid


def until(fetching: Fetching, true: Any) -> FetchingState:
    """The first state told of which this is true."""
    found: Future[FetchingState] = Future()

    def look(state: FetchingState) -> None:
        if true(state) and not found.done():
            found.set_result(state)

    stop = fetching.listen(look)
    look(fetching.state)
    try:
        return found.result(WAIT_S)
    finally:
        stop()


def test_an_opened_case_is_here_with_its_priors(bench: Any) -> None:
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        opened = desk.fetching.open(bench.case_uid)
        priors = desk.fetching.priors(bench.case_uid)
        case = opened.result(WAIT_S)
        assert (case.expected, case.received) == (6, 6)
        case = priors.result(WAIT_S)
        assert (case.priors_expected, case.priors_received) == (1, 1)
        assert until(desk.fetching, lambda state: not state.pulls).last_error is None


def test_the_same_study_asked_for_twice_is_one_pull_at_the_more_urgent_rank(bench: Any, tiny: ModuleType) -> None:
    other = store(bench, tiny, 2)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.pause()
        first = desk.fetching.want(other, Urgency.REST)
        second = desk.fetching.want(other, Urgency.NEXT)
        (pull,) = desk.fetching.state.pulls
        assert (pull.study_uid, pull.urgency, pull.stage) == (other, Urgency.NEXT, Stage.WAITING)
        desk.fetching.resume()
        first.result(WAIT_S)
        second.result(WAIT_S)
        assert [done.study_uid for done in desk.fetching.state.done] == [other]
        assert len(archive.instances(study_uid=other)) == 2


def test_what_is_paused_waits_and_an_opened_case_does_not(bench: Any, tiny: ModuleType) -> None:
    other = store(bench, tiny, 2)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.pause()
        wanted = desk.fetching.want(other, Urgency.NEXT)
        assert desk.fetching.open(bench.case_uid).result(WAIT_S).received == 6
        desk.fetching.priors(bench.case_uid).result(WAIT_S)
        assert desk.fetching.state.held_back is HeldBack.PAUSED
        assert archive.instances(study_uid=other) == []
        desk.fetching.resume()
        wanted.result(WAIT_S)
        assert len(archive.instances(study_uid=other)) == 2


def test_a_cancelled_pull_tells_its_future_and_is_wanted_no_more(bench: Any, tiny: ModuleType) -> None:
    other = store(bench, tiny, 2)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.pause()
        wanted = desk.fetching.want(other)
        desk.fetching.cancel(other)
        with pytest.raises(Cancelled):
            wanted.result(WAIT_S)
        desk.fetching.resume()
        state = desk.fetching.state
        assert state.pulls == ()
        assert [done.stage for done in state.done] == [Stage.CANCELLED]


def test_an_opened_case_that_the_link_fails_is_told_and_comes_when_the_link_is_back(
    bench: Any, iris: EmbeddedIris
) -> None:
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        iris.faults.cut(0, "*/series*", times=None)
        with pytest.raises(LinkDown):
            desk.fetching.open(bench.case_uid).result(WAIT_S)
        assert desk.fetching.state.held_back is HeldBack.LINK
        assert isinstance(desk.fetching.state.last_error, LinkDown)
        later = desk.fetching.priors(bench.case_uid)
        iris.faults.clear()
        desk.fetching.online()
        assert later.result(WAIT_S).priors_received == 1
        assert desk.case(bench.case_uid).received == 6
        assert desk.fetching.state.last_error is None


def test_listeners_hear_of_the_first_object_and_of_the_last(bench: Any) -> None:
    heard: list[FetchingState] = []
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.listen(heard.append)
        desk.fetching.open(bench.case_uid).result(WAIT_S)
        desk.fetching.priors(bench.case_uid).result(WAIT_S)
        until(desk.fetching, lambda state: not state.pulls)
        study_uid = desk.case(bench.case_uid).study_uid
    stages = [pull.stage for state in heard if (pull := state.of(study_uid)) is not None]
    assert stages[-1] is Stage.DONE
    assert Stage.RUNNING in stages
    last = heard[-1].of(study_uid)
    assert last is not None
    assert (last.received, last.expected) == (6, 6)

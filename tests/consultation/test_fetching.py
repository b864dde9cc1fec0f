"""The one service that fetches: an opened case first, everything once, and on by itself after a pause or a cut."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from tests.consultation import conftest
from workstation.archive.archive import Archive
from workstation.consultation import link_wait
from workstation.consultation.budget import Budget, NoRoom, in_hours
from workstation.consultation.desk import Desk
from workstation.consultation.fetching import Fetching
from workstation.consultation.wanted import FetchingState, HeldBack, Stage, Urgency
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import Cancelled, LinkDown, ServerRefused, SignInNeeded
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.jobs import Cancellation, Workers
from workstation.settings import Reader, Settings, hours_of

WAIT_S = 20


@contextmanager
def desk_of(bench: Any, archive: Archive, **changes: Any) -> Iterator[Desk]:
    """The reader's desk with its fetching at work."""
    workers = Workers()
    settings = Settings(bench.folder, servers=(bench.profile,), reader=Reader("A", "B", "R-1"), **changes)
    desk = Desk(archive, lambda *_server: bench.connect(), settings, workers)
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


def test_an_opened_case_stops_what_runs_within_a_second_and_that_goes_on_afterwards(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    other = store(bench, tiny, 8)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        # two of eight objects come, then the line is silent: the reader doesn't wait for the stall guard
        iris.faults.stall(2500, f"*/{other}/series/*[0-9]")
        wanted = desk.fetching.want(other, Urgency.NEXT)
        until(desk.fetching, lambda state: (pull := state.of(other)) is not None and pull.received >= 1)
        began = time.monotonic()
        desk.fetching.open(bench.case_uid).result(WAIT_S)
        assert time.monotonic() - began < 1.0
        held = len(archive.instances(study_uid=other))
        assert 0 < held < 8
        iris.faults.clear()
        wanted.result(WAIT_S)
        assert len(archive.instances(study_uid=other)) == 8


def test_of_two_opened_cases_the_one_opened_last_goes_first(bench: Any, iris: EmbeddedIris, tiny: ModuleType) -> None:
    other = store(bench, tiny, 4)
    second = conftest.post_workitem(iris, other)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        study_uid = desk.case(bench.case_uid).study_uid
        iris.faults.stall(1500, f"*/{study_uid}/series/*[0-9]")
        first = desk.fetching.open(bench.case_uid)
        until(desk.fetching, lambda state: (pull := state.of(study_uid)) is not None and pull.received >= 1)
        assert desk.fetching.open(second).result(WAIT_S).received == 4
        assert not first.done()
        iris.faults.clear()
        assert first.result(WAIT_S).received == 6


def test_held_cases_and_the_next_ones_come_before_they_are_asked_for(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    others = [store(bench, tiny, 2) for _n in range(3)]
    for hour, study_uid in enumerate(others, 19):
        deadline = {"vr": "DT", "Value": [f"20260110{hour}0000+0300"]}
        conftest.post_workitem(iris, study_uid, **{"00404011": deadline})
    with bench.archive() as archive, desk_of(bench, archive, prefetch_cases=2) as desk:
        desk.claim(bench.case_uid)
        desk.fetching.plan_ahead()
        until(desk.fetching, lambda state: len(state.done) >= 6 and not state.pulls)
        case = desk.case(bench.case_uid)
        assert (case.received, case.priors_received) == (6, 1)
        here = [len(archive.instances(study_uid=study_uid)) for study_uid in others]
        assert here == [2, 2, 0]
        order = [done.study_uid for done in desk.fetching.state.done if done.urgency is Urgency.NEXT]
        assert order == [case.study_uid, *others[:2]]
        # all of it is here: another refresh asks for nothing more
        before = desk.fetching.state.done
        desk.fetching.plan_ahead()
        time.sleep(0.3)
        assert desk.fetching.state.done == before


def test_nothing_is_fetched_ahead_when_it_is_switched_off(bench: Any) -> None:
    with bench.archive() as archive, desk_of(bench, archive, prefetch=False) as desk:
        desk.fetching.plan_ahead()
        time.sleep(0.3)
        assert desk.fetching.state.pulls == desk.fetching.state.done == ()
        assert archive.instances() == []


def test_outside_its_hours_all_but_an_opened_case_waits(bench: Any) -> None:
    hour = datetime.now().hour  # noqa: DTZ005
    hours = f"{(hour + 2) % 24}-{(hour + 3) % 24}"
    with bench.archive() as archive, desk_of(bench, archive, prefetch_hours=hours) as desk:
        desk.fetching.plan_ahead()
        state = until(desk.fetching, lambda state: state.waiting)
        assert (state.held_back, state.running) == (HeldBack.HOURS, None)
        assert desk.fetching.open(bench.case_uid).result(WAIT_S).received == 6


def test_fetching_ahead_never_goes_beyond_the_limit_nor_takes_what_is_wanted_more(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    others = [store(bench, tiny, 6) for _n in range(2)]
    for hour, study_uid in enumerate(others, 19):
        conftest.post_workitem(iris, study_uid, **{"00404011": {"vr": "DT", "Value": [f"20260110{hour}0000+0300"]}})
    old = new_uid()
    size = sum(map(len, bench.study))
    with bench.archive() as archive:
        archive.store(tiny.ct_series(6, study_uid=old))
        with desk_of(bench, archive, archive_limit_gb=2.4 * size / 1e9) as desk:
            desk.fetching.plan_ahead()
            state = until(desk.fetching, lambda state: state.held_back is HeldBack.ROOM and state.running is None)
            assert isinstance(state.last_error, NoRoom)
            assert archive.size() <= 2.4 * size
            # what nobody wants went for the first two cases; the third and the priors took nothing of theirs
            assert [one.study_uid for one in state.removed] == [old]
            assert desk.case(bench.case_uid).received == 6
            assert len(archive.instances(study_uid=others[0])) == 6
            assert len(archive.instances(study_uid=others[1])) < 6


def test_fetching_ahead_keeps_to_its_share_of_the_line(bench: Any) -> None:
    size = sum(map(len, bench.study))
    with bench.archive() as archive, desk_of(bench, archive, prefetch_limit_mb_s=size / 1.5 / 1e6) as desk:
        study_uid = desk.case(bench.case_uid).study_uid
        began = time.monotonic()
        desk.fetching.want(study_uid, Urgency.NEXT).result(WAIT_S)
        assert time.monotonic() - began > 1.2


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [("20-7", (20, 23, 0, 6), (7, 12, 19)), ("8-18", (8, 17), (7, 18, 0)), ("", (0, 12), ()), ("0-24", (0, 23), ())],
)
def test_the_hours_of_the_day_may_go_over_midnight(hours: str, inside: tuple[int], outside: tuple[int]) -> None:
    assert all(in_hours(hours_of(hours), hour) for hour in inside)
    assert not any(in_hours(hours_of(hours), hour) for hour in outside)


def test_the_wait_for_the_link_grows_and_a_lost_sign_in_waits_for_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, call: object) -> None:
            waits.append(seconds)

        def start(self) -> None: ...
        def cancel(self) -> None: ...

    monkeypatch.setattr(link_wait.threading, "Timer", Timer)
    wait = link_wait.LinkWait(lambda: None)
    for _n in range(8):
        wait.failed(LinkDown("down"))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    wait.works()
    wait.failed(ServerRefused("busy", status=503, retry_after=60))
    assert waits[8:] == [60]
    wait.works()
    wait.failed(SignInNeeded("sign in"))
    assert wait.waits
    assert len(waits) == 9


def test_studies_under_another_number_that_the_order_states_are_priors(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    study_uid, old = store(bench, tiny, 2), new_uid()
    with IrisSession(bench.profile, bench.password) as session:
        earlier = tiny.ct_series(2, study_uid=old, study_date="20240110", patient_id="OLD-5")
        DicomWeb(session).store(old, earlier)
    number = {"00100020": {"vr": "LO", "Value": ["OLD-5"]}, "00100021": {"vr": "LO", "Value": ["LPU-7"]}}
    case_uid = conftest.post_workitem(iris, study_uid, **{"00101002": {"vr": "SQ", "Value": [number]}})
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.open(case_uid).result(WAIT_S)
        desk.fetching.priors(case_uid).result(WAIT_S)
        priors = {one.instances[0].study_uid: one for one in desk.contents(case_uid).priors}
        assert old in priors
        assert priors[old].doubt == ""
        assert len(priors[old].instances) == 2


def test_images_of_another_patient_than_the_order_are_doubted(bench: Any, iris: EmbeddedIris, tiny: ModuleType) -> None:
    study_uid = new_uid()
    with IrisSession(bench.profile, bench.password) as session:
        images = tiny.ct_series(2, study_uid=study_uid, patient_name="Козлова^Вера", patient_id="77-9")
        DicomWeb(session).store(study_uid, images)
    case_uid = conftest.post_workitem(iris, study_uid)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        desk.fetching.open(case_uid).result(WAIT_S)
        assert desk.contents(case_uid).doubt == "another name, another patient number"
        desk.fetching.open(bench.case_uid).result(WAIT_S)
        assert desk.contents(bench.case_uid).doubt == ""


def test_a_cancelled_transfer_ends_at_once_though_the_line_is_silent(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    bench.profile = replace(bench.profile, stall_timeout_s=15.0)
    other = store(bench, tiny, 8)
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        iris.faults.stall(2500, f"*/{other}/series/*[0-9]")
        wanted = desk.fetching.want(other, Urgency.NEXT)
        until(desk.fetching, lambda state: (pull := state.of(other)) is not None and pull.received >= 1)
        began = time.monotonic()
        desk.fetching.cancel(other)
        with pytest.raises(Cancelled):
            wanted.result(WAIT_S)
        assert time.monotonic() - began < 3.0
        assert archive.instances(study_uid=other)


def test_a_pull_whose_hours_end_stops_and_an_opened_one_does_not(bench: Any) -> None:
    hours = [6]
    with bench.archive() as archive, desk_of(bench, archive) as desk:
        settings = Settings(bench.folder, prefetch_hours="20-7")
        budget = Budget(settings, desk.keeping, hour=lambda: hours[0])
        for ahead in (True, False):
            hours[0] = 6
            cancellation = Cancellation()
            admit = budget.admit(lambda ahead=ahead: ahead, set, lambda _removed: None, cancellation)
            admit(1000)
            assert not cancellation.cancelled
            hours[0] = 7
            admit(1000)
            assert cancellation.cancelled is ahead

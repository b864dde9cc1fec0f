"""Lanes of work: priorities, cancellation, errors handed over, an end without leftovers."""

import threading
import time
from collections.abc import Iterator

import pytest

from workstation.errors import Cancelled
from workstation.jobs import Cancellation, Lane, Progress, Workers, silent


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.close()


def test_work_gives_its_result_and_its_error(workers: Workers) -> None:
    def fail() -> None:
        raise LookupError("ours")

    assert workers.submit(Lane.INTERACTIVE, lambda: 6 * 7).result(5) == 42
    with pytest.raises(LookupError):
        workers.submit(Lane.INTERACTIVE, fail).result(5)
    assert workers.submit(Lane.INTERACTIVE, lambda: "still there").result(5) == "still there"


def test_within_a_lane_the_lower_priority_goes_first_and_equals_in_order(workers: Workers) -> None:
    gate = threading.Event()
    order: list[str] = []
    first = workers.submit(Lane.SUBMISSION, lambda: gate.wait(5))
    futures = [
        workers.submit(Lane.SUBMISSION, lambda name=name: order.append(name), priority)
        for name, priority in (("late", 5), ("a", 1), ("b", 1), ("soon", 0))
    ]
    gate.set()
    first.result(5)
    for future in futures:
        future.result(5)
    assert order == ["soon", "a", "b", "late"]


def test_a_long_retrieval_holds_back_no_picture(workers: Workers) -> None:
    gate = threading.Event()
    slow = [workers.submit(Lane.RETRIEVAL, lambda: gate.wait(5)) for _ in range(10)]
    assert workers.submit(Lane.INTERACTIVE, lambda: "picture").result(5) == "picture"
    gate.set()
    for future in slow:
        future.result(5)


def test_a_lane_has_as_many_threads_as_it_says(workers: Workers) -> None:
    names = set()
    barrier = threading.Barrier(Lane.DECODING.threads)

    def work() -> None:
        names.add(threading.current_thread().name)
        barrier.wait(5)

    for future in [workers.submit(Lane.DECODING, work) for _ in range(Lane.DECODING.threads * 3)]:
        future.result(5)
    assert len(names) == Lane.DECODING.threads


def test_what_has_not_started_can_be_withdrawn(workers: Workers) -> None:
    gate = threading.Event()
    ran: list[int] = []
    first = workers.submit(Lane.SUBMISSION, lambda: gate.wait(5))
    second = workers.submit(Lane.SUBMISSION, lambda: ran.append(1))
    assert second.cancel()
    gate.set()
    first.result(5)
    workers.submit(Lane.SUBMISSION, lambda: None).result(5)
    assert ran == []


def test_closed_workers_take_nothing_and_leave_no_thread() -> None:
    others = set(threading.enumerate())
    workers = Workers()
    for lane in Lane:
        workers.submit(lane, lambda: None).result(5)
    workers.close()
    assert workers.submit(Lane.INTERACTIVE, lambda: 1).cancelled()
    names = {thread.name.rpartition("-")[0] for thread in threading.enumerate() if thread not in others}
    assert names.isdisjoint(lane.value[0] for lane in Lane)


def test_cancellation_is_seen_between_steps_and_ends_a_wait() -> None:
    cancellation = Cancellation()
    cancellation.check()
    assert not cancellation.cancelled
    assert not cancellation.wait(0)
    threading.Timer(0.05, cancellation.cancel).start()
    began = time.monotonic()
    assert cancellation.wait(5)
    assert time.monotonic() - began < 4
    with pytest.raises(Cancelled):
        cancellation.check()


def test_silent_shows_nothing() -> None:
    silent(Progress(1, 2))

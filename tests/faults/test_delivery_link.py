"""A conclusion sent over a line that breaks anywhere is delivered once, with the bytes that were signed."""

import random
import re
from pathlib import Path

import pytest

from tests.faults.sending import PROBE, READ_BACK, SEARCH, STATE, STORE, Post
from tests.faulty_proxy import Alter, Cut, CutRequest, Drop, Fault, Say, Stall, http
from workstation.consultation.states import CaseState
from workstation.jobs import Cancellation

_STEPS = {"probe": PROBE, "search": SEARCH, "store": STORE, "read back": READ_BACK, "state": STATE}
# where a package stands that failed in a step
_STANDS = {"probe": "queued", "search": "queued", "store": "sending", "read back": "stored", "state": "confirmed"}
# RFC 9110 10.2.3: seconds, or a moment of the server's clock; and what is neither
_WISHES = (
    ("Retry-After: 1234", 1234),
    ("Retry-After: Sat, 10 Jan 2026 12:20:34 GMT\r\nDate: Sat, 10 Jan 2026 12:00:00 GMT", 1234),
    ("Retry-After: 99999999999999", 24 * 3600),
    ("Retry-After: Fri, 31 Feb 2026 99:00:00 GMT", None),
    ("Retry-After: \xb2", None),
    ("Retry-After: Sat, 10 Jan 2026 12:00:00 GMT\r\nDate: Sat, 10 Jan 2026 12:20:34 GMT", None),
)
_SEEDS = [
    pytest.param(20, marks=pytest.mark.timeout(300)),
    pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
]


def _fault(chance: random.Random) -> Fault:
    after = int(9000 ** chance.random())
    status = chance.choice(["408", "425", "429", "500", "502", "503", "504"])
    return chance.choice(
        [Cut(after), Cut(after, reset=True), CutRequest(after), Drop(), Stall(after), Say(http(status=f"{status} No"))]
    )


@pytest.mark.parametrize("seeds", _SEEDS)
def test_breaks_at_random_places_lose_and_double_nothing(post: Post, seeds: int, tmp_path: Path) -> None:
    for seed in range(seeds):
        chance = random.Random(seed)
        post.folder, post.told, post.stall_s = tmp_path / str(seed), [], 0.6
        post.proxy.clear()
        with post.archive() as archive:
            desk = post.signed(archive)
            signed = post.row(desk)
            for _break in range(chance.randint(1, 3)):
                # reading back goes on as long as one object lacks: the others come by
                post.proxy.set(_fault(chance), chance.choice(list(_STEPS.values())), chance.randint(1, 2))
            post.deliver_at_last(desk, tries=25)
            post.proxy.clear()
            post.assert_delivered_once(archive, signed)


@pytest.mark.parametrize("step", list(_STEPS))
def test_an_answer_that_is_lost_at_any_step_is_no_failure(post: Post, step: str) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        # a search or a retrieval whose connection ends without a byte is asked once more at once
        post.proxy.set(Drop(), _STEPS[step], times=2 if _STEPS[step].startswith("GET") else 1)
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert (row.attempts, row.state) == (1, _STANDS[step])
        assert row.due_at is not None
        assert 4 < (row.due_at - row.journal[-1].at).total_seconds() < 7
        assert post.deliver_at_last(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_the_servers_wish_when_to_come_again_is_followed_where_it_makes_sense(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        for header, seconds in _WISHES:
            post.proxy.set(Say(http(status="429 Too Many Requests", extra=f"{header}\r\n")), STORE)
            before = post.row(desk).attempts
            desk.hurry()
            assert post.deliver(desk) == 0
            row = post.row(desk)
            assert row.due_at is not None
            waits = (row.due_at - row.journal[-1].at).total_seconds()
            assert waits == pytest.approx(seconds, abs=5) if seconds else waits <= 1.2 * 5 * 2**before, header
            assert desk.waiting() == 0


def test_without_any_way_in_the_package_says_why_and_goes_when_there_is_one(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.die()
        try:
            desk = post.desk(archive)
            for attempt in (1, 2, 3):
                desk.hurry()
                assert post.deliver(desk) == 0
                row = post.row(desk)
                assert (row.state, row.attempts) == ("queued", attempt)
                assert "No connection to the server" in row.last_error
            assert desk.waiting() == 0
        finally:
            post.proxy.start()
        # no wait for the back-off: it was the link alone that lacked
        desk.refresh(Cancellation())
        assert desk.waiting() == 1
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_the_back_off_outlives_the_program(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        post.proxy.set(Say(http(status="503 No")), STORE, times=None)
        for _try in range(4):
            desk.hurry()
            post.deliver(desk)
        before = post.row(desk)
    with post.archive() as archive:
        desk = post.desk(archive)
        row = post.row(desk)
        assert (row.attempts, row.due_at) == (4, before.due_at)
        assert desk.waiting() == 0
        assert [event.text for event in row.journal if "503" in event.text][1:] == []


def test_a_next_try_set_by_a_clock_that_ran_ahead_is_not_waited_for(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        with archive.database.transaction() as cursor:
            cursor.execute("UPDATE packages SET due_at = '2093-01-01T00:00:00.000+00:00'")
        assert desk.waiting() == 1


@pytest.mark.parametrize(("step", "status"), list(zip(_STEPS, ["401 No", "403 No"] * 3, strict=False)))
def test_a_sign_in_that_ends_in_the_middle_pauses_and_goes_on_from_there(post: Post, step: str, status: str) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.set(Say(http(status=status)), _STEPS[step])
        assert post.deliver(desk) == 0
        assert post.row(desk).state == "paused"
        desk.deliver()
        assert post.row(desk).state == "paused"
        assert post.deliver_at_last(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_a_refusal_stops_with_its_reason_and_nothing_is_tried_by_itself(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        for status in ("400 Bad Request", "409 Conflict", "415 Unsupported", "422 Unprocessable"):
            post.proxy.set(Say(http(status=status)), STORE)
            assert post.deliver(desk) == 0
            row = post.row(desk)
            assert (row.state, desk.case(post.case_uid).state) == ("refused", CaseState.REJECTED)
            assert status.partition(" ")[0] in row.last_error
            desk.hurry()
            post.proxy.asked.clear()
            assert (desk.waiting(), post.deliver(desk)) == (0, 0)
            assert not [line for line in post.proxy.asked if re.search(STORE, line)]
            desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>no</html>"])
def test_a_refusal_of_the_whole_counts_by_what_is_there(post: Post, body: bytes) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.set(Alter(lambda _head, _body: http(body, "400 Bad Request")), STORE)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)

"""Delivery on a bad day: what is tried again, what stops, what waits for the reader; nothing lost, nothing doubled."""

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.fetched import fetched
from workstation.consultation.outbox import Outbox, retry_delay
from workstation.consultation.states import CaseState
from workstation.demo.faults import DuplicatePolicy
from workstation.demo.server import EmbeddedIris
from workstation.errors import CaseUnavailable
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation


def make_due(archive: Any) -> None:
    """Let the time of the next try come."""
    with archive.database.transaction() as cursor:
        cursor.execute("UPDATE packages SET due_at = '2000-01-01T00:00:00.000+00:00'")


def held_by_server(bench: Any, row: Any) -> list[str]:
    """SHA-256 of each object of a package as the server gives it back."""
    found = []
    with bench.archive() as archive:
        package = Outbox(archive.database).load(row.package_uid)
    web = bench.connect().dicomweb
    for one in package.objects:
        data = web.retrieve_instance(one.study_uid, one.series_uid, one.sop_instance_uid)
        found.append(hashlib.sha256(data).hexdigest())
    return found


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_busy_server_is_tried_again_when_it_wishes(bench: Any, iris: EmbeddedIris, status: int) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.force(status, method="POST", path="*/studies/*", retry_after=3000)
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert (row.state, row.attempts) == ("sending", 1)
        assert str(status) in row.last_error
        assert (row.due_at - row.journal[-1].at).total_seconds() == pytest.approx(3000, abs=5)
        assert desk.waiting() == 0
        assert desk.deliver() == 0
        make_due(archive)
        assert desk.deliver() == 1
        assert desk.case(bench.case_uid).state is CaseState.DONE


@pytest.mark.parametrize("status", [400, 409, 415, 422])
def test_a_refusal_stops_with_its_reason_and_goes_on_the_readers_word(
    bench: Any, iris: EmbeddedIris, status: int
) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.force(status, method="POST", path="*/studies/*")
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert row.state == "refused"
        assert str(status) in row.last_error
        assert desk.case(bench.case_uid).state is CaseState.REJECTED
        make_due(archive)
        assert (desk.waiting(), desk.deliver()) == (0, 0)
        desk.deciding.send_again(bench.case_uid)
        assert desk.deliver() == 1
        assert desk.case(bench.case_uid).state is CaseState.DONE


def test_a_lost_sign_in_pauses_the_queue_until_the_next_one_works(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.force(401, method="POST", path="*/studies/*")
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert row.state == "paused"
        make_due(archive)
        assert desk.waiting() == 0
        desk.refresh(Cancellation())
        assert desk.waiting() == 1
        assert desk.deliver() == 1


def test_a_body_too_large_is_sent_one_object_at_a_time(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.force(413, method="POST", path="*/studies/*")
        assert desk.deliver() == 1
        (row,) = desk.outbox()
    assert held_by_server(bench, row) == [sha256 for _role, _uid, sha256 in row.objects]


def test_one_object_too_large_by_itself_is_refused(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.force(413, method="POST", path="*/studies/*", times=None)
        assert desk.deliver() == 0
        assert desk.outbox()[0].state == "refused"


@pytest.mark.golden(17)
def test_an_object_refused_for_want_of_room_is_tried_again(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.partial_stow([1], reason=0xA700)
        assert desk.deliver() == 0
        assert desk.outbox()[0].state == "sending"
        make_due(archive)
        assert desk.deliver() == 1


@pytest.mark.golden(17)
def test_an_object_refused_for_good_is_shown_with_the_servers_reason(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.partial_stow([0], reason=0x0122)
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert row.state == "refused"
        assert "SOP class not supported" in row.last_error


def test_a_duplicate_called_a_failure_counts_by_its_bytes(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        package = Outbox(archive.database).load(desk.outbox()[0].package_uid)
        bench.connect().dicomweb.store(package.study_uid, [one.data for one in package.objects])
        iris.faults.partial_stow([0, 1], reason=0x0111)
        assert desk.deliver() == 1


@pytest.mark.parametrize("policy", [DuplicatePolicy.KEEP_OLD, DuplicatePolicy.REJECT])
def test_other_bytes_under_our_uid_are_a_collision(bench: Any, iris: EmbeddedIris, policy: DuplicatePolicy) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        package = Outbox(archive.database).load(desk.outbox()[0].package_uid)
        (foreign,) = [package.objects[-1].data.replace("Смирнова".encode(), "Смиряева".encode())]
        bench.connect().dicomweb.store(package.study_uid, [foreign])
        iris.faults.duplicates = policy
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert row.state == "refused"
        assert "UID collision" in row.last_error
        assert bench.connect().workitems.get(bench.case_uid).state == "IN PROGRESS"


def test_a_signature_that_does_not_hold_is_never_called_delivered(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        with archive.database.transaction() as cursor:
            row = cursor.execute("SELECT * FROM package_objects ORDER BY ordinal DESC").fetchone()
            data = bytes(row["data"]).replace("не выявлено".encode(), "не выявлены".encode())
            assert data != row["data"]
            cursor.execute(
                "UPDATE package_objects SET data = ?, sha256 = ? WHERE sop_uid = ?",
                (data, hashlib.sha256(data).digest(), row["sop_uid"]),
            )
        assert desk.deliver() == 0
        (shown,) = desk.outbox()
        assert shown.state == "refused"
        assert "signature" in shown.last_error


def test_a_case_lost_while_offline_sends_nothing_by_itself(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        iris.faults.lost = {bench.case_uid}
        assert desk.deliver() == 0
        (row,) = desk.outbox()
        assert row.state == "held"
        assert desk.case(bench.case_uid).state is CaseState.LOST
        series = {one.series_uid for one in bench.connect().dicomweb.search_series(desk.case(bench.case_uid).study_uid)}
        assert len(series) == 1
        make_due(archive)
        assert desk.deliver() == 0
        desk.deciding.send_again(bench.case_uid)
        assert desk.deliver() == 1
        assert desk.case(bench.case_uid).state is CaseState.DONE
        assert desk.outbox()[0].state == "delivered"


def test_a_case_without_conclusion_can_not_be_sent(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        desk.refresh(Cancellation())
        with pytest.raises(CaseUnavailable):
            desk.deciding.send_again(bench.case_uid)


class Killed(BaseException):
    """The program ends here."""


def after(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call takes effect, and then the program is killed before it can note anything."""

    def killed(*args: Any, **kwargs: Any) -> Any:
        call(*args, **kwargs)
        raise Killed

    return killed


def before(_call: Callable[..., Any]) -> Callable[..., Any]:
    """The program is killed before the call."""

    def killed(*_args: Any, **_kwargs: Any) -> Any:
        raise Killed

    return killed


@pytest.mark.parametrize("when", [before, after], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (DicomWeb, "store"),
        (DicomWeb, "retrieve_instance"),
        (Workitems, "complete"),
        (Workitems, "update"),
        (Workitems, "_change_state"),
        (Outbox, "answered"),
        (Outbox, "confirmed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kill_at_any_step_of_the_delivery_loses_and_doubles_nothing(
    bench: Any, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, when: Callable[..., Any]
) -> None:
    with bench.archive() as archive:
        bench.signed(bench.open(archive))
        row = bench.open(archive).outbox()[0]
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, when(getattr(owner, name)))
            with pytest.raises(Killed):
                bench.open(archive).deliver()
    with bench.archive() as archive:
        desk = bench.open(archive)
        make_due(archive)
        assert desk.deliver() == 1
        (done,) = desk.outbox()
        assert (done.state, done.objects) == ("delivered", row.objects)
        assert desk.case(bench.case_uid).state is CaseState.DONE
        study_uid = desk.case(bench.case_uid).study_uid
    assert held_by_server(bench, row) == [sha256 for _role, _uid, sha256 in row.objects]
    wire = bench.connect()
    counted = sum(entry.instance_count for entry in wire.dicomweb.search_series(study_uid))
    assert counted == len(bench.study) + len(row.objects)
    assert wire.workitems.get(bench.case_uid).outputs == tuple(uid for _role, uid, _sha256 in row.objects)


def test_a_completion_whose_answer_was_lost_is_found_done(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        real = Workitems._change_state
        monkey = pytest.MonkeyPatch()
        from workstation.errors import LinkDown

        def lost(self: Workitems, *args: str) -> None:
            real(self, *args)
            raise LinkDown("no answer")

        monkey.setattr(Workitems, "_change_state", lost)
        assert desk.deliver() == 0
        monkey.undo()
        assert desk.outbox()[0].state == "confirmed"
        make_due(archive)
        assert desk.deliver() == 1


def test_retries_grow_from_five_seconds_to_fifteen_minutes() -> None:
    assert [retry_delay(n, chance=0.5) for n in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert retry_delay(1, chance=0) == 5
    assert retry_delay(2, chance=0) == pytest.approx(8)
    assert retry_delay(2, chance=1) == pytest.approx(12)
    assert retry_delay(50, chance=1) == 900
    assert retry_delay(1, retry_after=120, chance=0) == 120
    assert len({retry_delay(5) for _dice in range(20)}) > 1


def test_several_packages_go_the_oldest_first_and_one_refused_holds_up_none(
    bench: Any, iris: EmbeddedIris, tiny: ModuleType
) -> None:
    from workstation.dicom.parsing import parse_instance

    conftest = __import__("sys").modules[type(bench).__module__]
    series = tiny.ct_series(2, patient_id="77-2")
    study_uid = parse_instance(series[0]).study_uid
    bench.connect().dicomweb.store(study_uid, series)
    other = conftest.post_workitem(iris, study_uid)
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.signed(desk)
        desk.claim(other)
        fetched(desk, other)
        desk.begin_reading(other)
        desk.sign(other, bench.prepared(desk, other), bench.identity)
        iris.faults.force(422, method="POST", path="*/studies/*")
        assert desk.deliver() == 1
        assert desk.case(bench.case_uid).state is CaseState.REJECTED
        assert desk.case(other).state is CaseState.DONE

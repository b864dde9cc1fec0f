"""A claim over a bad link: the key is kept before it is sent, and any answer may be lost (PS3.18 11.6, PS3.4 CC.2)."""

import re
from typing import Any

import pytest

from tests.faults.sending import PROBE, STATE, Post
from tests.faulty_proxy import CutRequest, Drop, Fault, Say, http
from workstation.consultation.claiming import Claiming
from workstation.consultation.states import CaseState
from workstation.dicom.uids import new_uid
from workstation.errors import CaseUnavailable, LinkDown, ServerRefused
from workstation.iris.session import IrisSession
from workstation.iris.workitem import Outcome
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation


class Killed(BaseException):
    """The program ends here."""


def key(archive: Any, case_uid: str) -> str:
    with archive.database.read() as cursor:
        row = cursor.execute("SELECT transaction_uid FROM claims WHERE case_uid = ?", (case_uid,)).fetchone()
    return str(row[0]) if row else ""


def listed(post: Post, archive: Any) -> Any:
    post.order()
    desk = post.desk(archive)
    desk.refresh(Cancellation())
    return desk


def state_at_server(post: Post) -> str:
    workitems = post.direct().workitems
    assert workitems is not None
    return str(workitems.get(post.case_uid).state)


def held_by(post: Post, transaction_uid: str) -> bool:
    workitems = post.direct().workitems
    assert workitems is not None
    return bool(workitems.probe(post.case_uid, transaction_uid))


# what becomes of the claim's two tries, then of the probe; what the server knows then
_LOSSES: list[tuple[str, list[tuple[Fault, str]], str]] = [
    ("the request never arrived", [(CutRequest(40), STATE), (CutRequest(40), STATE)], "SCHEDULED"),
    ("both answers were lost", [(Drop(), STATE), (Drop(), STATE)], "IN PROGRESS"),
    ("the answer, then the probe's", [(Drop(), STATE), (Drop(), PROBE), (CutRequest(40), PROBE)], "IN PROGRESS"),
]


@pytest.mark.parametrize(("faults", "then"), [loss[1:] for loss in _LOSSES], ids=[loss[0] for loss in _LOSSES])
def test_a_claim_whose_answer_was_lost_is_settled_with_the_same_key(
    post: Post, faults: list[tuple[Fault, str]], then: str
) -> None:
    with post.archive() as archive:
        desk = listed(post, archive)
        for fault, pattern in faults:
            post.proxy.set(fault, pattern)
        with pytest.raises(LinkDown):
            desk.claim(post.case_uid)
        assert desk.case(post.case_uid).state is CaseState.CLAIMING
        assert not desk.case(post.case_uid).is_writable
        transaction_uid = key(archive, post.case_uid)
        assert state_at_server(post) == then
    post.proxy.clear()
    with post.archive() as archive:
        desk = post.desk(archive)
        desk.refresh(Cancellation())
        assert desk.case(post.case_uid).state is CaseState.CLAIMED
        assert key(archive, post.case_uid) == transaction_uid
        assert held_by(post, transaction_uid)


def test_one_lost_answer_is_asked_for_again_at_once(post: Post) -> None:
    with post.archive() as archive:
        desk = listed(post, archive)
        post.proxy.set(Drop(), STATE)
        assert desk.claim(post.case_uid).state is CaseState.CLAIMED
        # claimed, claimed again and refused, then asked by an update that only the owner may make
        asked = [line for line in post.proxy.asked if re.search(f"{STATE}|{PROBE}", line)]
        assert [line.partition(" ")[0] for line in asked] == ["PUT", "PUT", "POST"]
        assert held_by(post, key(archive, post.case_uid))


@pytest.mark.parametrize("moment", ["before the send", "before the answer is noted"])
def test_a_kill_between_key_send_and_note_keeps_the_key(
    post: Post, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def dies(*_args: Any, **_kwargs: Any) -> Any:
        raise Killed

    with post.archive() as archive:
        desk = listed(post, archive)
        with monkeypatch.context() as patch:
            if moment == "before the send":
                patch.setattr(Workitems, "claim", dies)
            else:
                patch.setattr(Claiming, "_hold", dies)
            with pytest.raises(Killed):
                desk.claim(post.case_uid)
        transaction_uid = key(archive, post.case_uid)
        assert transaction_uid
        assert state_at_server(post) == ("SCHEDULED" if moment == "before the send" else "IN PROGRESS")
    with post.archive() as archive:
        desk = post.desk(archive)
        desk.refresh(Cancellation())
        assert desk.case(post.case_uid).state is CaseState.CLAIMED
        assert key(archive, post.case_uid) == transaction_uid
        assert held_by(post, transaction_uid)


@pytest.mark.parametrize("status", [None, "400 Bad Request", "409 Conflict"])
def test_a_case_someone_was_quicker_with_is_lost_in_either_dialect(post: Post, status: str | None) -> None:
    """A wrong key is 400 by the standard and 409 in dcm4chee."""
    with post.archive() as archive:
        desk = listed(post, archive)
        workitems = post.direct().workitems
        assert workitems is not None
        workitems.claim(post.case_uid, new_uid())
        if status:
            post.proxy.set(Say(http(status=status)), f"{PROBE}|{STATE}", times=None)
        with pytest.raises(CaseUnavailable, match="Someone else"):
            desk.claim(post.case_uid)
        assert desk.case(post.case_uid).state is CaseState.LOST


def test_a_returned_case_is_cancelled_with_a_code_and_never_back_in_the_pool(post: Post) -> None:
    with post.archive() as archive:
        desk = listed(post, archive)
        desk.claim(post.case_uid)
        post.proxy.set(Drop(), STATE)
        with pytest.raises(LinkDown):
            desk.return_case(post.case_uid, "poor_quality")
        # the answer was lost: it is still ours to say again, and the server has it already
        assert desk.case(post.case_uid).is_writable
        assert state_at_server(post) == "CANCELED"
        desk.return_case(post.case_uid, "poor_quality")
        assert desk.case(post.case_uid).state is CaseState.RETURNED
        assert '"poor_quality"' in str(
            post.iris.store.rows("SELECT dataset FROM workitems WHERE uid = ?", (post.case_uid,))
        )
        with pytest.raises(CaseUnavailable):
            desk.return_case(post.case_uid, "poor_quality")


def test_completion_needs_the_performed_procedure_first_and_a_second_one_is_a_warning(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        transaction_uid = key(archive, post.case_uid)
        workitems = post.direct().workitems
        assert workitems is not None
        with pytest.raises(ServerRefused) as refused:
            workitems._change_state(post.case_uid, transaction_uid, "COMPLETED")
        assert refused.value.status == 409
        assert post.deliver(desk) == 1
        package = post.package(archive)
        outcome = Outcome(
            package.signed_at, package.signed_at, "IRIS_WS", None, tuple(one.reference for one in package.objects)
        )
        workitems.complete(post.case_uid, transaction_uid, outcome)
        with IrisSession(post.direct().profile, post.iris.password) as session:
            answer = session.send(
                "PUT",
                f"{post.iris.url}/workitems/{post.case_uid}/state",
                f'[{{"00081195":{{"vr":"UI","Value":["{transaction_uid}"]}},'
                f'"00741000":{{"vr":"CS","Value":["COMPLETED"]}}}}]'.encode(),
                "application/dicom+json",
            )
        assert answer.status == 200
        assert answer.headers["Warning"].startswith("299 ")


def test_a_completion_refused_though_the_case_is_ours_is_told_and_the_case_not_lost(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        # the first PUT of the delivery
        post.proxy.set(Say(http(status="409 Conflict")), STATE)
        assert post.deliver(desk) == 0
        assert post.row(desk).state == "refused"
        assert desk.case(post.case_uid).state is CaseState.REJECTED
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)

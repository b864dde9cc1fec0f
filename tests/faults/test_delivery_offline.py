"""Offline is the normal way: read, measured, reported and signed without a link; delivered by itself with one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.consultation.conftest import filled, general, post_workitem
from tests.faults.sending import Post
from tests.fetched import fetched
from workstation.consultation.case import CaseFilter
from workstation.consultation.states import CaseState
from workstation.dicom.signatures import read_signatures
from workstation.errors import LinkDown
from workstation.jobs import Cancellation


def poll(post: Post, desk: Any) -> None:
    """What the window does from time to time, with nobody's hand."""
    for work in (lambda: desk.refresh(Cancellation()), desk.deliver):
        try:
            work()
        except LinkDown as error:
            post.told.append(str(error))


def test_read_measured_reported_and_signed_offline_it_is_delivered_when_the_link_is_back(post: Post) -> None:
    with post.archive() as archive:
        post.order()
        desk = post.desk(archive)
        desk.refresh(Cancellation())
        desk.claim(post.case_uid)
        fetched(desk, post.case_uid)
    # the network goes, and the program is started anew without it
    post.proxy.die()
    try:
        with post.archive() as archive:
            desk = post.desk(archive)
            poll(post, desk)
            assert desk.begin_reading(post.case_uid).state is CaseState.READING
            contents = desk.contents(post.case_uid)
            assert contents.ledger.complete
            for instance in contents.study:
                assert desk.fetch(instance.sop_instance_uid)
            drawing = {"kind": "length", "label": "Очаг"}
            desk.save_draft(post.case_uid, "measurements", {"version": 1, "drawings": [drawing]})
            template = general()
            form = filled(template)
            desk.save_draft(post.case_uid, "form", form.to_json())
            desk.sign(post.case_uid, desk.prepare(post.case_uid, form, template, (), ()), post.identity)
            for _poll in range(3):
                poll(post, desk)
            signed = post.row(desk)
            assert (signed.state, desk.case(post.case_uid).state) == ("queued", CaseState.QUEUED)
            assert "without a timestamp" in signed.journal[0].text
            assert not any(one.timestamp for one in read_signatures(post.package(archive).objects[-1].data))
        post.proxy.start()
        with post.archive() as archive:
            desk = post.desk(archive)
            poll(post, desk)
            post.assert_delivered_once(archive, signed)
            (receipt,) = desk.receipts(post.case_uid)
            assert not receipt.timestamped
            assert "none: the moment is by the clock of the workstation" in receipt.text()
    finally:
        post.proxy.die()
        post.proxy.start()


def test_deadline_and_expiry_that_pass_offline_lose_no_case_that_the_server_still_gives(post: Post) -> None:
    past = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y%m%d%H%M%S+0000")
    with post.archive() as archive:
        post.order(**{
            "00404011": {"vr": "DT", "Value": [past]},
            "00404008": {"vr": "DT", "Value": [past]},
        })  # fmt: skip
        desk = post.desk(archive)
        post.read(desk)
        post.proxy.die()
        try:
            desk = post.desk(archive)
            poll(post, desk)
            (row,) = [row for row in desk.page(CaseFilter(states="held"), 0, 100) if row.case_uid == post.case_uid]
            assert row.deadline is not None
            assert row.deadline < datetime.now(UTC)
            assert row.is_writable
            post.sign(desk)
        finally:
            post.proxy.start()
        signed = post.row(desk)
        poll(post, post.desk(archive))
        post.assert_delivered_once(archive, signed)


def test_held_cases_stand_in_the_worklist_without_a_link_and_free_ones_come_back_with_it(post: Post) -> None:
    with post.archive() as archive:
        post.order()
        desk = post.desk(archive)
        post.read(desk)
        free = post_workitem(post.iris, post.study_uid)
        desk.refresh(Cancellation())
        post.proxy.die()
        try:
            desk = post.desk(archive)
            with pytest.raises(LinkDown):
                desk.refresh(Cancellation())
            listed = {row.case_uid: row.state for row in desk.page(CaseFilter(), 0, 1000)}
            assert listed[post.case_uid] is CaseState.READING
            assert listed[free] is CaseState.REQUESTED
            with pytest.raises(LinkDown):
                desk.claim(free)
            assert desk.case(free).state is CaseState.CLAIMING
        finally:
            post.proxy.start()
        desk = post.desk(archive)
        desk.refresh(Cancellation())
        # the claim that never got out was kept, and is made now
        assert desk.case(free).state is CaseState.CLAIMED
        assert desk.case(post.case_uid).state is CaseState.READING


@pytest.mark.parametrize("ended", ["cancelled", "gone"])
def test_a_case_the_server_ended_meanwhile_waits_for_the_readers_word(post: Post, ended: str) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        if ended == "gone":
            post.iris.faults.lost = {post.case_uid}
        else:
            with archive.database.read() as cursor:
                key = cursor.execute("SELECT transaction_uid FROM claims").fetchone()[0]
            from workstation.dicom.content import Code

            workitems = post.direct().workitems
            assert workitems is not None
            workitems.cancel(post.case_uid, key, Code("110513", "DCM", "Discontinued for unspecified reason"))
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert (row.state, row.held_for, desk.case(post.case_uid).state) == ("held", "lost", CaseState.LOST)
        post.assert_nothing_sent()
        for _poll in range(3):
            desk.hurry()
            poll(post, desk)
        post.assert_nothing_sent()
        desk.deciding.keep(post.case_uid)
        poll(post, desk)
        post.assert_nothing_sent()
        assert (post.row(desk).state, post.row(desk).order_open) == ("kept", False)
        # kept is no last word: it may go as an unsolicited opinion
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        row = post.row(desk)
        assert {uid: post.held_by_server().get(uid) for _role, uid, _sha in row.objects} == {
            uid: sha256 for _role, uid, sha256 in row.objects
        }
        (receipt,) = desk.receipts(post.case_uid)
        assert receipt.workitem == ""
        post.assert_told_clearly()

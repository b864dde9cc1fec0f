"""A server that doesn't say or keep what it was given: only bytes that came back count, and the reader is told what."""

import io
import json
from typing import Any

import pydicom
import pytest

from tests.faults.sending import READ_BACK, SEARCH, SLICES, STORE, Post, with_body
from tests.faulty_proxy import Alter, Head, Say, http
from workstation.consultation.states import CaseState
from workstation.dicom.uids import new_uid
from workstation.jobs import Cancellation

EXPLICIT_BIG_ENDIAN, IMPLICIT = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"


def changed(data: bytes, **values: Any) -> bytes:
    """A DICOM object with other values, in the same encoding."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def recoded(data: bytes) -> bytes:
    """The same object in Implicit VR Little Endian."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.file_meta.TransferSyntaxUID = IMPLICIT
    out = io.BytesIO()
    dataset.save_as(out, implicit_vr=True, little_endian=True, enforce_file_format=True)
    return out.getvalue()


def as_object(data: bytes) -> bytes:
    return http(data, content_type="application/dicom")


def listed(head: Head, body: bytes, wrong: int, status: str) -> bytes:
    """The answer of Orthanc to a request with a broken part: 400, what it stored, and not a word on the other."""
    answer = json.loads(body)
    (answer,) = answer if isinstance(answer, list) else [answer]
    del answer["00081199"]["Value"][wrong]
    return http(json.dumps(answer).encode(), status)


def test_what_a_400_names_as_stored_is_looked_for_like_what_it_does_not_name(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.set(Alter(lambda head, body: listed(head, body, 0, "400 Bad Request")), STORE)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_a_broken_part_beside_a_good_one_is_told_and_the_good_one_is_not_sent_again(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.iris.faults.partial_stow([0], reason=0xC000)
        post.proxy.set(Alter(lambda _head, body: http(body, "400 Bad Request")), STORE)
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert (row.state, len(post.held_by_server())) == ("refused", SLICES + len(signed.objects) - 1)
        assert "cannot understand" in row.last_error
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_an_answer_that_lists_nothing_is_no_success(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        post.proxy.set(Say(http(b"{}", "200 OK")), STORE)
        assert post.deliver(desk) == 0
        assert post.row(desk).state == "queued"
        post.assert_nothing_sent()
        assert post.deliver_at_last(desk) == 1


def test_an_object_called_stored_that_is_not_given_back_is_sent_again_later(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.set(Say(http(status="404 Not Found")), READ_BACK, times=3)
        for attempt in (1, 2, 3):
            desk.hurry()
            assert post.deliver(desk) == 0
            row = post.row(desk)
            assert (row.state, row.attempts, desk.case(post.case_uid).state) == ("queued", attempt, CaseState.QUEUED)
            assert "hasn't got a document" in row.last_error
        assert post.deliver_at_last(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_a_document_given_back_in_another_encoding_is_told_as_that_and_no_collision(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        conclusion = post.package(archive).objects[-1]
        where = rf"GET \S+/instances/{conclusion.sop_instance_uid} "
        post.proxy.set(Say(as_object(recoded(conclusion.data))), where)
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert row.state == "refused"
        assert "other bytes" in row.last_error
        assert "transcoding" in row.last_error
        assert "collision" not in row.last_error
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_a_document_given_back_with_other_content_is_a_collision(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        conclusion = post.package(archive).objects[-1]
        where = rf"GET \S+/instances/{conclusion.sop_instance_uid} "
        post.proxy.set(Say(as_object(changed(conclusion.data, CompletionFlag="PARTIAL"))), where)
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert row.state == "refused"
        assert "UID collision" in row.last_error
        assert "signed anew" in row.last_error
        post.assert_told_clearly()


@pytest.mark.parametrize("rubbish", [b"", b"DICM", bytes(4000)])
def test_a_document_given_back_broken_is_neither_delivered_nor_a_collision(post: Post, rubbish: bytes) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        post.proxy.set(Say(as_object(rubbish)), READ_BACK)
        assert post.deliver(desk) == 0
        assert post.row(desk).state == "stored"
        assert post.deliver_at_last(desk) == 1
        post.assert_delivered_once(archive, signed)


def test_a_collision_is_written_and_signed_anew_under_other_uids(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        old = post.package(archive)
        foreign = changed(old.objects[-1].data, CompletionFlag="PARTIAL")
        post.direct().dicomweb.store(post.study_uid, [foreign])
        assert post.deliver(desk) == 0
        assert post.row(desk).state == "refused"
        written = desk.draft(post.case_uid)
        desk.deciding.write_anew(post.case_uid)
        assert desk.case(post.case_uid).is_writable
        assert desk.draft(post.case_uid) == written
        post.sign(desk)
        new = post.package(archive)
        assert not {one.sop_instance_uid for one in old.objects} & {one.sop_instance_uid for one in new.objects}
        assert post.deliver(desk) == 1
        assert {row.state for row in desk.outbox() if row.case_uid == post.case_uid} == {"replaced", "delivered"}
        workitems = post.direct().workitems
        assert workitems is not None
        assert workitems.get(post.case_uid).outputs == tuple(one.sop_instance_uid for one in new.objects)
        assert desk.summary().outbox == 0


def report_of_another(post: Post, archive: Any, **values: Any) -> str:
    """Somebody else's report on the study, at the server; its UID."""
    uid, series = new_uid(), new_uid()
    values = {"SOPInstanceUID": uid, "SeriesInstanceUID": series, **values}
    dataset = pydicom.dcmread(io.BytesIO(post.package(archive).objects[-1].data))
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    out = io.BytesIO()
    dataset.save_as(out)
    post.direct().dicomweb.store(post.study_uid, [changed(out.getvalue(), **values)])
    return uid


def test_a_report_that_came_meanwhile_holds_the_conclusion_until_the_reader_decides(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        signed = post.row(desk)
        report_of_another(post, archive, ContentDate="20260511")
        assert post.deliver(desk) == 0
        row = post.row(desk)
        assert (row.state, row.held_for, desk.case(post.case_uid).state) == ("held", "newer_report", CaseState.QUEUED)
        assert "Others have reported" in row.last_error
        assert len(post.held_by_server()) == SLICES + 1
        desk.hurry()
        assert (desk.waiting(), post.deliver(desk)) == (0, 0)
        # another one comes before the first is decided on: both are told before anything goes
        desk.deciding.send_again(post.case_uid)
        report_of_another(post, archive)
        assert post.deliver(desk) == 0
        assert post.row(desk).held_for == "newer_report"
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1
        row = post.row(desk)
        assert (row.state, row.objects, row.held_for) == ("delivered", signed.objects, "")
        workitems = post.direct().workitems
        assert workitems is not None
        assert workitems.get(post.case_uid).state == "COMPLETED"


def test_a_held_conclusion_may_be_kept_and_still_be_sent_later(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        report_of_another(post, archive)
        assert post.deliver(desk) == 0
        desk.deciding.keep(post.case_uid)
        assert (post.row(desk).state, desk.summary().outbox, desk.waiting()) == ("kept", 0, 0)
        workitems = post.direct().workitems
        assert workitems is not None
        assert (post.row(desk).order_open, workitems.get(post.case_uid).state) == (True, "IN PROGRESS")
        desk.refresh(Cancellation())
        desk.hurry()
        assert post.deliver(desk) == 0
        assert len(post.held_by_server()) == SLICES + 1
        desk.deciding.send_again(post.case_uid)
        assert post.deliver(desk) == 1


def test_a_report_that_is_not_verified_or_was_here_before_signing_holds_nothing(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        report_of_another(post, archive, VerificationFlag="UNVERIFIED")
        assert post.deliver(desk) == 1
        earlier = post.package(archive)
        # the reader opens the next order of the same study with that report before the eyes
        from tests.consultation.conftest import post_workitem

        post.case_uid = post_workitem(post.iris, post.study_uid)
        post.read(desk)
        post.sign(desk)
        assert post.deliver(desk) == 1
        assert post.package(archive).package_uid != earlier.package_uid


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "501 Not Implemented"])
def test_a_server_that_can_not_be_searched_keeps_no_conclusion_back(post: Post, status: str) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        post.proxy.set(Say(http(status=status)), SEARCH)
        assert post.deliver(desk) == 1


def test_a_conclusion_on_its_way_is_not_held_for_a_report_that_comes_then(post: Post) -> None:
    with post.archive() as archive:
        desk = post.signed(archive)
        post.proxy.set(Alter(with_body(lambda _body: b"")), STORE)
        post.proxy.set(Say(http(status="503 No")), READ_BACK, times=None)
        assert post.deliver(desk) == 0
        report_of_another(post, archive)
        post.proxy.clear()
        assert post.deliver_at_last(desk) == 1

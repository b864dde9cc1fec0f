"""The receipt of a delivered conclusion: what it says is what the server holds, and a forged record is caught by it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from workstation.archive import audit
from workstation.consultation.outbox import Outbox
from workstation.consultation.receipt import Receipt, receipt_of, unvouched
from workstation.demo.server import EmbeddedIris


def deliver_with_faults(bench: Any, iris: EmbeddedIris, archive: Any) -> Receipt:
    """Sign, meet a busy server and a body that is too large, and deliver."""
    desk = bench.open(archive)
    bench.signed(desk)
    iris.faults.force(503, method="POST", path="*/studies/*")
    assert desk.deliver() == 0
    assert desk.receipts() == []
    iris.faults.force(413, method="POST", path="*/studies/*")
    desk.hurry()
    assert desk.deliver() == 1
    (receipt,) = desk.receipts(bench.case_uid)
    return receipt


def test_a_receipt_tells_what_the_server_really_holds(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        receipt = deliver_with_faults(bench, iris, archive)
        package = Outbox(archive.database).load(receipt.package_uid)
    assert (receipt.case_uid, receipt.workitem, receipt.study_uid) == (
        bench.case_uid, bench.case_uid, package.study_uid,
    )  # fmt: skip
    assert (receipt.delivered_by, receipt.server, receipt.server_url) == ("R-0815", "embedded", iris.url)
    web = bench.connect().dicomweb
    assert len(receipt.objects) == len(package.objects) > 1
    for one in receipt.objects:
        data = web.retrieve_instance(receipt.study_uid, one.series_uid, one.sop_instance_uid)
        assert (one.sha256, one.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert one.answer == "stored"
        assert receipt.signed_at < one.read_back_at <= receipt.delivered_at


def test_a_receipt_and_the_record_name_no_patient(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        receipt = deliver_with_faults(bench, iris, archive)
        with archive.database.read() as cursor:
            record = repr(audit.entries(cursor))
        case = bench.open(archive).case(bench.case_uid)
    told = record + receipt.text() + json.dumps(receipt.to_json(), ensure_ascii=False)
    assert bench.case_uid in told
    for secret in (case.patient.name, "Смирнова", case.patient.patient_id, case.patient.birth_date):
        assert secret
        assert secret not in told


def test_a_receipt_survives_being_kept_as_json_and_read_as_text(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        receipt = deliver_with_faults(bench, iris, archive)
    assert receipt_of(json.loads(json.dumps(receipt.to_json()))) == receipt
    page = receipt.text()
    for one in receipt.objects:
        assert one.sha256 in page
        assert one.sop_instance_uid in page
    assert receipt.audit_head in page


def test_a_record_made_anew_as_a_whole_is_caught_by_a_kept_receipt(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        receipt = deliver_with_faults(bench, iris, archive)
        with archive.database.read() as cursor:
            entries = audit.entries(cursor)
        assert audit.verify(archive.database, [receipt.head]).whole
        assert unvouched(entries, [receipt]) == []
        # the forger leaves out who opened the case, and computes every hash again
        with archive.database.transaction() as cursor:
            cursor.execute("DROP TRIGGER audit_keeps_its_entries")
            cursor.execute("DROP TRIGGER audit_loses_no_entries")
            cursor.execute("DELETE FROM audit")
            for entry in entries:
                who = "R-0001" if entry.event == "case opened" else entry.who
                audit.record(cursor, who, entry.event, entry.subject, entry.detail)
        assert audit.verify(archive.database).whole
        state = audit.verify(archive.database, [receipt.head])
        assert (state.whole, state.broken_at) == (False, receipt.audit_entry)


def test_a_receipt_that_was_changed_is_not_vouched_for(bench: Any, iris: EmbeddedIris) -> None:
    with bench.archive() as archive:
        receipt = deliver_with_faults(bench, iris, archive)
        with archive.database.read() as cursor:
            entries = audit.entries(cursor)
    forged = replace(receipt, objects=(replace(receipt.objects[0], sha256="00" * 32), *receipt.objects[1:]))
    assert unvouched(entries, [receipt, forged]) == [forged]


def test_opening_measuring_signing_and_delivering_are_events_in_their_order(bench: Any) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        case = bench.ready(desk)
        for drawings in ([{"label": "a"}], [{"label": "b"}], []):
            desk.save_draft(case.case_uid, "measurements", {"version": 1, "drawings": drawings})
        desk.sign(case.case_uid, bench.prepared(desk), bench.identity)
        assert desk.deliver() == 1
        desk.begin_reading(case.case_uid)
        with archive.database.read() as cursor:
            entries = audit.entries(cursor)
    assert [entry.event for entry in entries] == [
        "case claimed", "case opened", "case measured", "case measured", "conclusion signed", "conclusion delivered",
        "case viewed",
    ]  # fmt: skip
    assert {(entry.who, entry.subject) for entry in entries} == {("R-0815", bench.case_uid)}

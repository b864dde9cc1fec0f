"""The worklist over the wire: claims on a bad link, results before COMPLETED, dialects of servers."""

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
import requests

from workstation.demo.server import EmbeddedIris
from workstation.dicom.content import Code, ImageReference, Observer
from workstation.dicom.uids import new_uid
from workstation.errors import CaseUnavailable, LinkDown, ServerRefused
from workstation.iris.json_model import code_element, element
from workstation.iris.session import IrisSession
from workstation.iris.wire import connect
from workstation.iris.workitem import Outcome, read_moment, read_workitem, write_moment
from workstation.iris.workitems import Workitems
from workstation.settings import ServerProfile

STUDY, PRIOR = "1.2.3.1", "1.2.3.2"
REASON = Code("poor_quality", "99IRIS", "Poor quality")


def item(concept: str, vr: str, tag: str, value: Any) -> dict[str, Any]:
    return {"0040A043": code_element(Code(concept, "99IRIS", concept)), tag: element(vr, value)}


def dataset(**changes: Any) -> dict[str, Any]:
    """A workitem as an IRIS makes it."""
    made = {
        "00080005": element("CS", "ISO_IR 192"),
        "00100010": element("PN", "Смирнова^Ольга"),
        "00100020": element("LO", "77-1"),
        "00100021": element("LO", "LPU-7"),
        "00100030": element("DA", "19700115"),
        "00100040": element("CS", "F"),
        "00404005": element("DT", "20260110103000+0300"),
        "00404011": element("DT", "20260110180000+0300"),
        "00404010": element("DT", "20260110103000+0300"),
        "00404018": code_element(Code("110005", "DCM", "Interpretation")),
        "00404041": element("CS", "READY"),
        "00741000": element("CS", "SCHEDULED"),
        "00741200": element("CS", "HIGH"),
        "00741202": element("LO", "CT-CHEST"),
        "00741204": element("LO", "Описание КТ"),
        "00741210": element(
            "SQ",
            item("READING_KIND", "UT", "0040A160", "SECOND"),
            item("QUESTION", "UT", "0040A160", "Очаг в S3?"),
            item("HISTORY", "UT", "0040A160", "Кашель"),
        ),
        "0040A370": element(
            "SQ",
            {
                "0020000D": element("UI", STUDY),
                "00080050": element("SH", "A-1"),
                "00321060": element("LO", "КТ ОГК"),
                "00401001": element("SH", "RP-1"),
                "00402016": element("LO", "P-1"),
                "00321033": element("LO", "Поликлиника № 7"),
            },
        ),
        "00404021": element("SQ", input_item(STUDY), input_item(STUDY, "1.2.840.10008.5.1.4.1.1.88.22"),
                            input_item(PRIOR)),
    }  # fmt: skip
    return {**made, **changes}


def input_item(study_uid: str, sop_class: str = "1.2.840.10008.5.1.4.1.1.2") -> dict[str, Any]:
    return {
        "0040E020": element("CS", "DICOM"),
        "0020000D": element("UI", study_uid),
        "0020000E": element("UI", study_uid + ".1"),
        "00081199": element("SQ", {"00081150": element("UI", sop_class), "00081155": element("UI", study_uid + ".9")}),
        "0040E025": element("SQ", {"00081190": element("UR", "http://iris/studies/1")}),
    }


def create(embedded: EmbeddedIris, made: dict[str, Any]) -> str:
    uid = new_uid()
    answer = requests.post(
        f"{embedded.url}/workitems?workitem={uid}",
        json.dumps([made]),
        headers={"Content-Type": "application/dicom+json"},
        auth=(embedded.user, embedded.password),
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    return uid


def outcome() -> Outcome:
    ended = datetime(2026, 1, 10, 12, tzinfo=UTC)
    return Outcome(
        ended - timedelta(minutes=9),
        ended,
        "IRISWS",
        Observer("Петрова^Анна", "Центр", Code("R-0815", "99IRIS", "Петрова")),
        (
            ImageReference(STUDY, "1.2.3.7", "1.2.840.10008.5.1.4.1.1.88.22", "1.2.3.8"),
            ImageReference(STUDY, "1.2.3.7", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.3.9"),
        ),
    )


@pytest.fixture
def workitems(session: IrisSession) -> Workitems:
    return Workitems(session)


def test_a_workitem_is_read_into_plain_values(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid = create(embedded, dataset())
    create(embedded, dataset(**{"00741202": element("LO", "MMG")}))
    (found,) = workitems.search(state="SCHEDULED", label="CT-CHEST")
    assert (found.uid, found.state, found.kind, found.priority) == (uid, "SCHEDULED", "second", "HIGH")
    assert (found.question, found.history, found.sender) == ("Очаг в S3?", "Кашель", "Поликлиника № 7")
    assert found.patient.name == "Смирнова^Ольга"
    assert (found.study_uid, found.accession, found.order.placer_order) == (STUDY, "A-1", "P-1")
    assert found.deadline == datetime(2026, 1, 10, 15, tzinfo=UTC)
    assert [(one.study_uid, one.role) for one in found.inputs] == [
        (STUDY, "study"), (STUDY, "first_report"), (PRIOR, "prior"),
    ]  # fmt: skip
    assert found.input_ready
    assert workitems.get(uid) == found
    assert len(list(workitems.search())) == 2


def test_an_empty_worklist_may_be_204(embedded: EmbeddedIris, workitems: Workitems) -> None:
    embedded.faults.empty_search = 204
    assert list(workitems.search()) == []
    assert workitems.supported()


def test_a_nearly_empty_workitem_is_read_too() -> None:
    found = read_workitem({"00080018": element("UI", "1.2")})
    assert (found.uid, found.kind, found.priority, found.input_ready) == ("1.2", "first", "MEDIUM", False)
    assert found.deadline is None


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("20260110180000+0300", "", "2026-01-10T15:00:00+00:00"),
        ("20260110180000.123456-0530", "+0300", "2026-01-10T23:30:00+00:00"),
        ("20260110180000", "+0300", "2026-01-10T15:00:00+00:00"),
        ("2026011018", "+0000", "2026-01-10T18:00:00+00:00"),
        ("20260110", "-0100", "2026-01-10T01:00:00+00:00"),
        ("2026", "", None),
        ("99999999999999", "+0000", None),
        ("soon", "", None),
    ],
)
def test_dt_values_are_read_with_their_zone(value: str, zone: str, expected: str | None) -> None:
    found = read_moment(value, zone)
    assert (found.astimezone(UTC).isoformat() if found else None) == expected
    if found:
        assert read_moment(write_moment(found)) == found


def test_a_claim_holds_the_item_under_its_transaction_uid(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid, ours, theirs = create(embedded, dataset()), new_uid(), new_uid()
    workitems.claim(uid, ours)
    assert workitems.get(uid).state == "IN PROGRESS"
    assert workitems.probe(uid, ours)
    assert not workitems.probe(uid, theirs)
    with pytest.raises(CaseUnavailable):
        workitems.claim(uid, theirs)


def test_a_claim_whose_answer_was_lost_is_found_to_be_held(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid, ours = create(embedded, dataset()), new_uid()
    embedded.faults.cut(after=0, path="*/state")
    embedded.faults.latency = 0.8
    with pytest.raises(LinkDown):
        workitems.claim(uid, ours)
    embedded.faults.clear()
    # the server, or the test, needs a moment to be done with what the client gave up
    for _wait in range(50):
        if workitems.get(uid).state == "IN PROGRESS":
            break
    workitems.claim(uid, ours)
    assert workitems.probe(uid, ours)


def test_an_item_the_server_has_no_more_can_not_be_claimed(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid = create(embedded, dataset())
    embedded.faults.lost = {uid}
    with pytest.raises(CaseUnavailable):
        workitems.claim(uid, new_uid())
    with pytest.raises(CaseUnavailable):
        workitems.get(uid)


def test_completing_names_the_results_first_and_may_be_repeated(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid, ours = create(embedded, dataset()), new_uid()
    workitems.claim(uid, ours)
    workitems.complete(uid, ours, outcome())
    done = workitems.get(uid)
    assert (done.state, done.outputs) == ("COMPLETED", ("1.2.3.8", "1.2.3.9"))
    workitems.complete(uid, ours, outcome())


def test_an_item_completed_with_other_results_is_no_longer_ours(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid, ours = create(embedded, dataset()), new_uid()
    workitems.claim(uid, ours)
    others = Outcome(outcome().started_at, outcome().ended_at, "X", None, (ImageReference("1", "2", "3", "4"),))
    workitems.complete(uid, ours, others)
    with pytest.raises(CaseUnavailable):
        workitems.complete(uid, ours, outcome())


def test_completing_with_a_wrong_transaction_uid_is_refused(embedded: EmbeddedIris, workitems: Workitems) -> None:
    uid = create(embedded, dataset())
    workitems.claim(uid, new_uid())
    with pytest.raises(ServerRefused):
        workitems.complete(uid, new_uid(), outcome())
    assert workitems.get(uid).state == "IN PROGRESS"


def test_giving_back_cancels_with_a_coded_reason_and_may_be_repeated(
    embedded: EmbeddedIris, workitems: Workitems
) -> None:
    uid, ours = create(embedded, dataset()), new_uid()
    workitems.claim(uid, ours)
    workitems.cancel(uid, ours, REASON, "Артефакты")
    assert workitems.get(uid).state == "CANCELED"
    workitems.cancel(uid, ours, REASON)
    with pytest.raises(CaseUnavailable):
        workitems.complete(uid, ours, outcome())


@pytest.mark.parametrize("wrong", ["400 Bad Request", "409 Conflict"])
def test_both_dialects_of_a_wrong_transaction_uid_are_understood(raw: ModuleType, wrong: str) -> None:
    with raw.raw_server(raw.http(b"", status="409 Conflict"), raw.http(b"", status=wrong)) as server:
        profile = ServerProfile("raw", server.url, aet="READ ME", transaction_uid_in_query="transaction-uid")
        with pytest.raises(CaseUnavailable):
            Workitems(IrisSession(profile, "")).claim("1.2", "1.9")
        claim, probe = server.requests
    assert claim.line == "PUT /workitems/1.2/state?requester=READ%20ME&transaction-uid=1.9 HTTP/1.1"
    assert probe.line == "POST /workitems/1.2?requester=READ%20ME&transaction-uid=1.9 HTTP/1.1"
    for request in (claim, probe):
        assert json.loads(request.body)[0]["00081195"]["Value"] == ["1.9"]
        assert request.headers["content-type"] == "application/dicom+json"


def test_workitems_may_live_apart_from_the_images(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as server:
        profile = ServerProfile("raw", "http://127.0.0.1:9/dicom", workitems_url=f"{server.url}/ups/")
        assert Workitems(IrisSession(profile, "")).supported()
        assert server.requests[0].line.startswith("GET /ups/workitems?")


def test_a_server_with_a_worklist_is_no_archive(embedded: EmbeddedIris) -> None:
    wire = connect(ServerProfile("iris", embedded.url, user=embedded.user), embedded.password)
    assert not wire.archive_mode


@pytest.mark.orthanc
def test_orthanc_has_no_worklist_and_is_an_archive(orthanc: Any) -> None:
    wire = connect(ServerProfile("orthanc", orthanc.dicomweb_url, user=orthanc.user), orthanc.password)
    assert wire.archive_mode

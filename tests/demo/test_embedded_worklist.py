"""Workitems of the embedded IRIS follow PS3.18 §11 and PS3.4 CC: spoken with a bare HTTP client."""

import itertools
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from workstation.demo.procedure_steps import CHANGES, Outcome, ProcedureSteps, State
from workstation.demo.server import EmbeddedIris
from workstation.demo.store import Store

OURS, THEIRS = "2.25.1001", "2.25.1002"


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(value: str, scheme: str, meaning: str) -> dict[str, Any]:
    return {"00080100": element("SH", value), "00080102": element("SH", scheme), "00080104": element("LO", meaning)}


def workitem(**more: Any) -> dict[str, Any]:
    return {
        "00404041": element("CS", "READY"),
        "00741000": element("CS", "SCHEDULED"),
        "00741200": element("CS", "HIGH"),
        "00741204": element("LO", "КТ ОГК: описать"),
        "00741202": element("LO", "CT-CHEST"),
        "00404005": element("DT", "20260110120000+0300"),
        "00404034": element("SQ"),
        "00081195": element("UI"),
        "00100020": element("LO", "77-000123"),
    } | more


def state(wanted: str, transaction_uid: str = OURS) -> dict[str, Any]:
    return {"00081195": element("UI", transaction_uid), "00741000": element("CS", wanted)}


def performed() -> dict[str, Any]:
    item = {
        "00404028": element("SQ", code("STATION", "99IRIS", "Workstation")),
        "00404019": element("SQ", code("110005", "DCM", "Interpretation")),
        "00404050": element("DT", "20260110130000+0300"),
        "00404051": element("DT", "20260110131500+0300"),
        "00404033": element("SQ"),
    }
    return {"00741216": element("SQ", item)}


def canceled() -> dict[str, Any]:
    progress = {
        "00404052": element("DT", "20260110131500+0300"),
        "0074100E": element("SQ", code("110513", "DCM", "Discontinued for unspecified reason")),
    }
    return {"00741002": element("SQ", progress)}


@pytest.fixture
def item(client: Any) -> str:
    """The path of a SCHEDULED workitem."""
    answer = client.send("POST", "/workitems?workitem=1.2.77", [workitem()])
    assert answer.status_code == 201
    assert answer.headers["Location"] == client.iris.url + "/workitems/1.2.77"
    return "/workitems/1.2.77"


def claim(client: Any, item: str, transaction_uid: str = OURS) -> Any:
    return client.send("PUT", f"{item}/state?requester=IRISWS", state("IN PROGRESS", transaction_uid))


def the_state(client: Any, item: str) -> str:
    value: str = client.get(item).json()[0]["00741000"]["Value"][0]
    return value


# life


def test_a_workitem_is_claimed_updated_and_completed(client: Any, item: str) -> None:
    assert claim(client, item).status_code == 200
    assert the_state(client, item) == "IN PROGRESS"
    update = client.send("POST", f"{item}?transaction-uid={OURS}", performed())
    assert update.status_code == 200
    assert client.send("PUT", f"{item}/state?requester=IRISWS", state("COMPLETED")).status_code == 200
    assert the_state(client, item) == "COMPLETED"


def test_the_transaction_uid_is_never_told(client: Any, item: str) -> None:
    claim(client, item)
    answers = client.get(item).text + client.get("/workitems?includefield=all").text
    assert OURS not in answers
    assert "00081195" not in answers


def test_a_second_claim_is_refused_whoever_makes_it(client: Any, item: str) -> None:
    claim(client, item)
    for transaction_uid in (OURS, THEIRS):
        answer = claim(client, item, transaction_uid)
        assert answer.status_code == 409
        assert answer.headers["Warning"].startswith("299 ")


def test_the_owner_can_find_out_by_a_harmless_update_who_holds_it(client: Any, item: str) -> None:
    progress = {"00741002": element("SQ", {"00741004": element("DS", 0)})}
    assert client.send("POST", item, progress | {"00081195": element("UI", OURS)}).status_code == 409
    claim(client, item)
    assert client.send("POST", item, progress | {"00081195": element("UI", OURS)}).status_code == 200
    assert client.send("POST", item, progress | {"00081195": element("UI", THEIRS)}).status_code == 400
    assert client.send("POST", item, progress).status_code == 400
    assert client.send("POST", f"{item}?transaction-uid={THEIRS}", progress).status_code == 400


def test_a_wrong_transaction_uid_neither_completes_nor_cancels(client: Any, item: str) -> None:
    claim(client, item)
    client.send("POST", f"{item}?transaction-uid={OURS}", performed() | canceled())
    for wanted in ("COMPLETED", "CANCELED"):
        assert client.send("PUT", f"{item}/state", state(wanted, THEIRS)).status_code == 400
    assert the_state(client, item) == "IN PROGRESS"


def test_a_claim_needs_a_transaction_uid(client: Any, item: str) -> None:
    assert client.send("PUT", f"{item}/state", {"00741000": element("CS", "IN PROGRESS")}).status_code == 400
    assert the_state(client, item) == "SCHEDULED"


@pytest.mark.parametrize("missing", ["00404028", "00404019", "00404050", "00404051", None])
def test_completion_waits_for_the_final_state_requirements(client: Any, item: str, missing: str | None) -> None:
    claim(client, item)
    procedure = performed()
    if missing:
        del procedure["00741216"]["Value"][0][missing]
        client.send("POST", f"{item}?transaction-uid={OURS}", procedure)
    answer = client.send("PUT", f"{item}/state", state("COMPLETED"))
    assert answer.status_code == 409
    assert "final state" in answer.headers["Warning"]
    assert the_state(client, item) == "IN PROGRESS"


def test_completing_again_succeeds_with_a_warning(client: Any, item: str) -> None:
    claim(client, item)
    client.send("POST", f"{item}?transaction-uid={OURS}", performed())
    client.send("PUT", f"{item}/state", state("COMPLETED"))
    again = client.send("PUT", f"{item}/state", state("COMPLETED"))
    assert again.status_code == 200
    assert again.headers["Warning"].startswith("299 ")
    assert client.send("POST", f"{item}?transaction-uid={OURS}", performed()).status_code == 409
    assert claim(client, item).status_code == 409


def test_the_performer_cancels_with_a_coded_reason_only(client: Any, item: str) -> None:
    claim(client, item)
    assert client.send("PUT", f"{item}/state", state("CANCELED")).status_code == 409
    client.send("POST", f"{item}?transaction-uid={OURS}", canceled())
    assert client.send("PUT", f"{item}/state", state("CANCELED")).status_code == 200
    assert the_state(client, item) == "CANCELED"


def test_others_can_ask_to_cancel_what_nobody_performs(client: Any, item: str) -> None:
    reason = {"00741238": element("LT", "wrong patient")}
    assert client.send("POST", f"{item}/cancelrequest?requester=RIS", reason).status_code == 202
    assert the_state(client, item) == "CANCELED"
    again = client.send("POST", f"{item}/cancelrequest?requester=RIS", reason)
    assert again.status_code == 200
    assert again.headers["Warning"]


def test_a_claimed_workitem_is_not_canceled_over_its_performer(client: Any, item: str) -> None:
    claim(client, item)
    assert client.send("POST", f"{item}/cancelrequest?requester=RIS", {}).status_code == 409


def test_the_old_spelling_of_paths_works_too(client: Any, item: str) -> None:
    assert client.send("PUT", f"{item}/state/IRISWS", state("IN PROGRESS")).status_code == 200


# what is no workitem


def test_creation_is_strict(client: Any, item: str) -> None:
    assert client.send("POST", "/workitems?workitem=1.2.77", workitem()).status_code == 409
    for broken in (
        workitem(**{"00741000": element("CS", "IN PROGRESS")}),
        workitem(**{"00081195": element("UI", OURS)}),
        workitem(**{"00741204": element("LO")}),
    ):
        assert client.send("POST", "/workitems?workitem=1.2.78", broken).status_code == 400
    assert client.send("POST", "/workitems?workitem=not-a-uid", workitem()).status_code == 400
    assert client.get("/workitems/1.2.78").status_code == 404


def test_what_is_no_dataset_is_refused(client: Any, item: str) -> None:
    bodies: list[Any] = [[], [{}, {}], "text", {"PatientID": "1"}, {"00100020": "1"}]
    for body in bodies:
        assert client.send("PUT", f"{item}/state", body).status_code == 400
    xml = client.http.put(
        client.iris.url + item + "/state", data=b"<x/>", headers={"Content-Type": "text/xml"}, timeout=9
    )
    assert xml.status_code == 415
    assert client.send("PUT", f"{item}/state", state("READY")).status_code == 400
    assert client.send("PUT", f"{item}/state?requester={'A' * 17}", state("IN PROGRESS")).status_code == 400
    assert client.send("PUT", "/workitems/1.9/state", state("IN PROGRESS")).status_code == 404


def test_an_update_cannot_change_the_state_or_identity(client: Any, item: str) -> None:
    for tag, value in (("00741000", element("CS", "COMPLETED")), ("00080018", element("UI", "1.9"))):
        assert client.send("POST", item, {tag: value}).status_code == 400
    assert client.send("POST", item, {"00741200": element("CS", "LOW")}).status_code == 200
    assert client.get(item).json()[0]["00741200"]["Value"] == ["LOW"]


# search


@pytest.fixture
def many(client: Any) -> Any:
    reader = {"00404009": element("SQ", code("77-0421", "99IRIS", "reader")), "00404037": element("PN")}
    for number in range(5):
        client.send(
            "POST",
            f"/workitems?workitem=1.2.77.{number}",
            workitem(
                **{
                    "00741202": element("LO", "CT-CHEST" if number % 2 else "FLG"),
                    "00404011": element("DT", f"2026011{number}120000+0300"),
                    "00404034": element("SQ", reader) if number == 4 else element("SQ"),
                    "00404021": element("SQ", {"0020000D": element("UI", "1.2.3")}),
                }
            ),
        )
    return client


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("ProcedureStepState=SCHEDULED", [0, 1, 2, 3, 4]),
        ("ProcedureStepState=COMPLETED", []),
        ("WorklistLabel=CT-CHEST", [1, 3]),
        ("00741202=CT-*", [1, 3]),
        ("ScheduledHumanPerformersSequence.HumanPerformerCodeSequence.CodeValue=77-0421", [4]),
        ("00404034.00404009.00080100=77-0421", [4]),
        ("ExpectedCompletionDateTime=20260111-20260112", [1, 2]),
        ("ExpectedCompletionDateTime=20260113100000%2B0200-", [3, 4]),
        ("ExpectedCompletionDateTime=20260113100000+0200-", [3, 4]),
        ("ExpectedCompletionDateTime=-20260110080000-0100", [0]),
        ("limit=2&offset=1", [1, 2]),
    ],
)
def test_workitems_are_found(many: Any, query: str, numbers: list[int]) -> None:
    entries = many.get(f"/workitems?{query}").json()
    assert [int(entry["00080018"]["Value"][0].rsplit(".", 1)[1]) for entry in entries] == numbers


def test_all_attributes_come_when_asked_for(many: Any) -> None:
    assert "00404021" not in many.get("/workitems?limit=1").json()[0]
    assert "00404021" in many.get("/workitems?limit=1&includefield=all").json()[0]


def test_a_change_can_be_seen_by_its_modification_time(many: Any) -> None:
    time.sleep(0.01)
    since = datetime.now().astimezone().strftime("%Y%m%d%H%M%S.%f%z").replace("+", "%2B")
    query = f"/workitems?ScheduledProcedureStepModificationDateTime={since}-"
    assert many.get(query).json() == []
    claim(many, "/workitems/1.2.77.3")
    assert [entry["00741000"]["Value"] for entry in many.get(query).json()] == [["IN PROGRESS"]]


def test_a_paging_cap_is_announced_and_can_be_paged_over(many: Any) -> None:
    many.iris.faults.paging_cap = 2
    first = many.get("/workitems?limit=10")
    assert len(first.json()) == 2
    assert "3 additional results" in first.headers["Warning"]
    last = many.get("/workitems?limit=10&offset=4")
    assert len(last.json()) == 1
    assert "Warning" not in last.headers


# staying


def test_a_restart_keeps_who_holds_a_workitem(tmp_path: Path, connect: Callable[[EmbeddedIris], Any]) -> None:
    with EmbeddedIris(tmp_path) as iris:
        client = connect(iris)
        client.send("POST", "/workitems?workitem=1.2.77", workitem())
        claim(client, "/workitems/1.2.77")
    with EmbeddedIris(tmp_path) as iris:
        client = connect(iris)
        assert the_state(client, "/workitems/1.2.77") == "IN PROGRESS"
        assert (
            client.send("POST", "/workitems/1.2.77", performed() | {"00081195": element("UI", THEIRS)}).status_code
            == 400
        )
        assert (
            client.send("POST", "/workitems/1.2.77", performed() | {"00081195": element("UI", OURS)}).status_code == 200
        )
        assert client.send("PUT", "/workitems/1.2.77/state", state("COMPLETED")).status_code == 200


# PS3.4 table CC.1.1-2, row by row: (wish, owned) → the answer in SCHEDULED, IN PROGRESS, COMPLETED, CANCELED
TABLE = {
    (State.SCHEDULED, True): ("C303", "C303", "C300", "C300"),
    (State.IN_PROGRESS, True): ("ok", "C302", "C300", "C300"),
    (State.COMPLETED, True): ("C310", "ok", "B306", "C300"),
    (State.CANCELED, True): ("C310", "ok", "C300", "B304"),
    (State.COMPLETED, False): ("C310", "C301", "C301", "C300"),
    (State.CANCELED, False): ("C310", "C301", "C300", "C301"),
}
CODES = {
    "ok": Outcome.DONE,
    "C300": Outcome.FINAL,
    "C301": Outcome.WRONG_TRANSACTION,
    "C302": Outcome.TAKEN,
    "C303": Outcome.ONLY_CREATED,
    "C310": Outcome.NOT_STARTED,
    "B304": Outcome.ALREADY_CANCELED,
    "B306": Outcome.ALREADY_COMPLETED,
}


def test_the_table_of_changes_has_every_pair() -> None:
    assert set(CHANGES) == set(itertools.product(State, State))


def test_every_wish_in_every_state_is_answered_as_the_standard_has_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    steps = ProcedureSteps(store)
    for number, ((wish, owned), answers) in enumerate(TABLE.items()):
        for begin, answer in zip(State, answers, strict=True):
            uid = f"1.2.{number}.{list(State).index(begin)}"
            steps.create(uid, workitem())
            if begin is not State.SCHEDULED:
                steps.change_state(uid, OURS, State.IN_PROGRESS)
                steps.update(uid, OURS, performed() | canceled())
            if begin in (State.COMPLETED, State.CANCELED):
                steps.change_state(uid, OURS, begin)
            before = steps.get(uid)
            assert before is not None
            assert before.state is begin
            assert steps.change_state(uid, OURS if owned else THEIRS, wish) is CODES[answer], (wish, owned, begin)
    store.close()

"""What a server does for a desk: raw servers that misbehave, the embedded IRIS and a real Orthanc."""

import email.utils
import json
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from workstation.cli.trial_object import trial_object
from workstation.demo.server import EmbeddedIris
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.finding import Finding, State
from workstation.iris.service_checks import Credentials, TrialObject, examine
from workstation.iris.session import IrisSession
from workstation.language import set_language
from workstation.settings import ServerProfile


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def examined(
    url: str, user: str = "", password: str | None = "", trial: TrialObject | None = None
) -> dict[str, Finding]:
    profile = ServerProfile("test", url, user=user, connect_timeout_s=2, stall_timeout_s=5)
    return {finding.check: finding for finding in examine(profile, Credentials(password), trial)}


def states(found: dict[str, Finding]) -> dict[str, str]:
    return {check: finding.state.value for check, finding in found.items()}


@pytest.mark.parametrize(
    ("away", "state", "said"),
    [
        (3600, State.FAILED, "the server's clock is 1 h ahead"),
        (-3600, State.FAILED, "the server's clock is 1 h behind"),
        (120, State.WARNING, "the server's clock is 2 min ahead"),
        (-20, State.OK, "both clocks agree"),
    ],
)
def test_a_clock_that_is_off_says_how_far(raw: ModuleType, away: int, state: State, said: str) -> None:
    date = email.utils.formatdate(time.time() + away, usegmt=True)
    with raw.raw_server(raw.http(b"[]", extra=f"Date: {date}\r\n")) as server:
        clock = examined(server.url)["clock"]
    assert (clock.state, clock.found) == (state, said)
    assert ("NTP" in clock.advice) == (state is not State.OK)


def test_a_clock_that_is_off_in_russian(raw: ModuleType) -> None:
    set_language("ru")
    date = email.utils.formatdate(time.time() + 5400, usegmt=True)
    with raw.raw_server(raw.http(b"[]", extra=f"Date: {date}\r\n")) as server:
        assert examined(server.url)["clock"].found == "часы сервера спешат на 1,5 ч"


def test_a_clock_that_is_off_is_seen_before_the_sign_in(raw: ModuleType) -> None:
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    answer = raw.http(b"", status="401 Unauthorized", extra=f"Date: {date}\r\n")
    with raw.raw_server(answer) as server:
        found = examined(server.url, "reader", "secret")
        assert "authorization" not in server.requests[0].headers
    assert (found["clock"].state, found["sign-in"].state) == (State.FAILED, State.FAILED)


def test_the_embedded_iris_has_everything(embedded: EmbeddedIris, tiny: ModuleType) -> None:
    with IrisSession(ServerProfile("e", embedded.url, user=embedded.user), embedded.password) as session:
        DicomWeb(session).store("1.2.826.77", tiny.ct_series(2, study_uid="1.2.826.77"))
    found = examined(embedded.url, embedded.user, embedded.password, trial_object())
    assert set(states(found).values()) == {"ok"}
    assert found["worklist"].found == "answers (UPS-RS)"
    assert found["sign-in"].found == f"as {embedded.user}"
    assert found["retrieval"].found.startswith("one object, 0")


def test_no_finding_holds_what_a_study_says(embedded: EmbeddedIris, tiny: ModuleType) -> None:
    objects = tiny.ct_series(1, study_uid="1.2.826.77")
    with IrisSession(ServerProfile("e", embedded.url, user=embedded.user), embedded.password) as session:
        DicomWeb(session).store("1.2.826.77", objects)
        (study,) = DicomWeb(session).search_studies({})
    told = repr(examined(embedded.url, embedded.user, embedded.password))
    hidden = (study.patient.name, study.patient.patient_id, "1.2.826.77", embedded.password)
    assert all(hidden)
    assert [word for word in hidden if word in told] == []


def test_a_wrong_password_is_told_from_one_that_is_missing(embedded: EmbeddedIris) -> None:
    wrong = examined(embedded.url, embedded.user, "other")["sign-in"]
    assert wrong.found == "the server refuses reader with this password (HTTP 401)"
    assert wrong.advice.startswith("Check the user name and the password")
    unknown = examined(embedded.url, embedded.user, None)["sign-in"]
    assert unknown.found == "no password of reader is known"
    assert "--password-file" in unknown.advice
    nobody = examined(embedded.url)["sign-in"]
    assert nobody.found == "the server wants a sign-in, and no user is set (HTTP 401)"


def test_a_wrong_password_in_russian(embedded: EmbeddedIris) -> None:
    set_language("ru")
    found = examined(embedded.url, embedded.user, "other")
    assert found["sign-in"].found == "сервер не принимает пользователя reader с этим паролем (HTTP 401)"
    assert found["search"].state is State.NOT_CHECKED


def test_a_user_without_rights_needs_the_administrator(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"", status="401 Unauthorized"), raw.http(b"", status="403 Forbidden")) as server:
        assert "rights" in examined(server.url, "reader", "secret")["sign-in"].advice


def test_a_server_that_lets_everybody_in_is_a_warning(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as server:
        found = examined(server.url, "reader", "secret")
    assert (found["sign-in"].state, found["sign-in"].found) == (
        State.WARNING,
        "the server answers without a sign-in too",
    )


@pytest.mark.parametrize("path", ["/elsewhere", "/studies"])
def test_a_wrong_path_points_at_the_address(embedded: EmbeddedIris, path: str) -> None:
    found = examined(embedded.root + path, embedded.user, embedded.password)
    assert found["search"].state is State.FAILED
    assert "DICOMweb root" in found["search"].advice


def test_a_web_page_points_at_the_address(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"<html>Welcome</html>", "text/html")) as server:
        assert "DICOMweb root" in examined(server.url)["search"].advice


def test_a_fault_of_the_server_points_at_its_log(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"", status="500 Internal Server Error")) as server:
        found = examined(server.url)
    assert found["search"].advice == "Look into the server's log: the fault is there."
    assert found["worklist"].state is State.FAILED


def test_a_server_that_takes_the_connection_and_keeps_silent(raw: ModuleType) -> None:
    with raw.raw_server(lambda _connection, _request: server.released.wait(10)) as server:
        found = list(examine(ServerProfile("test", server.url, stall_timeout_s=0.3), Credentials("")))
    assert [(one.check, one.state) for one in found if one.state is State.FAILED] == [("answer", State.FAILED)]
    assert len([one for one in found if one.state is State.NOT_CHECKED]) == 6


def test_an_object_that_comes_back_changed_fails(raw: ModuleType) -> None:
    trial = trial_object()
    stored = {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [trial.sop_instance_uid]}}]}}
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + trial.data[:-1] + b"!\r\n--b--"
    answers = (
        *[raw.http(b"[]")] * 3,
        raw.http(json.dumps([stored]).encode()),
        raw.http(body, 'multipart/related; type="application/dicom"; boundary=b'),
        raw.http(b"", status="404 Not Found"),
    )
    with raw.raw_server(*answers) as server:
        found = examined(server.url, "reader", "secret", trial)
    assert found["storing"].state is State.FAILED
    assert "other bytes" in found["storing"].found
    assert found["worklist"].found.startswith("none, archive mode")


@pytest.mark.orthanc
def test_orthanc_is_an_archive_and_keeps_the_marked_object(orthanc: Any) -> None:
    wrong = examined(orthanc.dicomweb_url, orthanc.user, "other")
    assert wrong["sign-in"].found == "the server refuses reader with this password (HTTP 401)"

    trial = trial_object()
    found = examined(orthanc.dicomweb_url, orthanc.user, orthanc.password, trial)
    assert {name for name, state in states(found).items() if state == "failed"} == set()
    assert found["storing"].found.startswith("stored and read back unchanged; test object left there: patient IRIS-")
    assert found["worklist"].found == "none, archive mode: the list of studies is the worklist"
    assert examined(orthanc.dicomweb_url, orthanc.user, orthanc.password)["retrieval"].state is State.OK

    (instance,) = [
        one
        for one in json.loads(orthanc.rest("GET", "/instances?expand"))
        if one["MainDicomTags"]["SOPInstanceUID"] == trial.sop_instance_uid
    ]
    tags = json.loads(orthanc.rest("GET", f"/instances/{instance['ID']}/simplified-tags"))
    assert (tags["PatientID"], tags["QualityControlImage"]) == ("IRIS-DOCTOR", "YES")
    assert "MAY BE DELETED" in tags["StudyDescription"]


@pytest.mark.orthanc
def test_nothing_is_stored_unasked(orthanc: Any) -> None:
    before = orthanc.rest("GET", "/statistics")
    found = examined(orthanc.dicomweb_url, orthanc.user, orthanc.password)
    assert found["storing"].state is State.NOT_CHECKED
    assert json.loads(orthanc.rest("GET", "/statistics"))["CountInstances"] == json.loads(before)["CountInstances"]

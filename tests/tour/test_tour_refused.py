"""What the world can do to a tour: one clear line, exit status 1, nothing lost, and the next start goes on."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from workstation.demo.phantoms import PhantomSet
from workstation.demo.preparation import DemoFolder
from workstation.demo.server import EmbeddedIris

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STUDY = "ct-thick"
CONCLUSION = "1.2.840.10008.5.1.4.1.1.88.22"


@pytest.fixture(scope="module")
def iris(demo_folder: DemoFolder) -> Iterator[EmbeddedIris]:
    """The server of the demonstration, in this process: it can be stopped and started on the same port."""
    server = EmbeddedIris(demo_folder.folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tour(user: Any, iris: EmbeddedIris) -> Callable[..., list[str | Path]]:
    """The words of a tour into the user's folder on that server."""

    def words(study_uid: str, password: str = "") -> list[str | Path]:
        secret = user.home / "password"
        secret.write_text(f"{password or iris.password}\n", encoding="utf-8")
        server = ["--url", iris.url, "--user", iris.user, "--password-file", secret]
        return ["--language", "en", "tour", user.home / "tour", *server, "--study", study_uid]

    return words


def the_line(done: Any) -> str:
    """The one line that a refused tour says; it names no password."""
    # what the log says of a delivery that failed stands before it
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING ")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("iris-workstation: ")
    return str(lines[0])


def conclusions(iris: EmbeddedIris, study_uid: str) -> list[str]:
    """The UIDs of the conclusions the server holds of a study."""
    return [one.sop_uid for one in iris.store.instances(study_uid) if one.sop_class_uid == CONCLUSION]


def test_no_server_at_all_is_said_in_one_line(user: Any) -> None:
    done = user.run("--language", "en", "tour", user.home / "tour", "--url", "http://127.0.0.1:9/dicom-web")
    assert "server" in the_line(done)


def test_a_wrong_password_at_the_server_is_said_in_one_line(tour: Callable[..., Any], user: Any) -> None:
    line = the_line(user.run(*tour("1.2.3", password="qwerty-123")))
    assert "qwerty" not in line
    assert "sign" in line.lower() or "password" in line.lower()


def test_a_study_that_is_not_on_the_list_is_said_in_one_line(tour: Callable[..., Any], user: Any) -> None:
    assert "no such study" in the_line(user.run(*tour("1.2.3.4.5")))


def test_a_desk_that_is_named_is_never_emptied(user: Any) -> None:
    desk = user.home / "desk"
    desk.mkdir()
    (desk / "work").write_text("of somebody", encoding="utf-8")
    nowhere = ["--url", "http://127.0.0.1:9/dicom-web"]
    the_line(user.run("--language", "en", "--data", desk, "tour", user.home / "tour", *nowhere))
    assert (desk / "work").read_text(encoding="utf-8") == "of somebody"
    assert not (user.home / "passphrase").exists(), "nothing is laid beside it"


def test_a_server_that_dies_while_it_sends_images_costs_nothing(
    tour: Callable[..., Any], user: Any, iris: EmbeddedIris, phantoms: PhantomSet
) -> None:
    study = phantoms.study(STUDY)
    iris.faults.cut(400_000, path="*/series/*", times=1)
    iris.faults.cut(1_000, path="*/series/*", times=None)
    broken = user.run(*tour(study.study_uid))
    iris.faults.clear()
    assert the_line(broken)
    assert "measure" not in [step["step"] for step in transcript(user)["steps"]], "no study is read half"
    assert conclusions(iris, study.study_uid) == []
    done = user.run(*tour(study.study_uid))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    opened = next(step for step in transcript(user)["steps"] if step["step"] == "open")
    assert opened["expected"] == opened["received"] == len(study.files)
    assert len(conclusions(iris, study.study_uid)) == 1


def test_a_server_that_is_gone_when_the_conclusion_is_signed_gets_it_later(
    tour: Callable[..., Any],
    user: Any,
    iris: EmbeddedIris,
    phantoms: PhantomSet,
    demo_folder: DemoFolder,
    watch_tour: Callable[..., None],
) -> None:
    study = phantoms.study("ct-main")
    before = conclusions(iris, study.study_uid)
    words, port, password = tour(study.study_uid), iris.port, iris.password
    process = user.start(*words)
    watch_tour(process, user.home / "tour", lambda steps: "report" in steps)
    iris.stop()
    told, complained = process.communicate(timeout=200)
    iris.start()
    assert (iris.port, iris.password) == (port, password)
    assert "server" in the_line(subprocess.CompletedProcess(process.args, process.returncode, told, complained))
    assert conclusions(iris, study.study_uid) == before
    (user.home / "mistyped").write_text("gfhjkm\n", encoding="utf-8")
    identity = ["--identity", demo_folder.identities.reader_p12, "--identity-password-file", user.home / "mistyped"]
    assert "password" in the_line(user.run(*words, *identity))
    done = user.run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [step["step"] for step in transcript(user)["steps"]] == ["worklist", "deliver", "bring back"]
    assert len(conclusions(iris, study.study_uid)) == len(before) + 1


def test_a_study_without_pictures_is_said_in_one_line(
    tour: Callable[..., Any], user: Any, iris: EmbeddedIris, phantoms: PhantomSet
) -> None:
    study_uid = "2.25.1234509876"
    report = next(
        one.path
        for one in iris.store.instances(phantoms.study("ct-contrast").study_uid)
        if one.sop_class_uid == CONCLUSION
    )
    ds = pydicom.dcmread(report)
    ds.StudyInstanceUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = study_uid, "2.25.98765", "2.25.987654"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(user.home / "report.dcm")
    iris.store.ingest([user.home / "report.dcm"])
    order(iris, study_uid)
    assert "image" in the_line(user.run(*tour(study_uid)))


def transcript(user: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((user.home / "tour" / "transcript.json").read_text(encoding="utf-8"))
    return found


def order(iris: EmbeddedIris, study_uid: str) -> None:
    """Post a workitem for the study, as a hospital's system would: like one that is there, of another study."""
    with requests.Session() as http:
        http.auth, http.trust_env = (iris.user, iris.password), False
        headers = {"Accept": "application/dicom+json", "Content-Type": "application/dicom+json"}
        found = http.get(f"{iris.url}/workitems?limit=1", headers=headers, timeout=20).json()[0]
        text = json.dumps([{**found, "0020000D": {"vr": "UI", "Value": [study_uid]}}])
        dataset = json.loads(text)
        for element in ("00080016", "00080018", "00741000"):
            dataset[0].pop(element, None)
        dataset[0]["00741000"] = {"vr": "CS", "Value": ["SCHEDULED"]}
        answer = http.post(f"{iris.url}/workitems?workitem=2.25.777", json.dumps(dataset), headers=headers, timeout=20)
        assert answer.status_code == 201, answer.text

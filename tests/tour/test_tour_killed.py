"""A tour that is killed in any of its steps and started again ends well, and nothing is lost or there twice."""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
import requests

from workstation.app import application
from workstation.demo.phantoms import PhantomSet
from workstation.demo.server import EmbeddedIris
from workstation.settings import Settings

if not hasattr(os, "fork"):
    pytest.skip("needs SIGKILL", allow_module_level=True)

pytestmark = pytest.mark.slow

# PS3.6: enhanced and comprehensive 3D structured report, key object selection, encapsulated PDF
NAMES = {
    "1.2.840.10008.5.1.4.1.1.88.22": "conclusion",
    "1.2.840.10008.5.1.4.1.1.88.34": "measurements",
    "1.2.840.10008.5.1.4.1.1.88.59": "key objects",
    "1.2.840.10008.5.1.4.1.1.104.1": "pdf",
    "1.2.840.10008.5.1.4.1.1.11.1": "presentation",
}
# a moment within each step, in its order: its name, what came before it, seconds after it began
MOMENTS = (
    ("worklist", "", 0.3),
    ("open", "worklist", 1.2),
    ("tilted", "open", 4.0),
    ("open", "tilted", 1.0),
    ("measure", "open", 5.0),
    ("report", "measure", 0.5),
    ("sign", "report", 0.7),
    ("deliver", "sign", 0.1),
    ("bring back", "deliver", 0.02),
)


def standing_at(step: str, before: str) -> Callable[[list[str]], bool]:
    """Whether a tour has come to a step: right after another, or at the start."""

    def reached(steps: list[str]) -> bool:
        return steps[-1:] == [step] and (not before or steps[-2:-1] == [before])

    return reached


@pytest.mark.timeout(900)
def test_a_tour_killed_in_every_step_finishes_the_case_once(
    user: Any, phantoms: PhantomSet, traces: ModuleType, oracle: ModuleType
) -> None:
    folder = user.home / "tour"
    killed = []
    header = pydicom.dcmread(phantoms.study("ct-main").files[0], stop_before_pixels=True)
    wanted = [*traces.of_person(header), *traces.of_pixels(phantoms.study("ct-main").files, 50)]
    for step, before, wait in MOMENTS:
        done = user.run_until(folder, standing_at(step, before), "tour", folder, wait=wait)
        killed.append((step, done.returncode))
        assert done.returncode in (0, -9), done.stderr
        assert traces.search(traces.files_below(user.home / "tmp", user.desk), wanted, user.home) == {}, step
    early = {step for step, status in killed if status == 0}
    assert early <= {"deliver", "bring back"}, "these may be over before the signal comes"
    if killed[-1][1] == -9:
        done = user.run("tour", folder)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    assert oracle.signature_refused(folder) == ""
    there_is_one_of_each(user, phantoms.study("ct-main").study_uid, folder)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(20))
def test_a_tour_killed_at_random_moments_finishes_the_case_once(user: Any, phantoms: PhantomSet, seed: int) -> None:
    folder, study_uid = user.home / "tour", phantoms.study("ct-thick").study_uid
    chance = random.Random(seed)
    words = ("tour", folder, "--study", study_uid)
    for _kill in range(3):
        done = user.run_until(folder, lambda _steps: True, *words, wait=chance.uniform(0.0, 9.0))
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
    else:
        done = user.run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    there_is_one_of_each(user, study_uid, folder)


def there_is_one_of_each(user: Any, study_uid: str, folder: Path) -> None:
    """One conclusion with its companions at the server, one package here, one completed workitem, one length a study.

    The server is asked over plain HTTP, started anew on the folder that the tours left.
    """
    with EmbeddedIris(user.state / "iris") as iris, requests.Session() as http:
        http.auth, http.trust_env = (iris.user, iris.password), False
        http.headers["Accept"] = "application/dicom+json"
        found = http.get(
            f"{iris.url}/studies/{study_uid}/instances", params={"includefield": "00081140"}, timeout=30
        ).json()
        instances = [(one["00080016"]["Value"][0], one["00080018"]["Value"][0]) for one in found]
        made = Counter(NAMES[sop_class] for sop_class, _uid in instances if sop_class in NAMES)
        items = http.get(f"{iris.url}/workitems", params={"StudyInstanceUID": study_uid}, timeout=30).json()
        (item,) = items
        workitem = http.get(f"{iris.url}/workitems/{item['00080018']['Value'][0]}", timeout=30).json()[0]
    manifest = (folder / "manifest.dcm").exists()
    assert made == {"conclusion": 1, "measurements": 1, "key objects": 1 + manifest, "presentation": 1, "pdf": 1}
    conclusion = pydicom.dcmread(folder / "conclusion.dcm")
    assert conclusion.SOPInstanceUID in [uid for _sop_class, uid in instances]
    assert workitem["00741000"]["Value"] == ["COMPLETED"]
    (performed,) = workitem["00741216"]["Value"]
    outputs = [
        reference["00081155"]["Value"][0]
        for series in performed["00404033"]["Value"]
        for reference in series["00081199"]["Value"]
    ]
    assert sorted(outputs) == sorted(uid for sop_class, uid in instances if sop_class in NAMES)
    passphrase = (user.state / "passphrase").read_text(encoding="ascii")
    with application(replace(Settings(user.desk), language="en"), passphrase=lambda: passphrase) as opened:
        (package,) = opened.desk.outbox()
        assert package.state == "delivered"
        assert sorted(uid for _role, uid, _digest in package.objects) == sorted(outputs)
        drawn = opened.desk.draft(package.case_uid)["measurements"]["drawings"]
    lengths = Counter(one["source"]["study_uid"] for one in drawn if one["kind"] == "length")
    assert set(lengths.values()) == {1}, "each study was measured once"

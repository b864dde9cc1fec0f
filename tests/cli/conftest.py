"""The command line as a user has it: a process of its own, before an embedded IRIS with one case."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from tests import rendered_images, tiny_instances
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Site:
    """The server with its one case, and the files that a user would have."""

    iris: EmbeddedIris
    study_uid: str
    images: int
    password_file: Path
    passphrase_file: Path

    def server(self) -> list[str]:
        return ["--url", self.iris.url, "--user", self.iris.user, "--password-file", str(self.password_file)]


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the user who runs the tests: no keyring, no folders, no display, no proxy; English."""
    unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "LC_ALL", "LC_MESSAGES", "IRIS_WORKSTATION_DATA")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted and "proxy" not in name.lower()}
    return kept | {
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "share"),
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


@pytest.fixture(scope="module")
def tiny() -> ModuleType:
    """The module that makes tiny objects."""
    return tiny_instances


@pytest.fixture(scope="module")
def images() -> ModuleType:
    """The module that makes images of known content."""
    return rendered_images


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny: ModuleType) -> Iterator[Site]:
    """An embedded IRIS with a study of four slices, its prior of two and the order to read it."""
    folder = tmp_path_factory.mktemp("site")
    with EmbeddedIris(folder / "iris") as iris:
        study_uid, prior_uid = new_uid(), new_uid()
        with IrisSession(ServerProfile("embedded", iris.url, user=iris.user), iris.password) as session:
            web = DicomWeb(session)
            web.store(study_uid, tiny.ct_series(4, study_uid=study_uid))
            web.store(prior_uid, tiny.ct_series(2, study_uid=prior_uid, study_date="20250111"))
        order(iris, study_uid)
        password_file, passphrase_file = folder / "password.txt", folder / "passphrase.txt"
        password_file.write_text(f"{iris.password}\n", encoding="utf-8")
        passphrase_file.write_text("пароль архива\n", encoding="utf-8")
        yield Site(iris, study_uid, 4, password_file, passphrase_file)


def order(iris: EmbeddedIris, study_uid: str) -> None:
    """Post the workitem as a hospital's system would (PS3.18 §11.4)."""

    def element(vr: str, value: Any) -> dict[str, Any]:
        return {"vr": vr, "Value": [value]}

    request = {
        "0020000D": element("UI", study_uid),
        "00080020": element("DA", "20260110"),
        "00080060": element("CS", "CT"),
    }
    dataset = {
        "00080005": element("CS", "ISO_IR 192"),
        "00100010": element("PN", {"Alphabetic": "Смирнова^Ольга"}),
        "00100020": element("LO", "77-1"),
        "00100021": element("LO", "LPU-7"),
        "00404005": element("DT", "20260110103000+0300"),
        "00404011": element("DT", "20260110180000+0300"),
        "00404041": element("CS", "READY"),
        "00741000": element("CS", "SCHEDULED"),
        "00741200": element("CS", "HIGH"),
        "00741202": element("LO", "CT-CHEST"),
        "00741204": element("LO", "Описание КТ"),
        "0040A370": element("SQ", request),
    }
    answer = requests.post(
        f"{iris.url}/workitems?workitem={new_uid()}",
        json.dumps([dataset]),
        headers={"Content-Type": "application/dicom+json"},
        auth=(iris.user, iris.password),
        timeout=10,
    )
    assert answer.status_code == 201, answer.text


@pytest.fixture
def child_environment(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


@pytest.fixture
def run(child_environment: dict[str, str], tmp_path: Path) -> Run:
    """`run("worklist", …)` starts the program and waits for its end."""

    def start(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        command: Sequence[str] = [sys.executable, "-m", "workstation", *(str(word) for word in words)]
        return subprocess.run(
            command,
            env=child_environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    return start


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> list[str]:
    """The options of a desk of its own: a new archive, sealed by a passphrase, in English."""
    return ["--language", "en", "--data", str(tmp_path / "desk"), "--passphrase-file", str(site.passphrase_file)]

"""`demo --serve`: the embedded IRIS for other clients, on pictures that take no time to make."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from workstation.demo.phantoms import PhantomSeries, Visit, ensure_phantoms
from workstation.demo.phantoms.catalogue import PHANTOMS
from workstation.demo.phantoms.model import Made
from workstation.jobs import silent


@pytest.fixture
def folder(tmp_path: Path, tiny: ModuleType) -> Path:
    """A folder of the embedded IRIS whose phantoms, by their names, are one tiny image each."""

    def make(visit: Visit, place: Path, scale: float, step: Callable[[], None]) -> Made:
        series_uid = f"{visit.study_uid}1"
        (data,) = tiny.ct_series(
            1,
            study_uid=visit.study_uid,
            series_uid=series_uid,
            patient_id=visit.patient.patient_id,
            patient_name=visit.patient.name,
            issuer=visit.patient.issuer,
            study_date=visit.date,
        )
        (place / "1.dcm").write_bytes(data)
        return Made((PhantomSeries(series_uid, 1, "CT", "", "1.2.840.10008.1.2.1", (place / "1.dcm",)),), {})

    ensure_phantoms(tmp_path / "iris" / "phantoms", silent, phantoms=[replace(one, make=make) for one in PHANTOMS])
    return tmp_path / "iris"


def test_the_server_announces_itself_answers_and_ends_when_interrupted(
    folder: Path, tmp_path: Path, child_environment: dict[str, str], run: Callable[..., Any]
) -> None:
    command = [sys.executable, "-m", "workstation", "demo", "--serve", "--iris", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=child_environment
    ) as served:
        try:
            assert served.stdout is not None
            announced = json.loads(served.stdout.readline())
            assert set(announced) == {"url", "user", "password", "oidc_issuer", "oidc_client_id"}
            sign_in = (announced["user"], announced["password"])
            studies = requests.get(f"{announced['url']}/studies", auth=sign_in, timeout=20)
            assert len(studies.json()) == len(PHANTOMS)
            assert requests.get(f"{announced['url']}/studies", timeout=20).status_code == 401

            password = tmp_path / "password.txt"
            password.write_text(announced["password"], encoding="utf-8")
            passphrase = tmp_path / "passphrase.txt"
            passphrase.write_text("archive of a guest", encoding="utf-8")
            desk = ["--data", tmp_path / "desk", "--passphrase-file", passphrase]
            server = ["--url", announced["url"], "--user", announced["user"], "--password-file", password]
            listed = run(*desk, "worklist", *server)
            assert listed.returncode == 0, listed.stderr
            assert len(listed.stdout.splitlines()) == sum(one.visit.role == "current" for one in PHANTOMS)
        finally:
            served.send_signal(signal.SIGINT)
            _out, complaints = served.communicate(timeout=20)
    assert complaints == ""
    assert served.returncode == 0

"""`kill -9` at any moment of writing, signing and sending ends where it would have ended without."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faulty_proxy import FaultyProxy
from workstation.demo.server import EmbeddedIris

if not hasattr(os, "fork"):
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)


@pytest.mark.parametrize(
    "seeds", [20, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(1800)])], ids=["few", "many"]
)
def test_a_conclusion_killed_on_its_way_arrives_once_and_nothing_kept_is_lost(
    post_office: tuple[EmbeddedIris, FaultyProxy], identity_file: Path, tmp_path: Path, seeds: int
) -> None:
    iris, _proxy = post_office
    known = {
        "url": iris.url, "root": iris.root, "user": iris.user, "password": iris.password,
        "identity": str(identity_file), "pin": "пароль",
    }  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed_case", tmp_path, str(seeds)],
        input=json.dumps(known), capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(found) == seeds
    for run in found:
        said = run["said"]
        # what the reader was told to be kept is here
        assert run["step"] >= (6 if said in ("signed", "sent") else int(said)), run
        assert run["packages"] == (said in ("signed", "sent")) or said == "6", run
        # and goes on from there to the one end, with the bytes that were signed
        assert (run["failed"], run["carried"], run["messages"]) == ("", True, []), run
        assert (run["sound"], run["chain"], run["files"]) == (True, True, run["slices"]), run
    # the moments were worth it: before and after signing
    assert {run["said"] for run in found} >= {"6", "signed"}
    assert sum(run["killed"] for run in found) > seeds / 2

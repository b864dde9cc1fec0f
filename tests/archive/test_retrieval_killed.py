"""A pull killed at any moment leaves nothing half-written, and goes on by asking only for what lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)


@pytest.mark.parametrize(
    "seeds", [20, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(900)])], ids=["few", "many"]
)
def test_a_killed_pull_is_whole_and_resumes(tmp_path: Path, seeds: int) -> None:
    program = Path(__file__).with_name("killed_pull.py")
    result = subprocess.run(
        [sys.executable, program, tmp_path, str(seeds)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    runs = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(runs) == seeds
    for run in runs:
        assert run["whole"], run
        assert run["files"] == run["held"] == run["received"], run
        assert run["incoming"] == 0, run
        assert run["asked_again"] == 0, run
        assert run["complete"], run
        assert run["all"], run
    # the moments were worth it: some in the middle of the objects
    assert any(0 < run["held"] < 40 and run["killed"] for run in runs)

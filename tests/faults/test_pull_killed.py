"""`kill -9` at any moment of a pull, removal, trim or import leaves nothing half-done, and it goes on from there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)

_MANY = pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(1800)])
_SEEDS = pytest.mark.parametrize("seeds", [20, _MANY], ids=["few", "many"])
_FEWER_SEEDS = pytest.mark.parametrize("seeds", [8, _MANY], ids=["few", "many"])


def runs(work: str, folder: Path, seeds: int) -> list[dict[str, Any]]:
    """What each start after a kill found; what holds for all works is asserted here."""
    command = [sys.executable, "-m", "tests.faults.killed_work", work, folder, str(seeds)]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(found) == seeds
    for run in found:
        assert run["files"] == run["objects"], run
        assert (run["sound"], run["notes"], run["chain"]) == (True, 0, True), run
    # the moments were worth it
    assert any(run["killed"] for run in found)
    return found


@_SEEDS
def test_a_killed_pull_is_whole_and_asks_only_for_what_lacks(tmp_path: Path, seeds: int) -> None:
    found = runs("pull", tmp_path, seeds)
    for run in found:
        assert run["received"] == run["objects"], run
        assert (run["same"], run["asked_again"], run["complete"], run["all"]) == (True, 0, True, True), run
    assert any(0 < run["objects"] < 40 for run in found)


@_FEWER_SEEDS
def test_a_killed_removal_leaves_whole_studies_or_none(tmp_path: Path, seeds: int) -> None:
    found = runs("removal", tmp_path, seeds)
    for run in found:
        assert set(run["held"]) <= {12}, run
        assert run["removed"] == run["entries"] == 6 - len(run["held"]), run
    assert any(0 < len(run["held"]) < 6 for run in found)


@_FEWER_SEEDS
def test_a_killed_trim_leaves_whole_studies_and_never_takes_a_pinned_one(tmp_path: Path, seeds: int) -> None:
    found = runs("trim", tmp_path, seeds)
    for run in found:
        assert set(run["held"]) == {12}, run
        # one entry is that of the pin
        assert run["removed"] == run["entries"] - 1 == 6 - len(run["held"]), run
        assert (run["pinned"], run["left"], run["resumed"]) == (True, ["1.2.3"], True), run
    assert any(1 < len(run["held"]) < 6 for run in found)


@_FEWER_SEEDS
def test_a_killed_import_is_whole_and_takes_in_only_the_rest(tmp_path: Path, seeds: int) -> None:
    found = runs("import", tmp_path, seeds)
    for run in found:
        assert run["again"] == run["objects"], run
        assert run["again"] + run["new"] == 40, run
        assert run["resumed"] == {"objects": 40, "files": 40, "sound": True, "notes": 0, "chain": True}, run
    assert any(0 < run["objects"] < 40 for run in found)

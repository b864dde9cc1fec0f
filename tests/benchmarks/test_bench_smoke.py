"""A tiny run of the benchmarks, so that they don't rot; their figures are no test."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_tiny_run_measures_everything_but_the_server_and_checks_its_pictures(tmp_path: Path) -> None:
    found = tmp_path / "figures.json"
    options = ["--slices", "12", "--side", "96", "--repeat", "1", "--steps", "2", "--no-server", "--json", str(found)]
    options += ["--workitems", "300", "--instances", "600"]
    before = _status()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "next slice, key → painted, 788×488" in done.stdout
    report = json.loads(found.read_text(encoding="utf-8"))
    assert report["left_out"] == ["what needs Debian's Orthanc"]
    assert len(report["figures"]) > 15
    assert all(figure["samples"] for figure in report["figures"])
    assert all(figure["value"] > 0 for figure in report["figures"] if figure["unit"] == "ms")
    assert _status() == before


def _status() -> set[str]:
    """What lies in the folder of the benchmarks and beside it, but for Python's own caches."""
    return {path.name for path in (*ROOT.iterdir(), *(ROOT / "benchmarks").iterdir()) if path.name != "__pycache__"}

"""`archive`: status, verify with repair, trim and remove, each with its exit status."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def files_of(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "desk" / "archive" / "objects").rglob("*") if path.is_file())


def test_damage_is_named_and_fetched_anew(run: Run, site: Any, desk: list[str], tmp_path: Path) -> None:
    assert run(*desk, "pull", *site.server(), "--study", site.study_uid).returncode == 0
    files = files_of(tmp_path)
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-1])

    found = run(*desk, "archive", "verify")
    assert found.returncode == 1, found.stderr
    assert "6 objects opened" in found.stdout
    assert "2 damaged" in found.stdout
    assert "Смирнова" not in found.stdout + found.stderr
    offline = run(*desk, "archive", "verify", "--repair", "--json")
    assert offline.returncode == 1
    assert "The desk is offline" in offline.stderr
    assert not json.loads(offline.stdout)["sound"]

    mended = run(*desk, "archive", "verify", "--repair", *site.server(), "--json")
    assert mended.returncode == 0, mended.stderr
    plain = json.loads(mended.stdout)
    assert (plain["sound"], [damage["mended"] for damage in plain["damages"]]) == (True, [True, True])
    assert run(*desk, "archive", "verify").returncode == 0


def test_studies_are_removed_on_the_readers_word_alone(run: Run, site: Any, desk: list[str], tmp_path: Path) -> None:
    assert run(*desk, "pull", *site.server(), "--study", site.study_uid).returncode == 0
    asked = run(*desk, "archive", "remove", "--all")
    assert (asked.returncode, len(files_of(tmp_path))) == (1, 6)
    assert "--yes" in asked.stderr
    one = run(*desk, "archive", "remove", site.study_uid)
    assert one.returncode == 0, one.stderr
    assert site.study_uid in one.stdout
    assert len(files_of(tmp_path)) == 2
    again = run(*desk, "archive", "remove", site.study_uid)
    assert again.returncode == 1
    assert "holds no such study" in again.stderr
    assert run(*desk, "archive", "remove", "--all", "--yes").returncode == 0
    assert files_of(tmp_path) == []


def test_a_full_desk_is_trimmed_and_what_is_pinned_stays(run: Run, site: Any, desk: list[str], tmp_path: Path) -> None:
    assert run(*desk, "pull", *site.server(), "--study", site.study_uid).returncode == 0
    (tmp_path / "desk" / "settings.toml").write_text('language = "en"\narchive_limit_gb = 1e-9\n', encoding="utf-8")
    assert run(*desk, "archive", "pin", site.study_uid).returncode == 0
    trimmed = run(*desk, "archive", "trim", "--json")
    assert trimmed.returncode == 1
    assert "over its limit" in trimmed.stderr
    assert [one["objects"] for one in json.loads(trimmed.stdout)["removed"]] == [2]
    state = json.loads(run(*desk, "archive", "status", "--json").stdout)
    assert (state["studies"], state["objects"], state["kept_studies"], state["removed_studies"]) == (1, 4, 1, 1)
    assert run(*desk, "archive", "unpin", site.study_uid).returncode == 0
    assert run(*desk, "archive", "trim").returncode == 0
    assert files_of(tmp_path) == []

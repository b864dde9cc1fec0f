"""`render` and `inspect` on a Siemens mosaic: its slices are the frames."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.mosaics import file, mosaic, tiles_of
from workstation import cli


@pytest.fixture
def lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    def run(command: str, *words: str) -> list[dict[str, Any]]:
        capfd.readouterr()
        common = ["--language", "en", command, "--json", str(tmp_path / "mosaic.dcm")]
        assert cli.run([*common, *words]) == 0
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    (tmp_path / "mosaic.dcm").write_bytes(file(mosaic(tiles_of(7, 24, 20))))
    return run


def test_raw_values_of_a_mosaic_are_those_of_its_tiles_in_their_order(lines: Any, tmp_path: Path) -> None:
    (line,) = lines("render", "--raw", "-o", str(tmp_path / "out"))
    assert (line["frames"], line["shape"], line["spacing"]) == (7, [7, 24, 20], [2.0, 1.5])
    assert np.array_equal(np.load(line["output"]), tiles_of(7, 24, 20))


def test_one_tile_is_asked_for_by_its_number_and_a_plane_goes_through_all(lines: Any, tmp_path: Path) -> None:
    (line,) = lines("render", "--raw", "--frame", "5", "-o", str(tmp_path / "out"))
    assert np.array_equal(np.load(line["output"]), tiles_of(7, 24, 20)[4:5])
    (line,) = lines("render", "--plane", "sagittal", "-o", str(tmp_path / "out"))
    assert (line["status"], line["frames"]) == ("ok", 7)


def test_inspect_tells_the_volume_and_the_tiles_left_out(lines: Any) -> None:
    found = json.dumps(lines("inspect"))
    assert '"n_frames": 7' in found
    assert '"volume": true' in found
    assert "7 slices of a mosaic, 2 empty tiles left out" in found

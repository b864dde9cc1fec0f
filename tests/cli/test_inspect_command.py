"""`inspect` tells stacks, their geometry and their reasons; a bad file is a line, and the rest is told all the same."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest


@pytest.fixture
def folder(tmp_path: Path, tiny: ModuleType) -> Path:
    """Ten slices 1 mm apart without the fifth and sixth, a truncated file, a text, and an object without pixels."""
    made = tmp_path / "study"
    made.mkdir()
    slices = tiny.ct_series(10)
    for number, data in enumerate(slices):
        if number not in (4, 5):
            (made / f"{number}.dcm").write_bytes(data)
    (made / "cut.dcm").write_bytes(slices[4][:-100])
    (made / "letter.txt").write_text("no DICOM", encoding="utf-8")
    bare = pydicom.dcmread(io.BytesIO(slices[5]))
    for name in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(bare, name)
    bare.SOPClassUID = bare.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    bare.Modality = "SR"
    bare.save_as(made / "report.dcm")
    return made


def test_each_stack_is_a_line_of_json_and_bad_files_are_lines_too(run: Callable[..., Any], folder: Path) -> None:
    result = run("inspect", folder, "--json")
    assert (result.returncode, result.stderr) == (1, "")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    bad = {Path(line["path"]).name: line["status"] for line in lines if line["status"] != "ok"}
    assert bad == {"cut.dcm": "unreadable", "letter.txt": "unreadable", "report.dcm": "refused"}
    (stack,) = [line for line in lines if line["status"] == "ok"]
    assert (stack["n_frames"], stack["n_positions"], stack["duplicates"]) == (8, 8, 0)
    assert stack["orientation"] == [1, 0, 0, 0, 1, 0]
    assert stack["spacing"] == [0.7, 0.7]
    assert stack["slice_step"] == [0, 0, 1]
    assert (stack["tilt_degrees"], stack["volume"], stack["split_rule"]) == (0, True, "")
    assert stack["gaps"] == [{"after": 3, "missing": 2, "from_mm": 4.0, "to_mm": 7.0}]
    assert stack["reason"] == "2 slices missing between 4.0 and 7.0 mm"


def test_people_read_a_short_table_without_patient_data(run: Callable[..., Any], folder: Path) -> None:
    result = run("inspect", folder)
    assert result.returncode == 1
    assert "volume, 8 images, step 1 mm, 2 slices missing between 4.0 and 7.0 mm" in result.stdout
    assert "stacks: 1, volumes: 1, images: 8" in result.stdout
    assert "Смирнова" not in result.stdout
    assert "77-1" not in result.stdout


def test_a_sound_folder_is_status_0(run: Callable[..., Any], folder: Path) -> None:
    for name in ("cut.dcm", "letter.txt"):
        (folder / name).unlink()
    assert run("inspect", folder).returncode == 0


def test_repeated_places_and_repeated_objects_are_told_apart(
    run: Callable[..., Any], tmp_path: Path, tiny: ModuleType
) -> None:
    slices = tiny.ct_series(4)
    for number, data in enumerate(slices):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    (tmp_path / "same.dcm").write_bytes(slices[2])
    result = run("inspect", tmp_path, "--json")
    (stack,) = map(json.loads, result.stdout.splitlines())
    assert (stack["copies"], stack["duplicates"], stack["volume"]) == (1, 0, True)
    assert "1 copy under a UID that was given already" in stack["reason"]
    other = pydicom.dcmread(io.BytesIO(slices[2]))
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    other.save_as(tmp_path / "same.dcm")
    (stack,) = map(json.loads, run("inspect", tmp_path, "--json").stdout.splitlines())
    assert (stack["copies"], stack["duplicates"], stack["volume"], stack["n_positions"]) == (0, 1, False, 4)
    assert "5 images at 4 positions" in stack["reason"]

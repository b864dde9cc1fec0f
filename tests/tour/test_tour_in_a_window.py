"""The main job in English, in a real window of an X server, on a large screen."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workstation.demo.phantoms import PhantomSet

pytestmark = [pytest.mark.xvfb, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def toured(new_user: Callable[[], Any], phantoms: PhantomSet, screen: Any) -> tuple[Path, Any]:
    user = new_user()
    folder = user.home / "tour"
    study = phantoms.study("ct-main").study_uid
    words = ("--language", "en", "tour", folder, "--study", study, "--size", "1920x1200")
    return folder, user.run(*words, display=screen.name)


def test_it_ends_well_with_all_its_files(toured: tuple[Path, Any], oracle: ModuleType) -> None:
    folder, done = toured
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [name for name in oracle.FILES if not (folder / name).is_file()] == []


def test_each_picture_shows_a_window_of_the_wanted_size(toured: tuple[Path, Any]) -> None:
    folder, _done = toured
    for picture in folder.glob("*.png"):
        data = picture.read_bytes()
        assert struct.unpack(">II", data[16:24]) == (1920, 1200)
        assert len(data) > 60_000


def test_the_nodule_is_as_large_as_it_was_painted(toured: tuple[Path, Any], phantoms: PhantomSet) -> None:
    folder, _done = toured
    steps = json.loads((folder / "transcript.json").read_text(encoding="utf-8"))["steps"]
    assert [step["step"] for step in steps] == [
        "worklist", "open", "measure", "report", "sign", "deliver", "bring back",
    ]  # fmt: skip
    measured = next(step for step in steps if step["step"] == "measure")
    truth = phantoms.study("ct-main").truth["nodules"][0]
    assert truth["name"] == "main"
    assert measured["found"] == "spot"
    assert measured["length_mm"] == pytest.approx(truth["diameter_mm"], abs=0.5)


@pytest.mark.oracle
def test_others_find_the_documents_right(toured: tuple[Path, Any], oracle: ModuleType) -> None:
    folder, _done = toured
    assert oracle.signature_refused(folder) == ""
    assert oracle.errors_in_documents(folder) == []
    assert oracle.pdf_signature_refused(folder) == ""


@pytest.mark.oracle
def test_the_conclusion_is_in_english_of_a_patient_named_in_cyrillic(
    toured: tuple[Path, Any], oracle: ModuleType
) -> None:
    folder, _done = toured
    told = oracle.text_of(folder / "conclusion.dcm")
    assert "Demonstration report. Measured: 12." in told
    assert '(en,RFC5646,"English")' in told
    assert "Иванова^Мария^Петровна" in told

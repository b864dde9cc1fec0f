"""The main job in Russian, without a display: its files, what others say of them, the truth, and what stays behind."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest

from workstation.demo.phantoms import PhantomSet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = ["worklist", "open", "tilted", "open", "measure", "report", "sign", "deliver", "bring back"]


@dataclass(frozen=True)
class Toured:
    """A tour that has ended."""

    user: Any
    folder: Path
    status: int
    told: str
    complained: str

    @property
    def transcript(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "transcript.json").read_text(encoding="utf-8"))
        return found

    def step(self, name: str) -> dict[str, Any]:
        """The last step of that name."""
        found: dict[str, Any] = [step for step in self.transcript["steps"] if step["step"] == name][-1]
        return found


@pytest.fixture(scope="module")
def toured(new_user: Callable[[], Any]) -> Toured:
    user = new_user()
    folder = user.home / "tour"
    done = user.run("tour", folder)
    return Toured(user, folder, done.returncode, done.stdout, done.stderr)


def nodule(phantoms: PhantomSet, study: str) -> float:
    """The diameter of the study's main nodule, mm, as truth.json has it."""
    truth = json.loads((phantoms.folder / "truth.json").read_text(encoding="utf-8"))
    (found,) = (each["diameter_mm"] for each in truth["studies"][study]["nodules"] if each["name"] == "main")
    return float(found)


def test_it_ends_well_and_says_nothing_but_its_steps(toured: Toured) -> None:
    assert toured.status == 0, toured.complained
    assert toured.complained == ""
    assert [line.split("  ")[0] for line in toured.told.splitlines()] == STEPS


def test_all_promised_files_are_there(toured: Toured, oracle: ModuleType) -> None:
    assert [name for name in oracle.FILES if not (toured.folder / name).is_file()] == []


@pytest.mark.parametrize("name", ["worklist", "reading", "mpr", "report", "sign", "outbox"])
def test_each_picture_is_a_whole_window_with_much_to_see(toured: Toured, name: str) -> None:
    data = (toured.folder / f"{name}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1280, 800)
    # an empty window of that size packs into a few kilobytes
    assert len(data) > 40_000


def test_the_pictures_differ_from_each_other(toured: Toured) -> None:
    pictures = [
        (toured.folder / f"{name}.png").read_bytes()
        for name in ("worklist", "reading", "mpr", "report", "sign", "outbox")
    ]
    assert len(set(pictures)) == len(pictures)


@pytest.mark.oracle
def test_dcmsign_verifies_the_conclusion_as_a_signed_report(toured: Toured, oracle: ModuleType) -> None:
    assert oracle.signature_refused(toured.folder) == ""


@pytest.mark.oracle
def test_dcmsign_refuses_the_conclusion_with_a_letter_changed(
    toured: Toured, oracle: ModuleType, tmp_path: Path
) -> None:
    data = (toured.folder / "conclusion.dcm").read_bytes()
    word, other = "Учебное".encode(), "Учебные".encode()
    assert word in data
    (tmp_path / "conclusion.dcm").write_bytes(data.replace(word, other))
    assert oracle.signature_refused(tmp_path, toured.folder / "ca.pem") != ""


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_any_document(toured: Toured, oracle: ModuleType) -> None:
    assert all((toured.folder / name).exists() for name in oracle.DOCUMENTS)
    assert oracle.errors_in_documents(toured.folder) == []


@pytest.mark.oracle
def test_pdfsig_finds_the_signature_valid_over_the_whole_document(toured: Toured, oracle: ModuleType) -> None:
    assert oracle.pdf_signature_refused(toured.folder) == ""


@pytest.mark.oracle
def test_dsrdump_shows_the_text_in_cyrillic(toured: Toured, oracle: ModuleType) -> None:
    told = oracle.text_of(toured.folder / "conclusion.dcm")
    measured = f"{toured.step('measure')['length_mm']:.1f}".replace(".", ",")
    assert f"Учебное заключение. Измерено: {measured} мм." in told
    assert "Иванова^Мария^Петровна" in told
    assert "Verification Flag   : VERIFIED" in told


def test_the_nodule_is_as_large_as_it_was_painted(toured: Toured, phantoms: PhantomSet) -> None:
    step = toured.step("measure")
    assert step["found"] == "spot"
    assert step["spacing"] == "patient geometry"
    assert step["length_mm"] == pytest.approx(nodule(phantoms, "ct-main"), abs=0.5)


def test_the_nodule_of_the_prior_is_as_large_as_it_was_painted(toured: Toured, phantoms: PhantomSet) -> None:
    assert toured.step("measure")["prior_length_mm"] == pytest.approx(nodule(phantoms, "ct-main-prior"), abs=0.5)


def test_the_nodule_of_the_tilted_ct_is_as_large_in_its_sagittal_plane(toured: Toured, phantoms: PhantomSet) -> None:
    step = toured.step("tilted")
    assert step["plane"] == "sagittal"
    assert step["length_mm"] == pytest.approx(nodule(phantoms, "ct-tilt"), abs=0.5)


@pytest.mark.oracle
def test_the_signed_length_is_the_one_that_was_drawn(toured: Toured, oracle: ModuleType) -> None:
    drawn = f"{toured.step('measure')['length_mm']:.10f}"
    assert drawn[:-1] in oracle.text_of(toured.folder / "measurements.dcm")
    assert drawn[:-1] in oracle.text_of(toured.folder / "conclusion.dcm")


def test_the_transcript_tells_each_step_with_its_time_and_what_it_came_to(toured: Toured, phantoms: PhantomSet) -> None:
    steps = toured.transcript["steps"]
    assert toured.transcript["finished"] is True
    assert [step["step"] for step in steps] == STEPS
    assert all(step["state"] == "done" and 0 < step["seconds"] < 120 for step in steps)
    assert steps[0]["cases"] >= 12
    opened, delivered = toured.step("open"), toured.step("deliver")
    assert opened["study"] == phantoms.study("ct-main").study_uid
    assert opened["expected"] == opened["received"] == len(phantoms.study("ct-main").files)
    (prior,) = opened["priors"]
    assert prior["study"] == phantoms.study("ct-main-prior").study_uid
    assert prior["expected"] == prior["received"] >= len(phantoms.study("ct-main-prior").files)
    assert delivered["case_state"] == "done"
    roles = [document["role"] for document in delivered["documents"]]
    assert roles == ["key_images", "presentation", "measurements", "pdf", "manifest", "conclusion"]
    signed = pydicom.dcmread(toured.folder / "conclusion.dcm")
    assert signed.SOPInstanceUID == delivered["documents"][-1]["uid"]


def test_the_transcript_names_nobody(toured: Toured, phantoms: PhantomSet, traces: ModuleType) -> None:
    header = pydicom.dcmread(phantoms.study("ct-main").files[0], stop_before_pixels=True)
    file = toured.folder / "transcript.json"
    assert traces.search([file], traces.of_person(header), toured.folder) == {}
    assert [trace for trace in traces.of_person(header) if trace.needle in toured.told.encode()] == []


def test_nothing_of_the_patient_is_in_the_clear_in_what_the_workstation_keeps(
    toured: Toured, phantoms: PhantomSet, traces: ModuleType
) -> None:
    """The embedded IRIS, searched the same way, is full of it: the search can fail."""
    main, prior, tilted = (phantoms.study(key) for key in ("ct-main", "ct-main-prior", "ct-tilt"))
    conclusion = pydicom.dcmread(toured.folder / "conclusion.dcm")
    texts = [str(element.value) for element in conclusion.iterall() if element.keyword == "TextValue"]
    wanted = [
        *traces.of_person(pydicom.dcmread(main.files[0], stop_before_pixels=True)),
        *traces.of_person(pydicom.dcmread(tilted.files[0], stop_before_pixels=True)),
        *traces.of_sentences(text for text in texts if len(text) > 24),
        *traces.of_pixels(main.files, 50),
        *traces.of_pixels(prior.files, 60),
        *traces.of_pixels(tilted.files, 50),
    ]
    home, state = toured.user.home, toured.user.state
    iris = list(traces.files_below(state / "iris"))
    kept = [file for file in traces.files_below(home) if not file.is_relative_to(state / "iris")]
    kept = [file for file in kept if not file.is_relative_to(toured.folder)]
    assert sum(file.is_relative_to(toured.user.desk) for file in kept) > 600
    assert any(file.suffix == ".db" or "sqlite" in file.name for file in kept), "the database is among them"
    assert traces.search(kept, wanted, home) == {}
    kinds = {trace.kind for trace in wanted}
    assert {trace.kind for trace in traces.search(iris, wanted, home)} == kinds
    assert kinds >= {"name", "number", "birth date", "accession number", "sentence", "pixels", "compressed pixels"}

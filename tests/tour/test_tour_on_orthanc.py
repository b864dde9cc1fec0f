"""The main job on a real archive without a worklist: Debian's Orthanc, with a series of real pictures.

The reader signs with an identity file of their own, after mistyping its password.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest

from workstation.demo.phantoms import PhantomSet
from workstation.signing.authority import Authority

pytestmark = [pytest.mark.orthanc, pytest.mark.slow, pytest.mark.timeout(600)]

MADE = {"SR", "KO", "DOC"}


@dataclass(frozen=True)
class Toured:
    """Two tours into one folder: the first with a wrong password."""

    user: Any
    orthanc: Any
    folder: Path
    study_uid: str
    mistyped: Any
    made_by_mistyped: int
    done: Any


@pytest.fixture(scope="module")
def pictures(request: pytest.FixtureRequest, phantoms: PhantomSet) -> list[Path]:
    """A head of 93 slices from a real scanner; where it is absent, a phantom."""
    try:
        folder = request.getfixturevalue("shared_data") / "ct_slicer_head_tiny_93"
    except pytest.skip.Exception:
        return list(phantoms.study("ct-thick").files)
    return sorted(folder.glob("*.dcm"))


@pytest.fixture(scope="module")
def orthanc(orthanc_program: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with orthanc_program.running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="module")
def toured(new_user: Callable[[], Any], orthanc: Any, pictures: list[Path], identity_file: Path) -> Toured:
    for file in pictures:
        orthanc.upload(file.read_bytes())
    study_uid = str(pydicom.dcmread(pictures[0], stop_before_pixels=True).StudyInstanceUID)
    user = new_user()
    folder, secrets = user.home / "tour", user.home / "secrets"
    secrets.mkdir()
    for name, secret in (("server", orthanc.password), ("mistyped", "gfhjkm"), ("identity", "пароль")):
        (secrets / name).write_text(f"{secret}\n", encoding="utf-8")
    words = ["tour", folder, "--url", orthanc.dicomweb_url, "--user", orthanc.user, "--password-file"]
    words += [secrets / "server", "--study", study_uid, "--identity", identity_file, "--identity-password-file"]
    mistyped = user.run(*words, secrets / "mistyped")
    made_by_mistyped = len(objects(orthanc))
    done = user.run(*words, secrets / "identity")
    return Toured(user, orthanc, folder, study_uid, mistyped, made_by_mistyped, done)


def objects(orthanc: Any) -> dict[str, bytes]:
    """The documents that Orthanc holds, by SOP Instance UID, fetched by its own interface and not by ours."""
    found = {}
    for identifier in json.loads(orthanc.rest("GET", "/instances")):
        tags = json.loads(orthanc.rest("GET", f"/instances/{identifier}/simplified-tags"))
        if tags["Modality"] in MADE:
            found[tags["SOPInstanceUID"]] = orthanc.rest("GET", f"/instances/{identifier}/file")
    return found


def test_a_wrong_password_of_the_identity_is_one_clear_line(toured: Toured) -> None:
    assert toured.mistyped.returncode == 1
    (line,) = toured.mistyped.stderr.splitlines()
    assert line.startswith("iris-workstation: ")
    assert "password" in line
    assert "gfhjkm" not in line
    assert toured.made_by_mistyped == 0


def test_the_tour_ends_well_with_all_its_files(toured: Toured, oracle: ModuleType) -> None:
    assert toured.done.returncode == 0, toured.done.stderr
    assert toured.done.stderr == ""
    assert [name for name in oracle.FILES if not (toured.folder / name).is_file()] == []


def test_orthanc_holds_the_conclusion_byte_for_byte(toured: Toured) -> None:
    held = objects(toured.orthanc)
    mine = (toured.folder / "conclusion.dcm").read_bytes()
    ds = pydicom.dcmread(toured.folder / "conclusion.dcm")
    assert ds.StudyInstanceUID == toured.study_uid
    assert held[ds.SOPInstanceUID] == mine


def test_orthanc_holds_every_document_once_and_as_it_was_signed(toured: Toured, oracle: ModuleType) -> None:
    written = [toured.folder / name for name in oracle.DOCUMENTS if (toured.folder / name).exists()]
    assert len(written) >= 4, "a manifest is there for large studies only"
    assert sorted(objects(toured.orthanc).values()) == sorted(file.read_bytes() for file in written)


@pytest.mark.oracle
def test_others_find_the_documents_right(
    toured: Toured, oracle: ModuleType, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(authority.pem)
    assert oracle.signature_refused(toured.folder, tmp_path / "root.pem") == ""
    assert oracle.signature_refused(toured.folder) == "", "ca.pem is the root of the identity that signed"
    assert oracle.errors_in_documents(toured.folder) == []
    assert oracle.pdf_signature_refused(toured.folder) == ""


@pytest.mark.oracle
def test_the_reader_is_who_the_identity_says(toured: Toured, oracle: ModuleType) -> None:
    told = oracle.text_of(toured.folder / "conclusion.dcm")
    assert '"Person Observer Name")="Петрова^Анна^Сергеевна"' in told
    assert "Референс-центр № 1" in told


def test_the_transcript_counts_what_was_fetched(toured: Toured, pictures: list[Path]) -> None:
    steps = json.loads((toured.folder / "transcript.json").read_text(encoding="utf-8"))["steps"]
    opened = next(step for step in steps if step["step"] == "open")
    measured = next(step for step in steps if step["step"] == "measure")
    assert opened["study"] == toured.study_uid
    assert opened["expected"] == opened["received"] == len(pictures)
    assert measured["length_mm"] > 10

"""`import` and `export`: media in, a case to another desk or to students; a line for each bad file, no name outside."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.archive.media import sources
from workstation.archive.parcel import Parcel
from workstation.errors import UnreadableObject

Run = Callable[..., Any]
PASSPHRASE = "трость под зонтом 17"
NAME = "Смирнова"


@pytest.fixture
def slices(tiny: ModuleType) -> list[bytes]:
    made: list[bytes] = tiny.ct_series(3)
    return made


@pytest.fixture
def folder(tmp_path: Path, slices: list[bytes]) -> Path:
    """A medium: three slices in folders, a README, an object cut short, a slice's UID with other pixels."""
    made = tmp_path / "medium"
    (made / "IMAGES" / "B").mkdir(parents=True)
    (made / "IMAGES" / "1").write_bytes(slices[0])
    (made / "IMAGES" / "2").write_bytes(slices[1])
    (made / "IMAGES" / "B" / "3").write_bytes(slices[2])
    return made


@pytest.fixture
def other_desk(site: Any, tmp_path: Path) -> list[str]:
    return ["--language", "en", "--data", str(tmp_path / "other"), "--passphrase-file", str(site.passphrase_file)]


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "outside.txt"
    path.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return path


def study_of(data: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(data)).StudyInstanceUID)


def lines(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_folder_is_taken_in_and_stands_in_the_worklist(
    run: Run, desk: list[str], site: Any, folder: Path, slices: list[bytes]
) -> None:
    (folder / "README.TXT").write_text("viewer", encoding="utf-8")
    result = run(*desk, "import", folder)
    assert (result.returncode, result.stderr) == (0, "")
    study = study_of(slices[0])
    assert result.stdout == f"{study}: 3 new, 0 held already, 0 with other content under a held UID\n"
    # a refresh of the server's list leaves it where it is
    listed = lines(run(*desk, "worklist", *site.server(), "--json"))
    (case,) = [one for one in listed if one["study"] == study]
    assert (case["patient"], case["modality"]) == ("Смирнова^Ольга", "CT")


def test_bad_files_and_collisions_cost_a_line_each_and_nothing_else(
    run: Run, desk: list[str], folder: Path, slices: list[bytes]
) -> None:
    (folder / "IMAGES" / "cut").write_bytes(slices[0][:-20])
    changed = bytearray(slices[1])
    changed[-1] ^= 1
    (folder / "IMAGES" / "changed").write_bytes(changed)
    result = run(*desk, "import", folder, "--json")
    assert (result.returncode, result.stderr) == (1, "")
    said = {Path(one["path"]).name: one["status"] for one in lines(result) if "path" in one}
    # of two with one UID the first that was found is kept
    assert said.pop("cut") == "unreadable"
    assert said == {"1": "new", "2": "new", "changed": "collision", "3": "new"} or said == {
        "1": "new", "2": "collision", "changed": "new", "3": "new"
    }  # fmt: skip
    (study,) = [one for one in lines(result) if "path" not in one]
    assert study == {"study": study_of(slices[0]), "new": 3, "held": 0, "collisions": 1}
    assert NAME not in result.stdout


def test_a_zip_is_read_where_it_lies(run: Run, desk: list[str], tmp_path: Path, slices: list[bytes]) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x", slices[2])
    with zipfile.ZipFile(tmp_path / "studies.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside.dcm", slices[0])
        archive.writestr("B/2", slices[1])
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("autorun.inf", "[autorun]")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    result = run(*desk, "import", "studies.zip", "--json")
    assert result.returncode == 1
    said = {one["path"].removeprefix("studies.zip/"): one["status"] for one in lines(result) if "path" in one}
    assert said == {
        "../../outside.dcm": "new", "B/2": "new", "inner.zip": "unreadable", "autorun.inf": "skipped"
    }  # fmt: skip
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(tmp_path / "desk" in path.parents for path in made)
    assert not [path for path in made if NAME.encode() in path.read_bytes()]


def test_a_zip_that_promises_too_much_is_not_opened(run: Run, desk: list[str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        # one stream of 64 MiB of zeros, named by twenty entries of the directory
        with archive.open("0", "w", force_zip64=True) as file:
            for _number in range(64):
                file.write(bytes(1 << 20))
        first = archive.infolist()[0]
        for number in range(1, 20):
            twin = zipfile.ZipInfo(str(number))
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(twin, field, getattr(first, field))
            archive.filelist.append(twin)
    result = run(*desk, "import", "bomb.zip")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == "bomb.zip: The ZIP archive is not opened: it promises more than it can hold.\n".replace(
        "hold.", "hold"
    )


def test_what_is_no_medium_is_said(run: Run, desk: list[str], tmp_path: Path) -> None:
    (tmp_path / "disc.iso").write_bytes(bytes(0x8001) + b"NSR03" + bytes(2048))
    (tmp_path / "letter.txt").write_text("nothing of DICOM", encoding="utf-8")
    result = run(*desk, "import", "disc.iso", "letter.txt", "nowhere")
    assert (result.returncode, result.stderr) == (1, "")
    disc, letter, nowhere = result.stdout.splitlines()
    assert "Mount it" in disc
    assert letter == "letter.txt: Not a DICOM object"
    assert "no such file" in nowhere


def test_a_sealed_case_arrives_at_another_desk_byte_for_byte(
    run: Run,
    desk: list[str],
    other_desk: list[str],
    folder: Path,
    slices: list[bytes],
    passphrase: Path,
    tmp_path: Path,
) -> None:
    study = study_of(slices[0])
    assert run(*desk, "import", folder).returncode == 0
    sealing = ("--sealed", "--export-passphrase-file", passphrase)
    result = run(*desk, "export", study, "-o", "case.iris", *sealing)
    assert (result.returncode, result.stderr) == (0, "")
    sealed = (tmp_path / "case.iris").read_bytes()
    for open_text in (NAME.encode(), b"DICM", b"77-1", study.encode(), slices[0][-64:]):
        assert open_text not in sealed

    again = run(*desk, "export", study, "-o", "case.iris", *sealing)
    assert (again.returncode, again.stdout) == (1, "")
    assert (tmp_path / "case.iris").read_bytes() == sealed

    taken = run(*other_desk, "import", "case.iris", "--export-passphrase-file", passphrase, "--json")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert lines(taken)[-1] == {"study": study, "new": 3, "held": 0, "collisions": 0}
    # the same bytes as on the medium are held already, any other would collide
    twice = run(*other_desk, "import", folder, "--json")
    assert lines(twice)[-1] == {"study": study, "new": 0, "held": 3, "collisions": 0}

    events = [one["event"] for one in lines(run(*desk, "audit", "--list", "--json"))]
    assert [event for event in events if event.startswith("study ")] == [
        "study import begun", "study imported", "study exported"
    ]  # fmt: skip


def test_the_sealed_file_opens_by_its_documented_form(
    run: Run, desk: list[str], folder: Path, slices: list[bytes], passphrase: Path, tmp_path: Path
) -> None:
    run(*desk, "import", folder)
    run(*desk, "export", study_of(slices[0]), "-o", "case.iris", "--sealed", "--export-passphrase-file", passphrase)
    sealed = (tmp_path / "case.iris").read_bytes()
    header, body = sealed[:29], sealed[29:]
    assert header[:13] == b"IRISCASE" + bytes((0, 1, 17, 8, 1))
    key = hashlib.scrypt(PASSPHRASE.encode(), salt=header[13:], n=2**17, r=8, p=1, maxmem=1 << 28, dklen=32)
    # less than a megabyte: one chunk, the last
    length = int.from_bytes(body[:4], "big")
    assert length & 1 << 31
    plain = AESGCM(key).decrypt(bytes(12), body[4:], header + body[:4])
    assert plain == b"".join(len(data).to_bytes(8, "big") + data for data in slices)


@pytest.mark.parametrize("fault", ["passphrase", "changed", "cut", "longer"])
def test_a_sealed_case_that_is_not_whole_is_said(fault: str, tiny: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "case.iris"
    objects = tiny.ct_series(3, side=600)
    with Parcel(path, PASSPHRASE) as parcel:
        for data in objects:
            parcel.add(data)
        parcel.finish()
        parcel.publish()
    sealed = bytearray(path.read_bytes())
    if fault == "changed":
        sealed[-9] ^= 1
    elif fault == "cut":
        # at a chunk's end, so that each chunk that is left is whole
        del sealed[29 + 4 + (1 << 20) + 16 :]
    elif fault == "longer":
        sealed += b"\0"
    path.write_bytes(sealed)
    *found, last = sources([path], lambda: "another passphrase" if fault == "passphrase" else PASSPHRASE)
    # 2.2 MB in three chunks: what came before the damage is kept
    kept = {"passphrase": 0, "changed": 2, "cut": 1, "longer": 3}[fault]
    assert [one.read() for one in found] == objects[:kept]
    with pytest.raises(UnreadableObject) as refused:
        last.read()
    assert ("passphrase is wrong" in str(refused.value)) == (fault == "passphrase")


def test_a_short_passphrase_and_a_study_not_held_are_refused(
    run: Run, desk: list[str], folder: Path, slices: list[bytes], passphrase: Path, tmp_path: Path
) -> None:
    run(*desk, "import", folder)
    sealing = ("-o", "case.iris", "--sealed", "--export-passphrase-file", passphrase)
    missing = run(*desk, "export", "1.2.3", *sealing)
    assert missing.returncode == 1
    assert "holds nothing of this study" in missing.stderr
    passphrase.write_text("short", encoding="utf-8")
    short = run(*desk, "export", study_of(slices[0]), *sealing)
    assert short.returncode == 1
    assert "at least 12 characters" in short.stderr
    assert not (tmp_path / "case.iris").exists()


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_study_goes_to_students_without_its_patient(
    run: Run, desk: list[str], folder: Path, slices: list[bytes], tmp_path: Path, form: str
) -> None:
    study = study_of(slices[0])
    capture = pydicom.dcmread(io.BytesIO(slices[0]))
    capture.SOPClassUID, capture.Modality, capture.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "OT", "1.2.3.4.5"
    capture.save_as(folder / "capture", enforce_file_format=True)
    assert run(*desk, "import", folder).returncode == 0
    made = tmp_path / ("teaching.zip" if form == "zip" else "teaching")
    result = run(*desk, "export", study, "-o", made, "--anonymous")
    assert (result.returncode, result.stderr) == (0, "")
    first, *rest = result.stdout.splitlines()
    assert first == f"{made}: 3 objects without their patient"
    assert [line.strip() for line in rest] == [
        "1 object left out: it was captured from a screen or digitised, often with text",
        "Look at those pictures; if none shows a name, add --accept-burned-in.",
    ]
    if form == "zip":
        with zipfile.ZipFile(made) as archive:
            archive.extractall(tmp_path / "unpacked")
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        made = tmp_path / "unpacked"
    files = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
    assert files == ["DICOMDIR", *(f"IMAGES/S00001/E00001/I{number:06}" for number in (1, 2, 3))]
    everything = b"".join((made / name).read_bytes() for name in files)
    for open_text in (NAME.encode(), b"77-1", study.encode(), b"19700115", b"20260110", b"LPU-7"):
        assert open_text not in everything
    pixels = {pydicom.dcmread(io.BytesIO(data)).PixelData for data in slices}
    assert {pydicom.dcmread(made / name).PixelData for name in files[1:]} == pixels
    (event,) = [one for one in lines(run(*desk, "audit", "--list", "--json")) if one["event"] == "study exported"]
    assert event["subject"] == study
    assert event["detail"] == {"form": "anonymous", "objects": 3}
    checked = run(*desk, "export", study, "-o", tmp_path / "all.zip", "--anonymous", "--accept-burned-in", "--json")
    assert json.loads(checked.stdout)["objects"] == 4


def test_an_export_of_nothing_that_may_go_leaves_no_file(
    run: Run, desk: list[str], folder: Path, slices: list[bytes], tmp_path: Path
) -> None:
    for path in (folder / "IMAGES").rglob("*"):
        if path.is_file():
            ds = pydicom.dcmread(path)
            ds.BurnedInAnnotation = "YES"
            ds.save_as(path)
    run(*desk, "import", folder)
    before = set(tmp_path.iterdir())
    result = run(*desk, "export", study_of(slices[0]), "-o", "teaching", "--anonymous")
    assert (result.returncode, result.stdout) == (1, "")
    assert "3 objects left out: its pictures have burned-in text" in result.stderr
    assert set(tmp_path.iterdir()) == before
    events = [one["event"] for one in lines(run(*desk, "audit", "--list", "--json"))]
    assert "study exported" not in events

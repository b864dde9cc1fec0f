"""DICOMDIR: what we write another program reads, and what others write names its files here."""

import gc
import io
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet

from tests import tiny_instances
from workstation.dicom.media_directory import MediaDirectory, referenced_files
from workstation.errors import UnreadableObject


def test_a_directory_of_ours_is_read_by_other_programs(tmp_path: Path) -> None:
    directory = MediaDirectory()
    files: dict[tuple[str, ...], str] = {}
    for study, count in enumerate((3, 2), 1):
        for number, data in enumerate(tiny_instances.ct_series(count, patient_name=f"ANON-{study}"), 1):
            file_id = ("IMAGES", f"S{study}", f"I{number}")
            path = tmp_path.joinpath(*file_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            ds = pydicom.dcmread(io.BytesIO(data))
            assert directory.add(ds, file_id)
            files[file_id] = ds.SOPInstanceUID
    (tmp_path / "DICOMDIR").write_bytes(directory.encode())
    read = FileSet(tmp_path / "DICOMDIR")
    named = {Path(one.path): one.SOPInstanceUID for one in read}
    assert named == {tmp_path.joinpath(*file_id): uid for file_id, uid in files.items()}
    assert len(read.find_values("StudyInstanceUID")) == 2
    # its reader leaves a temporary folder to the garbage collector
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del read
        gc.collect()
    dump = subprocess.run(["dcmdump", str(tmp_path / "DICOMDIR")], capture_output=True, text=True, check=True)
    assert dump.stdout.count("DirectoryRecordType") == 1 + 2 + 2 + 5
    checked = subprocess.run(["dciodvfy", "-new", str(tmp_path / "DICOMDIR")], capture_output=True, check=False)
    said = (checked.stdout + checked.stderr).decode("latin-1").splitlines()
    assert [line for line in said if line.startswith("Error")] == []


def test_the_files_that_a_directory_of_another_program_names(tmp_path: Path) -> None:
    made = tmp_path / "IMG"
    made.mkdir()
    for number, data in enumerate(tiny_instances.ct_series(3, patient_name="A^B", description="chest"), 1):
        (made / f"I{number}").write_bytes(data)
    # dcmtk asks for values that a tiny object has not
    subprocess.run(
        ["dcmmkdir", "+id", str(tmp_path), "+D", str(tmp_path / "DICOMDIR"), "+r", "-Pgp", "-W", "IMG"],
        capture_output=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    named = referenced_files((tmp_path / "DICOMDIR").read_bytes())
    assert sorted(named) == [("IMG", "I1"), ("IMG", "I2"), ("IMG", "I3")]


def test_a_directory_cut_short_is_unreadable() -> None:
    directory = MediaDirectory()
    directory.add(pydicom.dcmread(io.BytesIO(tiny_instances.ct_series(1)[0])), ("A",))
    with pytest.raises(UnreadableObject):
        referenced_files(directory.encode()[:-40])

"""The set as a whole: who is in it, how it is stored, and that a broken cache is made anew."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.pixels import pixel_array

from workstation.demo.phantoms import PhantomSet, ensure_phantoms
from workstation.demo.phantoms.catalogue import PHANTOMS
from workstation.errors import Cancelled
from workstation.jobs import Progress, silent

SCALE = 0.125
FEW = tuple(p for p in PHANTOMS if p.visit.key.startswith(("flg-focus", "ct-thick")))
SYNTAXES = {
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.5",
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    return ensure_phantoms(tmp_path_factory.mktemp("phantoms"), silent, scale=SCALE)


def test_every_current_study_belongs_to_another_patient(small: PhantomSet) -> None:
    patients = [study.patient.patient_id for study in small.current]
    assert len(patients) >= 12
    assert len(set(patients)) == len(patients)
    assert all("^" in study.patient.name and study.patient.issuer for study in small.current)


def test_a_prior_is_of_the_same_patient_but_shares_no_uid(small: PhantomSet) -> None:
    def uids(key: str) -> set[str]:
        objects = [pydicom.dcmread(file, stop_before_pixels=True) for file in small.study(key).files]
        return {str(e.value) for ds in objects for e in ds if e.VR == "UI" and e.keyword != "SOPClassUID"}

    for key in ("ct-main", "dx-nodule", "flg-focus"):
        (prior,) = small.priors_of(key)
        assert prior.patient == small.study(key).patient
        assert prior.date < small.study(key).date
        assert not uids(key) & uids(prior.key)


def test_all_promised_transfer_syntaxes_are_there_and_decode(small: PhantomSet) -> None:
    seen = set()
    for study in small.studies:
        for series in study.series:
            ds = pydicom.dcmread(series.files[0])
            assert ds.file_meta.TransferSyntaxUID == series.transfer_syntax_uid
            assert pixel_array(ds).shape == (ds.Rows, ds.Columns)
            seen.add(series.transfer_syntax_uid)
    assert seen == SYNTAXES


def test_the_files_say_whose_they_are(small: PhantomSet) -> None:
    for study in small.studies:
        for file in study.files:
            ds = pydicom.dcmread(file, stop_before_pixels=True)
            assert ds.SpecificCharacterSet == "ISO_IR 192"
            assert str(ds.PatientName) == study.patient.name
            assert (ds.PatientID, ds.IssuerOfPatientID) == (study.patient.patient_id, study.patient.issuer)
            assert (ds.StudyInstanceUID, ds.AccessionNumber) == (study.study_uid, study.accession)
            assert ds.StudyInstanceUID.startswith("2.25.")


@pytest.mark.oracle
def test_dciodvfy_finds_no_error(small: PhantomSet, tmp_path: Path) -> None:
    for study in small.studies:
        ds = pydicom.dcmread(study.files[0])
        if ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.201":
            # Debian's dicom3tools predates HTJ2K and can't read past the pixels: judged uncompressed
            ds.decompress()
        ds.save_as(tmp_path / "one.dcm")
        told = subprocess.run(
            ["dciodvfy", "-new", str(tmp_path / "one.dcm")], capture_output=True, text=True, check=False
        )
        assert "Error" not in told.stdout + told.stderr, study.key


def test_truth_lies_beside_the_pictures(small: PhantomSet) -> None:
    truth = json.loads((small.folder / "truth.json").read_text(encoding="utf-8"))["studies"]
    assert set(truth) == {study.key for study in small.studies}
    assert truth["ct-main"]["nodules"][0]["diameter_mm"] == 12.4
    assert truth["ct-main-prior"]["nodules"][0]["diameter_mm"] == 8.1
    assert truth["ct-tilt"]["tilt_degrees"] == 20


def test_a_radiograph_shows_dark_lungs_and_the_nodule_where_truth_says(small: PhantomSet) -> None:
    study = small.study("dx-nodule")
    picture = pixel_array(pydicom.dcmread(study.files[0])).astype(float)
    column, row = (round(p) for p in study.truth["nodules"][0]["projected_pixel"])
    rows, columns = picture.shape
    assert picture[row, column] > picture[row, column - 6 : column + 7 : 12].mean()
    spine = picture[rows // 2 - 5 : rows // 2 + 5, columns // 2 - 3 : columns // 2 + 3].mean()
    lung = picture[rows // 2 - 10 : rows // 2, columns // 5 : columns // 4].mean()
    assert lung < 0.75 * spine


def test_a_second_run_makes_nothing_and_the_same_seed_the_same_bytes(tmp_path: Path) -> None:
    one = ensure_phantoms(tmp_path / "a", silent, scale=SCALE, phantoms=FEW)
    told: list[Progress] = []
    again = ensure_phantoms(tmp_path / "a", told.append, scale=SCALE, phantoms=FEW)
    assert again == one
    assert told == []
    other = ensure_phantoms(tmp_path / "b", told.append, scale=SCALE, phantoms=FEW)
    assert told[-1].done == told[-1].total > 0
    for mine, theirs in zip(one.studies, other.studies, strict=True):
        assert [f.read_bytes() for f in mine.files] == [f.read_bytes() for f in theirs.files]


def _lose_the_manifest(made: PhantomSet) -> None:
    (made.folder / "manifest.json").unlink()


def _cut_a_file(made: PhantomSet) -> None:
    made.files[0].write_bytes(b"cut")


def _break_the_manifest(made: PhantomSet) -> None:
    (made.folder / "manifest.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize("harm", [_lose_the_manifest, _cut_a_file, _break_the_manifest])
def test_a_half_made_cache_is_made_anew(harm: Callable[[PhantomSet], None], tmp_path: Path) -> None:
    made = ensure_phantoms(tmp_path, silent, scale=SCALE, phantoms=FEW[-1:])
    whole = made.files[0].read_bytes()
    harm(made)
    assert ensure_phantoms(tmp_path, silent, scale=SCALE, phantoms=FEW[-1:]).files[0].read_bytes() == whole


def test_a_cancelled_run_leaves_no_manifest_and_the_next_one_ends_well(tmp_path: Path) -> None:
    def give_up(progress: Progress) -> None:
        if progress.done:
            raise Cancelled("Cancelled")

    with pytest.raises(Cancelled):
        ensure_phantoms(tmp_path, give_up, scale=SCALE, phantoms=FEW)
    assert not (tmp_path / "manifest.json").exists()
    made = ensure_phantoms(tmp_path, silent, scale=SCALE, phantoms=FEW)
    assert all(file.is_file() for file in made.files)

"""The manifest: when there is one, what it names, and what the conclusion then still names."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from workstation.dicom import concepts
from workstation.dicom.concepts import FINDING
from workstation.dicom.content import Conclusion, ImageReference, Section, Statement
from workstation.dicom.ko import write_manifest
from workstation.dicom.mac import DCMTK_BUFFER
from workstation.dicom.signatures import signed_size
from workstation.dicom.sr import needs_manifest, write_conclusion

MANIFEST, MANIFEST_SERIES = "2.25.5008", "2.25.5009"
REPORT, ECG = "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.9.1.1"


@pytest.fixture(scope="module")
def large(conclusion: Conclusion) -> Conclusion:
    """300 images and a prior of 40."""
    image, prior = conclusion.evidence[0], conclusion.other_evidence[0]
    more = (replace(image, sop_instance_uid=f"2.25.{10**38 + n}") for n in range(288))
    others = (replace(prior, sop_instance_uid=f"2.25.{10**38 + 1000 + n}") for n in range(39))
    return replace(
        conclusion,
        uids=replace(conclusion.uids, manifest=MANIFEST, manifest_series=MANIFEST_SERIES),
        evidence=(*conclusion.evidence, *more),
        other_evidence=(prior, *others),
    )


def named(sequence: list[Dataset]) -> list[str]:
    return [
        sop.ReferencedSOPInstanceUID
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for sop in series.ReferencedSOPSequence
    ]


def items(document: Dataset, kind: str) -> list[str]:
    return [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in document.ContentSequence
        if item.ValueType == kind
    ]


def test_few_images_are_all_evidence_and_need_no_manifest(conclusion: Conclusion, large: Conclusion) -> None:
    small = replace(large, evidence=conclusion.evidence, other_evidence=conclusion.other_evidence)
    assert not needs_manifest(small)
    assert write_conclusion(small) == write_conclusion(conclusion)


def test_of_many_images_the_conclusion_names_what_its_tree_does_and_its_companions(large: Conclusion) -> None:
    assert needs_manifest(large)
    written = dcmread(io.BytesIO(write_conclusion(large)))
    shown = {"2.25.20004", "2.25.20005", "2.25.20006"}
    companions = {large.uids.key_images, large.uids.measurements, large.uids.pdf, MANIFEST}
    assert set(named(written.CurrentRequestedProcedureEvidenceSequence)) == shown | companions
    assert named(written.PertinentOtherEvidenceSequence) == ["2.25.3003"]
    assert signed_size(write_conclusion(large)) <= DCMTK_BUFFER


def test_the_manifest_names_every_image_once_and_says_how_complete_that_is(large: Conclusion) -> None:
    written = dcmread(io.BytesIO(write_manifest(replace(large, evidence=(*large.evidence, large.evidence[0])))))
    everything = [image.sop_instance_uid for image in large.evidence]
    assert (written.SOPInstanceUID, written.SeriesInstanceUID) == (MANIFEST, MANIFEST_SERIES)
    assert (written.Modality, written.ConceptNameCodeSequence[0].CodeValue) == ("KO", "113030")
    assert items(written, "IMAGE") == everything
    assert named(written.CurrentRequestedProcedureEvidenceSequence) == everything
    assert "PertinentOtherEvidenceSequence" not in written
    (said,) = [
        item for item in written.ContentSequence if (item.ValueType, item.RelationshipType) == ("TEXT", "CONTAINS")
    ]
    assert said.TextValue.splitlines() == [
        large.completeness,
        "Для сравнения прочитано исследование 2.25.3001, объектов: 40.",
    ]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_is_no_image_stands_as_what_it_is_and_odd_uids_as_they_are(large: Conclusion) -> None:
    image = large.evidence[0]
    odd = replace(image, sop_instance_uid="1.2.03.4")
    report = ImageReference(image.study_uid, "2.25.71", REPORT, "2.25.72")
    ecg = ImageReference(image.study_uid, "2.25.73", ECG, "2.25.74")
    written = dcmread(io.BytesIO(write_manifest(replace(large, evidence=(odd, report, ecg)))))
    assert [items(written, kind) for kind in ("IMAGE", "COMPOSITE", "WAVEFORM")] == [
        ["1.2.03.4"],
        ["2.25.72"],
        ["2.25.74"],
    ]


def test_nothing_read_makes_no_manifest(large: Conclusion) -> None:
    nothing = replace(large, evidence=())
    assert not needs_manifest(nothing)
    with pytest.raises(ValueError, match="nothing"):
        write_manifest(nothing)


def test_a_long_conclusion_keeps_one_number_of_each_measurement_where_that_helps(large: Conclusion) -> None:
    size = signed_size(write_conclusion(large))
    filler = "x" * (DCMTK_BUFFER - size - 100)
    long = replace(large, sections=(*large.sections, Section(concepts.FINDINGS, "", (Statement(FINDING, filler),))))
    written = dcmread(io.BytesIO(write_conclusion(long)))
    assert signed_size(write_conclusion(long)) <= DCMTK_BUFFER
    assert needs_manifest(long)
    assert [number_count(document) for document in (dcmread(io.BytesIO(write_conclusion(large))), written)] == [7, 3]


def number_count(item: Dataset) -> int:
    return sum((child.ValueType == "NUM") + number_count(child) for child in item.get("ContentSequence", ()))


def test_a_conclusion_too_long_by_itself_keeps_the_full_evidence(large: Conclusion) -> None:
    long = Section(concepts.FINDINGS, "Описание", (Statement(FINDING, "Очаг. " * 2000),))
    wordy = replace(large, sections=(*large.sections, long))
    assert not needs_manifest(wordy)
    written = dcmread(io.BytesIO(write_conclusion(wordy)))
    assert {image.sop_instance_uid for image in large.evidence} < set(
        named(written.CurrentRequestedProcedureEvidenceSequence)
    )


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_manifest_and_conclusion(large: Conclusion, tmp_path: Path) -> None:
    for name, data in (("manifest", write_manifest(large)), ("conclusion", write_conclusion(large))):
        file = tmp_path / f"{name}.dcm"
        file.write_bytes(data)
        checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
        assert b"Error" not in checked.stderr + checked.stdout, name

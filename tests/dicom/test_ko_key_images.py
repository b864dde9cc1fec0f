"""Key images as a Key Object Selection."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from workstation.dicom.content import Conclusion, KeyImage
from workstation.dicom.ko import write_key_images


def test_key_images_of_the_study_are_named_once_with_captions_and_frames(conclusion: Conclusion) -> None:
    first, second = conclusion.key_images
    on_frame = KeyImage(replace(second.image, frame=3), second.picture_png, "Кадр 3")
    written = dcmread(io.BytesIO(write_key_images(replace(conclusion, key_images=(first, first, on_frame)))))
    images = [item for item in written.ContentSequence if item.ValueType == "IMAGE"]
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in images] == ["2.25.20004", "2.25.20005"]
    assert images[1].ReferencedSOPSequence[0].ReferencedFrameNumber == 3
    text = next(
        item for item in written.ContentSequence if item.RelationshipType == "CONTAINS" and item.ValueType == "TEXT"
    )
    assert text.TextValue.splitlines() == ["Очаг S6", "Кадр 3"]
    assert written.ContentTemplateSequence[0].TemplateIdentifier == "2010"


def test_key_images_of_a_prior_are_left_to_the_conclusion(conclusion: Conclusion) -> None:
    prior = KeyImage(conclusion.other_evidence[0], b"")
    written = dcmread(io.BytesIO(write_key_images(replace(conclusion, key_images=(*conclusion.key_images, prior)))))
    studies = [study.StudyInstanceUID for study in written.CurrentRequestedProcedureEvidenceSequence]
    assert studies == [conclusion.study.study_uid]
    with pytest.raises(ValueError, match="no key image"):
        write_key_images(replace(conclusion, key_images=(prior,)))


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_the_key_images(conclusion: Conclusion, tmp_path: Path) -> None:
    file = tmp_path / "key-images.dcm"
    file.write_bytes(write_key_images(conclusion))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout
    assert b"KeyObjectSelectionDocument" in checked.stderr + checked.stdout

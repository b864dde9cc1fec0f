"""Measurements written as TID 1500 and read back."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import pytest
from pydicom import dcmread

from workstation.dicom import concepts
from workstation.dicom.content import Conclusion, Measurement, Quantity
from workstation.dicom.documents import read_measurements
from workstation.dicom.tid1500 import write_measurements


def test_measurements_come_back_with_the_same_numbers_units_and_places(conclusion: Conclusion) -> None:
    assert read_measurements(write_measurements(conclusion)) == conclusion.measurements


def test_numbers_keep_every_digit(conclusion: Conclusion) -> None:
    awkward = replace(
        conclusion.measurements[0], quantities=(Quantity(concepts.LENGTH, 1 / 3 * 1e-3, concepts.MILLIMETER),)
    )
    (back,) = read_measurements(write_measurements(replace(conclusion, measurements=(awkward,))))
    assert back.primary.value == 1 / 3 * 1e-3


def test_a_length_without_label_or_known_unit_comes_back_without_them(conclusion: Conclusion) -> None:
    plain = replace(
        conclusion.measurements[0], quantities=(Quantity(concepts.LENGTH, 12.5, None),), label="", spacing_source=""
    )
    (back,) = read_measurements(write_measurements(replace(conclusion, measurements=(plain,))))
    assert back == plain


def test_a_frame_of_a_multiframe_image_and_a_prior_study_are_kept(conclusion: Conclusion) -> None:
    first = conclusion.measurements[0]
    frame = replace(first.anchor.image, frame=17)
    on_frame = replace(first, anchor=replace(first.anchor, image=frame))
    prior = replace(first, tracking_uid="2.25.9", study_date="20240312")
    prior = replace(prior, anchor=replace(first.anchor, image=conclusion.other_evidence[0]))
    data = write_measurements(replace(conclusion, measurements=(on_frame, prior)))
    assert read_measurements(data) == (on_frame, prior)
    assert dcmread(io.BytesIO(data)).PertinentOtherEvidenceSequence[0].StudyInstanceUID == "2.25.3001"


def test_highdicom_reads_the_groups_by_tracking_uid(conclusion: Conclusion) -> None:
    document = highdicom.sr.Comprehensive3DSR.from_dataset(dcmread(io.BytesIO(write_measurements(conclusion))))
    assert document.content.get_image_measurement_groups()
    for measurement in conclusion.measurements:
        (group,) = document.content.get_image_measurement_groups(tracking_uid=measurement.tracking_uid)
        assert group.tracking_identifier == measurement.label
        numbers = [(number.name.value, number.value, number.unit.value) for number in group.get_measurements()]
        assert numbers == [(q.name.value, q.value, q.unit.value) for q in measurement.quantities if q.unit]


def test_without_measurements_there_is_no_document(conclusion: Conclusion) -> None:
    with pytest.raises(ValueError, match="no measurement"):
        write_measurements(replace(conclusion, measurements=()))


def test_the_report_is_verified_by_the_reader_with_identification_code_and_zone(conclusion: Conclusion) -> None:
    written = dcmread(io.BytesIO(write_measurements(conclusion)))
    verifier = written.VerifyingObserverSequence[0]
    assert verifier.VerifyingObserverIdentificationCodeSequence[0].CodeValue == "R-0815"
    assert written.TimezoneOffsetFromUTC == "+0300"
    assert written.StudyInstanceUID == conclusion.study.study_uid


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_the_measurements(conclusion: Conclusion, tmp_path: Path) -> None:
    file = tmp_path / "measurements.dcm"
    file.write_bytes(write_measurements(conclusion))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout
    assert b"Comprehensive3DSR" in checked.stderr + checked.stdout
    subprocess.run(["dsrdump", "-q", file], capture_output=True, check=True)


def test_a_measurement_of_a_tool_we_do_not_know_is_passed_over(conclusion: Conclusion) -> None:
    polygon = replace(
        conclusion.measurements[0],
        anchor=replace(
            conclusion.measurements[0].anchor,
            graphic_type="POLYGON",
            points_px=((1.0, 1.0), (5.0, 1.0), (5.0, 5.0), (1.0, 1.0)),
        ),
    )
    kept: Measurement = conclusion.measurements[1]
    scoord_polygon = replace(polygon, anchor=replace(polygon.anchor, graphic_type="MULTIPOINT"))
    data = write_measurements(replace(conclusion, measurements=(scoord_polygon, kept)))
    assert read_measurements(data) == (kept,)

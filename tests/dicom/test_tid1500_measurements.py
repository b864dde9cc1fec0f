"""Measurements written as TID 1500 and read back."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from workstation.dicom import concepts
from workstation.dicom.content import Code, Conclusion, GraphicType, Measurement, MeasurementKind, Quantity
from workstation.dicom.documents import read_measurements
from workstation.dicom.tid1500 import write_measurements

SUV = Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")


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


def every_kind(conclusion: Conclusion) -> tuple[Measurement, ...]:
    """One measurement of each kind, on an image and on a reformat, with uncertainties, units and remarks."""
    on_image, _region, reformat = conclusion.measurements[:3]
    drawn: dict[MeasurementKind, tuple[GraphicType, list[tuple[float, float]], tuple[Quantity, ...]]] = {
        "length": (
            "POLYLINE",
            [(1.5, 2.25), (7.125, 3.0)],
            (Quantity(concepts.LENGTH, 5.6500884949, concepts.MILLIMETER, 0.57),),
        ),
        "angle": (
            "POLYLINE",
            [(1.5, 2.25), (7.0, 3.0), (9.0, 9.5)],
            (Quantity(concepts.ANGLE, 100 / 3, concepts.DEGREE, 2 / 3),),
        ),
        "cobb": (
            "POLYLINE",
            [(1.0, 2.0), (7.0, 3.0), (1.0, 40.0), (8.0, 33.0)],
            (Quantity(concepts.COBB_ANGLE, 54.462322208, concepts.DEGREE, 1.25),),
        ),
        "polygon": (
            "POLYLINE",
            [(1.0, 1.0), (5.0, 1.0), (5.0, 5.5), (1.0, 1.0)],
            (
                Quantity(concepts.MEAN, 1 / 3, SUV),
                Quantity(concepts.STANDARD_DEVIATION, 0.0, SUV),
                Quantity(concepts.MINIMUM, 0.0, SUV),
                Quantity(concepts.MAXIMUM, 2.5, SUV),
                Quantity(concepts.AREA, 9.0, concepts.SQUARE_MILLIMETER, 0.1),
            ),
        ),
        "point": ("POINT", [(17.5, 4.5)], (Quantity(concepts.ATTENUATION, -37.0, concepts.HOUNSFIELD_UNIT),)),
    }
    made = []
    for number, (kind, (graphic, points, quantities)) in enumerate(drawn.items()):
        flat = replace(on_image.anchor, graphic_type=graphic, points_px=tuple(points))
        remark = "on a slab of 5 mm (mip)" if kind == "polygon" else ""
        first = replace(
            on_image, tracking_uid=f"2.25.5{number}", kind=kind, anchor=flat, quantities=quantities, remark=remark
        )
        in_space = replace(
            reformat.anchor,
            graphic_type="POLYGON" if kind == "polygon" else graphic,
            points_mm=tuple((x, y, -12.5) for x, y in points),
        )
        made += [first, replace(first, tracking_uid=f"2.25.6{number}", anchor=in_space)]
    return tuple(made)


@pytest.mark.golden(16)
def test_measurements_of_every_kind_come_back_identical_in_numbers_units_and_places(conclusion: Conclusion) -> None:
    written = every_kind(conclusion)
    assert read_measurements(write_measurements(replace(conclusion, measurements=written))) == written


def test_another_program_reads_the_same_numbers_units_and_graphics(conclusion: Conclusion) -> None:
    written = every_kind(conclusion)
    data = write_measurements(replace(conclusion, measurements=written))
    document = highdicom.sr.Comprehensive3DSR.from_dataset(dcmread(io.BytesIO(data)))
    for measurement in written:
        (group,) = document.content.get_image_measurement_groups(tracking_uid=measurement.tracking_uid)
        numbers = [(number.name.value, number.value, number.unit.value) for number in group.get_measurements()]
        assert numbers == [(q.name.value, q.value, q.unit.value) for q in measurement.quantities if q.unit]
        graphic = group.get_measurements()[0].referenced_coordinates[0]
        assert graphic.graphic_type.value == measurement.anchor.graphic_type
        points = measurement.anchor.points_px or measurement.anchor.points_mm
        assert graphic.value.tolist() == pytest.approx(np.array(points))


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_measurements_of_every_kind(conclusion: Conclusion, tmp_path: Path) -> None:
    file = tmp_path / "measurements.dcm"
    file.write_bytes(write_measurements(replace(conclusion, measurements=every_kind(conclusion))))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout
    subprocess.run(["dsrdump", "-q", file], capture_output=True, check=True)

"""Presentation states of a conclusion: read back here, accepted and rendered by others."""

import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from highdicom.pr import GraphicObject
from pydicom import dcmread

from tests.grey_images import image, saved
from workstation.dicom.content import Anchor, Conclusion, ImageReference, PresentedImage
from workstation.dicom.document_header import companions
from workstation.dicom.gsps import states_of, write_presentation
from workstation.dicom.lut import VoiTable, Window
from workstation.dicom.presentation_state import read_presentation_state

LUNG, SOFT = Window(-600.0, 1500.0), Window(40.0, 400.0, "SIGMOID")


def presented(conclusion: Conclusion, **changes: object) -> tuple[PresentedImage, ...]:
    """The images of the line and the ellipse of the sample, as of a CT of 512 × 512."""
    line, ellipse = conclusion.measurements[:2]
    common = {"rows": 512, "columns": 512, "intercept": -1024.0, "rescale_type": "HU", "pixel_spacing": (0.7, 0.7)}
    return (
        PresentedImage(
            line.anchor.image,
            **{**common, "voi": LUNG, "labels": ((line.tracking_uid, "Очаг S6\r\n7,2 мм"),), **changes},
        ),
        PresentedImage(
            ellipse.anchor.image, **{**common, "voi": SOFT, "labels": ((ellipse.tracking_uid, "34 HU"),), **changes}
        ),
    )


def with_states(conclusion: Conclusion, images: tuple[PresentedImage, ...]) -> Conclusion:
    uids = tuple(f"2.25.600{n}" for n in range(len(states_of(images))))
    changed = replace(conclusion.uids, presentations=uids, presentations_series="2.25.6100")
    return replace(conclusion, presented=images, uids=changed)


@pytest.fixture
def written(conclusion: Conclusion) -> bytes:
    return write_presentation(with_states(conclusion, presented(conclusion)), "2.25.6000")


def test_graphics_texts_and_windows_come_back_where_they_were(written: bytes, conclusion: Conclusion) -> None:
    state = read_presentation_state(written)
    line, ellipse = conclusion.measurements[:2]
    assert state.refusal == ""
    assert (state.slope, state.intercept, state.shape) == (1.0, -1024.0, "IDENTITY")
    for measurement, window, text in ((line, LUNG, "Очаг S6\n7,2 мм"), (ellipse, SOFT, "34 HU")):
        uid = measurement.anchor.image.sop_instance_uid
        voi, area = state.voi_for(uid, 0), state.area_for(uid, 0)
        assert voi is not None
        assert voi.windows == (window,)
        assert area is not None
        assert (area.first, area.last) == ((1, 1), (512, 512))
        (annotation,) = state.annotations_for(uid, 0)
        (graphic,) = annotation.graphics
        assert graphic.kind == measurement.anchor.graphic_type
        assert graphic.points == measurement.anchor.points_px
        assert [one.text for one in annotation.texts] == [text]


def test_the_measurement_report_and_the_state_have_the_tracking_uid_in_common(
    written: bytes, conclusion: Conclusion
) -> None:
    """PS3.3 C.10.5: Tracking UID (0062,0021) of a graphic object."""
    found = [
        graphic.TrackingUID
        for item in dcmread(io.BytesIO(written)).GraphicAnnotationSequence
        for graphic in item.GraphicObjectSequence
    ]
    assert found == [one.tracking_uid for one in conclusion.measurements[:2]]


def test_images_whose_rescale_or_polarity_differs_get_states_of_their_own(conclusion: Conclusion) -> None:
    """One state has one Modality LUT and one Presentation LUT Shape (PS3.3 A.33.1)."""
    first, second = presented(conclusion)
    parted = with_states(conclusion, (first, replace(second, slope=2.0), replace(first, inverted=True)))
    assert len(parted.uids.presentations) == 3
    slopes = [read_presentation_state(write_presentation(parted, uid)) for uid in parted.uids.presentations]
    assert [(one.slope, one.shape) for one in slopes] == [(1.0, "IDENTITY"), (2.0, "IDENTITY"), (1.0, "INVERSE")]
    assert [one.sop_instance_uid for one in companions(parted)][1:4] == list(parted.uids.presentations)


def test_frames_of_one_object_are_told_apart(conclusion: Conclusion) -> None:
    first, second = presented(conclusion)
    one, two = replace(first.image, frame=3), replace(first.image, frame=7)
    line, ellipse = conclusion.measurements[:2]
    moved = (
        replace(line, anchor=replace(line.anchor, image=one)),
        replace(ellipse, anchor=replace(ellipse.anchor, image=two)),
    )
    framed = with_states(
        replace(conclusion, measurements=moved), (replace(first, image=one), replace(second, image=two))
    )
    state = read_presentation_state(write_presentation(framed, "2.25.6000"))
    assert [state.covers(one.sop_instance_uid, frame) for frame in (2, 6, 3)] == [True, True, False]
    assert state.voi_for(one.sop_instance_uid, 6).windows == (SOFT,)  # type: ignore[union-attr]


def test_a_cobb_angle_is_two_lines(conclusion: Conclusion) -> None:
    first, _second = presented(conclusion)
    points = ((10.5, 10.5), (30.5, 12.5), (10.5, 60.5), (30.5, 50.5))
    line = conclusion.measurements[0]
    angle = replace(line, kind="cobb", anchor=Anchor(first.image, "POLYLINE", points_px=points))
    drawn = with_states(replace(conclusion, measurements=(angle,)), (first,))
    (annotation,) = read_presentation_state(write_presentation(drawn, "2.25.6000")).annotations
    assert [one.points for one in annotation.graphics] == [points[:2], points[2:]]


@pytest.mark.parametrize("first_mapped", [0, -1024])
def test_a_voi_lut_is_carried_whole_in_the_16_bits_that_such_states_have(
    conclusion: Conclusion, first_mapped: int
) -> None:
    table = VoiTable.of(first_mapped, 12, np.arange(4096, dtype=np.uint16), "BREAST")
    state = read_presentation_state(
        write_presentation(with_states(conclusion, presented(conclusion, voi=table)), "2.25.6000")
    )
    (voi,) = state.vois
    (read,) = voi.tables
    assert (read.first_mapped, read.bits, len(read.values)) == (first_mapped, 16, 4096)
    assert [int(read.values[n]) for n in (0, 2048, 4095)] == [0, 32776, 65535]


def test_highdicom_takes_the_graphics_for_its_own_kind(written: bytes) -> None:
    item = dcmread(io.BytesIO(written)).GraphicAnnotationSequence[1].GraphicObjectSequence[0]
    made = GraphicObject(item.GraphicType, np.array(item.GraphicData).reshape(-1, 2), item.GraphicAnnotationUnits)
    assert made.graphic_data.shape == (4, 2)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "change",
    [
        dict,
        lambda: {"voi": VoiTable.of(-1024, 12, np.arange(4096, dtype=np.uint16))},
        lambda: {"voi": None, "labels": (), "pixel_spacing": None, "aspect": (2, 1)},
    ],
)
def test_other_programs_find_no_error(
    conclusion: Conclusion, tmp_path: Path, change: Callable[[], dict[str, object]]
) -> None:
    file = tmp_path / "presentation.dcm"
    file.write_bytes(write_presentation(with_states(conclusion, presented(conclusion, **change())), "2.25.6000"))
    told = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True, check=False)
    assert "Error" not in told.stderr + told.stdout, told.stderr
    assert "GrayscaleSoftcopyPresentationState" in told.stderr + told.stdout
    checked = subprocess.run(["dcmpschk", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.oracle
@pytest.mark.parametrize("inverted", [False, True])
def test_dcmtk_shows_the_image_in_the_window_of_the_state(
    conclusion: Conclusion, tmp_path: Path, inverted: bool
) -> None:
    """PS3.3 C.11.2.1.2.1: stored 0 … 255 times 2, less 100; the window 100/200 puts 0 at -0.5 and 255 at 199.5."""
    stored = np.tile(np.arange(256, dtype=np.uint16), (8, 1))
    shown = image(stored, RescaleSlope=7, RescaleIntercept=3)
    reference = ImageReference(shown.StudyInstanceUID, shown.SeriesInstanceUID, shown.SOPClassUID, shown.SOPInstanceUID)
    one = PresentedImage(reference, 8, 256, 2.0, -100.0, "US", inverted, Window(100.0, 200.0))
    (tmp_path / "image.dcm").write_bytes(saved(shown))
    (tmp_path / "state.dcm").write_bytes(write_presentation(with_states(conclusion, (one,)), "2.25.6000"))
    command = ["dcmp2pgm", "-p", tmp_path / "state.dcm", tmp_path / "image.dcm", tmp_path / "out.pgm"]
    subprocess.run(command, capture_output=True, check=True)
    pixels = np.frombuffer((tmp_path / "out.pgm").read_bytes()[-256 * 8 :], np.uint8).reshape(8, 256)
    x = np.arange(256) * 2.0 - 100.0
    expected = np.clip(((x - 99.5) / 199.0 + 0.5) * 255.0, 0, 255)
    if inverted:
        expected = 255 - expected
    assert np.abs(pixels[0] - expected).max() <= 1.01

"""What a line means on images without patient geometry: ultrasound regions, detectors, pixels, the reader's word."""

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest

from workstation.dicom import concepts, spacing
from workstation.dicom.content import MeasurementKind, Quantity
from workstation.dicom.instance import Instance
from workstation.dicom.ultrasound import ACROSS, OUTSIDE, UltrasoundRegion
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.measurements import MeasurementStore
from workstation.viewing.measuring import NO_DISTANCE
from workstation.viewing.reading_session import ReadingSession

# two pictures side by side, of unequal deltas, and a Doppler trace under them
TISSUE = UltrasoundRegion(0, 0, 39, 49, 3, 3, 0.02, 0.04)
OTHER = UltrasoundRegion(40, 0, 79, 49, 3, 3, 0.01, 0.01)
DOPPLER = UltrasoundRegion(0, 50, 79, 79, 4, 7, 0.005, -2.0)


@dataclass
class Study:
    instances: list[Instance]
    data: dict[str, bytes]


def opened(desk: Any, balls: Any, **changes: Any) -> ReadingSession:
    """One image of 96 by 96 pixels that has no place in the patient."""
    series = balls.ball_series(slices=1, located=False)
    plain = replace(series.instances[0], frame_of_reference_uid="", units="", **changes)
    session: ReadingSession = desk.open(Study([plain], series.data), size=(192, 192))
    desk.settle(session)
    return session


def drawn(session: ReadingSession, kind: MeasurementKind, *pixels: tuple[float, float]) -> Drawing:
    """A graphic through pixels (column, row) of the image."""
    stack = session.views.stack(0)
    assert stack is not None
    matrix = stack.matrix(0)
    points = tuple(tuple(float(v) for v in (matrix @ [x, y, 0, 1])[:3]) for x, y in pixels)
    drawing = session.annotations.draw(0, kind, points)  # type: ignore[arg-type]
    session.annotations.drop()
    assert drawing is not None
    session.store.add(drawing)
    return drawing


def value(drawing: Drawing, name: object = drawings.LENGTH) -> Quantity:
    return next(each for each in drawing.quantities if each.name == name)


@pytest.fixture
def ultrasound(desk: Any, balls: Any) -> ReadingSession:
    return opened(desk, balls, modality="US", ultrasound_regions=(TISSUE, OTHER, DOPPLER))


@pytest.mark.golden(13)
def test_a_length_within_one_ultrasound_region_is_in_its_mm_and_across_two_there_is_none(
    ultrasound: ReadingSession,
) -> None:
    # 30 columns of 0.2 mm and 20 rows of 0.4 mm: 6 mm across, 8 mm down
    within = drawn(ultrasound, "length", (5, 10), (35, 30))
    assert value(within).value == pytest.approx(10.0)
    assert value(within).unit == drawings.MILLIMETRE
    assert within.spacing_source == spacing.REGION
    # the same pixels in the region beside, of 0.1 mm each
    beside = drawn(ultrasound, "length", (45, 10), (75, 30))
    assert value(beside).value == pytest.approx(math.hypot(3, 2))
    across = drawn(ultrasound, "length", (30, 10), (60, 10))
    assert (across.quantities, across.refusal) == ((), ACROSS)
    outside = drawn(ultrasound, "length", (70, 10), (90, 10))
    assert (outside.quantities, outside.refusal) == ((), OUTSIDE)
    assert [each.tracking_uid for each in ultrasound.store.measurements()] == [within.tracking_uid, beside.tracking_uid]


def test_a_line_on_a_doppler_trace_gives_time_and_velocity_and_no_length(ultrasound: ReadingSession) -> None:
    line = drawn(ultrasound, "length", (10, 75), (50, 60))
    assert value(line, concepts.TIME).value == pytest.approx(40 * 0.005)
    assert value(line, concepts.TIME).unit == concepts.SECOND
    assert value(line, concepts.VELOCITY).value == pytest.approx(15 * 2.0)
    assert value(line, concepts.VELOCITY).unit == concepts.CENTIMETER_PER_SECOND
    assert len(line.quantities) == 2
    angle = drawn(ultrasound, "angle", (10, 75), (50, 60), (60, 70))
    assert (angle.quantities, angle.refusal) == ((), NO_DISTANCE)


def test_an_m_mode_gives_time_and_depth(desk: Any, balls: Any) -> None:
    session = opened(desk, balls, modality="US", ultrasound_regions=(replace(DOPPLER, units_y=3, delta_y=0.03),))
    line = drawn(session, "length", (10, 75), (50, 60))
    assert value(line, concepts.TIME).value == pytest.approx(0.2)
    assert (value(line).value, value(line).unit) == (pytest.approx(15 * 0.3), concepts.MILLIMETER)


def test_angles_and_areas_in_a_region_of_unequal_deltas_are_in_mm(ultrasound: ReadingSession) -> None:
    # 20 columns and 10 rows are 4 mm each
    angle = drawn(ultrasound, "angle", (25, 10), (5, 10), (25, 20))
    assert value(angle, concepts.ANGLE).value == pytest.approx(45)
    square = drawn(ultrasound, "polygon", (5, 10), (25, 10), (25, 20), (5, 20))
    assert value(square, drawings.AREA).value == pytest.approx(16)
    circle = drawn(ultrasound, "ellipse", (5, 20), (25, 20), (15, 15), (15, 25))
    assert value(circle, drawings.AREA).value == pytest.approx(math.pi * 4)


def test_pixels_without_millimetres_are_counted_and_their_aspect_is_respected(desk: Any, balls: Any) -> None:
    session = opened(desk, balls, modality="OT", pixel_aspect_ratio=(2.0, 1.0))
    line = drawn(session, "length", (10, 10), (40, 30))
    assert value(line) == replace(value(line), value=pytest.approx(50.0), unit=drawings.PIXELS)
    assert line.spacing_source == ""
    # 20 columns and 10 rows that are twice as high
    angle = drawn(session, "angle", (30, 10), (10, 10), (30, 20))
    assert value(angle, concepts.ANGLE).value == pytest.approx(45)
    assert angle.spacing_source == ""
    region = drawn(session, "polygon", (10, 10), (30, 10), (30, 20), (10, 20))
    assert value(region, drawings.AREA) == replace(
        value(region, drawings.AREA), value=pytest.approx(400.0), unit=drawings.SQUARE_PIXELS
    )
    assert value(region, drawings.MEAN).unit is None


def test_each_number_says_whence_its_millimetres_and_what_speaks_against_them(desk: Any, balls: Any) -> None:
    from workstation.dicom.detector import RESIZED, Detector

    stale = Detector(field_of_view=(96.0, 96.0))
    session = opened(desk, balls, modality="DX", imager_pixel_spacing=(0.5, 0.5), detector=stale)
    line = drawn(session, "length", (10, 10), (50, 10))
    assert (value(line).value, line.spacing_source, line.doubt) == (pytest.approx(20.0), spacing.DETECTOR, RESIZED)
    assert RESIZED in line.to_content().remark
    # how far the object was from the detector nobody knows: no ± that pretends to
    assert value(line).uncertainty == 0
    angle = drawn(session, "angle", (30, 10), (10, 10), (30, 20))
    assert angle.doubt == ""
    assert value(angle, concepts.ANGLE).uncertainty > 0
    stack = session.views.stack(0)
    assert stack is not None
    notes = fidelity_notes(stack, session.case.loader(stack.key), session.views[0].state)
    assert any(spacing.DETECTOR in note for note in notes)
    assert RESIZED in notes


@pytest.fixture
def radiograph(desk: Any, balls: Any) -> ReadingSession:
    return opened(desk, balls, modality="DX", imager_pixel_spacing=(0.5, 0.5))


def test_a_known_length_calibrates_all_numbers_of_its_image_in_one_step(radiograph: ReadingSession) -> None:
    line = drawn(radiograph, "length", (10, 10), (50, 10))
    coin = drawn(radiograph, "length", (10, 50), (50, 80))
    angle = drawn(radiograph, "angle", (30, 10), (10, 10), (30, 20))
    # 50 pixels of 0.5 mm at the detector are a coin of 20 mm
    assert value(coin).value == pytest.approx(25)
    radiograph.annotations.calibrate(coin.tracking_uid, 20.0)
    now = {each.tracking_uid: each for each in radiograph.store.drawings}
    assert value(now[coin.tracking_uid]).value == pytest.approx(20.0)
    assert value(now[line.tracking_uid]).value == pytest.approx(16.0)
    assert {each.spacing_source for each in now.values()} == {spacing.READER}
    assert value(now[angle.tracking_uid], concepts.ANGLE).value == pytest.approx(value(angle, concepts.ANGLE).value)
    assert radiograph.store.measurements()[0].spacing_source == "calibrated by the reader"
    assert value(drawn(radiograph, "length", (0, 0), (30, 0))).value == pytest.approx(12.0)
    # both ends of the line that is measured, and of the coin's: 0.4 mm a pixel, 2·√(2/12) of it each
    one = 2 * math.sqrt(2 / 12) * 0.4
    assert value(now[line.tracking_uid]).uncertainty == pytest.approx(math.hypot(one, one * 16 / 20), rel=1e-6)
    assert value(now[coin.tracking_uid]).uncertainty == 0
    radiograph.store.undo()
    radiograph.store.undo()
    assert [value(each).value for each in radiograph.store.drawings[:2]] == pytest.approx([20.0, 25.0])
    assert radiograph.annotations.scales == {}


def test_a_calibration_is_kept_with_the_case_and_goes_with_its_line(radiograph: ReadingSession) -> None:
    line = drawn(radiograph, "length", (10, 10), (50, 10))
    coin = drawn(radiograph, "length", (10, 50), (50, 80))
    radiograph.annotations.calibrate(coin.tracking_uid, 20.0)
    kept = MeasurementStore()
    kept.from_json(radiograph.store.to_json())
    assert kept.drawings == radiograph.store.drawings
    radiograph.store.remove(coin.tracking_uid)
    (left,) = radiograph.store.drawings
    assert (left.tracking_uid, value(left).value) == (line.tracking_uid, pytest.approx(20.0))
    assert left.spacing_source == spacing.DETECTOR


def test_a_later_calibration_takes_the_place_of_the_earlier_one_and_zero_takes_it_back(
    radiograph: ReadingSession,
) -> None:
    one, other = drawn(radiograph, "length", (10, 10), (50, 10)), drawn(radiograph, "length", (10, 50), (50, 80))
    radiograph.annotations.calibrate(one.tracking_uid, 40.0)
    radiograph.annotations.calibrate(other.tracking_uid, 25.0)
    assert [each.known_mm for each in radiograph.store.drawings] == [0.0, 25.0]
    assert value(radiograph.store.drawings[0]).value == pytest.approx(20.0)
    radiograph.annotations.calibrate(other.tracking_uid, 0.0)
    assert radiograph.annotations.scales == {}
    assert radiograph.store.drawings[1].spacing_source == spacing.DETECTOR


def test_pixels_turn_into_millimetres_by_the_readers_word(desk: Any, balls: Any) -> None:
    session = opened(desk, balls, modality="OT")
    line = drawn(session, "length", (10, 10), (50, 10))
    session.annotations.calibrate(line.tracking_uid, 80.0)
    assert value(session.store.drawings[0]) == replace(
        value(session.store.drawings[0]), value=pytest.approx(80.0), unit=drawings.MILLIMETRE
    )


def test_a_reader_may_not_overrule_the_patients_geometry_nor_ultrasound_regions(
    desk: Any, balls: Any, ultrasound: ReadingSession
) -> None:
    within = drawn(ultrasound, "length", (5, 10), (35, 30))
    assert not ultrasound.annotations.can_calibrate(within.tracking_uid)
    placed: ReadingSession = desk.open(balls.ball_series())
    desk.settle(placed)
    line = drawn(placed, "length", (10, 10), (50, 10))
    assert not placed.annotations.can_calibrate(line.tracking_uid)
    placed.annotations.calibrate(line.tracking_uid, 1.0)
    assert placed.annotations.scales == {}

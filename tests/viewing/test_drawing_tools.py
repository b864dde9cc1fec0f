"""Drawing by hand: which clicks and drags make which graphic, and the numbers that come of it."""

import io
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom import concepts
from workstation.dicom.content import MeasurementKind, Quantity
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.imaging.reslice import Slab
from workstation.viewing import drawings
from workstation.viewing.drawings import FORMS, Drawing
from workstation.viewing.measuring import CROSSED
from workstation.viewing.pointer import PointerEvent
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.tools import Hand


class Mouse:
    """Clicks and drags on the first viewport; one mm of the balls' slices is two pixels here."""

    def __init__(self, session: ReadingSession, number: int = 0) -> None:
        self.hand = Hand(session, number)

    def click(self, *spots: tuple[float, float]) -> "Mouse":
        for x, y in spots:
            self.hand.handle(PointerEvent("move", x, y))
            self.hand.handle(PointerEvent("press", x, y, "left"))
            self.hand.handle(PointerEvent("release", x, y, "left"))
        return self

    def drag(self, start: tuple[float, float], *way: tuple[float, float]) -> "Mouse":
        self.hand.handle(PointerEvent("press", *start, "left"))
        for x, y in way:
            self.hand.handle(PointerEvent("move", x, y))
        self.hand.handle(PointerEvent("release", *way[-1], "left"))
        return self


@pytest.fixture
def session(desk: Any, balls: Any) -> ReadingSession:
    opened: ReadingSession = desk.open(balls.ball_series(side=100), size=(200, 200))
    desk.settle(opened)
    return opened


@pytest.fixture
def planes(session: ReadingSession, desk: Any) -> ReadingSession:
    """Three planes through the ball, two pixels a mm."""
    session.reformats.show_mpr()
    desk.size(session)
    desk.settle(session)
    return session


def draw(session: ReadingSession, tool: MeasurementKind) -> Mouse:
    session.choose_tool(tool)
    return Mouse(session)


def only(session: ReadingSession) -> Drawing:
    (drawing,) = session.store.drawings
    return drawing


def value(drawing: Drawing, name: object = None) -> Quantity:
    return next(each for each in drawing.quantities if name is None or each.name == name)


def test_three_clicks_make_an_angle(session: ReadingSession) -> None:
    mouse = draw(session, "angle").click((100, 40), (40, 40), (40, 120))
    angle = only(session)
    assert not mouse.hand.busy
    assert (angle.kind, value(angle).name, value(angle).unit) == ("angle", concepts.ANGLE, concepts.DEGREE)
    assert value(angle).value == pytest.approx(90)
    assert angle.spacing_source == "patient geometry"


def test_a_drag_and_a_click_make_an_angle_too(session: ReadingSession) -> None:
    draw(session, "angle").drag((100, 40), (70, 40), (40, 40)).click((100, 100))
    assert value(only(session)).value == pytest.approx(45)


def test_two_drags_or_four_clicks_make_a_cobb_angle(session: ReadingSession) -> None:
    draw(session, "cobb").drag((40, 40), (120, 40)).drag((120, 140), (40, 100))
    by_drags = only(session)
    session.store.remove(by_drags.tracking_uid)
    draw(session, "cobb").click((40, 40), (120, 40), (40, 100), (120, 140))
    for drawing in (by_drags, only(session)):
        assert value(drawing).value == pytest.approx(math.degrees(math.atan2(40, 80)))
        assert value(drawing).name == concepts.COBB_ANGLE


def test_an_outline_closes_at_its_first_corner_and_measures_area_and_values(session: ReadingSession) -> None:
    # the middle of the ball: 100 HU all over, 14 mm by 14 mm at two pixels a mm
    draw(session, "polygon").click((86, 86), (114, 86), (114, 114), (86, 114), (87, 87))
    outline = only(session)
    assert len(outline.points) == 4
    assert value(outline, drawings.AREA).value == pytest.approx(196)
    assert value(outline, drawings.MEAN) == Quantity(drawings.MEAN, 100.0, concepts.HOUNSFIELD_UNIT)
    assert outline.resampled_mm == 0


def test_an_outline_closes_by_enter_and_by_a_second_click_on_its_last_corner(session: ReadingSession) -> None:
    mouse = draw(session, "polygon").click((80, 80), (120, 80), (120, 120))
    assert mouse.hand.finish()
    assert value(only(session), drawings.AREA).value == pytest.approx(200)
    session.store.remove(only(session).tracking_uid)
    draw(session, "polygon").click((80, 80), (120, 80), (120, 120), (120, 121))
    assert len(only(session).points) == 3


def test_enter_means_nothing_to_a_tool_that_counts_its_points(session: ReadingSession) -> None:
    mouse = draw(session, "angle").click((80, 80), (120, 80))
    assert not mouse.hand.finish()
    assert mouse.hand.busy


def test_a_free_stroke_closes_when_the_button_is_let_go(session: ReadingSession) -> None:
    circle = [(100 + 20 * math.cos(at), 100 + 20 * math.sin(at)) for at in np.linspace(0, 2 * math.pi, 40)[:-1]]
    draw(session, "polygon").drag(circle[0], *circle[1:])
    outline = only(session)
    assert len(outline.points) > 15
    # a circle of 10 mm
    assert value(outline, drawings.AREA).value == pytest.approx(math.pi * 100, rel=0.03)


def test_an_outline_that_crosses_itself_has_no_number_and_says_so(session: ReadingSession) -> None:
    draw(session, "polygon").click((80, 80), (120, 120), (120, 80), (80, 120)).hand.finish()
    assert (only(session).refusal, only(session).quantities) == (CROSSED, ())
    assert session.store.measurements() == ()


def test_the_point_tool_leaves_the_value_where_the_button_is_let_go(session: ReadingSession) -> None:
    draw(session, "point").drag((20, 20), (60, 60), (100, 100))
    point = only(session)
    assert value(point) == Quantity(concepts.ATTENUATION, 100.0, concepts.HOUNSFIELD_UNIT)
    assert len(point.points_px) == 1


def test_a_point_outside_the_image_has_no_value(session: ReadingSession) -> None:
    session.move.pan(0, 80, 0)
    draw(session, "point").drag((10, 10), (12, 10))
    assert only(session).refusal


@pytest.mark.parametrize("kind", ["length", "ellipse", "angle", "cobb", "polygon"])
def test_escape_takes_back_any_graphic_that_is_half_drawn(session: ReadingSession, kind: MeasurementKind) -> None:
    mouse = draw(session, kind).click((40, 40))
    mouse.hand.handle(PointerEvent("move", 90, 60))
    mouse.hand.cancel()
    assert (session.annotations.sketch, session.store.drawings) == (None, ())


@pytest.mark.parametrize("kind", ["angle", "cobb", "polygon"])
def test_a_handle_moves_one_point_and_makes_one_step(session: ReadingSession, kind: MeasurementKind) -> None:
    clicks = [(40, 40), (120, 40), (120, 100), (40, 140)][: FORMS[kind].count or 4]
    mouse = draw(session, kind).click(*clicks)
    mouse.hand.finish()
    before = only(session)
    mouse.drag((120, 40), (130, 50), (140, 60))
    after = only(session)
    moved = [number for number, point in enumerate(after.points) if point != before.points[number]]
    assert moved == [1]
    assert after.quantities != before.quantities
    session.store.undo()
    assert only(session) == before


def test_the_line_of_a_chosen_outline_moves_it_whole(session: ReadingSession) -> None:
    mouse = draw(session, "polygon").click((40, 40), (120, 40), (120, 120), (40, 120))
    mouse.hand.finish()
    before = only(session)
    mouse.drag((80, 40), (90, 50), (100, 60))
    after = only(session)
    shifts = [tuple(np.round(np.subtract(b, a), 6)) for a, b in zip(before.points, after.points, strict=True)]
    assert len(set(shifts)) == 1
    assert any(shifts[0])


def test_a_region_on_a_slab_has_the_values_of_the_slab_and_says_so(session: ReadingSession) -> None:
    session.move.set_slab(0, Slab(30.0, "minip"))
    draw(session, "ellipse").drag((90, 90), (100, 100), (110, 110))
    region = only(session)
    assert (region.slab_mm, region.slab_mode) == (30.0, "minip")
    # the slab is thicker than the ball: outside it is -800 HU
    assert value(region, drawings.MEAN).value == pytest.approx(-800)
    assert region.points_px == ()
    assert "slab of 30 mm (minip)" in region.to_content().remark
    session.store.remove(region.tracking_uid)
    session.move.set_slab(0, Slab())
    draw(session, "ellipse").drag((90, 90), (100, 100), (110, 110))
    assert value(only(session), drawings.MEAN).value == pytest.approx(100)


def test_a_region_on_a_reformat_says_how_far_apart_its_samples_are(planes: ReadingSession) -> None:
    planes.choose_tool("ellipse")
    Mouse(planes, 1).drag((95, 95), (100, 100), (106, 106))
    region = only(planes)
    assert region.plane in ("coronal", "sagittal")
    assert region.resampled_mm == pytest.approx(1.0)
    assert "interpolated" in region.to_content().remark


def test_the_uncertainty_of_a_length_grows_with_the_slice_step_along_it(planes: ReadingSession) -> None:
    planes.choose_tool("length")
    Mouse(planes, 1).drag((60, 90), (80, 90), (140, 90)).drag((90, 60), (90, 80), (90, 140))
    along, across = planes.store.drawings
    # pixels of 1 mm, slices 2 mm apart: 2 * sqrt(2/12) mm for each mm of step
    assert value(along).uncertainty == pytest.approx(2 * math.sqrt(2 / 12))
    assert value(across).uncertainty == pytest.approx(2 * 2 * math.sqrt(2 / 12))


@pytest.mark.parametrize("kind", list(FORMS))
def test_each_kind_survives_json_and_goes_into_a_report(session: ReadingSession, kind: MeasurementKind) -> None:
    mouse = draw(session, kind)
    if kind in ("length", "ellipse", "point"):
        mouse.drag((80, 80), (100, 100), (120, 130))
    else:
        mouse.click(*[(80, 80), (120, 80), (120, 120), (90, 130)][: FORMS[kind].count or 4])
        mouse.hand.finish()
    drawing = only(session)
    assert Drawing.from_json(drawing.to_json()) == drawing
    content = drawing.to_content()
    assert content.quantities == drawing.quantities
    if kind == "polygon":
        assert content.anchor.points_px[0] == content.anchor.points_px[-1]


def test_a_drawing_of_too_few_points_is_refused_when_it_is_read_back(session: ReadingSession) -> None:
    draw(session, "angle").click((100, 40), (40, 40), (40, 120))
    plain = replace(only(session), points=only(session).points[:2]).to_json()
    with pytest.raises(ValueError, match="points are missing"):
        Drawing.from_json(plain)


def header_image(**elements: object) -> tuple[Instance, bytes]:
    """A real header of Pixel Spacing 0.5\\1.0: rows 0.5 mm apart, columns 1.0 mm; a square of 20 mm is at 100 in it."""
    pixels = np.zeros((200, 100), "<u2")
    pixels[60:100, 30:50] = 100
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.2", "2.25.91", "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.92", "2.25.93", "2.25.94"
    ds.ImageType, ds.PixelSpacing = ["ORIGINAL", "PRIMARY", "AXIAL"], [0.5, 1.0]
    ds.Rows, ds.Columns, ds.PixelData = 200, 100, pixels.tobytes()
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return parse_instance(buffer.getvalue()), buffer.getvalue()


@pytest.mark.golden(1)
@pytest.mark.parametrize(
    "elements",
    [
        {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        # turned in the patient, and without a place there
        {"ImagePositionPatient": [5, 6, 7], "ImageOrientationPatient": [0, 0.6, 0.8, 1, 0, 0]},
        {"Modality": "DX", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1", "ImagerPixelSpacing": [0.5, 1.0]},
        # the middle one of a volume of three
        {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    ],
)
def test_a_square_in_an_image_of_unequal_spacing_is_seen_and_measured_square(
    desk: Any, elements: dict[str, object]
) -> None:
    @dataclass
    class Study:
        instances: list[Instance]
        data: dict[str, bytes]

    made = [header_image(**elements)]
    if "ImageOrientationPatient" in elements and "ImagePositionPatient" not in elements:
        made = [
            header_image(**elements, SOPInstanceUID=f"2.25.91{k}", ImagePositionPatient=[0, 0, 3 * k]) for k in range(3)
        ]
    data = {instance.sop_instance_uid: held for instance, held in made}
    session: ReadingSession = desk.open(Study([instance for instance, _held in made], data), size=(300, 300))
    desk.settle(session)
    stack, state = session.views.stack(0), session.views[0].state
    assert stack is not None
    # the outer corners of the square's pixels, as they are seen
    corners = [(29.5, 59.5), (49.5, 59.5), (49.5, 99.5), (29.5, 99.5)]
    assert stack.is_volume == (len(made) == 3)
    matrix = stack.matrix(state.index)
    seen = [state.plane.lps_to_pixel(tuple((matrix @ [x, y, 0, 1])[:3])) for x, y in corners]
    across, down = math.dist(seen[0], seen[1]), math.dist(seen[1], seen[2])
    assert across == pytest.approx(down)
    assert across * state.mm_per_pixel == pytest.approx(20.0)
    draw(session, "length").click(*seen[:2])
    line = only(session)
    session.store.remove(line.tracking_uid)
    draw(session, "polygon").click(*seen).hand.finish()
    outline = only(session)
    assert value(line).value == pytest.approx(20.0)
    assert value(outline, drawings.AREA).value == pytest.approx(400.0)
    assert (value(outline, drawings.MEAN).value, value(outline, drawings.DEVIATION).value) == (100.0, 0.0)


def test_colour_has_no_values_but_its_areas_are_measured(desk: Any) -> None:
    @dataclass
    class Study:
        instances: list[Instance]
        data: dict[str, bytes]

    instance, data = header_image(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelData=bytes(200 * 100 * 3),
        ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
    )
    session: ReadingSession = desk.open(Study([instance], {instance.sop_instance_uid: data}))
    desk.settle(session)
    draw(session, "ellipse").drag((80, 80), (100, 100), (120, 130))
    draw(session, "point").drag((20, 150), (30, 160))
    region, point = session.store.drawings
    assert [each.name for each in region.quantities] == [drawings.AREA]
    assert (point.quantities, bool(point.refusal)) == ((), True)

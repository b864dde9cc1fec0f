"""Presentation states on images, beside what dcmtk's dcmp2pgm makes of the same state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.grey_images import add_overlay, dcmp2pgm, image, item, lut_item, saved
from tests.presentation_states import area, presentation, reference, window
from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.dicom.presentation_state import PresentationState, read_presentation_state
from workstation.viewing.loading import sheet_of
from workstation.viewing.picture import Picture, develop, request_for
from workstation.viewing.presented_graphics import graphics_of
from workstation.viewing.presenting import presented
from workstation.viewing.stack_values import shown_stacks
from workstation.viewing.stacks import ShownStack, start_state
from workstation.viewing.viewport import PlaneKind, ViewportState

pytestmark = pytest.mark.oracle


def ramp(rows: int = 40, columns: int = 56, dtype: str = "<u2", low: int = 0, high: int = 4095) -> NDArray[Any]:
    return np.linspace(low, high, rows * columns).round().astype(dtype).reshape(rows, columns)


def stack_of(data: bytes) -> ShownStack:
    instance = parse_instance(data)
    return shown_stacks(build_stacks([instance]), instance.study)[0]


def placed(stack: ShownStack, state: PresentationState, width: int, height: int) -> ViewportState:
    return presented(start_state(stack, PlaneKind.STACK, width, height), stack, state)


def drawn(data: bytes, state_data: bytes, width: int, height: int) -> Picture:
    """The picture of an image under a presentation state, as a viewport of that size makes it."""
    stack, state = stack_of(data), read_presentation_state(state_data)
    view = placed(stack, state, width, height)
    sheet = sheet_of(stack, 0)
    sheet.put(0, decode_frame(stack.first, data))
    return develop(request_for(stack, view, sheet, presentation=state), None)[0]


def assert_like_dcmtk(ds: Dataset, state: Dataset, folder: Path, real: NDArray[np.bool_] | None = None) -> None:
    theirs = dcmp2pgm(saved(ds), saved(state), folder)
    height, width = theirs.shape
    ours = drawn(saved(ds), saved(state), width, height).pixels
    off = np.abs(ours.astype(int) - theirs)
    assert off[... if real is None else real].max() <= 1


TWELVE = {"BitsStored": 12, "HighBit": 11}


def test_a_window_of_the_state_gives_dcmtks_picture(tmp_path: Path) -> None:
    ds = image(ramp(), **TWELVE, WindowCenter=100, WindowWidth=50)
    assert_like_dcmtk(ds, presentation(ds, SoftcopyVOILUTSequence=window(1500, 2000)), tmp_path)


def test_without_a_voi_all_values_are_seen(tmp_path: Path) -> None:
    ds = image(ramp(), **TWELVE, WindowCenter=100, WindowWidth=50)
    assert_like_dcmtk(ds, presentation(ds), tmp_path)


def test_the_modality_values_of_the_state_go_before_those_of_the_image(tmp_path: Path) -> None:
    ds = image(ramp(), **TWELVE, RescaleSlope=1, RescaleIntercept=-1024)
    other = presentation(ds, RescaleSlope=2, RescaleIntercept=-100, RescaleType="US")
    other.SoftcopyVOILUTSequence = window(3000, 2500)
    assert_like_dcmtk(ds, other, tmp_path)
    own = presentation(ds, SoftcopyVOILUTSequence=window(1500, 2000))
    assert_like_dcmtk(ds, own, tmp_path)


def test_tables_of_modality_voi_and_presentation_go_one_after_the_other(tmp_path: Path) -> None:
    ds = image(ramp(high=1023), BitsStored=10, HighBit=9)
    state = presentation(ds)
    modality = (np.arange(1024) ** 1.2).astype("<u2")
    state.ModalityLUTSequence = Sequence([lut_item(0, 16, modality, ModalityLUTType="US")])
    voi = (4095 * np.linspace(0, 1, 4000) ** 0.5).astype("<u2")
    state.SoftcopyVOILUTSequence = Sequence([item(VOILUTSequence=[lut_item(50, 12, voi)])])
    assert_like_dcmtk(ds, state, tmp_path)
    del state.PresentationLUTShape
    entries = (65535 * np.linspace(0, 1, 4096) ** 2).astype("<u2")
    state.PresentationLUTSequence = Sequence([lut_item(0, 16, entries)])
    assert_like_dcmtk(ds, state, tmp_path)


@pytest.mark.golden(6)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE"])
@pytest.mark.parametrize("padding", [(), (0,), (0, 700), (700, 0)])
def test_polarity_is_that_of_the_state_alone_and_padding_stays_black(
    photometric: str, shape: str, padding: tuple[int, ...], tmp_path: Path
) -> None:
    ds = image(ramp(), **TWELVE, PhotometricInterpretation=photometric)
    real = np.ones(ramp().shape, np.bool_)
    if padding:
        ds.PixelPaddingValue = padding[0]
        real = (ramp() < 0) | (ramp() > max(padding))
        if len(padding) == 2:
            ds.PixelPaddingRangeLimit = padding[1]
    state = presentation(ds, PresentationLUTShape=shape, SoftcopyVOILUTSequence=window(2000, 3000))
    assert_like_dcmtk(ds, state, tmp_path, real)
    ours = drawn(saved(ds), saved(state), 56, 40).pixels
    assert (ours[~real] == 0).all()
    # a state that says nothing of the image's own polarity: white is where the state wants it
    bright = ours[real][-1] > ours[real][0]
    assert bright == (shape == "IDENTITY")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_an_image_is_turned_and_then_mirrored(rotation: int, flip: str, tmp_path: Path) -> None:
    ds = image(ramp(), **TWELVE)
    state = presentation(ds, SoftcopyVOILUTSequence=window(2048, 4096))
    state.ImageRotation, state.ImageHorizontalFlip = rotation, flip
    assert_like_dcmtk(ds, state, tmp_path)


SHUTTERS: dict[str, dict[str, Any]] = {
    "RECTANGULAR": {
        "ShutterLeftVerticalEdge": 5,
        "ShutterRightVerticalEdge": 50,
        "ShutterUpperHorizontalEdge": 4,
        "ShutterLowerHorizontalEdge": 33,
    },
    "CIRCULAR": {"CenterOfCircularShutter": [18, 30], "RadiusOfCircularShutter": 15},
    "POLYGONAL": {"VerticesOfThePolygonalShutter": [2, 10, 20, 55, 38, 30, 25, 3]},
}


def free(shape: str, row: int, column: int) -> bool:
    """Whether a pixel, counted from 1, is in a shape: PS3.3 C.7.6.11, word for word."""
    if shape == "RECTANGULAR":
        return 5 <= column <= 50 and 4 <= row <= 33
    if shape == "CIRCULAR":
        return (row - 18) ** 2 + (column - 30) ** 2 <= 15**2
    corners = [(2, 10), (20, 55), (38, 30), (25, 3)]
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    # convex, its corners clockwise on the screen: inside is at the same side of every edge
    turns = [(c1 - c0) * (row - r0) - (r1 - r0) * (column - c0) for (r0, c0), (r1, c1) in sides]
    return all(turn >= 0 for turn in turns)


@pytest.mark.parametrize("shapes", [["RECTANGULAR"], ["CIRCULAR"], ["POLYGONAL"], list(SHUTTERS)])
@pytest.mark.parametrize("grey", [0, 0x8000])
@pytest.mark.parametrize("by", ["state", "image"])
def test_a_shutter_leaves_free_what_lies_within_all_its_shapes(shapes: list[str], grey: int, by: str) -> None:
    ds = image(ramp(low=2000), **TWELVE, WindowCenter=2048, WindowWidth=4096)
    state = presentation(ds, SoftcopyVOILUTSequence=window(2048, 4096))
    bare = drawn(saved(ds), saved(state), 56, 40).pixels
    holder = state if by == "state" else ds
    holder.ShutterShape, holder.ShutterPresentationValue = shapes, grey
    for shape in shapes:
        for name, value in SHUTTERS[shape].items():
            setattr(holder, name, value)
    if by == "state":
        ours = drawn(saved(ds), saved(state), 56, 40).pixels
    else:
        stack = stack_of(saved(ds))
        sheet = sheet_of(stack, 0)
        sheet.put(0, decode_frame(stack.first, saved(ds)))
        ours = develop(request_for(stack, start_state(stack, PlaneKind.STACK, 56, 40), sheet), None)[0].pixels
        # a presentation state says all: without a shutter of its own there is none
        np.testing.assert_array_equal(drawn(saved(ds), saved(state), 56, 40).pixels, bare)
    expected = [[all(free(shape, y + 1, x + 1) for shape in shapes) for x in range(56)] for y in range(40)]
    np.testing.assert_array_equal(ours, np.where(expected, bare, grey >> 8))


def test_a_bitmap_covers_where_its_bits_are_set(tmp_path: Path) -> None:
    ds = image(ramp(low=2000), **TWELVE)
    bits = np.zeros((40, 56), np.bool_)
    bits[:10] = bits[:, 40:] = True
    state = presentation(ds, SoftcopyVOILUTSequence=window(2048, 4096))
    state.ShutterShape, state.ShutterOverlayGroup, state.ShutterPresentationValue = "BITMAP", 0x6000, 0x4000
    add_overlay(state, bits)
    assert_like_dcmtk(ds, state, tmp_path)
    assert (drawn(saved(ds), saved(state), 56, 40).pixels[bits] == 64).all()


def test_a_displayed_area_fills_the_viewport_and_may_reach_beyond_the_image() -> None:
    ds = image(ramp(), **TWELVE)
    state = presentation(ds, SoftcopyVOILUTSequence=window(2048, 4096))
    state.DisplayedAreaSelectionSequence = Sequence([area(ds, (11, 6), (30, 15))])
    picture = drawn(saved(ds), saved(state), 200, 100)
    full = drawn(saved(ds), saved(presentation(ds, SoftcopyVOILUTSequence=window(2048, 4096))), 56, 40).pixels
    # twenty columns and ten rows on 200 × 100: each pixel ten times as large, the centre of each is its own grey
    np.testing.assert_allclose(picture.pixels[5:90:10, 5:190:10], full[5:14, 10:29], atol=2)
    state.DisplayedAreaSelectionSequence = Sequence([area(ds, (-55, -39), (112, 80))])
    picture = drawn(saved(ds), saved(state), 168, 120)
    np.testing.assert_allclose(picture.pixels[40:80, 56:112], full, atol=1)
    assert not picture.pixels[:40].any()
    state.DisplayedAreaSelectionSequence = Sequence(
        [area(ds, PresentationSizeMode="MAGNIFY", PresentationPixelMagnificationRatio=2.0)]
    )
    picture = drawn(saved(ds), saved(state), 56, 40)
    np.testing.assert_allclose(picture.state.mm_per_pixel, 0.5)


def graphic(kind: str, points: list[float], units: str = "PIXEL") -> Dataset:
    return item(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(points) // 2,
        GraphicData=points,
        GraphicType=kind,
        GraphicFilled="N",
    )


def annotated(ds: Dataset, *graphics: Dataset, texts: list[Dataset] | None = None) -> Dataset:
    made = item(ReferencedImageSequence=[reference(ds)], GraphicLayer="ONE")
    if graphics:
        made.GraphicObjectSequence = Sequence(graphics)
    if texts:
        made.TextObjectSequence = Sequence(texts)
    layer = item(GraphicLayer="ONE", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayGrayscaleValue=0xFFFF)
    return presentation(ds, GraphicAnnotationSequence=Sequence([made]), GraphicLayerSequence=Sequence([layer]))


def test_pixel_units_begin_at_the_corner_of_the_first_pixel() -> None:
    ds = image(ramp(), **TWELVE)
    state_data = saved(annotated(ds, graphic("POINT", [0.5, 0.5]), graphic("POINT", [10.5, 4.5])))
    stack, state = stack_of(saved(ds)), read_presentation_state(state_data)
    # one screen pixel a pixel of the image: the centre of the first pixel is device pixel (0, 0)
    strokes, _labels = graphics_of(state, stack, placed(stack, state, 56, 40))
    assert [stroke.colour for stroke in strokes] == [(255, 255, 255)] * 2
    np.testing.assert_allclose([stroke.spots[0] for stroke in strokes], [(0, 0), (10, 4)], atol=1e-6)
    # four to one: the first pixel covers device pixels 0 to 3, its centre lies at 1.5
    strokes, _labels = graphics_of(state, stack, placed(stack, state, 224, 160))
    np.testing.assert_allclose(strokes[0].spots[0], (1.5, 1.5), atol=1e-6)


def on_mark(ds: Dataset, change: Callable[[Dataset], None], tmp_path: Path) -> None:
    """A point drawn on the one bright pixel is where dcmtk has that pixel."""
    state_data = annotated(ds, graphic("POINT", [20.5, 7.5]))
    change(state_data)
    theirs = dcmp2pgm(saved(ds), saved(presentation_without_graphics(state_data)), tmp_path)
    y, x = (int(at[0]) for at in np.nonzero(theirs > 127))
    stack, state = stack_of(saved(ds)), read_presentation_state(saved(state_data))
    strokes, _labels = graphics_of(state, stack, placed(stack, state, theirs.shape[1], theirs.shape[0]))
    np.testing.assert_allclose(strokes[0].spots[0], (x, y), atol=1e-6)


def presentation_without_graphics(state: Dataset) -> Dataset:
    plain = Dataset()
    for element in state:
        if element.keyword not in ("GraphicAnnotationSequence", "GraphicLayerSequence"):
            plain.add(element)
    return plain


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_graphics_turn_and_mirror_with_the_pixel_they_mark(rotation: int, flip: str, tmp_path: Path) -> None:
    values = np.zeros((40, 56), "<u2")
    values[7, 20] = 4095

    def change(state: Dataset) -> None:
        state.ImageRotation, state.ImageHorizontalFlip = rotation, flip

    on_mark(image(values, **TWELVE), change, tmp_path)


def test_display_units_are_fractions_of_the_viewport_whatever_the_picture_shows() -> None:
    ds = image(ramp(), **TWELVE)
    text = item(
        BoundingBoxAnnotationUnits="DISPLAY",
        UnformattedTextValue="Здесь",
        BoundingBoxTopLeftHandCorner=[0.0, 0.0],
        BoundingBoxBottomRightHandCorner=[0.5, 0.25],
        BoundingBoxTextHorizontalJustification="CENTER",
    )
    state_data = saved(annotated(ds, texts=[text]))
    stack, state = stack_of(saved(ds)), read_presentation_state(state_data)
    view = placed(stack, state, 560, 400)
    for moved in (view, view.zoomed(3, 10, 10), view.panned(50, 50)):
        _strokes, (label,) = graphics_of(state, stack, moved)
        assert (label.text, label.justification) == ("Здесь", "CENTER")
        np.testing.assert_allclose(label.box, (-0.5, -0.5, 279.5, 99.5), atol=1e-6)


def test_circles_ellipses_and_curves_run_through_their_points() -> None:
    ds = image(ramp(), **TWELVE)
    data = saved(
        annotated(
            ds,
            graphic("CIRCLE", [20, 20, 30, 20]),
            graphic("ELLIPSE", [10, 20, 40, 20, 25, 15, 25, 25]),
            graphic("INTERPOLATED", [5, 5, 15, 9, 25, 5, 35, 9]),
        )
    )
    stack, state = stack_of(saved(ds)), read_presentation_state(data)
    circle, ellipse, curve = (
        np.array(stroke.spots) + 0.5 for stroke in graphics_of(state, stack, placed(stack, state, 56, 40))[0]
    )
    np.testing.assert_allclose(np.hypot(*(circle - (20, 20)).T), 10, atol=1e-6)
    np.testing.assert_allclose(((ellipse - (25, 20)) ** 2 / np.array([225, 25])).sum(axis=1), 1, atol=1e-6)
    for point in [(5, 5), (15, 9), (25, 5), (35, 9)]:
        assert np.hypot(*(curve - point).T).min() < 1e-6

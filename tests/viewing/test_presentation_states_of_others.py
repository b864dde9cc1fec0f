"""Presentation states as dcmtk and highdicom write them, read and shown as they and dcmtk mean them."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from tests.grey_images import add_overlay, dcmp2pgm, image, lut_item, saved
from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.dicom.presentation_state import PresentationState, read_presentation_state
from workstation.viewing.loading import sheet_of
from workstation.viewing.overlaid import GRAPHIC
from workstation.viewing.overlay_store import read_planes
from workstation.viewing.picture import Picture, develop, request_for
from workstation.viewing.presented_graphics import graphics_of
from workstation.viewing.presenting import presented
from workstation.viewing.stack_values import shown_stacks
from workstation.viewing.stacks import ShownStack, start_state
from workstation.viewing.viewport import PlaneKind, ViewportState

pytestmark = pytest.mark.oracle


def dcmpsmk(data: bytes, folder: Path, *options: str) -> bytes:
    source, target = folder / "image.dcm", folder / "made.dcm"
    source.write_bytes(data)
    subprocess.run(["dcmpsmk", *options, source, target], check=True, capture_output=True)
    return target.read_bytes()


def placed(data: bytes, state: PresentationState, width: int, height: int) -> tuple[ShownStack, ViewportState]:
    instance = parse_instance(data)
    stack = shown_stacks(build_stacks([instance]), instance.study)[0]
    return stack, presented(start_state(stack, PlaneKind.STACK, width, height), stack, state)


def drawn(data: bytes, state: PresentationState, width: int, height: int) -> Picture:
    stack, view = placed(data, state, width, height)
    sheet = sheet_of(stack, 0)
    sheet.put(0, decode_frame(stack.first, data))
    planes, _failed = read_planes(stack.first, 0, lambda _uid: data)
    return develop(request_for(stack, view, sheet, presentation=state, planes=planes), None)[0]


def ramp_image(**changes: object) -> Dataset:
    values = np.linspace(0, 4095, 40 * 56).round().astype("<u2").reshape(40, 56)
    return image(values, BitsStored=12, HighBit=11, **changes)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("options", [(), ("+Vw",), ("-V",)])
def test_a_state_that_dcmtk_makes_of_an_image_looks_as_dcmtk_shows_it(
    photometric: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    ds = ramp_image(PhotometricInterpretation=photometric, WindowCenter=1800, WindowWidth=2500)
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -100, "US"
    entries = (4095 * np.linspace(0, 1, 3000) ** 0.5).astype("<u2")
    ds.VOILUTSequence = Sequence([lut_item(0, 12, entries)])
    data = saved(ds)
    made = dcmpsmk(data, tmp_path, *options)
    state = read_presentation_state(made)
    assert state.covers(ds.SOPInstanceUID, 0)
    theirs = dcmp2pgm(data, made, tmp_path)
    ours = drawn(data, state, theirs.shape[1], theirs.shape[0]).pixels
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("option", ["+oc", "+oa"])
def test_overlays_that_a_state_copies_or_activates_are_seen_and_others_are_not(option: str, tmp_path: Path) -> None:
    ds = ramp_image(WindowCenter=2048, WindowWidth=4096)
    bits = np.zeros((40, 56), np.bool_)
    bits[5:20, 30] = bits[9, 3:40] = True
    add_overlay(ds, bits)
    data = saved(ds)
    marks = drawn(data, read_presentation_state(dcmpsmk(data, tmp_path, option)), 56, 40).marks
    assert marks is not None
    np.testing.assert_array_equal(marks == GRAPHIC, bits)
    assert drawn(data, read_presentation_state(dcmpsmk(data, tmp_path, "-o")), 56, 40).marks is None


def test_graphics_and_texts_that_highdicom_writes_are_where_it_put_them() -> None:
    pr = pytest.importorskip("highdicom.pr")
    named = ramp_image(WindowCenter=2048, WindowWidth=4096, PatientName="Test^One")
    ds = pydicom.dcmread(io.BytesIO(saved(named)))
    graphic = pr.GraphicObject(
        graphic_type=pr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array([[10.5, 5.5], [30.5, 25.5]]),
        units=pr.AnnotationUnitsValues.PIXEL,
    )
    text = pr.TextObject(
        text_value="Здесь",
        units=pr.AnnotationUnitsValues.PIXEL,
        bounding_box=(20.5, 10.5, 40.5, 15.5),
    )
    layer = pr.GraphicLayer("ONE", order=1, display_color=None)
    annotation = pr.GraphicAnnotation([ds], layer, graphic_objects=[graphic], text_objects=[text])
    made = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[ds],
        series_instance_uid="1.2.826.0.1.3680043.10.6.9",
        series_number=9,
        sop_instance_uid="1.2.826.0.1.3680043.10.6.10",
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
        content_label="MARKS",
        content_description="Marks",
        graphic_annotations=[annotation],
        graphic_layers=[layer],
        concept_name=codes.DCM.PresentationState,
        institution_name="Test",
        institutional_department_name="Test",
        voi_lut_transformations=[pr.SoftcopyVOILUTTransformation(window_center=1000.0, window_width=600.0)],
    )
    state = read_presentation_state(saved(made))
    stack, view = placed(saved(ds), state, 56, 40)
    (stroke,), (label,) = graphics_of(state, stack, view)
    np.testing.assert_allclose(stroke.spots, [(10, 5), (30, 25)], atol=1e-6)
    assert (label.text, label.box) == ("Здесь", pytest.approx((20, 10, 40, 15)))
    assert state.voi_for(ds.SOPInstanceUID, 0).windows[0].center == 1000  # type: ignore[union-attr]


def test_a_shutter_covers_colour_too() -> None:
    rgb = np.full((20, 30, 3), 200, np.uint8)
    ds = image(np.zeros((20, 30), np.uint8), SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    ds.PixelData = rgb.tobytes()
    ds.ShutterShape, ds.ShutterPresentationValue = "RECTANGULAR", 0x3000
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge = 4, 30
    ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = 1, 18
    data = saved(ds)
    instance = parse_instance(data)
    stack = shown_stacks(build_stacks([instance]), instance.study)[0]
    sheet = sheet_of(stack, 0)
    sheet.put(0, decode_frame(instance, data))
    pixels = develop(request_for(stack, start_state(stack, PlaneKind.STACK, 30, 20), sheet), None)[0].pixels
    assert (pixels[:18, 3:] == 200).all()
    assert (pixels[:, :3] == 48).all()
    assert (pixels[18:] == 48).all()

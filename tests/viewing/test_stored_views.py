"""Presentation states, overlays and shutters in an open case: offered, chosen, left again, and kept with the view."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.grey_images import add_overlay, image, item, lut_item, saved
from tests.presentation_states import presentation, reference, window
from workstation.dicom.instance import Instance
from workstation.dicom.key_objects import Rejection
from workstation.dicom.parsing import parse_instance
from workstation.imaging.voi import Window
from workstation.viewing.appearance_notes import appearance_notes
from workstation.viewing.commands import BY_ID
from workstation.viewing.overlaid import GRAPHIC, REGION
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.viewport import VoiChoice


@dataclass
class Study:
    """Objects as a case brings them."""

    instances: list[Instance]
    data: dict[str, bytes]


def study(*objects: Dataset) -> Study:
    raw = [saved(each) for each in objects]
    instances = [parse_instance(data) for data in raw]
    return Study(instances, {one.sop_instance_uid: data for one, data in zip(instances, raw, strict=True)})


def ramp(rows: int = 40, columns: int = 40) -> Any:
    return np.linspace(0, 4095, rows * columns).round().astype("<u2").reshape(rows, columns)


def notes(session: ReadingSession) -> tuple[str, ...]:
    stack = session.views.stack(0)
    assert stack is not None
    return appearance_notes(session.case, stack, session.views[0].state)


def pixels(session: ReadingSession) -> Any:
    picture = session.views[0].picture
    assert picture is not None
    return picture.pixels


@pytest.fixture
def marked() -> tuple[Dataset, Dataset, Dataset]:
    """An image, a state of it, and an older one."""
    ds = image(ramp(), BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096)
    line = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=[5.0, 5.0, 20.0, 20.0],
        GraphicType="POLYLINE",
        GraphicFilled="N",
    )
    note = item(ReferencedImageSequence=[reference(ds)], GraphicLayer="ONE", GraphicObjectSequence=[line])
    newer = presentation(ds, SoftcopyVOILUTSequence=window(1000, 500), ImageRotation=90, ImageHorizontalFlip="N")
    newer.GraphicAnnotationSequence = Sequence([note])
    newer.GraphicLayerSequence = Sequence([item(GraphicLayer="ONE", GraphicLayerOrder=1)])
    older = presentation(ds, PresentationCreationDate="20250101", ContentLabel="OLDER")
    return ds, newer, older


def test_states_are_offered_newest_first_and_none_is_applied_by_itself(desk: Any, marked: Any) -> None:
    session = desk.open(study(*marked))
    desk.settle(session)
    stack = session.views.stack(0)
    offered = session.case.presentations.offered(stack, 0)
    assert [one.label for one in offered] == ["MARKS", "OLDER"]
    assert session.views.presentation(0) is None
    assert session.views.voi(0) == Window(2048, 4096)


def test_a_rejected_state_is_offered_only_with_what_is_rejected(desk: Any, marked: Any) -> None:
    found = study(*marked)
    newer = next(one for one in found.instances if one.sop_instance_uid == marked[1].SOPInstanceUID)
    note = Rejection("113001", (newer.sop_instance_uid,))
    found.instances.append(replace(newer, sop_instance_uid="2.25.99", sop_class_uid="2.25.9", rejection=note))
    session = desk.open(found)
    desk.settle(session)
    offered = session.case.presentations.offered(session.views.stack(0), 0)
    assert [one.sop_instance_uid for one in offered] == [marked[2].SOPInstanceUID]
    session.case.show_rejected()
    desk.settle(session)
    assert len(session.case.presentations.offered(session.views.stack(0), 0)) == 2


def test_a_state_is_put_in_force_its_window_left_and_the_state_left_again(desk: Any, marked: Any) -> None:
    session = desk.open(study(*marked))
    desk.settle(session)
    before = pixels(session)
    BY_ID["view.presentation"].run(session)
    desk.settle(session)
    state = session.views[0].state
    assert (state.turns, state.voi.source) == (1, "presentation")
    assert session.views.voi(0) == Window(1000, 500)
    assert "not the stored window" not in notes(session)
    session.move.set_window(0, Window(2000, 3000))
    assert session.views.presentation(0) is not None
    assert session.views.voi(0) == Window(2000, 3000)
    assert "not the stored window" in notes(session)
    session.move.toggle_overlays(0)
    assert "graphics hidden" in notes(session)
    session.move.present(0, "")
    session.move.toggle_overlays(0)
    desk.settle(session)
    np.testing.assert_array_equal(pixels(session), before)


def test_the_next_state_follows_the_newest_and_then_there_is_none(desk: Any, marked: Any) -> None:
    session = desk.open(study(*marked))
    desk.settle(session)
    seen = []
    for _press in range(3):
        BY_ID["view.presentation"].run(session)
        state = session.views.presentation(0)
        seen.append(None if state is None else state.label)
    assert seen == ["MARKS", "OLDER", None]


def test_overlays_that_a_state_leaves_out_are_said(desk: Any, marked: Any) -> None:
    ds, state, _older = marked
    add_overlay(ds, np.eye(40, dtype=bool))
    session = desk.open(study(ds, state))
    desk.settle(session)
    assert (session.views[0].picture.marks == GRAPHIC).any()
    BY_ID["view.presentation"].run(session)
    desk.settle(session)
    assert session.views[0].picture.marks is None
    assert "overlays of the image left out" in notes(session)


def test_a_kept_view_comes_back_with_its_state_and_its_switches(desk: Any, marked: Any) -> None:
    session = desk.open(study(*marked))
    desk.settle(session)
    BY_ID["view.presentation"].run(session)
    session.move.toggle_shutter(0)
    session.move.toggle_overlays(0)
    desk.settle(session)
    shown = pixels(session)
    again = desk.open(study(*marked))
    assert again.restore(session.to_json())
    desk.size(again)
    desk.settle(again)
    state = again.views[0].state
    assert (state.voi, state.overlays, state.shuttered) == (VoiChoice("presentation"), False, False)
    assert again.views.presentation(0) is not None
    np.testing.assert_array_equal(pixels(again), shown)


def test_a_state_of_another_frame_leaves_the_rest_of_the_stack_alone(desk: Any) -> None:
    frames = np.stack([ramp(), ramp(), ramp()])
    ds = image(frames, BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096)
    state = presentation(ds, SoftcopyVOILUTSequence=window(1000, 500))
    state.ReferencedSeriesSequence[0].ReferencedImageSequence = Sequence([reference(ds, 2)])
    session = desk.open(study(ds, state))
    desk.settle(session)
    assert session.views[0].state.index == 1
    BY_ID["view.presentation"].run(session)
    assert session.views.voi(0) == Window(1000, 500)
    session.move.scroll(0, 1)
    assert session.views.presentation(0) is None
    assert session.views.voi(0) == Window(2048, 4096)


def test_kinds_that_are_not_applied_are_named(desk: Any, marked: Any) -> None:
    blended = presentation(marked[0], "1.2.840.10008.5.1.4.1.1.11.4")
    session = desk.open(study(marked[0], blended))
    desk.settle(session)
    (offered,) = session.case.presentations.offered(session.views.stack(0), 0)
    assert offered.refusal == "Blending presentation state: can't be applied here"
    assert not BY_ID["view.presentation"].enabled(session)
    session.move.present(0, offered.sop_instance_uid)
    assert session.views.presentation(0) is None


@pytest.mark.golden(10)
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("flipped", [False, True])
def test_an_embedded_overlay_lies_on_the_pixels_it_was_drawn_on(desk: Any, turns: int, flipped: bool) -> None:
    bits = np.zeros((40, 40), np.bool_)
    bits[3, 5:30] = bits[10:35, 7] = True
    values = np.where(bits, 2000, -2000)
    words = (values & 0x0FFF | bits.astype(int) << 15).astype("<u2")
    ds = image(words, BitsStored=12, HighBit=11, PixelRepresentation=1, WindowCenter=0, WindowWidth=100)
    add_overlay(ds, None, BitsAllocated=16, BitPosition=15)
    session = desk.open(study(ds))
    for _quarter in range(turns):
        session.move.turn(0)
    if flipped:
        session.move.flip(0)
    desk.settle(session)
    picture = session.views[0].picture
    # five screen pixels a pixel, not smoothed in its middle: white pixels and marks are the same places
    np.testing.assert_array_equal(picture.marks[2::5, 2::5] == GRAPHIC, picture.pixels[2::5, 2::5] > 127)
    assert (np.kron(picture.marks[2::5, 2::5], np.ones((5, 5))) == picture.marks).all()


def test_thin_overlays_survive_a_reduction_and_regions_are_told_apart(desk: Any) -> None:
    ds = image(np.zeros((1000, 1000), "<u2"), WindowCenter=10, WindowWidth=10)
    bits = np.zeros((1000, 1000), np.bool_)
    bits[501] = True
    region = np.zeros((100, 100), np.bool_)
    region[10:90, 10:90] = True
    add_overlay(ds, bits)
    add_overlay(ds, region, 0x6002, Type="R")
    session = desk.open(study(ds))
    desk.settle(session)
    marks = session.views[0].picture.marks
    assert (marks == GRAPHIC).any(axis=0).all()
    assert ((marks == GRAPHIC).sum(axis=0) <= 2).all()
    assert (marks[3:17, 3:17] == REGION).all()
    session.move.toggle_overlays(0)
    desk.settle(session)
    assert session.views[0].picture.marks is None


def test_an_overlay_that_cannot_be_read_is_said(desk: Any) -> None:
    ds = image(ramp(), BitsStored=12, HighBit=11)
    add_overlay(ds, None, BitsAllocated=16, BitPosition=3)
    session = desk.open(study(ds))
    desk.settle(session)
    assert "an overlay can't be read" in notes(session)


def test_behind_a_shutter_one_can_look_and_it_is_said(desk: Any) -> None:
    ds = image(ramp() + 0, BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096, ShutterShape="CIRCULAR")
    ds.CenterOfCircularShutter, ds.RadiusOfCircularShutter = [20, 20], 10
    session = desk.open(study(ds))
    desk.settle(session)
    assert not pixels(session)[190, 190]
    assert "shutter" in notes(session)
    BY_ID["view.shutter"].run(session)
    desk.settle(session)
    assert pixels(session)[190, 190] > 240
    assert "shutter off" in notes(session)


def test_raw_images_invalid_windows_and_a_table_that_was_left_are_said(desk: Any) -> None:
    ds = image(ramp(), BitsStored=12, HighBit=11, PresentationIntentType="FOR PROCESSING")
    ds.WindowCenter, ds.WindowWidth = 100, "0.5"
    session = desk.open(study(ds))
    assert notes(session) == ("for processing, not for diagnosis", "window width below 1: taken as 1")
    ds = image(ramp(), BitsStored=12, HighBit=11)
    ds.VOILUTSequence = Sequence([lut_item(0, 12, np.arange(4096), LUTExplanation="FLAT")])
    session = desk.open(study(ds))
    assert session.views.window(0) == Window(2048, 4096)
    session.move.set_window(0, Window(1000, 500))
    session.move.set_window(0, Window(1100, 500))
    assert session.views[0].state.voi.name == "VOI LUT left"


def test_states_that_are_broken_are_said_and_not_applied(desk: Any, marked: Any) -> None:
    ds, state, _older = marked
    broken = lut_item(0, 12, np.arange(100))
    broken.LUTDescriptor = [4096, 0, 12]
    state.SoftcopyVOILUTSequence = Sequence([item(VOILUTSequence=[broken])])
    session = desk.open(study(ds, state))
    desk.settle(session)
    (offered,) = session.case.presentations.offered(session.views.stack(0), 0)
    assert offered.refusal == "stored view: its greys are broken"
    good = study(ds, state)
    good.data[state.SOPInstanceUID] = good.data[state.SOPInstanceUID][:300]
    session = desk.open(good)
    desk.settle(session)
    assert "a stored view can't be read" in notes(session)


def test_an_image_whose_modality_table_is_broken_is_refused(desk: Any) -> None:
    broken = lut_item(0, 16, np.arange(100), ModalityLUTType="US")
    broken.LUTDescriptor = [4096, 0, 16]
    ds = image(ramp(), BitsStored=12, HighBit=11, ModalityLUTSequence=Sequence([broken]))
    session = desk.open(study(ds))
    desk.settle(session)
    assert session.case.loader(session.views[0].state.stack).failures[0].endswith("its modality LUT is broken")

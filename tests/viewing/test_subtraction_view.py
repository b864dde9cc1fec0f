"""An angiography with a mask opens subtracted where its header says so, and goes back to what was stored on a key."""

from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.grey_images import item, saved
from tests.presentation_states import presentation, window
from tests.tiny_instances import part10
from workstation.dicom.key_objects import Rejection
from workstation.dicom.parsing import parse_instance
from workstation.imaging.voi import Window
from workstation.viewing.appearance_notes import appearance_notes
from workstation.viewing.commands import BY_ID
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.thumbnails import thumbnail

SIDE, DOWN, RIGHT = 64, 3, -5
VESSEL = (slice(30, 34), slice(10, 50))


def background() -> NDArray[np.float64]:
    """Bones that no small shift maps to themselves, in logarithms of the intensity."""
    y, x = np.mgrid[0 : SIDE + 20, 0 : SIDE + 20].astype(float)
    return 2000 + 400 * np.sin(y / 4) * np.cos(x / 7)


def angiogram(*, recommended: bool = True) -> Any:
    """Frame 1 is the mask; frames 2 and 3 are moved by the shift, and a vessel of depth 300 shows in the last."""
    whole = background()
    mask = whole[10 : 10 + SIDE, 10 : 10 + SIDE]
    moved = whole[10 - DOWN : 10 - DOWN + SIDE, 10 - RIGHT : 10 - RIGHT + SIDE]
    filled = moved.copy()
    filled[VESSEL] -= 300
    ds, masked = Dataset(), Dataset()
    masked.MaskOperation, masked.ApplicableFrameRange, masked.MaskFrameNumbers = "AVG_SUB", [2, 3], [1]
    masked.MaskSubPixelShift = [float(DOWN), float(RIGHT)]
    ds.MaskSubtractionSequence = Sequence([masked])
    ds.RecommendedViewingMode = "SUB" if recommended else "NAT"
    ds.PixelIntensityRelationship = "LOG"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.12.1"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (generate_uid() for _each in range(3))
    ds.Modality, ds.PatientID, ds.PatientName = "XA", "X-1", "Vessel^Test"
    ds.NumberOfFrames, ds.FrameTime = 3, 100.0
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.rint(np.stack([mask, moved, filled])).astype("<u2").tobytes()
    data = part10(ds)
    instance = parse_instance(data)
    return SimpleNamespace(instances=[instance], data={instance.sop_instance_uid: data})


def values(session: ReadingSession) -> NDArray[np.float32]:
    source = session.views.source(0)
    assert source is not None
    return source.array[0]


@pytest.mark.golden(12)
def test_a_recommended_subtraction_opens_first_and_leaves_the_vessel_alone(desk: Any) -> None:
    session: ReadingSession = desk.open(angiogram(), size=(SIDE, SIDE))
    desk.settle(session)
    shown = session.views.stack(0)
    assert shown is not None
    assert (shown.count, shown.units) == (2, "")
    session.move.go_to(0, 1)
    desk.settle(session)
    difference = values(session)
    known = np.ones((SIDE, SIDE), bool)
    known[:DOWN], known[:, RIGHT:] = False, False
    truth = np.zeros((SIDE, SIDE))
    truth[VESSEL] = -300
    assert np.abs(difference - truth)[known].max() <= 1.0
    source = session.views.source(0)
    assert source is not None
    assert np.array_equal(source.padding_of(0), ~known)
    picture = session.views[0].picture
    assert picture is not None
    assert picture.pixels[32, 30] < picture.pixels[20, 30] - 100
    assert "mask: frame 1, moved −5 × 3 px" in fidelity_notes(shown, session.case.loader(shown.key), picture.state)


def test_the_key_shows_the_same_frame_as_stored_and_back(desk: Any) -> None:
    session: ReadingSession = desk.open(angiogram(), size=(SIDE, SIDE))
    desk.settle(session)
    session.move.go_to(0, 1)
    command = BY_ID["view.subtraction"]
    assert command.enabled(session)
    command.run(session)
    desk.settle(session)
    stack, state = session.views.stack(0), session.views[0].state
    assert stack is not None
    assert (stack.count, state.index) == (3, 2)
    assert abs(float(values(session)[32, 30]) - float(np.rint(background()[10 - DOWN + 32, 40 - RIGHT] - 300))) == 0
    command.run(session)
    desk.settle(session)
    assert session.views[0].state.index == 1
    assert session.views[0].state.stack.endswith("-")


def test_what_is_not_recommended_is_offered_behind_what_was_stored(desk: Any) -> None:
    session: ReadingSession = desk.open(angiogram(recommended=False), size=(SIDE, SIDE))
    desk.settle(session)
    assert [stack.count for stack in session.case.stacks] == [3, 2]
    shown = session.views.stack(0)
    assert shown is not None
    assert shown.count == 3


def test_without_a_mask_there_is_nothing_to_subtract(desk: Any, balls: Any) -> None:
    session: ReadingSession = desk.open(balls.ball_series(slices=4))
    desk.settle(session)
    assert not BY_ID["view.subtraction"].enabled(session)


def test_neither_stored_views_nor_windows_nor_units_of_stored_values_hold_for_differences(desk: Any) -> None:
    study = angiogram()
    (data,) = study.data.values()
    ds = pydicom.dcmread(BytesIO(data))
    for name in ("PatientBirthDate", "PatientSex", "StudyDate"):
        setattr(ds, name, "")
    unit = item(CodeValue="um", CodingSchemeDesignator="UCUM", CodeMeaning="micrometer")
    mapping = item(LUTLabel="DEPTH", MeasurementUnitsCodeSequence=[unit])
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 2.0, 0.0
    mapping.add_new(0x00409216, "US", 0)
    mapping.add_new(0x00409211, "US", 4095)
    ds.RealWorldValueMappingSequence = Sequence([mapping])
    state = presentation(ds, SoftcopyVOILUTSequence=window(2000, 1000))
    raw = [saved(ds), saved(state)]
    instances = [parse_instance(each) for each in raw]
    known = {one.sop_instance_uid: each for one, each in zip(instances, raw, strict=True)}
    session: ReadingSession = desk.open(SimpleNamespace(instances=instances, data=known), size=(SIDE, SIDE))
    desk.settle(session)
    session.move.present(0, state.SOPInstanceUID)
    desk.settle(session)
    shown = session.views.stack(0)
    assert shown is not None
    assert session.views[0].state.presentation == state.SOPInstanceUID
    assert session.views[0].state.voi.source == "auto"
    assert "the stored greys can't be had" in appearance_notes(session.case, shown, session.views[0].state)
    point = session.annotations.draw(0, "point", (session.annotations.point(0, 20, 20),))
    assert point is not None
    assert [quantity.unit for quantity in point.quantities] == [None]
    session.annotations.drop()
    # a window drawn by hand over stored values says nothing about differences
    session.move.toggle_subtraction(0)
    session.move.set_window(0, Window(2000, 1000))
    session.views.place(0, shown)
    assert session.views[0].state.voi.source == "auto"


def test_what_is_rejected_is_subtracted_all_the_same_when_it_is_asked_for(desk: Any) -> None:
    study = angiogram()
    (instance,) = study.instances
    note = replace(
        instance, sop_instance_uid="2.25.9", pixels=None, rejection=Rejection("113001", (instance.sop_instance_uid,))
    )
    study.instances.append(note)
    session: ReadingSession = desk.open(study, size=(SIDE, SIDE))
    assert session.case.stacks == ()
    session.case.show_rejected()
    session.views.place(0, session.case.stacks[0])
    session.move.toggle_subtraction(0)
    assert session.views[0].state.stack == session.case.stacks[1].key
    assert [session.case.remarks(stack) for stack in session.case.stacks] == [("rejected for quality",)] * 2


@pytest.mark.parametrize("sign", [1, -1])
def test_values_that_fall_as_the_beam_grows_are_turned_round_before_their_logarithm_is_taken(
    desk: Any, sign: int
) -> None:
    """PS3.3 C.8.7.1.1.2: with Pixel Intensity Relationship Sign −1 higher pixel values are less intensity."""
    study = angiogram()
    (data,) = study.data.values()
    ds = pydicom.dcmread(BytesIO(data))
    logarithms = np.frombuffer(ds.PixelData, "<u2").astype(float)
    beam = np.rint(8 * np.exp(logarithms / 400))
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LIN", sign
    ds.PixelData = (beam if sign == 1 else 4095 - beam).astype("<u2").tobytes()
    raw = saved(ds)
    instance = parse_instance(raw)
    session: ReadingSession = desk.open(
        SimpleNamespace(instances=[instance], data={instance.sop_instance_uid: raw}), size=(SIDE, SIDE)
    )
    session.move.go_to(0, 1)
    desk.settle(session)
    difference = values(session)[DOWN:, :RIGHT]
    truth = np.zeros((SIDE, SIDE))
    truth[VESSEL] = -300 / 400 * sign
    assert np.abs(difference - truth[DOWN:, :RIGHT]).max() < 0.01


def test_its_small_picture_is_of_differences_in_the_greys_that_were_made_for_them(desk: Any) -> None:
    study = angiogram()
    session: ReadingSession = desk.open(study, size=(SIDE, SIDE))
    session.move.go_to(0, 1)
    desk.settle(session)
    shown = session.views.stack(0)
    assert shown is not None
    assert shown.auto_voi is not None
    small = thumbnail(shown, session.case.fetch, SIDE)
    # the vessel is dark, and what moved with the shift is gone
    assert small[VESSEL][DOWN:].mean() < 10
    rest = np.delete(small[36:], slice(RIGHT, None), axis=1)
    assert rest.std() < 3

"""An angiography with a mask opens subtracted where its header says so, and goes back to what was stored on a key."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.tiny_instances import part10
from workstation.dicom.parsing import parse_instance
from workstation.viewing.commands import BY_ID
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.reading_session import ReadingSession

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
    ds, item = Dataset(), Dataset()
    item.MaskOperation, item.ApplicableFrameRange, item.MaskFrameNumbers = "AVG_SUB", [2, 3], [1]
    item.MaskSubPixelShift = [float(DOWN), float(RIGHT)]
    ds.MaskSubtractionSequence = Sequence([item])
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

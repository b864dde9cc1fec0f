"""Mammograms hang the same way however they were stored, and by codes before texts."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.tiny_instances import part10
from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.imaging.voi import Window
from workstation.viewing.loading import sheet_of
from workstation.viewing.orientation import letters_of_projection
from workstation.viewing.picture import PictureRequest, develop
from workstation.viewing.stack_values import shown_stacks
from workstation.viewing.stacks import start_state
from workstation.viewing.viewport import PlaneKind

Picture = NDArray[np.uint16]
ROWS, COLUMNS = 30, 20

# how each view hangs: the letters towards the left and the top of the screen
HUNG = {
    ("R", "CC"): ("A", "R"),
    ("L", "CC"): ("P", "L"),
    ("R", "MLO"): ("A", "H"),
    ("L", "MLO"): ("P", "H"),
}
CODES = {"CC": ("399162004", "SCT"), "MLO": ("R-10226", "SRT"), "ML": ("399260004", "SCT")}
OPPOSITE = {"A": "P", "P": "A", "L": "R", "R": "L", "H": "F", "F": "H"}

STORED: list[Callable[[Picture], Picture]] = [
    lambda p, turns=turns, mirrored=mirrored: np.rot90(p[:, ::-1] if mirrored else p, turns)  # type: ignore[misc]
    for turns in range(4)
    for mirrored in (False, True)
]


def truth() -> Picture:
    """A picture that looks the same in none of its eight positions."""
    picture = np.zeros((ROWS, COLUMNS), np.uint16)
    picture[12:18, 0:5] = 3000
    picture[0:4, 12:16] = 1500
    return picture


def orientation_of(store: Callable[[Picture], Picture], left: str, top: str) -> list[str]:
    """Patient Orientation of the stored picture, from where two ramps over the hung picture went."""
    down, right = np.mgrid[0:ROWS, 0:COLUMNS]
    towards = []
    for axis in (1, 0):
        ramps = [np.diff(store(ramp.astype(np.uint16)).astype(int), axis=axis).mean() for ramp in (right, down)]
        which = int(np.argmax(np.abs(ramps)))
        start = (left, top)[which]
        towards.append(OPPOSITE[start] if ramps[which] > 0 else start)
    return towards


def mammogram(
    pixels: Picture, laterality: str, view: str, orientation: list[str], code: tuple[str, str] | None
) -> bytes:
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (generate_uid() for _each in range(3))
    ds.Modality, ds.PresentationIntentType = "MG", "FOR PRESENTATION"
    ds.ImageLaterality, ds.ViewPosition, ds.PatientOrientation = laterality, view, orientation
    if code is not None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = *code, "view"
        ds.ViewCodeSequence = Sequence([item])
    ds.ImagerPixelSpacing = [0.1, 0.1]
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    return part10(ds)


@pytest.mark.golden(11)
@pytest.mark.parametrize("store", STORED)
@pytest.mark.parametrize(("laterality", "view"), HUNG)
def test_each_view_hangs_with_its_chest_wall_to_the_middle_however_it_is_stored(
    laterality: str, view: str, store: Callable[[Picture], Picture]
) -> None:
    left, top = HUNG[laterality, view]
    data = mammogram(store(truth()), laterality, view, orientation_of(store, left, top), CODES[view])
    instance = parse_instance(data)
    (stack,) = shown_stacks(build_stacks([instance]), instance.study)
    state = start_state(stack, PlaneKind.STACK, COLUMNS, ROWS)
    sheet = sheet_of(stack, 0)
    sheet.put(0, decode_frame(instance, data))

    picture, _samples = develop(PictureRequest(1, 0, state, sheet, 1, Window(1500, 3000, "LINEAR_EXACT"), False), None)

    assert np.array_equal(picture.pixels, np.rint(truth() / 3000 * 255).astype(np.uint8))
    letters = letters_of_projection(instance.patient_orientation, state.turns, state.flipped)
    assert (letters.left, letters.top) == (left, top)


def test_without_an_orientation_nothing_is_turned_on_a_guess() -> None:
    instance = parse_instance(mammogram(truth(), "R", "CC", [], CODES["CC"]))
    (stack,) = shown_stacks(build_stacks([instance]), instance.study)
    state = start_state(stack, PlaneKind.STACK, COLUMNS, ROWS)
    assert (state.turns, state.flipped) == (0, False)


@pytest.mark.parametrize(
    ("code", "text", "view"),
    [
        (CODES["ML"], "MLO", "ML"),
        (CODES["MLO"], "ML", "MLO"),
        (None, "MLO", "MLO"),
        (None, "XYZ", ""),
    ],
)
def test_the_code_of_a_view_goes_before_its_text(code: tuple[str, str] | None, text: str, view: str) -> None:
    instance = parse_instance(mammogram(truth(), "L", text, ["A", "F"], code))
    assert instance.mammography is not None
    assert (instance.mammography.laterality, instance.mammography.view) == ("L", view)

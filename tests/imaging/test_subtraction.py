"""Subtraction angiography: what moved by a known shift, and nothing else, disappears."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.tiny_instances import part10
from workstation.dicom.part10 import open_part10
from workstation.dicom.subtraction import MaskOperation, subtraction_of
from workstation.imaging.subtraction import subtracted

ROWS, COLUMNS = 60, 80


def bones(down: float = 0.0, right: float = 0.0) -> NDArray[np.float64]:
    """The intensity behind a smooth background, moved; bilinear in place, so that linear interpolation is exact."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    return 2000 + 3.0 * (y - down) - 5.0 * (x - right)


@pytest.mark.golden(12)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, 0.0), (0.0, -4.0), (2.0, 5.0), (1.5, -2.25), (-0.4, 0.7)])
def test_a_mask_moved_by_the_known_shift_subtracts_to_zero(shift: tuple[float, float]) -> None:
    difference = subtracted([bones(*shift)], [bones()], shift, logarithmic=True)
    known = np.isfinite(difference)
    assert np.abs(difference[known]).max() < 1e-3
    lost = (ROWS - int(np.ceil(abs(shift[0])))) * (COLUMNS - int(np.ceil(abs(shift[1]))))
    assert known.sum() == lost


@pytest.mark.golden(12)
def test_without_the_shift_the_bones_stay() -> None:
    difference = subtracted([bones(2.0, 5.0)], [bones()], (0.0, 0.0), logarithmic=True)
    assert np.allclose(difference, -3.0 * 2 + 5.0 * 5)


def test_linear_intensities_are_subtracted_as_logarithms_so_that_a_vessel_is_as_dark_over_bone_as_beside_it() -> None:
    bone = np.where(np.arange(COLUMNS) < 40, 500.0, 2000.0) * np.ones((ROWS, 1))
    vessel = np.ones((ROWS, COLUMNS))
    vessel[20:30] = np.exp(-0.3)
    difference = subtracted([bone * vessel], [bone], (0.0, 0.0), logarithmic=False)
    assert np.allclose(difference[20:30], -0.3, atol=1e-6)
    assert np.allclose(difference[:20], 0.0, atol=1e-6)


def test_several_masks_and_several_contrast_frames_are_averaged() -> None:
    level = np.ones((4, 4))
    difference = subtracted([level * 10, level * 20], [level * 1, level * 3], (0.0, 0.0), logarithmic=True)
    assert np.allclose(difference, 15 - 2)


@pytest.mark.parametrize(
    ("operation", "frame", "expected"),
    [
        (MaskOperation("AVG_SUB", mask_frames=(1, 2)), 5, ((5,), (1, 2))),
        (MaskOperation("AVG_SUB", mask_frames=(1,), averaged=2), 10, None),
        (MaskOperation("AVG_SUB", mask_frames=(1,), averaged=2), 9, ((9, 10), (1,))),
        (MaskOperation("AVG_SUB", ((3, 4), (7, 8)), (1,)), 5, None),
        (MaskOperation("TID", offset=3), 5, ((5,), (2,))),
        (MaskOperation("TID", offset=3), 3, None),
        (MaskOperation("TID", offset=-2), 3, ((3,), (5,))),
        # the example of the standard: the mask goes back by two for each frame that goes on
        (MaskOperation("REV_TID", ((6, 9),), offset=1), 6, ((6,), (5,))),
        (MaskOperation("REV_TID", ((6, 9),), offset=1), 8, ((8,), (3,))),
        (MaskOperation("REV_TID", offset=1), 8, None),
        (MaskOperation("NONE"), 3, None),
    ],
)
def test_which_frame_is_the_mask_of_which_follows_the_standard(
    operation: MaskOperation, frame: int, expected: tuple[tuple[int, ...], tuple[int, ...]] | None
) -> None:
    assert operation.frames_for(frame, 10) == expected


def test_the_mask_module_is_read_from_the_header() -> None:
    ds, item = Dataset(), Dataset()
    item.MaskOperation, item.ApplicableFrameRange, item.MaskFrameNumbers = "AVG_SUB", [3, 9], [1, 2]
    item.ContrastFrameAveraging, item.MaskSubPixelShift = 1, [1.5, -2.0]
    ds.MaskSubtractionSequence = Sequence([item])
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.3"
    ds.RecommendedViewingMode, ds.PixelIntensityRelationship = "SUB", "LOG"
    found = subtraction_of(open_part10(part10(ds)).header)
    assert found is not None
    assert found.recommended
    assert found.logarithmic
    assert found.operations == (MaskOperation("AVG_SUB", ((3, 9),), (1, 2), 1, (1.5, -2.0)),)
    assert found.operation_for(2, 9) is None
    assert found.operation_for(3, 9) == found.operations[0]

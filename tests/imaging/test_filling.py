"""Uneven slices as a volume: slices stay as acquired, planes between them are true, holes stay empty.

The phantom's value is linear in the patient's coordinates: linear blending by true distances gives it back exactly,
anything else does not.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.imaging.filling import Blended, Filling, filling_of
from workstation.imaging.plane import Plane, orthogonal
from workstation.imaging.reslice import reslice

ROWS, COLUMNS = 24, 16
UNEVEN = (0.0, 4.0, 8.0, 12.0, 13.0, 20.0, 27.0, 34.0)


def value(points: np.ndarray) -> np.ndarray:
    """The phantom: integers nowhere but by chance, all within 16 bits."""
    return np.asarray(500 + 3.0 * points[..., 0] - 2.0 * points[..., 1] + 10.0 * points[..., 2])


def phantom(heights: Sequence[float], tilt: float = 0.0, **changes: Any) -> tuple[Stack, dict[str, np.ndarray]]:
    """Slices at these table positions, and their stored values in hundredths."""
    angle = math.radians(tilt)
    row, column = np.array([1.0, 0, 0]), np.array([0, math.cos(angle), -math.sin(angle)])
    instances, stored = [], {}
    for number, height in enumerate(heights):
        position = np.array([-5.0, 7.0, height])
        grid = position + np.arange(COLUMNS)[None, :, None] * row + np.arange(ROWS)[:, None, None] * column * 2.0
        uid = f"1.5.{number}"
        stored[uid] = np.rint(value(grid) * 10).astype(np.int16)
        geometry = FrameGeometry(
            tuple(position.tolist()), (*row.tolist(), *column.tolist()), (2.0, 1.0), slope=changes.get("slope", 1.0)
        )
        instances.append(
            Instance("1.1", "1.2", uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "CT", Patient("", ""),
                     StudyHeader("1.1"), instance_number=number, rows=ROWS, columns=COLUMNS, number_of_frames=1,
                     pixels=PixelDescription(1, "MONOCHROME2", 16, 16, 15, True, padding_value=changes.get("padding")),
                     frames=(geometry,), frame_of_reference_uid="1.9")
        )  # fmt: skip
    (stack,) = build_stacks(instances)
    return stack, stored


def filled(stack: Stack, stored: dict[str, np.ndarray], order: Sequence[int] | None = None) -> Filling:
    filling = filling_of(stack)
    for number in range(len(stack.frames)) if order is None else order:
        filling.put(number, stored[stack.frames[number].instance.sop_instance_uid])
    return filling


def points_of(plane: Plane) -> np.ndarray:
    return np.array([[plane.pixel_to_lps(x, y) for x in range(plane.width)] for y in range(plane.height)])


@pytest.mark.parametrize("tilt", [0.0, 20.0])
@pytest.mark.parametrize("name", ["coronal", "sagittal"])
def test_a_reformat_of_uneven_slices_is_true_everywhere(tilt: float, name: Any) -> None:
    stack, stored = phantom(UNEVEN, tilt)
    volume = filled(stack, stored).volume
    assert volume.complete
    plane = orthogonal(name, volume, 60, 60)
    shown = reslice(volume, plane)
    points = points_of(plane)
    # the outermost half of a voxel is the edge voxel's own value
    deep = volume.lps_to_ijk @ np.concatenate([points, np.ones((60, 60, 1))], axis=2)[..., None]
    ijk = deep[..., :3, 0]
    inner = shown.inside & (ijk >= 0).all(axis=2) & (ijk <= np.array(volume.shape[::-1]) - 1).all(axis=2)
    assert inner.sum() > 200
    # two roundings to whole stored units
    assert np.abs(shown.values[inner] - value(points)[inner] * 10).max() <= 1.5


def test_slices_are_drawn_as_they_were_acquired() -> None:
    stack, stored = phantom(UNEVEN, 20.0)
    filling = filling_of(stack)
    for number, ref in enumerate(stack.frames):
        sheet = filling.put(number, stored[ref.instance.sop_instance_uid])
        np.testing.assert_array_equal(sheet.array[0], stored[ref.instance.sop_instance_uid])
        np.testing.assert_allclose(sheet.ijk_to_lps[:3, 3], ref.geometry.position, atol=1e-6)


def test_planes_come_as_soon_as_both_neighbours_are_there_in_any_order() -> None:
    stack, stored = phantom(UNEVEN)
    whole = filled(stack, stored).volume.array
    order = list(range(len(stack.frames)))
    random.Random(3).shuffle(order)
    filling = filling_of(stack)
    before = 0
    for number in order:
        filling.put(number, stored[stack.frames[number].instance.sop_instance_uid])
        assert int(filling.volume.loaded.sum()) >= before
        before = int(filling.volume.loaded.sum())
    np.testing.assert_array_equal(filling.volume.array, whole)
    partial = filled(stack, stored, [2, 3]).volume
    places = stack.slice_places[2], stack.slice_places[3]
    assert [k for k in range(stack.planes) if places[0] <= k <= places[1]] == np.flatnonzero(partial.loaded).tolist()


def test_nothing_is_guessed_across_a_hole() -> None:
    stack, stored = phantom((0, 4, 8, 12, 16, 57, 61, 65, 69.5))
    assert "nothing between 16.0 and 57.0 mm" in stack.reason
    volume = filled(stack, stored).volume
    assert volume.ijk_to_lps[2, 2] == pytest.approx(69.5 / (stack.planes - 1))
    heights = np.arange(stack.planes) * volume.ijk_to_lps[2, 2]
    # half a usual step is the slices' own extent
    assert not volume.loaded[(heights > 18.3) & (heights < 54.7)].any()
    assert volume.loaded[(heights <= 16) | (heights >= 57)].all()
    coronal = orthogonal("coronal", volume, 40, 70, spacing_mm=1.0)
    shown = reslice(volume, coronal)
    z = points_of(coronal)[..., 2]
    assert not shown.inside[(z > 20) & (z < 53)].any()
    assert shown.inside[(z > 1) & (z < 15)].any()


@pytest.mark.golden(3)
def test_a_reformat_is_not_stretched_over_missing_slices() -> None:
    stack, stored = phantom([1.5 * k for k in range(60) if k not in (40, 41, 42)])
    volume = filled(stack, stored).volume
    plane = orthogonal("sagittal", volume, 24, 100, spacing_mm=1.0)
    shown = reslice(volume, plane)
    points = points_of(plane)
    z = points[..., 2]
    inner = (points[..., 1] > 7.5) & (points[..., 1] < 7 + 2 * (ROWS - 1) - 0.5)
    for there in ((z > 0.5) & (z < 58), (z > 65) & (z < 88)):
        assert shown.inside[there & inner].all()
        assert np.abs(shown.values[there & inner] - value(points)[there & inner] * 10).max() <= 1
    assert not shown.inside[(z > 60) & (z < 63)].any()


def test_padding_is_never_blended_into_values() -> None:
    stack, stored = phantom(UNEVEN, padding=-2000)
    for uid in stored:
        stored[uid][:, :4] = -2000
    stored["1.5.2"][:, 8:] = -2000
    volume = filled(stack, stored).volume
    assert volume.padding is not None
    assert (volume.padding[:, :, :4] == 255).all()
    real = volume.array[volume.padding == 0]
    assert real.min() > 0
    inside = [k for k in range(stack.planes) if stack.slice_places[1] < k < stack.slice_places[3]]
    assert (volume.padding[inside, :, 8:] == 255).all()


def test_the_memory_stays_in_proportion_to_the_slices() -> None:
    stack, _stored = phantom([0.0, *(0.5 + 5.0 * k for k in range(40))])
    assert stack.uneven
    assert stack.planes <= 4 * 41


def test_fractions_of_units_stay_fractions() -> None:
    stack, stored = phantom(UNEVEN, slope=0.1)
    volume = filled(stack, stored).volume
    assert volume.array.dtype == np.float32
    k = 5
    z = k * float(volume.ijk_to_lps[2, 2])
    assert volume.array[k, 3, 2] == pytest.approx(value(np.array([-5.0 + 2, 7.0 + 6.0, z])), abs=0.06)


def test_even_slices_fill_their_planes() -> None:
    stack, stored = phantom([0, 2, 4, 6, 8])
    filling = filled(stack, stored)
    assert not isinstance(filling, Blended)
    np.testing.assert_array_equal(filling.volume.array[3], stored["1.5.3"])


def test_a_real_tilted_head_of_uneven_slices_is_one_true_volume(shared_data: Path) -> None:
    from scipy.interpolate import interp1d

    files = {path.name: path.read_bytes() for path in (shared_data / "ct_ge_tilt_irregular_28").glob("*.dcm")}
    instances = {name: parse_instance(data) for name, data in files.items()}
    (stack,) = build_stacks(list(instances.values()))
    assert (len(stack.frames), stack.is_volume, stack.uneven) == (28, True, True)
    assert stack.tilt_degrees == pytest.approx(18.5, abs=0.01)
    assert "uneven slices 1.08–7 mm" in stack.reason
    names = {instance.sop_instance_uid: name for name, instance in instances.items()}
    filling = filling_of(stack)
    slices = []
    for number, ref in enumerate(stack.frames):
        stored = decode_frame(ref.instance, files[names[ref.instance.sop_instance_uid]], 0)
        filling.put(number, stored)
        slices.append(stored[::16, ::16].astype(np.float64))
    volume = filling.volume
    assert volume.complete
    # the same line of SciPy's between the slices, by table position
    z = [ref.geometry.position[2] for ref in stack.frames if ref.geometry.position is not None]
    planes = volume.ijk_to_lps[2, 3] + volume.ijk_to_lps[2, 2] * np.arange(stack.planes)
    expected = interp1d(z, np.array(slices), axis=0, fill_value="extrapolate")(planes)
    padded = interp1d(z, np.array(slices) == -1500, axis=0, fill_value="extrapolate")(planes) > 1e-6
    found = volume.array[:, ::16, ::16]
    assert np.abs(found - expected)[~padded].max() <= 0.6
    # what the step is in the patient: along the table, oblique to the slices
    np.testing.assert_allclose(volume.ijk_to_lps[:2, 2], 0, atol=1e-6)

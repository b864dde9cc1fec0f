"""Phantoms whose picture is known in closed form: a rod in a tilted stack, areas under reduced pixels, colour."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance, PixelDescription
from workstation.imaging.plane import Plane, orthogonal, slice_plane, volume_centre
from workstation.imaging.reslice import Slab, reslice
from workstation.imaging.volume import Volume

PIXEL, STEP, SIDE = 0.6, 1.25, 110


def tilted_stack(tilt: float, lean: tuple[float, float]) -> Volume:
    """A rod through (0, 0, 0) with slope `lean` (mm in x and y per mm of z), scanned with the gantry tilted."""
    angle = math.radians(tilt)
    row, column = np.array([1.0, 0, 0]), np.array([0, math.cos(angle), -math.sin(angle)])
    instances, images = [], []
    j, i = np.indices((SIDE, SIDE))
    for k in range(60):
        # the table moves along z, whatever the gantry does
        position = np.array([0, 0, (k - 29.5) * STEP]) - (row + column) * PIXEL * (SIDE - 1) / 2
        points = position + (i[..., None] * row + j[..., None] * column) * PIXEL
        x, y, z = np.moveaxis(points, -1, 0)
        distance = np.hypot(x - lean[0] * z, y - lean[1] * z)
        images.append(np.rint(1024 + 1500 * np.exp(-((distance / 2.2) ** 2))).astype(np.uint16))
        geometry = FrameGeometry(
            (float(position[0]), float(position[1]), float(position[2])),
            tuple(round(float(value), 7) for value in (*row, *column)),
            (PIXEL, PIXEL), None, 1.0, -1024.0,
        )  # fmt: skip
        instances.append(
            Instance(
                "1.1", "1.2", f"1.5.{k}", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "CT", Patient("", ""),
                StudyHeader("1.1"), instance_number=60 - k, rows=SIDE, columns=SIDE, number_of_frames=1,
                pixels=PixelDescription(1, "MONOCHROME2", 16, 12, 11, False), frames=(geometry,),
                frame_of_reference_uid="1.9", units="HU",
            )
        )  # fmt: skip
    (stack,) = build_stacks(instances)
    assert stack.is_volume
    assert abs(stack.tilt_degrees) == pytest.approx(abs(tilt), abs=0.01)
    volume = Volume.of_stack(stack)
    order = {instance.sop_instance_uid: k for k, instance in enumerate(instances)}
    for number, ref in enumerate(stack.frames):
        volume.put(stack.index_of(number), images[order[ref.instance.sop_instance_uid]])
    return volume


@pytest.mark.golden(2)
@pytest.mark.parametrize("tilt", [20.0, -20.0])
@pytest.mark.parametrize("lean", [(0.0, 0.0), (0.1, 0.18)], ids=["upright", "leaning"])
def test_a_rod_in_a_stack_tilted_by_20_degrees_is_straight_and_in_its_place(
    tilt: float, lean: tuple[float, float]
) -> None:
    volume = tilted_stack(tilt, lean)
    assert volume.array.dtype == np.int16
    for name, slope in (("sagittal", lean[1]), ("coronal", lean[0])):
        # a slab that the whole rod lies in, so that its other slope doesn't matter
        plane = orthogonal(name, volume, 140, 140, centre=(0.0, 0.0, 0.0), spacing_mm=0.35)  # type: ignore[arg-type]
        got = reslice(volume, plane, Slab(20.0, "mip"))
        weights = np.where(got.inside, np.clip(got.values, 0, None), 0).astype(float)
        assert got.inside.all()
        across = np.array([plane.pixel_to_lps(x, 0)["xy".index("x" if name == "coronal" else "y")] for x in range(140)])
        z = np.array([plane.pixel_to_lps(0, y)[2] for y in range(140)])
        middle = weights @ across / weights.sum(axis=1)
        fitted = np.polyfit(z, middle, 1)
        assert np.abs(middle - np.polyval(fitted, z)).max() < 0.2, name
        # and it is the line that it is
        assert np.abs(middle - slope * z).max() < 0.2, name


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.3, 6.0, 8.0])
@pytest.mark.parametrize("name", ["slice", "coronal", "oblique"])
def test_a_pixel_larger_than_a_voxel_is_the_mean_over_its_box(name: str, ratio: float) -> None:
    # the mean of u² over a box of side s about c is c² + s²/12 for each of its two sides that u runs along
    shape = (80, 100, 120) if name != "slice" else (1, 400, 420)
    k, j, i = np.indices(shape)
    volume = Volume.of_array((i**2 + j**2 + k**2).astype(np.float32), np.eye(4))
    size = 10 if name != "slice" else 40
    if name == "slice":
        plane = slice_plane(volume, 0, size, size, spacing_mm=ratio)
    elif name == "coronal":
        plane = orthogonal("coronal", volume, size, size, spacing_mm=ratio)
    else:
        plane = Plane(volume_centre(volume), (0.8, 0.6, 0.0), (-0.36, 0.48, -0.8), ratio, size, size)
    y, x = np.indices((size, size))
    across = (x[..., None] * np.array(plane.right) + y[..., None] * np.array(plane.down)) * ratio
    points = plane.corner + across
    got = reslice(volume, plane)
    deep = ((points > ratio) & (points < np.array(shape[::-1]) - 1 - ratio))[..., : 2 if name == "slice" else 3]
    deep = deep.all(axis=-1)
    assert deep.sum() > 40
    expected = (points**2).sum(axis=-1) + ratio**2 / 12 * 2
    # linear interpolation lies above a parabola by up to a quarter a direction; at most 4 × 4 places stand for a box
    over = got.values[deep] - expected[deep]
    allowed = 0.35 + 0.1 * ratio**2 / 6
    # a slice is reduced to blocks once, and those between whose middles a pixel lies are blended: at most twice the box
    wider = 1.2 * ratio**2 / 6 if name == "slice" else 0.0
    assert -allowed < over.mean() < 0.75 + wider
    assert np.abs(over - over.mean()).max() < 0.75 + np.abs(points).max() * 2e-6 * 400


def test_a_colour_volume_is_cut_channel_by_channel_with_no_trace_of_slices_to_come() -> None:
    frames = np.random.default_rng(11).integers(1, 256, (10, 12, 14, 3)).astype(np.uint8)
    sheared = np.array([[1.0, 0, 0, 0], [0, 1.1, 0.2, 0], [0, 0, 1.4, 0], [0, 0, 0, 1]])
    volume = Volume(frames.shape, np.uint8, sheared)
    for number in (0, 1, 2, 3, 6, 7, 8, 9):
        volume.put(number, frames[number])
    plane = Plane(volume_centre(volume), (1.0, 0.0, 0.0), (0.0, 0.28, 0.96), 0.6, 20, 24)
    got = reslice(volume, plane)
    y, x = np.indices((24, 20))
    points = plane.corner + (x[..., None] * np.array(plane.right) + y[..., None] * np.array(plane.down)) * 0.6
    index: NDArray[np.float64] = points @ np.linalg.inv(sheared[:3, :3]).T
    k = index[..., 2]
    whole = (np.ceil(k) <= 3) | (np.floor(k) >= 6)
    within = ((index > 0) & (index < [13, 11, 9])).all(axis=-1)
    for channel in range(3):
        expected = map_coordinates(frames[..., channel].astype(float), np.moveaxis(index[..., ::-1], -1, 0), order=1)
        clear = whole & within
        assert clear.sum() > 50
        assert np.abs(got.values[..., channel] - expected)[clear].max() <= 0.5 + 1e-6
    assert not got.inside[(k > 3.6) & (k < 5.4)].any()
    assert (got.values[got.inside] > 0).all()

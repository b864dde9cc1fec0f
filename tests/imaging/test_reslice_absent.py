"""Planes and slabs beside what is not there: padding, slices still to come, the volume's ends."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from workstation.imaging.plane import Plane, orthogonal, slice_plane, volume_centre
from workstation.imaging.reslice import Interpolation, Slab, reslice
from workstation.imaging.volume import SliceTransform, Volume

Mode = Literal["mean", "mip", "minip"]
PADDING = -2000
SHEARED = np.array([[0.8, 0, 0, -9], [0, 0.7, 0.0, 4], [0, 0.3, 1.6, 11], [0, 0, 0, 1.0]])
REDUCE = {"mean": np.nanmean, "mip": np.nanmax, "minip": np.nanmin}


def padded(values: NDArray[Any], padding: NDArray[np.bool_], matrix: NDArray[np.float64]) -> Volume:
    """A full volume with padding where it is wanted."""
    transforms = [SliceTransform(padding=(PADDING, PADDING))] * len(values)
    volume = Volume(values.shape, values.dtype, matrix, transforms=transforms)
    for k, stored in enumerate(np.where(padding, values.dtype.type(PADDING), values)):
        volume.put(k, stored)
    return volume


def oblique(volume: Volume, spacing: float = 0.45) -> Plane:
    right = np.array([0.9, 0.35, 0.2]) / np.linalg.norm([0.9, 0.35, 0.2])
    down = np.cross([0.1, -0.5, 0.9], right)
    down /= np.linalg.norm(down)
    return Plane(volume_centre(volume), tuple(right), tuple(down), spacing, 45, 38)


def points_of(plane: Plane, away: float = 0.0) -> NDArray[np.float64]:
    y, x = np.indices((plane.height, plane.width))
    right, down = np.array(plane.right), np.array(plane.down)
    across = (x[..., None] * right + y[..., None] * down) * plane.spacing_mm
    return np.asarray(plane.corner + across + away * np.array(plane.normal))


def by_scipy(volume: Volume, plane: Plane, slab: Slab, real: NDArray[np.bool_]) -> tuple[NDArray[Any], ...]:
    """Per sample: what it is from real voxels alone, else NaN; and how much of its weight those are."""
    along = np.linalg.norm(np.linalg.inv(volume.ijk_to_lps)[:3, :3] @ plane.normal)
    if slab.mode == "mean":
        count = max(1, int(np.ceil(slab.thickness_mm * along - 1e-6)))
        step = slab.thickness_mm / count
    else:
        count, step = 2 * int(slab.thickness_mm * along / 2 + 1e-6) + 1, 1 / along
    values, weights = [], []
    for n in range(count):
        points = points_of(plane, (n - (count - 1) / 2) * step)
        index = (points @ volume.lps_to_ijk[:3, :3].T + volume.lps_to_ijk[:3, 3])[..., ::-1]
        within = ((index > -0.5) & (index < np.array(volume.shape) - 0.5)).all(axis=-1)
        at = np.moveaxis(index, -1, 0)
        sums = map_coordinates(np.where(real, volume.array, 0).astype(float), at, order=1, mode="nearest")
        weight = map_coordinates(real.astype(float), at, order=1, mode="nearest") * within
        with np.errstate(divide="ignore", invalid="ignore"):
            values.append(np.where(weight > 0.5, sums / weight, np.nan))
        weights.append(weight)
    return np.array(values), np.array(weights)


@pytest.mark.parametrize("thickness", [0.0, 5.0])
@pytest.mark.parametrize("mode", ["mean", "mip", "minip"])
def test_scattered_padding_takes_no_part_and_all_the_rest_does(mode: Mode, thickness: float) -> None:
    noise = np.random.default_rng(7)
    values = noise.normal(0, 300, (15, 21, 24)).astype(np.float32)
    padding = noise.random(values.shape) < 0.3
    padding[:, :, 15:] = True
    volume, slab = padded(values, padding, SHEARED), Slab(thickness, mode)
    plane = oblique(volume)
    got = reslice(volume, plane, slab)
    samples, weights = by_scipy(volume, plane, slab, ~padding)
    # a weight of a half but for rounding may fall either way
    clear = (np.abs(weights - 0.5) > 1e-4).all(axis=0)
    some = ~np.isnan(samples).all(axis=0)
    assert (some & clear).sum() > 300
    np.testing.assert_array_equal(got.inside[clear], some[clear])
    expected = np.full(some.shape, np.nan)
    expected[some] = REDUCE[mode](samples[:, some], axis=0)
    np.testing.assert_allclose(got.values[some & clear], expected[some & clear], atol=0.02)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("spacing", [0.2, 0.45, 1.9])
def test_no_trace_of_the_padding_value_is_in_what_is_shown(interpolation: Interpolation, spacing: float) -> None:
    padding = np.random.default_rng(8).random((15, 21, 24)) < 0.4
    volume = padded(np.full(padding.shape, 40, np.int16), padding, SHEARED)
    for mode in ("mean", "mip", "minip"):
        for slab in (Slab(), Slab(4.0, mode)):  # type: ignore[arg-type]
            got = reslice(volume, oblique(volume, spacing), slab, interpolation)
            assert got.inside.any()
            assert set(np.unique(got.values[got.inside])) == {40}


def test_a_slab_with_some_slices_not_there_yet_is_made_of_the_others() -> None:
    volume = Volume((9, 8, 8), np.int16, np.diag([1.0, 1.0, 2.0, 1.0]))
    for k, value in ((2, 10), (4, 50), (6, 30), (7, -100)):
        volume.put(k, np.full((8, 8), value, np.int16))
    plane = slice_plane(volume, 4, 8, 8, spacing_mm=1.0)
    for mode, expected in (("mean", 30), ("mip", 50), ("minip", 10)):
        # slices 2 to 6
        got = reslice(volume, plane, Slab(10.0, mode))  # type: ignore[arg-type]
        assert got.inside.all()
        assert set(np.unique(got.values)) == {expected}
    assert not reslice(volume, slice_plane(volume, 0, 8, 8, spacing_mm=1.0), Slab(4.0, "mip")).inside.any()
    # an oblique plane too shows real slices only
    turned = Plane(volume_centre(volume), (1.0, 0.0, 0.0), (0.0, 0.6, 0.8), 0.5, 12, 40)
    got = reslice(volume, turned)
    assert not got.inside.all()
    assert set(np.unique(got.values[got.inside])) <= {10, 50, 30, -100, *range(-100, 31)}
    assert (got.values[got.inside] != 0).all()


@pytest.mark.parametrize("mode", ["mean", "mip", "minip"])
@pytest.mark.parametrize("away", [0.0, 6.0, -6.0])
def test_a_slab_that_sticks_out_of_the_volume_is_made_of_what_lies_within(mode: Mode, away: float) -> None:
    values = np.random.default_rng(9).normal(0, 300, (15, 21, 24)).astype(np.float32)
    volume, slab = Volume.of_array(values, SHEARED), Slab(18.0, mode)
    plane = oblique(volume).stepped(away)
    got = reslice(volume, plane, slab)
    samples, _weights = by_scipy(volume, plane, slab, np.ones(values.shape, np.bool_))
    some = ~np.isnan(samples).all(axis=0)
    np.testing.assert_array_equal(got.inside, some)
    np.testing.assert_allclose(got.values[some], REDUCE[mode](samples[:, some], axis=0), atol=0.02)


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("away", [0.0, 0.77, 9.0, -11.0])
def test_a_mean_along_an_axis_is_the_mean_of_its_samples(name: str, dtype: type, away: float) -> None:
    values = np.random.default_rng(12).normal(0, 300, (15, 21, 24)).astype(dtype)
    straight = np.array([[0.8, 0, 0, -9], [0, 0, -1.6, 30], [0, 0.7, 0, 4], [0, 0, 0, 1.0]])
    volume, slab = Volume.of_array(values, straight), Slab(6.5, "mean")
    plane = orthogonal(name, volume, 50, 44, spacing_mm=0.45).stepped(away)  # type: ignore[arg-type]
    got = reslice(volume, plane, slab)
    samples, _weights = by_scipy(volume, plane, slab, np.ones(values.shape, np.bool_))
    some = ~np.isnan(samples).all(axis=0)
    np.testing.assert_array_equal(got.inside, some)
    expected = np.nanmean(samples[:, some], axis=0)
    np.testing.assert_allclose(got.values[some], expected, atol=0.51 if dtype == np.int16 else 0.01)


@pytest.mark.parametrize("mode", ["mip", "minip"])
def test_the_brightest_spot_of_one_slice_keeps_its_value_in_a_slab_of_any_thickness(mode: Mode) -> None:
    values = np.zeros((31, 8, 8), np.int16)
    values[15] = 1000 if mode == "mip" else -1000
    volume = Volume.of_array(values, np.diag([1.0, 1.0, 1.0, 1.0]))
    for thickness in (2.0, 3.0, 4.0, 5.5, 10.0):
        got = reslice(volume, slice_plane(volume, 15, 8, 8, spacing_mm=1.0), Slab(thickness, mode))
        assert set(np.unique(got.values)) == {values[15, 0, 0]}


@pytest.mark.parametrize(("mode", "expected"), [("mean", 20), ("mip", 60), ("minip", -30)])
@pytest.mark.parametrize("away", [0.0, 8.0, -8.0])
def test_a_slab_thicker_than_the_volume_holds_each_of_its_slices_once(mode: Mode, expected: int, away: float) -> None:
    values = np.array([60, 30, 20, 20, -30], np.int16)[:, None, None] * np.ones((5, 6, 6), np.int16)
    volume = Volume.of_array(values, np.diag([1.0, 1.0, 2.0, 1.0]))
    got = reslice(volume, slice_plane(volume, 2, 6, 6, spacing_mm=1.0).stepped(away), Slab(38.0, mode))
    assert got.inside.all()
    assert set(np.unique(got.values)) == {expected}


def test_one_slice_can_be_cut_in_all_directions() -> None:
    volume = Volume.of_array(np.full((1, 30, 30), 70, np.int16), np.diag([1.0, 1.0, 3.0, 1.0]))
    coronal = reslice(volume, orthogonal("coronal", volume, 30, 30, spacing_mm=1.0))
    # 3 mm thick about z = 0, the picture's middle between two rows
    assert coronal.inside.any(axis=1).sum() in (2, 4)
    assert set(np.unique(coronal.values[coronal.inside])) == {70}
    for mode in ("mean", "mip", "minip"):
        for thickness, away in ((0.0, 0.0), (12.0, 0.0), (25.0, 9.0), (3.0, -9.0)):
            aslant = Plane((14.5, 14.5, away), (1.0, 0.0, 0.0), (0.0, 0.28, 0.96), 0.5, 60, 60)
            slab = Slab(thickness, mode)  # type: ignore[arg-type]
            got = reslice(volume, aslant, slab)
            samples, _weights = by_scipy(volume, aslant, slab, np.ones(volume.shape, np.bool_))
            np.testing.assert_array_equal(got.inside, ~np.isnan(samples).all(axis=0))
            assert set(np.unique(got.values[got.inside])) == {70}


def test_a_plane_beside_the_volume_shows_nothing() -> None:
    volume = Volume.of_array(np.full((5, 6, 7), 70, np.int16), SHEARED)
    for slab in (Slab(), Slab(3.0, "mean"), Slab(3.0, "mip")):
        assert not reslice(volume, oblique(volume).stepped(60.0), slab).inside.any()
        assert not reslice(volume, slice_plane(volume, 9, 20, 20), slab).inside.any()


def test_pixels_larger_than_voxels_do_not_mix_with_the_void_around_the_volume() -> None:
    volume = Volume.of_array(np.full((40, 40, 40), -1000, np.int16), np.eye(4))
    for spacing in (1.5, 2.5, 3.7):
        for plane in (orthogonal("coronal", volume, 50, 50, spacing_mm=spacing), oblique(volume, spacing)):
            got = reslice(volume, plane)
            assert not got.inside.all()
            assert set(np.unique(got.values[got.inside])) == {-1000}


def test_values_that_are_no_number_stay_in_their_place() -> None:
    values = np.full((4, 8, 8), 5, np.float32)
    padding = np.zeros(values.shape, np.bool_)
    padding[:, :, 4:] = True
    values[1, 2, 1] = np.nan
    volume = padded(values, padding, np.eye(4))
    got = reslice(volume, orthogonal("coronal", volume, 8, 4, spacing_mm=1.0))
    assert set(np.unique(got.values[got.inside])) == {5}


def test_pictures_of_one_thread_keep_their_own_memory() -> None:
    values = np.arange(4, dtype=np.int16)[:, None, None] * np.ones((4, 8, 8), np.int16)
    volume = Volume.of_array(values, np.eye(4))
    pictures = [reslice(volume, slice_plane(volume, k, 8, 8, spacing_mm=1.0)).values for k in range(4)]
    assert [set(np.unique(picture)) for picture in pictures] == [{0}, {1}, {2}, {3}]


def random_volume(noise: np.random.Generator) -> tuple[Volume, NDArray[np.bool_]]:
    """Any size, any place, maybe sheared, maybe with padding, maybe with slices to come; and which voxels are real."""
    shape = (int(noise.integers(1, 14)), int(noise.choice([1, 2, 9, 15])), int(noise.integers(2, 20)))
    matrix = np.eye(4)
    if noise.random() < 0.4:
        turned = np.eye(3)[:, noise.permutation(3)] * noise.choice([-1, 1], 3)
    else:
        turned = np.linalg.qr(noise.normal(size=(3, 3)))[0]
    matrix[:3, :3] = turned * noise.uniform(0.5, 2, 3)
    if noise.random() < 0.4:
        matrix[:3, 2] += matrix[:3, 1] * noise.uniform(-0.6, 0.6)
    matrix[:3, 3] = noise.normal(0, 50, 3)
    padding = noise.random(shape) < noise.choice([0, 0, 0.1, 0.6])
    there = noise.random(shape[0]) < noise.choice([1, 0.7, 0.5, 0.3])
    volume = Volume(shape, np.float32, matrix, transforms=[SliceTransform(padding=(PADDING, PADDING))] * shape[0])
    for k in np.flatnonzero(there):
        values = noise.normal(0, 300, shape[1:]).clip(-1500, 1500)
        volume.put(int(k), np.where(padding[k], PADDING, values).astype(np.float32))
    return volume, ~padding & there[:, None, None]


def random_plane(noise: np.random.Generator, volume: Volume) -> Plane:
    spacing, kind = float(noise.uniform(0.2, 0.45)), noise.random()
    if kind < 0.3:
        name = str(noise.choice(["axial", "coronal", "sagittal"]))
        return orthogonal(name, volume, 22, 18, spacing_mm=spacing).stepped(float(noise.normal(0, 4)))  # type: ignore[arg-type]
    if kind < 0.5:
        return slice_plane(volume, int(noise.integers(-1, volume.shape[0] + 1)), 22, 18, spacing_mm=spacing)
    axes = np.linalg.qr(noise.normal(size=(3, 3)))[0]
    centre = np.array(volume_centre(volume)) + noise.normal(0, 3, 3)
    return Plane(tuple(centre), tuple(axes[:, 0]), tuple(axes[:, 1]), spacing, 22, 18)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_planes_and_slabs_of_any_kind_through_any_volume_are_made_of_its_real_voxels(seed: int) -> None:
    noise = np.random.default_rng(seed)
    compared = 0
    for number in range(40):
        volume, real = random_volume(noise)
        plane, mode = random_plane(noise, volume), str(noise.choice(["mean", "mip", "minip"]))
        slab = Slab(float(noise.choice([0.0, noise.uniform(0, 30)])), mode)  # type: ignore[arg-type]
        got = reslice(volume, plane, slab)
        samples, weights = by_scipy(volume, plane, slab, real)
        # what lies on the border of a voxel, or of half a weight, may fall either way
        near, far = (by_scipy(volume, plane.stepped(step), slab, real)[0] for step in (-1e-3, 1e-3))
        sizes = [replace(plane, spacing_mm=plane.spacing_mm * factor) for factor in (0.9999, 1.0001)]
        nudged = [by_scipy(volume, size, slab, real)[0] for size in sizes]
        clear = (np.abs(weights - 0.5) > 1e-3).all(axis=0)
        for other in (near, far, *nudged):
            clear &= (np.isnan(other) == np.isnan(samples)).all(axis=0)
        some = ~np.isnan(samples).all(axis=0)
        np.testing.assert_array_equal(got.inside[clear], some[clear], f"{number}")
        both = clear & some
        if both.any():
            expected = REDUCE[mode](samples[:, both], axis=0)
            np.testing.assert_allclose(got.values[both], expected, atol=0.05, err_msg=f"{number}")
            compared += int(both.sum())
    assert compared > 1000

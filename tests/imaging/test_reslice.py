"""Planes through phantoms whose every value is known in closed form."""

import gc
import math
import threading
import time
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from workstation.imaging.plane import Plane, orthogonal, slice_plane, volume_centre
from workstation.imaging.reslice import Interpolation, Slab, reslice
from workstation.imaging.volume import SliceTransform, Volume

TILT = math.radians(20)


def matrix(steps: list[list[float]], origin: tuple[float, float, float] = (-12.0, 7.0, 31.0)) -> NDArray[np.float64]:
    made = np.eye(4)
    made[:3, :3] = np.array(steps, dtype=float).T
    made[:3, 3] = origin
    return made


STRAIGHT = matrix([[0.5, 0, 0], [0, 0.8, 0], [0, 0, 2.0]])
TILTED = matrix([[0.5, 0, 0], [0, 0.5 * math.cos(TILT), -0.5 * math.sin(TILT)], [0, 0, 1.5]])
TURNED = matrix([[0, 0.7, 0], [0, 0, -0.7], [1.2, 0.1, 0]])
SHAPE = (20, 24, 28)


def ramp(ijk_to_lps: NDArray[np.float64], dtype: type = np.float32) -> Volume:
    """A volume whose value is 3·x − 2·y + 5·z: linear interpolation gives it exactly, wherever it is asked."""
    k, j, i = np.indices(SHAPE)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ ijk_to_lps.T
    return Volume.of_array((points[..., 0] * 3 - points[..., 1] * 2 + points[..., 2] * 5).astype(dtype), ijk_to_lps)


def oblique(volume: Volume, width: int = 40, height: int = 30, spacing: float = 0.3) -> Plane:
    right = np.array([0.8, 0.5, 0.2])
    right /= np.linalg.norm(right)
    down = np.cross(right, [0.1, -0.3, 0.9])
    down /= np.linalg.norm(down)
    return Plane(volume_centre(volume), tuple(right), tuple(down), spacing, width, height)


def points_of(plane: Plane) -> NDArray[np.float64]:
    return np.array([[plane.pixel_to_lps(x, y) for x in range(plane.width)] for y in range(plane.height)])


@pytest.mark.parametrize("geometry", [STRAIGHT, TILTED, TURNED], ids=["straight", "tilted", "turned"])
def test_an_oblique_plane_through_any_geometry_gives_the_closed_form_value(geometry: NDArray[np.float64]) -> None:
    volume = ramp(geometry)
    plane = oblique(volume)
    got = reslice(volume, plane)
    expected = points_of(plane) @ [3, -2, 5]
    index = points_of(plane) @ volume.lps_to_ijk[:3, :3].T + volume.lps_to_ijk[:3, 3]
    # between the outermost voxel centres nothing is clamped
    deep = ((index >= 0) & (index <= np.array(SHAPE[::-1]) - 1)).all(axis=-1)
    assert deep.sum() > 200
    np.testing.assert_allclose(got.values[deep], expected[deep], atol=2e-3)
    assert got.inside[deep].all()


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("geometry", [STRAIGHT, TILTED, TURNED], ids=["straight", "tilted", "turned"])
def test_inside_is_what_lies_within_half_a_voxel_of_the_volume(geometry: NDArray[np.float64], name: str) -> None:
    volume = ramp(geometry)
    plane = orthogonal(name, volume, 90, 70, spacing_mm=0.6)  # type: ignore[arg-type]
    index = points_of(plane) @ volume.lps_to_ijk[:3, :3].T + volume.lps_to_ijk[:3, 3]
    margin = np.minimum(index + 0.5, np.array(SHAPE[::-1]) - 0.5 - index).min(axis=-1)
    clear = np.abs(margin) > 1e-5
    np.testing.assert_array_equal(reslice(volume, plane).inside[clear], (margin > 0)[clear])


def test_random_voxels_equal_trilinear_interpolation_written_out() -> None:
    values = np.random.default_rng(1).normal(0, 500, SHAPE).astype(np.float32)
    volume = Volume.of_array(values, TILTED)
    plane = oblique(volume)
    got = reslice(volume, plane).values
    for x, y in [(20, 15), (18, 12), (23, 17), (15, 15)]:
        point = np.array([*plane.pixel_to_lps(x, y), 1.0])
        i, j, k = (volume.lps_to_ijk @ point)[:3]
        i0, j0, k0 = math.floor(i), math.floor(j), math.floor(k)
        expected = sum(
            float(values[k0 + c, j0 + b, i0 + a])
            * (i - i0 if a else 1 - i + i0)
            * (j - j0 if b else 1 - j + j0)
            * (k - k0 if c else 1 - k + k0)
            for a in (0, 1)
            for b in (0, 1)
            for c in (0, 1)
        )
        assert got[y, x] == pytest.approx(expected, abs=0.05)


def test_a_rod_in_a_tilted_stack_stays_straight_in_the_sagittal_view() -> None:
    # a rod along z through (0, 0): its centre line must not follow the gantry
    rows, depth, step = 96, 48, 1.5
    geometry = matrix(
        [[0.5, 0, 0], [0, 0.5 * math.cos(TILT), -0.5 * math.sin(TILT)], [0, 0, step]], (-10.0, -22.0, -20.0)
    )
    k, j, i = np.indices((depth, rows, 41))
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ geometry.T
    distance = np.hypot(points[..., 0], points[..., 1])
    volume = Volume.of_array((1000 * np.exp(-((distance / 2) ** 2))).astype(np.int16), geometry)
    plane = Plane((0.0, 0.0, 12.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), 0.25, 81, 81)
    got = reslice(volume, plane)
    weights = got.values.astype(float)
    middle = (weights * np.arange(81)).sum(axis=1) / weights.sum(axis=1) * 0.25 - 10.0
    assert got.inside.all()
    assert np.abs(middle).max() < 0.05


def test_the_acquired_slice_comes_back_untouched() -> None:
    values = np.random.default_rng(2).integers(-1000, 3000, SHAPE).astype(np.int16)
    for geometry in (TILTED, TURNED):
        volume = Volume.of_array(values, geometry)
        spacing = float(np.linalg.norm(geometry[:3, 0]))
        plane = slice_plane(volume, 7, SHAPE[2], SHAPE[1], spacing_mm=spacing)
        got = reslice(volume, plane)
        if np.isclose(spacing, np.linalg.norm(geometry[:3, 1])):
            np.testing.assert_array_equal(got.values, values[7])
            assert got.inside.all()


def test_zoomed_in_the_acquired_slice_never_borrows_from_its_neighbours() -> None:
    values = np.zeros(SHAPE, np.int16)
    values[9] = 1000
    volume = Volume.of_array(values, TILTED)
    for k, expected in ((8, 0), (9, 1000), (10, 0)):
        got = reslice(volume, slice_plane(volume, k, 60, 50, spacing_mm=0.11))
        assert set(np.unique(got.values[got.inside])) == {expected}


def test_anisotropic_pixels_are_shown_in_their_true_shape() -> None:
    # a square of 8 mm in pixels of 0.5 (between rows) by 1.0 mm (between columns)
    values = np.zeros((1, 40, 20), np.int16)
    values[0, 12:28, 6:14] = 1000
    volume = Volume.of_array(values, np.diag([1.0, 0.5, 1.0, 1.0]))
    got = reslice(volume, slice_plane(volume, 0, 100, 100, spacing_mm=0.1)).values >= 500
    assert (got.any(axis=0).sum() - got.any(axis=1).sum()) == 0
    assert got.any(axis=0).sum() * 0.1 == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize(("mode", "expected"), [("mip", 900.0), ("minip", -300.0), ("mean", 100.0)])
def test_a_slab_takes_every_slice_of_its_thickness_and_no_other(mode: str, expected: float) -> None:
    values = np.zeros((21, 8, 8), np.float32)
    values[8:13] = np.array([900, 0, -300, 0, -100])[:, None, None]
    values[7], values[13] = 5000, -5000
    volume = Volume.of_array(values, np.diag([1.0, 1.0, 2.0, 1.0]))
    plane = slice_plane(volume, 10, 8, 8, spacing_mm=1.0)
    got = reslice(volume, plane, Slab(10.0, mode))  # type: ignore[arg-type]
    np.testing.assert_allclose(got.values, expected, atol=1e-3)


@pytest.mark.parametrize(("interpolation", "between"), [("nearest", {0, 1000}), ("linear", {250, 500, 750})])
def test_the_interpolation_that_is_asked_for_is_done(interpolation: Interpolation, between: set[int]) -> None:
    values = np.zeros((1, 1, 4), np.int16)
    values[..., 2:] = 1000
    volume = Volume.of_array(values, np.eye(4))
    got = reslice(volume, slice_plane(volume, 0, 13, 1, spacing_mm=0.25), interpolation=interpolation).values
    assert set(got[0].tolist()) == between | {0, 1000}


def test_cubic_goes_through_the_voxels() -> None:
    values = np.random.default_rng(3).integers(0, 1000, (1, 16, 16)).astype(np.int16)
    volume = Volume.of_array(values, np.eye(4))
    got = reslice(volume, slice_plane(volume, 0, 16, 16, spacing_mm=1.0), interpolation="cubic").values
    np.testing.assert_array_equal(got, values[0])


@pytest.mark.parametrize("size", [100, 160, 200, 333])
def test_a_reduced_picture_averages_the_area_and_loses_no_thin_line(size: int) -> None:
    values = np.zeros((1, 800, 800), np.int16)
    values[0, :, 401] = 3000
    volume = Volume.of_array(values, np.diag([0.1, 0.1, 1.0, 1.0]))
    got = reslice(volume, slice_plane(volume, 0, size, size)).values
    # the line's mass is there in each row, spread over the screen pixels that cover it
    mass = got.astype(float).sum(axis=1) * (800 / size)
    np.testing.assert_allclose(mass, 3000, rtol=0.12)
    assert got.std(axis=0).max() == pytest.approx(0, abs=1)


def test_a_reduced_picture_shows_no_moire_of_a_grid() -> None:
    values = np.zeros((1, 900, 900), np.int16)
    values[0, ::2] = 2000
    volume = Volume.of_array(values, np.diag([0.1, 0.1, 1.0, 1.0]))
    got = reslice(volume, slice_plane(volume, 0, 280, 280)).values[2:-2, 2:-2]
    np.testing.assert_allclose(got, 1000, atol=120)


def test_a_reduced_picture_stays_in_its_place() -> None:
    # the centre of mass of a blob, in mm, is the same at all sizes
    j, i = np.indices((600, 600))
    blob = 4000 * np.exp(-(((i - 371.3) / 40) ** 2 + ((j - 205.7) / 40) ** 2))
    volume = Volume.of_array(blob[None].astype(np.int16), np.diag([0.1, 0.1, 1.0, 1.0]))
    for size in (75, 110, 200, 290, 600):
        plane = slice_plane(volume, 0, size, size)
        got = reslice(volume, plane).values.astype(float)
        x, y = (got.sum(axis=axis) @ np.arange(size) / got.sum() for axis in (0, 1))
        place = plane.pixel_to_lps(float(x), float(y))
        assert place[:2] == pytest.approx((37.13, 20.57), abs=0.02)


def test_padding_is_not_inside_and_blends_into_nothing() -> None:
    volume = Volume((3, 8, 8), np.int16, np.eye(4), transforms=[SliceTransform(1, -1000, None, (9, 9))] * 3)
    stored = np.full((8, 8), 1040, np.uint16)
    stored[:, :3] = 9
    for k in range(3):
        volume.put(k, stored)
    got = reslice(volume, slice_plane(volume, 1, 29, 29, spacing_mm=0.25))
    np.testing.assert_array_equal(np.unique(got.values[got.inside]), [40])
    # columns of 1 mm, the first three padding: real from 2.5 mm on, pixel 10
    np.testing.assert_array_equal(got.inside.all(axis=0), got.inside.any(axis=0))
    np.testing.assert_array_equal(got.inside[0], np.arange(29) >= 10)
    whole = reslice(volume, slice_plane(volume, 1, 4, 4, spacing_mm=2.0))
    assert whole.inside[:, 2:].all()
    np.testing.assert_array_equal(np.unique(whole.values[whole.inside]), [40])


def test_slices_that_are_not_there_yet_are_not_inside() -> None:
    volume = Volume((6, 8, 8), np.int16, np.eye(4))
    for k in (0, 1, 2, 5):
        volume.put(k, np.full((8, 8), 7, np.int16))
    assert reslice(volume, slice_plane(volume, 2, 8, 8, spacing_mm=1.0)).inside.all()
    assert not reslice(volume, slice_plane(volume, 3, 8, 8, spacing_mm=1.0)).inside.any()
    coronal = reslice(volume, orthogonal("coronal", volume, 8, 6, spacing_mm=1.0))
    # head up: the first row of the picture is the last slice
    assert coronal.inside.all(axis=1).tolist() == [True, False, False, True, True, True]
    assert set(np.unique(coronal.values[coronal.inside])) == {7}


def test_what_is_put_later_shows_in_the_next_picture() -> None:
    volume = Volume((2, 8, 8), np.int16, np.eye(4))
    volume.put(0, np.full((8, 8), 7, np.int16))
    plane = slice_plane(volume, 1, 8, 8, spacing_mm=1.0)
    assert not reslice(volume, plane).inside.any()
    volume.put(1, np.full((8, 8), 9, np.int16))
    assert reslice(volume, plane).values.max() == 9
    volume.put(1, np.full((8, 8), 60000, np.uint16))
    assert reslice(volume, plane).values.max() == 60000


def test_colour_slices_are_sampled_channel_by_channel() -> None:
    frame = np.random.default_rng(4).integers(0, 256, (8, 10, 3)).astype(np.uint8)
    volume = Volume((2, 8, 10, 3), np.uint8, np.eye(4), is_spatial=False)
    volume.put(1, frame)
    got = reslice(volume, slice_plane(volume, 1, 10, 8, spacing_mm=1.0))
    np.testing.assert_array_equal(got.values, frame)
    assert reslice(volume, slice_plane(volume, 1, 4, 3, spacing_mm=2.6)).values.shape == (3, 4, 3)


def test_orthogonal_planes_look_as_radiologists_do() -> None:
    # eight points say which way is which: value 1 at the patient's left, 2 at the back, 3 at the head
    values = np.zeros((9, 9, 9), np.int16)
    values[4, 4, 8], values[4, 8, 4], values[8, 4, 4] = 1, 2, 3
    volume = Volume.of_array(values, np.eye(4))

    def picture(name: str) -> NDArray[np.int16]:
        plane = orthogonal(name, volume, 9, 9, spacing_mm=1.0)  # type: ignore[arg-type]
        return np.asarray(reslice(volume, plane).values)

    axial, coronal, sagittal = picture("axial"), picture("coronal"), picture("sagittal")
    assert (axial[4, 8], axial[8, 4]) == (1, 2)
    assert (coronal[4, 8], coronal[0, 4]) == (1, 3)
    assert (sagittal[4, 8], sagittal[0, 4]) == (2, 3)


def test_places_and_pixels_are_inverse_and_pixel_centres_are_integers() -> None:
    plane = Plane((10.0, 20.0, 30.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0), 0.5, 101, 51)
    assert plane.pixel_to_lps(50, 25) == (10.0, 20.0, 30.0)
    assert plane.pixel_to_lps(0, 0) == (-15.0, 20.0, 42.5)
    assert plane.lps_to_pixel(plane.pixel_to_lps(17.25, 3.5)) == pytest.approx((17.25, 3.5))
    assert plane.normal == (0.0, 1.0, 0.0)
    assert plane.stepped(2.0).centre == (10.0, 22.0, 30.0)
    assert plane.distance((0.0, 23.5, 0.0)) == 3.5


def test_threads_reslice_the_same_volume_at_once() -> None:
    volume = ramp(TILTED)
    plane = oblique(volume)
    expected = reslice(volume, plane).values
    wrong: list[int] = []

    def work(number: int) -> None:
        for _round in range(10):
            if not np.array_equal(reslice(volume, plane).values, expected):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_large_planes_of_several_threads_share_the_cores_and_not_their_samples() -> None:
    volume = ramp(TILTED)
    planes = [oblique(volume, 900, 700, spacing) for spacing in (0.004, 0.005, 0.006)]
    index = [volume.lps_to_ijk[:3, :3] @ plane.corner + volume.lps_to_ijk[:3, 3] for plane in planes]
    assert all(((at >= 0) & (at <= np.array(SHAPE[::-1]) - 1)).all() for at in index)
    wrong: list[float] = []

    def work(number: int) -> None:
        plane = planes[number % 3]
        y, x = np.indices((700, 900))
        across = x[..., None] * np.array(plane.right) + y[..., None] * np.array(plane.down)
        expected = (plane.corner + across * plane.spacing_mm) @ [3, -2, 5]
        for _round in range(2):
            off = np.abs(reslice(volume, plane).values - expected).max()
            if off > 2e-3:
                wrong.append(float(off))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_volume_is_not_kept_alive() -> None:
    volume = ramp(STRAIGHT)
    reslice(volume, oblique(volume))
    reslice(volume, slice_plane(volume, 3, 9, 9))
    seen = weakref.ref(volume.array.base)
    del volume
    gc.collect()
    assert seen() is None


def test_rounding_in_a_stacks_matrix_costs_neither_the_values_nor_the_speed() -> None:
    values = np.random.default_rng(5).integers(-1000, 1000, (4, 512, 512)).astype(np.int16)
    rounded = STRAIGHT.copy()
    rounded[:2, 2] = 1.6e-17
    clean, noisy = Volume.of_array(values, STRAIGHT), Volume.of_array(values, rounded)
    plane = slice_plane(clean, 2, 800, 500)
    assert np.array_equal(reslice(clean, plane).values, reslice(noisy, plane).values)
    # about five times as long where VTK has to take its general path
    assert best_of(7, lambda: reslice(noisy, plane)) < 3 * best_of(7, lambda: reslice(clean, plane))


def best_of(times: int, work: Callable[[], object]) -> float:
    taken = []
    for _again in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)

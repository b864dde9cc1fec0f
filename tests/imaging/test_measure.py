"""Lengths, areas and region statistics on phantoms whose numbers are known."""

import math

import numpy as np
import pytest

from workstation.imaging.measure import (
    Ellipse,
    ellipse_on_plane,
    ellipse_on_slice,
    ellipse_statistics,
    length_mm,
)
from workstation.imaging.plane import Plane, orthogonal, slice_plane
from workstation.imaging.volume import SliceTransform, Volume

TILT = math.radians(20)


def test_a_length_is_the_distance_in_the_patient() -> None:
    assert length_mm((1, 2, 3), (4, 6, 15)) == 13.0


def test_a_length_clicked_on_anisotropic_pixels_is_in_millimetres() -> None:
    volume = Volume.of_array(np.zeros((1, 100, 100), np.int16), np.diag([1.0, 0.5, 1.0, 1.0]))
    plane = slice_plane(volume, 0, 300, 300)
    to = volume.ijk_to_lps

    def clicked(column: float, row: float) -> tuple[float, float, float]:
        x, y = plane.lps_to_pixel(tuple((to @ [column, row, 0, 1])[:3]))
        return plane.pixel_to_lps(x, y)

    assert length_mm(clicked(10, 10), clicked(20, 10)) == pytest.approx(10)
    assert length_mm(clicked(10, 10), clicked(10, 20)) == pytest.approx(5)


def test_the_pixels_of_a_region_are_those_whose_centres_lie_in_it() -> None:
    values = np.arange(49).reshape(7, 7)
    got = ellipse_statistics(values, None, (3, 3), (2, 0), (0, 1))
    # the row through the centre gives x = 1 … 5, the rows above and below only x = 3
    chosen = np.array([22, 23, 24, 25, 26, 17, 31])
    assert (got.count, got.minimum, got.maximum, got.mean) == (7, 17, 31, 24)
    assert got.sd == pytest.approx(chosen.std(ddof=1))
    assert got.area_mm2 == pytest.approx(2 * math.pi)


def test_an_ellipse_is_round_in_millimetres_not_in_pixels() -> None:
    rows, columns = np.indices((200, 100))
    inside = np.hypot((columns - 50) * 1.0, (rows - 100) * 0.5) <= 20
    values = np.where(inside, 100, 0)
    got = ellipse_statistics(values, None, (50, 100), (20, 0), (0, 40), spacing=(0.5, 1.0))
    assert got.area_mm2 == pytest.approx(math.pi * 400)
    assert (got.minimum, got.sd) == (100, 0)
    assert got.count * 0.5 == pytest.approx(got.area_mm2, rel=0.01)


def test_a_turned_ellipse_covers_its_own_pixels() -> None:
    angle = math.radians(30)
    first = (20 * math.cos(angle), 20 * math.sin(angle))
    second = (-8 * math.sin(angle), 8 * math.cos(angle))
    rows, columns = np.indices((80, 80))
    along = ((columns - 40) * first[0] + (rows - 41) * first[1]) / 400
    across = ((columns - 40) * second[0] + (rows - 41) * second[1]) / 64
    inside = along**2 + across**2 <= 1
    got = ellipse_statistics(np.where(inside, 7, 0), None, (40, 41), first, second)
    assert (got.count, got.minimum) == (int(inside.sum()), 7)


def test_padding_never_enters_a_region() -> None:
    volume = Volume((1, 40, 40), np.int16, np.eye(4), transforms=[SliceTransform(1, -1000, None, (0, 0))])
    stored = np.full((40, 40), 1050, np.uint16)
    stored[:, :20] = 0
    volume.put(0, stored)
    got = ellipse_on_slice(volume, 0, Ellipse((20.0, 20.0, 0.0), (10.0, 0.0, 0.0), (0.0, 10.0, 0.0)))
    assert (got.mean, got.sd, got.minimum, got.maximum) == (50, 0, 50, 50)
    assert got.count < math.pi * 100 * 0.6
    assert got.area_mm2 == pytest.approx(math.pi * 100)


def test_a_region_of_nothing_has_no_numbers() -> None:
    values = np.zeros((10, 10))
    for got in (
        ellipse_statistics(values, None, (50, 50), (2, 0), (0, 2)),
        ellipse_statistics(values, None, (5, 5), (0, 0), (0, 2)),
        ellipse_statistics(values, np.zeros((10, 10), bool), (5, 5), (2, 0), (0, 2)),
    ):
        assert got.count == 0
        assert math.isnan(got.mean)


def test_a_region_partly_outside_the_image_counts_what_is_there() -> None:
    got = ellipse_statistics(np.full((10, 10), 5), None, (0, 0), (3, 0), (0, 3))
    assert (got.mean, got.count) == (5, 11)


def sphere(radius: float, ijk_to_lps: np.ndarray, shape: tuple[int, int, int]) -> Volume:
    k, j, i = np.indices(shape)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ ijk_to_lps.T
    distance = np.linalg.norm(points[..., :3], axis=-1)
    return Volume.of_array(np.where(distance <= radius, 60, -800).astype(np.int16), ijk_to_lps)


def test_a_region_on_a_slice_of_a_tilted_stack_reads_modality_values() -> None:
    matrix = np.array(
        [[0.5, 0, 0, -20], [0, 0.5 * math.cos(TILT), 0, -18], [0, -0.5 * math.sin(TILT), 1.5, -20], [0, 0, 0, 1]]
    )
    volume = sphere(8.0, matrix, (36, 80, 80))
    down = np.array([0, math.cos(TILT), -math.sin(TILT)])
    index = volume.lps_to_ijk @ [0, 0, 0, 1]
    k = round(index[2])
    centre = volume.ijk_to_lps @ [index[0], index[1], k, 1]
    ellipse = Ellipse(tuple(centre[:3]), (5.0, 0.0, 0.0), tuple(5 * down))
    got = ellipse_on_slice(volume, k, ellipse)
    assert (got.mean, got.sd, got.resampled) == (60, 0, False)
    assert got.count * 0.25 == pytest.approx(got.area_mm2, rel=0.03)


def test_a_region_on_a_reformat_says_so_and_does_not_depend_on_the_zoom() -> None:
    volume = sphere(
        8.0, np.diag([0.5, 0.5, 1.5, 1.0]) + np.array([[0, 0, 0, -20.0]] * 3 + [[0, 0, 0, 0]]), (28, 80, 80)
    )
    ellipse = Ellipse((0.3, 0.2, 0.1), (4.0, 0.0, 0.0), (0.0, 0.0, 3.0))
    results = [
        ellipse_on_plane(volume, orthogonal("coronal", volume, size, size, centre=(0.3, 0.2, 0.1)), ellipse)
        for size in (100, 640)
    ]
    assert results[0] == results[1]
    assert (results[0].mean, results[0].resampled, results[0].spacing_mm) == (60, True, 0.5)
    assert results[0].count * 0.25 == pytest.approx(results[0].area_mm2, rel=0.05)


def test_a_slice_that_is_not_there_gives_no_numbers() -> None:
    volume = Volume((2, 8, 8), np.int16, np.eye(4))
    assert ellipse_on_slice(volume, 1, Ellipse((4.0, 4.0, 1.0), (2.0, 0, 0), (0, 2.0, 0))).count == 0


def test_an_ellipse_fills_the_box_it_was_drawn_in_and_names_its_major_axis_first() -> None:
    plane = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0), 1.0, 10, 10)
    ellipse = Ellipse.in_box((10.0, 5.0, 8.0), (2.0, 5.0, -12.0), plane)
    assert ellipse.centre == (6.0, 5.0, -2.0)
    assert ellipse.area_mm2 == pytest.approx(math.pi * 4 * 10)
    first, second, third, fourth = ellipse.ends
    assert {first[2], second[2]} == {8.0, -12.0}
    assert {third[0], fourth[0]} == {2.0, 10.0}

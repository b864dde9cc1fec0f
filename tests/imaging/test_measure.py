"""Lengths, areas and region statistics on phantoms whose numbers are known."""

import math
from pathlib import Path

import numpy as np
import pytest

from workstation.dicom.geometry import build_stacks, frame_matrix
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.imaging import uncertainty
from workstation.imaging.figures import (
    Ellipse,
    Polygon,
    angle_degrees,
    cobb_degrees,
    within_polygon,
)
from workstation.imaging.measure import (
    ellipse_statistics,
    length_mm,
    polygon_statistics,
    region_on_plane,
    region_on_slice,
    value_on_plane,
    value_on_slice,
)
from workstation.imaging.plane import orthogonal, slice_plane
from workstation.imaging.reslice import Slab
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
    got = region_on_slice(volume, 0, Ellipse((20.0, 20.0, 0.0), (10.0, 0.0, 0.0), (0.0, 10.0, 0.0)))
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
    got = region_on_slice(volume, k, ellipse)
    assert (got.mean, got.sd, got.resampled) == (60, 0, False)
    assert got.count * 0.25 == pytest.approx(got.area_mm2, rel=0.03)


def test_a_region_on_a_reformat_says_so_and_does_not_depend_on_the_zoom() -> None:
    volume = sphere(
        8.0, np.diag([0.5, 0.5, 1.5, 1.0]) + np.array([[0, 0, 0, -20.0]] * 3 + [[0, 0, 0, 0]]), (28, 80, 80)
    )
    ellipse = Ellipse((0.3, 0.2, 0.1), (4.0, 0.0, 0.0), (0.0, 0.0, 3.0))
    results = [
        region_on_plane(volume, orthogonal("coronal", volume, size, size, centre=(0.3, 0.2, 0.1)), ellipse)
        for size in (100, 640)
    ]
    assert results[0] == results[1]
    assert (results[0].mean, results[0].resampled, results[0].spacing_mm) == (60, True, 0.5)
    assert results[0].count * 0.25 == pytest.approx(results[0].area_mm2, rel=0.05)


def test_a_slice_that_is_not_there_gives_no_numbers() -> None:
    volume = Volume((2, 8, 8), np.int16, np.eye(4))
    assert region_on_slice(volume, 1, Ellipse((4.0, 4.0, 1.0), (2.0, 0, 0), (0, 2.0, 0))).count == 0


def grid_volume(values: np.ndarray | None = None) -> Volume:
    """One slice whose rows are 0.5 mm and whose columns are 1.0 mm apart: Pixel Spacing 0.5\\1.0."""
    pixels = np.zeros((1, 200, 100), np.int16) if values is None else values[None].astype(np.int16)
    return Volume.of_array(pixels, np.diag([1.0, 0.5, 1.0, 1.0]))


def at(volume: Volume, column: float, row: float) -> tuple[float, float, float]:
    return tuple((volume.ijk_to_lps @ [column, row, 0, 1])[:3])


@pytest.mark.golden(1)
def test_a_square_of_spacing_half_by_one_measures_square_by_sides_area_and_angles() -> None:
    volume = grid_volume()
    # 20 mm by 20 mm: 20 columns of 1.0 mm, 40 rows of 0.5 mm
    corners = [at(volume, 30, 60), at(volume, 50, 60), at(volume, 50, 100), at(volume, 30, 100)]
    sides = [length_mm(one, other) for one, other in zip(corners, corners[1:] + corners[:1], strict=True)]
    assert sides == pytest.approx([20.0] * 4)
    assert Polygon(tuple(corners)).area_mm2 == pytest.approx(400.0)
    assert angle_degrees(corners[0], corners[1], corners[2]) == pytest.approx(90.0)
    # the diagonal of a square: 45 degrees in mm, 63 in pixels
    assert angle_degrees(corners[1], corners[0], corners[2]) == pytest.approx(45.0)
    assert cobb_degrees(corners[0], corners[1], corners[0], corners[2]) == pytest.approx(45.0)


def test_an_area_in_space_does_not_depend_on_the_plane_it_lies_in() -> None:
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    flat = np.array([[0, 0, 0], [6, 0, 0], [6, 4, 0], [3, 1, 0], [0, 4, 0]], float)
    # 6 x 4 less the notch, a triangle of base 6 and height 3
    assert Polygon(tuple(map(tuple, flat @ turn.T + 50))).area_mm2 == pytest.approx(24 - 9)


@pytest.mark.parametrize("wanted", [0.001, 12.5, 90.0, 179.9])
def test_an_angle_is_exact_from_the_smallest_to_the_straight_one(wanted: float) -> None:
    radians = math.radians(wanted)
    assert angle_degrees((5, 0, 0), (0, 0, 0), (math.cos(radians), math.sin(radians), 0)) == pytest.approx(wanted)


@pytest.mark.parametrize("wanted", [0.0, 35.0, 90.0, 104.0])
@pytest.mark.parametrize("reversed_first", [False, True])
@pytest.mark.parametrize("reversed_second", [False, True])
def test_a_cobb_angle_does_not_depend_on_the_direction_its_lines_were_drawn_in(
    wanted: float, reversed_first: bool, reversed_second: bool
) -> None:
    half = math.radians(wanted / 2)

    def plate(height: float, tilt: float) -> list[tuple[float, float, float]]:
        return [(sign * 20 * math.cos(tilt), height + sign * 20 * math.sin(tilt), 0.0) for sign in (-1, 1)]

    upper, lower = plate(-80, -half), plate(80, half)
    upper, lower = upper[:: -1 if reversed_first else 1], lower[:: -1 if reversed_second else 1]
    assert cobb_degrees(*upper, *lower) == pytest.approx(wanted, abs=1e-6)


def test_an_angle_without_an_arm_is_no_number() -> None:
    assert math.isnan(angle_degrees((0, 0, 0), (0, 0, 0), (1, 0, 0)))


def test_the_pixels_of_an_outline_are_those_whose_centres_lie_in_it() -> None:
    corners = np.array([[2.5, 1.5], [8.5, 1.5], [8.5, 6.5], [5.5, 3.2], [2.5, 6.5]])
    mask = within_polygon((10, 12), corners)
    # by hand: six pixels a row down to the notch at y = 3.2; the notch is 4.5 … 6.2 wide at 4, 3.9 … 7.1 at 5
    assert [int(row.sum()) for row in mask] == [0, 0, 6, 6, 4, 2, 0, 0, 0, 0]
    assert mask[5].nonzero()[0].tolist() == [3, 8]


def test_outlines_that_share_an_edge_share_no_pixel() -> None:
    left = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 8.0], [0.0, 8.0]])
    right = left + np.array([4.0, 0.0])
    masks = within_polygon((9, 9), left), within_polygon((9, 9), right)
    assert not (masks[0] & masks[1]).any()
    assert (masks[0] | masks[1]).sum() == 64


def test_the_statistics_of_an_outline_leave_padding_out_and_take_the_area_from_the_outline() -> None:
    values = np.full((200, 100), 40)
    values[:, 40:] = 90
    inside = np.ones(values.shape, bool)
    inside[:, 40:] = False
    corners = np.array([[29.5, 59.5], [49.5, 59.5], [49.5, 99.5], [29.5, 99.5]])
    got = polygon_statistics(values, inside, corners, (0.5, 1.0))
    assert (got.mean, got.sd, got.minimum, got.maximum, got.count) == (40, 0, 40, 40, 10 * 40)
    assert got.area_mm2 == pytest.approx(400.0)


@pytest.mark.parametrize(
    ("corners", "crosses"),
    [
        ([(0, 0, 0), (10, 0, 0), (10, 10, 0), (0, 10, 0)], False),
        ([(0, 0, 0), (10, 10, 0), (10, 0, 0), (0, 10, 0)], True),
        ([(0, 0, 5), (4, 0, 5), (4, 4, 5)], False),
        ([(0, 0, 0), (9, 0, 3), (9, 9, 3), (4, 1, 4 / 3), (0, 9, 0)], False),
        ([(0, 0, 0), (9, 0, 3), (9, 9, 3), (4, -1, 4 / 3), (0, 9, 0)], True),
    ],
)
def test_an_outline_that_crosses_itself_is_found_out(corners: list, crosses: bool) -> None:
    assert Polygon(tuple(corners)).crosses_itself is crosses


def test_a_region_on_a_slab_has_the_values_of_the_slab() -> None:
    values = np.zeros((11, 40, 40), np.int16)
    values[7] = 100
    volume = Volume.of_array(values, np.eye(4))
    plane = orthogonal("axial", volume, 40, 40, centre=(20.0, 20.0, 5.0))
    square = Polygon(((12.0, 12.0, 5.0), (28.0, 12.0, 5.0), (28.0, 28.0, 5.0), (12.0, 28.0, 5.0)))
    thin = region_on_plane(volume, plane, square)
    greatest = region_on_plane(volume, plane, square, Slab(5.0, "mip"))
    mean = region_on_plane(volume, plane, square, Slab(5.0, "mean"))
    assert (thin.mean, greatest.mean, mean.mean) == (0, 100, 20)
    assert greatest.resampled
    assert thin.area_mm2 == pytest.approx(256.0)


def test_the_value_at_a_point_is_that_of_the_pixel_that_holds_it() -> None:
    volume = grid_volume(np.arange(200 * 100).reshape(200, 100))
    assert value_on_slice(volume, 0, at(volume, 31.4, 60.4)) == 60 * 100 + 31
    assert value_on_slice(volume, 0, at(volume, 100.6, 60)) is None
    padded = Volume((1, 4, 4), np.int16, np.eye(4), transforms=[SliceTransform(padding=(0, 0))])
    padded.put(0, np.eye(4, dtype=np.uint16))
    assert value_on_slice(padded, 0, (1.0, 1.0, 0.0)) == 1
    assert value_on_slice(padded, 0, (2.0, 1.0, 0.0)) is None


def test_the_value_at_a_point_of_a_reformat_is_interpolated() -> None:
    volume = Volume.of_array(np.arange(5, dtype=np.int16)[:, None, None].repeat(8, 1).repeat(8, 2) * 100, np.eye(4))
    plane = orthogonal("coronal", volume, 8, 8, centre=(4.0, 4.0, 2.0))
    assert value_on_plane(volume, plane, (4.0, 4.0, 2.5)) == 250
    assert value_on_plane(volume, plane, (40.0, 4.0, 2.5)) is None


def test_the_uncertainty_of_a_length_is_that_of_points_anywhere_in_their_voxels() -> None:
    edges = np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 5.0]])
    rng = np.random.default_rng(7)
    start, end = np.array([0.0, 0, 0]), np.array([18.0, 4.0, 30.0])
    jitter = rng.uniform(-0.5, 0.5, (2, 200_000, 3)) @ edges
    lengths = np.linalg.norm(end + jitter[1] - start - jitter[0], axis=1)
    assert uncertainty.of_length(tuple(start), tuple(end), edges) == pytest.approx(2 * lengths.std(), rel=0.02)
    assert uncertainty.of_length((0, 0, 0), (20, 0, 0), np.eye(3)) == pytest.approx(2 * math.sqrt(2 / 12))


def test_the_uncertainties_of_angles_and_areas_are_those_of_moved_points() -> None:
    edges = np.diag([1.0, 0.5, 2.0])[:2]
    points = np.array([[30.0, 0, 0], [0, 0, 0], [15.0, 25.0, 0]])
    rng = np.random.default_rng(11)
    moved = points + rng.uniform(-0.5, 0.5, (20_000, 3, 2)) @ edges
    angles = [angle_degrees(*each) for each in moved[:4000]]
    areas = np.linalg.norm(np.cross(moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]), axis=1) / 2
    got = uncertainty.of_number(lambda at: angle_degrees(*at), list(map(tuple, points)), edges)
    assert got == pytest.approx(2 * float(np.std(angles)), rel=0.06)
    assert uncertainty.of_polygon(list(map(tuple, points)), edges) == pytest.approx(2 * float(areas.std()), rel=0.03)


@pytest.mark.parametrize(("given", "wanted"), [(0.8, 1), (0.08, 2), (0.004, 2), (1.0, 0), (4.1, 0), (0.1, 1), (0, 1)])
def test_a_number_is_rounded_to_what_its_uncertainty_supports(given: float, wanted: int) -> None:
    assert uncertainty.decimals(given) == wanted


@pytest.mark.parametrize("folder", ["mr_acr_phantom_ge_11", "mr_acr_phantom_siemens_11"])
def test_the_acr_phantom_measures_as_wide_as_it_is_built(shared_data: Path, folder: str) -> None:
    """190 mm inside, across and down (ACR Large Phantom Guidance, test 1: within 2 mm), on a slice near the middle."""
    files = [(parse_instance(path.read_bytes()), path) for path in (shared_data / folder).iterdir() if path.is_file()]
    by_uid = {instance.sop_instance_uid: path for instance, path in files if instance.rows}
    stack = max(build_stacks([instance for instance, _path in files]), key=lambda each: len(each.frames))
    ref = stack.frames[len(stack.frames) // 2]
    values = decode_frame(ref.instance, by_uid[ref.instance.sop_instance_uid].read_bytes(), ref.frame).astype(float)
    matrix = frame_matrix(ref.geometry)
    assert matrix is not None
    half = np.percentile(values, 90) / 2
    rows, columns = np.nonzero(values > half)
    row, column = round(rows.mean()), round(columns.mean())

    def edges(profile: np.ndarray) -> tuple[float, float]:
        bright = np.nonzero(profile > half)[0]
        first, last = bright[0], bright[-1]
        before = (half - profile[first - 1]) / (profile[first] - profile[first - 1]) - 1 + first
        after = last + (profile[last] - half) / (profile[last] - profile[last + 1])
        return float(before), float(after)

    def place(x: float, y: float) -> tuple[float, float, float]:
        return tuple((matrix @ [x, y, 0, 1])[:3])

    left, right = edges(values[row])
    assert length_mm(place(left, row), place(right, row)) == pytest.approx(190, abs=2)
    # beside the notch at the top, where an air bubble may be: straight down, a little off the middle
    off = round(30 / matrix_step(matrix))
    top, bottom = edges(values[:, column + off])
    chord = length_mm(place(column + off, top), place(column + off, bottom))
    assert chord == pytest.approx(2 * math.sqrt(95**2 - (off * matrix_step(matrix)) ** 2), abs=2)


def matrix_step(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix[:3, 0]))

"""Frames to stacks: order, step, tilt, gaps, repeats, splits, and that nothing is dropped."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workstation.dicom.axes import orthonormal
from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.parsing import parse_instance
from workstation.dicom.spacing import (
    CALIBRATED,
    CORRECTED,
    DETECTOR,
    ESTIMATED,
    FILM,
    PATIENT,
    PIXELS,
    REGION,
    Spacing,
    spacing_of,
)
from workstation.dicom.ultrasound import UltrasoundRegion
from workstation.errors import UnreadableObject

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
GREY = PixelDescription(1, "MONOCHROME2", 16, 12, 11, True)


def at(position: Sequence[float] | None, number: int = 1, **changes: Any) -> Instance:
    own = {name: changes.pop(name) for name in list(changes) if name in FrameGeometry.__dataclass_fields__}
    geometry = FrameGeometry(
        position=None if position is None else tuple(position),
        **{"orientation": AXIAL if position is not None else None, "pixel_spacing": (0.5, 1.0), **own},
    )
    values: dict[str, Any] = {
        "modality": "CT",
        "instance_number": number,
        "series_number": 1,
        "rows": 4,
        "columns": 6,
        "number_of_frames": 1,
        "pixels": GREY,
        "frames": (geometry,),
        "frame_of_reference_uid": "1.9",
        **changes,
    }
    uid = values.pop("uid", f"1.5.{number}")
    return Instance("1.1", "1.2", uid, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", values.pop("modality"),
                    Patient("", ""), StudyHeader("1.1"), **values)  # fmt: skip


def only(instances: Sequence[Instance]) -> Stack:
    (stack,) = build_stacks(instances)
    return stack


def heights(stack: Stack) -> list[float]:
    positions = [ref.geometry.position for ref in stack.frames]
    return [position[2] for position in positions if position is not None]


@pytest.mark.golden(4)
@pytest.mark.parametrize("reversed_numbers", [True, False])
def test_slices_are_ordered_by_position_whatever_their_numbers(reversed_numbers: bool) -> None:
    numbers = list(range(20, 0, -1))
    if not reversed_numbers:
        random.Random(1).shuffle(numbers)
    instances = [at((0, 0, 3.0 * place), number) for place, number in enumerate(numbers)]
    random.Random(2).shuffle(instances)
    stack = only(instances)
    assert heights(stack) == [3.0 * place for place in range(20)]
    assert stack.is_volume


@pytest.mark.golden(1)
def test_the_matrix_carries_row_and_column_spacing_to_their_own_axes() -> None:
    stack = only([at((10, 20, 30 + 2.5 * k), k) for k in range(3)])
    assert stack.ijk_to_lps is not None
    # pixel spacing is (between rows, between columns) = (0.5, 1.0): 8 columns are 8 mm, 8 rows 4 mm
    np.testing.assert_allclose(stack.ijk_to_lps @ [8, 0, 0, 1], [18, 20, 30, 1])
    np.testing.assert_allclose(stack.ijk_to_lps @ [0, 8, 0, 1], [10, 24, 30, 1])
    np.testing.assert_allclose(stack.ijk_to_lps @ [0, 0, 2, 1], [10, 20, 35, 1])
    # a square of 20 mm on these pixels is 20 columns wide and 40 rows high
    corners = stack.ijk_to_lps @ np.array([[0, 20, 0], [0, 0, 40], [0, 0, 0], [1, 1, 1]], dtype=float)
    np.testing.assert_allclose(np.linalg.norm(corners[:, 1:].T - corners[:, 0], axis=1), [20, 20])
    assert not stack.ijk_to_lps.flags.writeable


def test_slice_thickness_and_spacing_between_slices_are_not_asked() -> None:
    stack = only([at((0, 0, 2.0 * k), k, slice_thickness=5.0, spacing_between_slices=-7.0) for k in range(4)])
    assert stack.ijk_to_lps is not None
    np.testing.assert_allclose(stack.ijk_to_lps[:3, 2], [0, 0, 2])


def test_a_tilted_stack_keeps_its_true_step() -> None:
    angle = math.radians(20)
    tilted = (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))
    stack = only([at((0, 0, 4.0 * k), k, orientation=tilted) for k in range(10)])
    assert stack.is_volume
    assert stack.tilt_degrees == pytest.approx(20, abs=1e-6)
    assert "20.0°" in stack.reason
    assert stack.ijk_to_lps is not None
    np.testing.assert_allclose(np.abs(stack.ijk_to_lps[:3, 2]), [0, 0, 4], atol=1e-9)


@pytest.mark.golden(3)
def test_missing_slices_are_named_and_move_nothing() -> None:
    stack = only([at((0, 0, 1.5 * k), k) for k in range(60) if k not in (40, 41, 42)])
    assert stack.is_volume
    assert [(gap.after, gap.missing) for gap in stack.gaps] == [(39, 3)]
    assert (stack.gaps[0].low_mm, stack.gaps[0].high_mm) == (58.5, 64.5)
    assert "3 slices missing between 58.5 and 64.5 mm" in stack.reason
    assert stack.depth == 60
    assert stack.index_of(40) == 43
    assert stack.ijk_to_lps is not None
    for number, ref in enumerate(stack.frames):
        place = stack.ijk_to_lps @ [0, 0, stack.index_of(number), 1]
        np.testing.assert_allclose(place[:3], ref.geometry.position, atol=1e-9)


@pytest.mark.parametrize("border", [40, 120])
def test_another_increment_is_uneven_and_no_row_of_missing_slices(border: int) -> None:
    # an old head: 4 mm through the skull base, then 8 mm
    places = [*range(0, border, 4), *range(border, border + 33, 8)]
    stack = only([at((0, 0, z), n) for n, z in enumerate(places)])
    assert (stack.is_volume, stack.uneven, stack.gaps) == (True, True, ())
    assert "uneven slices 4–8 mm" in stack.reason
    # each frame's fraction of the grid is where it stands
    assert stack.ijk_to_lps is not None
    for number, ref in enumerate(stack.frames):
        place = stack.ijk_to_lps @ [0, 0, stack.place_of(number), 1]
        np.testing.assert_allclose(place[:3], ref.geometry.position, atol=1e-9)
    with pytest.raises(ValueError, match="no planes"):
        stack.index_of(3)


def test_single_missing_slices_stay_missing_slices() -> None:
    stack = only([at((0, 0, 2.0 * k), k) for k in range(40) if k not in (5, 11, 12, 20, 31)])
    assert [(gap.after, gap.missing) for gap in stack.gaps] == [(4, 1), (9, 2), (16, 1), (26, 1)]
    assert not stack.uneven
    assert stack.reason.endswith("1 more gap")


def test_parts_that_lie_far_from_each_other_are_no_volume_of_air() -> None:
    for far in (1e6, 5000.3):
        stack = only([*(at((0, 0, 2.0 * k), k) for k in range(9)), at((0, 0, far), 99)])
        assert not stack.is_volume
        assert "too far for one volume" in stack.reason
        assert len(stack.frames) == 10


def test_the_small_steps_of_small_animals_are_no_repeats() -> None:
    stack = only([at((0, 0, 0.009 * k), k, pixel_spacing=(0.009, 0.009)) for k in range(30)])
    assert (stack.is_volume, stack.positions, stack.reason) == (True, 30, "")


def test_rounded_positions_are_still_even() -> None:
    stack = only([at((0, 0, round(0.7 * k, 2) + (0.01 if k % 3 else 0)), k) for k in range(80)])
    assert stack.is_volume


def test_shifted_slices_make_no_volume() -> None:
    stack = only([at((3.0 if k == 5 else 0.0, 0, 2.0 * k), k) for k in range(10)])
    assert not stack.is_volume
    assert "shifted" in stack.reason


def test_the_same_object_given_twice_counts_once() -> None:
    instances = [at((0, 0, 2.0 * k), k) for k in range(4)]
    assert len(only([*instances, *instances]).frames) == 4


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("localiser", {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}),
        ("matrix", {"rows": 8}),
        ("orientation", {"orientation": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)}),
        ("pixel spacing", {"pixel_spacing": (0.6, 0.6)}),
        ("kernel", {"kernel": "B70"}),
        ("frame of reference", {"frame_of_reference_uid": "1.10"}),
        ("stack", {"stack_id": "2"}),
        ("colour", {"pixels": replace(GREY, samples_per_pixel=3, photometric="RGB")}),
    ],
)
def test_what_does_not_belong_together_is_parted_and_the_rule_named(rule: str, changes: dict[str, Any]) -> None:
    instances = [at((0, 0, 2.0 * k), k) for k in range(5)] + [at((0, 0, 50), 9, **changes)]
    stacks = build_stacks(instances)
    assert sorted(len(stack.frames) for stack in stacks) == [1, 5]
    assert all(rule in stack.split_rule for stack in stacks)


def test_cosines_that_are_no_right_angle_make_no_volume() -> None:
    skewed = (1.0, 0.0, 0.0, 0.1, 0.99, 0.0)
    stack = only([at((0, 0, 2.0 * k), k, orientation=skewed) for k in range(5)])
    assert not stack.is_volume
    assert "perpendicular" in stack.reason


def test_cosines_of_few_digits_are_straightened() -> None:
    axes = orthonormal((0.70711, 0.70711, 0.001, -0.7071, 0.7071, 0.0))
    assert axes is not None
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_a_frame_stands_where_its_own_position_says_even_without_a_volume() -> None:
    stack = only([at((1, 2 + (k == 2), height), k) for k, height in enumerate((0, 3, 6, 9, 13.5, 18, 22.5))])
    assert not stack.is_volume
    matrix = stack.frame_to_lps(4)
    assert matrix is not None
    np.testing.assert_allclose(matrix @ [2, 2, 0, 1], [3, 3, 13.5, 1])


def test_an_enhanced_object_in_any_frame_order_and_two_stacks_comes_apart() -> None:
    order = [3, 1, 0, 2, 7, 5, 4, 6]
    frames = tuple(
        FrameGeometry((0, 0, 2.0 * (place % 4)), AXIAL, (1, 1), stack_id="A" if place < 4 else "B") for place in order
    )
    stacks = build_stacks([at(None, 1, number_of_frames=8, frames=frames)])
    assert [heights(stack) for stack in stacks] == [[0, 2, 4, 6]] * 2
    assert all(stack.is_volume and stack.split_rule == "stack" for stack in stacks)
    assert {(stack.frames[0].frame) for stack in stacks} == {order.index(0), order.index(4)}


def test_projections_are_each_a_stack_without_volume() -> None:
    instances = [at(None, k, modality="DX", pixel_spacing=None, imager_pixel_spacing=(0.14, 0.14)) for k in (1, 2)]
    stacks = build_stacks(instances)
    assert len(stacks) == 2
    assert all(stack.ijk_to_lps is None and "projection" in stack.reason for stack in stacks)
    assert stacks[0].spacing == Spacing(0.14, 0.14, DETECTOR)


def test_an_object_without_pixels_is_in_no_stack() -> None:
    assert build_stacks([at((0, 0, 0), pixels=None, number_of_frames=0)]) == ()


def test_series_come_in_the_order_of_their_numbers() -> None:
    stacks = build_stacks(
        [replace(at((0, 0, 0), 1, uid=f"1.7.{n}"), series_uid=f"1.3.{n}", series_number=n) for n in (7, 2, 4)]
    )
    assert [stack.first.series_number for stack in stacks] == [2, 4, 7]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pixel_spacing": (0.2, 0.2), "pixel_spacing_calibration": "FIDUCIAL"}, Spacing(0.2, 0.2, CALIBRATED)),
        ({"pixel_spacing": (0.2, 0.2), "pixel_spacing_calibration": "GEOMETRY"}, Spacing(0.2, 0.2, CORRECTED)),
        ({"pixel_spacing": (0.2, 0.2), "imager_pixel_spacing": (0.2, 0.2)}, Spacing(0.2, 0.2, DETECTOR)),
        (
            {"pixel_spacing": None, "imager_pixel_spacing": (0.2, 0.3), "magnification": 2.0},
            Spacing(0.1, 0.15, ESTIMATED),
        ),
        (
            {
                "pixel_spacing": None,
                "imager_pixel_spacing": (0.2, 0.2),
                "source_to_detector_mm": 1000.0,
                "source_to_patient_mm": 800.0,
            },
            Spacing(0.16, 0.16, ESTIMATED),
        ),
        ({"pixel_spacing": None, "nominal_scanned_spacing": (0.1, 0.1)}, Spacing(0.1, 0.1, FILM)),
        ({"pixel_spacing": None}, Spacing(1.0, 1.0, PIXELS)),
        ({"pixel_spacing": None, "pixel_aspect_ratio": (2.0, 1.0)}, Spacing(2.0, 1.0, PIXELS)),
    ],
)
def test_a_projection_takes_the_first_rung_of_the_spacing_ladder(changes: dict[str, Any], expected: Spacing) -> None:
    spacing = spacing_of(at(None, modality="DX", **changes))
    assert (spacing.row_mm, spacing.column_mm) == pytest.approx((expected.row_mm, expected.column_mm))
    assert spacing.source == expected.source
    assert spacing.in_mm == (expected.source != PIXELS)


def test_a_slice_in_the_patient_has_the_patients_spacing() -> None:
    assert spacing_of(at((0, 0, 0))) == Spacing(0.5, 1.0, PATIENT)


def test_ultrasound_is_measured_by_its_regions_only_where_they_agree() -> None:
    tissue = UltrasoundRegion(0, 0, 99, 99, 3, 3, 0.02, 0.03)
    trace = UltrasoundRegion(0, 100, 99, 199, 4, 7, 0.01, 1.0)
    us = {"modality": "US", "pixel_spacing": None}
    assert spacing_of(at(None, ultrasound_regions=(tissue,), **us)) == Spacing(0.3, 0.2, REGION)
    assert not spacing_of(at(None, ultrasound_regions=(tissue, trace), **us)).in_mm


def stacks_of(folder: Path) -> tuple[tuple[Stack, ...], int]:
    instances = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                instances.append(parse_instance(path.read_bytes()))
            except UnreadableObject:
                continue
    unique = {instance.sop_instance_uid: instance for instance in instances}
    return build_stacks(instances), sum(instance.number_of_frames for instance in unique.values())


@pytest.mark.parametrize("folder", ["mr_enhanced", "geometry_guard", "ct_ge_tilt_irregular_28", "mr_prostatex_0207"])
def test_every_frame_of_real_series_is_in_a_stack(shared_data: Path, folder: str) -> None:
    stacks, frames = stacks_of(shared_data / folder)
    reachable = {(ref.instance.sop_instance_uid, ref.frame) for stack in stacks for ref in stack.frames}
    assert len(reachable) == sum(len(stack.frames) for stack in stacks) == frames
    assert all(stack.is_volume or stack.reason for stack in stacks)

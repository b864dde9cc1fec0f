"""Repetitions are told apart by what separates them, and one anatomy is never torn."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance, PixelDescription

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SHARP = {"kernel": "B70"}


def at(z: float, number: int = 1, **changes: Any) -> Instance:
    own = {name: changes.pop(name) for name in list(changes) if name in FrameGeometry.__dataclass_fields__}
    geometry = FrameGeometry(**{"position": (0.0, 0.0, z), "orientation": AXIAL, "pixel_spacing": (1.0, 1.0), **own})
    values: dict[str, Any] = {
        "instance_number": number,
        "rows": 4,
        "columns": 6,
        "number_of_frames": 1,
        "pixels": PixelDescription(1, "MONOCHROME2", 16, 12, 11, False),
        "frames": (geometry,),
        **changes,
    }
    return Instance("1.1", "1.2", values.pop("uid", f"1.5.{number}"), "1.2.840.10008.5.1.4.1.1.4",
                    "1.2.840.10008.1.2.1", "MR", Patient("", ""), StudyHeader("1.1"), **values)  # fmt: skip


def series(parts: Sequence[dict[str, Any]], places: int = 8) -> list[Instance]:
    """Each position once for each part, numbered place by place as scanners do."""
    return [at(3.0 * z, z * len(parts) + n, **part) for z in range(places) for n, part in enumerate(parts)]


def sizes(stacks: Sequence[Stack]) -> list[int]:
    return [len(stack.frames) for stack in stacks]


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("b-value 400", [{"b_value": b} for b in (0.0, 400.0, 800.0)]),
        ("echo time 90", [{"echo_time": ms} for ms in (30.0, 90.0)]),
        ("echo", [{"echo_numbers": (n,)} for n in (1.0, 2.0)]),
        ("temporal position 3", [{"temporal_position": n} for n in (1, 2, 3, 4)]),
        ("cardiac phase 50", [{"cardiac_phase": percent} for percent in (0.0, 50.0)]),
        ("trigger time 40", [{"trigger_time": ms} for ms in (0.0, 40.0, 80.0)]),
        ("inversion time 150", [{"inversion_time": ms} for ms in (150.0, 300.0)]),
        ("flip angle 15", [{"flip_angle": degrees} for degrees in (3.0, 15.0)]),
        ("acquisition 2", [{"acquisition_number": n} for n in (1, 2)]),
        ("tube voltage 140", [{"kvp": kv} for kv in (80.0, 140.0)]),
        ("contrast agent", [{"contrast_agent": name} for name in ("", "Iomeprol")]),
        ("acquisition time", [{"acquisition_time": time} for time in ("101500", "101730")]),
        ("sequence name only", [{"sequence_name": name} for name in ("*ep_b50t", "*ep_b800t")]),
        ("image type", [{"image_type": ("DERIVED", "PRIMARY", kind)} for kind in ("VENC 50", "VENC 80")]),
    ],
)
def test_what_repeats_positions_parts_and_is_named(rule: str, parts: list[dict[str, Any]]) -> None:
    stacks = build_stacks(series(parts))
    assert sizes(stacks) == [8] * len(parts)
    assert all(stack.is_volume and not stack.duplicates for stack in stacks)
    assert any(rule in stack.split_rule for stack in stacks)


@pytest.mark.parametrize(
    "changes",
    [
        {"b_value": 400.0}, {"echo_time": 90.0}, {"temporal_position": 2}, {"acquisition_number": 2}, {"kvp": 80.0},
        {"contrast_agent": "Iomeprol"}, {"acquisition_time": "101730"}, {"image_type": ("ORIGINAL", "PRIMARY", "ADD")},
        {"trigger_time": 40.0}, {"sequence_name": "other"}, {"slice_thickness": 9.0},
    ],
)  # fmt: skip
def test_what_repeats_no_position_tears_no_volume(changes: dict[str, Any]) -> None:
    stacks = build_stacks([*(at(2.0 * k, k) for k in range(6)), *(at(2.0 * k, k, **changes) for k in range(6, 12))])
    assert sizes(stacks) == [12]
    assert stacks[0].is_volume
    assert stacks[0].split_rule == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ORIGINAL", "PRIMARY", "M", "ND"), ("ORIGINAL", "PRIMARY", "P", "ND")),
        (("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"), ("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE")),
        (("DERIVED", "PRIMARY", "DIXON", "WATER"), ("DERIVED", "PRIMARY", "DIXON", "FAT")),
        (("DERIVED", "PRIMARY", "DIXON", "IN_PHASE"), ("DERIVED", "PRIMARY", "DIXON", "OPP_PHASE")),
        (("ORIGINAL", "PRIMARY", "DIFFUSION"), ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")),
    ],
)
def test_kinds_of_pixels_are_never_mixed_even_where_positions_do_not_repeat(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    stacks = build_stacks([at(2.0 * k, k, image_type=one if k < 6 else other) for k in range(12)])
    assert sizes(stacks) == [6, 6]
    assert all(stack.split_rule == "image type" for stack in stacks)


def test_units_are_never_mixed() -> None:
    assert sizes(build_stacks([at(2.0 * k, k, rescale_type="HU" if k < 6 else "Z_EFF") for k in range(12)])) == [6, 6]


def test_two_attributes_part_where_neither_does_alone() -> None:
    stacks = build_stacks(series([{"b_value": b, "echo_time": te} for b in (0.0, 800.0) for te in (60.0, 90.0)]))
    assert sizes(stacks) == [8] * 4
    assert "b-value 800, echo time 60" in {stack.split_rule for stack in stacks}


def test_directions_of_one_b_value_are_told_apart_and_the_b_value_is_said() -> None:
    ways: list[dict[str, Any]] = [{"b_value": 0.0}]
    ways += [{"b_value": 1000.0, "gradient": axis} for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    stacks = build_stacks(series(ways))
    assert sizes(stacks) == [8] * 4
    assert [stack.split_rule.split(",")[0] for stack in stacks] == ["b-value 0"] + ["b-value 1000"] * 3
    assert len({stack.split_rule for stack in stacks}) == 4


def test_an_attribute_with_equal_parts_goes_before_one_with_unequal_parts() -> None:
    # the echo time of the last place is another: it parts cleanly, but not evenly
    instances = series([{"acquisition_number": n, "echo_time": 10.0 * n} for n in (1, 2)])
    odd = [replace(one, frames=(replace(one.frames[0], echo_time=99.0),)) for one in instances[-2:]]
    stacks = build_stacks([*instances[:-2], odd[0], instances[-1]])
    assert sizes(stacks) == [8, 8]
    assert [stack.split_rule for stack in stacks] == ["acquisition 1", "acquisition 2"]


def test_parts_of_unequal_size_are_said_to_be() -> None:
    instances = [at(3.0 * z, z, acquisition_number=1) for z in range(10)]
    instances += [at(3.0 * z, 10 + z, acquisition_number=2) for z in range(9, 15)]
    stacks = build_stacks(instances)
    assert sizes(stacks) == [10, 6]
    assert all("acquisition" in stack.split_rule and "unequal" in stack.split_rule for stack in stacks)


def test_one_image_taken_again_leaves_no_shreds() -> None:
    # taken four at a time, so that the time parts cleanly, into eight
    instances = [at(3.0 * z, z, content_time=f"10150{z // 4}") for z in range(28)]
    (stack,) = build_stacks([*instances, at(3.0 * 5, 99, content_time="101600")])
    assert (len(stack.frames), stack.duplicates, stack.is_volume) == (29, 1, False)
    again = build_stacks([*instances, at(3.0 * 5, 99, content_time="101600", acquisition_number=2)])
    assert sizes(again) == [28, 1]
    assert [stack.is_volume for stack in again] == [True, False]


def test_stations_that_overlap_come_apart() -> None:
    stations = [at(3.0 * z, 20 * n + z, acquisition_number=n) for n in range(3) for z in range(9 * n, 9 * n + 10)]
    stacks = build_stacks(stations)
    assert sizes(stacks) == [10, 10, 10]
    assert all(stack.is_volume and "acquisition" in stack.split_rule for stack in stacks)


def test_where_nothing_parts_cleanly_all_is_shown_and_said() -> None:
    instances = series([{"b_value": 0.0}, {"b_value": 800.0}, {"b_value": 800.0}])
    (stack,) = build_stacks(instances)
    assert (len(stack.frames), stack.positions, stack.duplicates) == (24, 8, 16)
    assert not stack.is_volume
    assert "24 images at 8 positions, and nothing in the headers tells them apart" in stack.reason


def test_runs_of_a_scan_without_any_attribute_come_apart_by_the_order_of_images_and_say_so() -> None:
    runs = [at(3.0 * z, 8 * run + z) for run in range(3) for z in range(8)]
    stacks = build_stacks(runs[::-1])
    assert [[ref.instance.instance_number for ref in stack.frames] for stack in stacks] == [
        list(range(8 * run, 8 * run + 8)) for run in range(3)
    ]
    assert [stack.split_rule for stack in stacks] == [f"order of images only {run}/3" for run in (1, 2, 3)]


def test_images_that_follow_a_patients_motion_repeat_their_places_all_the_same() -> None:
    moved = [
        at(3.0 * z + 0.07 * run, 8 * run + z, slice_thickness=3.0, temporal_position=run)
        for run in range(4)
        for z in range(8)
    ]
    stacks = build_stacks(moved)
    assert sizes(stacks) == [8] * 4
    assert all(stack.is_volume and not stack.uneven for stack in stacks)
    # slices that truly overlap much are no repetitions
    (thick,) = build_stacks([at(0.5 * z, z, slice_thickness=20.0) for z in range(40)])
    assert (thick.is_volume, thick.positions) == (True, 40)
    (two,) = build_stacks([at(0.5 * z + 90 * (z >= 20), z, slice_thickness=20.0) for z in range(40)])
    assert (two.is_volume, two.positions, len(two.gaps)) == (True, 40, 1)


def test_moved_repetitions_that_nothing_parts_are_no_volume_of_mixed_times() -> None:
    moved = [at(3.0 * z + 0.07 * run, 4 * z + run, slice_thickness=3.0) for run in range(4) for z in range(8)]
    (stack,) = build_stacks(moved)
    assert (stack.is_volume, len(stack.frames), stack.positions) == (False, 32, 8)


def test_an_attribute_that_names_each_image_is_no_phase() -> None:
    (stack,) = build_stacks(
        [at(3.0 * (n // 2), n, trigger_time=float(n), content_time=f"1015{n:02}") for n in range(16)]
    )
    assert len(stack.frames) == 16


def test_a_cine_of_one_place_stays_one_stack_in_the_order_of_time() -> None:
    times = [400.0, 0.0, 200.0, 100.0, 300.0, 500.0]
    (stack,) = build_stacks([at(5.0, n, trigger_time=ms) for n, ms in enumerate(times)])
    assert [ref.geometry.trigger_time for ref in stack.frames] == sorted(times)
    assert stack.reason == "6 images of one place"


def test_the_same_object_twice_and_another_at_the_same_place_are_told_apart() -> None:
    instances = [at(2.0 * k, k) for k in range(4)]
    (same,) = build_stacks([*instances, instances[2]])
    assert (same.copies, same.duplicates, same.is_volume, len(same.frames)) == (1, 0, True, 4)
    assert "1 copy under a UID that was given already" in same.reason
    (other,) = build_stacks([*instances, at(4.0, 9)])
    assert (other.copies, other.duplicates, other.is_volume, len(other.frames)) == (0, 1, False, 5)
    assert "5 images at 4 positions" in other.reason


def test_a_fan_of_slices_is_one_stack_and_no_volume() -> None:
    turned = [math.radians(15 * n) for n in range(12)]
    (stack,) = build_stacks(
        [
            at(0.0, n, orientation=(math.cos(angle), math.sin(angle), 0.0, 0.0, 0.0, -1.0))
            for n, angle in enumerate(turned)
        ]
    )
    assert len(stack.frames) == 12
    assert not stack.is_volume
    assert stack.reason == "the slices are turned against each other"
    assert [ref.instance.instance_number for ref in stack.frames] == list(range(12))


def test_slices_of_discs_come_apart_by_orientation() -> None:
    discs = []
    for disc in range(3):
        angle = math.radians(12 * disc)
        way = (1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle))
        discs += [at(40.0 * disc + 3.0 * n, 10 * disc + n, orientation=way) for n in range(5)]
    stacks = build_stacks(discs)
    assert sizes(stacks) == [5, 5, 5]
    assert all(stack.split_rule == "orientation" for stack in stacks)


def test_what_has_a_place_and_what_has_none_come_apart() -> None:
    stacks = build_stacks([*(at(2.0 * k, k) for k in range(5)), at(0.0, 9, position=None)])
    assert sorted(sizes(stacks)) == [1, 5]
    assert {stack.is_volume for stack in stacks} == {True, False}


def test_another_kernel_is_another_stack() -> None:
    assert sizes(
        build_stacks([*(at(2.0 * k, k) for k in range(5)), *(at(2.0 * k, 9 + k, **SHARP) for k in range(5))])
    ) == [5, 5]


def test_a_mosaic_is_shown_as_stored_and_has_no_place() -> None:
    (stack,) = build_stacks([at(-40.0, n, image_type=("ORIGINAL", "PRIMARY", "M", "MOSAIC")) for n in range(5)])
    assert len(stack.frames) == 5
    assert not stack.is_volume
    assert "mosaic" in stack.reason
    # the position in its header is the corner of a slice that is not there
    assert stack.frame_to_lps(0) is None
    assert stack.positions == 0

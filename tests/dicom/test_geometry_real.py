"""Real series: what each is known to be, and that all its frames are there."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.parsing import parse_instance
from workstation.errors import UnreadableObject


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


def only(folder: Path) -> Stack:
    (stack,) = stacks_of(folder)[0]
    return stack


@pytest.mark.parametrize(
    "folder",
    ["mr_enhanced", "geometry_guard", "ct_ge_tilt_irregular_28", "mr_prostatex_0207", "petct_acrin_042", "seg_sr_pm",
     "xa_rf_us", "transfer_syntaxes_ct"],
)  # fmt: skip
def test_every_frame_of_real_series_is_in_a_stack(shared_data: Path, folder: str) -> None:
    stacks, frames = stacks_of(shared_data / folder)
    reachable = {(ref.instance.sop_instance_uid, ref.frame) for stack in stacks for ref in stack.frames}
    assert len(reachable) == sum(len(stack.frames) for stack in stacks) == frames
    assert all(stack.is_volume or stack.reason for stack in stacks)


def test_a_tilted_head_of_two_increments_is_one_volume(shared_data: Path) -> None:
    stack = only(shared_data / "ct_ge_tilt_irregular_28")
    assert len(stack.frames) == 28
    assert stack.is_volume
    assert stack.split_rule == ""
    # Gantry/Detector Tilt (0018,1120) of the headers, which was not asked
    assert stack.tilt_degrees == pytest.approx(18.5, abs=0.01)
    assert "uneven slices 1.08–7 mm" in stack.reason
    assert stack.gaps == ()


@pytest.mark.golden(9)
def test_a_diffusion_series_is_57_of_57_in_three_volumes(shared_data: Path) -> None:
    stacks, frames = stacks_of(shared_data / "mr_prostatex_0207" / "dwi")
    assert frames == 57
    assert [(len(stack.frames), stack.is_volume, stack.split_rule) for stack in stacks] == [
        (19, True, "b-value 50"), (19, True, "b-value 400"), (19, True, "b-value 800"),
    ]  # fmt: skip
    # the sequence's name says the same: ep_b50t, ep_b400t, ep_b800t
    for stack, name in zip(stacks, ("b50t", "b400t", "b800t"), strict=True):
        assert {ref.geometry.sequence_name for ref in stack.frames} == {f"*ep_{name}"}


def test_series_that_are_no_volume_or_no_even_one_say_so(shared_data: Path) -> None:
    guard = shared_data / "geometry_guard"
    tilted = only(guard / "gantrytilting")
    # the column direction is 14° off the table
    assert (tilted.is_volume, round(tilted.tilt_degrees, 1)) == (True, 14.0)
    assert "tilted by 14.0°" in tilted.reason
    # bolus tracking: one place again and again
    monitored = only(guard / "notavolume")
    assert (monitored.is_volume, len(monitored.frames), monitored.positions) == (False, 4, 1)
    assert monitored.reason == "4 images of one place"
    gap = only(guard / "sliceincrement")
    assert (gap.is_volume, gap.depth) == (True, 5)
    assert gap.reason == "1 slice missing between 28.1 and 38.1 mm"
    few = only(guard / "slicecount")
    assert (few.is_volume, len(few.frames)) == (False, 2)
    assert "two slices only" in few.reason
    turned = stacks_of(guard / "sliceorientation")[0]
    assert [(len(stack.frames), stack.is_volume, stack.split_rule) for stack in turned] == [
        (2, False, "orientation")
    ] * 2


def test_enhanced_objects_of_makers_come_apart_by_what_repeats(shared_data: Path) -> None:
    stacks, _frames = stacks_of(shared_data / "mr_enhanced")
    assert all(stack.is_volume for stack in stacks)
    rules = Counter(stack.split_rule.rstrip("0123456789/ ") for stack in stacks)
    assert rules["temporal position"] == 12
    assert rules["b-value 0, gradient direction"] == rules["b-value 1300, gradient direction"] / 3 == 2


def test_even_real_volumes_stay_whole(shared_data: Path) -> None:
    for folder, count, step in (
        ("ct_vhf_pelvis_150", 150, 1.0), ("ct_slicer_head_tiny_93", 93, 1.5), ("mr_datalad_t1_defaced_384", 384, 0.667),
        ("petct_acrin_042/pet_ac_135", 135, None), ("petct_acrin_042/ct_135", 135, None),
    ):  # fmt: skip
        stack = only(shared_data / folder)
        assert (len(stack.frames), stack.is_volume, stack.reason) == (count, True, "")
        assert stack.ijk_to_lps is not None
        if step is not None:
            assert float(np.linalg.norm(stack.ijk_to_lps[:3, 2])) == pytest.approx(step, abs=0.001)


@pytest.mark.parametrize(
    "folder", ["ct_slicer_head_tiny_93", "mr_acr_phantom_ge_11", "mr_prostatex_0207/t2_sag", "mr_prostatex_0207/t2_cor"]
)
def test_voxels_stand_where_itk_puts_them(shared_data: Path, folder: str) -> None:
    import SimpleITK as sitk  # noqa: N813 - the name that its own documentation gives it

    found = {}
    for path in (shared_data / folder).iterdir():
        if path.is_file():
            found[parse_instance(path.read_bytes()).sop_instance_uid] = path
    stack = only(shared_data / folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(found[ref.instance.sop_instance_uid]) for ref in stack.frames])
    image = reader.Execute()
    assert stack.ijk_to_lps is not None
    for index in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, len(stack.frames) - 1), (50, 60, 3)):
        expected = image.TransformContinuousIndexToPhysicalPoint([float(value) for value in index])
        np.testing.assert_allclose((stack.ijk_to_lps @ [*index, 1])[:3], expected, atol=0.02)


@pytest.mark.parametrize("phases", [1, 25])
def test_five_thousand_single_frames_stack_within_a_second(phases: int) -> None:
    instances = [
        Instance("1.1", "1.2", f"1.5.{n}", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "CT", Patient("", ""),
                 StudyHeader("1.1"), instance_number=n, rows=512, columns=512, number_of_frames=1,
                 pixels=PixelDescription(1, "MONOCHROME2", 16, 12, 11, True),
                 frames=(FrameGeometry((0.0, 0.0, 0.5 * (n // phases)), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.7, 0.7),
                                       temporal_position=n % phases),))
        for n in range(5000)
    ]  # fmt: skip
    taken = []
    for _run in range(3):
        began = time.process_time()
        stacks = build_stacks(instances)
        taken.append(time.process_time() - began)
    assert min(taken) < 1
    assert [len(stack.frames) for stack in stacks] == [5000 // phases] * phases
    assert all(stack.is_volume for stack in stacks)

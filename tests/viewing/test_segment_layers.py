"""Segmentations over their images, judged by highdicom: masks slice for slice, volumes, colours."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.segmentation import Segment, read_segmentation
from workstation.errors import UnreadableObject
from workstation.imaging.labels import LabelPlane, Tint, grid_of, painted
from workstation.imaging.plane import Plane
from workstation.viewing.segment_layers import LayerSegment, SegmentLayer, laid_over, load
from workstation.viewing.stack_values import shown_stacks
from workstation.viewing.stacks import ShownStack, start_state
from workstation.viewing.viewport import PlaneKind


def images(files: Sequence[Path]) -> list[Instance]:
    return [parse_instance(file.read_bytes()) for file in files]


def stack_of(instances: Sequence[Instance]) -> ShownStack:
    (stack,) = shown_stacks(build_stacks(instances), instances[0].study)
    return stack


def opened(file: Path) -> SegmentLayer:
    instance = parse_instance(file.read_bytes())
    layer = SegmentLayer(instance, instance.study, False)
    layer.loaded = load(read_segmentation(instance, file.read_bytes()))
    layer.visible, layer.opacity = True, 1.0
    return layer


def seen(layer: SegmentLayer, stack: ShownStack, k: int, number: int) -> NDArray[np.bool_]:
    """Where a segment is painted over image `k`, screen pixel by source pixel."""
    assert layer.loaded is not None
    instance = stack.instance(k)
    layer.hidden = frozenset(one.segment.number for one in layer.loaded.segments) - {number}
    state = start_state(stack, PlaneKind.STACK, instance.columns, instance.rows)
    right, down = stack.axes(k)
    state = stack.fitted(replace(state, index=k, centre=stack.centre(k), right=right, down=down))
    tint = layer.tint(stack, state)
    picture = painted((tint,), state.plane) if tint is not None else None
    if picture is None:
        return np.zeros((instance.rows, instance.columns), bool)
    return np.asarray(picture[..., 3] > 0)


def read_by_highdicom(file: Path) -> Any:
    import highdicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return highdicom.seg.segread(file)


def judged(segmentation: Any, uid: str, number: int) -> NDArray[np.bool_]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = segmentation.get_pixels_by_source_instance(
            [uid], [number], assert_missing_frames_are_empty=True, ignore_spatial_locations=True
        )
    return np.asarray(found[0, ..., 0] > 0)


@pytest.mark.parametrize("name", ["0001_7.504366.dcm", "0001_9.162309.dcm"])
def test_masks_lie_on_their_source_images_as_highdicom_places_them(shared_data: Path, name: str) -> None:
    folder = shared_data / "petct_acrin_042"
    file = folder / "rwv_seg" / name
    pictures = images(sorted((folder / "pet_ac_135").glob("*.dcm")))
    layer, judge = opened(file), read_by_highdicom(file)
    stack = stack_of(pictures)
    assert layer.lies_on(stack)
    named = {str(uid) for _study, _series, uid in judge.get_source_image_uids()}
    compared = 0
    for k in range(0, stack.count, 3):
        uid = stack.instance(k).sop_instance_uid
        if uid not in named:
            continue
        for number in judge.segment_numbers:
            expected = judged(judge, uid, number)
            np.testing.assert_array_equal(seen(layer, stack, k, number), expected)
            compared += int(expected.sum())
    assert compared > 100


def test_nothing_is_cut_into_the_projection_of_a_scout(shared_data: Path) -> None:
    folder = shared_data / "petct_acrin_042"
    layer = opened(folder / "rwv_seg" / "0001_7.504366.dcm")
    (scout,) = images(sorted((folder / "scout_1").glob("*.dcm")))
    assert scout.frame_of_reference_uid == layer.instance.frame_of_reference_uid
    assert not layer.lies_on(stack_of([scout]))
    assert layer.lies_on(stack_of(images(sorted((folder / "ct_135").glob("*.dcm"))[:5])))


def test_overlapping_segments_are_all_there_and_have_the_volumes_of_their_voxels(shared_data: Path) -> None:
    folder = shared_data / "seg_sr_pm" / "dcmqi"
    file = folder / "partial_overlaps.dcm"
    stack = stack_of(images([folder / "01.dcm", folder / "02.dcm", folder / "03.dcm"]))
    layer, judge = opened(file), read_by_highdicom(file)
    assert layer.loaded is not None
    for number in judge.segment_numbers:
        counted = 0
        for k in range(stack.count):
            expected = judged(judge, stack.instance(k).sop_instance_uid, number)
            np.testing.assert_array_equal(seen(layer, stack, k, number), expected)
            counted += int(expected.sum())
        (row, column), step = stack.geometry(0).pixel_spacing or (0, 0), stack.slice_step
        listed = next(one for one in layer.loaded.segments if one.segment.number == number)
        assert listed.millilitres == pytest.approx(counted * row * column * step / 1000, rel=1e-5)


def test_a_mask_without_a_place_lies_on_the_image_it_was_drawn_on(shared_data: Path) -> None:
    from pydicom.data import get_testdata_file

    file = shared_data / "seg_sr_pm" / "highdicom" / "seg_image_cr_binary.dcm"
    layer = opened(file)
    source = layer.loaded.sheets if layer.loaded is not None else {}
    ((uid, _frame),) = source
    found = [get_testdata_file("dicomdirtests/77654033/CR1/6154")]
    named = [Path(one) for one in found if isinstance(one, str)]
    pictures = [one for one in images(named) if one.sop_instance_uid == uid]
    if not pictures:
        pytest.skip("the image of this mask is not here")
    stack = stack_of(pictures)
    with_mask = seen(layer, stack, 0, 1)
    same_size = (pictures[0].rows, pictures[0].columns) == (layer.instance.rows, layer.instance.columns)
    assert with_mask.any() == same_size


def test_a_label_map_shows_each_of_its_segments(shared_data: Path) -> None:
    import pydicom

    folder = shared_data / "seg_sr_pm" / "dcmqi"
    file = folder / "0018_sparse-labelmap-ppv5.dcm"
    stack = stack_of(images([folder / f"000{n}_IMG000{n - 3}.dcm" for n in (4, 5, 6)]))
    layer, raw = opened(file), pydicom.dcmread(file)
    stored = raw.pixel_array
    (number,) = [one.segment.number for one in layer.loaded.segments] if layer.loaded is not None else [0]
    positions = [
        float(item.PlanePositionSequence[0].ImagePositionPatient[2]) for item in raw.PerFrameFunctionalGroupsSequence
    ]
    painted_planes = 0
    for k in range(stack.count):
        position = stack.geometry(k).position
        assert position is not None
        at = [n for n, z in enumerate(positions) if abs(z - position[2]) < 1e-3]
        expected = stored[at[0]] == number if at else np.zeros(stored.shape[1:], bool)
        np.testing.assert_array_equal(seen(layer, stack, k, number), expected)
        painted_planes += bool(expected.any())
    assert painted_planes


def test_the_recommended_colour_is_the_one_the_maker_chose() -> None:
    import highdicom

    from workstation.dicom.segmentation import _rgb

    for name in ("orange", "turquoise", "white", "black", "red", "navy", "plum"):
        colour = highdicom.color.CIELabColor.from_string(name)
        stored = tuple(float(value) for value in colour.value)
        assert np.abs(np.subtract(_rgb(stored), colour.to_rgb())).max() <= 1


def test_a_segmentation_in_the_space_of_a_picture_is_a_layer_and_another_stays_a_picture(shared_data: Path) -> None:
    folder = shared_data / "petct_acrin_042"
    (mask, *_rest) = images([folder / "rwv_seg" / "0001_7.504366.dcm"])
    pictures = images(sorted((folder / "pet_ac_135").glob("*.dcm"))[:2])
    assert laid_over([*pictures, mask]) == (mask,)
    assert laid_over([*pictures, replace(mask, frame_of_reference_uid="2.25.1")]) == ()
    assert laid_over([mask]) == ()


def plane(z: float, value: int, *, x: float = 0.0) -> LabelPlane:
    matrix = np.eye(4)
    matrix[:3, 3] = x, 0, z
    values = np.zeros((4, 4), np.int16)
    values[1:3, 1:3] = value
    return LabelPlane(matrix, values)


def test_planes_left_out_because_they_are_empty_stay_empty() -> None:
    labels = grid_of([plane(0, 1), plane(1, 1), plane(5, 1)], None, 1.0)
    assert labels is not None
    (volume,) = labels.volumes
    assert [bool(volume.array[k].any()) for k in range(6)] == [True, True, False, False, False, True]
    assert labels.voxel_ml == pytest.approx(0.001)


def test_thin_planes_far_apart_have_no_volume_and_do_not_fill_what_lies_between() -> None:
    labels = grid_of([plane(0, 1), plane(10, 1)], None, 1.0)
    assert labels is not None
    assert labels.voxel_ml is None
    assert labels.volumes[0].shape[0] == 11


def test_planes_on_no_common_grid_are_refused() -> None:
    assert grid_of([plane(0, 1), plane(1, 1), plane(2.4, 1)], None, None) is None
    assert grid_of([plane(0, 1), plane(1, 1, x=3.0), plane(2, 1)], None, None) is None


def test_a_grid_larger_than_its_room_is_none_however_few_its_planes() -> None:
    far = [plane(0, 1), plane(1, 1), plane(100_000, 1)]
    # one pixel with a label on each of 100 001 slices of two bytes
    needed = 2 * 100_001 * plane(0, 1).cut_out().values.size
    assert grid_of(far, None, 1.0, needed - 1) is None
    labels = grid_of(far, None, 1.0, needed)
    assert labels is not None
    assert labels.nbytes == needed


def test_a_sheared_grid_keeps_its_voxel_volume() -> None:
    labels = grid_of([plane(float(k), 1, x=0.3 * k) for k in range(4)], None, 1.0)
    assert labels is not None
    assert labels.voxel_ml == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("algorithm", "program", "said"),
    [
        ("AUTOMATIC", "LungAI 2", "made by a program: LungAI 2"),
        ("AUTOMATIC", "", "made by a program: not named"),
        ("SEMIAUTOMATIC", "Slicer", "made with a program: Slicer"),
        ("MANUAL", "", "drawn by hand"),
        ("", "", ""),
    ],
)
def test_it_is_said_who_made_a_segment(algorithm: str, program: str, said: str) -> None:
    segment = Segment(1, "Liver", (1, 2, 3), algorithm=algorithm, program=program)
    assert LayerSegment(segment, None).made_by == said


def test_what_is_no_segmentation_is_refused(shared_data: Path) -> None:
    data = (shared_data / "seg_sr_pm" / "highdicom" / "ct_image.dcm").read_bytes()
    with pytest.raises(UnreadableObject, match="no segmentation"):
        read_segmentation(parse_instance(data), data)


def test_between_two_labels_there_is_never_a_third_one() -> None:
    matrix = np.eye(4)
    values = np.ones((6, 6), np.int16)
    values[:, 3:] = 3
    labels = grid_of([LabelPlane(matrix, values)], None, 1.0)
    assert labels is not None
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    tint = Tint(labels.volumes, colours, np.ones(4, np.bool_), 1.0)
    picture = painted((tint,), Plane((2.6, 2.4, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.13, 40, 40))
    assert picture is not None
    seen_colours = {tuple(pixel) for pixel in picture.reshape(-1, 4).tolist()}
    assert {(255, 0, 0, 255), (0, 0, 255, 255)} <= seen_colours
    assert not seen_colours - {(255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)}


def test_of_probabilities_those_from_half_on_are_shown_and_that_is_said(shared_data: Path) -> None:
    import pydicom

    file = shared_data / "seg_sr_pm" / "highdicom" / "seg_image_ct_true_fractional.dcm"
    loaded = opened(file).loaded
    assert loaded is not None
    assert loaded.grid is not None
    raw = pydicom.dcmread(file)
    expected = raw.pixel_array / raw.MaximumFractionalValue >= 0.5
    (volume,) = loaded.grid.volumes
    assert int((volume.array == 1).sum()) == int(expected.sum()) > 0
    wanted = {"OCCUPANCY": "from half occupancy on", "PROBABILITY": "from half probability on"}
    assert loaded.note == wanted[raw.SegmentationFractionalType]

"""Segmentation objects read, judged by pydicom and highdicom: values of every frame, segments, sources."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from workstation.dicom.parsing import parse_instance
from workstation.dicom.segmentation import SEGMENTATION_CLASSES, read_segmentation
from workstation.errors import UnreadableObject


def test_every_frame_of_every_kind_has_the_values_that_are_stored(shared_data: Path) -> None:
    kinds = set()
    for file in sorted((shared_data / "seg_sr_pm").rglob("*.dcm")):
        data = file.read_bytes()
        instance = parse_instance(data)
        if instance.sop_class_uid not in SEGMENTATION_CLASSES:
            continue
        if "tiled_full" in file.name:
            # its frames are in order, without functional groups that say which segment
            with pytest.raises(UnreadableObject, match="which segment"):
                read_segmentation(instance, data)
            continue
        segmentation = read_segmentation(instance, data)
        stored = dcmread(file).pixel_array.reshape(-1, instance.rows, instance.columns)
        assert len(segmentation.frames) == len(stored)
        for frame in segmentation.frames[::7]:
            np.testing.assert_array_equal(segmentation.values(frame), stored[frame.index], err_msg=file.name)
        pixels = instance.pixels
        assert pixels is not None
        kinds.add((segmentation.kind, pixels.photometric))
    assert kinds >= {("BINARY", "MONOCHROME2"), ("FRACTIONAL", "MONOCHROME2"), ("LABELMAP", "PALETTE COLOR")}


@pytest.mark.parametrize("name", ["dcmqi/partial_overlaps.dcm", "highdicom/seg_image_ct_binary_overlap.dcm"])
def test_segments_and_sources_are_those_that_highdicom_reads(shared_data: Path, name: str) -> None:
    import highdicom

    file = shared_data / "seg_sr_pm" / name
    data = file.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = highdicom.seg.segread(file)
        described = [judge.get_segment_description(number) for number in judge.segment_numbers]
        sources = {str(uid) for _study, _series, uid in judge.get_source_image_uids()}
    segmentation = read_segmentation(parse_instance(data), data)
    assert [(one.number, one.label, one.algorithm) for one in segmentation.segments] == [
        (one.segment_number, one.segment_label, one.algorithm_type.value) for one in described
    ]
    kinds = [one.kind.value if one.kind else "" for one in segmentation.segments]
    assert kinds == [str(one.segmented_property_type.value) for one in described]
    assert {uid for frame in segmentation.sources() for uid, _number in frame} <= sources


def test_frames_that_name_a_segment_nobody_describes_are_refused(shared_data: Path) -> None:
    data = (shared_data / "seg_sr_pm" / "dcmqi" / "liver.dcm").read_bytes()
    at = data.index(b"\x62\x00\x0b\x00US")
    broken = data[: at + 8] + (77).to_bytes(2, "little") + data[at + 10 :]
    with pytest.raises(UnreadableObject, match="not described"):
        read_segmentation(parse_instance(broken), broken)

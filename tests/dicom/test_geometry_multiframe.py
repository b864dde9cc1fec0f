"""Multi-frame objects as they come in files: functional groups, vectors, concatenations, cine."""

import io
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7.2"
CLASSIC_MR = "1.2.840.10008.5.1.4.1.1.4"
ROWS, COLUMNS = 3, 4


def item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def image(sop_class: str, modality: str, codes: Sequence[int], uid: str = "1.5.1", **values: Any) -> Dataset:
    """An object whose frame n is filled with codes[n], so that a frame is known by its pixels."""
    ds = item(SOPClassUID=sop_class, SOPInstanceUID=uid, StudyInstanceUID="1.1", SeriesInstanceUID="1.2",
              Modality=modality, SeriesNumber=1, InstanceNumber=1, FrameOfReferenceUID="1.9", Rows=ROWS,
              Columns=COLUMNS, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=16,
              BitsStored=16, HighBit=15, PixelRepresentation=0)  # fmt: skip
    if len(codes) > 1:
        ds.NumberOfFrames = len(codes)
    ds.PixelData = np.repeat(np.array(codes, "<u2"), ROWS * COLUMNS).tobytes()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def file(ds: Dataset) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def stacks_of(*objects: Dataset) -> tuple[tuple[Stack, ...], dict[str, bytes]]:
    data = {ds.SOPInstanceUID: file(ds) for ds in objects}
    return build_stacks([parse_instance(one) for one in data.values()]), data


def seen(stack: Stack, data: dict[str, bytes]) -> list[int]:
    """The code in the pixels of each frame of a stack, in its order."""
    return [
        int(decode_frame(ref.instance, data[ref.instance.sop_instance_uid], ref.frame)[1, 2]) for ref in stack.frames
    ]


def shared(spacing: Sequence[float] = (1.0, 1.0), way: Sequence[float] = (1, 0, 0, 0, 1, 0)) -> list[Dataset]:
    return [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=list(way))],
            PixelMeasuresSequence=[item(PixelSpacing=list(spacing), SliceThickness=5)],
        )
    ]


def placed(position: Sequence[float], **more: Any) -> Dataset:
    return item(PlanePositionSequence=[item(ImagePositionPatient=list(position))], **more)


@pytest.mark.golden(8)
def test_frames_in_any_order_and_two_stacks_come_apart_into_two_volumes() -> None:
    places = [(stack, k) for stack in ("A", "B") for k in range(9)]
    random.Random(8).shuffle(places)
    frames = [
        placed(
            (0, 0, 2.5 * k if stack == "A" else 100 - 4.0 * k),
            FrameContentSequence=[item(StackID=stack, InStackPositionNumber=k + 1, DimensionIndexValues=[1, k + 1])],
        )
        for stack, k in places
    ]
    codes = [100 * (stack == "B") + k for stack, k in places]
    ds = image(
        ENHANCED_MR, "MR", codes, SharedFunctionalGroupsSequence=shared(), PerFrameFunctionalGroupsSequence=frames
    )
    stacks, data = stacks_of(ds)
    assert len(stacks) == 2
    by_first = {seen(stack, data)[0]: stack for stack in stacks}
    # B counts downwards in the patient: its last frame is the lowest
    assert seen(by_first[0], data) == list(range(9))
    assert seen(by_first[108], data) == [100 + k for k in range(8, -1, -1)]
    for stack, step in ((by_first[0], 2.5), (by_first[108], 4.0)):
        assert stack.is_volume
        assert stack.ijk_to_lps is not None
        np.testing.assert_allclose(stack.ijk_to_lps[:3, 2], [0, 0, step])
        assert stack.split_rule == "stack"


@pytest.mark.parametrize(("sop_class", "modality"), [(LEGACY_CT, "CT"), (ENHANCED_PET, "PT"), (TOMOSYNTHESIS, "MG")])
def test_enhanced_objects_of_other_kinds_are_volumes_by_the_positions_of_their_frames(
    sop_class: str, modality: str
) -> None:
    ds = image(sop_class, modality, [7, 5, 6], SharedFunctionalGroupsSequence=shared((0.1, 0.2), (0, 1, 0, 0, 0, -1)),
               PerFrameFunctionalGroupsSequence=[placed((x, 0, 0)) for x in (-3, -1, -2)])  # fmt: skip
    (stack,), data = stacks_of(ds)
    # the normal of this sagittal orientation is towards −x
    assert seen(stack, data) == [5, 6, 7]
    assert stack.is_volume
    assert stack.ijk_to_lps is not None
    np.testing.assert_allclose(stack.ijk_to_lps @ [1, 1, 1, 1], [-2, 0.2, -0.1, 1])


def test_phases_of_an_enhanced_object_come_apart_by_temporal_position() -> None:
    frames = [
        placed((0, 0, 2.0 * k), FrameContentSequence=[item(TemporalPositionIndex=phase)])
        for k in range(6)
        for phase in (1, 2)
    ]
    codes = [10 * phase + k for k in range(6) for phase in (1, 2)]
    ds = image(
        ENHANCED_MR, "MR", codes, SharedFunctionalGroupsSequence=shared(), PerFrameFunctionalGroupsSequence=frames
    )
    stacks, data = stacks_of(ds)
    assert [seen(stack, data) for stack in stacks] == [[10 + k for k in range(6)], [20 + k for k in range(6)]]


def part(number: int, codes: Sequence[int], offset: int, **values: Any) -> Dataset:
    return image(ENHANCED_MR, "MR", codes, uid=f"1.5.{9 - number}", InstanceNumber=1, ConcatenationUID="1.7",
                 InConcatenationNumber=number, ConcatenationFrameOffsetNumber=offset, **values)  # fmt: skip


def test_a_concatenation_of_frames_without_places_is_one_stack_in_the_order_of_its_frames() -> None:
    (stack,), data = stacks_of(part(2, [3, 4, 5], 3), part(3, [6], 6), part(1, [0, 1, 2], 0))
    assert seen(stack, data) == list(range(7))
    assert not stack.is_volume


def test_a_concatenation_of_placed_frames_is_one_volume() -> None:
    groups = [
        {
            "SharedFunctionalGroupsSequence": shared(),
            "PerFrameFunctionalGroupsSequence": [placed((0, 0, z)) for z in zs],
        }
        for zs in ((0, 2, 4), (6, 8))
    ]
    (stack,), data = stacks_of(part(2, [3, 4], 3, **groups[1]), part(1, [0, 1, 2], 0, **groups[0]))
    assert seen(stack, data) == [0, 1, 2, 3, 4]
    assert stack.is_volume


def tomogram(spacing: float, codes: Sequence[int] = (1, 2, 3, 4), **values: Any) -> Dataset:
    detector = item(ImagePositionPatient=[-10, -20, 30], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    own = {"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO"], "SliceVector": [1, 2, 3, 4], **values}
    return image(NUCLEAR, "NM", codes, PixelSpacing=[4, 4], SpacingBetweenSlices=spacing,
                 DetectorInformationSequence=[detector], **own)  # fmt: skip


@pytest.mark.parametrize(
    ("spacing", "order", "heights"), [(5.0, [1, 2, 3, 4], (30, 45)), (-5.0, [4, 3, 2, 1], (15, 30))]
)
def test_a_reconstructed_tomogram_is_a_volume_on_the_side_that_the_sign_says(
    spacing: float, order: list[int], heights: tuple[float, float]
) -> None:
    (stack,), data = stacks_of(tomogram(spacing))
    assert seen(stack, data) == order
    assert stack.is_volume
    assert stack.ijk_to_lps is not None
    assert (stack.ijk_to_lps @ [0, 0, 0, 1])[2] == pytest.approx(heights[0])
    assert (stack.ijk_to_lps @ [0, 0, 3, 1])[2] == pytest.approx(heights[1])


def test_a_gated_tomogram_comes_apart_by_time_slot() -> None:
    ds = tomogram(5.0, codes=[1, 2, 3, 11, 12, 13], SliceVector=[1, 2, 3] * 2, TimeSlotVector=[1, 1, 1, 2, 2, 2])
    stacks, data = stacks_of(ds)
    assert [seen(stack, data) for stack in stacks] == [[1, 2, 3], [11, 12, 13]]
    assert all(stack.is_volume for stack in stacks)


def test_projections_of_a_gamma_camera_are_frames_with_a_reason() -> None:
    (stack,), data = stacks_of(tomogram(5.0, ImageType=["ORIGINAL", "PRIMARY", "TOMO"]))
    assert seen(stack, data) == [1, 2, 3, 4]
    assert not stack.is_volume
    assert stack.reason == "the frames have no positions of their own"


def test_a_dose_grid_is_a_volume_by_its_offsets() -> None:
    ds = image(DOSE, "RTDOSE", [1, 2, 3], PixelSpacing=[2, 2], ImagePositionPatient=[0, 0, 10],
               ImageOrientationPatient=[1, 0, 0, 0, 1, 0], GridFrameOffsetVector=[0, 3, 6],
               FrameIncrementPointer=0x3004000C)  # fmt: skip
    (stack,), data = stacks_of(ds)
    assert seen(stack, data) == [1, 2, 3]
    assert stack.ijk_to_lps is not None
    np.testing.assert_allclose(stack.ijk_to_lps[:3, 2], [0, 0, 3])
    # the second form names the patient's z
    ds.GridFrameOffsetVector = [10, 13, 16]
    (absolute,), _data = stacks_of(ds)
    assert absolute.ijk_to_lps is not None
    np.testing.assert_allclose(absolute.ijk_to_lps, stack.ijk_to_lps)


def test_a_captured_cine_is_frames_with_a_reason_and_never_a_volume() -> None:
    cine = image(SECONDARY, "OT", [1, 2, 3], FrameIncrementPointer=0x00181063, FrameTime=40)
    other = image(SECONDARY, "OT", [4, 5], uid="1.5.2", InstanceNumber=2, FrameIncrementPointer=0x00181063)
    stacks, data = stacks_of(cine, other)
    assert [seen(stack, data) for stack in stacks] == [[1, 2, 3], [4, 5]]
    assert all(not stack.is_volume and stack.reason for stack in stacks)


def siemens(ds: Dataset, b: int, way: Sequence[float]) -> None:
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", b)
    if b:
        block.add_new(0x0E, "FD", list(way))


def ge(ds: Dataset, b: int, way: Sequence[float]) -> None:
    ds.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", [10**9 + b, 8, 0, 0])
    block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    for element, value in zip((0xBB, 0xBC, 0xBD), way, strict=True):
        block.add_new(element, "DS", value if b else 0)


def philips(ds: Dataset, b: int, way: Sequence[float]) -> None:
    ds.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", b)
    block = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    for element, value in zip((0xB0, 0xB1, 0xB2), way, strict=True):
        block.add_new(element, "FL", value if b else 0)


def standard(ds: Dataset, b: int, way: Sequence[float]) -> None:
    ds.DiffusionBValue = float(b)
    if b:
        ds.DiffusionGradientOrientation = list(way)


@pytest.mark.golden(9)
@pytest.mark.parametrize("maker", [siemens, ge, philips, standard])
@pytest.mark.parametrize("values", [(0, 400, 1000), (0, 1000, 1000)])
def test_all_84_images_of_a_diffusion_series_are_in_three_volumes_of_28(maker: Any, values: tuple[int, ...]) -> None:
    ways = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    objects = []
    for n, (b, way) in enumerate(zip(values, ways, strict=True)):
        for k in range(28):
            ds = image(CLASSIC_MR, "MR", [1000 * n + k], uid=f"1.5.{n}.{k}", InstanceNumber=3 * k + n + 1,
                       ImagePositionPatient=[0, 0, 3.0 * k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                       PixelSpacing=[2, 2], EchoTime=63)  # fmt: skip
            maker(ds, b, way)
            objects.append(ds)
    stacks, data = stacks_of(*objects)
    assert [seen(stack, data) for stack in stacks] == [[1000 * n + k for k in range(28)] for n in range(3)]
    assert all(stack.is_volume for stack in stacks)
    assert [stack.split_rule.split(",")[0] for stack in stacks] == [f"b-value {b}" for b in values]


def test_the_values_read_are_pydicoms() -> None:
    ds = image(ENHANCED_MR, "MR", [1, 2], SharedFunctionalGroupsSequence=shared())
    angle = math.radians(30)
    ds.PerFrameFunctionalGroupsSequence = [
        placed(
            (0, 0, z),
            MRDiffusionSequence=[
                item(
                    DiffusionBValue=b,
                    DiffusionGradientDirectionSequence=[
                        item(DiffusionGradientOrientation=[math.cos(angle), math.sin(angle), 0])
                    ],
                )
            ],
            MRTimingAndRelatedParametersSequence=[item(FlipAngle=15)],
            MRModifierSequence=[item(InversionTimes=[150.0])],
            MRImageFrameTypeSequence=[
                item(FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"], ComplexImageComponent="MAGNITUDE")
            ],
            CardiacSynchronizationSequence=[item(NominalPercentageOfCardiacPhase=40.0)],
        )
        for z, b in ((0, 0.0), (1, 500.0))
    ]
    parsed = parse_instance(file(ds)).frames[1]
    group = pydicom.dcmread(io.BytesIO(file(ds))).PerFrameFunctionalGroupsSequence[1]
    diffusion = group.MRDiffusionSequence[0]
    assert parsed.b_value == diffusion.DiffusionBValue
    way = diffusion.DiffusionGradientDirectionSequence[0].DiffusionGradientOrientation
    assert parsed.gradient == pytest.approx(list(way), abs=1e-4)
    assert parsed.flip_angle == group.MRTimingAndRelatedParametersSequence[0].FlipAngle
    assert parsed.inversion_time == group.MRModifierSequence[0].InversionTimes
    assert parsed.complex_component == group.MRImageFrameTypeSequence[0].ComplexImageComponent
    assert parsed.cardiac_phase == group.CardiacSynchronizationSequence[0].NominalPercentageOfCardiacPhase

"""Siemens mosaics: tiles, places, b-values and order as nibabel has them; as stored where a header doesn't say all."""

import gzip
import io
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests.mosaics import csa, csareader, dicomwrappers, file, lps_of_nibabel, mosaic, normal_of, tiles_of
from workstation.dicom.csa import csa_floats, csa_values
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.errors import UnreadableObject

REAL = ("siemens_dwi_0.dcm.gz", "siemens_dwi_1000.dcm.gz", "csa_slice_norm.dcm")


def sample(name: str) -> bytes:
    data = (files("nibabel.nicom") / "tests" / "data" / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def image(name: str) -> bytes:
    """A real mosaic; one whose pixels were taken out has others, with four empty tiles at the end."""
    data = sample(name)
    ds = pydicom.dcmread(io.BytesIO(data), force=True)
    if "PixelData" in ds:
        return data
    sheet = np.arange(ds.Rows * ds.Columns, dtype="<u2").reshape(ds.Rows, ds.Columns) % 4095
    sheet[ds.Rows * 5 // 6 :, ds.Columns // 3 :] = 0
    ds.add_new(0x7FE00010, "OW", sheet.tobytes())
    return file(ds)


def judged(data: bytes) -> Any:
    return dicomwrappers.wrapper_from_data(pydicom.dcmread(io.BytesIO(data), force=True))


def check_as_nibabel(data: bytes) -> None:
    judge = judged(data)
    assert judge.is_mosaic
    rows, columns, count = judge.image_shape
    instance = parse_instance(data)
    assert (instance.rows, instance.columns, instance.number_of_frames) == (rows, columns, count)
    (stack,) = build_stacks([instance])
    assert stack.is_volume
    affine = lps_of_nibabel(judge)
    theirs = judge.get_unscaled_data()
    corners = [(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)]
    assert sorted(ref.frame for ref in stack.frames) == list(range(count))
    for k, ref in enumerate(stack.frames):
        # each slice by its own matrix and by the volume's, at the outer pixels
        own, of_volume = stack.frame_to_lps(k), stack.ijk_to_lps
        assert own is not None
        assert of_volume is not None
        for column, row in corners:
            expected = (affine @ [column, row, ref.frame, 1.0])[:3]
            assert (own @ [column, row, 0.0, 1.0])[:3] == pytest.approx(expected, abs=1e-3)
            assert (of_volume @ [column, row, k, 1.0])[:3] == pytest.approx(expected, abs=1e-3)
        assert np.array_equal(decode_frame(instance, data, ref.frame), theirs[..., ref.frame])


@pytest.mark.parametrize("name", REAL)
def test_real_mosaics_are_taken_apart_as_nibabel_does(name: str) -> None:
    check_as_nibabel(image(name))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count", [1, 4, 7, 16, 31])
def test_tilted_mosaics_of_unequal_pixels_are_taken_apart_as_nibabel_does(count: int, sign: int) -> None:
    if count == 1:
        instance = parse_instance(file(mosaic(tiles_of(1), sign=sign)))
        assert instance.frames[0].located
        return
    check_as_nibabel(file(mosaic(tiles_of(count), sign=sign)))


@pytest.mark.parametrize(("name", "b_value"), [("csa2_b0.bin", 0), ("csa2_b1000.bin", 1000)])
def test_real_csa_headers_are_read_as_nibabel_reads_them(name: str, b_value: int) -> None:
    data = sample(name)
    theirs = csareader.read(data)["tags"]
    ours = csa_values(data)
    assert set(ours) == set(theirs)
    for key, tag in theirs.items():
        expected = [value for value in tag["items"] if value != ""]
        if expected and isinstance(expected[0], int | float):
            assert csa_floats(ours, key, len(expected)) == pytest.approx(expected)
        else:
            assert [text.strip() for text in expected if text.strip()] == list(ours[key])
    header = mosaic(tiles_of(48, 4, 4), header=data, orientation=(1, 0, 0, 0, 0.999986, -0.005236))
    instance = parse_instance(file(header))
    assert instance.mosaic is not None
    assert {frame.b_value for frame in instance.frames} == {float(b_value)}
    assert {frame.gradient for frame in instance.frames} == {(1.0, 0.0051, -0.0051) if b_value else ()}


def test_the_older_form_of_the_header_is_read_too() -> None:
    values = {
        "EchoLinePosition": ("IS", ["64"]),
        "NumberOfImagesInMosaic": ("US", [9]),
        "SliceNormalVector": ("FD", ["0.0", "0.35200000", "0.93600000"]),
    }
    old = csa(values, marked=False)
    assert csa_values(old)["NumberOfImagesInMosaic"] == ("9",)
    assert csa_floats(csa_values(old), "SliceNormalVector", 3) == (0.0, 0.352, 0.936)


def test_a_b_value_that_only_the_csa_header_has_parts_plain_slices_too() -> None:
    instances = []
    for b_value in (0, 500, 1000):
        for number in range(4):
            direction = [] if b_value == 0 else ["0.6", "0.0", "0.8"]
            header = csa({"B_value": ("IS", [b_value]), "DiffusionGradientDirection": ("FD", direction)})
            ds = mosaic(tiles_of(1), header=header, position=(0.0, 0.0, 3.0 * number), uid=f"1.7.{b_value}.{number}",
                        orientation=(1, 0, 0, 0, 1, 0), ImageType=["ORIGINAL", "PRIMARY", "M", "ND"])  # fmt: skip
            instances.append(parse_instance(file(ds)))
    stacks = build_stacks(instances)
    parts = {stack.part: stack for stack in stacks}
    assert set(parts) == {"b-value 0", "b-value 500", "b-value 1000"}
    assert [len(stack.frames) for stack in stacks] == [4, 4, 4]
    assert parts["b-value 500"].frames[0].geometry.gradient == (0.6, 0.0, 0.8)


def test_the_makers_own_element_goes_before_the_csa_header() -> None:
    ds = mosaic(tiles_of(4), csa_values={"B_value": ("IS", [700])})
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "750")
    assert parse_instance(file(ds)).frames[0].b_value == 750


def test_mosaics_of_a_diffusion_series_are_one_volume_for_each_weighting() -> None:
    series = [
        file(mosaic(tiles_of(7) // (number + 1), uid=f"1.7.{number}", InstanceNumber=number + 1,
                    csa_values={"B_value": ("IS", [b]), "DiffusionGradientDirection": ("FD", direction)}))
        for number, (b, direction) in enumerate([(0, []), (1000, [1, 0, 0]), (1000, [0, 1, 0]), (1000, [0, 0, 1])])
    ]  # fmt: skip
    stacks = build_stacks([parse_instance(data) for data in series])
    assert [len(stack.frames) for stack in stacks] == [7] * 4
    assert all(stack.is_volume for stack in stacks)
    assert [stack.first.sop_instance_uid for stack in stacks] == [f"1.7.{number}" for number in range(4)]
    assert all("b-value" in stack.part for stack in stacks)


def test_mosaics_of_a_functional_series_are_one_volume_for_each_acquisition() -> None:
    series = [mosaic(tiles_of(5), uid=f"1.7.{n}", InstanceNumber=n + 1, AcquisitionNumber=n + 1) for n in range(4)]
    stacks = build_stacks([parse_instance(file(ds)) for ds in series])
    assert [(len(stack.frames), stack.is_volume) for stack in stacks] == [(5, True)] * 4


def test_empty_tiles_are_left_out_and_told() -> None:
    (stack,) = build_stacks([parse_instance(file(mosaic(tiles_of(7))))])
    assert stack.is_volume
    assert stack.reason == "7 slices of a mosaic, 2 empty tiles left out"


def test_references_name_the_stored_image_and_no_frame() -> None:
    instance = parse_instance(file(mosaic(tiles_of(7))))
    assert instance.reference(3).frame is None
    assert instance.reference(3).sop_instance_uid == "1.7.1"


def test_a_mosaic_survives_the_index() -> None:
    instance = parse_instance(file(mosaic(tiles_of(7))))
    assert Instance.from_json(instance.to_json()) == instance


def without(*names: str) -> Callable[[Dataset], None]:
    def change(ds: Dataset) -> None:
        for name in names:
            del ds[name]

    return change


def private(element: int, value: int) -> Callable[[Dataset], None]:
    def change(ds: Dataset) -> None:
        ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(element, "US", value)

    return change


def put(**values: Any) -> Callable[[Dataset], None]:
    def change(ds: Dataset) -> None:
        for name, value in values.items():
            setattr(ds, name, value)

    return change


def filled(ds: Dataset) -> None:
    sheet = np.frombuffer(ds.PixelData, "<u2").copy()
    sheet[-1] = 7
    ds.PixelData = sheet.tobytes()


KEPT: dict[str, tuple[dict[str, Any], Callable[[Dataset], None]]] = {
    "it has no CSA header": ({"header": b""}, put()),
    "its CSA header doesn't say how many slices it holds": ({"header": b"SV10 nonsense"}, put()),
    "in which direction": ({"csa_values": {"SliceNormalVector": ("FD", [])}}, put()),
    "how many slices": ({}, private(0x0A, 6)),
    "no multiple of the number of its tiles": ({"csa_values": {"NumberOfImagesInMosaic": ("US", [40])}}, put()),
    "contradict each other": ({"csa_values": {"SliceNormalVector": ("FD", [0, 0, 1])}}, put()),
    "no geometry": ({}, without("ImagePositionPatient")),
    "distance of its slices": ({}, without("SpacingBetweenSlices")),
    "missing or not clear": ({"csa_values": {"SpacingBetweenSlices": ("DS", [4])}}, put()),
    "more slices than its CSA header counts": ({}, filled),
}


@pytest.mark.parametrize("reason", KEPT)
def test_a_mosaic_that_does_not_say_all_is_shown_as_stored_with_the_reason(reason: str) -> None:
    arguments, change = KEPT[reason]
    ds = mosaic(tiles_of(7), **arguments)
    change(ds)
    data = file(ds)
    instance = parse_instance(data)
    assert (instance.rows, instance.columns, instance.number_of_frames) == (36, 30, 1)
    (stack,) = build_stacks([instance])
    assert not stack.is_volume
    assert stack.frame_to_lps(0) is None
    assert reason in stack.reason
    assert np.array_equal(decode_frame(instance, data).reshape(-1), np.frombuffer(ds.PixelData, "<u2"))


def test_compressed_mosaics_are_cut_alike_and_a_lie_about_their_number_is_found_when_decoded() -> None:
    def compressed(ds: Dataset) -> bytes:
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        return file(ds, pydicom.uid.RLELossless)

    tiles = tiles_of(7)
    data = compressed(mosaic(tiles))
    instance = parse_instance(data)
    assert all(np.array_equal(decode_frame(instance, data, n), tile) for n, tile in enumerate(tiles))
    ds = mosaic(tiles)
    filled(ds)
    data = compressed(ds)
    with pytest.raises(UnreadableObject, match="more slices"):
        decode_frame(parse_instance(data), data, 0)


def test_a_big_endian_mosaic_with_the_makers_own_count_is_cut_alike() -> None:
    tiles = tiles_of(7)
    ds = mosaic(tiles)
    private(0x0A, 7)(ds)
    ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    data = file(ds, pydicom.uid.ExplicitVRBigEndian)
    instance = parse_instance(data)
    assert instance.number_of_frames == 7
    assert all(np.array_equal(decode_frame(instance, data, n), tile) for n, tile in enumerate(tiles))


def test_a_tile_that_is_not_there_is_refused() -> None:
    data = file(mosaic(tiles_of(7)))
    with pytest.raises(UnreadableObject, match="no frame 8"):
        decode_frame(parse_instance(data), data, 7)


WHOLE = csa({"NumberOfImagesInMosaic": ("US", [7]), "SliceNormalVector": ("FD", normal_of().tolist())})
TRUE = parse_instance(file(mosaic(tiles_of(7), header=WHOLE)))


@settings(max_examples=150, deadline=1000)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
    st.integers(0, 2 * len(WHOLE)),
)
def test_a_damaged_csa_header_leaves_a_mosaic_as_stored_or_in_its_place(
    changes: list[tuple[int, bytes]], length: int
) -> None:
    damaged = bytearray(WHOLE)
    for at, value in changes:
        damaged[at : at + len(value)] = value
    found = parse_instance(file(mosaic(tiles_of(7), header=bytes(damaged[: max(length, 1)]))))
    if found.mosaic is None:
        assert found.mosaic_kept
        return
    # what was counted above may be an empty tile, never a slice less or one elsewhere
    assert found.number_of_frames in (7, 8, 9)
    for true, own in zip(TRUE.frames, found.frames, strict=False):
        assert own.position == pytest.approx(true.position, abs=1e-6)


@pytest.mark.parametrize("count", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_lengths_that_no_bytes_stand_behind_are_refused(count: int) -> None:
    whole = csa({"NumberOfImagesInMosaic": ("US", [7])})
    for at in (8, 16 + 76, 16 + 84 + 4):
        lying = whole[:at] + count.to_bytes(4, "little") + whole[at + 4 :]
        assert csa_values(lying).get("NumberOfImagesInMosaic", ()) == ()


def test_a_last_value_that_is_longer_than_the_rest_of_the_header_refuses_the_whole_header() -> None:
    whole = csa({"NumberOfImagesInMosaic": ("US", [7])})
    assert csa_values(whole) != {}
    # the length in the last item, behind which nothing is left
    assert csa_values(whole[:-12] + (100).to_bytes(4, "little") + whole[-8:]) == {}


def test_frames_of_an_enhanced_object_that_kept_the_word_have_their_places() -> None:
    ds = mosaic(tiles_of(1), header=b"", SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1", NumberOfFrames=4)
    ds.PixelData = ds.PixelData * 4
    groups = []
    for number in range(4):
        plane, content, group = Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [0, 0, 3.0 * number]
        content.InStackPositionNumber = number + 1
        group.PlanePositionSequence, group.FrameContentSequence = [plane], [content]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = groups
    (stack,) = build_stacks([parse_instance(file(ds))])
    assert stack.positions == 4

"""Odd files of the wild: each ends in its picture or in one clear line, and what is true of it is said by dcmtk."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.errors import WorkstationError

# by kind: what dcmdump and dciodvfy say of the file, and so what must come of it
PICTURES = {
    "CR-ModalitySequenceLUT.dcm": (1576, 1976),  # JPEG Lossless, a Modality LUT of values below zero
    "D_CLUNIE_CT1_RLE_FRAGS.dcm": (512, 512),  # one RLE frame in four fragments
    "FreezePattern.dcm": (512, 512, 3),  # a broken item in a private sequence; the picture itself is black
    "GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm": (512, 512),  # UN of undefined length in big endian
    "GH364.dcm": (768, 1024),  # an item before its place in a sequence, a wrong meta length
    "OutOfBoundsOverlay.dcm": (788, 1318),  # an overlay that leaves the picture
    "TestPattern_Palette_16.dcm": (400, 640, 3),  # a palette of 16 bits
}
REFUSALS = {
    "GH1146.dcm": "the pixel data don't hold frame 1",  # (7FE0,0010) is there and empty
    "GH223.dcm": "the pixel data are missing",  # a CT image that ends in group 01F3
    "GH340.dcm": "it has no SOP Class and Instance UID",  # neither (0008,0016) nor (0008,0018)
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_an_odd_file_whose_picture_is_whole_is_shown(shared_data: Path, name: str) -> None:
    data = (shared_data / "nasty" / name).read_bytes()
    instance = parse_instance(data)
    assert decode_frame(instance, data).shape == PICTURES[name]
    assert sum(len(stack.frames) for stack in build_stacks([instance])) == instance.number_of_frames


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_an_odd_file_without_a_whole_picture_says_what_is_missing(shared_data: Path, name: str) -> None:
    data = (shared_data / "nasty" / name).read_bytes()
    with pytest.raises(WorkstationError, match=REFUSALS[name]):
        decode_frame(parse_instance(data), data)


def test_no_odd_file_is_forgotten(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "nasty").iterdir()} == PICTURES.keys() | REFUSALS.keys()


@pytest.mark.oracle
@pytest.mark.parametrize("syntax", ["+te", "+ti"])
def test_values_behind_a_sequence_that_others_stumble_over_equal_dcmtk(
    shared_data: Path, tmp_path: Path, syntax: str
) -> None:
    if shutil.which("dcmconv") is None:
        pytest.skip("no dcmconv here")
    path = shared_data / "nasty" / "GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm"
    converted = tmp_path / "converted.dcm"
    subprocess.run(["dcmconv", syntax, path, converted], check=True, capture_output=True)
    expected = pydicom.dcmread(converted)
    data = path.read_bytes()
    instance = parse_instance(data)
    np.testing.assert_array_equal(decode_frame(instance, data), expected.pixel_array)
    assert instance.study_uid == str(expected.StudyInstanceUID)
    assert instance.frame().position == tuple(float(value) for value in expected.ImagePositionPatient)


@pytest.mark.parametrize("folder", ["nasty", "geometry_guard"])
def test_every_file_ends_in_a_picture_or_in_one_line_soon(shared_data: Path, folder: str) -> None:
    for path in sorted((shared_data / folder).rglob("*")):
        if not path.is_file():
            continue
        data, begun = path.read_bytes(), time.thread_time()
        try:
            instance = parse_instance(data)
            assert decode_frame(instance, data).shape[:2] == (instance.rows, instance.columns), path.name
        except WorkstationError as error:
            line = str(error)
            assert "\n" not in line
            assert folder == "nasty", f"{path.name}: {line}"
        assert time.thread_time() - begun < 5, path.name


def test_a_folder_with_bad_files_gives_all_the_rest(shared_data: Path) -> None:
    """One broken neighbour, or three, take no image of a real series away."""
    good = [path.read_bytes() for path in sorted((shared_data / "ct_slicer_head_tiny_93").rglob("*")) if path.is_file()]
    read = []
    refused = 0
    for data in [*good[:20], *(data[: len(data) // 2] for data in good[20:23]), b"\0" * 4000]:
        try:
            instance = parse_instance(data)
            decode_frame(instance, data)
        except WorkstationError:
            refused += 1
            continue
        read.append(instance)
    assert (len(read), refused) == (20, 4)
    assert sum(len(stack.frames) for stack in build_stacks(read)) == 20

"""Overlay planes: their bits as they were put there, as dcmtk draws them, and as pydicom reads them."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from tests.grey_images import add_overlay, dcm2pnm, image, saved
from workstation.dicom.instance import Instance
from workstation.dicom.overlays import overlay_bits
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.errors import UnreadableObject


def cross(rows: int, columns: int) -> NDArray[np.bool_]:
    bits = np.zeros((rows, columns), np.bool_)
    bits[rows // 3] = bits[:, columns // 4] = bits[1, 2] = True
    return bits


pytestmark = pytest.mark.oracle


def bits_of(data: bytes, frame: int = 0, number: int = 0) -> NDArray[np.bool_]:
    instance = parse_instance(data)
    found = overlay_bits(instance, data, instance.overlays[number], frame)
    assert found is not None
    return found.bits


@pytest.mark.golden(10)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_an_overlay_in_bit_15_of_signed_12_bit_pixels_leaves_both_as_they_are(syntax: str, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(-2048, 2048, (37, 41))
    bits = cross(37, 41)
    words = (values & 0x0FFF | bits.astype(np.int64) << 15).astype("<u2")
    ds = image(words, BitsStored=12, HighBit=11, PixelRepresentation=1)
    add_overlay(ds, None, BitsAllocated=16, BitPosition=15, Label="Marks")
    if syntax == RLELossless:
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(RLELossless, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = words.astype(">u2").tobytes()
        ds["PixelData"].VR = "OW"
    data = saved(ds, syntax)
    instance = parse_instance(data)
    (plane,) = instance.overlays
    assert (plane.embedded, plane.bit_position, plane.label) == (True, 15, "Marks")
    np.testing.assert_array_equal(decode_frame(instance, data), values)
    np.testing.assert_array_equal(bits_of(data), bits)
    if syntax == ExplicitVRLittleEndian:
        # black pixels under a window far above: what dcmtk shows is the overlay alone
        shown = dcm2pnm(data, tmp_path, "+Ww", "9000", "2", "+O", "0", "+Omr")
        np.testing.assert_array_equal(shown > 127, bits)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("size", [(13, 21), (16, 16)])
def test_standalone_bits_are_as_pydicom_and_dcmtk_have_them(size: tuple[int, int], syntax: str, tmp_path: Path) -> None:
    bits = np.random.default_rng(2).random(size) > 0.7
    ds = image(np.zeros((30, 40), np.uint16))
    add_overlay(ds, bits, 0x6004, Origin=[4, 9], Description="Second")
    data = saved(ds, syntax)
    instance = parse_instance(data)
    (plane,) = instance.overlays
    assert (plane.top, plane.left, plane.name, plane.kind, plane.embedded) == (3, 8, "Second", "G", False)
    np.testing.assert_array_equal(bits_of(data), ds.overlay_array(0x6004).astype(bool))
    expected = np.zeros((30, 40), np.bool_)
    expected[3 : 3 + size[0], 8 : 8 + size[1]] = bits
    shown = dcm2pnm(data, tmp_path, "+Ww", "9000", "2", "+O", "0", "+Omr")
    np.testing.assert_array_equal(shown > 127, expected)


def test_frames_of_an_overlay_lie_over_the_frames_they_name() -> None:
    bits = np.random.default_rng(3).random((2, 7, 9)) > 0.5
    ds = image(np.zeros((5, 7, 9), np.uint16))
    add_overlay(ds, bits, Frames=2, FrameOrigin=3)
    data = saved(ds)
    instance = parse_instance(data)
    (plane,) = instance.overlays
    assert [overlay_bits(instance, data, plane, frame) is not None for frame in range(5)] == [0, 0, 1, 1, 0]
    np.testing.assert_array_equal(bits_of(data, 2), bits[0])
    np.testing.assert_array_equal(bits_of(data, 3), bits[1])


def test_an_overlay_without_frames_holds_for_every_frame_and_may_begin_before_the_image() -> None:
    ds = image(np.zeros((3, 6, 6), np.uint16))
    add_overlay(ds, cross(10, 10), Origin=[-2, -3])
    data = saved(ds)
    (plane,) = parse_instance(data).overlays
    assert (plane.top, plane.left) == (-3, -4)
    for frame in range(3):
        np.testing.assert_array_equal(bits_of(data, frame), cross(10, 10))


def test_a_plane_that_claims_bits_of_the_pixels_or_ends_early_is_refused() -> None:
    ds = image(np.zeros((8, 8), np.uint16), BitsStored=12, HighBit=11)
    add_overlay(ds, None, BitsAllocated=16, BitPosition=7)
    with pytest.raises(UnreadableObject, match="belongs to the pixels"):
        bits_of(saved(ds))
    ds = image(np.zeros((8, 8), np.uint16))
    add_overlay(ds, cross(8, 8), Rows=80)
    with pytest.raises(UnreadableObject, match="end early"):
        bits_of(saved(ds))


def test_the_index_keeps_planes_and_shutter_as_they_were_read(shared_data: Path) -> None:
    data = (shared_data / "nasty" / "OutOfBoundsOverlay.dcm").read_bytes()
    instance = parse_instance(data)
    assert Instance.from_json(instance.to_json()) == instance
    ds = pydicom.dcmread(shared_data / "nasty" / "OutOfBoundsOverlay.dcm")
    for number, plane in enumerate(instance.overlays):
        np.testing.assert_array_equal(bits_of(data, 0, number), ds.overlay_array(plane.group).astype(bool))
    assert instance.shutter is not None
    assert instance.shutter.rectangle == (0, 1318, 0, 788)

"""Words to stored values: sign, High Bit, what is not stored, byte order, one bit to sixty-four, float and double."""

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.pixel_objects import Array, compressed, decoded, image, opened, part10, smooth
from workstation.dicom.pixels import decode_frame
from workstation.errors import Unsupported

JPEG_LOSSLESS, JPEG_LS, JPEG_2000, RLE = (
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
)


def rle(words: Array) -> bytes:
    from rle.utils import encode_array

    stream: bytes = next(
        encode_array(
            words,
            byteorder="<",
            rows=words.shape[0],
            columns=words.shape[1],
            samples_per_pixel=1,
            bits_allocated=words.dtype.itemsize * 8,
            bits_stored=words.dtype.itemsize * 8,
            number_of_frames=1,
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            transfer_syntax_uid=RLE,
        )
    )
    return stream


def streams(words: Array) -> dict[str, bytes]:
    """16-bit words in each lossless code that may carry bits above the stored ones."""
    import imagecodecs

    return {
        JPEG_LOSSLESS: imagecodecs.jpeg8_encode(words, bitspersample=16, lossless=True, predictor=1),
        JPEG_LS: imagecodecs.jpegls_encode(words),
        JPEG_2000: imagecodecs.jpeg2k_encode(words, reversible=True, codecformat="j2k", level=0),
        RLE: rle(words),
    }


@pytest.mark.golden(10)
def test_an_overlay_in_bit_15_of_signed_12_bit_values_is_not_part_of_them() -> None:
    truth = smooth(20, 30, 12, signed=True)
    assert truth.min() < -1000
    overlay = np.zeros(truth.shape, np.uint16)
    overlay[5:15, 10:20] = 1
    words = ((truth.view(np.uint16) & 0x0FFF) | overlay << 15).astype(np.uint16)
    header: dict[str, Any] = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1}
    native = image(words, **header)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        np.testing.assert_array_equal(decoded(native, syntax), truth)
    for syntax, stream in streams(words).items():
        np.testing.assert_array_equal(decoded(compressed(words, stream, **header), syntax), truth, err_msg=syntax)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("allocated", "stored", "high"),
    [
        (8, 8, 7),
        (8, 6, 5),
        (8, 6, 7),
        (16, 12, 15),
        (16, 12, 13),
        (16, 10, 9),
        (32, 24, 23),
        (32, 20, 30),
        (32, 32, 31),
    ],
)
def test_stored_bits_are_taken_from_below_high_bit(allocated: int, stored: int, high: int, signed: bool) -> None:
    rng = np.random.default_rng(stored)
    truth = rng.integers(0, 1 << stored, (7, 9))
    junk = rng.integers(0, 1 << allocated, (7, 9))
    low = high - stored + 1
    field = ((1 << stored) - 1) << low
    words = ((junk & ~field) | truth << low).astype(f"<u{allocated // 8}")
    if signed:
        truth = np.where(truth >= 1 << (stored - 1), truth - (1 << stored), truth)
    header: dict[str, Any] = {"BitsStored": stored, "HighBit": high, "PixelRepresentation": int(signed)}
    got = decoded(image(words, **header))
    np.testing.assert_array_equal(got, truth)
    assert got.dtype == np.dtype(f"{'i' if signed else 'u'}{allocated // 8}")
    if high == stored - 1:
        np.testing.assert_array_equal(got, pydicom.dcmread(io.BytesIO(part10(image(words, **header)))).pixel_array)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian])
def test_whole_words_of_every_size_and_order_are_read(kind: str, syntax: str) -> None:
    limits = np.iinfo(kind)
    truth = np.random.default_rng(3).integers(limits.min, limits.max, (6, 8), np.dtype(kind), endpoint=True)
    truth[0, :2] = limits.min, limits.max
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    raw = truth.astype(f"{order}{kind}").tobytes()
    if kind.endswith("1") and order == ">":
        raw = np.frombuffer(raw, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
    got = decoded(image(truth, raw), syntax)
    np.testing.assert_array_equal(got, truth)
    assert got.dtype == truth.dtype


def test_frames_of_an_odd_number_of_bytes_in_big_endian_words_come_apart() -> None:
    truth = np.random.default_rng(4).integers(0, 256, (3, 3, 5), np.uint8)
    flat = np.append(truth.reshape(-1), np.uint8(0))
    ds = image(truth[0], flat.reshape(-1, 2)[:, ::-1].tobytes(), NumberOfFrames=3)
    for frame in range(3):
        np.testing.assert_array_equal(decoded(ds, ExplicitVRBigEndian, frame), truth[frame])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(("bits", "keyword"), [(32, "FloatPixelData"), (64, "DoubleFloatPixelData")])
def test_float_and_double_pixels_keep_every_digit(bits: int, keyword: str, syntax: str) -> None:
    kind = f"f{bits // 8}"
    truth = np.array([[1e-6, -np.pi, 0.0], [1e30, np.nan, -1 / 3]], kind)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    ds = image(np.zeros((2, 3), np.uint16))
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.BitsAllocated = bits
    setattr(ds, keyword, truth.astype(f"{order}{kind}").tobytes())
    got = decoded(ds, syntax)
    assert got.dtype == np.dtype(kind)
    np.testing.assert_array_equal(got, truth)


def test_one_bit_pixels_are_read_lowest_bit_first() -> None:
    # PS3.5 8.2: the first pixel is the least significant bit of the first byte
    ds = image(np.zeros((2, 8), np.uint8), bytes([0b00000101, 0b10000000]), BitsAllocated=1, BitsStored=1, HighBit=0)
    assert decoded(ds).tolist() == [[1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]]


def test_packed_words_of_twelve_bits_are_refused() -> None:
    ds = image(np.zeros((4, 4), np.uint16), bytes(24), BitsAllocated=12, BitsStored=12, HighBit=11)
    with pytest.raises(Unsupported, match="12 bits allocated"):
        decoded(ds)


def test_padding_values_above_the_stored_bits_of_a_neighbour_stay_what_they_are() -> None:
    # signed 16 bits with the usual padding of −2000 and −32768 beside tissue
    truth = np.array([[-32768, -2000], [40, 3071]], np.int16)
    instance, data = opened(image(truth, PixelPaddingValue=-2000))
    assert decode_frame(instance, data).tolist() == truth.tolist()
    assert instance.pixels is not None
    assert instance.pixels.padding_value == -2000


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_target_array_gets_what_would_be_returned(bits: int) -> None:
    truth = smooth(9, 11, bits, signed=True)
    instance, data = opened(image(truth, BitsStored=bits, HighBit=bits - 1))
    out = np.full(truth.shape, 99, np.int16)
    assert decode_frame(instance, data, out=out) is out
    np.testing.assert_array_equal(out, truth)

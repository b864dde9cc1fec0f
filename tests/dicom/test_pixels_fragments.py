"""Where frames stand in encapsulated pixel data (PS3.5 A.4), and code streams that are not whole."""

import struct
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate_extended

from tests.pixel_objects import Array, compressed, decoded, image, opened, smooth
from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.decoders import DECODERS, Decoder
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame, decode_frame_named
from workstation.errors import UnreadableObject, Unsupported

JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 70))
JPEG_LS, JPEG_2000, HTJ2K = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 90, 201))
ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def codes(frames: list[Array]) -> dict[str, list[bytes]]:
    import imagecodecs

    return {
        JPEG_LOSSLESS: [imagecodecs.jpeg8_encode(one, lossless=True, bitspersample=12) for one in frames],
        JPEG_LS: [imagecodecs.jpegls_encode(one) for one in frames],
        JPEG_2000: [imagecodecs.jpeg2k_encode(one, reversible=True, codecformat="j2k", level=0) for one in frames],
        HTJ2K: [imagecodecs.htj2k_encode(one, reversible=True) for one in frames],
    }


def pictures(count: int) -> list[Array]:
    return [np.roll(smooth(20, 30, 12), 3 * number, axis=1) for number in range(count)]


def item(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    return ITEM + struct.pack("<I", len(data)) + data


def pieces(stream: bytes, count: int) -> list[bytes]:
    """A code stream cut into so many fragments of even length."""
    size = -(-len(stream) // count)
    size += size % 2
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def encapsulated(frames: list[list[bytes]], table: list[int] | None, end: bytes = END) -> bytes:
    body = b"".join(item(piece) for frame in frames for piece in frame)
    return item(struct.pack(f"<{len(table)}I", *table) if table else b"") + body + end


def starts(frames: list[list[bytes]]) -> list[int]:
    found, at = [], 0
    for frame in frames:
        found.append(at)
        at += sum(len(item(piece)) for piece in frame)
    return found


def laid_out(first: Array, raw: bytes, count: int, **changes: Any) -> Any:
    ds = image(first, raw, BitsStored=12, HighBit=11, NumberOfFrames=count, **changes)
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    # the writer adds the delimiter of its own accord unless it is there
    return ds


def check(ds: Any, syntax: str, truth: list[Array]) -> None:
    instance, data = opened(ds, syntax)
    assert instance.number_of_frames == len(truth)
    for frame, expected in enumerate(truth):
        np.testing.assert_array_equal(decode_frame(instance, data, frame), expected)


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K])
@pytest.mark.parametrize("cut", [1, 3])
@pytest.mark.parametrize("table", ["right", "none", "zeros", "from the file", "short"])
def test_frames_are_found_whatever_their_offset_table_says(syntax: str, cut: int, table: str) -> None:
    truth = pictures(3)
    frames = [pieces(stream, cut) for stream in codes(truth)[syntax]]
    right = starts(frames)
    offsets = {
        "right": right,
        "none": None,
        "zeros": [0] * 3,
        "from the file": [at + 1000 for at in right],
        "short": right[:2],
    }[table]
    check(laid_out(truth[0], encapsulated(frames, offsets, b""), 3), syntax, truth)


def test_a_table_that_counts_fragments_instead_of_frames_is_not_believed() -> None:
    truth = pictures(3)
    frames = [pieces(codes(truth)[JPEG_LS][0], 3), *([stream] for stream in codes(truth)[JPEG_LS][1:])]
    wrong = [0, len(item(frames[0][0])), len(item(frames[0][0])) + len(item(frames[0][1]))]
    check(laid_out(truth[0], encapsulated(frames, wrong, b""), 3), JPEG_LS, truth)


@pytest.mark.parametrize("wrong", [None, "lengths", "offsets"])
def test_an_extended_offset_table_is_used_where_it_names_fragments(wrong: str | None) -> None:
    truth = pictures(3)
    raw, offsets, lengths = encapsulate_extended(codes(truth)[JPEG_LS])
    if wrong == "lengths":
        lengths = struct.pack("<3Q", *(1 << 40 for _frame in truth))
    if wrong == "offsets":
        offsets = struct.pack("<3Q", 4, 8, 12)
    ds = laid_out(truth[0], raw, 3, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    check(ds, JPEG_LS, truth)


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K])
@pytest.mark.parametrize("cut", [1, 2, 7])
def test_one_frame_may_be_in_many_fragments_and_its_end_delimiter_missing(syntax: str, cut: int) -> None:
    truth = pictures(1)
    ds = laid_out(truth[0], encapsulated([pieces(codes(truth)[syntax][0], cut)], None, b""), 1)
    instance, data = opened(ds, syntax)
    assert data.endswith(END)
    for whole in (data, data[: -len(END)]):
        np.testing.assert_array_equal(decode_frame(parse_instance(whole), whole), truth[0])
    assert len(instance.frame_offsets[0]) >= min(cut, 2)


def test_fragments_that_cannot_be_told_apart_are_refused() -> None:
    truth = pictures(3)
    streams = codes(truth)[JPEG_LS]
    with pytest.raises(UnreadableObject, match="told apart"):
        opened(laid_out(truth[0], encapsulated([[one] for one in streams], None, b""), 5), JPEG_LS)


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_a_code_stream_that_ends_early_is_never_shown(part: float) -> None:
    import imagecodecs

    truth = smooth(64, 64, 12)
    grey = (truth >> 4).astype(np.uint8)
    streams = {syntax: (truth, stream[0]) for syntax, stream in codes([truth]).items()}
    streams[JPEG_BASELINE] = grey, imagecodecs.jpeg8_encode(grey, level=90)
    streams[JPEG_EXTENDED] = truth, imagecodecs.jpeg8_encode(truth, level=90, bitspersample=12)
    streams["1.2.840.10008.1.2.4.110"] = truth, imagecodecs.jpegxl_encode(truth, lossless=True)
    for syntax, (samples, stream) in streams.items():
        cut = stream[: int(len(stream) * part)]
        header = {} if samples is grey else {"BitsStored": 12, "HighBit": 11}
        with pytest.raises(UnreadableObject):
            decoded(compressed(samples, cut, **header), syntax)
        decoded(compressed(samples, stream, **header), syntax)


def test_a_jpeg_2000_that_lacks_only_its_end_marker_is_shown() -> None:
    truth = pictures(1)
    for syntax in (JPEG_2000, HTJ2K):
        stream = codes(truth)[syntax][0]
        assert stream.endswith(b"\xff\xd9")
        np.testing.assert_array_equal(
            decoded(compressed(truth[0], stream[:-2], BitsStored=12, HighBit=11), syntax), truth[0]
        )


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K])
def test_a_code_stream_of_another_picture_is_refused_before_it_is_decoded(
    syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = pictures(1)[0]
    stream = codes([truth])[syntax][0]

    def never(_stream: object) -> Array:
        raise AssertionError

    monkeypatch.setitem(DECODERS, syntax, (Decoder("never", never),))
    with pytest.raises(UnreadableObject, match="20×31 pixels, the code stream 20×30"):
        decoded(compressed(np.zeros((20, 31), np.uint16), stream), syntax)
    with pytest.raises(UnreadableObject, match="3 samples a pixel, the code stream 1"):
        decoded(compressed(np.zeros((20, 30, 3), np.uint16), stream, photometric="RGB"), syntax)


@pytest.mark.parametrize(
    ("uid", "kind"),
    [
        ("1.2.840.10008.1.2.4.100", "MPEG-2"),
        ("1.2.840.10008.1.2.4.101.1", "MPEG-2"),
        ("1.2.840.10008.1.2.4.102", "H.264"),
        ("1.2.840.10008.1.2.4.106.1", "H.264"),
        ("1.2.840.10008.1.2.4.107", "HEVC"),
        ("1.2.840.10008.1.2.7.1", "SMPTE"),
        ("1.2.840.10008.1.2.4.56", "arithmetic JPEG"),
        ("1.2.840.10008.1.2.4.65", "hierarchical JPEG"),
        ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2"),
        ("1.2.840.10008.1.2.8.1", "deflated frames"),
        ("1.2.840.10008.1.2.1.98", "encapsulated uncompressed"),
        ("1.2.840.113619.5.2", r"transfer syntax 1\.2\.840\.113619\.5\.2"),
    ],
)
def test_what_is_not_decoded_is_named(uid: str, kind: str) -> None:
    instance, data = opened(compressed(np.zeros((8, 8), np.uint8), b"\0\0\1\xb3" * 20), uid)
    with pytest.raises(Unsupported, match=kind):
        decode_frame(instance, data)


def test_every_decoder_has_a_name_and_says_why_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    for decoders in DECODERS.values():
        names = [decoder.name for decoder in decoders]
        assert all(names)
        assert len(set(names)) == len(names)
        assert [decoder.missing() for decoder in decoders] == [""] * len(names)
    truth = pictures(1)[0]
    instance, data = opened(compressed(truth, codes([truth])[JPEG_2000][0], BitsStored=12, HighBit=11), JPEG_2000)
    monkeypatch.setattr(imagecodecs.JPEG2K, "available", False)
    values, name = decode_frame_named(instance, data)
    assert name == "pylibjpeg openjpeg"
    np.testing.assert_array_equal(values, truth)
    monkeypatch.setitem(DECODERS, JPEG_2000, (DECODERS[JPEG_2000][0], Decoder("other", np.asarray, "no_such_module")))
    with pytest.raises(
        UnreadableObject, match=r"imagecodecs jpeg2k: imagecodecs was built without it; other: .*not installed"
    ):
        decode_frame(instance, data)


def test_the_syntaxes_that_are_decoded_and_those_that_are_not_are_apart() -> None:
    undecoded = set(ts.VIDEO) | set(ts.UNDECODED)
    assert not undecoded & (set(DECODERS) | ts.NATIVE)
    assert set(DECODERS) | set(ts.VIDEO) | set(ts.UNDECODED) == ts.ENCAPSULATED

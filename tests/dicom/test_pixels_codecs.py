"""Code streams to samples: imagecodecs against pylibjpeg, GDCM and dcmtk, bit for bit, over phantoms and real files."""

import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.pixel_objects import Array, compressed, decoded, image, opened, part10, smooth
from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.decoders import DECODERS, Codestream
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame, decode_frame_named
from workstation.errors import UnreadableObject

JPEG_BASELINE, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS, JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG_2000, JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
RLE = "1.2.840.10008.1.2.5"
SIZES = [(17, 13), (64, 33), (1, 40)]


def by_gdcm(path: Path, like: Array, frames: int = 1) -> Any:
    """All frames of a file as GDCM decodes them, in the type and shape of `like`; None for what it can't decode."""
    gdcm = pytest.importorskip("gdcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), path.name
    found = reader.GetImage()
    if found.GetBuffer() is None:
        return None
    raw = np.frombuffer(found.GetBuffer().encode("utf-8", errors="surrogateescape"), np.uint8)
    if like.ndim == 3 and found.GetPlanarConfiguration() == 1:
        planes = raw.view(like.dtype).reshape(frames, 3, *like.shape[:2])
        return planes.transpose(0, 2, 3, 1)
    return raw.view(like.dtype).reshape(frames, *like.shape)


def written(path: Path, ds: Any, syntax: str) -> Path:
    path.write_bytes(part10(ds, syntax))
    return path


def each_decoder(instance: Instance, data: bytes) -> list[Array]:
    """What every decoder of the table makes of the first frame."""
    assert instance.pixels is not None
    joined = b"".join(data[at : at + length] for at, length in instance.frame_offsets[0])
    stream = Codestream(joined, instance.rows, instance.columns, instance.pixels)
    return [decoder.decode(stream) for decoder in DECODERS[instance.transfer_syntax_uid]]


def encoded(syntax: str, samples: Array, bits: int) -> bytes:
    import imagecodecs

    stream: bytes
    if syntax in (JPEG_2000, JPEG_2000_LOSSY):
        options: dict[str, Any] = {"reversible": True, "level": 0} if syntax == JPEG_2000 else {"level": 50}
        if samples.ndim == 2 and samples.dtype.kind == "u":
            options["bitspersample"] = bits
        stream = imagecodecs.jpeg2k_encode(samples, codecformat="j2k", **options)
    elif syntax in ts.HTJ2K:
        stream = imagecodecs.htj2k_encode(samples, reversible=syntax != HTJ2K_LOSSY)
    elif syntax in ts.JPEG_LS:
        stream = imagecodecs.jpegls_encode(samples, level=2 if syntax == JPEG_LS_NEAR else 0)
    else:
        stream = imagecodecs.jpeg8_encode(samples, lossless=True, predictor=1, bitspersample=bits)
    return stream


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 13, 16])
@pytest.mark.parametrize("syntax", [JPEG_2000, JPEG_2000_LOSSY, HTJ2K, HTJ2K_RPCL])
def test_jpeg_2000_and_htj2k_equal_pylibjpeg(syntax: str, bits: int, signed: bool) -> None:
    for rows, columns in SIZES[:2]:
        samples = smooth(rows, columns, bits, signed=signed)
        stream = encoded(syntax, samples, bits)
        instance, data = opened(compressed(samples, stream, BitsStored=bits, HighBit=bits - 1), syntax)
        first, second = each_decoder(instance, data)
        np.testing.assert_array_equal(first, second)
        got, name = decode_frame_named(instance, data)
        assert name.startswith("imagecodecs")
        assert got.dtype == samples.dtype
        if syntax != JPEG_2000_LOSSY:
            np.testing.assert_array_equal(got, samples)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossy_htj2k_is_never_wrapped_at_the_ends_of_its_range(bits: int, signed: bool) -> None:
    samples = smooth(64, 48, bits, signed=signed)
    stream = encoded(HTJ2K_LOSSY, samples, bits)
    got = decoded(compressed(samples, stream, BitsStored=bits, HighBit=bits - 1), HTJ2K_LOSSY)
    assert got.dtype == samples.dtype
    assert np.abs(got.astype(int) - samples).max() <= 4


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "colour", "colour 16"])
def test_rle_written_by_pydicom_equals_pylibjpeg(kind: str) -> None:
    rng = np.random.default_rng(2)
    for rows, columns in SIZES:
        if kind.startswith("colour"):
            samples: Array = rng.integers(0, 50, (rows, columns, 3)).astype("u2" if "16" in kind else "u1") * 5
        else:
            bits = 8 * int(kind[1])
            samples = smooth(rows, columns, min(bits, 30), signed=kind[0] == "i").astype(kind)
        ds = image(samples, photometric="RGB" if samples.ndim == 3 else "MONOCHROME2")
        ds = pydicom.dcmread(io.BytesIO(part10(ds)))
        ds.compress(RLE, encoding_plugin="pydicom")
        buffer = io.BytesIO()
        ds.save_as(buffer)
        data = buffer.getvalue()
        instance = parse_instance(data)
        for result in each_decoder(instance, data):
            np.testing.assert_array_equal(result, samples.view(result.dtype))
        np.testing.assert_array_equal(decode_frame(instance, data), samples)


def test_rle_segments_that_are_longer_than_the_picture_are_read_as_pydicom_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    low, high = np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([[0, 1, 2], [3, 4, 128]], np.uint8)
    # a literal run of the six bytes, then a run of four that the picture has no room for
    segments = [bytes([5, *plane.reshape(-1).tolist(), 253, 9, 0]) for plane in (high, low)]
    stream = struct.pack("<16I", 2, 64, 74, *[0] * 13) + b"".join(segments)
    truth = high.astype(np.uint16) << 8 | low
    ds = compressed(truth, stream)
    np.testing.assert_array_equal(decoded(ds, RLE), truth)
    with pytest.warns(UserWarning, match="bytes expected"):
        theirs = pydicom.pixels.pixel_array(io.BytesIO(part10(ds, RLE)), decoding_plugin="pydicom")
    np.testing.assert_array_equal(theirs, truth)
    # they make pylibjpeg's Rust panic: one more reason of a refusal, not the end of the thread
    monkeypatch.setitem(DECODERS, RLE, tuple(one for one in DECODERS[RLE] if one.name == "pylibjpeg rle"))
    with pytest.raises(UnreadableObject, match="pylibjpeg rle: "):
        decoded(ds, RLE)
    monkeypatch.undo()
    with pytest.raises(UnreadableObject, match="too short"):
        decoded(compressed(np.zeros((2, 4), np.uint16), struct.pack("<16I", 2, 64, 71, *[0] * 13) + bytes(14)), RLE)


@pytest.mark.parametrize("predictor", [1, 4, 7])
@pytest.mark.parametrize(
    ("bits", "signed"), [(8, False), (10, False), (12, False), (12, True), (16, False), (16, True)]
)
def test_lossless_jpeg_equals_gdcm_by_each_decoder(tmp_path: Path, bits: int, signed: bool, predictor: int) -> None:
    import imagecodecs

    for rows, columns in SIZES[:2]:
        samples = smooth(rows, columns, bits, signed=signed)
        words = samples.view(f"u{samples.dtype.itemsize}") & ((1 << bits) - 1)
        stream = imagecodecs.jpeg8_encode(words, lossless=True, predictor=predictor, bitspersample=bits)
        syntax = JPEG_LOSSLESS_SV1 if predictor == 1 else JPEG_LOSSLESS
        ds = compressed(words, stream, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(signed))
        path = written(tmp_path / "image.dcm", ds, syntax)
        instance, data = parse_instance(path.read_bytes()), path.read_bytes()
        for result in each_decoder(instance, data):
            np.testing.assert_array_equal(result, words)
        np.testing.assert_array_equal(decode_frame(instance, data), samples)
        np.testing.assert_array_equal(by_gdcm(path, words)[0] & ((1 << bits) - 1), words)


@pytest.mark.parametrize(("bits", "syntax"), [(8, JPEG_BASELINE), (12, JPEG_EXTENDED)])
def test_lossy_jpeg_equals_gdcm_within_a_rounding(tmp_path: Path, bits: int, syntax: str) -> None:
    import imagecodecs

    for rows, columns in SIZES[:2]:
        samples = smooth(rows, columns, bits)
        stream = imagecodecs.jpeg8_encode(samples, level=90, bitspersample=bits)
        path = written(tmp_path / "image.dcm", compressed(samples, stream, BitsStored=bits, HighBit=bits - 1), syntax)
        ours = decode_frame(parse_instance(path.read_bytes()), path.read_bytes())
        assert np.abs(ours.astype(int) - by_gdcm(path, samples)[0].astype(int)).max() <= 1
        assert ours.dtype == samples.dtype


@pytest.mark.parametrize("near", [0, 2])
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (16, True)])
def test_jpeg_ls_equals_gdcm(tmp_path: Path, bits: int, signed: bool, near: int) -> None:
    import imagecodecs

    for rows, columns in SIZES[:2]:
        samples = smooth(rows, columns, bits, signed=signed)
        words = samples.view(f"u{samples.dtype.itemsize}")
        stream = imagecodecs.jpegls_encode(words, level=near)
        syntax = JPEG_LS_NEAR if near else JPEG_LS
        ds = compressed(samples, stream, BitsStored=bits, HighBit=bits - 1)
        path = written(tmp_path / "image.dcm", ds, syntax)
        ours = decode_frame(parse_instance(path.read_bytes()), path.read_bytes())
        # a near-lossless code of 16 bits may go beyond the 12 that are stored
        theirs = by_gdcm(path, samples)[0] if signed else np.clip(by_gdcm(path, samples)[0], 0, (1 << bits) - 1)
        np.testing.assert_array_equal(ours, theirs)
        assert np.abs(ours.view(words.dtype).astype(int) - words).max() <= near


needs_dcmtk = pytest.mark.skipif(shutil.which("dcmcjpls") is None, reason="dcmtk is not installed")


@needs_dcmtk
@pytest.mark.oracle
@pytest.mark.parametrize("interleave", ["+il", "+is", "+in"])
def test_jpeg_ls_in_colour_of_each_interleaving_by_dcmtk(tmp_path: Path, interleave: str) -> None:
    grey = smooth(20, 31, 8)
    rgb = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1)
    plain = written(tmp_path / "plain.dcm", image(rgb, photometric="RGB"), "1.2.840.10008.1.2.1")
    for options, most in (([], 0), (["+en", "+md", "3"], 3)):
        subprocess.run(["dcmcjpls", interleave, *options, plain, tmp_path / "coded.dcm"], check=True)
        data = (tmp_path / "coded.dcm").read_bytes()
        ours = decode_frame(parse_instance(data), data)
        assert ours.shape == rgb.shape
        assert np.abs(ours.astype(int) - rgb.astype(int)).max() <= most


@needs_dcmtk
@pytest.mark.oracle
@pytest.mark.parametrize("process", ["+eb", "+ee", "+es", "+ep", "+el", "+e1"])
def test_every_jpeg_process_written_by_dcmtk_is_read_as_dcmtk_reads_it(tmp_path: Path, process: str) -> None:
    """Baseline, extended, spectral selection, full progression, lossless: 12 bits but for the baseline."""
    bits = 8 if process == "+eb" else 12
    samples = smooth(40, 56, bits)
    ds = image(samples, BitsStored=bits, HighBit=bits - 1)
    plain = written(tmp_path / "plain.dcm", ds, "1.2.840.10008.1.2.1")
    coded, back = tmp_path / "coded.dcm", tmp_path / "back.dcm"
    subprocess.run(["dcmcjpeg", process, plain, coded], check=True)
    subprocess.run(["dcmdjpeg", coded, back], check=True)
    data = coded.read_bytes()
    instance = parse_instance(data)
    ours = decode_frame(instance, data).astype(int)
    theirs = pydicom.dcmread(back).pixel_array.astype(int)
    lossless = process in ("+el", "+e1")
    assert np.abs(ours - theirs).max() <= (0 if lossless else 1)
    assert np.abs(ours - samples).max() <= (0 if lossless else (1 << bits) / 20)


@needs_dcmtk
@pytest.mark.oracle
@pytest.mark.parametrize("options", [["+e1"], ["+eb", "+s4"], ["+eb", "+s2"], ["+eb", "+cr"]])
def test_jpeg_in_colour_written_by_dcmtk_is_read_as_dcmtk_reads_it(tmp_path: Path, options: list[str]) -> None:
    grey = smooth(40, 56, 8)
    # the chroma is the same for neighbours, so that nobody's way of up-sampling it matters
    rgb = np.repeat(np.stack([grey, 255 - grey, grey // 2], axis=-1)[::2, ::2], 2, axis=0).repeat(2, axis=1)
    plain = written(tmp_path / "plain.dcm", image(rgb, photometric="RGB"), "1.2.840.10008.1.2.1")
    coded, back = tmp_path / "coded.dcm", tmp_path / "back.dcm"
    subprocess.run(["dcmcjpeg", *options, plain, coded], check=True)
    subprocess.run(["dcmdjpeg", coded, back], check=True)
    data = coded.read_bytes()
    ours = decode_frame(parse_instance(data), data).astype(int)
    found = pydicom.dcmread(back)
    theirs = found.pixel_array.astype(int)
    if options == ["+e1"]:
        np.testing.assert_array_equal(ours, rgb)
    elif found.PhotometricInterpretation == "RGB":
        assert np.abs(ours - theirs).mean() < 1


@pytest.mark.parametrize("stored", [13, 16])
def test_a_jpeg_2000_without_the_headers_sign_gets_it_at_its_own_width(stored: int) -> None:
    import imagecodecs

    truth = smooth(20, 30, 13, signed=True)
    words = truth.view(np.uint16) & 0x1FFF
    stream = imagecodecs.jpeg2k_encode(words, reversible=True, codecformat="j2k", level=0, bitspersample=13)
    ds = compressed(truth, stream, BitsStored=stored, HighBit=stored - 1)
    np.testing.assert_array_equal(decoded(ds, JPEG_2000), truth)
    by_pydicom = pydicom.dcmread(io.BytesIO(part10(ds, JPEG_2000))).pixel_array
    np.testing.assert_array_equal(decoded(ds, JPEG_2000), by_pydicom)


@pytest.mark.parametrize("syntax", [JPEG_2000, HTJ2K])
def test_a_signed_code_stream_under_an_unsigned_header_gives_unsigned_values(syntax: str) -> None:
    coded = smooth(20, 30, 16, signed=True)
    ds = compressed(coded, encoded(syntax, coded, 16), PixelRepresentation=0)
    got = decoded(ds, syntax)
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, coded.view(np.uint16))


def test_a_jpeg_ls_of_fewer_bits_than_the_header_says_gets_its_sign_at_its_own_width() -> None:
    import imagecodecs

    truth = smooth(20, 30, 8, signed=True)
    assert truth.min() < -100
    stream = imagecodecs.jpegls_encode(truth.view(np.uint8))
    np.testing.assert_array_equal(decoded(compressed(truth.astype(np.int16), stream), JPEG_LS), truth)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [JPEG_LS_NEAR, JPEG_2000_LOSSY])
def test_a_lossy_code_that_goes_beyond_the_stored_bits_is_not_wrapped(syntax: str, signed: bool) -> None:
    import imagecodecs

    # 10 bits in a code of 16: what comes back beyond the range stays at its end
    low, high = (-512, 511) if signed else (0, 1023)
    truth = np.kron(np.random.default_rng(5).choice([low, high], (8, 8)), np.ones((5, 5), int)).astype(np.int16)
    kind = np.dtype(np.int16 if signed else np.uint16)
    if syntax == JPEG_LS_NEAR:
        noise = np.random.default_rng(6).integers(0, 4, truth.shape)
        truth = np.where(truth > 0, truth - noise, truth + noise).astype(np.int16)
        stream = imagecodecs.jpegls_encode(truth.view(np.uint16), level=3)
        raw = imagecodecs.jpegls_decode(stream).view(kind)
    else:
        stream = imagecodecs.jpeg2k_encode(truth.astype(kind), codecformat="j2k", level=60)
        raw = imagecodecs.jpeg2k_decode(stream)
    assert raw.max() > high
    ds = compressed(truth.astype(kind), stream, BitsStored=10, HighBit=9)
    got = decoded(ds, syntax).astype(int)
    assert (got.min(), got.max()) == (low, high)
    assert np.abs(got - truth).max() < 300


def test_a_code_stream_with_more_bits_than_the_header_has_room_for_is_refused() -> None:
    samples = smooth(20, 30, 12)
    ds = compressed(samples.astype(np.uint8), encoded(JPEG_LOSSLESS_SV1, samples, 12))
    with pytest.raises(UnreadableObject, match="allows 8 bits, the code stream has 12"):
        decoded(ds, JPEG_LOSSLESS_SV1)


@pytest.mark.parametrize("kind", ["transfer_syntaxes_ct", "encapsulated_fragments"])
def test_real_files_in_every_transfer_syntax_equal_gdcm(shared_data: Path, kind: str) -> None:
    compared = 0
    for path in sorted((shared_data / kind).glob("*.dcm*")):
        data = path.read_bytes()
        instance = parse_instance(data)
        # GDCM reads no progressive JPEG and makes other colours of native chroma; of a palette it gives the indices
        if instance.transfer_syntax_uid in ts.JPEG_PROGRESSIVE or instance.palette is not None:
            continue
        frames = max(1, instance.number_of_frames)
        ours = np.stack([decode_frame(instance, data, frame) for frame in range(frames)])
        if ours.ndim == 4 and (instance.pixels is None or instance.pixels.photometric != "RGB"):
            continue
        theirs = by_gdcm(path, ours[0], frames)
        if theirs is None:
            continue
        lossy = instance.transfer_syntax_uid in ts.JPEG_BASELINE | ts.JPEG_EXTENDED
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= int(lossy), path.name
        compared += 1
    assert compared >= 12


def test_real_fragments_equal_the_objects_they_were_made_of(shared_data: Path) -> None:
    folder, compared = shared_data / "encapsulated_fragments", 0
    for original in sorted(folder.glob("*little_endian.dcm")):
        data = original.read_bytes()
        instance = parse_instance(data)
        truth = [decode_frame(instance, data, frame).astype(int) for frame in range(instance.number_of_frames)]
        for path in sorted(folder.glob(f"{original.name.split('.')[0]}.*fragmented*")):
            data = path.read_bytes()
            found = parse_instance(data)
            assert found.number_of_frames == instance.number_of_frames
            if found.transfer_syntax_uid in ts.JPEG_BASELINE | ts.JPEG_EXTENDED:
                continue
            near = found.transfer_syntax_uid == JPEG_LS_NEAR
            for frame, expected in enumerate(truth):
                difference = np.abs(decode_frame(found, data, frame).astype(int) - expected)
                assert difference.max() <= (20 if near else 0), path.name
            compared += 1
    assert compared >= 11


def test_every_frame_of_cines_equals_gdcm(shared_data: Path) -> None:
    compared = []
    for path in sorted((shared_data / "xa_rf_us").iterdir()):
        data = path.read_bytes()
        instance = parse_instance(data)
        frames = max(1, instance.number_of_frames)
        if instance.palette is not None:
            from pydicom.pixels.processing import apply_color_lut

            ds = pydicom.dcmread(path)
            theirs = apply_color_lut(ds.pixel_array, ds)
            theirs = (theirs >> 8).astype(np.uint8)
        else:
            theirs = by_gdcm(path, decode_frame(instance, data), frames)
        for frame in range(frames):
            difference = np.abs(decode_frame(instance, data, frame).astype(int) - theirs[frame].astype(int)).max()
            assert difference <= int(instance.transfer_syntax_uid in ts.JPEG_BASELINE)
        compared.append(frames)
    assert sorted(compared) == [1, 11, 96]

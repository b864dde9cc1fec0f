"""Frames to stored values, judged by pydicom, pylibjpeg and GDCM."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from workstation.dicom import transfer_syntaxes as ts
from workstation.dicom.decoders import DECODERS, Codestream
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES, decode_frame, decode_frame_named
from workstation.errors import UnreadableObject


def shipped(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path)).read_bytes()


def by_pydicom(data: bytes, frame: int = 0) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(data), force=True)
        array = ds.pixel_array
        if ds.PhotometricInterpretation == "PALETTE COLOR":
            array = pydicom.pixels.apply_color_lut(array, ds)
            array = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 and array.max() > 255 else array
    return array[frame] if int(ds.get("NumberOfFrames", 1) or 1) > 1 else array


def image(stored: NDArray[Any], **changes: Any) -> Dataset:
    """A one-sample image whose pixel data are the words of `stored`, shape (rows, columns) or (frames, …)."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3", "1.2.4", "OT"
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = stored.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    if stored.ndim == 3:
        ds.NumberOfFrames = stored.shape[0]
    ds.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def saved(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def decoded(ds: Dataset, syntax: str = ExplicitVRLittleEndian, frame: int = 0) -> NDArray[Any]:
    data = saved(ds, syntax)
    return decode_frame(parse_instance(data), data, frame)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "image_dfl.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "JPEG2000.dcm",
        "693_J2KI.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "GDCMJ2K_TextGBR.dcm",
        "JPEGLSNearLossless_16.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_32bit.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_palette.dcm",
        "liver_1frame.dcm",
        "rtdose.dcm",
        "rtdose_expb.dcm",
    ],
)
def test_lossless_and_native_objects_equal_pydicom(name: str) -> None:
    data = shipped(name)
    instance = parse_instance(data)
    last = instance.number_of_frames - 1
    np.testing.assert_array_equal(decode_frame(instance, data, last), by_pydicom(data, last))


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jpeg_app14_dcmd.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_jpeg_no_color_transform.dcm",
        "examples_ybr_color.dcm",
    ],
)
def test_lossy_colour_equals_pydicom_within_a_rounding(name: str) -> None:
    data = shipped(name)
    instance = parse_instance(data)
    ours = decode_frame(instance, data).astype(int)
    theirs = by_pydicom(data)
    # chroma up-sampling differs between decoders where the picture is sub-sampled; on average nothing may
    assert np.abs(ours - theirs).mean() < 1.0
    assert ours.shape == (instance.rows, instance.columns, 3)


def test_twelve_bit_extended_jpeg_is_read() -> None:
    data = shipped("JPGExtended.dcm")
    values = decode_frame(parse_instance(data), data)
    assert values.dtype == np.uint16
    assert values.max() > 255


@pytest.mark.parametrize("stored", [1, 7, 8, 10, 12, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_the_stored_ones_are_cut_off_and_the_sign_extended(stored: int, signed: bool) -> None:
    if signed and stored == 1:
        pytest.skip("one bit has no sign")
    words = np.random.default_rng(stored).integers(0, 65536, (5, 7)).astype("<u2")
    got = decoded(image(words, BitsStored=stored, HighBit=stored - 1, PixelRepresentation=int(signed)))
    expected = words.astype(int) & ((1 << stored) - 1)
    if signed:
        expected = np.where(expected >= 1 << (stored - 1), expected - (1 << stored), expected)
    np.testing.assert_array_equal(got, expected)


def test_a_high_bit_above_the_stored_ones_shifts_them_down() -> None:
    words = np.array([[0x1230, 0xFFF0], [0x800F, 0x7FF0]], "<u2")
    got = decoded(image(words, BitsStored=12, HighBit=15, PixelRepresentation=1))
    assert got.tolist() == [[0x123, -1], [-2048, 2047]]


def test_one_bit_frames_that_share_a_byte_come_apart() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 3, 5)).astype(np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    ds = image(bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed + b"\0" * (len(packed) % 2))
    for frame in range(3):
        np.testing.assert_array_equal(decoded(ds, frame=frame), bits[frame])


def test_planes_and_triples_of_rgb_give_the_same() -> None:
    triples = np.random.default_rng(2).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    colour: dict[str, Any] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "Rows": 4, "Columns": 6}
    by_pixel = image(triples[..., 0], **colour, PlanarConfiguration=0, PixelData=triples.tobytes())
    by_plane = image(triples[..., 0], **colour, PlanarConfiguration=1, PixelData=triples.transpose(2, 0, 1).tobytes())
    np.testing.assert_array_equal(decoded(by_pixel), triples)
    np.testing.assert_array_equal(decoded(by_plane), triples)


def test_ybr_full_becomes_rgb_by_the_standards_formula() -> None:
    ybr = np.array([[[76, 85, 255], [150, 44, 21], [29, 255, 107], [128, 128, 128]]], np.uint8)
    ds = image(ybr[..., 0], SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=0)
    ds.PixelData = ybr.tobytes()
    assert decoded(ds).tolist() == [[[254, 0, 0], [0, 255, 1], [0, 0, 254], [128, 128, 128]]]


def test_sub_sampled_chroma_is_told_from_full_by_the_length() -> None:
    common: dict[str, Any] = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "YBR_FULL_422",
        "PlanarConfiguration": 0,
    }
    grey = np.array([[10, 20, 30, 40]], np.uint8)
    halved = np.array([10, 20, 128, 128, 30, 40, 128, 128], np.uint8)
    full = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)
    for raw in (halved, full):
        assert decoded(image(grey, **common, PixelData=raw.tobytes()))[0, :, 0].tolist() == [10, 20, 30, 40]


def test_out_takes_the_values_and_refuses_a_type_too_small() -> None:
    data = shipped("CT_small.dcm")
    instance = parse_instance(data)
    out = np.empty((instance.rows, instance.columns), np.int16)
    assert decode_frame(instance, data, out=out) is out
    np.testing.assert_array_equal(out, by_pydicom(data))
    with pytest.raises(ValueError, match="doesn't hold"):
        decode_frame(instance, data, out=np.empty(out.shape, np.int8))


def rle_frames(count: int) -> tuple[NDArray[Any], list[bytes]]:
    from pydicom.pixels.encoders import RLELosslessEncoder

    frames = np.random.default_rng(3).integers(0, 4, (count, 8, 8)).astype("<u2")
    encoded = [
        RLELosslessEncoder.encode(
            frame.tobytes(),
            rows=8,
            columns=8,
            samples_per_pixel=1,
            bits_allocated=16,
            bits_stored=16,
            pixel_representation=0,
            number_of_frames=1,
            photometric_interpretation="MONOCHROME2",
            index=0,
        )
        for frame in frames
    ]
    return frames, encoded


@pytest.mark.parametrize("table", ["basic", "none", "extended"])
def test_frames_are_found_with_and_without_offset_tables(table: str) -> None:
    frames, encoded = rle_frames(3)
    ds = image(frames)
    if table == "extended":
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(encoded)
    else:
        ds.PixelData = encapsulate(encoded, has_bot=table == "basic")
    ds["PixelData"].is_undefined_length = True
    for frame in range(3):
        np.testing.assert_array_equal(decoded(ds, RLELossless, frame), frames[frame])


@pytest.mark.parametrize("table", [True, False])
def test_frames_of_several_fragments_are_put_together(table: bool) -> None:
    import imagecodecs

    frames = np.random.default_rng(4).integers(0, 4000, (3, 32, 32)).astype(np.uint16)
    encoded = [imagecodecs.jpegls_encode(frame) for frame in frames]
    ds = image(frames.astype("<u2"), PixelData=encapsulate(encoded, fragments_per_frame=2, has_bot=table))
    ds["PixelData"].is_undefined_length = True
    data = saved(ds, "1.2.840.10008.1.2.4.80")
    instance = parse_instance(data)
    assert [len(spans) for spans in instance.frame_offsets] == [2, 2, 2]
    for frame in range(3):
        np.testing.assert_array_equal(decode_frame(instance, data, frame), frames[frame])


def codestream(instance: Instance, data: bytes) -> Codestream:
    assert instance.pixels is not None
    joined = b"".join(data[at : at + length] for at, length in instance.frame_offsets[0])
    return Codestream(joined, instance.rows, instance.columns, instance.pixels)


@pytest.mark.parametrize(
    "name", ["MR_small_jp2klossless.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_rle_16bit.dcm", "693_J2KI.dcm"]
)
def test_the_decoders_of_a_transfer_syntax_agree_bit_for_bit(name: str) -> None:
    data = shipped(name)
    instance = parse_instance(data)
    stream = codestream(instance, data)
    results = [decoder.decode(stream) for decoder in DECODERS[instance.transfer_syntax_uid]]
    assert len(results) >= 2
    for result in results[1:]:
        np.testing.assert_array_equal(results[0], result)


def test_htj2k_decoders_agree_bit_for_bit() -> None:
    import imagecodecs

    frame = np.random.default_rng(5).integers(0, 4096, (64, 48)).astype(np.uint16)
    frame = np.sort(frame, axis=1)
    encoded = imagecodecs.htj2k_encode(frame, reversible=True)
    ds = image(frame.astype("<u2"), BitsStored=12, HighBit=11, PixelData=encapsulate([encoded]))
    ds["PixelData"].is_undefined_length = True
    data = saved(ds, "1.2.840.10008.1.2.4.201")
    instance = parse_instance(data)
    for decoder in DECODERS[instance.transfer_syntax_uid]:
        np.testing.assert_array_equal(decoder.decode(codestream(instance, data)), frame)
    np.testing.assert_array_equal(decode_frame(instance, data), frame)


def test_the_second_decoder_steps_in_when_the_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    def broken(*_data: object, **_options: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", broken)
    data = shipped("MR_small_jp2klossless.dcm")
    values, name = decode_frame_named(parse_instance(data), data)
    assert name == "pylibjpeg openjpeg"
    np.testing.assert_array_equal(values, by_pydicom(data))


def test_a_refusal_tells_what_each_decoder_said() -> None:
    data = bytearray(shipped("MR_small_jp2klossless.dcm"))
    instance = parse_instance(bytes(data))
    ((at, _length),) = instance.frame_offsets[0]
    data[at + 2 : at + 60] = bytes(58)
    with pytest.raises(UnreadableObject, match=r"imagecodecs jpeg2k: .*pylibjpeg openjpeg: "):
        decode_frame(instance, bytes(data))


def test_a_code_stream_of_another_size_than_promised_is_refused() -> None:
    import imagecodecs

    encoded = imagecodecs.jpegls_encode(np.zeros((8, 8), np.uint8))
    ds = image(np.zeros((8, 16), np.uint8), PixelData=encapsulate([encoded]))
    ds["PixelData"].is_undefined_length = True
    with pytest.raises(UnreadableObject, match="8×8"):
        decoded(ds, "1.2.840.10008.1.2.4.80")


def test_pixel_data_shorter_than_promised_are_refused() -> None:
    with pytest.raises(UnreadableObject, match="hold frame 1 whole"):
        decoded(image(np.zeros((8, 8), "<u2"), PixelData=bytes(100)))


def test_what_cannot_be_shown_is_refused_with_its_reason() -> None:
    data = shipped("test-SR.dcm")
    with pytest.raises(UnreadableObject, match="no picture"):
        decode_frame(parse_instance(data), data)
    ds = image(np.zeros((8, 8), np.uint8), PixelData=encapsulate([b"\0\0\0\1" * 20]))
    ds["PixelData"].is_undefined_length = True
    with pytest.raises(UnreadableObject, match="video"):
        decoded(ds, "1.2.840.10008.1.2.4.102")


def test_each_supported_transfer_syntax_has_a_decoder() -> None:
    assert set(SUPPORTED_TRANSFER_SYNTAXES) == set(DECODERS) | ts.NATIVE
    assert all(decoder.name for decoders in DECODERS.values() for decoder in decoders)


def test_one_slice_in_every_transfer_syntax_is_the_same_slice(shared_data: Path) -> None:
    folder = shared_data / "transfer_syntaxes_ct"
    data = (folder / "CTImage.dcm").read_bytes()
    truth = decode_frame(parse_instance(data), data)
    compared = 0
    for path in sorted(folder.glob("CTImage.dcm_*")):
        data = path.read_bytes()
        instance = parse_instance(data)
        assert instance.pixels is not None
        values = decode_frame(instance, data)
        if not instance.pixels.lossy and instance.pixels.bits_stored == 16:
            np.testing.assert_array_equal(values, truth, err_msg=path.name)
            compared += 1
    assert compared >= 8


def test_jpeg_and_jpeg_ls_equal_gdcm(shared_data: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    compared = 0
    for path in sorted((shared_data / "transfer_syntaxes_ct").glob("CTImage.dcm_JPEG*")):
        if "JPEG2000" in path.name:
            continue
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        raw = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
        data = path.read_bytes()
        instance = parse_instance(data)
        assert instance.pixels is not None
        theirs = np.frombuffer(raw, np.uint8)
        ours = decode_frame(instance, data)
        theirs = theirs.view(ours.dtype).reshape(ours.shape)
        tolerance = 0 if instance.transfer_syntax_uid in ts.JPEG_LOSSLESS | ts.JPEG_LS else 1
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= tolerance, path.name
        compared += 1
    assert compared >= 5


def test_nasty_files_end_in_a_picture_or_in_one_clear_line(shared_data: Path) -> None:
    refusals = []
    for path in sorted((shared_data / "nasty").glob("*.dcm")):
        data = path.read_bytes()
        try:
            instance = parse_instance(data)
            for frame in range(instance.number_of_frames):
                decode_frame(instance, data, frame)
        except UnreadableObject as error:
            refusals.append(str(error))
    assert refusals
    assert not any("\n" in line for line in refusals)

"""Headers to values: what is read, how texts decode, and that JSON gives back the same."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from workstation.dicom.instance import Instance
from workstation.dicom.lut import Window
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.errors import UnreadableObject

CT = "1.2.840.10008.5.1.4.1.1.2"


def shipped(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path)).read_bytes()


def saved(ds: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bool = True) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer,
        ds,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=preamble,
    )
    return buffer.getvalue()


def slice_of_ct(**changes: Any) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = CT, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.5"
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientName, ds.PatientID = "Иванова^Анна", "17"
    ds.InstanceNumber, ds.SeriesNumber = 4, 2
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 2, 3, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [1.5, -2.5, 30.0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.5, 1.0]
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    ds.WindowCenterWidthExplanation = ["soft", "lung"]
    ds.PixelData = b"\1\0\2\0\3\0\4\0\5\0\6\0"
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def test_a_ct_slice_gives_its_values() -> None:
    instance = parse_instance(saved(slice_of_ct()))
    assert (instance.modality, instance.rows, instance.columns, instance.number_of_frames) == ("CT", 2, 3, 1)
    assert instance.patient.name == "Иванова^Анна"
    geometry = instance.frame()
    assert geometry.position == (1.5, -2.5, 30.0)
    assert geometry.pixel_spacing == (0.5, 1.0)
    assert (geometry.slope, geometry.intercept) == (1.0, -1024.0)
    assert instance.windows == (Window(40, 400, "LINEAR", "soft"), Window(-600, 1500, "LINEAR", "lung"))
    assert instance.units == "HU"
    assert instance.reference(1).frame == 1


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "test-SR.dcm", "SC_rgb_rle_2frame.dcm", "examples_palette.dcm", "rtdose.dcm"],
)
def test_json_gives_back_an_equal_instance(name: str) -> None:
    instance = parse_instance(shipped(name))
    assert Instance.from_json(instance.to_json()) == instance


def test_json_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON"):
        Instance.from_json('{"rows": 3}')


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_encoding_of_the_header_reads_the_same(syntax: str) -> None:
    ds = slice_of_ct(SOPInstanceUID="1.2.9")
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = b"\0\1\0\2\0\3\0\4\0\5\0\6"
    data = saved(ds, syntax)
    instance = parse_instance(data)
    plain = parse_instance(saved(slice_of_ct(SOPInstanceUID="1.2.9")))
    assert instance.transfer_syntax_uid == syntax
    assert (instance.patient, instance.frames, instance.windows) == (plain.patient, plain.frames, plain.windows)
    assert decode_frame(instance, data).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_an_object_without_preamble_is_read() -> None:
    data = saved(slice_of_ct())
    assert parse_instance(data[132:]).rows == 2


def test_an_object_without_meta_group_is_read() -> None:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, slice_of_ct(), implicit_vr=True, little_endian=True)
    data = buffer.getvalue()
    data = data[132:] if data[128:132] == b"DICM" else data
    instance = parse_instance(data)
    assert instance.transfer_syntax_uid == ImplicitVRLittleEndian
    assert decode_frame(instance, data)[1, 2] == 6


@pytest.mark.parametrize(
    ("terms", "raw", "text"),
    [
        ("ISO_IR 144", "Иванова^Анна".encode("iso8859_5"), "Иванова^Анна"),
        ("ISO_IR 192", "Łódź".encode(), "Łódź"),
        ("ISO_IR 100", "Müller".encode("latin-1"), "Müller"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        ("unheard of", "Müller".encode("latin-1"), "Müller"),
        ("ISO-IR 144", "Анна".encode("iso8859_5"), "Анна"),
    ],
)
def test_texts_decode_by_their_character_set(terms: str, raw: bytes, text: str) -> None:
    ds = slice_of_ct(PatientName="X" * (len(raw) + len(raw) % 2))
    data = saved(ds)
    data = data.replace(b"X" * (len(raw) + len(raw) % 2), raw + b" " * (len(raw) % 2))
    term = terms.encode().ljust(len(terms) + len(terms) % 2)
    old = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
    assert old in data
    data = data.replace(old, b"\x08\x00\x05\x00CS" + len(term).to_bytes(2, "little") + term)
    assert parse_instance(data).patient.name == text


def test_a_localiser_or_a_secondary_capture_inherits_no_unit() -> None:
    assert parse_instance(saved(slice_of_ct(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))).units == ""
    assert parse_instance(saved(slice_of_ct(ImageType=["DERIVED", "SECONDARY"]))).units == ""
    assert parse_instance(saved(slice_of_ct(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))).units == ""


def test_padding_is_read_with_the_sign_of_the_pixels() -> None:
    ds = slice_of_ct()
    ds.add_new(0x00280120, "SS", -2000)
    pixels = parse_instance(saved(ds)).pixels
    assert pixels is not None
    assert pixels.padding_value == -2000


def test_functional_groups_of_a_frame_go_before_the_shared_ones() -> None:
    ds = slice_of_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=2, PixelData=bytes(24))
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "WindowCenter", "WindowWidth"):
        delattr(ds, name)

    def item(**values: Any) -> Dataset:
        made = Dataset()
        for name, value in values.items():
            setattr(made, name, value)
        return made

    def voi(center: float) -> Sequence:
        return Sequence([item(WindowCenter=center, WindowWidth=300)])

    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.7, 0.8], SliceThickness=2)]),
        PixelValueTransformationSequence=Sequence([item(RescaleSlope=2, RescaleIntercept=-10, RescaleType="HU")]),
        FrameVOILUTSequence=voi(10),
    )
    frames = [
        item(
            PlanePositionSequence=Sequence([item(ImagePositionPatient=[0, 0, height])]), FrameVOILUTSequence=voi(height)
        )
        for height in (5, 7)
    ]
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    instance = parse_instance(saved(ds))
    assert [frame.position for frame in instance.frames] == [(0, 0, 5), (0, 0, 7)]
    assert [frame.windows[0].center for frame in instance.frames] == [5, 7]
    assert instance.frame(1).pixel_spacing == (0.7, 0.8)
    assert (instance.frame(1).slope, instance.frame(1).intercept) == (2, -10)
    assert instance.units == "HU"
    assert Instance.from_json(instance.to_json()) == instance


@pytest.mark.parametrize(("slope", "intercept", "first"), [(-1, 0, -1000), (1, -100, -1000), (1, 0, 64536)])
@pytest.mark.parametrize("enhanced", [False, True])
def test_the_first_input_of_a_voi_table_has_the_sign_of_the_rescaled_values(
    enhanced: bool, slope: int, intercept: int, first: int
) -> None:
    """PS3.3 C.11.2.1.1: signed where the output of the modality transform may be below 0; 64536 is −1000 as bits."""
    table = Dataset()
    table.add_new(0x00283002, "US", [2, 64536, 16])
    table.add_new(0x00283006, "US", [0, 65535])
    rescale, voi = Dataset(), Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = slope, intercept
    voi.VOILUTSequence = Sequence([table])
    ds = slice_of_ct(PixelRepresentation=0)
    if enhanced:
        del ds.RescaleSlope, ds.RescaleIntercept
        shared, frame = Dataset(), Dataset()
        shared.PixelValueTransformationSequence, frame.FrameVOILUTSequence = Sequence([rescale]), Sequence([voi])
        ds.SharedFunctionalGroupsSequence = Sequence([shared])
        ds.PerFrameFunctionalGroupsSequence = Sequence([frame])
    else:
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
        ds.VOILUTSequence = Sequence([table])
    assert parse_instance(saved(ds)).voi_tables[0].first_mapped == first


def test_equal_frames_share_one_entry() -> None:
    instance = parse_instance(shipped("SC_rgb_rle_2frame.dcm"))
    assert (instance.number_of_frames, len(instance.frames), len(instance.frame_offsets)) == (2, 1, 2)


def test_a_ct_slice_parses_within_a_few_milliseconds() -> None:
    data = shipped("CT_small.dcm")
    parse_instance(data)
    best = min(_timed(lambda: parse_instance(data)) for _ in range(20))
    # the aim is 1 ms on an idle machine
    assert best < 0.005


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_what_is_no_dicom_is_refused_in_words() -> None:
    for data in (b"", b"short", b"%PDF-1.7" + bytes(500), b"PK\3\4" + bytes(1000), bytes(200)):
        with pytest.raises(UnreadableObject, match="Not a DICOM object"):
            parse_instance(data)


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "image_dfl.dcm", "SC_rgb_rle_2frame.dcm"])
def test_an_object_cut_anywhere_never_shows_a_picture(name: str) -> None:
    data = shipped(name)
    # cuts inside what follows the pixel data, if anything does, are out of the picture's reach
    instance = parse_instance(data)
    end = len(data) if name == "image_dfl.dcm" else max(sum(span) for spans in instance.frame_offsets for span in spans)
    refusals = []
    for cut in range(140, end - 1, max(1, end // 60)):
        try:
            part = parse_instance(data[:cut])
        except UnreadableObject as error:
            refusals.append(str(error))
        else:
            # cut between two elements of the header: an object like any other, without a picture
            assert not part.has_pixels
    assert refusals
    assert not any(instance.patient.name in line for line in refusals)


def test_a_patient_is_never_named_in_an_error() -> None:
    ds = slice_of_ct(PatientName="Secret^Name", PatientID="S-123")
    data = bytearray(saved(ds))
    at = data.index(b"\x28\x00\x00\x01US")
    data[at + 8 : at + 10] = b"\xff\xff"
    with pytest.raises(UnreadableObject) as caught:
        parse_instance(bytes(data))
    assert "Secret" not in repr(caught.value)
    assert "S-123" not in repr(caught.value)


def test_a_promise_of_countless_frames_is_refused() -> None:
    with pytest.raises(UnreadableObject, match="frames"):
        parse_instance(saved(slice_of_ct(NumberOfFrames=2_000_000_000)))


def test_all_shared_objects_round_trip_through_json(shared_data: Path) -> None:
    count = 0
    for path in sorted((shared_data / "mr_enhanced").rglob("*.dcm")) + sorted((shared_data / "mg").rglob("*.dcm")):
        instance = parse_instance(path.read_bytes())
        assert Instance.from_json(instance.to_json()) == instance
        count += 1
    assert count > 5

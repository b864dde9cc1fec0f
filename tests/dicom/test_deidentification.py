"""Anonymous objects: nothing that names the patient is left, and the picture, its links and its intervals are."""

import io
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests import tiny_instances
from workstation.dicom.confidentiality import action_of
from workstation.dicom.content import Patient
from workstation.dicom.deidentification import Anonymous, Deidentifier, LeftOut

MARK = "PLANTED"
PATIENT = Patient("Смирнова^Ольга", "77-1", "LPU-7", "19700115", "F")


def taken(data: bytes, patient: Patient = PATIENT, **options: bool) -> Dataset:
    made = Deidentifier(b"s" * 32, **options).take(data, patient)
    assert isinstance(made, Anonymous), made
    return pydicom.dcmread(io.BytesIO(made.data))


def changed(data: bytes, **values: Any) -> bytes:
    ds = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return tiny_instances.part10(ds)


@pytest.fixture
def ct() -> bytes:
    (made,) = tiny_instances.ct_series(1)
    return made


def table_of_another() -> Iterator[tuple[int, str]]:
    """Table E.1-1 as another program has it."""
    fields = pytest.importorskip("dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c")
    names = {"D": "D", "Z": "Z", "X": "X", "U": "U", "Z_D": "Z/D", "X_Z": "X/Z", "X_D": "X/D", "X_Z_D": "X/Z/D"}
    for name, action in {**names, "X_Z_U_STAR": "X/Z/U*"}.items():
        for tag in getattr(fields, f"{name}_TAGS"):
            if len(tag) == 2:
                yield (tag[0] << 16) | tag[1], action


def planted(vr: str, number: int) -> Any:
    if vr == "SQ":
        item = Dataset()
        item.PatientName, item.TextValue = MARK, MARK
        return Sequence([item])
    values = {
        "DA": "19410703", "DT": "19410703101112", "TM": "101112", "AS": "041Y", "UI": f"1.2.826.0.1.99941.{number}",
        "OB": MARK.encode() + b"!", "OW": MARK.encode() + b"!", "UN": MARK.encode() + b"!",
    }  # fmt: skip
    if vr in ("DS", "IS"):
        return "41.0625" if vr == "DS" else "410625"
    return values.get(vr, MARK)


def test_the_table_is_the_one_that_another_program_has() -> None:
    other = dict(table_of_another())
    assert len(other) > 640
    assert {tag: action_of(tag) for tag in other} == other


def test_no_value_of_any_attribute_of_the_table_is_left(ct: bytes, tmp_path: Path) -> None:
    ds = pydicom.dcmread(io.BytesIO(ct))
    count = 0
    for tag, _action in table_of_another():
        # of the command and file meta groups, and without a VR in this dictionary
        if tag >> 16 < 8 or not pydicom.datadict.dictionary_has_tag(tag):
            continue
        if tag == 0x00420011:
            continue
        vr = pydicom.datadict.dictionary_VR(tag).split(" ")[0]
        if vr in ("US", "UL", "SS", "FD", "FL"):
            continue
        ds.add_new(tag, vr, planted(vr, count))
        count += 1
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (f"1.2.826.0.1.99941.9{n}" for n in range(3))
    block = ds.private_block(0x0029, "PLANTED MAKER", create=True)
    block.add_new(1, "LO", MARK)
    for element, vr, value in ((0x0010, "US", 8), (0x0011, "US", 8), (0x3000, "OB", b"PLANTED!"), (0x0022, "LO", MARK)):
        ds.add_new((0x6002, element), vr, value)
    item = Dataset()
    item.PatientName = MARK
    nested = Dataset()
    nested.private_block(0x0031, "PLANTED MAKER", create=True).add_new(2, "LO", MARK)
    nested.ReferencedSOPClassUID, nested.ReferencedSOPInstanceUID = ds.SOPClassUID, "1.2.826.0.1.99941.77"
    item.ReferencedSeriesSequence = [nested]
    ds.ReferencedSeriesSequence = [item]
    assert count > 550
    path = tmp_path / "made.dcm"
    made = Deidentifier(b"s" * 32).take(tiny_instances.part10(ds), Patient("Other^One", "1"))
    assert isinstance(made, Anonymous), made
    path.write_bytes(made.data)
    dump = subprocess.run(["dcmdump", "+L", "-M", str(path)], capture_output=True, check=True).stdout.decode("latin-1")
    for trace in (MARK, "1.2.826.0.1.99941", "19410703", "041Y", "410625", "41.0625"):
        assert trace not in dump, [line for line in dump.splitlines() if trace in line]
        assert trace.encode() not in made.data


def test_pixels_stay_and_identity_goes(ct: bytes) -> None:
    before, after = pydicom.dcmread(io.BytesIO(ct)), taken(ct)
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.PatientID == after.PatientName
    assert str(after.PatientID).startswith("ANON-")
    for keyword in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        assert not after.get(keyword), keyword
    for keyword in ("StudyDescription", "SeriesDescription", "IssuerOfPatientID"):
        assert keyword not in after, keyword
    # PS3.15 E.2, PS3.16 CID 7050
    assert after.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "Смирнова".encode() not in taken(ct).PatientName.encode()


def test_references_within_one_export_stay_linked_and_two_exports_are_strangers(ct: bytes) -> None:
    first, second = tiny_instances.ct_series(2)
    one = pydicom.dcmread(io.BytesIO(first))
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
    second = changed(second, ReferencedImageSequence=[item], SourceImageSequence=[item])
    deidentifier = Deidentifier(b"s" * 32)
    made = [deidentifier.take(data, PATIENT) for data in (first, second)]
    a, b = (one.dataset for one in made if isinstance(one, Anonymous))
    assert a.StudyInstanceUID == b.StudyInstanceUID
    assert a.FrameOfReferenceUID == b.FrameOfReferenceUID
    assert b.ReferencedImageSequence[0].ReferencedSOPInstanceUID == a.SOPInstanceUID
    assert b.ReferencedImageSequence[0].ReferencedSOPClassUID == one.SOPClassUID
    assert b.SourceImageSequence[0].ReferencedSOPInstanceUID == a.SOPInstanceUID
    other = Deidentifier(b"t" * 32).take(first, PATIENT)
    assert isinstance(other, Anonymous)
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientID"):
        assert other.dataset[keyword].value != a[keyword].value


def test_intervals_of_one_patient_are_kept_and_days_are_not() -> None:
    deidentifier = Deidentifier(b"s" * 32)
    days = []
    for day in ("20260110", "20250111"):
        (data,) = tiny_instances.ct_series(1, study_date=day)
        data = changed(data, AcquisitionDateTime=f"{day}101500.5+0300", ContentDate=day)
        made = deidentifier.take(data, PATIENT)
        assert isinstance(made, Anonymous)
        ds = made.dataset
        assert str(ds.AcquisitionDateTime) == f"{ds.StudyDate}101500.5+0300"
        assert ds.ContentDate == ds.StudyDate != day
        days.append(date.fromisoformat(str(ds.StudyDate)))
    assert (days[0] - days[1]).days == 364
    other = deidentifier.take(changed(tiny_instances.ct_series(1)[0]), Patient("Other", "88-2"))
    assert isinstance(other, Anonymous)
    assert date.fromisoformat(str(other.dataset.StudyDate)) != days[0]


def test_characteristics_are_kept_only_when_asked_for(ct: bytes) -> None:
    data = changed(ct, PatientWeight="71", PatientSize="1.68", MedicalAlerts="wears a pacemaker")
    plain, kept = taken(data), taken(data, characteristics=True)
    assert not plain.get("PatientSex")
    assert "PatientAge" not in plain
    assert (kept.PatientSex, kept.PatientAge, kept.PatientWeight) == ("F", "055Y", 71)
    assert not kept.PatientBirthDate
    assert "MedicalAlerts" not in kept
    assert "113108" in [item.CodeValue for item in kept.DeidentificationMethodCodeSequence]
    old = taken(changed(ct, PatientBirthDate="19200101"), characteristics=True)
    assert old.PatientAge == "090Y"


@pytest.mark.parametrize(
    ("values", "visible", "word"),
    [
        ({"BurnedInAnnotation": "YES"}, True, "burned-in"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"}, True, "ultrasound"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}, True, "captured"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1", "Modality": "XA"}, True, "equipment"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4", "Modality": "XC"}, True, "photographs"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "EncapsulatedDocument": b"%PDF"}, False, "document"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, False, "report"),
        ({"SOPClassUID": "1.3.12.2.1107.5.9.1"}, False, "kind is not known"),
    ],
)
def test_what_may_show_a_name_stays_out_and_a_look_clears_only_pictures(
    ct: bytes, values: dict[str, Any], visible: bool, word: str
) -> None:
    data = changed(ct, **values)
    left = Deidentifier(b"s" * 32).take(data, PATIENT)
    assert isinstance(left, LeftOut)
    assert word in left.reason
    assert left.visible == visible
    looked_at = Deidentifier(b"s" * 32, pictures_checked=True).take(data, PATIENT)
    assert isinstance(looked_at, Anonymous if visible else LeftOut)


def test_an_angiogram_whose_maker_says_that_it_is_free_of_text_goes(ct: bytes) -> None:
    taken(changed(ct, SOPClassUID="1.2.840.10008.5.1.4.1.1.12.1", Modality="XA", BurnedInAnnotation="NO"))


def test_graphics_in_unused_bits_of_pixels_keep_an_image_here(ct: bytes) -> None:
    ds = pydicom.dcmread(io.BytesIO(ct))
    for element, vr, value in ((0x0010, "US", 16), (0x0011, "US", 16), (0x0100, "US", 16), (0x0102, "US", 15)):
        ds.add_new((0x6000, element), vr, value)
    left = Deidentifier(b"s" * 32).take(tiny_instances.part10(ds), PATIENT)
    assert isinstance(left, LeftOut)
    assert "unused bits" in left.reason


@pytest.mark.parametrize(
    ("values", "element"),
    [
        ({"ConvolutionKernel": "b30 for SMIRNOVA"}, "ConvolutionKernel"),
        ({"FilterType": "77-1"}, "FilterType"),
        ({"ManufacturerModelName": "ct of 15.01.1970"}, "ManufacturerModelName"),
        ({"SequenceName": "смирнова"}, "SequenceName"),
    ],
)
def test_a_name_in_an_element_that_no_table_lists_keeps_an_object_here(
    ct: bytes, values: dict[str, str], element: str
) -> None:
    data = changed(ct, PatientName="Smirnova^Olga=Смирнова^Ольга", **values)
    left = Deidentifier(b"s" * 32).take(data, PATIENT)
    assert isinstance(left, LeftOut)
    assert left.element == element
    assert not left.visible


@pytest.mark.parametrize("written", ["SHCHERBAKOVA", "Scherbakova abd", "ЩЕРБАКОВА"])
def test_a_name_in_the_other_alphabet_keeps_an_object_here(ct: bytes, written: str) -> None:
    data = changed(ct, PatientName="Щербакова^Юлия", SequenceName=written)
    left = Deidentifier(b"s" * 32).take(data, Patient("Щербакова^Юлия", "77-1"))
    assert isinstance(left, LeftOut)
    assert left.element == "SequenceName"


def test_a_name_spelled_in_the_bytes_of_a_picture_keeps_an_object_here(ct: bytes) -> None:
    pixels = bytearray(pydicom.dcmread(io.BytesIO(ct)).PixelData)
    pixels[100:108] = "СМИРНОВА".encode("cp1251")
    left = Deidentifier(b"s" * 32).take(changed(ct, PixelData=bytes(pixels)), PATIENT)
    assert isinstance(left, LeftOut)
    assert "pixel data" in left.reason


def test_drawings_of_a_presentation_state_stay_and_its_words_go() -> None:
    ds = pydicom.dcmread(io.BytesIO(tiny_instances.ct_series(1)[0]))
    del ds.PixelData, ds.Rows, ds.Columns
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.11.1", "PR"
    ds.ContentCreatorName, ds.ContentLabel = "Петрова^Анна", "MARKS"
    drawing, words = Dataset(), Dataset()
    line = Dataset()
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType, line.GraphicFilled = [1, 1, 5, 5], "POLYLINE", "N"
    text = Dataset()
    text.UnformattedTextValue = "Смирнова"
    drawing.GraphicLayer = words.GraphicLayer = "1"
    drawing.GraphicObjectSequence, drawing.TextObjectSequence = [line], [text]
    words.TextObjectSequence = [text]
    ds.GraphicAnnotationSequence = [drawing, words]
    after = taken(tiny_instances.part10(ds))
    (left,) = after.GraphicAnnotationSequence
    assert list(left.GraphicObjectSequence[0].GraphicData) == [1, 1, 5, 5]
    assert "TextObjectSequence" not in left
    assert "113103" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]


def test_a_head_is_said_to_show_a_face_and_a_chest_is_not(ct: bytes) -> None:
    made = [Deidentifier(b"s" * 32).take(changed(ct, BodyPartExamined=part), PATIENT) for part in ("HEAD", "CHEST")]
    head, chest = (one for one in made if isinstance(one, Anonymous))
    assert (head.face, chest.face) == (True, False)
    assert head.dataset.RecognizableVisualFeatures == "YES"
    assert "RecognizableVisualFeatures" not in chest.dataset


def test_bytes_that_are_no_object_are_left_out() -> None:
    left = Deidentifier(b"s" * 32).take(b"nothing of the kind", PATIENT)
    assert isinstance(left, LeftOut)


def errors_of(path: Path) -> set[str]:
    run = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False)
    said = (run.stdout + run.stderr).decode("latin-1").splitlines()
    return {line for line in said if line.startswith("Error")}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        "ct_slicer_head_tiny_93", "petct_acrin_042", "mr_prostatex_0207", "mr_enhanced", "mg", "xa_rf_us", "seg_sr_pm",
        "encapsulated_fragments",
    ],
)  # fmt: skip
def test_real_objects_are_as_valid_as_before(name: str, shared_data: Path, tmp_path: Path) -> None:
    deidentifier = Deidentifier(b"s" * 32, pictures_checked=True)
    compared = 0
    files = sorted(path for path in (shared_data / name).rglob("*") if path.is_file())
    for path in files[:: max(1, len(files) // 3)]:
        data = path.read_bytes()
        if data[128:132] != b"DICM":
            continue
        # samples are named after what is in them: a name of letters alone would be found there
        before = pydicom.dcmread(io.BytesIO(data))
        before.PatientName, before.PatientID = "Zzyzxova^Qwxzy", f"Q{generate_uid()[-9:]}"
        original = io.BytesIO()
        before.save_as(original)
        made = deidentifier.take(original.getvalue(), Patient("Zzyzxova^Qwxzy", str(before.PatientID)))
        if isinstance(made, LeftOut):
            continue
        after = tmp_path / "after.dcm"
        after.write_bytes(made.data)
        assert errors_of(after) - errors_of(path) == set(), path.name
        read = pydicom.dcmread(after)
        for keyword in ("PixelData", "FloatPixelData"):
            if keyword in before:
                assert read[keyword].value == before[keyword].value
        compared += 1
    assert compared

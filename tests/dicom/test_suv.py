"""Standardised uptake values: the factor by hand from raw header numbers, and the element that blocks it."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.dicom.suv import in_suv
from workstation.imaging.volume import Volume

# 70 kg, 350 MBq of F-18, an hour from injection to scan: by a pocket calculator
# left of the dose: 350e6 * 2^(-3600/6586.2) = 350e6 * 0.68464 = 239.62e6 Bq; 70000 g / 239.62e6 Bq = 2.92129e-4
AN_HOUR_LATER = 2.92129e-4
AT_INJECTION = 70_000 / 350e6


def pet(slope: float = 2.0, number: int = 1, **changes: object) -> bytes:
    """A PET slice with everything that SUV needs; a change of None leaves an element out."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = PositronEmissionTomographyImageStorage, f"2.25.7{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.70", "2.25.71", "2.25.72"
    ds.Modality, ds.InstanceNumber = "PT", number
    ds.SeriesDate = ds.AcquisitionDate = "20260110"
    ds.SeriesTime, ds.AcquisitionTime = "110000.00", "110000.00"
    ds.CorrectedImage, ds.Units, ds.DecayCorrection = ["DECY", "ATTN", "SCAT"], "BQML", "START"
    ds.PatientWeight = 70
    isotope = Dataset()
    isotope.RadionuclideTotalDose, isotope.RadionuclideHalfLife = 350e6, 6586.2
    isotope.RadiopharmaceuticalStartTime = "100000.000"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 3.0 * number], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [4, 4], 3
    ds.RescaleSlope, ds.RescaleIntercept = slope, 0
    ds.WindowCenter, ds.WindowWidth = 5000, 10000
    ds.Rows = ds.Columns = 4
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.PixelData = np.full((4, 4), 1000, "<i2").tobytes()
    for keyword, value in changes.items():
        target = isotope if keyword.startswith("Radio") else ds
        if value is None:
            del target[keyword]
        else:
            setattr(target, keyword, value)
    ds.RadiopharmaceuticalInformationSequence = [isotope]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def result(*data: bytes) -> tuple[list[float], str, str]:
    """Value of a stored 1 in each frame, the unit, and the reason for no SUV."""
    (stack,) = build_stacks([parse_instance(each) for each in data])
    shown, reason = in_suv(stack)
    return [ref.geometry.slope for ref in shown.frames], shown.first.units, reason


def test_bq_per_ml_become_suv_by_weight_and_the_dose_left_at_the_scan() -> None:
    slopes, unit, reason = result(pet())
    assert slopes == pytest.approx([2 * AN_HOUR_LATER], rel=1e-5)
    assert (unit, reason) == ("SUVbw", "")


def test_the_slope_of_each_slice_stays_its_own() -> None:
    slopes, _unit, _reason = result(pet(2.0, 1), pet(5.0, 2), pet(0.25, 3))
    assert slopes == pytest.approx([2 * AN_HOUR_LATER, 5 * AN_HOUR_LATER, 0.25 * AN_HOUR_LATER], rel=1e-5)


def test_windows_of_the_file_are_in_suv_too() -> None:
    (stack,) = build_stacks([parse_instance(pet())])
    (window,) = in_suv(stack)[0].first.windows
    # PS3.3 C.11.2.1.2: LINEAR runs from c − w/2 to c + w/2 − 1, here from 0 to 9999 Bq/ml
    low, high = window.center - window.width / 2, window.center + window.width / 2
    assert window.function == "LINEAR_EXACT"
    assert (low, high) == (pytest.approx(0, abs=1e-9), pytest.approx(9999 * AN_HOUR_LATER, rel=1e-5))


def test_decay_corrected_to_the_injection_needs_no_times() -> None:
    changes = {"RadiopharmaceuticalStartTime": None, "RadionuclideHalfLife": None, "DecayCorrection": "ADMIN"}
    assert result(pet(**changes))[0] == pytest.approx([2 * AT_INJECTION])


@pytest.mark.parametrize(
    "changes",
    [
        # over midnight, the injection's time alone
        {"RadiopharmaceuticalStartTime": "233000", "SeriesTime": "003000", "AcquisitionTime": "003000"},
        # over midnight, with the injection's date
        {
            "RadiopharmaceuticalStartDateTime": "20260109233000",
            "RadiopharmaceuticalStartTime": None,
            "SeriesTime": "003000",
            "AcquisitionTime": "003000",
        },
        # the injection in UTC, the series three hours east of it
        {"RadiopharmaceuticalStartDateTime": "20260110070000.00+0000", "TimezoneOffsetFromUTC": "+0300"},
        {"RadiopharmaceuticalStartDateTime": "20260109220000-0900", "TimezoneOffsetFromUTC": "+0300"},
        # an offset, but no zone of the series: the time without a date is the series' own
        {"RadiopharmaceuticalStartDateTime": "20260110070000+0000"},
        # a series time rewritten by a later program: the earliest acquisition
        {"SeriesTime": "150000", "AcquisitionTime": "110000"},
        # the same, counted back: the mean count rate comes 150 s less 300 s · λ·300 s / 24 = 149.6 s into 300 s
        {
            "SeriesTime": "150000",
            "AcquisitionTime": "111000",
            "FrameReferenceTime": 749605.0,
            "ActualFrameDuration": 300000,
        },
    ],
)
def test_times_count_from_the_injection_whatever_form_they_are_given_in(changes: dict[str, object]) -> None:
    slopes, unit, reason = result(pet(**changes))
    assert (unit, reason) == ("SUVbw", "")
    assert slopes == pytest.approx([2 * AN_HOUR_LATER], rel=2e-5)


def test_the_makers_own_scan_time_goes_before_a_rewritten_series_time() -> None:
    ds = pydicom.dcmread(io.BytesIO(pet(SeriesTime="150000", AcquisitionTime="113000")))
    block = ds.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20260110110000.00")
    buffer = io.BytesIO()
    ds.save_as(buffer)
    assert result(buffer.getvalue())[0] == pytest.approx([2 * AN_HOUR_LATER], rel=1e-5)


def test_counts_become_suv_by_the_makers_factor_and_by_nothing_else() -> None:
    counts = pydicom.dcmread(io.BytesIO(pet(Units="CNTS")))
    assert result(pet(Units="CNTS"))[1:] == ("CNTS", "Units (0054,1001) are CNTS")
    block = counts.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000551")
    buffer = io.BytesIO()
    counts.save_as(buffer)
    assert result(buffer.getvalue())[0] == pytest.approx([2 * 0.000551])
    del block[0x00]
    block.add_new(0x09, "DS", "3.5")
    buffer = io.BytesIO()
    counts.save_as(buffer)
    assert result(buffer.getvalue())[0] == pytest.approx([2 * 3.5 * AN_HOUR_LATER], rel=1e-5)


def test_g_per_ml_are_suv_already_unless_another_kind_is_named() -> None:
    assert result(pet(Units="GML"))[:2] == ([2.0], "SUVbw")
    assert result(pet(Units="GML", SUVType="LBM")) == ([2.0], "GML", "SUV Type (0054,1006) is LBM")


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"CorrectedImage": ["DECY"]}, "(0028,0051)"),
        ({"CorrectedImage": ["ATTN"]}, "(0028,0051)"),
        ({"CorrectedImage": None}, "(0028,0051)"),
        ({"Units": "PROPCNT"}, "(0054,1001)"),
        ({"PatientWeight": None}, "(0010,1030)"),
        ({"PatientWeight": 0}, "(0010,1030)"),
        ({"RadionuclideTotalDose": None}, "(0018,1074)"),
        ({"RadionuclideTotalDose": 350}, "(0018,1074)"),
        ({"RadionuclideHalfLife": None}, "(0018,1075)"),
        ({"RadiopharmaceuticalStartTime": None}, "(0018,1072)"),
        ({"DecayCorrection": "NONE"}, "(0054,1102)"),
        ({"RadiopharmaceuticalStartDateTime": "20251220100000"}, "injection and scan time"),
        ({"RadiopharmaceuticalStartDateTime": "20260110120000"}, "injection and scan time"),
        (
            {"RadiopharmaceuticalStartDateTime": "20260110070000+0000", "RadiopharmaceuticalStartTime": None},
            "(0008,0201)",
        ),
    ],
)
def test_without_one_of_its_elements_there_is_no_suv_and_the_element_is_named(
    changes: dict[str, object], element: str
) -> None:
    slopes, unit, reason = result(pet(**changes))
    assert element in reason
    assert slopes == [2.0]
    assert unit == changes.get("Units", "BQML")


def test_a_study_whose_weight_changes_from_image_to_image_has_no_suv() -> None:
    assert "differ" in result(pet(number=1), pet(number=2, PatientWeight=80))[2]


def test_other_modalities_are_left_alone() -> None:
    plain = replace(parse_instance(pet()), uptake=None, modality="CT", units="HU")
    (stack,) = build_stacks([plain])
    assert in_suv(stack) == (stack, "")


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[list[Instance], dict[str, Path], Path]:
    folder = shared_data / "petct_acrin_042"
    files = sorted((folder / "pet_ac_135").glob("*.dcm"))[::27]
    read = [(parse_instance(file.read_bytes()), file) for file in files]
    return [one for one, _file in read], {one.sop_instance_uid: file for one, file in read}, folder


def test_a_real_series_of_varying_slopes_agrees_with_its_real_world_value_mapping(
    real: tuple[list[Instance], dict[str, Path], Path],
) -> None:
    instances, files, folder = real
    stacks = build_stacks(instances)
    # the factor that another program put into the mapping objects of this study, in g/ml for Bq/ml
    mappings = [pydicom.dcmread(file, stop_before_pixels=True) for file in (folder / "rwv_seg").glob("*.dcm")]
    stated = {
        float(each.RealWorldValueSlope)
        for mapping in mappings
        if mapping.Modality == "RWV"
        for group in mapping.ReferencedImageRealWorldValueMappingSequence
        for each in group.RealWorldValueMappingSequence
        if each.MeasurementUnitsCodeSequence[0].CodeValue == "{SUVbw}g/ml" and each.RealWorldValueSlope > 1e-6
    }
    assert stated == {0.00042111}
    for stack in stacks:
        shown, reason = in_suv(stack)
        assert reason == ""
        volume = Volume.of_stack(replace(shown, ijk_to_lps=None, slice_index=(), is_volume=False))
        for k, ref in enumerate(shown.frames):
            ds = pydicom.dcmread(files[ref.instance.sop_instance_uid])
            isotope = ds.RadiopharmaceuticalInformationSequence[0]
            # 07:21:00 to 09:59:47
            assert (isotope.RadiopharmaceuticalStartTime, ds.SeriesTime) == ("072100.00", "095947.00")
            left = float(isotope.RadionuclideTotalDose) * 2 ** (-9527 / float(isotope.RadionuclideHalfLife))
            by_hand = float(ds.PatientWeight) * 1000 / left
            assert by_hand == pytest.approx(0.00042111, rel=2e-5)
            stored = decode_frame(ref.instance, files[ref.instance.sop_instance_uid].read_bytes(), 0)
            volume.put(k, stored)
            wanted = stored.astype(np.float64) * float(ds.RescaleSlope) * by_hand
            assert volume.array[k] == pytest.approx(wanted, rel=1e-5, abs=1e-7)
    assert len({float(ref.geometry.slope) for stack in stacks for ref in stack.frames}) > 3

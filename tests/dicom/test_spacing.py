"""Where millimetres come from, and when they are stale; the regions of an ultrasound image."""

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.detector import BINNED, RESIZED
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.spacing import (
    CORRECTED_SOMEHOW,
    DETECTOR,
    ESTIMATED,
    FILM,
    PATIENT,
    PIXELS,
    STATED,
    spacing_of,
)
from workstation.dicom.ultrasound import ACROSS, OUTSIDE, OVERLAPPING, UltrasoundRegion, region_of

SC = "1.2.840.10008.5.1.4.1.1.7"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def image(modality: str, sop_class: str = DX, **values: object) -> Instance:
    """What the parser makes of a real header: 200 rows of 100 columns."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, "2.25.81", modality
    ds.Rows, ds.Columns = 200, 100
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(200 * 100)
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = sop_class, "2.25.81"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return parse_instance(buffer.getvalue())


@pytest.mark.parametrize(
    ("modality", "sop_class", "values", "source"),
    [
        ("DX", DX, {"PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.15, 0.15]}, DETECTOR),
        ("DX", DX, {"PixelSpacing": [0.12, 0.12], "ImagerPixelSpacing": [0.15, 0.15]}, CORRECTED_SOMEHOW),
        ("XA", DX, {"ImagerPixelSpacing": [0.3, 0.3], "EstimatedRadiographicMagnificationFactor": 1.5}, ESTIMATED),
        ("CR", DX, {"NominalScannedPixelSpacing": [0.1, 0.1]}, FILM),
        ("CT", "1.2.840.10008.5.1.4.1.1.2", {"PixelSpacing": [0.7, 0.7]}, PATIENT),
        ("OT", "1.2.840.10008.5.1.4.1.1.2", {"PixelSpacing": [0.7, 0.7]}, STATED),
        ("ES", "1.2.840.10008.5.1.4.1.1.77.1.1", {"PixelSpacing": [0.7, 0.7]}, PIXELS),
        ("XC", "1.2.840.10008.5.1.4.1.1.77.1.4", {"PixelSpacing": [0.7, 0.7]}, PIXELS),
        ("OT", SC, {"PixelSpacing": [0.7, 0.7]}, PIXELS),
        ("US", "1.2.840.10008.5.1.4.1.1.6.1", {"PixelSpacing": [0.7, 0.7]}, PIXELS),
    ],
)
def test_each_kind_of_image_says_where_its_millimetres_come_from(
    modality: str, sop_class: str, values: dict[str, object], source: str
) -> None:
    assert spacing_of(image(modality, sop_class, **values)).source == source


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        # elements of 0.1 mm, binned two by two: as it should be
        ({"ImagerPixelSpacing": [0.2, 0.2], "DetectorElementSpacing": [0.1, 0.1]}, ""),
        ({"ImagerPixelSpacing": [0.2, 0.2], "DetectorElementSpacing": [0.1, 0.1], "DetectorBinning": [2, 2]}, ""),
        # a spacing that no whole number of elements makes, and one that denies the binning
        ({"ImagerPixelSpacing": [0.15, 0.15], "DetectorElementSpacing": [0.1, 0.1]}, BINNED),
        ({"ImagerPixelSpacing": [0.1, 0.1], "DetectorElementSpacing": [0.1, 0.1], "DetectorBinning": [2, 2]}, BINNED),
        # 200 by 100 pixels of 0.2 mm: a field of 40 by 20 mm, also when the image was turned
        ({"ImagerPixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [40, 20]}, ""),
        ({"ImagerPixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [20, 40]}, ""),
        # reduced to half its size with the old spacing kept, and cropped
        ({"ImagerPixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [80, 40]}, RESIZED),
        ({"ImagerPixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [40, 30]}, RESIZED),
        ({"PixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [80, 40]}, RESIZED),
        # a round field says nothing about rows and columns
        ({"ImagerPixelSpacing": [0.2, 0.2], "FieldOfViewDimensions": [80, 80], "FieldOfViewShape": "ROUND"}, ""),
    ],
)
def test_a_spacing_left_over_from_before_binning_or_export_is_doubted(values: dict[str, object], doubt: str) -> None:
    assert spacing_of(image("DX", **values)).doubt == doubt


def test_a_real_mammogram_whose_spacing_is_not_that_of_its_detector_is_doubted(shared_data: Path) -> None:
    (file,) = (shared_data / "mg").glob("*.dcm")
    ds = pydicom.dcmread(file, stop_before_pixels=True)
    # it gives 0.094 mm as the spacing at a detector whose elements are 0.1 mm
    assert (round(ds.ImagerPixelSpacing[0], 3), ds.DetectorElementSpacing[0]) == (0.094, 0.1)
    assert spacing_of(parse_instance(file.read_bytes())).doubt == BINNED


TISSUE = UltrasoundRegion(10, 10, 59, 109, 3, 3, 0.02, 0.02)
BESIDE = UltrasoundRegion(60, 10, 99, 109, 3, 3, 0.02, 0.02)
DOPPLER = UltrasoundRegion(10, 120, 99, 189, 4, 7, 0.01, 1.0)
INSET = UltrasoundRegion(30, 30, 49, 49, 3, 3, 0.05, 0.05)


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([(10, 10), (59, 109)], (TISSUE, "")),
        ([(9.6, 9.6), (59.4, 109.4)], (TISSUE, "")),
        # two regions of one scale that touch are two pictures all the same
        ([(59, 50), (60, 50)], (None, ACROSS)),
        ([(20, 100), (20, 130)], (None, ACROSS)),
        ([(20, 100), (20, 115)], (None, OUTSIDE)),
        ([(5, 5), (6, 6)], (None, OUTSIDE)),
        ([(20, 130), (80, 180)], (DOPPLER, "")),
    ],
)
def test_points_belong_to_the_one_region_that_holds_them_all(
    points: list[tuple[float, float]], found: tuple[UltrasoundRegion | None, str]
) -> None:
    assert region_of((TISSUE, BESIDE, DOPPLER), points) == found


def test_where_regions_of_different_scale_overlap_nothing_is_guessed() -> None:
    assert region_of((TISSUE, INSET), [(35, 35), (40, 40)]) == (None, OVERLAPPING)
    assert region_of((TISSUE, INSET), [(15, 35), (40, 40)])[0] == TISSUE

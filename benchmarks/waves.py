"""A CT whose value at each point of the patient is a formula, so that any picture of it can be checked.

The formula changes quickly enough along each axis that a picture of the neighbouring slice is told apart, and slowly
enough that interpolation doesn't change it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.content import Patient

ROOT = "1.2.826.0.1.3680043.10.1337"
STUDY, SERIES, FRAME_OF_REFERENCE = f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.2"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PATIENT = Patient("Waves^Many", "W-1", birth_date="19700101", sex="O")
PIXEL_MM, STEP_MM = 0.7, 1.0


def value_at(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """HU at LPS points, shape (…, 3)."""
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    # each wave runs aslant, so that along any axis the whole pattern moves
    waves: NDArray[np.float64] = 40 + 45 * (
        np.sin((x + 2 * y) / 16) + np.sin((y + 2 * z) / 14) + np.sin((z + 2 * x) / 12)
    )
    return waves


@dataclass(frozen=True)
class WaveSeries:
    """Files of one series, in slice order, and where its voxels stand."""

    files: tuple[Path, ...]
    side: int

    @property
    def corner(self) -> NDArray[np.float64]:
        """The centre of the first voxel."""
        half = (self.side - 1) / 2 * PIXEL_MM
        return np.array([-half, -half, -len(self.files) / 2 * STEP_MM])

    @property
    def size(self) -> int:
        """Bytes of the Part 10 files."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def voxel_bytes(self) -> int:
        return len(self.files) * self.side * self.side * 2


def write_series(folder: Path, slices: int, side: int) -> WaveSeries:
    """Explicit little endian CT files, by pydicom."""
    files = tuple(folder / f"{number:04d}.dcm" for number in range(slices))
    series = WaveSeries(files, side)
    corner = series.corner
    across = corner[0] + np.arange(side) * PIXEL_MM
    flat = np.zeros((side, side, 3))
    flat[..., 0], flat[..., 1] = across[None, :], across[:, None]
    for number, file in enumerate(files):
        flat[..., 2] = corner[2] + number * STEP_MM
        _header(number, (corner[0], corner[1], flat[0, 0, 2]), np.rint(value_at(flat) + 1024).astype("<u2")).save_as(
            file, enforce_file_format=True
        )
    return series


def _header(number: int, position: tuple[float, float, float], stored: NDArray[np.uint16]) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = CT_IMAGE, f"{SERIES}.{number + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID = STUDY, SERIES
    image.FrameOfReferenceUID = FRAME_OF_REFERENCE
    image.SpecificCharacterSet = "ISO_IR 192"
    image.PatientName, image.PatientID = PATIENT.name, PATIENT.patient_id
    image.PatientBirthDate, image.PatientSex = PATIENT.birth_date, PATIENT.sex
    image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20260105", "101500", "1", "A-1"
    image.StudyDescription, image.SeriesDescription, image.ReferringPhysicianName = "Chest", "Waves 1 mm", ""
    image.Modality, image.BodyPartExamined, image.Manufacturer = "CT", "CHEST", "Benchmarks"
    image.SeriesNumber, image.InstanceNumber, image.AcquisitionNumber = 1, number + 1, 1
    image.ImageType, image.PatientPosition, image.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS", 120
    image.PositionReferenceIndicator = ""
    image.ImagePositionPatient = [f"{value:.6g}" for value in position]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [PIXEL_MM, PIXEL_MM], STEP_MM
    image.Rows, image.Columns = stored.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = -1024, 1, "HU"
    image.WindowCenter, image.WindowWidth = 40, 400
    image.PixelData = stored.tobytes()
    return image

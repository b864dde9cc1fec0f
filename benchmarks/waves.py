"""A CT whose value at each point of the patient is a formula, so that any picture of it can be checked.

The formula changes quickly enough along each axis that a picture of the neighbouring slice is told apart, and slowly
enough that interpolation doesn't change it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
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


def write_series(
    folder: Path,
    slices: int,
    side: int,
    *,
    syntax: str = ExplicitVRLittleEndian,
    encode: Callable[[NDArray[np.uint16]], bytes] | None = None,
    different: int | None = None,
) -> WaveSeries:
    """CT files by pydicom: explicit little endian, or of another transfer syntax whose codec is `encode`.

    With `different` only so many of the images are made, and then come again and again.
    """
    files = tuple(folder / f"{number:04d}.dcm" for number in range(slices))
    series = WaveSeries(files, side)
    corner = series.corner
    made: dict[int, tuple[NDArray[np.uint16], bytes]] = {}
    for number, file in enumerate(files):
        at = number % (different or slices)
        if at not in made:
            stored = stored_slice(series, at)
            # a noise of some units, which every detector has, or nothing would be left to code
            if encode is not None:
                stored += np.random.default_rng(at).integers(0, 16, stored.shape, np.uint16)
            made[at] = stored, stored.tobytes() if encode is None else encapsulate([encode(stored)])
        stored, data = made[at] if different else made.pop(at)
        image = _header(number, (corner[0], corner[1], corner[2] + number * STEP_MM), stored, syntax)
        image.PixelData = data
        image["PixelData"].VR = "OW" if encode is None else "OB"
        image["PixelData"].is_undefined_length = encode is not None
        image.save_as(file, enforce_file_format=True)
    return series


def stored_slice(series: WaveSeries, number: int) -> NDArray[np.uint16]:
    """The stored values of an image, without noise."""
    corner = series.corner
    across = corner[0] + np.arange(series.side) * PIXEL_MM
    flat = np.zeros((series.side, series.side, 3))
    flat[..., 0], flat[..., 1], flat[..., 2] = across[None, :], across[:, None], corner[2] + number * STEP_MM
    return np.rint(value_at(flat) + 1024).astype("<u2")


def _header(number: int, position: tuple[float, float, float], stored: NDArray[np.uint16], syntax: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
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
    return image

"""Small images of known content for tests of `render`, made with pydicom, and a PNG reader that is not ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid


def ct(stored: NDArray[Any], **values: Any) -> Dataset:
    """A CT slice of 16-bit stored values, shape (rows, columns); keywords overwrite attributes."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID = "Смирнова^Ольга", "77-1"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.FrameOfReferenceUID = generate_uid()
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], 1.0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelData = stored.astype("<u2").tobytes()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def enhanced_mr(stored: NDArray[Any], slopes: list[float], intercepts: list[float]) -> Dataset:
    """An enhanced MR object, shape (frames, rows, columns), whose frames have a slope and a place each."""
    ds = ct(stored[0], SOPClassUID=EnhancedMRImageStorage, Modality="MR", NumberOfFrames=len(stored))
    for keyword in ("RescaleSlope", "RescaleIntercept", "ImagePositionPatient", "ImageOrientationPatient"):
        delattr(ds, keyword)
    del ds.PixelSpacing
    shared, frames = Dataset(), []
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1.0, 1.0], 2.0
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    for number, (slope, intercept) in enumerate(zip(slopes, intercepts, strict=True)):
        frame, transform, place = Dataset(), Dataset(), Dataset()
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = slope, intercept, "US"
        place.ImagePositionPatient = [0, 0, 2.0 * number]
        frame.PixelValueTransformationSequence, frame.PlanePositionSequence = [transform], [place]
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], frames
    ds.PixelData = stored.astype("<u2").tobytes()
    return ds


def saved(ds: Dataset, path: Path) -> Path:
    """The data set as a file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def ramp_series(
    folder: Path, *, value_per_mm: tuple[float, float, float] = (3, 5, 7), heights: Sequence[float] = ()
) -> list[Path]:
    """A CT of 24 slices of 20 × 16 pixels whose HU are a linear function of the place: any plane must show it.

    Pixels are 0.8 mm (between rows) by 0.5 mm (between columns), slices 1.5 mm apart, from (−10, 4, 30) on, or at
    `heights` along z.
    """
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    made = []
    for k, z in enumerate(heights or [30 + 1.5 * k for k in range(24)]):
        y, x = 4 + 0.8 * np.arange(20)[:, None], -10 + 0.5 * np.arange(16)[None, :]
        hu = value_per_mm[0] * x + value_per_mm[1] * y + value_per_mm[2] * z
        ds = ct(
            np.round(hu * 10),
            BitsStored=16,
            HighBit=15,
            RescaleSlope="0.1",
            RescaleIntercept=0,
            PixelSpacing=[0.8, 0.5],
            ImagePositionPatient=[-10, 4, z],
            InstanceNumber=k + 1,
            StudyInstanceUID=study,
            SeriesInstanceUID=series,
            FrameOfReferenceUID=frame,
        )
        made.append(saved(ds, folder / f"{k:02d}.dcm"))
    return made


def png_pixels(path: Path) -> NDArray[np.uint8]:
    """A PNG file by libpng."""
    import imagecodecs

    pixels: NDArray[np.uint8] = imagecodecs.png_decode(path.read_bytes())
    return pixels

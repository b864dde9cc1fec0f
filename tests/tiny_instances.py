"""Tiny DICOM instances for tests of transport, made with pydicom; their pixels mean nothing."""

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def ct_series(
    count: int,
    *,
    study_uid: str | None = None,
    series_uid: str | None = None,
    patient_id: str = "77-1",
    patient_name: str = "Смирнова^Ольга",
    issuer: str = "LPU-7",
    study_date: str = "20260110",
    description: str = "КТ органов грудной клетки",
    side: int = 16,
) -> list[bytes]:
    """Part 10 bytes of an axial CT series of `count` slices, 1 mm apart."""
    study_uid = study_uid or generate_uid()
    series_uid = series_uid or generate_uid()
    frame_of_reference = generate_uid()
    made = []
    for number in range(1, count + 1):
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SOPClassUID = CTImageStorage
        ds.SOPInstanceUID = generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
        ds.FrameOfReferenceUID = frame_of_reference
        ds.PatientID, ds.PatientName, ds.IssuerOfPatientID = patient_id, patient_name, issuer
        ds.PatientBirthDate, ds.PatientSex = "19700115", "F"
        ds.StudyDate, ds.StudyTime, ds.StudyID = study_date, "101500", "1"
        ds.AccessionNumber, ds.StudyDescription = "A-1", description
        ds.ReferringPhysicianName = ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 2, number
        ds.SeriesDescription, ds.BodyPartExamined = "1 mm", "CHEST"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, float(number)], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], 1.0
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.Rows = ds.Columns = side
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.PixelData = np.full((side, side), 1000 + number, np.uint16).tobytes()
        made.append(part10(ds))
    return made


def part10(ds: Dataset) -> bytes:
    """The data set as a file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()

"""The attributes that all phantoms' objects share: patient, study, series, equipment, image (PS3.3 C.7)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.demo.phantoms.model import Visit, uid

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"
DX_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"


def decimal(value: float) -> str:
    """A DS of at most 16 characters (PS3.5 6.2)."""
    for digits in range(9, -1, -1):
        text = f"{value:.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if len(text) <= 16:
            return "0" if text in ("-0", "") else text
    raise ValueError(f"no DS for {value}")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def codes(*items: Dataset) -> Sequence:
    return Sequence(list(items))


def common(visit: Visit, sop_class: str, series: int, description: str, instance: int) -> Dataset:
    """A new object of the visit with everything but its picture."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid(visit.key, "instance", series, instance)
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = visit.date
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = visit.time
    ds.TimezoneOffsetFromUTC = "+0300"
    ds.AccessionNumber = visit.accession
    ds.Modality = visit.modality
    ds.Manufacturer = visit.hospital.manufacturer
    ds.InstitutionName = visit.hospital.name
    ds.ReferringPhysicianName = visit.referring
    ds.StationName = visit.hospital.station
    ds.StudyDescription = visit.description
    ds.SeriesDescription = description
    ds.ManufacturerModelName = visit.hospital.machine
    ds.PatientName = visit.patient.name
    ds.PatientID = visit.patient.patient_id
    ds.IssuerOfPatientID = visit.patient.issuer
    ds.PatientBirthDate = visit.patient.birth_date
    ds.PatientSex = visit.patient.sex
    ds.PatientAge = f"{_age(visit.patient.birth_date, visit.date):03d}Y"
    ds.PatientSize = decimal(visit.size_m)
    ds.PatientWeight = decimal(visit.weight_kg)
    if visit.patient.sex == "F":
        ds.PregnancyStatus = 4
    ds.BodyPartExamined = visit.region
    ds.DeviceSerialNumber = visit.hospital.serial
    ds.SoftwareVersions = "1"
    ds.ProtocolName = visit.protocol
    ds.StudyInstanceUID = visit.study_uid
    ds.SeriesInstanceUID = uid(visit.key, "series", series)
    ds.StudyID = visit.accession[-8:]
    ds.SeriesNumber = series
    ds.AcquisitionNumber = 1
    ds.InstanceNumber = instance
    return ds


def image(ds: Dataset, shape: tuple[int, int], bits: int, photometric: str) -> None:
    """The Image Pixel module (C.7.6.3) of an unsigned grey frame."""
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = photometric
    ds.Rows, ds.Columns = shape
    ds.BitsAllocated = 16
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"


def window(ds: Dataset, *windows: tuple[float, float, str]) -> None:
    """The VOI LUT module's windows (C.11.2): centre, width, explanation."""
    ds.WindowCenter = [decimal(w[0]) for w in windows]
    ds.WindowWidth = [decimal(w[1]) for w in windows]
    ds.WindowCenterWidthExplanation = [w[2] for w in windows]


def _age(birth: str, date: str) -> int:
    return int(date[:4]) - int(birth[:4]) - (date[4:] < birth[4:])

"""The object that `doctor --store` leaves on a server: whoever finds it sees that it is a test and may be deleted.

A secondary capture of 8 × 8 pixels, marked in every place that a list shows and by Quality Control Image (0028,0300).
"""

import io
from datetime import datetime

from workstation.dicom.uids import new_uid
from workstation.iris.service_checks import TrialObject

_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
PATIENT_ID = "IRIS-DOCTOR"
REMARK = "CONNECTION TEST, MAY BE DELETED"


def trial_object() -> TrialObject:
    """A new one, with UIDs of its own."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import UID

    now = datetime.now().astimezone()
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = _SECONDARY_CAPTURE, new_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = new_uid(), new_uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "TEST^DOCTOR", PATIENT_ID, "", ""
    ds.StudyDate = ds.ContentDate = f"{now:%Y%m%d}"
    ds.StudyTime = ds.ContentTime = f"{now:%H%M%S}"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "", "", ""
    ds.StudyDescription = ds.SeriesDescription = ds.ImageComments = REMARK
    ds.Modality, ds.ConversionType, ds.SeriesNumber, ds.InstanceNumber = "OT", "SYN", 1, 1
    ds.PatientOrientation, ds.Laterality, ds.QualityControlImage, ds.BurnedInAnnotation = "", "", "YES", "NO"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 8, 8, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(range(0, 256, 4))
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    stream = io.BytesIO()
    dcmwrite(stream, ds, enforce_file_format=True)
    return TrialObject(ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID, stream.getvalue())

"""Other numbers of the patient in an object, as pydicom writes them."""

import io

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.other_ids import other_patient_ids


def test_other_numbers_are_read_with_their_issuers() -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    items = []
    for number, issuer in (("OLD-5", "LPU-7"), ("X-1", ""), ("", "LPU-7")):
        item = Dataset()
        item.PatientID = number
        if issuer:
            item.IssuerOfPatientID = issuer
        items.append(item)
    dataset.OtherPatientIDsSequence = items
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    assert other_patient_ids(written.getvalue()) == (("OLD-5", "LPU-7"), ("X-1", ""))


def test_an_object_without_them_or_that_is_none_has_none() -> None:
    assert other_patient_ids(b"nothing") == ()

"""What every document of a package shares: patient, study, series, equipment, references, and the way to bytes.

Values copied from the images are written as they are, even where they break their VR: a document must name the patient
exactly as the images do. Our own values are strict.
"""

import io
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from workstation.dicom.concepts import PRIVATE_SCHEME
from workstation.dicom.content import Code, Conclusion, ImageReference
from workstation.dicom.uids import (
    COMPREHENSIVE_3D_SR,
    ENCAPSULATED_PDF,
    ENHANCED_SR,
    GRAYSCALE_PRESENTATION_STATE,
    KEY_OBJECT_SELECTION,
)

MANUFACTURER = "IRIS Workstation"
# our own, made once from a random UUID: which program wrote the file
IMPLEMENTATION_CLASS_UID = "2.25.86316406216250893925104718237714283019"
_PATTERNS = {"DA": re.compile(r"\d{8}"), "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")}


def put(dataset: Dataset, keyword: str, value: str) -> None:
    """Set an element to a value of the images, unvalidated; a date or time that is none becomes empty."""
    vr = dictionary_VR(keyword)
    if vr in _PATTERNS and not _PATTERNS[vr].fullmatch(value):
        value = ""
    dataset[keyword] = DataElement(tag_for_keyword(keyword) or 0, vr, value, validation_mode=config.IGNORE)


def code_item(code: Code) -> Dataset:
    """The item of a code sequence (PS3.3 8.8); its meaning by `short_meaning`."""
    item = Dataset()
    if len(code.value) > 16:
        item.LongCodeValue = code.value
    else:
        item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = short_meaning(code)
    return item


def short_meaning(code: Code) -> str:
    """The code's meaning if it fits, else the standard's own in English, else as much of it as fits.

    LO holds 64 characters, but programs are about that count bytes of UTF-8 (dciodvfy does), so 64 bytes it is.
    """
    if len(code.meaning.encode()) <= 64:
        return code.meaning
    return _standard_meanings(code.scheme).get(code.value) or clip(code.meaning)


def clip(value: str, size: int = 64) -> str:
    """As much of a text of ours as fits into `size` bytes of UTF-8, whole characters only."""
    return value.encode()[:size].decode(errors="ignore").rstrip()


def referenced_sop(reference: ImageReference, *, frames: bool = True) -> Dataset:
    """The item of a Referenced SOP Sequence."""
    item = Dataset()
    put(item, "ReferencedSOPClassUID", reference.sop_class_uid)
    put(item, "ReferencedSOPInstanceUID", reference.sop_instance_uid)
    if frames and reference.frame is not None:
        item.ReferencedFrameNumber = reference.frame
    return item


def hierarchy(references: Iterable[ImageReference]) -> list[Dataset]:
    """The references as studies → series → instances (PS3.3 C.17.2.1), each instance once, in order of appearance."""
    studies: dict[str, dict[str, dict[str, ImageReference]]] = {}
    for reference in references:
        series = studies.setdefault(reference.study_uid, {}).setdefault(reference.series_uid, {})
        series.setdefault(reference.sop_instance_uid, reference)
    items = []
    for study_uid, by_series in studies.items():
        study = Dataset()
        put(study, "StudyInstanceUID", study_uid)
        study.ReferencedSeriesSequence = []
        for series_uid, instances in by_series.items():
            one = Dataset()
            put(one, "SeriesInstanceUID", series_uid)
            one.ReferencedSOPSequence = [referenced_sop(reference, frames=False) for reference in instances.values()]
            study.ReferencedSeriesSequence.append(one)
        items.append(study)
    return items


def put_evidence(dataset: Dataset, conclusion: Conclusion, references: Iterable[ImageReference]) -> None:
    """What the document rests on: own study to Current Requested Procedure Evidence, others to Pertinent Other."""
    listed = list(references)
    own = [reference for reference in listed if reference.study_uid == conclusion.study.study_uid]
    other = [reference for reference in listed if reference.study_uid != conclusion.study.study_uid]
    if own:
        dataset.CurrentRequestedProcedureEvidenceSequence = hierarchy(own)
    if other:
        dataset.PertinentOtherEvidenceSequence = hierarchy(other)


def shown_key_images(conclusion: Conclusion) -> tuple[ImageReference, ...]:
    """The key images a Key Object Selection of this study may name: those of the study itself.

    One that names another study would have to be duplicated into it (PS3.3 C.17.6.2.1), and a reader has no business
    writing into a prior; key images of priors stand in the conclusion and the PDF.
    """
    own = (key.image for key in conclusion.key_images if key.image.study_uid == conclusion.study.study_uid)
    return tuple(dict.fromkeys(own))


def read_in_study(conclusion: Conclusion) -> tuple[ImageReference, ...]:
    """Every composite of the study itself that was read; those of other studies no key object document of this one
    may name (PS3.3 C.17.6.2.1)."""
    own = (reference for reference in conclusion.evidence if reference.study_uid == conclusion.study.study_uid)
    return tuple(dict.fromkeys(own))


def companions(conclusion: Conclusion, *, manifest: bool = False) -> tuple[ImageReference, ...]:
    """The documents that go with the conclusion, in package order: key images, presentation states, measurements, PDF,
    manifest."""
    uids, study = conclusion.uids, conclusion.study.study_uid
    listed = []
    if shown_key_images(conclusion):
        listed.append(ImageReference(study, uids.key_images_series, KEY_OBJECT_SELECTION, uids.key_images))
    for uid in uids.presentations:
        listed.append(ImageReference(study, uids.presentations_series, GRAYSCALE_PRESENTATION_STATE, uid))
    if conclusion.measurements:
        listed.append(ImageReference(study, uids.measurements_series, COMPREHENSIVE_3D_SR, uids.measurements))
    listed.append(ImageReference(study, uids.pdf_series, ENCAPSULATED_PDF, uids.pdf))
    if manifest:
        listed.append(ImageReference(study, uids.manifest_series, KEY_OBJECT_SELECTION, uids.manifest))
    return tuple(listed)


def conclusion_reference(conclusion: Conclusion) -> ImageReference:
    """The conclusion itself, as others refer to it."""
    uids = conclusion.uids
    return ImageReference(conclusion.study.study_uid, uids.conclusion_series, ENHANCED_SR, uids.conclusion)


def date_time(moment: datetime) -> str:
    """A DT with its offset, to the second."""
    return moment.strftime("%Y%m%d%H%M%S%z")


def document(
    conclusion: Conclusion, *, sop_class_uid: str, uid: str, series_uid: str, modality: str, series: tuple[int, str]
) -> Dataset:
    """A data set with the modules all our documents have; `series` is the series number and description."""
    patient, study, moment = conclusion.patient, conclusion.study, conclusion.observed_at
    if moment.tzinfo is None:
        raise ValueError("observed_at needs a timezone")
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.TimezoneOffsetFromUTC = moment.strftime("%z")
    for keyword, value in (
        ("PatientName", patient.name),
        ("PatientID", patient.patient_id),
        ("PatientBirthDate", patient.birth_date),
        ("PatientSex", patient.sex),
        ("StudyInstanceUID", study.study_uid),
        ("StudyDate", study.study_date),
        ("StudyTime", study.study_time),
        ("StudyID", study.study_id),
        ("AccessionNumber", study.accession),
        ("ReferringPhysicianName", study.referring_physician),
    ):
        put(ds, keyword, value)
    for keyword, value in (("IssuerOfPatientID", patient.issuer), ("StudyDescription", study.description)):
        if value:
            put(ds, keyword, value)
    ds.Modality = modality
    ds.SeriesInstanceUID = series_uid
    ds.SeriesNumber, ds.SeriesDescription = series
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = MANUFACTURER
    ds.SoftwareVersions = _version()
    ds.DeviceSerialNumber = "1"
    put(ds, "InstitutionName", clip(conclusion.observer.organisation))
    if conclusion.station_name:
        ds.StationName = clip(conclusion.station_name, 16)
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = uid
    ds.InstanceNumber = 1
    ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = moment.strftime("%Y%m%d")
    ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = moment.strftime("%H%M%S")
    return ds


def put_request(ds: Dataset, conclusion: Conclusion) -> None:
    """The request that is answered (PS3.3 C.17.2, Referenced Request Sequence)."""
    order = conclusion.order
    item = Dataset()
    for keyword, value in (
        ("StudyInstanceUID", conclusion.study.study_uid),
        ("AccessionNumber", conclusion.study.accession),
        ("PlacerOrderNumberImagingServiceRequest", order.placer_order),
        ("FillerOrderNumberImagingServiceRequest", order.filler_order),
        ("RequestedProcedureID", order.procedure_id),
        ("RequestedProcedureDescription", order.procedure_description),
    ):
        put(item, keyword, value)
    if order.reason:
        put(item, "ReasonForTheRequestedProcedure", order.reason)
    item.ReferencedStudySequence = []
    item.RequestedProcedureCodeSequence = []
    ds.ReferencedRequestSequence = [item]
    ds.ReferencedPerformedProcedureStepSequence = []


def put_verified(ds: Dataset, conclusion: Conclusion) -> None:
    """SR Document General (PS3.3 C.17.2): complete, final, written and verified by the observer."""
    observer = conclusion.observer
    ds.CompletionFlag = "COMPLETE"
    ds.VerificationFlag = "VERIFIED"
    ds.PreliminaryFlag = "FINAL"
    verifier = Dataset()
    put(verifier, "VerifyingObserverName", observer.name)
    put(verifier, "VerifyingOrganization", clip(observer.organisation))
    verifier.VerificationDateTime = date_time(conclusion.observed_at)
    verifier.VerifyingObserverIdentificationCodeSequence = [code_item(observer.code)]
    ds.VerifyingObserverSequence = [verifier]
    author = Dataset()
    author.ObserverType = "PSN"
    put(author, "PersonName", observer.name)
    author.PersonIdentificationCodeSequence = [code_item(observer.code)]
    put(author, "InstitutionName", clip(observer.organisation))
    author.InstitutionCodeSequence = []
    ds.AuthorObserverSequence = [author]
    ds.PerformedProcedureCodeSequence = []
    put_request(ds, conclusion)


def put_private_scheme(ds: Dataset) -> None:
    """Names the coding scheme of our own concepts (SOP Common)."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeName = "IRIS Workstation concepts"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    ds.CodingSchemeIdentificationSequence = [item]


def encode(ds: Dataset) -> bytes:
    """The document as Part 10 bytes, Explicit VR Little Endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = "IRISWS"
    ds.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


@cache
def _standard_meanings(scheme: str) -> dict[str, str]:
    """Code value → meaning of one coding scheme, as PS3.16 has them."""
    from pydicom.sr._concepts_dict import concepts

    known: Any = concepts.get(scheme, {})
    return {value: named[0] for by_value in known.values() for value, named in by_value.items()}


def _version() -> str:
    try:
        return version("iris-workstation")
    except PackageNotFoundError:
        return "unknown"

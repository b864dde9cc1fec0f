"""Reports of other hospitals for the demonstration: first reports as SR and PDF, old reports as Basic Text SR."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from workstation.demo.phantoms.model import PhantomStudy
from workstation.dicom import concepts
from workstation.dicom.content import (
    Code,
    Conclusion,
    DocumentUids,
    ImageReference,
    Observer,
    Order,
    Section,
    Statement,
)
from workstation.dicom.pdf import write_pdf
from workstation.dicom.sr import write_conclusion
from workstation.resources import resource

BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
_NAMESPACE = uuid.UUID("a3a8a3b4-6d5f-4b5e-8f0c-3b8d5a8e6d11")

TITLES = {
    "CT": Code("24627-2", "LN", "КТ органов грудной клетки"),
    "CR": Code("30745-4", "LN", "Флюорография лёгких"),
}
RADIOGRAPH = Code("30745-4", "LN", "Рентгенография грудной клетки")


@dataclass(frozen=True)
class ReportWords:
    """What a report says: findings and impression, by whom."""

    author: str
    findings: tuple[str, ...]
    impression: tuple[str, ...]
    recommendation: str = ""


def demo_uid(*parts: str) -> str:
    """A UID under 2.25 that is the same for the same parts: preparing twice makes nothing twice."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(parts)).int}"


def title_of(modality: str) -> Code:
    """The document title of a chest report (CID 7000)."""
    return TITLES.get(modality, RADIOGRAPH)


def first_report(
    study: PhantomStudy, order: Order, words: ReportWords, evidence: Sequence[ImageReference], written: datetime
) -> tuple[bytes, bytes]:
    """The report to be judged by a second opinion: an SR by TID 2000 and its encapsulated PDF, as Part 10 bytes."""
    uids = DocumentUids(
        *(
            demo_uid(study.study_uid, "first report", part)
            for part in ("sr", "sr series", "sr3d", "sr3d series", "ko", "ko series", "pdf", "pdf series")
        )
    )
    conclusion = Conclusion(
        uids=uids,
        patient=study.patient,
        study=study.header,
        order=order,
        title=title_of(study.modality),
        language="ru",
        observer=Observer(
            words.author, study.visit.hospital.name, Code(_number(words.author), "99HOSP", "врач-рентгенолог")
        ),
        observed_at=written,
        sections=_sections(words),
        measurements=(),
        key_images=(),
        evidence=tuple(evidence),
        station_name="RIS",
    )
    page = pdf_page(
        f"{study.visit.hospital.name}\n{conclusion.title.meaning}",
        (
            ("Пациент", f"{_plain_name(study.patient.name)}, {_day(study.patient.birth_date)} г. р."),
            ("Дата исследования", _day(study.date)),
            ("Описание", "\n".join(words.findings)),
            ("Заключение", "\n".join(words.impression)),
            *((("Рекомендации", words.recommendation),) if words.recommendation else ()),
            ("Врач-рентгенолог", _plain_name(words.author)),
        ),
    )
    return write_conclusion(conclusion), write_pdf(conclusion, page)


def old_report(study: PhantomStudy, words: ReportWords) -> bytes:
    """The report of a prior study, a Basic Text SR (PS3.3 A.35.1) as older systems write them, as Part 10 bytes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(BASIC_TEXT_SR)
    meta.MediaStorageSOPInstanceUID = UID(demo_uid(study.study_uid, "old report", "sr"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    report.SpecificCharacterSet = "ISO_IR 192"
    report.SOPClassUID = BASIC_TEXT_SR
    report.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    report.StudyInstanceUID = study.study_uid
    report.SeriesInstanceUID = demo_uid(study.study_uid, "old report", "series")
    patient, header = study.patient, study.header
    report.PatientName, report.PatientID, report.IssuerOfPatientID = patient.name, patient.patient_id, patient.issuer
    report.PatientBirthDate, report.PatientSex = patient.birth_date, patient.sex
    report.StudyDate, report.StudyTime, report.StudyID = header.study_date, header.study_time, header.study_id
    report.AccessionNumber, report.StudyDescription = header.accession, header.description
    report.ReferringPhysicianName = header.referring_physician
    report.Modality, report.SeriesNumber, report.SeriesDescription = "SR", 900, "Протокол описания"
    report.SeriesDate = report.ContentDate = header.study_date
    report.SeriesTime = report.ContentTime = header.study_time or "120000"
    report.InstanceNumber = 1
    report.Manufacturer = "RIS"
    report.InstitutionName = study.visit.hospital.name
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "VERIFIED"
    verifier = Dataset()
    verifier.VerifyingObserverName = words.author
    verifier.VerifyingOrganization = study.visit.hospital.name
    verifier.VerificationDateTime = header.study_date + (header.study_time or "120000")[:6]
    verifier.VerifyingObserverIdentificationCodeSequence = []
    report.VerifyingObserverSequence = [verifier]
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = [_code(title_of(study.modality))]
    report.ContentSequence = [_container(section) for section in _sections(words)]
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, report, enforce_file_format=True)
    return stream.getvalue()


def pdf_page(title: str, sections: Sequence[tuple[str, str]]) -> bytes:
    """A plain A4 report with Cyrillic text: headings and paragraphs."""
    from xml.sax.saxutils import escape

    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    for name in ("PTSans-Regular", "PTSans-Bold"):
        pdfmetrics.registerFont(TTFont(name, str(resource("fonts", f"{name}.ttf"))))
    body = ParagraphStyle("body", fontName="PTSans-Regular", fontSize=10.5, leading=15)
    head = ParagraphStyle("head", fontName="PTSans-Bold", fontSize=10.5, leading=15, spaceBefore=8)
    top = ParagraphStyle("top", fontName="PTSans-Bold", fontSize=13, leading=18, alignment=1, spaceAfter=10)
    story = [Paragraph(escape(line), top) for line in title.split("\n")]
    for heading, text in sections:
        story.append(Paragraph(escape(heading), head))
        story += [Paragraph(escape(line), body) for line in text.split("\n")]
    stream = io.BytesIO()
    SimpleDocTemplate(
        stream, pagesize=A4, leftMargin=22 * mm, rightMargin=18 * mm, topMargin=20 * mm, bottomMargin=20 * mm,
        title=title.split("\n")[-1], author="RIS",
    ).build(story)  # fmt: skip
    return stream.getvalue()


def _sections(words: ReportWords) -> tuple[Section, ...]:
    found = [
        Section(concepts.FINDINGS, "Описание", tuple(Statement(concepts.FINDING, text) for text in words.findings)),
        Section(
            concepts.IMPRESSIONS, "Заключение", tuple(Statement(concepts.IMPRESSION, text) for text in words.impression)
        ),
    ]
    if words.recommendation:
        advice = (Statement(concepts.RECOMMENDATION, words.recommendation),)
        found.append(Section(concepts.RECOMMENDATIONS, "Рекомендации", advice))
    return tuple(found)


def _container(section: Section) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    item.ConceptNameCodeSequence = [_code(replace(section.heading, meaning=section.title))]
    item.ContentSequence = []
    for statement in section.statements:
        line = Dataset()
        line.RelationshipType, line.ValueType = "CONTAINS", "TEXT"
        line.ConceptNameCodeSequence = [_code(statement.concept)]
        line.TextValue = statement.text
        item.ContentSequence.append(line)
    return item


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _number(name: str) -> str:
    """A doctor's number at the hospital: any, but always the same."""
    return f"{uuid.uuid5(_NAMESPACE, name).int % 10_000:04d}"


def _plain_name(name: str) -> str:
    return " ".join(part for part in name.split("^") if part)


def _day(date: str) -> str:
    return f"{date[6:8]}.{date[4:6]}.{date[:4]}" if len(date) == 8 else date

"""The package of a conclusion: what is shown before signing, and the signed objects in the order they are sent.

`prepare` freezes everything into plain values and makes every UID and the plain PDF; `sign` only encodes and signs
that. From then on bytes are carried, never made again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from workstation.archive.identity import alike
from workstation.archive.ledger import SeriesLedger
from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.presented import presented_images
from workstation.dicom.content import (
    Code,
    Conclusion,
    ImageReference,
    KeyImage,
    Measurement,
    Observer,
    Section,
    StudyHeader,
)
from workstation.dicom.rejections import in_sight
from workstation.dicom.uids import new_document_uids
from workstation.errors import FormIncomplete, IdentityUnusable, LinkDown, MalformedAnswer, ServerRefused, SignInNeeded
from workstation.language import _
from workstation.reporting.conclusion import build_conclusion
from workstation.reporting.form import Form
from workstation.reporting.pdf import render_pdf
from workstation.reporting.structure import Language, Template
from workstation.settings import Reader
from workstation.signing.identity import Identity
from workstation.signing.timestamps import Timestamps

DocumentKind = Literal["key_images", "presentation", "measurements", "pdf", "manifest", "conclusion"]

# modalities whose objects are documents, not pictures: they don't count among the images read
_DOCUMENTS = frozenset({"SR", "KO", "PR", "DOC", "REG", "SEG", "PLAN", "RTPLAN", "RTSTRUCT", "AU", "FID"})
_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "read": "Прочитано изображений: {received} из {expected}.",
        "uncounted": "Прочитано изображений: {received}; сколько их всего, сервер не сообщил.",
        "rejected": "Отозваны примечаниями архива и не входят в это число: {count}.",
        "undecodable": "Получены, но не читаются программой: {count}.",
        "lacking": "Неполные серии: {series}.",
        "series": "№ {number} – {received} из {expected}",
        "why": "Причина описания неполного исследования: {reason}.",
        "signature": "Заключение",
    },
    "en": {
        "read": "Images read: {received} of {expected}.",
        "uncounted": "Images read: {received}; the server didn't say how many there are.",
        "rejected": "Withdrawn by rejection notes and not among these: {count}.",
        "undecodable": "Received, but the program can't read them: {count}.",
        "lacking": "Series not whole: {series}.",
        "series": "no. {number} – {received} of {expected}",
        "why": "Reason for reading an incomplete study: {reason}.",
        "signature": "Conclusion",
    },
}


@dataclass(frozen=True)
class Prepared:
    """What is about to be signed: the values, and the PDF as it will be shown and then signed."""

    conclusion: Conclusion
    pdf: bytes = field(repr=False)


@dataclass(frozen=True)
class PackageObject:
    """One signed object, final bytes; `sha256` is their digest."""

    kind: DocumentKind
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    data: bytes = field(repr=False)
    sha256: bytes

    @property
    def reference(self) -> ImageReference:
        """The object as others refer to it."""
        return ImageReference(self.study_uid, self.series_uid, self.sop_class_uid, self.sop_instance_uid)


@dataclass(frozen=True)
class SignedPackage:
    """The objects in sending order, the conclusion last, so that its references resolve; `certificates` is PEM."""

    objects: tuple[PackageObject, ...]
    signer: str
    certificates: str


def prepare(
    case: CaseRow,
    contents: CaseContents,
    template: Template,
    form: Form,
    measurements: Sequence[Measurement],
    key_images: Sequence[KeyImage],
    reader: Reader,
    completeness: str = "",
    *,
    predecessors: Sequence[ImageReference] = (),
    observed_at: datetime | None = None,
    station_name: str = "",
    dose: str = "",
    closing: Sequence[Section] = (),
) -> Prepared:
    """Freeze a case into what will be signed. `completeness` is made from the ledger when it isn't given, `dose` is the
    line of the study's dose reports.

    Patient and study stand as the images have them, the worklist's values where there are no images. Raises
    FormIncomplete while the form refuses a signature or no reader is set up.
    """
    if not (reader.name and reader.code):
        raise FormIncomplete(
            _("The reader is not set up"), _("name or identification code is missing"), _("Enter them in the settings.")
        )
    from workstation.dicom.gsps import states_of
    from workstation.dicom.signatures import content_code
    from workstation.dicom.sr import write_conclusion

    first = next(iter(contents.in_sight), None)
    presented = presented_images(contents.in_sight, measurements, key_images, template.language)
    conclusion = build_conclusion(
        template,
        form,
        patient=first.patient if first else case.patient,
        study=contents.header or _ordered_study(case),
        order=case.order,
        observer=Observer(reader.name, reader.organisation, _reader_code(reader)),
        measurements=measurements,
        key_images=key_images,
        evidence=[instance.reference() for instance in contents.in_sight],
        other_evidence=[instance.reference() for prior in contents.priors for instance in in_sight(prior.instances)],
        uids=new_document_uids(len(states_of(presented))),
        observed_at=(observed_at or datetime.now().astimezone()).replace(microsecond=0),
        predecessors=predecessors,
        completeness=completeness or completeness_statement(contents, template.language),
        question=case.question,
        history=case.history,
        station_name=station_name,
        closing=closing,
    )
    conclusion = replace(conclusion, presented=presented, dose=dose)
    return Prepared(conclusion, render_pdf(conclusion, content_code(write_conclusion(conclusion))))


def sign(prepared: Prepared, identity: Identity, timestamps: Timestamps | None = None) -> SignedPackage:
    """Encode and sign every object. Raises IdentityUnusable; nothing is kept of a package that wasn't finished.

    Where the timestamp authority can't be reached or gives none, the whole package is signed without timestamps: a
    reader who is offline has to be able to sign.
    """
    must_be_the_observer(identity, prepared.conclusion.observer)
    if timestamps is not None:
        try:
            return _signed(prepared, identity, timestamps)
        except (LinkDown, SignInNeeded, ServerRefused, MalformedAnswer):
            # the journal of the outbox and the receipt say that it has none
            pass
    return _signed(prepared, identity, None)


def must_be_the_observer(identity: Identity, observer: Observer) -> None:
    """Raise IdentityUnusable when the certificate names another person than the conclusion does.

    The same number will do, or a like name: certificates are written in another alphabet than worklists, or shorter.
    """
    if identity.code and identity.code == observer.code.value:
        return
    if not alike(identity.subject.replace(" ", "^"), observer.name):
        raise IdentityUnusable(
            _("The identity is another person's"),
            _("the certificate does not name the reader of this desk"),
            _("Choose your own identity, or correct the reader in the settings."),
        )


def _signed(prepared: Prepared, identity: Identity, timestamps: Timestamps | None) -> SignedPackage:
    from workstation.dicom.document_header import companions, conclusion_reference
    from workstation.dicom.sr import needs_manifest

    conclusion = prepared.conclusion
    others = companions(conclusion, manifest=needs_manifest(conclusion))
    references = (*others, conclusion_reference(conclusion))
    objects = tuple(_signed_object(prepared, reference, identity, timestamps) for reference in references)
    return SignedPackage(objects, identity.subject, identity.certificates_pem)


def completeness_statement(contents: CaseContents, language: Language, reason: str = "") -> str:
    """On how many of the listed images the conclusion rests; `reason`: why an incomplete study is read all the same."""
    words = _WORDS[language]
    received, expected = images_here(contents)
    read = received - len(contents.undecodable)
    said = [words["read" if expected else "uncounted"].format(received=read, expected=expected)]
    if contents.undecodable:
        said.append(words["undecodable"].format(count=len(contents.undecodable)))
    lacking = [series for series in _pictures(contents) if series.received < series.expected]
    if lacking:
        named = "; ".join(words["series"].format(**_counted(series)) for series in lacking)
        said.append(words["lacking"].format(series=named))
    aside = sum(one.has_pixels for one in contents.study) - received
    if aside:
        said.append(words["rejected"].format(count=aside))
    if reason.strip():
        said.append(words["why"].format(reason=reason.strip().rstrip(".")))
    return " ".join(said)


def images_here(contents: CaseContents) -> tuple[int, int]:
    """How many images of the study are here, and how many the server lists; 0 when it was never asked.

    Neither counts what a rejection note names.
    """
    received = sum(instance.has_pixels for instance in contents.in_sight)
    missing = sum(max(series.expected - series.received, 0) for series in _pictures(contents))
    return received, received + missing if contents.ledger.listed_at else 0


def _pictures(contents: CaseContents) -> list[SeriesLedger]:
    return [series for series in contents.ledger.series if series.modality not in _DOCUMENTS]


def _counted(series: SeriesLedger) -> dict[str, object]:
    number = series.modality if series.number is None else series.number
    return {"number": number, "received": series.received, "expected": series.expected}


def _signed_object(
    prepared: Prepared, reference: ImageReference, identity: Identity, timestamps: Timestamps | None
) -> PackageObject:
    from workstation.signing.dicom_signature import sign_document

    kind, data = _encoded(prepared, reference, identity, timestamps)
    signed = sign_document(data, identity, timestamps=timestamps)
    return PackageObject(
        kind=kind,
        sop_class_uid=reference.sop_class_uid,
        sop_instance_uid=reference.sop_instance_uid,
        study_uid=reference.study_uid,
        series_uid=reference.series_uid,
        data=signed,
        sha256=hashlib.sha256(signed).digest(),
    )


def _encoded(
    prepared: Prepared, reference: ImageReference, identity: Identity, timestamps: Timestamps | None
) -> tuple[DocumentKind, bytes]:
    from workstation.dicom.gsps import write_presentation
    from workstation.dicom.ko import write_key_images, write_manifest
    from workstation.dicom.pdf import write_pdf
    from workstation.dicom.sr import write_conclusion
    from workstation.dicom.tid1500 import write_measurements
    from workstation.signing.pades import sign_pdf

    conclusion = prepared.conclusion
    if reference.sop_instance_uid == conclusion.uids.key_images:
        return "key_images", write_key_images(conclusion)
    if reference.sop_instance_uid in conclusion.uids.presentations:
        return "presentation", write_presentation(conclusion, reference.sop_instance_uid)
    if reference.sop_instance_uid == conclusion.uids.measurements:
        return "measurements", write_measurements(conclusion)
    if reference.sop_instance_uid == conclusion.uids.pdf:
        reason = _WORDS[conclusion.language]["signature"]
        location = conclusion.observer.organisation
        pdf = sign_pdf(prepared.pdf, identity, reason=reason, location=location, timestamps=timestamps)
        return "pdf", write_pdf(conclusion, pdf)
    if reference.sop_instance_uid == conclusion.uids.manifest:
        return "manifest", write_manifest(conclusion)
    return "conclusion", write_conclusion(conclusion)


def _ordered_study(case: CaseRow) -> StudyHeader:
    return StudyHeader(
        case.study_uid,
        study_date=case.study_date,
        accession=case.accession,
        description=case.study_description,
        modality=case.modality,
    )


def _reader_code(reader: Reader) -> Code:
    written = " ".join(part for part in reader.name.split("^") if part)
    return Code(reader.code, reader.code_scheme, written)

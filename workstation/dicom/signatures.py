"""The signature sequences of a DICOM object (PS3.3 C.12.1.1.3): making room for one, and reading those that are there.

`signing` holds keys and certificates; it gets the bytes to sign from here and gives a signature back.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydicom import dcmread
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom import concepts
from workstation.dicom.content import Code
from workstation.dicom.document_header import code_item
from workstation.dicom.mac import mac_stream
from workstation.dicom.uids import new_uid
from workstation.errors import UnreadableObject
from workstation.language import _

_GENERAL_EQUIPMENT = (
    "Manufacturer",
    "InstitutionName",
    "InstitutionAddress",
    "StationName",
    "InstitutionalDepartmentName",
    "InstitutionalDepartmentTypeCodeSequence",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "GantryID",
    "UDISequence",
    "DeviceUID",
    "SpatialResolution",
    "DateOfLastCalibration",
    "TimeOfLastCalibration",
)
_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_SR = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "PredecessorDocumentsSequence",
    "IdenticalDocumentsSequence",
    "VerificationFlag",
    "VerifyingObserverSequence",
    "VerificationDateTime",
    "ObservationDateTime",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentTemplateSequence",
    "ContentSequence",
)
_PDF = (
    "VerificationFlag",
    "DocumentTitle",
    "ConceptNameCodeSequence",
    "SourceInstanceSequence",
    "MIMETypeOfEncapsulatedDocument",
    "EncapsulatedDocument",
    "EncapsulatedDocumentLength",
)
_PRESENTATION = (
    "ContentLabel",
    "ContentDescription",
    "ContentCreatorName",
    "PresentationCreationDate",
    "PresentationCreationTime",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "ReferencedSeriesSequence",
    "SoftcopyVOILUTSequence",
    "GraphicAnnotationSequence",
    "DisplayedAreaSelectionSequence",
    "GraphicLayerSequence",
    "PresentationLUTShape",
)
# without these, and the UIDs, a signature doesn't vouch for a report's content
_ESSENTIAL_SR = ("ContentSequence", "ConceptNameCodeSequence", "VerificationFlag", "VerifyingObserverSequence")


@dataclass(frozen=True)
class PendingSignature:
    """A document with the place for one more signature; `payload` is what has to be signed."""

    payload: bytes = field(repr=False)
    _dataset: Dataset = field(repr=False)
    _item: Dataset = field(repr=False)

    def complete(self, signature: bytes, timestamp: bytes = b"") -> bytes:
        """The signed document, Part 10, Explicit VR Little Endian.

        `timestamp` is an RFC 3161 token (CMS ContentInfo, DER) over the value of Signature, as it is stored.
        """
        self._item.Signature = signature
        if timestamp:
            self._item.CertifiedTimestampType = "CMS_TSP"
            self._item.CertifiedTimestamp = _even(timestamp)
        buffer = io.BytesIO()
        self._dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dcmwrite(buffer, self._dataset, enforce_file_format=True)
        return buffer.getvalue()


@dataclass(frozen=True)
class FoundSignature:
    """A signature as it stands in a document: what was signed, with what, and what it leaves out.

    `algorithm` is the MAC algorithm (`SHA256` …), `covered` the keywords of the signed elements, `missing` those that a
    signature must cover to vouch for the content, `timestamp` an RFC 3161 token over `signature`, where there is one.
    """

    uid: str
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    algorithm: str
    when: datetime | None
    purpose: Code | None
    covered: tuple[str, ...]
    missing: tuple[str, ...]
    timestamp: bytes = field(default=b"", repr=False)


def signed_size(data: bytes) -> int:
    """How many bytes of the document `prepare_signature` puts under the signature. Raises UnreadableObject."""
    dataset = _parse(data)
    return len(mac_stream(dataset, _to_sign(dataset), Dataset()))


def content_code(data: bytes) -> str:
    """A short code of what `prepare_signature` puts under the signature, to be printed: `ABCD-EFGH-JKLM` (60 bits).

    Signing doesn't change it. Raises UnreadableObject.
    """
    dataset = _parse(data)
    digest = hashlib.sha256(mac_stream(dataset, _to_sign(dataset), Dataset())).digest()
    letters = base64.b32encode(digest).decode()[:12]
    return "-".join(letters[at : at + 4] for at in (0, 4, 8))


def prepare_signature(data: bytes, certificate: bytes, when: datetime) -> PendingSignature:
    """Make room for a signature by the owner of `certificate` (X.509, DER).

    Structured reports get the minimum set of a verified SR (PS3.15 C.4) and the purpose Verification Signature, or,
    where nothing is verified (key objects, presentation states) and for the encapsulated PDF, the same set or what the
    object shows, and the purpose Author's Signature. `when` is timezone-aware and written in UTC. Raises
    UnreadableObject.
    """
    dataset = _parse(data)
    verified = "VerifyingObserverSequence" in dataset
    signed = _to_sign(dataset)
    number = 1 + max((item.MACIDNumber for item in dataset.get("MACParametersSequence") or ()), default=0)
    parameters = Dataset()
    parameters.MACIDNumber = number
    parameters.MACCalculationTransferSyntaxUID = ExplicitVRLittleEndian
    parameters.MACAlgorithm = "SHA256"
    parameters.DataElementsSigned = signed
    item = Dataset()
    item.MACIDNumber = number
    item.DigitalSignatureUID = new_uid()
    item.DigitalSignatureDateTime = when.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    item.CertificateType = "X509_1993_SIG"
    item.CertificateOfSigner = _even(certificate)
    purpose = concepts.VERIFICATION_SIGNATURE if verified else concepts.AUTHOR_SIGNATURE
    item.DigitalSignaturePurposeCodeSequence = [code_item(purpose)]
    payload = mac_stream(dataset, signed, item)
    dataset.MACParametersSequence = [*(dataset.get("MACParametersSequence") or ()), parameters]
    dataset.DigitalSignaturesSequence = [*(dataset.get("DigitalSignaturesSequence") or ()), item]
    return PendingSignature(payload, dataset, item)


def read_signatures(data: bytes) -> tuple[FoundSignature, ...]:
    """The signatures over the main data set, in file order. Raises UnreadableObject."""
    dataset = _parse(data)
    try:
        parameters = {item.MACIDNumber: item for item in dataset.get("MACParametersSequence") or ()}
        found = dataset.get("DigitalSignaturesSequence") or ()
        return tuple(_found(dataset, item, parameters[item.MACIDNumber]) for item in found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableObject(_("The signature can't be read"), _("its sequences are incomplete")) from error


def _to_sign(dataset: Dataset) -> list[int]:
    content: tuple[str, ...] = _SR
    if "EncapsulatedDocument" in dataset:
        content = _PDF
    elif "DisplayedAreaSelectionSequence" in dataset:
        content = _PRESENTATION
    wanted = (*_IDENTITY, *_GENERAL_EQUIPMENT, *content)
    return sorted(int(tag_for_keyword(keyword) or 0) for keyword in wanted if keyword in dataset)


def _parse(data: bytes) -> Dataset:
    try:
        return dcmread(io.BytesIO(data))
    except (InvalidDicomError, EOFError, ValueError, OSError) as error:
        raise UnreadableObject(_("This is no DICOM object")) from error


def _found(dataset: Dataset, item: Dataset, parameters: Dataset) -> FoundSignature:
    listed = parameters.DataElementsSigned
    tags = [int(tag) for tag in (listed if isinstance(listed, Sequence) else [listed])]
    covered = {keyword_for_tag(tag) or f"{tag >> 16:04X},{tag & 0xFFFF:04X}" for tag in tags}
    essential: tuple[str, ...] = _IDENTITY
    if "ContentSequence" in dataset:
        essential += tuple(keyword for keyword in _ESSENTIAL_SR if keyword in dataset)
    if "EncapsulatedDocument" in dataset:
        essential += ("EncapsulatedDocument",)
    if "DisplayedAreaSelectionSequence" in dataset:
        essential += tuple(keyword for keyword in _PRESENTATION if keyword in dataset)
    purposes = item.get("DigitalSignaturePurposeCodeSequence") or ()
    return FoundSignature(
        uid=str(item.get("DigitalSignatureUID", "")),
        payload=mac_stream(dataset, tags, item),
        signature=bytes(item.Signature),
        certificate=_der(bytes(item.CertificateOfSigner)),
        algorithm=str(parameters.MACAlgorithm),
        when=_moment(str(item.get("DigitalSignatureDateTime", ""))),
        purpose=next((Code(p.CodeValue, p.CodingSchemeDesignator, p.CodeMeaning) for p in purposes), None),
        covered=tuple(sorted(covered)),
        missing=tuple(keyword for keyword in essential if keyword not in covered),
        timestamp=_der(bytes(item.get("CertifiedTimestamp") or b"")),
    )


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)


def _der(padded: bytes) -> bytes:
    """A DER value without the byte that pads it to even length."""
    if len(padded) < 4 or padded[0] != 0x30 or padded[1] < 0x80:
        return padded
    size = padded[1] & 0x7F
    return padded[: 2 + size + int.from_bytes(padded[2 : 2 + size], "big")]


def _moment(value: str) -> datetime | None:
    """A DT as an aware moment; without an offset it counts as UTC, as every signature program writes it."""
    for form in ("%Y%m%d%H%M%S.%f%z", "%Y%m%d%H%M%S%z", "%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S"):
        try:
            moment = datetime.strptime(value.strip(), form)  # noqa: DTZ007 - an offset that is absent is set below
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None

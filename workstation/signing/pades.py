"""Signatures inside a PDF: PAdES B-B (ETSI EN 319 142-1), made offline, without a timestamp."""

import io
import logging
from collections.abc import Sequence
from typing import Any

from cryptography import x509

from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.identity import Identity, check_validity, subject_name
from workstation.signing.timestamps import Timestamps
from workstation.signing.trust import Verification, all_of, chain_of, run, validation_context

_FIELD = "Conclusion"


def sign_pdf(
    pdf: bytes, identity: Identity, *, reason: str = "", location: str = "", timestamps: Timestamps | None = None
) -> bytes:
    """The PDF with one more signature, added as an incremental update: PAdES-B-B, with a timestamp PAdES-B-T.

    Raises IdentityUnusable, UnreadableObject, and what asking for a timestamp raises.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import PdfSignatureMetadata, PdfSigner
    from pyhanko.sign.fields import SigSeedSubFilter

    check_validity(identity.certificate)
    metadata = PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        reason=reason or None,
        location=location or None,
        name=identity.subject,
    )
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        stamper = timestamps.stamper() if timestamps else None
        output = run(PdfSigner(metadata, signer=_signer(identity), timestamper=stamper).async_sign_pdf(writer))
    except PdfError as error:
        raise UnreadableObject(_("This is no PDF that can be signed")) from error
    result: bytes = output.getvalue()
    return result


def verify_pdf(pdf: bytes, trust: Sequence[x509.Certificate]) -> Verification:
    """Check every signature of a PDF; valid only if there is one and all hold. Raises UnreadableObject."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        embedded = list(PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures)
    except PdfError as error:
        raise UnreadableObject(_("This is no PDF, or a damaged one")) from error
    return all_of([_verify(signature, trust) for signature in embedded])


def _verify(embedded: Any, trust: Sequence[x509.Certificate]) -> Verification:
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    # pyHanko logs a trace for an untrusted certificate; here that is an answer, not an error
    logging.getLogger("pyhanko.sign.validation.generic_cms").setLevel(logging.CRITICAL)
    when = embedded.self_reported_timestamp
    usage = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)
    check = async_validate_pdf_signature(
        embedded, signer_validation_context=validation_context(trust, (), when), key_usage_settings=usage
    )
    try:
        status = run(check)
    except (SignatureValidationError, ValueError):
        return Verification(False, when=when, problems=(_("the signature can't be read"),))
    certificate = x509.load_der_x509_certificate(status.signing_cert.dump())
    stamp = status.timestamp_validity
    stamped = stamp is not None and stamp.intact and stamp.valid and stamp.trusted
    proved = stamp.timestamp if stamped else None
    between = [x509.load_der_x509_certificate(other.dump()) for other in embedded.other_embedded_certs]
    chain, trouble = chain_of(certificate, trust, proved or when, between)
    level = status.modification_level
    problems = []
    if not (status.intact and status.valid):
        problems.append(_("the content was changed after signing"))
    elif status.coverage < SignatureCoverageLevel.ENTIRE_REVISION or (
        level is not None and level > ModificationLevel.LTA_UPDATES
    ):
        problems.append(_("something was added after signing"))
    elif not trouble and not status.trusted:
        problems.append(_("the certificate is not for signatures"))
    if trouble:
        problems.append(_("the certificate is not trusted: {reason}").format(reason=trouble))
    if stamp is not None and not stamped:
        problems.append(
            _("the timestamp's authority is not trusted") if stamp.intact else _("the timestamp is of other bytes")
        )
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    covered = _("the whole file") if whole else _("an earlier state of the file")
    return Verification(not problems, subject_name(certificate), when, (covered,), tuple(problems), chain, proved)


def _signer(identity: Identity) -> Any:
    """The identity as a pyHanko signer: only the raw signature is ours, so that any kind of key will do."""
    from asn1crypto import algos
    from asn1crypto import x509 as asn1
    from cryptography.hazmat.primitives.serialization import Encoding
    from pyhanko.sign.signers import Signer
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    certificates = [
        asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
        for certificate in (identity.certificate, *identity.chain)
    ]
    make_store: Any = SimpleCertificateStore
    store = make_store()
    store.register_multiple(certificates)

    class IdentitySigner(Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            if digest_algorithm != "sha256":
                raise ValueError(f"identities sign with SHA-256, not with {digest_algorithm}")
            return b"\0" * identity.signature_size if dry_run else identity.sign(data)

    return IdentitySigner(
        signing_cert=certificates[0],
        cert_registry=store,
        signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
    )

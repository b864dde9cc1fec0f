"""Signatures inside a PDF: PAdES B-B (ETSI EN 319 142-1), made offline, without a timestamp."""

import io
from collections.abc import Sequence
from typing import Any

from cryptography import x509

from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.identity import Identity, check_validity
from workstation.signing.pyhanko_bridge import judged, pyhanko_signer, usage_wanted
from workstation.signing.timestamps import Timestamps
from workstation.signing.trust import Verification, all_of, run, validation_context

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
        output = run(PdfSigner(metadata, signer=pyhanko_signer(identity), timestamper=stamper).async_sign_pdf(writer))
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
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    when = embedded.self_reported_timestamp
    check = async_validate_pdf_signature(
        embedded, signer_validation_context=validation_context(trust, (), when), key_usage_settings=usage_wanted()
    )
    try:
        status = run(check)
    except (SignatureValidationError, ValueError):
        return Verification(False, when=when, problems=(_("the signature can't be read"),))
    level = status.modification_level
    added = status.coverage < SignatureCoverageLevel.ENTIRE_REVISION or (
        level is not None and level > ModificationLevel.LTA_UPDATES
    )
    others = [x509.load_der_x509_certificate(other.dump()) for other in embedded.other_embedded_certs]
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    covered = _("the whole file") if whole else _("an earlier state of the file")
    return judged(status, when, covered, trust, others, (_("something was added after signing"),) if added else ())

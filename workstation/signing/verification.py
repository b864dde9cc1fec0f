"""The front of verification: a file of any kind that is signed: DICOM objects, plain or encapsulated PDF, CMS."""

from collections.abc import Sequence

from cryptography import x509

from workstation.dicom.documents import encapsulated_pdf
from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.cades import is_cms, verify_detached
from workstation.signing.dicom_signature import verify_document
from workstation.signing.pades import verify_pdf
from workstation.signing.trust import Verification


def verify(data: bytes, trust: Sequence[x509.Certificate], beside: bytes | None = None) -> Verification:
    """Check a PDF, a DICOM file or a CMS signature against the trusted certificates.

    An encapsulated PDF is valid when the object and the PDF in it both are. `beside` is the file that a detached
    signature belongs to. Raises UnreadableObject when it is none of these.
    """
    if is_cms(data):
        return verify_detached(data, beside, trust)
    if data.lstrip().startswith(b"%PDF-"):
        return verify_pdf(data, trust)
    outer = verify_document(data, trust)
    try:
        inner = verify_pdf(encapsulated_pdf(data), trust)
    except UnreadableObject:
        return outer
    inside = tuple(_("the PDF inside: {problem}").format(problem=problem) for problem in inner.problems)
    return Verification(
        valid=outer.valid and inner.valid,
        signer=outer.signer or inner.signer,
        when=outer.when or inner.when,
        covered=(*outer.covered, *inner.covered),
        problems=(*outer.problems, *inside),
        chain=outer.chain or inner.chain,
        proved=outer.proved or inner.proved,
    )

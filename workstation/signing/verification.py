"""The front of verification: a file of any kind we sign, SR, key objects, encapsulated PDF or plain PDF."""

from collections.abc import Sequence

from cryptography import x509

from workstation.dicom.documents import encapsulated_pdf
from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.dicom_signature import verify_document
from workstation.signing.pades import verify_pdf
from workstation.signing.trust import Verification


def verify(data: bytes, trust: Sequence[x509.Certificate]) -> Verification:
    """Check a PDF or DICOM file against the trusted certificates.

    An encapsulated PDF is valid when the object and the PDF in it both are. Raises UnreadableObject when it is neither.
    """
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

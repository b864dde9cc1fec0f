"""DICOM signatures: PS3.15 C.4 (Structured Report RSA) on reports, the same set of elements on their companions."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from workstation.dicom.signatures import FoundSignature, prepare_signature, read_signatures
from workstation.language import _
from workstation.signing.identity import Identity, check_validity, may_sign, subject_name
from workstation.signing.timestamps import Timestamps, read_timestamp
from workstation.signing.trust import Verification, all_of, chain_of

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def sign_document(
    data: bytes, identity: Identity, when: datetime | None = None, timestamps: Timestamps | None = None
) -> bytes:
    """The document (Part 10) with one more signature, Part 10 again; from here its bytes are final.

    `when` is the moment to claim, now by default. Raises IdentityUnusable, UnreadableObject, and what asking for a
    timestamp raises.
    """
    check_validity(identity.certificate)
    pending = prepare_signature(data, identity.certificate_der, when or datetime.now(UTC))
    signature = identity.sign(pending.payload)
    return pending.complete(signature, timestamps.over(signature) if timestamps else b"")


def verify_document(data: bytes, trust: Sequence[x509.Certificate]) -> Verification:
    """Check every signature of a DICOM document; valid only if there is one and all hold. Raises UnreadableObject."""
    return all_of([_verify(signature, trust) for signature in read_signatures(data)])


def _verify(found: FoundSignature, trust: Sequence[x509.Certificate]) -> Verification:
    try:
        certificate = x509.load_der_x509_certificate(found.certificate)
    except ValueError:
        return Verification(
            False, when=found.when, covered=found.covered, problems=(_("its certificate is unreadable"),)
        )
    problems = []
    key, algorithm = certificate.public_key(), _HASHES.get(found.algorithm.strip())
    if not isinstance(key, rsa.RSAPublicKey) or algorithm is None:
        problems.append(_("the signature uses an algorithm that is not accepted"))
    elif not _holds(key, algorithm, found):
        problems.append(_("the content was changed after signing"))
    if found.missing:
        problems.append(_("the signature leaves out {elements}").format(elements=", ".join(found.missing)))
    if not may_sign(certificate):
        problems.append(_("the certificate is not for signatures"))
    stamp = read_timestamp(found.timestamp, found.signature, trust) if found.timestamp else None
    if stamp is not None:
        problems += stamp.problems
    proved = stamp.when if stamp is not None and not stamp.problems else None
    chain, trouble = chain_of(certificate, trust, proved or found.when)
    if trouble:
        problems.append(_("the certificate is not trusted: {reason}").format(reason=trouble))
    return Verification(
        not problems, subject_name(certificate), found.when, found.covered, tuple(problems), chain, proved
    )


def _holds(key: rsa.RSAPublicKey, algorithm: hashes.HashAlgorithm, found: FoundSignature) -> bool:
    try:
        key.verify(found.signature, found.payload, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True

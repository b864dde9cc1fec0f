"""Between our values and pyHanko's: an identity as its signer, and what its checks say as our answer."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

from workstation.language import _
from workstation.signing.identity import Identity, subject_name
from workstation.signing.trust import Verification, chain_of

if TYPE_CHECKING:
    from pyhanko.sign.validation.settings import KeyUsageConstraints


def judged(
    status: Any,
    when: datetime | None,
    covered: str,
    trust: Sequence[x509.Certificate],
    others: Sequence[x509.Certificate],
    faults: Sequence[str] = (),
) -> Verification:
    """Our answer from pyHanko's status of one signature; `others` came with it, `faults` were found beside it.

    A trusted timestamp decides at which moment the certificate had to be valid, else the moment that is claimed.
    """
    certificate = x509.load_der_x509_certificate(status.signing_cert.dump())
    stamp = status.timestamp_validity
    stamped = stamp is not None and stamp.intact and stamp.valid and stamp.trusted
    proved = stamp.timestamp if stamped else None
    chain, trouble = chain_of(certificate, trust, proved or when, others)
    problems = []
    if not (status.intact and status.valid):
        problems.append(_("the content was changed after signing"))
    elif faults:
        problems += faults
    elif not trouble and not status.trusted:
        problems.append(_("the certificate is not for signatures"))
    if trouble:
        problems.append(_("the certificate is not trusted: {reason}").format(reason=trouble))
    if stamp is not None and not stamped:
        sound = stamp.intact and stamp.valid
        problems.append(
            _("the timestamp's authority is not trusted") if sound else _("the timestamp is of other bytes")
        )
    return Verification(not problems, subject_name(certificate), when, (covered,), tuple(problems), chain, proved)


def usage_wanted() -> "KeyUsageConstraints":
    """The certificate is for signatures or for committing to contents."""
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    # pyHanko logs a trace for an untrusted certificate; here that is an answer, not an error
    logging.getLogger("pyhanko.sign.validation.generic_cms").setLevel(logging.CRITICAL)
    return KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)


def pyhanko_signer(identity: Identity) -> Any:
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

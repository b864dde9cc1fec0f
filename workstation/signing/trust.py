"""What a verification says, and whether a certificate leads to one that is trusted."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from workstation.errors import UnreadableObject
from workstation.language import _

if TYPE_CHECKING:
    from pyhanko_certvalidator import ValidationContext

T = TypeVar("T")


@dataclass(frozen=True)
class Verification:
    """The answer about one document.

    `valid`: it is signed, nothing that is signed has changed, and the certificate leads to a trusted one. `signer` is
    the name in the certificate, `when` the moment the signer claims, `covered` what is signed, `chain` the names from
    the signer to the root, `problems` each reason why it is not valid, `proved` the moment by which a trusted timestamp
    authority saw the signature, None when there is no timestamp.
    """

    valid: bool
    signer: str = ""
    when: datetime | None = None
    covered: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    proved: datetime | None = None


def all_of(each: Sequence[Verification]) -> Verification:
    """The answer about a document with several signatures; not valid where there is none, or one does not hold.

    Several signers stand in `signer`, separated by commas; the other values are those of the last signature.
    """
    if not each:
        return Verification(False, problems=(_("the document is not signed"),))
    last = each[-1]
    return Verification(
        valid=all(one.valid for one in each),
        signer=", ".join(dict.fromkeys(one.signer for one in each if one.signer)),
        when=last.when,
        covered=last.covered,
        problems=tuple(dict.fromkeys(problem for one in each for problem in one.problems)),
        chain=last.chain,
        proved=last.proved,
    )


def load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises UnreadableObject."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise UnreadableObject(_("This file holds no certificate in PEM form")) from error


def validation_context(
    trust: Sequence[x509.Certificate], others: Sequence[x509.Certificate] = (), moment: datetime | None = None
) -> "ValidationContext":
    """pyHanko's rules for a chain: only our roots, no network, at the moment of signing."""
    from pyhanko_certvalidator import ValidationContext

    # a claimed moment isn't proven, but a certificate that has expired since then doesn't make a signature false
    return ValidationContext(
        trust_roots=[_converted(certificate) for certificate in trust],
        other_certs=[_converted(certificate) for certificate in others],
        moment=moment,
        best_signature_time=moment,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )


def chain_of(
    certificate: x509.Certificate,
    trust: Sequence[x509.Certificate],
    moment: datetime | None,
    others: Sequence[x509.Certificate] = (),
) -> tuple[tuple[str, ...], str]:
    """The names from the certificate to a trusted root, or why there is no such way; `others` may stand between."""
    from pyhanko_certvalidator import CertificateValidator
    from pyhanko_certvalidator.errors import PathBuildingError, PathError, ValidationError

    context = validation_context(trust, others, moment)
    validator = CertificateValidator(_converted(certificate), validation_context=context)
    try:
        path = run(validator.async_validate_path())
    except PathBuildingError:
        return (), _("it does not lead to a trusted authority")
    except (PathError, ValidationError) as error:
        return (), str(error).splitlines()[0]
    names = [str(one.subject.native.get("common_name", one.subject.human_friendly)) for one in path]
    return tuple(reversed(names)), ""


def run(task: Coroutine[Any, Any, T]) -> T:
    """Run pyHanko's coroutine to its end; nothing here waits for a network."""
    return asyncio.run(task)


def _converted(certificate: x509.Certificate) -> Any:
    from asn1crypto import x509 as asn1

    return asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))

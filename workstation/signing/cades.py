"""Detached signatures (CMS, CAdES) over a file, to lie beside it: `report.pdf.p7s` for `report.pdf`.

Ours are CAdES-B-B, with a timestamp CAdES-B-T (ETSI EN 319 122-1). Others' are checked too, also by several signers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.identity import Identity, check_validity
from workstation.signing.pyhanko_bridge import judged, pyhanko_signer, usage_wanted
from workstation.signing.timestamps import Timestamps
from workstation.signing.trust import Verification, all_of, run, validation_context

# the object identifier of SignedData, RFC 5652 section 5.1
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


def sign_detached(data: bytes, identity: Identity, timestamps: Timestamps | None = None) -> bytes:
    """A signature over `data` that lies apart from it, CMS, DER.

    Raises IdentityUnusable, and what asking for a timestamp raises.
    """
    check_validity(identity.certificate)
    signed = run(
        pyhanko_signer(identity).async_sign_general_data(
            data, "sha256", detached=True, use_cades=True, timestamper=timestamps.stamper() if timestamps else None
        )
    )
    encoded: bytes = signed.dump()
    return encoded


def is_cms(data: bytes) -> bool:
    """Whether a file looks like a CMS signature: DER of SignedData, or its PEM."""
    return data.lstrip().startswith((b"-----BEGIN PKCS7", b"-----BEGIN CMS")) or _SIGNED_DATA in data[:24]


def verify_detached(signature: bytes, data: bytes | None, trust: Sequence[x509.Certificate]) -> Verification:
    """Check a CMS signature (DER or PEM) over `data`, or over its own content where `data` is None.

    Raises UnreadableObject when it is none, or has no content of its own and `data` is None.
    """
    from asn1crypto import cms, pem

    try:
        if pem.detect(signature):
            _kind, _headers, signature = pem.unarmor(signature)
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        signers = list(signed["signer_infos"])
        attached = signed["encap_content_info"]["content"].native is not None
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableObject(_("This is no signature file (CMS)")) from error
    if data is None and not attached:
        raise UnreadableObject(_("The file that this signature belongs to is not there"))
    return all_of([_verify(signed, one, data, trust) for one in signers])


def _verify(signed: Any, signer: Any, data: bytes | None, trust: Sequence[x509.Certificate]) -> Verification:
    from pyhanko.sign.validation import async_validate_detached_cms
    from pyhanko.sign.validation.errors import SignatureValidationError

    # pyHanko takes one signer at a time, and content beside the signature
    alone = signed.copy()
    alone["signer_infos"] = [signer]
    when = _claimed(signer)
    if _is_gost(signer):
        return Verification(
            False, when=when, problems=(_("it is a GOST signature: check it with a certified program"),)
        )
    inside = signed["encap_content_info"]
    content = bytes(inside["content"]) if data is None else data
    alone["encap_content_info"] = {"content_type": inside["content_type"].native}
    check = async_validate_detached_cms(
        content, alone, validation_context(trust, (), when), key_usage_settings=usage_wanted()
    )
    try:
        status = run(check)
    except (SignatureValidationError, ValueError, NotImplementedError, UnsupportedAlgorithm):
        return Verification(False, when=when, problems=(_("the signature can't be read"),))
    others = [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"] or ()]
    return judged(status, when, _("the whole file"), trust, others)


def _claimed(signer: Any) -> datetime | None:
    """The moment that the signer claims."""
    for attribute in signer["signed_attrs"] or ():
        if attribute["type"].native == "signing_time":
            moment = attribute["values"][0].native
            return moment if isinstance(moment, datetime) else None
    return None


def _is_gost(signer: Any) -> bool:
    """Whether a signature is by GOST R 34.10, whose algorithms stand below 1.2.643."""
    used = signer["signature_algorithm"]["algorithm"], signer["digest_algorithm"]["algorithm"]
    return any(str(one.dotted).startswith("1.2.643.") for one in used)

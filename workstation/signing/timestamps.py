"""Trusted timestamps (RFC 3161): an authority's word that a signature existed at a moment.

The signer's own clock proves nothing. A token over the signature's bytes does, and it lets the signature outlive the
certificate that made it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

from workstation.errors import MalformedAnswer
from workstation.language import _
from workstation.signing.trust import run, validation_context

if TYPE_CHECKING:
    from pyhanko.sign.timestamps.api import TimeStamper

Ask = Callable[[bytes], bytes]
"""Sends a TimeStampReq to the authority and gives its TimeStampResp, both DER; raises LinkDown, ServerRefused."""


@dataclass(frozen=True)
class Timestamp:
    """What a token says: the moment, and whose word it is; `problems` are the reasons not to believe it."""

    when: datetime | None
    authority: str = ""
    problems: tuple[str, ...] = ()


class Timestamps:
    """A timestamp authority that is asked through `ask`; whatever that raises is raised."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def over(self, data: bytes) -> bytes:
        """A token (CMS ContentInfo, DER) over the SHA-256 of `data`. Raises MalformedAnswer when it is none."""
        from pyhanko.sign.timestamps.common_utils import TimestampRequestError

        try:
            token: bytes = run(self.stamper().async_timestamp(hashlib.sha256(data).digest(), "sha256")).dump()
        except (TimestampRequestError, ValueError) as error:
            raise _refused() from error
        return token

    def stamper(self) -> "TimeStamper":
        """The authority as pyHanko wants it, for PDFs."""
        from asn1crypto import tsp
        from pyhanko.sign.timestamps.api import TimeStamper

        ask = self._ask

        class Asking(TimeStamper):
            async def async_request_tsa_response(self, req: Any) -> Any:
                try:
                    return tsp.TimeStampResp.load(ask(req.dump()), strict=True)
                except ValueError as error:
                    raise _refused() from error

        make: Any = Asking
        stamper: TimeStamper = make()
        return stamper


def read_timestamp(token: bytes, data: bytes, trust: Sequence[x509.Certificate]) -> Timestamp:
    """What a token over `data` says, checked against the trusted authorities."""
    from asn1crypto import cms, tsp
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data

    try:
        # a DICOM value may be padded to even length
        signed = cms.ContentInfo.load(token)["content"]
        info = tsp.TSTInfo.load(signed["encap_content_info"]["content"].contents)
        when = info["gen_time"].native.astimezone(UTC)
        others = [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"]]
        check = validate_tst_signed_data(
            signed, validation_context(trust, others, when), lambda name: hashlib.new(name, data).digest()
        )
        found = run(check)
    except (SignatureValidationError, ValueError, TypeError, KeyError):
        return Timestamp(None, problems=(_("the timestamp can't be read"),))
    certificate = found["signing_cert"]
    authority = str(certificate.subject.native.get("common_name", certificate.subject.human_friendly))
    problems = []
    if not (found["intact"] and found["valid"]):
        problems.append(_("the timestamp is of other bytes"))
    elif found["validation_path"] is None:
        problems.append(_("the timestamp's authority is not trusted"))
    return Timestamp(when, authority, tuple(problems))


def _refused() -> MalformedAnswer:
    return MalformedAnswer(_("The timestamp authority gave no timestamp"))

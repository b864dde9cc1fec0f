"""Asking a timestamp authority over HTTP (RFC 3161 section 3.4)."""

from collections.abc import Callable

from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile

# a signature is waited for: an authority that is slower than this counts as out of reach
_PATIENCE_S = 5.0


def asking(url: str, ca_file: str = "") -> Callable[[bytes], bytes]:
    """What sends a TimeStampReq to the authority and gives its TimeStampResp, both DER.

    That raises LinkDown, SignInNeeded, ServerRefused; this raises WorkstationError for an address or a CA file that
    can't be used.
    """
    session = IrisSession(
        ServerProfile(url, url, ca_file=ca_file, connect_timeout_s=_PATIENCE_S, stall_timeout_s=_PATIENCE_S), ""
    )

    def ask(query: bytes) -> bytes:
        kind = "application/timestamp-query"
        return session.send("POST", url, query, kind, accept="application/timestamp-reply").body

    return ask

"""Messages to an audit server: syslog (RFC 5424) framed and carried over TLS (RFC 5425), as PS3.15 A.6 wants it.

Syslog has no answer. What counts as received is what the server has read when it closes the connection in turn
(RFC 5425 4.4), so `send` waits for that before it returns.
"""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from workstation.errors import LinkDown, WorkstationError
from workstation.iris.transport import tls_context
from workstation.language import _
from workstation.settings import ServerProfile

PORT = 6514
# facility 10 (security), severity 5 (notice): PS3.15 A.6.1
_PRIORITY = 10 * 8 + 5
_TIMEOUT_S = 15.0
_BOM = "\N{BYTE ORDER MARK}"


@dataclass(frozen=True)
class SyslogServer:
    """Where audit messages go; `ca_file`: an authority of its own, `certificate_file`: our certificate with its key."""

    host: str
    port: int = PORT
    ca_file: str = ""
    certificate_file: str = ""

    @classmethod
    def at(cls, url: str, ca_file: str = "", certificate_file: str = "") -> "SyslogServer":
        """The server of an address like `syslog-tls://audit.example:6514`; raises WorkstationError when it is none."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            host = None
        if not host or parts.scheme != "syslog-tls":
            raise WorkstationError(
                _("This is no address of an audit server"), url, _("It looks like syslog-tls://audit.example:6514")
            )
        return cls(host, port, ca_file, certificate_file)

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def message(at: datetime, host: str, sequence: int, text: str) -> bytes:
    """One audit message as RFC 5424 has it; `sequence` is its number at this source (`meta sequenceId`)."""
    words = f"<{_PRIORITY}>1 {at.isoformat(timespec='milliseconds')} {host} iris-workstation - DICOM+RFC3881"
    return f'{words} [meta sequenceId="{sequence}"] {_BOM}{text}'.encode()


def send(server: SyslogServer, messages: Iterable[bytes]) -> None:
    """Send messages over one connection; returns when the server has read them all.

    Raises LinkDown when it can't be reached or closes before, WorkstationError when it isn't trusted.
    """
    context = _context(server)
    try:
        with (
            socket.create_connection((server.host, server.port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=server.host) as channel,
        ):
            for one in messages:
                channel.sendall(b"%d %b" % (len(one), one))
            channel.unwrap()
    except ssl.SSLCertVerificationError as error:
        raise WorkstationError(
            _("The audit server's certificate is not trusted"),
            f"{server.name}: {error.verify_message}",
            _("Name the file with its authority."),
        ) from error
    except OSError as error:
        reason = error.strerror or getattr(error, "reason", "") or type(error).__name__
        raise LinkDown(
            _("The audit server doesn't take the messages"),
            f"{server.name}: {reason}",
            _("They are kept and go with the next try."),
        ) from error


def _context(server: SyslogServer) -> ssl.SSLContext:
    context = tls_context(ServerProfile(server.name, "", ca_file=server.ca_file))
    if server.certificate_file:
        try:
            context.load_cert_chain(server.certificate_file)
        except OSError as error:
            raise WorkstationError(
                _("The certificate shown to the audit server can't be used"), server.name, _("Check the settings.")
            ) from error
    return context

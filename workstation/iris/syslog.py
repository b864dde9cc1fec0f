"""Messages to an audit server: syslog (RFC 5424) framed and carried over TLS (RFC 5425), as PS3.15 A.6 wants it.

Syslog has no answer. What counts as received is what the server has read when it closes the connection in turn
(RFC 5425 4.4), so `send` waits for that before it returns.
"""

import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
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
_LONGEST_HOST = 255
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
    words = f"<{_PRIORITY}>1 {at.isoformat(timespec='milliseconds')} {_ascii(host)} iris-workstation - DICOM+RFC3881"
    return f'{words} [meta sequenceId="{sequence}"] {_BOM}{text}'.encode()


def _ascii(host: str) -> str:
    """A machine's name as RFC 5424 6.2.4 wants it: printable ASCII, another alphabet as in DNS; "-" for none."""
    with suppress(UnicodeError):
        name = host.encode("idna").decode()
        if name and len(name) <= _LONGEST_HOST and all("!" <= letter <= "~" for letter in name):
            return name
    return "-"


def send(server: SyslogServer, messages: Iterable[bytes]) -> None:
    """Send messages over one connection; returns when the server has read them all.

    Raises LinkDown when it can't be reached or closes before, WorkstationError when it isn't trusted.
    """
    context = _context(server)
    try:
        with socket.create_connection((server.host, server.port), timeout=_TIMEOUT_S) as plain:
            channel = _Channel(plain, context, server.host)
            for one in messages:
                channel.write(b"%d %b" % (len(one), one))
            channel.close()
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


class _Channel:
    """TLS over a socket, that tells the server's goodbye from its refusal.

    A server of TLS 1.3 that doesn't like our certificate says so after our handshake has ended well, by an alert that
    the shutdown of Python's own sockets takes for a goodbye: what was sent would count as received.
    """

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            else:
                break
        self._flush()

    def write(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def close(self) -> None:
        """Say goodbye and wait for the server's. Raises OSError when another word comes, or none."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        while True:
            try:
                if not self._tls.read(1):
                    return
            except ssl.SSLZeroReturnError:
                return
            except ssl.SSLWantReadError:
                self._receive()

    def _flush(self) -> None:
        self._plain.sendall(self._outgoing.read())

    def _receive(self) -> None:
        data = self._plain.recv(65536)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


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

"""The way to a server, layer by layer, as the session goes it: proxy, name, TCP, TLS.

A session that fails says that it failed; here each layer is tried by itself, so that the one at fault has a name. A
certificate that isn't trusted is fetched once more without trust, to say why: nothing is sent over that connection.
"""

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from workstation.errors import WorkstationError
from workstation.iris.client_certificate import present
from workstation.iris.finding import Finding, State, failed
from workstation.iris.transport import tls_context, tls_refusal
from workstation.language import _, ngettext
from workstation.settings import ServerProfile

EXPIRY_WARNING_DAYS = 30
# X509_V_ERR of OpenSSL: no issuer that is trusted leads to this certificate
_NO_ISSUER = (2, 18, 19, 20, 21, 27)


@dataclass(frozen=True)
class Origin:
    """Where requests go: `proxy` is its address, None for the straight way."""

    scheme: str
    host: str
    port: int
    proxy: SplitResult | None

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def first_hop(self) -> tuple[str, int]:
        """Whom this computer itself connects to."""
        if self.proxy is None:
            return self.host, self.port
        return str(self.proxy.hostname), self.proxy.port or (443 if self.proxy.scheme == "https" else 80)


def origins(profile: ServerProfile) -> list[Origin]:
    """The places that a profile's addresses name, DICOMweb first. Raises WorkstationError when one is no address."""
    found: list[Origin] = []
    for url in (profile.dicomweb_url, profile.workitems_root):
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("no web address")
            origin = Origin(
                parts.scheme,
                parts.hostname,
                parts.port or (443 if parts.scheme == "https" else 80),
                _proxy_of(url),
            )
        except ValueError as error:
            raise WorkstationError(
                _("The server's address can't be used"), profile.name, _("It begins with https:// and names a host.")
            ) from error
        if origin not in found:
            found.append(origin)
    return found


def _proxy_of(url: str) -> SplitResult | None:
    from requests.utils import get_environ_proxies, select_proxy

    address = select_proxy(url, get_environ_proxies(url))
    if not address:
        return None
    return urlsplit(address if "://" in address else f"http://{address}")


def check_link(origin: Origin, profile: ServerProfile, certificate_password: str = "") -> Iterator[Finding]:
    """The four layers in their order; after one that failed the rest are not tried."""
    steps: tuple[Callable[[Origin, ServerProfile], Finding], ...] = (
        _check_proxy,
        _check_name,
        _check_tcp,
        lambda origin, profile: _check_tls(origin, profile, certificate_password),
    )
    for step in steps:
        finding = step(origin, profile)
        yield finding
        if finding.state is State.FAILED:
            return


def _check_proxy(origin: Origin, profile: ServerProfile) -> Finding:
    if origin.proxy is None:
        return Finding("proxy", State.OK, _("none on the way to {host}").format(host=origin.host))
    host, port = origin.first_hop
    said = _("{proxy} on the way to {host}").format(proxy=f"{origin.proxy.scheme}://{host}:{port}", host=origin.host)
    if origin.proxy.scheme not in ("http", "https"):
        return Finding(
            "proxy",
            State.FAILED,
            said,
            _("Name an http:// proxy in HTTPS_PROXY, or put the server into NO_PROXY: this kind is not used."),
        )
    return Finding("proxy", State.OK, said)


def _check_name(origin: Origin, profile: ServerProfile) -> Finding:
    host, port = origin.first_hop
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Finding(
            "name",
            State.FAILED,
            _("nobody knows the name {host}").format(host=host),
            _("Check the spelling of the address, the network or VPN, and the DNS server of this computer."),
        )
    addresses = ", ".join(dict.fromkeys(str(answer[4][0]) for answer in answers))
    return Finding("name", State.OK, host if addresses == host else f"{host} = {addresses}")


def _check_tcp(origin: Origin, profile: ServerProfile) -> Finding:
    host, port = origin.first_hop
    place = f"{host}:{port}"
    try:
        socket.create_connection((host, port), profile.connect_timeout_s).close()
    except ConnectionRefusedError:
        return Finding(
            "connection",
            State.FAILED,
            _("{place} refuses the connection: nothing listens there").format(place=place),
            _("Start the server, or mend the port in the address."),
        )
    except OSError as error:
        slow = isinstance(error, TimeoutError)
        found = _("{place} doesn't answer") if slow else _("no way to {place}")
        return Finding(
            "connection",
            State.FAILED,
            found.format(place=place),
            _("Check the network or VPN, and that no firewall between here and {place} forbids it.").format(
                place=place
            ),
        )
    return Finding("connection", State.OK, place)


def _check_tls(origin: Origin, profile: ServerProfile, certificate_password: str) -> Finding:
    if origin.scheme == "http":
        return _without_tls(origin)
    if origin.proxy is not None and origin.proxy.scheme == "https":
        return Finding("TLS", State.NOT_CHECKED, _("the proxy itself is reached by TLS"))
    try:
        context = tls_context(profile)
        if profile.client_certificate_file:
            present(context, profile, certificate_password)
        with (
            _connected(origin, profile) as plain,
            context.wrap_socket(plain, server_hostname=origin.host) as secured,
        ):
            version, der = secured.version(), secured.getpeercert(True)
    except WorkstationError as error:
        advice = _("Check that ca_file of this server names a PEM file that this user may read.")
        return failed("TLS", error, advice)
    except ssl.SSLCertVerificationError as error:
        return _distrusted(origin, profile, error)
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or "") and (refused := tls_refusal(error, origin.host, profile)) and refused.advice:
            # TLS 1.2 tells within the handshake what it thinks of the client's certificate
            return failed("TLS", refused)
        return Finding(
            "TLS",
            State.FAILED,
            _("no TLS 1.2 or newer at {place}").format(place=origin.target) + f" ({error.reason or 'TLS'})",
            _("Check the port in the address, and allow TLS 1.2 on the server."),
        )
    except OSError as error:
        return _broken_off(origin, error)
    if der is None:
        return Finding("TLS", State.NOT_CHECKED, _("the server shows no certificate"))
    return _expiry(x509.load_der_x509_certificate(der), str(version))


def _without_tls(origin: Origin) -> Finding:
    try:
        local = ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        local = origin.host == "localhost"
    if local:
        return Finding("TLS", State.OK, _("not needed: the server is on this computer"))
    return Finding(
        "TLS",
        State.WARNING,
        _("none: password and images travel readably"),
        _("Give an address that begins with https://, unless a tunnel protects this one."),
    )


def _connected(origin: Origin, profile: ServerProfile) -> socket.socket:
    """A plain connection to the server, through the proxy's tunnel where there is one. Raises OSError."""
    if origin.proxy is None:
        return socket.create_connection((origin.host, origin.port), profile.connect_timeout_s)
    from requests.adapters import HTTPAdapter

    connection = http.client.HTTPConnection(*origin.first_hop, timeout=profile.connect_timeout_s)
    connection.set_tunnel(origin.host, origin.port, HTTPAdapter().proxy_headers(origin.proxy.geturl()))
    try:
        connection.connect()
    except http.client.HTTPException as error:
        raise OSError("the proxy speaks no HTTP") from error
    return connection.sock


def _broken_off(origin: Origin, error: OSError) -> Finding:
    if origin.proxy is not None and (status := re.search(r"\b[345]\d\d\b", str(error))):
        if status.group() == "407":
            given = origin.proxy.username is not None
            return Finding(
                "proxy",
                State.FAILED,
                _("the proxy refuses this user and password (HTTP 407)")
                if given
                else _("the proxy wants a user and a password (HTTP 407)"),
                _("Give them in HTTPS_PROXY: http://user:password@proxy:port."),
            )
        return Finding(
            "TLS",
            State.FAILED,
            _("the proxy refuses the way to {place}: HTTP {status}").format(place=origin.target, status=status.group()),
            _("Have the proxy allow {place}.").format(place=origin.target),
        )
    return Finding(
        "TLS",
        State.FAILED,
        _("{place} breaks off while TLS begins").format(place=origin.target),
        _("Check the port in the address, and whether a firewall or proxy opens TLS on the way."),
    )


def _expiry(certificate: x509.Certificate, version: str) -> Finding:
    until = certificate.not_valid_after_utc
    days = (until - datetime.now(UTC)).days
    if days >= EXPIRY_WARNING_DAYS:
        said = _("{version}, certificate trusted until {day}").format(version=version, day=f"{until:%Y-%m-%d}")
        return Finding("TLS", State.OK, said)
    said = ngettext(
        "the certificate expires in {days} day, on {day}", "the certificate expires in {days} days, on {day}", days
    )
    return Finding(
        "TLS",
        State.WARNING,
        said.format(days=days, day=f"{until:%Y-%m-%d}"),
        _("Have the server's administrator renew its certificate before that day."),
    )


def _distrusted(origin: Origin, profile: ServerProfile, error: ssl.SSLCertVerificationError) -> Finding:
    """Why a certificate isn't trusted: every reason that can be seen on it, so that one visit mends all."""
    certificate = _certificate_without_trust(origin, profile)
    if certificate is None:
        return Finding(
            "TLS", State.FAILED, _("The server's certificate can't be trusted"), _("Check the address and the CA file.")
        )
    reasons: list[tuple[str, str]] = []
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc < now:
        reasons.append(
            (
                _("the certificate expired on {day}").format(day=f"{certificate.not_valid_after_utc:%Y-%m-%d}"),
                _("Have the server's administrator renew its certificate."),
            )
        )
    if certificate.not_valid_before_utc > now:
        reasons.append(
            (
                _("the certificate is valid from {day} on").format(day=f"{certificate.not_valid_before_utc:%Y-%m-%d}"),
                _("Check the date of this computer; if it is right, the server's certificate was made too early."),
            )
        )
    names = _names(certificate)
    if not any(_matches(name, origin.host) for name in names):
        reasons.append(
            (
                _("the certificate is for {names}, not for {host}").format(
                    names=", ".join(names) or "-", host=origin.host
                ),
                _("Use a name of the certificate in the address, or have one issued for {host}.").format(
                    host=origin.host
                ),
            )
        )
    if error.verify_code in _NO_ISSUER or not reasons:
        reasons.append(_unknown_issuer(certificate, profile))
    return Finding(
        "TLS", State.FAILED, "; ".join(found for found, _do in reasons), " ".join(advice for _found, advice in reasons)
    )


def _unknown_issuer(certificate: x509.Certificate, profile: ServerProfile) -> tuple[str, str]:
    issuer = certificate.issuer.rfc4514_string()[:200]
    if profile.ca_file:
        found = _("neither this computer nor the CA file trusts the issuer of the certificate: {issuer}")
    else:
        found = _("this computer doesn't trust the issuer of the certificate: {issuer}")
    advice = _(
        "Make sure that this is your server, then install its authority's certificate on this computer, or name "
        "its PEM file in ca_file."
    )
    return found.format(issuer=issuer), advice


def _certificate_without_trust(origin: Origin, profile: ServerProfile) -> x509.Certificate | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _connected(origin, profile) as plain, context.wrap_socket(plain, server_hostname=origin.host) as secured:
            der = secured.getpeercert(True)
        return x509.load_der_x509_certificate(der) if der else None
    except (OSError, ValueError):
        return None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    ]


def _matches(name: str, host: str) -> bool:
    """Whether a name of a certificate covers the host; a star stands for one label (RFC 9525)."""
    name, host = name.lower(), host.lower()
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host

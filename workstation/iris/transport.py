"""HTTP as all of `iris` speaks it: whom to trust, what to show of oneself, where a redirect may lead, what broke.

Certificates are judged by the system's trust store, plus the profile's CA file; TLS 1.2 or newer. What signs in, token,
password or client certificate, goes to the servers of the profile alone. Messages name hosts, never addresses.
"""

import logging
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from workstation.errors import LinkDown, ServerRefused, WorkstationError
from workstation.iris.client_certificate import present
from workstation.language import _
from workstation.settings import ServerProfile

Origin = tuple[str, str, int]
E = TypeVar("E", bound=BaseException)

_ALERT_S = 2.0

# at its lower levels it logs addresses, and those of searches hold what was searched for
logging.getLogger("urllib3").setLevel(logging.ERROR)


class Transport(requests.Session):
    """The connections of one profile. `host` is for messages; `certificate_password` None: no certificate is shown."""

    def __init__(self, profile: ServerProfile, certificate_password: str | None) -> None:
        super().__init__()
        self.profile = profile
        self.host = host_of(profile)
        self._own = {origin_of(profile.dicomweb_url), origin_of(profile.workitems_root)}
        # something that adds nothing: without any, requests would look for a password in a netrc file
        self.auth = _unsigned
        self.headers["User-Agent"] = "IRIS-Workstation"
        self.headers["Accept-Encoding"] = "identity"
        self.mount("http://", HTTPAdapter(max_retries=_once_more()))
        self.mount("https://", _TrustedAdapter(tls_context(profile)))
        if profile.client_certificate_file and certificate_password is not None:
            context = tls_context(profile)
            present(context, profile, certificate_password)
            for url in {profile.dicomweb_url, profile.workitems_root}:
                parts = urlsplit(url)
                self.mount(f"{parts.scheme}://{parts.netloc}/", _TrustedAdapter(context))

    def alert(self, url: str) -> ssl.SSLError | None:
        """What the server has against the handshake, asked once more with no request behind it.

        In TLS 1.3 its word on our certificate comes after the handshake, and is lost when a request meets the closed
        connection first. None when it has nothing against it, or the way leads through a proxy.
        """
        parts = urlsplit(url)
        adapter = self.get_adapter(url)
        if (
            parts.scheme != "https"
            or not isinstance(adapter, _TrustedAdapter)
            or select_proxy(url, get_environ_proxies(url))
        ):
            return None
        try:
            with (
                socket.create_connection((str(parts.hostname), parts.port or 443), _ALERT_S) as plain,
                adapter.context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
            ):
                secured.recv(1)
        except ssl.SSLError as error:
            return error
        except OSError:
            pass
        return None

    def is_own(self, url: str) -> bool:
        """Whether an address lies on a server of the profile."""
        return origin_of(url) in self._own

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """On a redirect: nothing that signs in goes to another server."""
        if origin_of(str(prepared_request.url)) != origin_of(response.url):
            prepared_request.headers.pop("Authorization", None)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where a redirect leads. Raises ServerRefused when it would leave TLS."""
        target = super().get_redirect_target(resp)
        if target and resp.url.lower().startswith("https:"):
            aim = urljoin(resp.url, target)
            if urlsplit(aim).scheme.lower() != "https":
                resp.close()
                raise ServerRefused(
                    _("The server sends the program to an address without TLS"),
                    f"{self.host}, HTTP {resp.status_code}",
                    _("Nothing was sent there. Have the server's administrator mend the redirect."),
                    status=resp.status_code,
                )
        return target


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class OwnServersOnly(AuthBase):
    """Signs a request in only when it goes to a server of the profile."""

    def __init__(self, transport: Transport, header: str) -> None:
        self._transport = transport
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._transport.is_own(str(request.url)):
            request.headers["Authorization"] = self._header
        return request


def origin_of(url: str) -> Origin:
    """Scheme, host and port (RFC 6454) of a web address."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def host_of(profile: ServerProfile) -> str:
    """The host; raises WorkstationError when one of the addresses is none."""
    hosts = []
    for url in (profile.dicomweb_url, profile.workitems_root):
        try:
            parts = urlsplit(url)
            hosts.append(parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None)
        except ValueError:
            hosts.append(None)
    if not all(hosts):
        raise WorkstationError(
            _("The server's address can't be used"), profile.name, _("It begins with https:// and names a host.")
        )
    return str(hosts[0])


def tls_context(profile: ServerProfile) -> ssl.SSLContext:
    """Whom a session trusts: the system and the CA file. Raises WorkstationError when that can't be used."""
    import truststore

    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if profile.ca_file:
        try:
            context.load_verify_locations(cafile=profile.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise WorkstationError(_("The CA file can't be used"), profile.name, _("Check the settings.")) from error
    return context


@contextmanager
def translated(host: str, profile: ServerProfile, transport: Transport, url: str) -> Iterator[None]:
    """What requests raises as the world's errors. What it says of addresses and proxies is left out."""
    try:
        yield
    except requests.exceptions.ProxyError as error:
        raise _proxy_refused(error, host) from error
    except requests.exceptions.ConnectTimeout as error:
        raise LinkDown(_("No connection to the server"), host) from error
    except requests.exceptions.Timeout as error:
        raise LinkDown(_("The server doesn't answer"), host) from error
    except (requests.exceptions.RequestException, OSError) as error:
        if isinstance(error, ValueError):  # InvalidURL and its kin are RequestException (an OSError) and ValueError
            raise WorkstationError(_("The server's address can't be used"), profile.name) from error
        if isinstance(error, requests.exceptions.TooManyRedirects):
            raise LinkDown(_("The server sends the program round in circles"), host) from error
        broke_off = _cause(error, ssl.SSLEOFError, ConnectionResetError, BrokenPipeError)
        heard = transport.alert(url) if broke_off else None
        refused = tls_refusal(heard or error, host, profile)
        raise refused or LinkDown(_("No connection to the server"), host) from error


def proxy_wants_sign_in(host: str) -> LinkDown:
    """The error for HTTP 407."""
    return LinkDown(
        _("The proxy wants a user and a password"),
        f"{host}, HTTP 407",
        _("Give them in HTTPS_PROXY: http://user:password@proxy:port."),
    )


def _proxy_refused(error: Exception, host: str) -> LinkDown:
    status = re.search(r"failed: (\d{3})\b", str(error))
    if status and status.group(1) == "407":
        return proxy_wants_sign_in(host)
    said = f"{host}, HTTP {status.group(1)}" if status else host
    return LinkDown(
        _("No way to the server through the proxy"), said, _("Check HTTPS_PROXY, and that the proxy allows this host.")
    )


def tls_refusal(error: BaseException, host: str, profile: ServerProfile) -> LinkDown | None:
    """What a failed handshake says; None when it was none. The server's alerts (RFC 8446 6.2) are about *our*
    certificate, and come with the first answer in TLS 1.3.
    """
    cause = _cause(error, ssl.SSLError)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LinkDown(_("The server's certificate can't be trusted"), host, _("Check the address and the CA file."))
    reason = (cause.reason or "") if cause is not None else ""
    if "CERTIFICATE_EXPIRED" in reason:
        return LinkDown(
            _("The client certificate has expired"), host, _("Have a new one issued, and name it in the settings.")
        )
    if not profile.client_certificate_file and re.search("CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE", reason):
        return LinkDown(
            _("The server wants a client certificate"), host, _("Name yours in the settings of this server.")
        )
    if "_ALERT_" in reason and profile.client_certificate_file:
        return LinkDown(
            _("The server doesn't accept the client certificate"),
            f"{host}, {reason}",
            _("Check that it was issued for this server, and is still valid."),
        )
    if cause is not None:
        return LinkDown(_("No TLS connection to the server"), f"{host}, {reason}".rstrip(", "))
    return None


def _cause(error: BaseException, *wanted: type[E]) -> E | None:
    """The error of a kind inside what requests and urllib3 have wrapped around it."""
    seen: set[int] = set()
    pending: list[BaseException] = [error]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, wanted):
            return one
        inner = [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
        pending += [each for each in inner if isinstance(each, BaseException)]
    return None


class _OnceMore(Retry):
    """A second try for a GET whose connection ended without a byte of an answer, as one that rested for long does."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError) or (isinstance(error, ProtocolError) and method != "GET"):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _once_more() -> Retry:
    return _OnceMore(1, connect=0, redirect=0, status=0, other=0, respect_retry_after_header=False)


class _TrustedAdapter(HTTPAdapter):
    """An adapter that trusts what the given context trusts, not the certificate bundle of requests."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(max_retries=_once_more())

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self.context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self.context)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        # REQUESTS_CA_BUNDLE and its kin don't widen the trust
        return super().send(*args, **{**kwargs, "verify": True})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection to the context: the original would add the certifi bundle to it."""

"""One signed-in HTTP session with one server: certificates, timeouts, and its answers as our errors.

Certificates are judged by the system's trust store, plus the profile's CA file; TLS 1.2 or newer. A read is given up
when nothing arrives for `stall_timeout_s`, however long the whole may take. Messages name the host and the HTTP status
only: addresses of searches hold patient identifiers and stay out of them.
"""

import email.utils
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded, WorkstationError
from workstation.language import _
from workstation.settings import ServerProfile

READ_SIZE = 1 << 20


class Body(Protocol):
    """A request body that is streamed: its length in bytes is known, its pieces are made on the way."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class IrisSession:
    """HTTP Basic sign-in to the server of `profile`; used by several threads at once.

    Every call raises LinkDown (no answer, or it broke off), SignInNeeded (401, 403), ServerRefused (any other status
    from 300 on) or WorkstationError (an address or CA file that can't be used).
    """

    def __init__(self, profile: ServerProfile, password: str) -> None:
        self.profile = profile
        self._host = _host_of(profile)
        self._timeout = (profile.connect_timeout_s, profile.stall_timeout_s)
        self._session = requests.Session()
        if profile.user:
            # as UTF-8: requests encodes a str as Latin-1 and fails on a Cyrillic password
            self._session.auth = HTTPBasicAuth(profile.user.encode(), password.encode())
        self._session.headers["User-Agent"] = "IRIS-Workstation"
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.mount("https://", _TrustedAdapter(tls_context(profile)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def get(self, url: str, accept: str = "application/dicom+json") -> "Answer":
        """GET with the whole body read."""
        with self.stream(url, accept) as answer:
            answer.read_all()
            return answer

    def ask(self, url: str) -> "Answer":
        """GET whose status is for the caller to judge, whatever it is."""
        with self._open("GET", url, {"Accept": "application/dicom+json"}, None) as answer:
            answer.read_all()
            return answer

    @contextmanager
    def stream(self, url: str, accept: str) -> Iterator["Answer"]:
        """GET whose body is read by the caller; the connection is given back, or cut, at the end."""
        with self._open("GET", url, {"Accept": accept}, None) as answer:
            self._check(answer)
            yield answer

    def send(
        self,
        method: str,
        url: str,
        body: bytes | Body,
        content_type: str,
        accept: str = "application/dicom+json",
        expected: tuple[int, ...] = (),
    ) -> "Answer":
        """Send `body`, read the whole answer; statuses in `expected` are answers too, not errors."""
        with self._open(method, url, {"Accept": accept, "Content-Type": content_type}, body) as answer:
            if answer.status not in expected:
                self._check(answer)
            answer.read_all()
            return answer

    @contextmanager
    def _open(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> Iterator["Answer"]:
        with self._translated():
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                timeout=self._timeout,
                stream=True,
                # a redirected POST or PUT would silently become a GET
                allow_redirects=method == "GET",
            )
        answer = Answer(response, self._host)
        try:
            yield answer
        finally:
            answer.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise LinkDown(
                _("The server's certificate can't be trusted"), self._host, _("Check the address and the CA file.")
            ) from error
        except requests.exceptions.ConnectTimeout as error:
            raise LinkDown(_("No connection to the server"), self._host) from error
        except requests.exceptions.Timeout as error:
            raise LinkDown(_("The server doesn't answer"), self._host) from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, OSError) as error:
            if isinstance(error, ValueError):  # InvalidURL and its kin are RequestException (an OSError) and ValueError
                raise WorkstationError(_("The server's address can't be used"), self.profile.name) from error
            raise LinkDown(_("No connection to the server"), self._host) from error

    def _check(self, answer: "Answer") -> None:
        status = answer.status
        if status in (401, 403):
            raise SignInNeeded(
                _("The server wants you to sign in") if status == 401 else _("The server doesn't allow this"),
                f"{self._host}, HTTP {status}",
                _("Check the user name and the password."),
            )
        if status >= 300:
            raise refusal(answer, self._host)


class Answer:
    """One HTTP answer; `read` streams its body, `read_all` keeps it in `body`."""

    def __init__(self, response: requests.Response, host: str) -> None:
        self._response = response
        self.host = host
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.body = b""
        # a head that breaks off before its lengths is read as a whole one, with a body that ends where the line does
        framed = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        self._may_be_cut = not framed and self.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end. Raises LinkDown when the read stalls or the connection breaks."""
        try:
            # read1 gives what has come; read would wait for `size` bytes, and lose them when the connection breaks
            piece = bytes(self._response.raw.read1(size, decode_content=True))
        except urllib3.exceptions.ReadTimeoutError as error:
            raise LinkDown(_("The transfer stalled"), self.host) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LinkDown(_("The transfer broke off"), self.host) from error
        if not piece and self._may_be_cut:
            raise LinkDown(_("The transfer broke off"), self.host)
        self._may_be_cut = False
        return piece

    def read_all(self) -> None:
        pieces = []
        while piece := self.read(READ_SIZE):
            pieces.append(piece)
        self.body = b"".join(pieces)

    def close(self) -> None:
        # an answer read to its end has already given its connection back; any other is cut, never drained
        self._response.close()


def refusal(answer: Answer, host: str) -> ServerRefused:
    """The error for an answer that says no, with the server's Warning header (standard texts) where it has one."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    warning = answer.headers.get("Warning", "")[:200]
    detail = ", ".join(part for part in (host, f"HTTP {answer.status} {phrase}".strip(), warning) if part)
    return ServerRefused(
        _("The server refused"), detail, status=answer.status, retry_after=_retry_after(answer.headers)
    )


def malformed(what: str, host: str) -> MalformedAnswer:
    """The error for an answer that breaks its own format; `what` is the rule broken, never the content."""
    return MalformedAnswer(_("The server's answer can't be read"), f"{host}, {what}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _host_of(profile: ServerProfile) -> str:
    """The host; raises WorkstationError when one of the addresses is none."""
    hosts = []
    for url in (profile.dicomweb_url, profile.workitems_root):
        try:
            parts = urlsplit(url)
            hosts.append(parts.hostname if parts.scheme in ("http", "https") else None)
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


class _TrustedAdapter(HTTPAdapter):
    """An adapter that trusts what the given context trusts, not the certificate bundle of requests."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        # REQUESTS_CA_BUNDLE and its kin don't widen the trust
        return super().send(*args, **{**kwargs, "verify": True})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection to the context: the original would add the certifi bundle to it."""

"""One signed-in HTTP session with one server: timeouts, sign-in, and its answers as our errors.

A read is given up when nothing arrives for `stall_timeout_s`, however long the whole may take. Messages name the host
and the HTTP status only: addresses of searches hold patient identifiers and stay out of them.
"""

import email.utils
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self

import requests
import urllib3

from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded
from workstation.iris.transport import OwnServersOnly, Transport, proxy_wants_sign_in, tls_refusal, translated
from workstation.language import _
from workstation.settings import ServerProfile

READ_SIZE = 1 << 20


class Body(Protocol):
    """A request body that is streamed: its length in bytes is known, its pieces are made on the way."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class AccessTokens(Protocol):
    """Where a session has its access token from (RFC 6750); both raise SignInNeeded when there is no way to one."""

    def access_token(self) -> str:
        """The token of the moment; fetched when there is none yet."""
        ...

    def renewed(self, refused: str) -> str:
        """Another token than the one that the server has just refused."""
        ...


class IrisSession:
    """HTTP Basic, an access token, a client certificate or nothing; used by several threads at once.

    Every call raises LinkDown (no answer, or it broke off), SignInNeeded (401, 403), ServerRefused (any other status
    from 300 on) or WorkstationError (an address, CA file or client certificate that can't be used). A refused token is
    renewed once, and what was asked is asked once more.
    """

    def __init__(
        self, profile: ServerProfile, password: str, tokens: AccessTokens | None = None, certificate_password: str = ""
    ) -> None:
        self.profile = profile
        self._tokens = tokens
        self._timeout = (profile.connect_timeout_s, profile.stall_timeout_s)
        self._session = Transport(profile, certificate_password)
        self._host = self._session.host
        if profile.user and tokens is None:
            # as UTF-8 (RFC 7617 2.1): requests encodes as Latin-1 and fails on a Cyrillic password
            basic = b64encode(f"{profile.user}:{password}".encode()).decode()
            self._session.auth = OwnServersOnly(self._session, f"Basic {basic}")

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
        if self._tokens is None:
            answer = self._ask(method, url, headers, body)
        else:
            token = self._tokens.access_token()
            answer = self._ask(method, url, headers, body, token)
            if answer.status == 401:
                answer.close()
                answer = self._ask(method, url, headers, body, self._tokens.renewed(token))
        try:
            yield answer
        finally:
            answer.close()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None, token: str = ""
    ) -> "Answer":
        with translated(self._host, self.profile, self._session, url):
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                auth=OwnServersOnly(self._session, f"Bearer {token}") if token else None,
                timeout=self._timeout,
                stream=True,
                # a redirected POST or PUT would silently become a GET
                allow_redirects=method == "GET",
            )
        return Answer(response, self._host, self.profile)

    def _check(self, answer: "Answer") -> None:
        status = answer.status
        if status in (401, 403):
            by_browser = self.profile.signs_in_by_browser
            raise SignInNeeded(
                _("The server wants you to sign in") if status == 401 else _("The server doesn't allow this"),
                f"{self._host}, HTTP {status}",
                _("Sign in again in the browser.") if by_browser else _("Check the user name and the password."),
            )
        if status == 407:
            raise proxy_wants_sign_in(self._host)
        if status >= 300:
            raise refusal(answer, self._host)


class Answer:
    """One HTTP answer; `read` streams its body, `read_all` keeps it in `body`."""

    def __init__(self, response: requests.Response, host: str, profile: ServerProfile) -> None:
        self._response = response
        self._profile = profile
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
            refused = tls_refusal(error, self.host, self._profile)
            raise refused or LinkDown(_("The transfer broke off"), self.host) from error
        if not piece and self._may_be_cut:
            raise LinkDown(_("The transfer broke off"), self.host)
        self._may_be_cut = False
        return piece

    def read_all(self) -> None:
        pieces = []
        while piece := self.read(READ_SIZE):
            pieces.append(piece)
        self.body = b"".join(pieces)

    def abort(self) -> None:
        """End the transfer, also for a thread that waits in `read` for bytes; that raises, or finds an end."""
        # an answer read to its end has no connection any more, and nothing to end
        with suppress(ValueError, RuntimeError, OSError):
            self._response.raw.shutdown()

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
    if value.isascii() and value.isdigit():
        return float(value)
    # a moment of the server's is on the server's clock, which need not be ours
    moment, its_now = _moment(value), _moment(headers.get("Date", ""))
    if moment is None:
        return None
    return max(0.0, moment - (time.time() if its_now is None else its_now))


def _moment(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None

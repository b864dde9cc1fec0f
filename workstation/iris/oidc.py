"""Signing in by OpenID Connect: authorization code with PKCE in the system's browser (RFC 6749, 7636, 8252).

The access token stays in memory; the refresh token is kept where the caller says, each new one durably before anything
is done with the tokens that came with it. `authlib` keeps the protocol, `joserfc` the signatures; both load late.
"""

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from workstation.errors import LinkDown, MalformedAnswer, SignInNeeded, WorkstationError
from workstation.iris.loopback import Loopback
from workstation.iris.transport import Transport, translated
from workstation.jobs import Cancellation
from workstation.language import _
from workstation.settings import ServerProfile

if TYPE_CHECKING:
    from authlib.oauth2.client import OAuth2Client
    from joserfc.jwk import KeySet

log = logging.getLogger(__name__)

WAIT_S = 300.0
# as doctor judges clocks: beyond five minutes something has to be done about them
CLOCK_LEEWAY_S = 300
_RENEW_BEFORE_S = 30.0
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
# what a provider may call its own trouble (RFC 6749 4.1.2.1)
_PASSING = ("server_error", "temporarily_unavailable", "slow_down")


class Keep(Protocol):
    """Where the refresh token of one profile is kept. `store` returns when it is durable."""

    def load(self) -> str | None: ...

    def store(self, token: str) -> None: ...

    def forget(self) -> None: ...


@dataclass(frozen=True)
class Provider:
    """The addresses of an OpenID provider; `revocation` may be empty."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    revocation: str
    algorithms: tuple[str, ...]


def discover(profile: ServerProfile, transport: Transport) -> Provider:
    """The provider as the profile names it, or as it describes itself (OpenID Connect Discovery 1.0, 4).

    Raises LinkDown, MalformedAnswer, and WorkstationError for addresses that can't be used.
    """
    issuer = profile.oidc_issuer.rstrip("/")
    _must_be_safe(profile, issuer)
    if profile.oidc_authorization_url and profile.oidc_token_url:
        named = {
            "issuer": profile.oidc_issuer,
            "authorization_endpoint": profile.oidc_authorization_url,
            "token_endpoint": profile.oidc_token_url,
            "jwks_uri": profile.oidc_jwks_url,
            "revocation_endpoint": profile.oidc_revocation_url,
        }
    else:
        named = _document(f"{issuer}/.well-known/openid-configuration", profile, transport)
        if str(named.get("issuer", "")).rstrip("/") != issuer:
            raise WorkstationError(
                _("The sign-in server calls itself otherwise"),
                _host(issuer),
                _("Write oidc_issuer as the server does, or look for a mistake in its settings."),
            )
    try:
        found = Provider(
            named["issuer"],
            named["authorization_endpoint"],
            named["token_endpoint"],
            named["jwks_uri"],
            named.get("revocation_endpoint", ""),
            tuple(one for one in named.get("id_token_signing_alg_values_supported", _ALGORITHMS) if one in _ALGORITHMS),
        )
    except (KeyError, TypeError) as error:
        raise MalformedAnswer(_("The description of the sign-in server can't be read"), _host(issuer)) from error
    for address in (found.authorization, found.token, found.jwks, found.revocation or found.token):
        _must_be_safe(profile, address)
    return found


class Tokens:
    """The tokens of one profile; several threads may ask. `keep` outlives the program, the access token doesn't."""

    def __init__(self, profile: ServerProfile, keep: Keep) -> None:
        self.profile = profile
        self._keep = keep
        self._lock = threading.Lock()
        self._provider: Provider | None = None
        self._access = ""
        self._until = 0.0
        # in the rare case that a new one can't be kept, it is good for this run
        self._unkept = ""

    def access_token(self) -> str:
        """The token of the moment, renewed when its time is up. Raises SignInNeeded, LinkDown, MalformedAnswer."""
        with self._lock:
            if not self._access or time.monotonic() > self._until:
                self._renew()
            return self._access

    def renewed(self, refused: str) -> str:
        """Another token than `refused`: of all threads that were refused at once, one fetches it."""
        with self._lock:
            if self._access in ("", refused):
                self._renew()
            return self._access

    def sign_in(self, open_page: Callable[[str], object], cancellation: Cancellation, wait_s: float = WAIT_S) -> str:
        """Let the reader sign in in the browser that `open_page` opens at an address; whom the provider names then.

        Raises SignInNeeded (refused, or nobody came in time), Cancelled, LinkDown, MalformedAnswer, WorkstationError.
        """
        state, nonce, verifier = (secrets.token_urlsafe(48) for _part in range(3))
        with self._client() as (client, provider), Loopback(state) as listener:
            client.redirect_uri = listener.address
            hint = {"login_hint": self.profile.user} if self.profile.user else {}
            address, _state = client.create_authorization_url(
                provider.authorization, state=state, code_verifier=verifier, nonce=nonce, **hint
            )
            open_page(address)
            answer = listener.wait(wait_s, cancellation)
            if "error" in answer:
                raise _refused(answer["error"], _host(provider.issuer))
            # another provider's answer may have been passed to us (RFC 9207)
            if answer.get("iss", provider.issuer) != provider.issuer:
                raise _untrusted("iss", _host(provider.issuer))
            got = client.fetch_token(
                provider.token,
                grant_type="authorization_code",
                code=answer["code"],
                code_verifier=verifier,
                allow_redirects=False,
                timeout=self._timeout,
            )
            who = self._judged(client, provider, dict(got), nonce)
            with self._lock:
                self._take(dict(got))
        return who

    def sign_out(self) -> bool:
        """Forget the tokens here, then at the provider, where it offers that (RFC 7009); whether it took note."""
        with self._lock:
            refresh = self._unkept or self._keep.load()
            self._access, self._unkept = "", ""
            self._keep.forget()
            if not refresh:
                return False
            with self._client() as (client, provider):
                if not provider.revocation:
                    return False
                answer = client.revoke_token(
                    provider.revocation,
                    token=refresh,
                    token_type_hint="refresh_token",
                    allow_redirects=False,
                    timeout=self._timeout,
                )
                return bool(answer.status_code < 300)

    @property
    def known(self) -> bool:
        """Whether there is something to sign in with without the reader."""
        return bool(self._access or self._unkept or self._keep.load())

    @property
    def _timeout(self) -> tuple[float, float]:
        return self.profile.connect_timeout_s, self.profile.stall_timeout_s

    def _renew(self) -> None:
        used = self._unkept or self._keep.load()
        if not used:
            raise _nobody(self.profile)
        try:
            self._refresh(used)
        except SignInNeeded:
            # another program of this desk may have been faster: a refresh token is good for once
            newer = self._keep.load()
            if newer is None or newer == used:
                self._access = ""
                raise
            self._refresh(newer)

    def _refresh(self, used: str) -> None:
        with self._client() as (client, provider):
            got = client.refresh_token(provider.token, refresh_token=used, allow_redirects=False, timeout=self._timeout)
            self._take(dict(got), used)

    def _take(self, got: dict[str, Any], used: str = "") -> None:
        """Keep what came; the refresh token first, or a crash would leave one that is spent."""
        access, refresh = got.get("access_token"), got.get("refresh_token") or used
        if not isinstance(access, str) or str(got.get("token_type", "")).lower() != "bearer":
            raise MalformedAnswer(_("The sign-in server's answer can't be read"), _host(self.profile.oidc_issuer))
        if refresh and refresh != used:
            try:
                self._keep.store(refresh)
                self._unkept = ""
            except (WorkstationError, OSError) as error:
                log.warning("the refresh token can't be kept: %s", type(error).__name__)
                self._unkept = refresh
        lifetime = got.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else 3600.0
        # counted from now by a clock that nobody sets: the provider's may be wrong
        self._access, self._until = access, time.monotonic() + seconds - min(_RENEW_BEFORE_S, seconds / 10)

    def _judged(self, client: "OAuth2Client", provider: Provider, got: dict[str, Any], nonce: str) -> str:
        """Who the ID token names. Raises SignInNeeded when it isn't this provider's word for us (OIDC Core 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError

        host = _host(provider.issuer)
        keys = _document(provider.jwks, self.profile, client.session)
        try:
            token = jwt.decode(str(got["id_token"]), _key_set(keys), algorithms=list(provider.algorithms))
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": provider.issuer},
                    "aud": {"essential": True, "value": self.profile.oidc_client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self.profile.oidc_client_id, "access_token": got.get("access_token")},
            )
            claims.validate(leeway=CLOCK_LEEWAY_S)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            claim = getattr(error, "claim", "") or getattr(error, "error", "") or type(error).__name__
            raise _untrusted(_word(claim), host) from error
        name = claims.get("preferred_username") or claims["sub"]
        return str(name)

    @contextmanager
    def _client(self) -> Iterator[tuple["OAuth2Client", Provider]]:
        """authlib's client on a transport of ours, with what both raise as the world's errors."""
        from authlib.integrations.base_client.errors import OAuthError
        from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
        from authlib.oauth2.client import OAuth2Client

        host = _host(self.profile.oidc_issuer)
        issuer = self.profile.oidc_issuer
        with Transport(self.profile, None) as transport, translated(host, self.profile, transport, issuer):
            provider = self._provider or discover(self.profile, transport)
            self._provider = provider
            client = OAuth2Client(
                transport,
                client_id=self.profile.oidc_client_id,
                scope=self.profile.oidc_scope,
                code_challenge_method="S256",
            )
            # as its own session for requests has them
            client.client_auth_class = OAuth2ClientAuth
            client.oauth_error_class = OAuthError
            client.SESSION_REQUEST_PARAMS = ("allow_redirects", "timeout")
            try:
                yield client, provider
            except OAuthError as error:
                raise _refused(str(error.error), host) from error
            except ValueError as error:
                if isinstance(error, OSError):
                    raise
                raise MalformedAnswer(_("The sign-in server's answer can't be read"), host) from error


def _key_set(document: dict[str, Any]) -> "KeySet":
    """The keys of a provider that may sign; what else its document lists is not looked at."""
    from joserfc.jwk import KeySet

    keys = [
        one for one in document["keys"] if one.get("use", "sig") == "sig" and one.get("kty") in ("RSA", "EC", "OKP")
    ]
    return KeySet.import_key_set({"keys": keys})


def _document(address: str, profile: ServerProfile, transport: Transport) -> dict[str, Any]:
    host = _host(address)
    with translated(host, profile, transport, address):
        answer = transport.get(
            address,
            headers={"Accept": "application/json"},
            timeout=(profile.connect_timeout_s, profile.stall_timeout_s),
        )
        if answer.status_code != 200:
            raise LinkDown(
                _("The sign-in server doesn't describe itself"),
                f"{host}, HTTP {answer.status_code}",
                _("Check oidc_issuer in the settings of this server."),
            )
        try:
            found = answer.json()
        except ValueError:
            found = None
    if not isinstance(found, dict):
        raise MalformedAnswer(_("The description of the sign-in server can't be read"), host)
    return found


def _must_be_safe(profile: ServerProfile, address: str) -> None:
    """https, or this computer: codes and tokens pass there."""
    try:
        parts = urlsplit(address)
        safe = parts.hostname and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
        )
    except ValueError:
        safe = False
    if not safe:
        raise WorkstationError(
            _("The address of the sign-in server can't be used"), profile.name, _("It begins with https://.")
        )


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _word(said: object) -> str:
    """A code of the standard, as it may stand in a message; never a value."""
    return re.sub(r"[^A-Za-z0-9_]", "", str(said))[:40]


def _nobody(profile: ServerProfile) -> SignInNeeded:
    return SignInNeeded(
        _("You are not signed in to {server}").format(server=profile.name), advice=_("Sign in in the browser.")
    )


def _refused(code: str, host: str) -> WorkstationError:
    said = f"{host}, {_word(code)}"
    if code in _PASSING:
        return LinkDown(_("The sign-in server can't answer now"), said)
    if code == "access_denied":
        return SignInNeeded(_("The sign-in was declined"), said, _("Sign in again in the browser."))
    if code == "invalid_grant":
        return SignInNeeded(_("The sign-in has ended"), said, _("Sign in again in the browser; nothing is lost."))
    return SignInNeeded(
        _("The sign-in server refuses this program"),
        said,
        _("Have its administrator check oidc_client_id, the scope and the address 127.0.0.1."),
    )


def _untrusted(what: str, host: str) -> SignInNeeded:
    times = what in ("exp", "iat", "nbf", "expired_token", "invalid_token")
    return SignInNeeded(
        _("The word of the sign-in server can't be trusted"),
        f"{host}, {what}",
        _("Check the clock of this computer.") if times else _("Tell the administrator of the server."),
    )

"""An OpenID Connect provider for the embedded IRIS: a sign-in page, codes with PKCE, access and refresh tokens.

Everything is in memory and ends with the server. Checks are real: S256 alone, a code once, a refresh token once (one
that comes again ends its whole family, RFC 9700 4.14.2). Tokens are signed here, without any code of the client's.
"""

import hashlib
import html
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

OIDC_ROOT = "/oidc"
CLIENT_ID = "iris-workstation"
CODE_SECONDS = 60
_NO_STORE = {"Cache-Control": "no-store"}
_PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>IRIS</title><style>
body{{font:16px sans-serif;background:#0f172a;color:#e2e8f0;display:grid;place-items:center;height:90vh}}
form{{background:#1e293b;padding:32px;border-radius:10px;display:grid;gap:12px;width:280px}}
input,button{{font:inherit;padding:8px;border-radius:6px;border:0}}button{{background:#38bdf8}}</style></head>
<body><form method="post"><b>IRIS</b>{said}<input name="username" placeholder="reader" autofocus>
<input name="password" type="password"><button>Sign in / Войти</button></form></body></html>"""


@dataclass
class _Family:
    """Everything that one sign-in has led to."""

    user: str
    client_id: str
    ended: bool = False
    refresh: str = ""
    spent: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Code:
    family: _Family
    redirect_uri: str
    challenge: str
    nonce: str
    made: float


class IdentityProvider:
    """The provider of one user; the attributes are switches for tests."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._used_codes: dict[str, _Family] = {}
        self._families: list[_Family] = []
        self._access: dict[str, tuple[_Family, float]] = {}
        # how long an access token lives
        self.access_seconds = 300.0
        # a browser that needs no page: the user is signed in there already
        self.immediate = False
        # the user says no
        self.denying = False
        # claims of ID tokens to be replaced, None left out; a key that nobody knows; a clock that is ahead
        self.claims: dict[str, Any] = {}
        self.foreign_key = False
        self.clock_ahead = 0.0
        self.rotating = True
        # how often a refresh token was taken
        self.refreshes = 0

    def routes(self) -> list[Route]:
        """The endpoints, below `OIDC_ROOT`."""
        return [
            Route(f"{OIDC_ROOT}/.well-known/openid-configuration", self.discovery),
            Route(f"{OIDC_ROOT}/jwks", self.jwks),
            Route(f"{OIDC_ROOT}/authorize", self.authorize, methods=["GET", "POST"]),
            Route(f"{OIDC_ROOT}/token", self.token, methods=["POST"]),
            Route(f"{OIDC_ROOT}/revoke", self.revoke, methods=["POST"]),
        ]

    def expire_access(self) -> None:
        """Let every access token given so far end now."""
        with self._lock:
            self._access.clear()

    def end_sessions(self) -> None:
        """Let every sign-in end, its refresh token too."""
        with self._lock:
            for family in self._families:
                family.ended = True
            self._access.clear()

    def accepts(self, access_token: str) -> bool:
        """Whether requests with this access token may pass."""
        with self._lock:
            family, until = self._access.get(access_token, (None, 0.0))
            return family is not None and not family.ended and time.monotonic() < until

    async def discovery(self, request: Request) -> Response:
        """OpenID Connect Discovery 1.0."""
        issuer = _issuer(request)
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "revocation_endpoint": f"{issuer}/revoke",
                "jwks_uri": f"{issuer}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["none"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def jwks(self, _request: Request) -> Response:
        """The key that ID tokens are signed with (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        point = {"x": _base64(numbers.x.to_bytes(32)), "y": _base64(numbers.y.to_bytes(32))}
        return JSONResponse(
            {"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "1", **point}]}
        )

    async def authorize(self, request: Request) -> Response:
        """The page in the browser (RFC 6749 4.1.1, RFC 7636 4.3), and its answer."""
        wish = dict(request.query_params)
        if wish.get("client_id") != CLIENT_ID or not _loopback(wish.get("redirect_uri", "")):
            # never send a browser to where nobody registered
            return HTMLResponse("unknown client or redirect_uri", 400)
        issuer = _issuer(request)
        if wish.get("response_type") != "code" or wish.get("code_challenge_method") != "S256":
            return _back(wish, issuer, error="invalid_request")
        if len(wish.get("code_challenge", "")) != 43 or "openid" not in wish.get("scope", "").split():
            return _back(wish, issuer, error="invalid_request")
        if self.denying:
            return _back(wish, issuer, error="access_denied")
        if not self.immediate:
            form = dict(parse_qsl((await request.body()).decode())) if request.method == "POST" else {}
            if (form.get("username"), form.get("password")) != (self._user, self._password):
                said = html.escape("Wrong user or password / Неверное имя или пароль") if form else ""
                return HTMLResponse(_PAGE.format(said=said), 401 if form else 200)
        family = _Family(self._user, CLIENT_ID)
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._families.append(family)
            self._codes[code] = _Code(
                family, wish["redirect_uri"], wish["code_challenge"], wish.get("nonce", ""), time.monotonic()
            )
        return _back(wish, issuer, code=code)

    async def token(self, request: Request) -> Response:
        """A code (RFC 6749 4.1.3) or a refresh token (6) becomes tokens."""
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("client_id") != CLIENT_ID:
            return _no("invalid_client", 401)
        with self._lock:
            match form.get("grant_type"):
                case "authorization_code":
                    return self._for_code(form, _issuer(request))
                case "refresh_token":
                    return self._for_refresh(form, _issuer(request))
        return _no("unsupported_grant_type")

    async def revoke(self, request: Request) -> Response:
        """End a sign-in by its token (RFC 7009); a token that is unknown is no error."""
        form = dict(parse_qsl((await request.body()).decode()))
        with self._lock:
            for family in self._families:
                if form.get("token") in (family.refresh, *family.spent):
                    family.ended = True
        return Response(status_code=200)

    def _for_code(self, form: dict[str, str], issuer: str) -> Response:
        given = form.get("code", "")
        if (again := self._used_codes.get(given)) is not None:
            again.ended = True
            return _no("invalid_grant")
        code = self._codes.pop(given, None)
        if code is None or time.monotonic() - code.made > CODE_SECONDS:
            return _no("invalid_grant")
        self._used_codes[given] = code.family
        verifier = form.get("code_verifier", "")
        proof = _base64(hashlib.sha256(verifier.encode()).digest())
        if not 43 <= len(verifier) <= 128 or proof != code.challenge or form.get("redirect_uri") != code.redirect_uri:
            return _no("invalid_grant")
        return self._tokens(code.family, {"id_token": self._id_token(code, issuer)})

    def _for_refresh(self, form: dict[str, str], issuer: str) -> Response:
        given = form.get("refresh_token", "")
        self.refreshes += 1
        for family in self._families:
            if given in family.spent:
                family.ended = True
            if given == family.refresh and not family.ended:
                return self._tokens(family, {})
        return _no("invalid_grant")

    def _tokens(self, family: _Family, more: dict[str, str]) -> Response:
        access = secrets.token_urlsafe(24)
        self._access[access] = (family, time.monotonic() + self.access_seconds)
        if self.rotating or not family.refresh:
            if family.refresh:
                family.spent.add(family.refresh)
            family.refresh = secrets.token_urlsafe(24)
            more = {**more, "refresh_token": family.refresh}
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": int(self.access_seconds), **more}
        return JSONResponse(answer, headers=_NO_STORE)

    def _id_token(self, code: _Code, issuer: str) -> str:
        now = int(time.time() + self.clock_ahead)
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": code.family.user,
            "aud": code.family.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": code.nonce,
            **self.claims,
        }
        header = {"alg": "ES256", "typ": "JWT", "kid": "1"}
        known = {name: value for name, value in claims.items() if value is not None}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, known))
        key = ec.generate_private_key(ec.SECP256R1()) if self.foreign_key else self._key
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"


def _issuer(request: Request) -> str:
    return str(request.base_url).rstrip("/") + OIDC_ROOT


def _loopback(uri: str) -> bool:
    """Any port of the loopback interface (RFC 8252 7.3)."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1")


def _back(wish: dict[str, str], issuer: str, **said: str) -> Response:
    """Send the browser back to the program (RFC 6749 4.1.2, RFC 9207)."""
    answer = urlencode({**said, "state": wish.get("state", ""), "iss": issuer})
    return RedirectResponse(f"{wish['redirect_uri']}?{answer}", 302)


def _no(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status, headers=_NO_STORE)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

"""The embedded IRIS's OpenID Connect provider, asked by a client that breaks the rules."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from workstation.demo.oidc import CLIENT_ID
from workstation.demo.server import EmbeddedIris

# the pair of RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
BACK = "http://127.0.0.1:54321/callback"


@pytest.fixture
def iris(tmp_path: Path) -> Iterator[EmbeddedIris]:
    with EmbeddedIris(tmp_path / "iris") as server:
        server.provider.immediate = True
        yield server


def authorize(iris: EmbeddedIris, **changed: str) -> requests.Response:
    wish = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return requests.get(f"{iris.issuer}/authorize", wish, allow_redirects=False, timeout=10)


def landed(answer: requests.Response) -> dict[str, str]:
    assert answer.headers["Location"].startswith(BACK + "?")
    return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def redeem(iris: EmbeddedIris, code: str, **changed: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "code": code,
        "code_verifier": VERIFIER,
        **changed,
    }
    return requests.post(f"{iris.issuer}/token", form, timeout=10)


def refresh(iris: EmbeddedIris, token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
    return requests.post(f"{iris.issuer}/token", form, timeout=10)


def search(iris: EmbeddedIris, token: str) -> int:
    return requests.get(f"{iris.url}/studies", headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code


def test_the_challenge_is_that_of_the_standard() -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == CHALLENGE


def test_a_code_with_its_verifier_becomes_a_token_that_opens_the_archive(iris: EmbeddedIris) -> None:
    answer = redeem(iris, landed(authorize(iris))["code"])
    assert answer.status_code == 200
    assert search(iris, answer.json()["access_token"]) == 200
    assert search(iris, "another") == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": "http://127.0.0.1:1/callback"},
        {"client_id": "another"},
    ],
)
def test_a_code_is_worth_nothing_without_what_it_was_made_for(iris: EmbeddedIris, changed: dict[str, str]) -> None:
    answer = redeem(iris, landed(authorize(iris))["code"], **changed)
    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.text


def test_a_code_that_comes_twice_ends_what_it_gave(iris: EmbeddedIris) -> None:
    code = landed(authorize(iris))["code"]
    token = redeem(iris, code).json()["access_token"]
    assert redeem(iris, code).json() == {"error": "invalid_grant"}
    assert search(iris, token) == 401


def test_a_refresh_token_that_comes_twice_ends_the_sign_in(iris: EmbeddedIris) -> None:
    first = redeem(iris, landed(authorize(iris))["code"]).json()
    second = refresh(iris, first["refresh_token"]).json()
    assert search(iris, second["access_token"]) == 200
    assert refresh(iris, first["refresh_token"]).json() == {"error": "invalid_grant"}
    assert refresh(iris, second["refresh_token"]).json() == {"error": "invalid_grant"}
    assert search(iris, second["access_token"]) == 401


def test_a_revoked_sign_in_is_over(iris: EmbeddedIris) -> None:
    given = redeem(iris, landed(authorize(iris))["code"]).json()
    requests.post(f"{iris.issuer}/revoke", {"token": given["refresh_token"]}, timeout=10)
    assert search(iris, given["access_token"]) == 401
    assert refresh(iris, given["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [{"code_challenge_method": "plain"}, {"code_challenge": ""}, {"scope": "email"}, {"response_type": "token"}],
)
def test_a_wish_without_s256_or_openid_gets_no_code(iris: EmbeddedIris, changed: dict[str, str]) -> None:
    assert landed(authorize(iris, **changed)) == {"error": "invalid_request", "state": "s", "iss": iris.issuer}


@pytest.mark.parametrize("back", ["https://elsewhere.example/callback", "http://127.0.0.1.elsewhere.example/", ""])
def test_a_browser_is_sent_nowhere_but_to_this_computer(iris: EmbeddedIris, back: str) -> None:
    answer = authorize(iris, redirect_uri=back)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_the_page_lets_in_with_the_right_password_alone(iris: EmbeddedIris) -> None:
    iris.provider.immediate = False
    page = authorize(iris)
    assert (page.status_code, "<form" in page.text) == (200, True)
    form = {"username": iris.user, "password": "wrong"}
    assert requests.post(page.url, form, allow_redirects=False, timeout=10).status_code == 401
    form["password"] = iris.password
    assert "code" in landed(requests.post(page.url, form, allow_redirects=False, timeout=10))

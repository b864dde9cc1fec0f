"""What doctor says of a client certificate and of a sign-in in the browser."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import requests

from tests import tls_server
from workstation.demo.oidc import CLIENT_ID
from workstation.demo.server import EmbeddedIris
from workstation.iris.finding import Finding, State
from workstation.iris.oidc import Tokens
from workstation.iris.service_checks import Credentials, examine
from workstation.jobs import Cancellation
from workstation.language import set_language
from workstation.settings import ServerProfile

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tls_server.TestAuthority:
    return tls_server.new_authority(tmp_path_factory.mktemp("authority"), "Hospital CA")


def examined(profile: ServerProfile, known: Credentials) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(profile, known)}


def shown(authority: tls_server.TestAuthority, url: str = "https://127.0.0.1:1", **days: float) -> ServerProfile:
    certificate, key = authority.issue(("reader",), **days)
    return ServerProfile(
        "IRIS",
        url,
        ca_file=str(authority.file),
        client_certificate_file=str(certificate),
        client_key_file=str(key),
        connect_timeout_s=2,
        stall_timeout_s=2,
    )


@pytest.mark.parametrize(
    ("days", "state", "said"),
    [
        ({"begins": -9, "ends": -1}, State.FAILED, "CN=reader has expired on"),
        ({"begins": 2, "ends": 9}, State.FAILED, "CN=reader is valid from"),
        ({"begins": -9, "ends": 5.5}, State.WARNING, "CN=reader expires in 5 days"),
    ],
)
def test_the_dates_of_a_client_certificate_are_read_before_it_is_shown(
    authority: tls_server.TestAuthority, days: dict[str, float], state: State, said: str
) -> None:
    found = examined(shown(authority, **days), Credentials())["client certificate"]
    assert (found.state, found.found.startswith(said)) == (state, True)
    assert found.advice


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_is_named_with_and_without_one(
    authority: tls_server.TestAuthority, raw: ModuleType, newest: ssl.TLSVersion
) -> None:
    serve = tls_server.Secured(authority.issue((HERE,)), raw.http(b"[]"), authority.file, newest)
    with tls_server.listening(serve) as port:
        profile = shown(authority, f"https://{HERE}:{port}")
        found = examined(profile, Credentials())
        assert found["client certificate"].found.startswith("CN=reader, issued by CN=Hospital CA, until")
        assert (found["TLS"].state, found["search"].state) == (State.OK, State.OK)
        bare = ServerProfile("IRIS", profile.dicomweb_url, ca_file=str(authority.file))
        lacking = examined(bare, Credentials())
    (failed,) = [one for one in lacking.values() if one.state is State.FAILED]
    assert failed.found.startswith("The server wants a client certificate")
    assert failed.advice == "Name yours in the settings of this server."


def test_a_password_of_the_key_that_is_not_known_is_named(authority: tls_server.TestAuthority, tmp_path: Path) -> None:
    (tmp_path / "reader.p12").write_bytes(b"\x30\x82 not a good one")
    profile = ServerProfile("IRIS", "https://127.0.0.1:1", client_certificate_file=str(tmp_path / "reader.p12"))
    found = examined(profile, Credentials())["client certificate"]
    assert found.found.endswith("the password of its key is wrong or not known")
    assert "certificate-password" in found.advice


class Drawer:
    def __init__(self, token: str | None = None) -> None:
        self.now = token

    def load(self) -> str | None:
        return self.now

    def store(self, token: str) -> None:
        self.now = token

    def forget(self) -> None:
        self.now = None


@pytest.fixture
def profile(embedded: EmbeddedIris) -> ServerProfile:
    embedded.provider.immediate = True
    return ServerProfile("IRIS", embedded.url, oidc_issuer=embedded.issuer, oidc_client_id=CLIENT_ID)


def test_a_sign_in_in_the_browser_is_checked_from_its_server_to_the_token(
    profile: ServerProfile, embedded: EmbeddedIris
) -> None:
    tokens = Tokens(profile, Drawer())
    nobody = examined(profile, Credentials(tokens=tokens))
    assert nobody["sign-in"].found == "nobody is signed in to this server"
    assert "iris-workstation sign-in --server IRIS" in nobody["sign-in"].advice
    assert nobody["sign-in server"].found == f"{embedded.issuer}, signing out is offered"
    assert nobody["search"].state is State.NOT_CHECKED

    tokens.sign_in(lambda address: requests.get(address, timeout=5), Cancellation(), 5)
    found = examined(profile, Credentials(tokens=tokens))
    assert found["sign-in"].found == f"by a token of {embedded.issuer}"
    assert {one.state for one in found.values()} == {State.OK, State.NOT_CHECKED}

    embedded.provider.end_sessions()
    ended = examined(profile, Credentials(tokens=tokens))["sign-in"]
    assert (ended.state, ended.found) == (State.FAILED, "The sign-in has ended: 127.0.0.1, invalid_grant")


def test_a_server_that_does_not_take_the_token_is_told_from_one_that_does_not_give_it(
    profile: ServerProfile, embedded: EmbeddedIris
) -> None:
    tokens = Tokens(profile, Drawer())
    tokens.sign_in(lambda address: requests.get(address, timeout=5), Cancellation(), 5)
    embedded.faults.force(401, "*/studies", None)
    refused = examined(profile, Credentials(tokens=tokens))["sign-in"]
    assert refused.found == "the server refuses a token that its sign-in server has just given (HTTP 401)"
    embedded.faults.clear()
    embedded.faults.force(404, "/oidc/*", None)
    silent = examined(profile, Credentials(tokens=Tokens(profile, Drawer())))
    assert silent["sign-in server"].found == "The sign-in server doesn't describe itself: 127.0.0.1, HTTP 404"
    assert "oidc_issuer" in silent["sign-in server"].advice
    assert silent["sign-in"].state is State.NOT_CHECKED


def test_what_is_known_is_in_no_representation() -> None:
    assert "geheim" not in repr(Credentials("geheim", None, "geheim"))

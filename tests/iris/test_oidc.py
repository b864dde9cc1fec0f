"""Signing in by OpenID Connect, against the embedded IRIS's own provider: what is checked, kept, renewed and said."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from workstation.demo.oidc import CLIENT_ID, IdentityProvider
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import Cancelled, LinkDown, SignInNeeded, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.oidc import Tokens
from workstation.iris.session import IrisSession
from workstation.jobs import Cancellation
from workstation.language import set_language
from workstation.settings import ServerProfile


class Drawer:
    """Where a refresh token is kept, and every one that ever was."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.now: str | None = None

    def load(self) -> str | None:
        return self.now

    def store(self, token: str) -> None:
        self.all.append(token)
        self.now = token

    def forget(self) -> None:
        self.now = None


class Browser:
    """Opens a page as a browser does, following redirects, and remembers what it was shown."""

    def __init__(self, iris: EmbeddedIris) -> None:
        self._iris = iris
        self.addresses: list[str] = []
        self.pages: list[requests.Response] = []

    def __call__(self, address: str) -> None:
        self.addresses.append(address)
        threading.Thread(target=self._visit, args=(address,), daemon=True).start()

    def _visit(self, address: str) -> None:
        page = requests.get(address, timeout=10)
        if "<form" in page.text:
            page = requests.post(address, {"username": self._iris.user, "password": self._iris.password}, timeout=10)
        self.pages.append(page)


@pytest.fixture
def provider(embedded: EmbeddedIris) -> IdentityProvider:
    return embedded.provider


@pytest.fixture
def profile(embedded: EmbeddedIris) -> ServerProfile:
    return ServerProfile("IRIS", embedded.url, oidc_issuer=embedded.issuer, oidc_client_id=CLIENT_ID, stall_timeout_s=5)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def tokens(profile: ServerProfile, drawer: Drawer) -> Tokens:
    return Tokens(profile, drawer)


@pytest.fixture
def browser(embedded: EmbeddedIris) -> Browser:
    return Browser(embedded)


@pytest.fixture
def signed_in(tokens: Tokens, browser: Browser) -> Tokens:
    assert tokens.sign_in(browser, Cancellation(), 10) == "reader"
    return tokens


@pytest.fixture
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def wait_for(true: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_sign_in_leads_through_the_page_of_the_server_to_its_worklist(
    tokens: Tokens, browser: Browser, profile: ServerProfile, drawer: Drawer
) -> None:
    assert tokens.sign_in(browser, Cancellation(), 10) == "reader"
    with IrisSession(profile, "", tokens) as session:
        DicomWeb(session).check()
    asked = {name: value[0] for name, value in parse_qs(urlsplit(browser.addresses[0]).query).items()}
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    assert len(asked["state"]) >= 43
    assert asked["nonce"] not in ("", asked["state"])
    assert drawer.now
    assert drawer.now not in browser.addresses[0]


@pytest.mark.parametrize(
    ("language", "said"), [("en", "You may close this page"), ("ru", "Эту страницу можно закрыть")]
)
def test_the_page_at_the_end_says_that_it_may_be_closed(
    tokens: Tokens, browser: Browser, english: None, language: str, said: str
) -> None:
    set_language(language)
    tokens.sign_in(browser, Cancellation(), 10)
    wait_for(lambda: browser.pages)
    assert browser.pages[0].status_code == 200
    assert said in browser.pages[0].content.decode()
    assert f'lang="{language}"' in browser.pages[0].content.decode()
    assert browser.pages[0].headers["Cache-Control"] == "no-store"


def test_an_answer_without_the_state_is_turned_away_and_waiting_goes_on(tokens: Tokens, browser: Browser) -> None:
    forged: list[int] = []

    def attacked(address: str) -> None:
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        for query in ("code=stolen&state=guessed", "code=stolen", "state="):
            forged.append(requests.get(f"{back}?{query}", timeout=5).status_code)
        forged.append(requests.get(back.replace("/callback", "/favicon.ico"), timeout=5).status_code)
        browser(address)

    assert tokens.sign_in(attacked, Cancellation(), 10) == "reader"
    assert forged == [400, 400, 400, 404]


def test_a_page_that_nobody_fills_in_is_given_up_and_can_be_cancelled(tokens: Tokens, drawer: Drawer) -> None:
    started = time.monotonic()
    with pytest.raises(SignInNeeded) as late:
        tokens.sign_in(lambda _address: None, Cancellation(), 0.3)
    assert time.monotonic() - started < 3
    assert "browser" in late.value.title
    cancellation = Cancellation()
    threading.Timer(0.3, cancellation.cancel).start()
    with pytest.raises(Cancelled):
        tokens.sign_in(lambda _address: None, cancellation, 30)
    assert drawer.now is None


def test_a_reader_who_says_no_is_told_so(tokens: Tokens, browser: Browser, provider: IdentityProvider) -> None:
    provider.denying = True
    with pytest.raises(SignInNeeded) as declined:
        tokens.sign_in(browser, Cancellation(), 10)
    assert "declined" in declined.value.title


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"iss": "https://elsewhere.example"}, "iss"),
        ({"aud": "another-program"}, "aud"),
        ({"aud": ["iris-workstation", "another-program"]}, "azp"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_500_000_000}, "exp"),
        ({"iat": 9_000_000_000}, "iat|invalid_token"),
        ({"sub": None}, "sub"),
        ({"exp": None}, "exp"),
    ],
)
def test_an_id_token_that_says_something_else_is_not_believed(
    tokens: Tokens, browser: Browser, provider: IdentityProvider, drawer: Drawer, claims: dict[str, Any], word: str
) -> None:
    provider.claims = claims
    with pytest.raises(SignInNeeded) as untrusted:
        tokens.sign_in(browser, Cancellation(), 10)
    assert "can't be trusted" in untrusted.value.title
    assert re.search(word, untrusted.value.detail)
    assert drawer.now is None


def test_an_id_token_of_another_key_is_not_believed(
    tokens: Tokens, browser: Browser, provider: IdentityProvider, drawer: Drawer
) -> None:
    provider.foreign_key = True
    with pytest.raises(SignInNeeded):
        tokens.sign_in(browser, Cancellation(), 10)
    assert drawer.now is None


@pytest.mark.parametrize(("ahead", "believed"), [(200, True), (-500, True), (400, False), (-700, False)])
def test_a_clock_may_be_wrong_by_five_minutes_and_no_more(
    tokens: Tokens, browser: Browser, provider: IdentityProvider, ahead: float, believed: bool
) -> None:
    # an ID token of the provider lives for 300 s
    provider.clock_ahead = ahead
    if believed:
        assert tokens.sign_in(browser, Cancellation(), 10) == "reader"
    else:
        with pytest.raises(SignInNeeded) as untrusted:
            tokens.sign_in(browser, Cancellation(), 10)
        assert "clock" in untrusted.value.advice


def test_a_provider_that_calls_itself_otherwise_is_not_asked(profile: ServerProfile, drawer: Drawer, raw: Any) -> None:
    opened: list[str] = []
    with raw.raw_server(raw.http(b'{"issuer": "https://elsewhere.example"}', "application/json")) as server:
        named = replace(profile, oidc_issuer=server.url)
        with pytest.raises(WorkstationError) as refused:
            Tokens(named, drawer).sign_in(opened.append, Cancellation(), 1)
    assert "calls itself otherwise" in refused.value.title
    assert opened == []


@pytest.mark.parametrize("issuer", ["http://iris.example", "ftp://127.0.0.1", "nonsense", "http://["])
def test_a_sign_in_server_without_tls_is_not_used(profile: ServerProfile, drawer: Drawer, issuer: str) -> None:
    with pytest.raises(WorkstationError) as refused:
        Tokens(replace(profile, oidc_issuer=issuer), drawer).sign_in(lambda _address: None, Cancellation(), 1)
    assert "address of the sign-in server" in refused.value.title


def test_addresses_of_the_profile_stand_in_for_a_description(
    profile: ServerProfile, drawer: Drawer, embedded: EmbeddedIris, browser: Browser
) -> None:
    embedded.faults.force(404, "*openid-configuration", None)
    named = replace(
        profile,
        oidc_authorization_url=f"{embedded.issuer}/authorize",
        oidc_token_url=f"{embedded.issuer}/token",
        oidc_jwks_url=f"{embedded.issuer}/jwks",
    )
    with pytest.raises(LinkDown):
        Tokens(profile, drawer).sign_in(browser, Cancellation(), 5)
    assert Tokens(named, drawer).sign_in(browser, Cancellation(), 10) == "reader"


def test_a_refused_token_is_renewed_once_and_the_request_is_sent_again(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, drawer: Drawer
) -> None:
    with IrisSession(profile, "", signed_in) as session:
        DicomWeb(session).check()
        provider.expire_access()
        DicomWeb(session).check()
    assert (provider.refreshes, len(drawer.all)) == (1, 2)
    assert drawer.now == drawer.all[1] != drawer.all[0]


def test_a_new_refresh_token_is_kept_before_the_access_token_is_used(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, embedded: EmbeddedIris, drawer: Drawer
) -> None:
    kept_at: list[int] = []
    accepts = provider.accepts

    def noted(token: str) -> bool:
        kept_at.append(len(drawer.all))
        return accepts(token)

    provider.accepts = noted  # type: ignore[method-assign]
    provider.expire_access()
    with IrisSession(profile, "", signed_in) as session:
        DicomWeb(session).check()
    # refused with the first kept, asked again with the second kept
    assert kept_at == [1, 2]


def test_threads_that_are_refused_at_once_refresh_once(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider
) -> None:
    provider.expire_access()
    failed: list[BaseException] = []
    ready = threading.Barrier(8)
    with IrisSession(profile, "", signed_in) as session:

        def ask() -> None:
            ready.wait(5)
            try:
                for _time in range(3):
                    DicomWeb(session).check()
            except WorkstationError as error:
                failed.append(error)

        threads = [threading.Thread(target=ask) for _one in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert failed == []
    assert provider.refreshes == 1


def test_a_pull_goes_on_when_the_token_ends_in_its_middle(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, tiny: Any
) -> None:
    uid = new_uid()
    objects = tiny.ct_series(6, study_uid=uid)
    with IrisSession(profile, "", signed_in) as session:
        web = DicomWeb(session)
        web.store(uid, objects)
        (series,) = web.search_series(uid)
        arrived = []
        for number, data in enumerate(web.retrieve_series(uid, series.series_uid)):
            if number == 1:
                provider.expire_access()
            arrived.append(data)
        again = list(web.retrieve_series(uid, series.series_uid))
    assert sorted(arrived) == sorted(again) == sorted(objects)
    assert provider.refreshes == 1


def test_an_access_token_is_renewed_before_its_time_is_up(
    tokens: Tokens, browser: Browser, profile: ServerProfile, provider: IdentityProvider
) -> None:
    provider.access_seconds = 1
    tokens.sign_in(browser, Cancellation(), 10)
    refused = []
    accepts = provider.accepts
    provider.accepts = lambda token: accepts(token) or bool(refused.append(token))  # type: ignore[method-assign]
    with IrisSession(profile, "", tokens) as session:
        DicomWeb(session).check()
        time.sleep(1.0)
        DicomWeb(session).check()
    assert (provider.refreshes, refused) == (1, [])


def test_a_new_start_signs_in_by_the_kept_token_alone(
    signed_in: Tokens, profile: ServerProfile, drawer: Drawer, provider: IdentityProvider
) -> None:
    with IrisSession(profile, "", Tokens(profile, drawer)) as session:
        DicomWeb(session).check()
    assert provider.refreshes == 1


def test_a_sign_in_that_has_ended_asks_for_another_and_nothing_is_tried_again(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider
) -> None:
    provider.end_sessions()
    with IrisSession(profile, "", signed_in) as session:
        with pytest.raises(SignInNeeded) as ended:
            DicomWeb(session).check()
        assert ended.value.title == "The sign-in has ended"
        assert provider.refreshes == 1


def test_a_provider_in_trouble_is_a_link_that_is_down_and_costs_no_sign_in(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, embedded: EmbeddedIris, drawer: Drawer
) -> None:
    provider.expire_access()
    embedded.faults.force(503, "/oidc/token")
    with IrisSession(profile, "", signed_in) as session:
        with pytest.raises(LinkDown):
            DicomWeb(session).check()
        assert drawer.now == drawer.all[0]
        DicomWeb(session).check()


def test_a_401_after_a_renewal_is_not_tried_for_ever(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, embedded: EmbeddedIris
) -> None:
    embedded.faults.force(401, "*/studies", None)
    with IrisSession(profile, "", signed_in) as session, pytest.raises(SignInNeeded) as refused:
        DicomWeb(session).check()
    assert provider.refreshes == 1
    assert "browser" in refused.value.advice


def test_two_programs_of_a_desk_share_a_sign_in(
    signed_in: Tokens, profile: ServerProfile, provider: IdentityProvider, drawer: Drawer
) -> None:
    class Late(Drawer):
        """Shows the other program's spent token first, as a race would."""

        def __init__(self, spent: str) -> None:
            super().__init__()
            self.looks = iter([spent])

        def load(self) -> str | None:
            return next(self.looks, None) or drawer.load()

        def store(self, token: str) -> None:
            drawer.store(token)

    provider.rotating = False
    with IrisSession(profile, "", Tokens(profile, Late("spent by the other"))) as session:
        DicomWeb(session).check()
    assert provider.refreshes == 2


def test_signing_out_ends_the_sign_in_at_the_provider_too(
    signed_in: Tokens, profile: ServerProfile, drawer: Drawer, provider: IdentityProvider
) -> None:
    refresh = drawer.now
    assert signed_in.sign_out()
    assert drawer.now is None
    with pytest.raises(SignInNeeded):
        signed_in.access_token()
    drawer.store(str(refresh))
    with pytest.raises(SignInNeeded):
        signed_in.access_token()


def test_nothing_that_signs_in_is_ever_logged_or_told(
    tokens: Tokens,
    browser: Browser,
    profile: ServerProfile,
    provider: IdentityProvider,
    drawer: Drawer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    tokens.sign_in(browser, Cancellation(), 10)
    secret = [tokens.access_token()]
    with IrisSession(profile, "", tokens) as session:
        provider.expire_access()
        DicomWeb(session).check()
        secret.append(tokens.access_token())
        provider.end_sessions()
        with pytest.raises(SignInNeeded) as ended:
            DicomWeb(session).check()
        told += [str(ended.value), repr(ended.value), repr(session), repr(tokens)]
    wait_for(lambda: browser.pages)
    landed = parse_qs(urlsplit(browser.pages[0].url).query)
    secret += [*drawer.all, landed["code"][0]]
    # the browser of this test logs what it visits; the program is the others
    logged = [
        f"{one.name} {one.getMessage()} {one.exc_text}"
        for one in caplog.records
        if "/oidc/authorize" not in one.getMessage() and "/callback" not in one.getMessage()
    ]
    assert len(logged) > 3
    for one in secret:
        assert len(one) > 20
        assert not any(one in line for line in (*logged, *told))

"""The way that all requests go: client certificates, proxies, redirects, and what may never leave or be told."""

import logging
import os
import socket
import ssl
import stat
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests import tls_server
from workstation.errors import LinkDown, ServerRefused, WorkstationError
from workstation.iris.client_certificate import read
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.iris.workitems import Workitems
from workstation.language import set_language
from workstation.settings import ServerProfile

HERE = "127.0.0.1"
PASSWORD = "пароль 8d41f"


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    set_language("en")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tls_server.TestAuthority:
    return tls_server.new_authority(tmp_path_factory.mktemp("authority"), "Hospital CA")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tls_server.TestAuthority:
    return tls_server.new_authority(tmp_path_factory.mktemp("other"), "Other CA")


class Wanted:
    """A TLS server that wants a client certificate of the hospital."""

    def __init__(self, authority: tls_server.TestAuthority, answer: bytes, newest: ssl.TLSVersion) -> None:
        self.serve = tls_server.Secured(authority.issue((HERE,)), answer, authority.file, newest)
        self.url = ""


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def wanted(request: Any, authority: tls_server.TestAuthority, raw: ModuleType) -> Iterator[Wanted]:
    server = Wanted(authority, raw.http(b"[]"), request.param)
    with tls_server.listening(server.serve) as port:
        server.url = f"https://{HERE}:{port}"
        yield server


def check(url: str, ca: Path | None = None, password: str = "", **profile: Any) -> None:
    settings = ServerProfile(
        "IRIS", url, ca_file=str(ca or ""), **{"connect_timeout_s": 3, "stall_timeout_s": 3, **profile}
    )
    with IrisSession(settings, PASSWORD, None, password) as session:
        DicomWeb(session).check()


def pair(authority: tls_server.TestAuthority, **days: float) -> dict[str, str]:
    certificate, key = authority.issue(("reader",), **days)
    return {"client_certificate_file": str(certificate), "client_key_file": str(key)}


def pkcs12_of(files: dict[str, str], folder: Path, password: str) -> Path:
    from cryptography import x509

    key = serialization.load_pem_private_key(Path(files["client_key_file"]).read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(Path(files["client_certificate_file"]).read_bytes())
    sealed = pkcs12.serialize_key_and_certificates(
        b"reader",
        key,  # type: ignore[arg-type]
        certificate,
        None,
        serialization.BestAvailableEncryption(password.encode()),
    )
    path = folder / "reader.p12"
    path.write_bytes(sealed)
    return path


def test_a_pair_of_files_opens_the_server(wanted: Wanted, authority: tls_server.TestAuthority) -> None:
    check(wanted.url, authority.file, **pair(authority))
    assert "reader" in str(wanted.serve.shown)


def test_one_file_with_certificate_and_key_does_too(
    wanted: Wanted, authority: tls_server.TestAuthority, tmp_path: Path
) -> None:
    files = pair(authority)
    both = tmp_path / "both.pem"
    for first, second in (files.values(), reversed(files.values())):
        both.write_bytes(Path(first).read_bytes() + Path(second).read_bytes())
        check(wanted.url, authority.file, client_certificate_file=str(both))
    assert len(wanted.serve.shown) == 2


def test_pkcs12_opens_it_with_its_password_and_leaves_no_key_behind(
    wanted: Wanted, authority: tls_server.TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pkcs12_of(pair(authority), tmp_path, "пароль ключа")
    made: list[bytes] = []
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    load = ssl.SSLContext.load_cert_chain

    def seen(self: ssl.SSLContext, certfile: str, **options: Any) -> None:
        made.append(Path(certfile).read_bytes())
        assert stat.S_IMODE(os.stat(certfile).st_mode) == 0o600
        load(self, certfile, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", seen)
    check(wanted.url, authority.file, "пароль ключа", client_certificate_file=str(path))
    assert list(folder.iterdir()) == []
    assert b"ENCRYPTED PRIVATE KEY" in made[0]
    assert "reader" in str(wanted.serve.shown)


def test_a_server_that_wants_a_certificate_says_so(wanted: Wanted, authority: tls_server.TestAuthority) -> None:
    with pytest.raises(LinkDown) as refused:
        check(wanted.url, authority.file)
    assert refused.value.title == "The server wants a client certificate"
    assert wanted.serve.asked == []


def test_an_expired_certificate_says_so(wanted: Wanted, authority: tls_server.TestAuthority) -> None:
    with pytest.raises(LinkDown) as refused:
        check(wanted.url, authority.file, **pair(authority, begins=-30, ends=-1))
    assert refused.value.title == "The client certificate has expired"


def test_a_certificate_of_another_authority_is_not_accepted(
    wanted: Wanted, authority: tls_server.TestAuthority, other: tls_server.TestAuthority
) -> None:
    with pytest.raises(LinkDown) as refused:
        check(wanted.url, authority.file, **pair(other))
    assert refused.value.title == "The server doesn't accept the client certificate"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("missing", "none.pem can't be read"),
        ("no certificate", "bad.pem holds no certificate"),
        ("no key", "its private key is missing"),
        ("another key", "certificate and key don't belong together"),
        ("wrong password", "the password of its key is wrong or not known"),
        ("no password", "the password of its key is wrong or not known"),
        ("sealed key", "the password of its key is wrong or not known"),
    ],
)
def test_a_certificate_that_can_not_be_used_says_why(
    authority: tls_server.TestAuthority, tmp_path: Path, broken: str, said: str
) -> None:
    files, password = pair(authority), ""
    if broken == "missing":
        files["client_certificate_file"] = str(tmp_path / "none.pem")
    elif broken == "no certificate":
        (tmp_path / "bad.pem").write_text("nothing")
        files["client_certificate_file"] = str(tmp_path / "bad.pem")
    elif broken == "no key":
        files["client_key_file"] = files["client_certificate_file"]
    elif broken == "another key":
        files["client_key_file"] = pair(authority)["client_key_file"]
    elif broken == "sealed key":
        key = serialization.load_pem_private_key(Path(files["client_key_file"]).read_bytes(), None)
        Path(files["client_key_file"]).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"right"),
            )
        )
        password = "wrong"
    else:
        files = {"client_certificate_file": str(pkcs12_of(files, tmp_path, "right"))}
        password = "wrong" if broken == "wrong password" else ""
    with pytest.raises(WorkstationError) as unusable:
        check("https://127.0.0.1:1", authority.file, password, **files)
    assert unusable.value.title == "The client certificate can't be used"
    assert unusable.value.detail == f"IRIS, {said}"
    assert unusable.value.advice


def test_a_certificate_is_shown_to_its_own_server_alone(authority: tls_server.TestAuthority, raw: ModuleType) -> None:
    elsewhere = tls_server.Secured(authority.issue((HERE,)), raw.http(b"[]"), authority.file)
    with tls_server.listening(elsewhere) as far:
        moved = raw.http(b"", status="302 Found", extra=f"Location: https://{HERE}:{far}/studies\r\n")
        here = tls_server.Secured(authority.issue((HERE,)), moved, authority.file)
        with tls_server.listening(here) as near, pytest.raises(LinkDown):
            check(f"https://{HERE}:{near}", authority.file, **pair(authority))
    assert len(here.shown) == 1
    assert elsewhere.asked == []


def test_a_password_goes_to_its_own_server_alone(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as elsewhere:
        moved = raw.http(b"", status="307 Temporary Redirect", extra=f"Location: {elsewhere.url}/studies?limit=1\r\n")
        with raw.raw_server(moved) as here:
            check(here.url, user="reader")
    assert "authorization" in here.requests[0].headers
    assert "authorization" not in elsewhere.requests[0].headers


def test_a_password_stays_on_a_redirect_within_the_server(raw: ModuleType) -> None:
    moved = raw.http(b"", status="301 Moved Permanently", extra="Location: /other/studies?limit=1\r\n")
    with raw.raw_server(moved, raw.http(b"[]")) as here:
        check(here.url, user="reader")
    first, second = here.requests
    assert second.line.startswith("GET /other/studies")
    assert first.headers["authorization"] == second.headers["authorization"]


def test_no_password_of_the_computer_user_is_sent(
    raw: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine {HERE} login somebody password elsewhere\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    moved = raw.http(b"", status="302 Found", extra="Location: /studies\r\n")
    with raw.raw_server(moved, raw.http(b"[]")) as here:
        check(here.url)
    assert [sorted(request.headers) for request in here.requests if "authorization" in request.headers] == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_out_of_tls_is_refused(authority: tls_server.TestAuthority, raw: ModuleType, method: str) -> None:
    with raw.raw_server(raw.http(b"[]")) as plain:
        moved = raw.http(b"", status="308 Permanent Redirect", extra=f"Location: {plain.url}/studies\r\n")
        secured = tls_server.Secured(authority.issue((HERE,)), moved)
        with tls_server.listening(secured) as port:
            profile = ServerProfile("IRIS", f"https://{HERE}:{port}", user="reader", ca_file=str(authority.file))
            with IrisSession(profile, PASSWORD) as session:
                web = DicomWeb(session)
                with pytest.raises(ServerRefused) as refused:
                    web.check() if method == "GET" else web.store("1.2", [b"x"])
    assert "without TLS" in refused.value.title
    assert plain.requests == []


def test_a_server_that_redirects_for_ever_is_left(raw: ModuleType) -> None:
    again = raw.http(b"", status="302 Found", extra="Location: /again\r\n")
    with raw.raw_server(again) as server, pytest.raises(LinkDown) as circles:
        check(server.url)
    assert "circles" in circles.value.title


def test_the_way_leads_through_a_proxy_with_its_user_and_password(
    authority: tls_server.TestAuthority, raw: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = tls_server.Proxy()
    with (
        tls_server.listening(proxy) as way,
        tls_server.listening(tls_server.Secured(authority.issue((HERE,)), raw.http(b"[]"))) as port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://surf:geheim77@{HERE}:{way}")
        check(f"https://{HERE}:{port}", authority.file, user="reader")
    assert proxy.asked == [f"CONNECT {HERE}:{port} HTTP/1.1"] or proxy.asked == [f"CONNECT {HERE}:{port} HTTP/1.0"]
    assert "Basic " + b64encode(b"surf:geheim77").decode() in proxy.heads[0]
    # what signs in to the server stays within its TLS
    assert proxy.heads[0].lower().count("authorization:") == 1


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("407 Proxy Authentication Required", "The proxy wants a user and a password"),
        ("403 Forbidden", "No way to the server through the proxy"),
    ],
)
def test_a_proxy_that_refuses_says_what_it_wants_and_no_secret_is_told(
    raw: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: str, title: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with tls_server.listening(tls_server.Proxy(status)) as way:
        monkeypatch.setenv("HTTPS_PROXY", f"http://surf:geheim77@{HERE}:{way}")
        with pytest.raises(LinkDown) as refused:
            check("https://iris.example/dicom-web", user="reader")
    assert refused.value.title == title
    assert "geheim77" not in caplog.text + str(refused.value) + repr(refused.value)


def test_a_proxy_of_plain_http_is_asked_for_its_password_too(raw: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw.raw_server(raw.http(b"", "text/html", status="407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(LinkDown) as refused:
            check("http://iris.example/dicom-web")
    assert refused.value.title == "The proxy wants a user and a password"


def test_no_password_and_nothing_searched_for_is_logged(raw: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server((HERE, 0)) as probe:
        dead = f"http://{HERE}:{probe.getsockname()[1]}"
    told = []
    with raw.raw_server(raw.http(b"", status="500 Oops")) as server:
        for url in (server.url, dead):
            settings = ServerProfile("IRIS", url, user="reader", connect_timeout_s=2)
            with IrisSession(settings, PASSWORD) as session, pytest.raises(WorkstationError) as error:
                list(DicomWeb(session).search_studies({"PatientID": "77-123"}))
            told.append(f"{error.value} {error.value!r} {session!r}")
    basic = b64encode(f"reader:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, basic, "77-123"):
        assert not any(secret in line for line in (*told, caplog.text))


@pytest.mark.parametrize("spelling", ["", "TransactionUID", "transactionuid"])
def test_each_deed_on_a_workitem_names_who_asks_and_its_key_as_the_server_spells_it(
    raw: ModuleType, spelling: str
) -> None:
    with raw.raw_server(raw.http(b"", status="200 OK")) as server:
        profile = ServerProfile("IRIS", server.url, aet="READER-1", transaction_uid_in_query=spelling)
        with IrisSession(profile, "") as session:
            workitems = Workitems(session)
            workitems.claim("1.2.3", "2.25.77")
            assert workitems.probe("1.2.3", "2.25.77")
            workitems.update("1.2.3", "2.25.77", {})
    query = "?requester=READER-1" + (f"&{spelling}=2.25.77" if spelling else "")
    assert [request.line for request in server.requests] == [
        f"PUT /workitems/1.2.3/state{query} HTTP/1.1",
        f"POST /workitems/1.2.3{query} HTTP/1.1",
        f"POST /workitems/1.2.3{query} HTTP/1.1",
    ]
    assert all(b'"00081195"' in request.body and b"2.25.77" in request.body for request in server.requests)


def test_a_certificate_and_its_key_are_not_written_into_representations(authority: tls_server.TestAuthority) -> None:
    found = read(ServerProfile("IRIS", "https://iris.example", **pair(authority)), "")
    assert "key" not in repr(found)
    assert "BEGIN" not in repr(found)

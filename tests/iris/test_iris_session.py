"""The session: certificates, sign-in, stalls, and answers as our errors."""

import base64
import datetime
import socket
import ssl
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded, WorkstationError
from workstation.iris.dicomweb import ACCEPT_INSTANCES, DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile


def client(url: str, **profile: Any) -> DicomWeb:
    settings = ServerProfile(
        "test", url, **{"user": "reader", "stall_timeout_s": 0.4, "connect_timeout_s": 2, **profile}
    )
    return DicomWeb(IrisSession(settings, "пароль"))


def test_user_and_password_go_as_utf_8(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as server:
        client(server.url).check()
        scheme, token = server.requests[0].headers["authorization"].split()
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", "reader:пароль")


@pytest.mark.parametrize(("status", "error"), [("401 Unauthorized", SignInNeeded), ("403 Forbidden", SignInNeeded)])
def test_a_refused_sign_in_asks_for_another(raw: ModuleType, status: str, error: type[Exception]) -> None:
    with raw.raw_server(raw.http(b"", status=status)) as server, pytest.raises(error):
        client(server.url).check()


def test_a_refusal_carries_the_status_and_the_wish_of_the_server(raw: ModuleType) -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    date = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    answers = (
        raw.http(b"", status="429 Too Many Requests", extra="Retry-After: 17\r\n"),
        raw.http(b"", status="503 Service Unavailable", extra=f"Retry-After: {date}\r\n"),
        raw.http(b"", status="500 Oops", extra="Retry-After: soon\r\n"),
    )
    refusals = []
    with raw.raw_server(*answers) as server:
        for _answer in answers:
            with pytest.raises(ServerRefused) as refused:
                client(server.url).check()
            refusals.append((refused.value.status, refused.value.retry_after))
    assert refusals[0] == (429, 17.0)
    assert refusals[1][0] == 503
    assert refusals[1][1] == pytest.approx(90, abs=3)
    assert refusals[2] == (500, None)


def test_nobody_listening_is_a_link_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(LinkDown):
        client(f"http://127.0.0.1:{port}").check()


def test_a_server_that_never_answers_is_given_up(raw: ModuleType) -> None:
    with raw.raw_server(lambda _connection, _request: server.released.wait(10)) as server:
        started = time.monotonic()
        with pytest.raises(LinkDown):
            client(server.url).check()
    assert time.monotonic() - started < 2


def test_a_stalled_read_is_given_up_and_a_slow_one_is_not(raw: ModuleType) -> None:
    body = b"--b\r\nContent-Length: 6\r\n\r\nabcdef\r\n--b\r\nContent-Length: 6\r\n\r\nghijkl\r\n--b--"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=b\r\nContent-Length: %d\r\n\r\n" % len(body)

    def slow(connection: socket.socket, _request: object) -> None:
        connection.sendall(head)
        for start in range(0, len(body), 8):
            time.sleep(0.1)
            connection.sendall(body[start : start + 8])

    def stalled(connection: socket.socket, _request: object) -> None:
        connection.sendall(head + body[:50])
        server.released.wait(10)

    with raw.raw_server(slow, stalled) as server:
        assert list(client(server.url).retrieve_series("1", "2")) == [b"abcdef", b"ghijkl"]
        arriving = client(server.url).retrieve_series("1", "2")
        assert next(arriving) == b"abcdef"
        started = time.monotonic()
        with pytest.raises(LinkDown):
            next(arriving)
        assert time.monotonic() - started < 2


def test_a_cut_connection_gives_the_whole_parts_first(raw: ModuleType) -> None:
    body = b"--b\r\nContent-Length: 6\r\n\r\nabcdef\r\n--b\r\nContent-Length: 6\r\n\r\nghi"
    cut = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=b\r\nContent-Length: 500\r\n\r\n" + body
    with raw.raw_server(cut) as server:
        arriving = client(server.url).retrieve_series("1", "2")
        assert next(arriving) == b"abcdef"
        with pytest.raises(LinkDown):
            next(arriving)


def test_the_accept_header_asks_for_the_bytes_as_they_are(raw: ModuleType) -> None:
    answer = raw.http(b"--b\r\n\r\nx\r\n--b--", "multipart/related; boundary=b")
    with raw.raw_server(answer) as server:
        list(client(server.url).retrieve_series("1.2", "3.4"))
        request = server.requests[0]
    assert request.line == "GET /studies/1.2/series/3.4 HTTP/1.1"
    assert request.headers["accept"] == ACCEPT_INSTANCES
    assert ACCEPT_INSTANCES == 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: application/dicom+json\r\n\r\n{]}", b"nonsense\r\n\r\n"],
)
def test_nonsense_is_an_error_of_the_world(raw: ModuleType, answer: bytes) -> None:
    with raw.raw_server(answer) as server, pytest.raises((MalformedAnswer, LinkDown)):
        client(server.url).check()


def test_a_page_where_instances_should_be_is_malformed(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"<html>", "text/html")) as server, pytest.raises(MalformedAnswer):
        list(client(server.url).retrieve_series("1", "2"))


@pytest.mark.parametrize("address", ["", "iris.example", "http://", "http://[", "gopher://x"])
def test_an_address_that_is_none_says_so(address: str) -> None:
    with pytest.raises(WorkstationError) as error:
        client(address).check()
    assert "address" in error.value.title


def test_no_message_holds_what_was_searched_for(raw: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(LinkDown) as down:
        list(client(f"http://127.0.0.1:{port}").search_studies({"PatientID": "77-1"}))
    answer = raw.http(b"no 77-1 here", status="400 Bad Request")
    with raw.raw_server(answer) as server, pytest.raises(ServerRefused) as refused:
        list(client(server.url).search_studies({"PatientID": "77-1"}))
    assert "77-1" not in f"{down.value} {refused.value} {down.value.args} {refused.value.args}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_a_certificate_is_trusted_by_the_ca_file_alone(
    tmp_path: Path, raw: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"

        def serve() -> None:
            for _connection in range(3):
                plain, _address = listener.accept()
                plain.settimeout(5)
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65536)
                        connection.sendall(raw.http(b"[]"))
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(LinkDown) as refused:
            client(url).check()
        assert "certificate" in refused.value.title
        # a bundle named in the environment doesn't widen the trust
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with pytest.raises(LinkDown):
            client(url).check()
        client(url, ca_file=str(certificate)).check()
        thread.join(5)


def test_a_ca_file_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkstationError) as missing:
        client("https://127.0.0.1", ca_file=str(tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(WorkstationError):
        client("https://127.0.0.1", ca_file=str(tmp_path / "bad.pem"))
    assert "CA" in missing.value.title

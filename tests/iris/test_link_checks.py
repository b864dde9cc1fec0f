"""Each layer of the way to a server, broken by itself: the finding names the fault and says what to do."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import tls_server
from workstation.iris.finding import Finding, State
from workstation.iris.service_checks import SERVICES, Credentials, examine
from workstation.language import set_language
from workstation.settings import ServerProfile

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tls_server.TestAuthority:
    return tls_server.new_authority(tmp_path_factory.mktemp("trusted"), "Hospital CA")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tls_server.TestAuthority:
    return tls_server.new_authority(tmp_path_factory.mktemp("other"), "Other CA")


def examined(url: str, password: str | None = "secret", **profile: Any) -> dict[str, Finding]:
    """The findings by their checks."""
    settings = ServerProfile("test", url, **{"connect_timeout_s": 2, "stall_timeout_s": 2, **profile})
    return {finding.check: finding for finding in examine(settings, Credentials(password))}


def failed_at(found: dict[str, Finding], check: str) -> Finding:
    """The one failure; what comes after it is left out."""
    assert [name for name, finding in found.items() if finding.state is State.FAILED] == [check]
    assert all(found[name].state is State.NOT_CHECKED for name in SERVICES)
    assert found[check].advice
    return found[check]


def served(files: tuple[Path, Path], raw: ModuleType) -> Any:
    return tls_server.listening(tls_server.Secured(files, raw.http(b"[]")))


def test_a_stopped_server_is_told_from_one_that_is_unknown() -> None:
    with socket.create_server((HERE, 0)) as probe:
        port = probe.getsockname()[1]
    refused = failed_at(examined(f"http://{HERE}:{port}/dicom-web"), "connection")
    assert refused.found == f"127.0.0.1:{port} refuses the connection: nothing listens there"
    assert refused.advice == "Start the server, or mend the port in the address."
    unknown = failed_at(examined("https://nowhere.invalid/dicom-web"), "name")
    assert unknown.found == "nobody knows the name nowhere.invalid"
    assert "DNS" in unknown.advice


def test_a_stopped_server_in_russian() -> None:
    set_language("ru")
    with socket.create_server((HERE, 0)) as probe:
        port = probe.getsockname()[1]
    refused = failed_at(examined(f"http://{HERE}:{port}"), "connection")
    assert refused.found == f"127.0.0.1:{port} отвергает соединение: там никто не слушает"
    assert refused.advice == "Запустите сервер или исправьте порт в адресе."


@pytest.mark.parametrize("url", ["iris.example", "ftp://iris.example", "https://iris.example:port"])
def test_an_address_that_is_none_says_so(url: str) -> None:
    assert "address" in failed_at(examined(url), "address").found


def test_a_certificate_of_the_authority_in_the_ca_file_is_trusted(
    trusted: tls_server.TestAuthority, raw: ModuleType
) -> None:
    with served(trusted.issue((HERE,)), raw) as port:
        found = examined(f"https://{HERE}:{port}", ca_file=str(trusted.file))
    assert found["TLS"].state is State.OK
    assert found["TLS"].found.startswith("TLSv1.")
    assert found["search"].state is State.OK


def test_a_wrong_ca_names_the_issuer(
    trusted: tls_server.TestAuthority, other: tls_server.TestAuthority, raw: ModuleType
) -> None:
    with served(trusted.issue((HERE,)), raw) as port:
        by_file = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(other.file)), "TLS")
        by_system = failed_at(examined(f"https://{HERE}:{port}"), "TLS")
        set_language("ru")
        russian = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(other.file)), "TLS")
    assert by_file.found == "neither this computer nor the CA file trusts the issuer of the certificate: CN=Hospital CA"
    assert by_system.found == "this computer doesn't trust the issuer of the certificate: CN=Hospital CA"
    assert "ca_file" in by_system.advice
    assert "ни этот компьютер, ни файл УЦ: CN=Hospital CA" in russian.found
    assert "Убедитесь, что это ваш сервер" in russian.advice


def test_a_ca_file_that_is_none_says_so(trusted: tls_server.TestAuthority, raw: ModuleType, tmp_path: Path) -> None:
    with served(trusted.issue((HERE,)), raw) as port:
        found = examined(f"https://{HERE}:{port}", ca_file=str(tmp_path / "absent.pem"))
    assert "CA file" in failed_at(found, "TLS").found
    assert "PEM" in found["TLS"].advice


def test_an_expired_certificate_says_since_when(trusted: tls_server.TestAuthority, raw: ModuleType) -> None:
    with served(trusted.issue((HERE,), -30, -3), raw) as port:
        found = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "TLS")
    assert found.found.startswith("the certificate expired on 20")
    assert ";" not in found.found
    assert found.advice == "Have the server's administrator renew its certificate."


def test_a_certificate_of_tomorrow_points_at_the_date_of_this_computer(
    trusted: tls_server.TestAuthority, raw: ModuleType
) -> None:
    with served(trusted.issue((HERE,), 1, 30), raw) as port:
        found = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "TLS")
    assert found.found.startswith("the certificate is valid from 20")
    assert found.advice.startswith("Check the date of this computer")


def test_a_certificate_of_another_host_names_both(trusted: tls_server.TestAuthority, raw: ModuleType) -> None:
    with served(trusted.issue(("iris.example", "*.clinic.example")), raw) as port:
        found = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "TLS")
    assert found.found == "the certificate is for iris.example, *.clinic.example, not for 127.0.0.1"


def test_every_reason_is_told_at_once(
    trusted: tls_server.TestAuthority, other: tls_server.TestAuthority, raw: ModuleType
) -> None:
    with served(trusted.issue(("iris.example",), -30, -3), raw) as port:
        found = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(other.file)), "TLS")
    assert [word in found.found for word in ("expired", "not for 127.0.0.1", "issuer")] == [True] * 3


def test_a_certificate_that_ends_soon_is_a_warning(trusted: tls_server.TestAuthority, raw: ModuleType) -> None:
    with served(trusted.issue((HERE,), -30, 5.5), raw) as port:
        found = examined(f"https://{HERE}:{port}", ca_file=str(trusted.file))
    assert found["TLS"].state is State.WARNING
    assert "in 5 days" in found["TLS"].found
    assert found["search"].state is State.OK


def test_a_port_without_tls_says_so(raw: ModuleType) -> None:
    with raw.raw_server(raw.http(b"[]")) as server:
        found = failed_at(examined(server.url.replace("http:", "https:")), "TLS")
    assert "port" in found.advice


def test_plain_http_to_another_machine_is_a_warning(monkeypatch: pytest.MonkeyPatch, raw: ModuleType) -> None:
    real = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:
        return real(HERE if host == "iris.example" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with raw.raw_server(raw.http(b"[]")) as server:
        found = examined(server.url.replace(HERE, "iris.example"))
        local = examined(server.url)
    assert (found["TLS"].state, local["TLS"].state) == (State.WARNING, State.OK)
    assert "readably" in found["TLS"].found


def test_the_way_leads_through_the_proxy_in_force(
    trusted: tls_server.TestAuthority, raw: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = tls_server.Proxy()
    with served(trusted.issue((HERE,)), raw) as port, tls_server.listening(proxy) as proxy_port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://desk:hidden@127.0.0.1:{proxy_port}")
        found = examined(f"https://{HERE}:{port}", ca_file=str(trusted.file))
        assert found["proxy"].found == f"http://127.0.0.1:{proxy_port} on the way to 127.0.0.1"
        assert found["connection"].found == f"127.0.0.1:{proxy_port}"
        assert (found["TLS"].state, found["search"].state) == (State.OK, State.OK)
        assert f"CONNECT 127.0.0.1:{port} HTTP/1.1" in {line.replace("HTTP/1.0", "HTTP/1.1") for line in proxy.asked}
        assert not any("hidden" in finding.found + finding.advice for finding in found.values())

        proxy.status = "407 Proxy Authentication Required"
        refused = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "proxy")
        assert refused.found == "the proxy refuses this user and password (HTTP 407)"
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy_port}")
        refused = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "proxy")
        assert refused.found == "the proxy wants a user and a password (HTTP 407)"
        proxy.status = "403 Forbidden"
        refused = failed_at(examined(f"https://{HERE}:{port}", ca_file=str(trusted.file)), "TLS")
    assert refused.found == f"the proxy refuses the way to 127.0.0.1:{port}: HTTP 403"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    assert "NO_PROXY" in failed_at(examined("https://127.0.0.1"), "proxy").advice

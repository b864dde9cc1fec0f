"""The demo's certificate authority, judged by openssl."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from workstation.signing.authority import Authority, ReaderSubject

READER = ReaderSubject(name="Смирнова^Анна^Викторовна", organisation="Референс-центр", code="77-0421")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("Учебный корневой центр", "IRIS")


@pytest.fixture(scope="module")
def identity(authority: Authority) -> bytes:
    return authority.issue(READER, "пароль")


def test_the_identity_opens_with_its_password_and_names_the_reader(identity: bytes) -> None:
    key, certificate, chain = pkcs12.load_key_and_certificates(identity, "пароль".encode())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072
    assert certificate is not None
    assert len(chain) == 1

    def attribute(oid: x509.ObjectIdentifier) -> object:
        return certificate.subject.get_attributes_for_oid(oid)[0].value

    assert attribute(NameOID.COMMON_NAME) == "Смирнова Анна Викторовна"
    assert attribute(NameOID.ORGANIZATION_NAME) == "Референс-центр"
    assert attribute(NameOID.SERIAL_NUMBER) == "77-0421"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign


def test_a_wrong_password_does_not_open_the_identity(identity: bytes) -> None:
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(identity, b"wrong")


def test_a_certificate_can_be_issued_already_expired(authority: Authority) -> None:
    start = datetime.now(UTC) - timedelta(days=30)
    _key, certificate, _chain = pkcs12.load_key_and_certificates(authority.issue(READER, "p", start, days=10), b"p")
    assert certificate is not None
    assert certificate.not_valid_after_utc < datetime.now(UTC)


@pytest.mark.oracle
def test_openssl_opens_the_identity_and_verifies_its_chain(authority: Authority, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    ca, sealed, leaf = tmp_path / "ca.pem", tmp_path / "reader.p12", tmp_path / "leaf.pem"
    ca.write_bytes(authority.pem)
    sealed.write_bytes(authority.issue(READER, "secret"))
    subprocess.run(
        ["openssl", "pkcs12", "-in", sealed, "-passin", "pass:secret", "-nokeys", "-clcerts", "-out", leaf],
        check=True,
        capture_output=True,
    )
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", ca, leaf], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr

"""Opening a PKCS#12 identity, and every way in which it can't be used: one clear line each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from workstation.errors import IdentityUnusable
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.identity import Identity, load_pkcs12

READER = ReaderSubject("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815")


def refusal(path: Path, password: str = "пароль") -> str:
    with pytest.raises(IdentityUnusable) as caught:
        load_pkcs12(path, password)
    line = str(caught.value)
    assert "\n" not in line
    assert password not in line
    return line


def test_an_identity_signs_with_rsa_and_sha256(identity: Identity) -> None:
    key = identity.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = identity.sign(b"payload")
    key.verify(signature, b"payload", padding.PKCS1v15(), SHA256())
    assert len(signature) == identity.signature_size
    assert identity.subject == "Петрова Анна Сергеевна"


def test_an_identity_knows_its_organisation_its_number_and_whom_to_trust(
    identity: Identity, authority: Authority
) -> None:
    assert (identity.organisation, identity.code) == ("Референс-центр № 1", "R-0815")
    assert identity.authority_pem.encode() == authority.pem


def test_neither_key_nor_password_is_in_what_an_identity_shows(identity: Identity) -> None:
    assert "PRIVATE" not in identity.certificates_pem
    assert "_sign" not in repr(identity)


def test_a_wrong_password_is_said(identity_file: Path) -> None:
    assert "wrong password" in refusal(identity_file, "gfhjkm")


def test_no_password_is_a_wrong_password(identity_file: Path) -> None:
    with pytest.raises(IdentityUnusable, match="wrong password"):
        load_pkcs12(identity_file, "")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    assert "can't be read" in refusal(tmp_path / "absent.p12")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----", b"%PDF"])
def test_a_file_of_another_kind_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.p12"
    path.write_bytes(content)
    assert "no PKCS#12" in refusal(path)


def test_a_cut_file_is_said(tmp_path: Path, identity_file: Path) -> None:
    path = tmp_path / "cut.p12"
    path.write_bytes(identity_file.read_bytes()[:500])
    assert "damaged" in refusal(path)


def test_a_file_without_a_key_is_said(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "keyless.p12"
    sealed = BestAvailableEncryption("пароль".encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, None, authority.certificate, None, sealed))
    assert "no private key" in refusal(path)


def test_a_key_that_does_not_sign_by_rsa_is_said(tmp_path: Path, identity: Identity) -> None:
    path = tmp_path / "elliptic.p12"
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = BestAvailableEncryption("пароль".encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, key, None, None, sealed))
    assert refusal(path)


def test_the_key_of_an_authority_is_not_for_signing_conclusions(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "authority.p12"
    sealed = BestAvailableEncryption("пароль".encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(None, authority.key, authority.certificate, None, sealed))
    assert "not for signatures" in refusal(path)


def test_an_expired_certificate_is_said_with_its_date(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "expired.p12"
    path.write_bytes(authority.issue(READER, "пароль", datetime(2020, 1, 1, tzinfo=UTC), days=365))
    assert "expired on 2020-12-31" in refusal(path)


def test_a_certificate_of_tomorrow_is_said(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "tomorrow.p12"
    path.write_bytes(authority.issue(READER, "пароль", datetime.now(UTC) + timedelta(days=1)))
    assert "not valid before" in refusal(path)

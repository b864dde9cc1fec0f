"""Signing with a token: SoftHSM2 stands for cards and HSMs, dcmsign and the certificate judge what it signs."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.soft_token import MODULE, PIN, SoftToken, soft_token
from workstation.dicom.content import Conclusion
from workstation.dicom.sr import write_conclusion
from workstation.errors import IdentityUnusable
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.dicom_signature import sign_document, verify_document
from workstation.signing.opening import open_identity
from workstation.signing.token import TokenAddress, find_identities

__all__ = ["soft_token"]

READER = ReaderSubject("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815")


@pytest.fixture
def address(soft_token: SoftToken, authority: Authority) -> str:
    """A token with one reader's key and certificate, and the root."""
    soft_token.initialise("Петрова А. С.")
    soft_token.put("Петрова А. С.", "0a", authority.issue(READER, "x"), "x")
    (found,) = find_identities(MODULE)
    return str(found.address)


def refusal(where: str, pin: str) -> str:
    with pytest.raises(IdentityUnusable) as caught, open_identity(where, pin):
        pass
    line = str(caught.value)
    assert "\n" not in line
    assert not pin or pin not in line
    return line


def test_a_token_is_found_without_its_pin_and_its_address_is_a_pkcs11_uri(address: str, authority: Authority) -> None:
    (found,) = find_identities(MODULE)
    assert found.certificate.issuer == authority.certificate.subject
    assert found.trouble == ""
    # RFC 7512: percent-encoded UTF-8 in the label, the ID byte by byte, the library in the query
    assert address.startswith("pkcs11:token=%D0%9F%D0%B5%D1%82%D1%80%D0%BE%D0%B2%D0%B0%20%D0%90.%20%D0%A1.;serial=")
    assert address.endswith(f";id=%0A?module-path={MODULE}")
    assert TokenAddress.parse(address) == found.address


def test_the_certificate_accepts_what_the_token_signed(address: str) -> None:
    with open_identity(address, PIN) as identity:
        signature = identity.sign(b"payload")
        assert identity.subject == "Петрова Анна Сергеевна"
        assert [one.subject.rfc4514_string() for one in identity.chain] == ["CN=Test root,O=Tests,C=RU"]
        public = identity.certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, b"payload", padding.PKCS1v15(), SHA256())
    assert len(signature) == identity.signature_size


@pytest.mark.oracle
def test_dcmsign_accepts_a_conclusion_signed_by_a_token(
    address: str, conclusion: Conclusion, authority: Authority, tmp_path: Path
) -> None:
    with open_identity(address, PIN) as identity:
        signed = sign_document(write_conclusion(conclusion), identity)
    (tmp_path / "signed.dcm").write_bytes(signed)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    command = ["dcmsign", "--verify", "+rs", "+cf", tmp_path / "ca.pem", tmp_path / "signed.dcm"]
    assert subprocess.run(command, check=False).returncode == 0
    assert verify_document(signed, [authority.certificate]).valid


def test_a_wrong_pin_is_tried_once_and_the_token_says_that_tries_are_few(address: str) -> None:
    assert "wrong PIN, few tries are left before the PIN is locked" in refusal(address, "0000")
    (found,) = find_identities(MODULE)
    assert found.trouble == "few tries are left before the PIN is locked"
    with open_identity(address, PIN):
        pass
    (found,) = find_identities(MODULE)
    assert found.trouble == ""


def test_an_empty_pin_is_not_tried(address: str) -> None:
    assert "the PIN is empty; it was not tried" in refusal(address, "")
    (found,) = find_identities(MODULE)
    assert found.trouble == ""


def test_a_token_pulled_out_while_signing_is_said(address: str, soft_token: SoftToken) -> None:
    with open_identity(address, PIN) as identity:
        assert identity.sign(b"first")
        shutil.rmtree(soft_token.folder)
        soft_token.folder.mkdir()
        with pytest.raises(IdentityUnusable, match="the token is not there"):
            identity.sign(b"second")
    assert "the token is not there" in refusal(address, PIN)


def test_of_two_certificates_the_one_that_is_valid_longest_is_taken(
    soft_token: SoftToken, authority: Authority
) -> None:
    soft_token.initialise("Reader")
    started = datetime.now(UTC) - timedelta(days=10)
    for key_id, days in (("01", 20), ("02", 400), ("03", 30)):
        soft_token.put("Reader", key_id, authority.issue(READER, "x", started, days), "x", authorities=False)
    with open_identity(f"pkcs11:token=Reader?module-path={MODULE}", PIN) as identity:
        assert identity.certificate.not_valid_after_utc - started > timedelta(days=399)
    with open_identity(f"pkcs11:token=Reader;id=%01?module-path={MODULE}", PIN) as identity:
        assert identity.certificate.not_valid_after_utc - started < timedelta(days=21)


def test_an_expired_certificate_on_a_token_is_said(soft_token: SoftToken, authority: Authority) -> None:
    soft_token.initialise("Reader")
    issued = authority.issue(READER, "x", datetime.now(UTC) - timedelta(days=800), 730)
    soft_token.put("Reader", "01", issued, "x")
    assert "its certificate expired on" in refusal(f"pkcs11:token=Reader?module-path={MODULE}", PIN)


def test_a_token_without_a_key_is_said(soft_token: SoftToken) -> None:
    soft_token.initialise("Empty")
    assert find_identities(MODULE) == []
    where = f"pkcs11:token=Empty?module-path={MODULE}"
    assert "no RSA key with its certificate" in refusal(where, PIN)


def test_a_library_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"text")
    assert "can't be loaded" in refusal(f"pkcs11:token=A?module-path={tmp_path}/lib.so", PIN)
    assert "names no PKCS#11 library" in refusal("pkcs11:token=A", PIN)

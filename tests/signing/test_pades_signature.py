"""Signatures inside a PDF, judged by poppler, and the front that takes any file."""

import subprocess
from pathlib import Path

import pytest

from workstation.dicom.content import Conclusion
from workstation.dicom.documents import encapsulated_pdf
from workstation.dicom.pdf import write_pdf
from workstation.dicom.sr import write_conclusion
from workstation.errors import UnreadableObject
from workstation.signing.authority import Authority
from workstation.signing.dicom_signature import sign_document
from workstation.signing.identity import Identity
from workstation.signing.pades import sign_pdf, verify_pdf
from workstation.signing.trust import load_certificates
from workstation.signing.verification import verify


@pytest.fixture(scope="module")
def signed(plain_pdf: bytes, identity: Identity) -> bytes:
    return sign_pdf(plain_pdf, identity, reason="Заключение", location="Референс-центр № 1")


@pytest.mark.oracle
def test_pdfsig_finds_the_signature_valid_and_the_document_whole(signed: bytes, tmp_path: Path) -> None:
    file = tmp_path / "signed.pdf"
    file.write_bytes(signed)
    told = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, check=True).stdout.decode()
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
    assert "SHA-256" in told


@pytest.mark.oracle
def test_pdfsig_and_we_see_that_a_page_was_changed(signed: bytes, authority: Authority, tmp_path: Path) -> None:
    changed = signed.replace(b"(Conclusion)", b"(Konclusion)", 1)
    assert changed != signed
    file = tmp_path / "changed.pdf"
    file.write_bytes(changed)
    told = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, check=False).stdout.decode()
    assert "Signature is Valid" not in told
    found = verify_pdf(changed, [authority.certificate])
    assert (found.valid, found.problems) == (False, ("the content was changed after signing",))


def test_signer_chain_and_coverage_are_told(signed: bytes, authority: Authority) -> None:
    found = verify_pdf(signed, [authority.certificate])
    assert found.valid
    assert (found.signer, found.chain) == (
        "Петрова Анна Сергеевна",
        ("Петрова Анна Сергеевна", "Test root"),
    )
    assert found.covered == ("the whole file",)
    assert found.when is not None


def test_the_signed_pdf_begins_with_the_very_bytes_that_were_shown(signed: bytes, plain_pdf: bytes) -> None:
    assert signed.startswith(plain_pdf)


def test_another_authority_does_not_vouch_for_the_pdf(signed: bytes) -> None:
    found = verify_pdf(signed, [Authority.create("Other root", "Others").certificate])
    assert found.problems == ("the certificate is not trusted: it does not lead to a trusted authority",)


def test_a_pdf_without_a_signature_is_not_valid(plain_pdf: bytes, authority: Authority) -> None:
    assert verify_pdf(plain_pdf, [authority.certificate]).problems == ("the document is not signed",)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\nnothing"])
def test_a_broken_pdf_is_refused(data: bytes, identity: Identity, authority: Authority) -> None:
    with pytest.raises(UnreadableObject):
        sign_pdf(data, identity)
    with pytest.raises(UnreadableObject):
        verify_pdf(data, [authority.certificate])


def test_the_front_takes_reports_pdfs_and_encapsulated_pdfs(
    conclusion: Conclusion, identity: Identity, authority: Authority, signed: bytes
) -> None:
    trust = load_certificates(authority.pem)
    outer = sign_document(write_pdf(conclusion, signed), identity)
    for data in (signed, sign_document(write_conclusion(conclusion), identity), outer):
        assert verify(data, trust).valid
    assert encapsulated_pdf(outer) == signed


def test_an_encapsulated_pdf_is_valid_only_when_object_and_pdf_both_are(
    conclusion: Conclusion, identity: Identity, authority: Authority, signed: bytes, plain_pdf: bytes
) -> None:
    trust = load_certificates(authority.pem)
    unsigned_inside = sign_document(write_pdf(conclusion, plain_pdf), identity)
    assert verify(unsigned_inside, trust).problems == ("the PDF inside: the document is not signed",)
    unsigned_outside = write_pdf(conclusion, signed)
    assert verify(unsigned_outside, trust).problems == ("the document is not signed",)


def test_a_file_without_certificates_is_no_trust() -> None:
    with pytest.raises(UnreadableObject, match="certificate"):
        load_certificates(b"nothing")


def test_a_file_of_another_kind_is_refused(authority: Authority) -> None:
    with pytest.raises(UnreadableObject):
        verify(b"\x89PNG", [authority.certificate])

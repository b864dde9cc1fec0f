"""DICOM signatures, judged by dcmsign and against tampering."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from workstation.dicom.content import Conclusion
from workstation.dicom.documents import read_measurements
from workstation.dicom.ko import write_key_images
from workstation.dicom.pdf import write_pdf
from workstation.dicom.signatures import read_signatures
from workstation.dicom.sr import write_conclusion
from workstation.dicom.tid1500 import write_measurements
from workstation.errors import UnreadableObject
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.dicom_signature import sign_document, verify_document
from workstation.signing.identity import Identity, load_pkcs12


def encapsulated(conclusion: Conclusion) -> bytes:
    return write_pdf(conclusion, b"%PDF-1.7\n%%EOF")


WRITERS: dict[str, Callable[[Conclusion], bytes]] = {
    "conclusion": write_conclusion,
    "measurements": write_measurements,
    "key images": write_key_images,
    "pdf": encapsulated,
}


@pytest.fixture(scope="module")
def signed(conclusion: Conclusion, identity: Identity) -> bytes:
    return sign_document(write_conclusion(conclusion), identity)


@pytest.fixture(scope="module")
def root(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("root") / "ca.pem"
    path.write_bytes(authority.pem)
    return path


def dcmsign(data: bytes, folder: Path, root: Path, profile: str) -> int:
    file = folder / "signed.dcm"
    file.write_bytes(data)
    command = ["dcmsign", "-v", "--verify", profile, "+cf", root, file]
    return subprocess.run(command, capture_output=True, check=False).returncode


def flip(data: bytes, text: str) -> bytes:
    changed = bytearray(data)
    changed[changed.index(text.encode())] ^= 1
    return bytes(changed)


@pytest.mark.oracle
def test_dcmsign_accepts_the_signature_of_the_conclusion(signed: bytes, root: Path, tmp_path: Path) -> None:
    assert dcmsign(signed, tmp_path, root, "+rs") == 0


@pytest.mark.oracle
def test_dcmsign_finds_no_signature_before_signing(conclusion: Conclusion, root: Path, tmp_path: Path) -> None:
    assert dcmsign(write_conclusion(conclusion), tmp_path, root, "+rs") == 100


@pytest.mark.oracle
def test_one_changed_byte_of_the_text_breaks_the_signature_for_both(
    signed: bytes, root: Path, tmp_path: Path, authority: Authority
) -> None:
    changed = flip(signed, "рост за год")
    assert dcmsign(changed, tmp_path, root, "+rs") == 101
    found = verify_document(changed, [authority.certificate])
    assert (found.valid, found.problems) == (False, ("the content was changed after signing",))


@pytest.mark.oracle
@pytest.mark.parametrize("kind", WRITERS)
def test_every_document_of_a_package_is_signed_and_still_without_error(
    conclusion: Conclusion, identity: Identity, authority: Authority, root: Path, tmp_path: Path, kind: str
) -> None:
    data = sign_document(WRITERS[kind](conclusion), identity)
    assert dcmsign(data, tmp_path, root, "+rg") == 0
    assert verify_document(data, [authority.certificate]).valid
    checked = subprocess.run(["dciodvfy", "-new", tmp_path / "signed.dcm"], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout


@pytest.mark.oracle
@pytest.mark.parametrize("writing", ["+ti", "+tb", "-e", "+td"])
def test_the_signature_survives_a_change_of_transfer_syntax(
    signed: bytes, root: Path, tmp_path: Path, authority: Authority, writing: str
) -> None:
    source, target = tmp_path / "explicit.dcm", tmp_path / "other.dcm"
    source.write_bytes(signed)
    subprocess.run(["dcmconv", writing, source, target], capture_output=True, check=True)
    assert target.read_bytes() != signed
    assert verify_document(target.read_bytes(), [authority.certificate]).valid
    assert dcmsign(target.read_bytes(), tmp_path, root, "+rs") == 0


@pytest.mark.oracle
def test_an_archive_may_correct_the_name_in_the_header_but_not_in_the_tree(
    signed: bytes, root: Path, tmp_path: Path, authority: Authority
) -> None:
    file = tmp_path / "corrected.dcm"
    file.write_bytes(signed)
    subprocess.run(["dcmodify", "-nb", "-m", "PatientID=77-000124", file], capture_output=True, check=True)
    assert verify_document(file.read_bytes(), [authority.certificate]).valid
    assert dcmsign(file.read_bytes(), tmp_path, root, "+rs") == 0
    in_tree = signed[::-1].replace(b"77-000123"[::-1], b"77-000124"[::-1], 1)[::-1]
    assert not verify_document(in_tree, [authority.certificate]).valid


def test_what_is_covered_when_and_by_whom_is_told(
    conclusion: Conclusion, identity: Identity, authority: Authority
) -> None:
    moment = datetime.now(UTC).replace(microsecond=0)
    data = sign_document(write_conclusion(conclusion), identity, moment)
    found = verify_document(data, [authority.certificate])
    assert found.valid
    assert found.signer == "Петрова Анна Сергеевна"
    assert found.when == moment
    assert found.chain == ("Петрова Анна Сергеевна", "Test root")
    # the minimum set of a verified SR, PS3.15 C.4
    assert set(found.covered) >= {
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "Manufacturer",
        "InstitutionName",
        "StationName",
        "ManufacturerModelName",
        "DeviceSerialNumber",
        "SoftwareVersions",
        "CurrentRequestedProcedureEvidenceSequence",
        "PertinentOtherEvidenceSequence",
        "ObservationDateTime",
        "VerificationFlag",
        "VerifyingObserverSequence",
        "ValueType",
        "ConceptNameCodeSequence",
        "ContinuityOfContent",
        "ContentTemplateSequence",
        "ContentSequence",
    }
    assert "PatientName" not in found.covered


@pytest.mark.parametrize(
    ("kind", "purpose"), [("conclusion", "5"), ("measurements", "5"), ("key images", "1"), ("pdf", "1")]
)
def test_verified_reports_carry_a_verification_signature_and_the_rest_an_author_s(
    conclusion: Conclusion, identity: Identity, kind: str, purpose: str
) -> None:
    (found,) = read_signatures(sign_document(WRITERS[kind](conclusion), identity))
    assert found.purpose is not None
    assert (found.purpose.value, found.purpose.scheme) == (purpose, "ASTM-sigpurpose")


def test_another_authority_does_not_vouch_for_it(signed: bytes) -> None:
    other = Authority.create("Other root", "Others")
    found = verify_document(signed, [other.certificate])
    assert not found.valid
    assert found.problems == ("the certificate is not trusted: it does not lead to a trusted authority",)


def test_a_second_reader_can_sign_too_and_both_are_checked(signed: bytes, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "second.p12").write_bytes(authority.issue(ReaderSubject("Смирнов^Олег", "Центр", "R-2"), "x"))
    both = sign_document(signed, load_pkcs12(tmp_path / "second.p12", "x"))
    found = verify_document(both, [authority.certificate])
    assert found.valid
    assert found.signer == "Петрова Анна Сергеевна, Смирнов Олег"
    assert read_signatures(both)[0].payload == read_signatures(signed)[0].payload


def test_an_authority_s_own_key_is_not_for_documents(conclusion: Conclusion, authority: Authority) -> None:
    def sign(payload: bytes) -> bytes:
        return authority.key.sign(payload, PKCS1v15(), SHA256())

    as_signer = Identity(authority.certificate, (), 384, sign)
    found = verify_document(sign_document(write_conclusion(conclusion), as_signer), [authority.certificate])
    assert found.problems == ("the certificate is not for signatures",)


def test_an_unsigned_document_is_not_valid_and_says_why(conclusion: Conclusion, authority: Authority) -> None:
    found = verify_document(write_conclusion(conclusion), [authority.certificate])
    assert (found.valid, found.problems) == (False, ("the document is not signed",))


def test_a_signature_that_lost_its_parameters_is_unreadable_not_valid(signed: bytes, authority: Authority) -> None:
    broken = signed.replace(b"\xfe\x4f\x01\x00SQ", b"\xfe\x4f\x03\x00SQ")
    assert broken != signed
    with pytest.raises(UnreadableObject, match="signature"):
        verify_document(broken, [authority.certificate])


def test_signing_changes_nothing_that_was_written(conclusion: Conclusion, identity: Identity) -> None:
    plain = write_measurements(conclusion)
    data = sign_document(plain, identity)
    assert read_measurements(data) == conclusion.measurements
    dataset = plain[plain.index(b"\x08\x00\x05\x00CS") :]
    assert dataset in data


def test_bytes_that_are_no_dicom_object_are_refused(identity: Identity, authority: Authority) -> None:
    with pytest.raises(UnreadableObject):
        sign_document(b"text", identity)
    with pytest.raises(UnreadableObject):
        verify_document(b"text", [authority.certificate])

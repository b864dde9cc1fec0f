"""Timestamps by an authority that `openssl ts` plays, judged by dcmsign, openssl and pdfsig."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.timestamp_authority import TimestampAuthority
from workstation.dicom.content import Conclusion
from workstation.dicom.signatures import read_signatures
from workstation.dicom.sr import write_conclusion
from workstation.errors import LinkDown, MalformedAnswer
from workstation.signing.authority import Authority
from workstation.signing.dicom_signature import sign_document, verify_document
from workstation.signing.identity import Identity
from workstation.signing.pades import sign_pdf, verify_pdf
from workstation.signing.timestamps import Timestamps


@pytest.fixture(scope="module")
def tsa(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(authority, tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamped(conclusion: Conclusion, identity: Identity, tsa: TimestampAuthority) -> bytes:
    return sign_document(write_conclusion(conclusion), identity, timestamps=Timestamps(tsa.answer))


def dcmsign(data: bytes, folder: Path, authority: Authority, *demands: str) -> int:
    (folder / "signed.dcm").write_bytes(data)
    (folder / "ca.pem").write_bytes(authority.pem)
    command = ["dcmsign", "--verify", *demands, "+cf", folder / "ca.pem", folder / "signed.dcm"]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.oracle
def test_dcmsign_demands_a_timestamp_and_finds_it(stamped: bytes, authority: Authority, tmp_path: Path) -> None:
    assert dcmsign(stamped, tmp_path, authority, "+rs", "+tr") == 0


@pytest.mark.oracle
def test_dcmsign_misses_the_timestamp_of_a_conclusion_signed_offline(
    conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    offline = sign_document(write_conclusion(conclusion), identity)
    assert dcmsign(offline, tmp_path, authority, "+rs") == 0
    assert dcmsign(offline, tmp_path, authority, "+rs", "+tr") != 0
    assert verify_document(offline, [authority.certificate]).proved is None


@pytest.mark.oracle
def test_openssl_finds_the_token_to_be_over_the_signature(stamped: bytes, authority: Authority, tmp_path: Path) -> None:
    (found,) = read_signatures(stamped)
    (tmp_path / "token.der").write_bytes(found.timestamp)
    (tmp_path / "signature").write_bytes(found.signature)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "signature", "-CAfile", "ca.pem"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)


def test_the_moment_is_the_authority_s_not_the_signer_s(
    conclusion: Conclusion, identity: Identity, authority: Authority, tsa: TimestampAuthority
) -> None:
    data = sign_document(write_conclusion(conclusion), identity, timestamps=Timestamps(tsa.answer))
    found = verify_document(data, [authority.certificate])
    assert found.valid
    assert found.proved is not None
    assert abs(datetime.now(UTC) - found.proved) < timedelta(minutes=1)


def test_a_timestamp_of_another_signature_is_said(
    stamped: bytes, conclusion: Conclusion, identity: Identity, authority: Authority
) -> None:
    (theirs,) = read_signatures(stamped)

    class Replayed(Timestamps):
        def over(self, data: bytes) -> bytes:
            return theirs.timestamp

    data = sign_document(
        write_conclusion(conclusion), identity, datetime.now(UTC) + timedelta(seconds=1), Replayed(lambda query: query)
    )
    found = verify_document(data, [authority.certificate])
    assert (found.valid, found.proved, found.problems) == (False, None, ("the timestamp is of other bytes",))


def test_a_timestamp_by_a_stranger_proves_nothing(
    conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    stranger = TimestampAuthority(Authority.create("Stranger", "Others"), tmp_path)
    data = sign_document(write_conclusion(conclusion), identity, timestamps=Timestamps(stranger.answer))
    found = verify_document(data, [authority.certificate])
    assert (found.valid, found.proved) == (False, None)
    assert found.problems == ("the timestamp's authority is not trusted",)


@pytest.mark.oracle
def test_a_pdf_carries_the_timestamp_too_and_pdfsig_finds_it_valid(
    plain_pdf: bytes, identity: Identity, authority: Authority, tsa: TimestampAuthority, tmp_path: Path
) -> None:
    signed = sign_pdf(plain_pdf, identity, timestamps=Timestamps(tsa.answer))
    found = verify_pdf(signed, [authority.certificate])
    assert found.valid
    assert found.proved is not None
    assert verify_pdf(sign_pdf(plain_pdf, identity), [authority.certificate]).proved is None
    (tmp_path / "signed.pdf").write_bytes(signed)
    said = subprocess.run(["pdfsig", "-nocert", tmp_path / "signed.pdf"], capture_output=True, check=False, text=True)
    assert "Signature is Valid" in said.stdout


def test_an_authority_out_of_reach_is_a_dead_link_and_nonsense_is_no_timestamp(
    conclusion: Conclusion, plain_pdf: bytes, identity: Identity
) -> None:
    def down(query: bytes) -> bytes:
        raise LinkDown("No connection to the server")

    for answer, error in ((down, LinkDown), (lambda query: b"<html>", MalformedAnswer)):
        with pytest.raises(error):
            sign_document(write_conclusion(conclusion), identity, timestamps=Timestamps(answer))
        with pytest.raises(error):
            sign_pdf(plain_pdf, identity, timestamps=Timestamps(answer))

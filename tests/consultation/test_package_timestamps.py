"""Timestamps of a whole package, from an authority that is asked over HTTP, or can't be."""

import subprocess
from pathlib import Path

import pytest

from tests.timestamp_authority import TimestampAuthority
from workstation.consultation.package import Prepared, SignedPackage, sign
from workstation.consultation.signed import timestamps_of
from workstation.dicom.content import Conclusion
from workstation.errors import WorkstationError
from workstation.reporting.pdf import render_pdf
from workstation.settings import Settings
from workstation.signing.authority import Authority
from workstation.signing.identity import Identity
from workstation.signing.verification import verify


def signed_by(url: str, conclusion: Conclusion, identity: Identity, folder: Path) -> SignedPackage:
    prepared = Prepared(conclusion, render_pdf(conclusion))
    return sign(prepared, identity, timestamps_of(Settings(folder, timestamp_url=url)))


@pytest.mark.oracle
def test_every_document_carries_a_timestamp_that_dcmsign_demands(
    conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    with TimestampAuthority(authority, tmp_path).served() as url:
        signed = signed_by(url, conclusion, identity, tmp_path)
    for one in signed.objects:
        found = verify(one.data, [authority.certificate])
        assert (found.valid, found.proved is not None) == (True, True), one.kind
        (tmp_path / "one.dcm").write_bytes(one.data)
        command = ["dcmsign", "--verify", "+tr", "+cf", tmp_path / "ca.pem", tmp_path / "one.dcm"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0, one.kind


def test_out_of_reach_the_whole_package_is_signed_without(
    conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    with TimestampAuthority(authority, tmp_path).served() as url:
        pass
    signed = signed_by(url, conclusion, identity, tmp_path)
    for one in signed.objects:
        found = verify(one.data, [authority.certificate])
        assert (found.valid, found.proved) == (True, None), one.kind


def test_an_authority_that_fails_half_way_leaves_no_half_stamped_package(
    conclusion: Conclusion, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    class Failing(TimestampAuthority):
        def answer(self, request: bytes) -> bytes:
            return super().answer(request) if self.answered < 2 else b"no"

    with Failing(authority, tmp_path).served() as url:
        signed = signed_by(url, conclusion, identity, tmp_path)
    assert {verify(one.data, [authority.certificate]).proved for one in signed.objects} == {None}


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkstationError, match="address can't be used"):
        timestamps_of(Settings(tmp_path, timestamp_url="tsa"))

"""`verify` says who signed; a changed or unsigned file is status 1."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workstation.dicom.content import Conclusion
from workstation.dicom.signatures import content_code
from workstation.dicom.sr import write_conclusion
from workstation.reporting.pdf import render_pdf
from workstation.signing.authority import Authority
from workstation.signing.dicom_signature import sign_document
from workstation.signing.identity import Identity
from workstation.signing.pades import sign_pdf


def pdf_text(pdf: bytes) -> str:
    return subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


@pytest.fixture
def signed(tmp_path: Path, conclusion: Conclusion, identity: Identity, authority: Authority) -> Path:
    """A folder with the signed report, the signed PDF and the authority's certificate."""
    (tmp_path / "report.dcm").write_bytes(sign_document(write_conclusion(conclusion), identity))
    (tmp_path / "report.pdf").write_bytes(sign_pdf(render_pdf(conclusion), identity))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    return tmp_path


def test_signed_documents_are_valid_and_name_the_signer(run: Callable[..., Any], signed: Path) -> None:
    result = run("verify", signed / "report.dcm", signed / "report.pdf", "--trust", signed / "ca.pem")
    assert (result.returncode, result.stderr) == (0, "")
    assert "report.dcm: valid" in result.stdout
    assert "report.pdf: valid" in result.stdout
    assert result.stdout.count("Петрова Анна Сергеевна") == 2


def test_json_tells_the_same_to_machines(run: Callable[..., Any], signed: Path) -> None:
    result = run("verify", signed / "report.dcm", "--trust", signed / "ca.pem", "--json")
    told = json.loads(result.stdout)
    assert (told["file"], told["valid"], told["problems"]) == ("report.dcm", True, [])
    assert told["chain"][-1] == "Test root"


def test_the_code_that_the_pdf_prints_is_told_of_the_signed_report(
    run: Callable[..., Any], signed: Path, conclusion: Conclusion
) -> None:
    code = content_code(write_conclusion(conclusion))
    assert code in pdf_text(render_pdf(conclusion, code))
    told = run("verify", signed / "report.dcm", signed / "report.pdf", "--trust", signed / "ca.pem").stdout
    assert told.count(code) == 1
    changed = replace(conclusion, completeness="Прочитано изображений: 11 из 12.")
    assert content_code(write_conclusion(changed)) != code


def test_one_changed_letter_is_not_valid(run: Callable[..., Any], signed: Path) -> None:
    data = (signed / "report.dcm").read_bytes()
    assert "рост за год".encode() in data
    (signed / "report.dcm").write_bytes(data.replace("рост за год".encode(), "лост за год".encode()))
    result = run("verify", signed / "report.dcm", "--trust", signed / "ca.pem")
    assert result.returncode == 1
    assert "NOT VALID" in result.stdout


def test_a_signer_nobody_vouches_for_is_not_valid(run: Callable[..., Any], signed: Path) -> None:
    result = run("verify", signed / "report.pdf")
    assert result.returncode == 1
    assert "NOT VALID" in result.stdout


def test_an_unsigned_report_is_not_valid(run: Callable[..., Any], signed: Path, conclusion: Conclusion) -> None:
    (signed / "plain.dcm").write_bytes(write_conclusion(conclusion))
    result = run("verify", signed / "plain.dcm", "--trust", signed / "ca.pem")
    assert result.returncode == 1
    assert "plain.dcm: NOT VALID" in result.stdout


@pytest.mark.parametrize("content", [b"", b"just a text\n"])
def test_what_is_no_document_is_one_line(run: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter.dcm").write_bytes(content)
    one_line(run("verify", tmp_path / "letter.dcm"), "letter.dcm")


def test_a_file_that_is_not_there_is_one_line(run: Callable[..., Any], tmp_path: Path) -> None:
    one_line(run("verify", tmp_path / "absent.dcm"), "absent.dcm")


def test_certificates_that_are_none_or_absent_are_one_line(run: Callable[..., Any], signed: Path) -> None:
    (signed / "wrong.pem").write_bytes(b"no certificate")
    one_line(run("verify", signed / "report.dcm", "--trust", signed / "wrong.pem"), "no certificate")
    one_line(run("verify", signed / "report.dcm", "--trust", signed / "absent.pem"), "absent.pem")


def one_line(result: Any, word: str) -> None:
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("iris-workstation: ")
    assert word in line

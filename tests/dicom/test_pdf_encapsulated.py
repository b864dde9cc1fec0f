"""A PDF inside a DICOM object."""

import subprocess
from pathlib import Path

import pytest

from workstation.dicom.content import Conclusion
from workstation.dicom.documents import encapsulated_pdf, read_report
from workstation.dicom.pdf import write_pdf
from workstation.dicom.sr import write_conclusion
from workstation.errors import UnreadableObject

# odd and even length: DICOM pads to even, and the padding must not come back
PDFS = [b"%PDF-1.7\n%%EOF\n", b"%PDF-1.7\n%%EOF"]


@pytest.mark.parametrize("pdf", PDFS)
def test_the_pdf_comes_back_byte_for_byte(conclusion: Conclusion, pdf: bytes) -> None:
    assert encapsulated_pdf(write_pdf(conclusion, pdf)) == pdf


def test_another_document_holds_no_pdf(conclusion: Conclusion) -> None:
    with pytest.raises(UnreadableObject):
        encapsulated_pdf(write_conclusion(conclusion))


def test_title_and_verification_can_be_read_without_opening_the_pdf(conclusion: Conclusion) -> None:
    report = read_report(write_pdf(conclusion, PDFS[0]))
    assert (report.title, report.date, report.verified) == ("КТ органов грудной клетки", "20250314", True)


@pytest.mark.oracle
@pytest.mark.parametrize("pdf", PDFS)
def test_dciodvfy_finds_no_error_and_dcm2pdf_finds_the_same_pdf(
    conclusion: Conclusion, tmp_path: Path, pdf: bytes
) -> None:
    file = tmp_path / "conclusion-pdf.dcm"
    file.write_bytes(write_pdf(conclusion, pdf))
    checked = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    assert b"Error" not in checked.stderr + checked.stdout
    assert b"EncapsulatedPDF" in checked.stderr + checked.stdout
    subprocess.run(["dcm2pdf", "-q", file, tmp_path / "out.pdf"], capture_output=True, check=True)
    assert (tmp_path / "out.pdf").read_bytes()[: len(pdf)] == pdf

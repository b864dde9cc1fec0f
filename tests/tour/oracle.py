"""What dcmtk, dicom3tools and poppler say of the documents of a tour."""

import subprocess
from pathlib import Path

FILES = (
    "worklist.png", "reading.png", "mpr.png", "report.png", "sign.png", "outbox.png", "conclusion.dcm",
    "measurements.dcm", "key-images.dcm", "conclusion.pdf", "ca.pem", "transcript.json",
)  # fmt: skip
DOCUMENTS = ("conclusion.dcm", "measurements.dcm", "key-images.dcm", "manifest.dcm", "conclusion-pdf.dcm")


def _said(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def signature_refused(folder: Path, root: Path | None = None) -> str:
    """Why dcmsign refuses the conclusion's signature as a signed structured report; empty when it accepts it."""
    root = root or folder / "ca.pem"
    status, told = _said("dcmsign", "-v", "--verify", "+rs", "+cf", root, folder / "conclusion.dcm")
    return told if status else ""


def pdf_signature_refused(folder: Path) -> str:
    """What pdfsig says when it doesn't find one valid signature over the whole document; empty when it does."""
    _status, told = _said("pdfsig", "-nocert", folder / "conclusion.pdf")
    whole = "Signature Validation: Signature is Valid." in told and "Total document signed" in told
    return "" if whole and told.count("Signature #") == 1 else told


def errors_in_documents(folder: Path) -> list[str]:
    """The errors that dciodvfy finds, each with its file; every document that is there is looked at."""
    found = []
    for name in DOCUMENTS:
        if (folder / name).exists():
            _status, told = _said("dciodvfy", "-new", folder / name)
            assert told, f"dciodvfy says nothing of {name}"
            found += [f"{name}: {line}" for line in told.splitlines() if line.startswith("Error")]
    return found


def text_of(file: Path) -> str:
    """A structured report as dsrdump prints it, in UTF-8, long values whole."""
    status, told = _said("dsrdump", "+U8", "+Pl", file)
    assert status == 0, told
    return told

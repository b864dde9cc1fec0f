"""`iris-workstation verify`: who signed a document, when, and whether its bytes are unchanged."""

import argparse
import json
from pathlib import Path

from workstation.errors import UnreadableObject
from workstation.language import _
from workstation.signing.trust import Verification, load_certificates
from workstation.signing.verification import verify

EXAMPLE = "iris-workstation verify conclusion.dcm conclusion.pdf --trust ca.pem"

_SIGNATURES = frozenset({".p7s", ".sig", ".sgn"})


def arguments(parser: argparse.ArgumentParser) -> None:
    """The files, and whom to trust."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=_("DICOM object, PDF, or a signature beside its file (report.pdf.p7s)"),
    )
    parser.add_argument("--trust", type=Path, metavar="PEM", help=_("certificates of the authorities you trust"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object a file"))


def run(options: argparse.Namespace) -> int:
    """Status 1 when any file is not validly signed."""
    trust = load_certificates(_content(options.trust)) if options.trust else ()
    valid = True
    for path in options.files:
        data = _content(path)
        try:
            found = verify(data, trust, _beside(path))
        except UnreadableObject as error:
            raise UnreadableObject(error.title, f"{path.name}: {error.detail}".rstrip(": "), error.advice) from error
        valid = valid and found.valid
        code = _code(data, found)
        print(json.dumps(_plain(path, found, code), ensure_ascii=False) if options.json else _lines(path, found, code))
    return 0 if valid else 1


def _code(data: bytes, found: Verification) -> str:
    """The code of a report's content, as its PDF prints it; "" of anything but a signed report."""
    from workstation.dicom.signatures import content_code

    return content_code(data) if "ContentSequence" in found.covered else ""


def _beside(path: Path) -> bytes | None:
    """The file that a detached signature belongs to: `report.pdf` beside `report.pdf.p7s`."""
    other = path.with_suffix("")
    return _content(other) if path.suffix.lower() in _SIGNATURES and other.is_file() else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableObject(_("The file can't be read"), f"{path.name}: {error.strerror}") from error


def _plain(path: Path, found: Verification, code: str) -> dict[str, object]:
    return {
        "file": path.name,
        "valid": found.valid,
        "signer": found.signer,
        "when": found.when.isoformat() if found.when else None,
        "proved": found.proved.isoformat() if found.proved else None,
        "covered": list(found.covered),
        "problems": list(found.problems),
        "chain": list(found.chain),
        "code": code,
    }


def _lines(path: Path, found: Verification, code: str) -> str:
    verdict = _("valid") if found.valid else _("NOT VALID")
    lines = [f"{path.name}: {verdict}"]
    if found.signer:
        lines.append("  " + _("signed by {signer}").format(signer=found.signer))
    if found.when:
        lines.append("  " + _("signed at {when}").format(when=found.when.isoformat()))
    if found.signer:
        proved = (
            _("a timestamp proves it existed at {when}").format(when=found.proved.isoformat()) if found.proved else ""
        )
        lines.append("  " + (proved or _("no timestamp proves when")))
    if code:
        lines.append("  " + _("code of the report: {code}").format(code=code))
    lines += [f"  {problem}" for problem in found.problems]
    return "\n".join(lines)

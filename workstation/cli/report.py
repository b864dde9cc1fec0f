"""`iris-workstation report`: a conclusion from a file of answers, signed, written out and sent if asked.

What was measured and kept as key images of the case goes into it, as if it were signed in the window.
"""

import argparse
import getpass
import sys
from collections.abc import Iterable
from pathlib import Path

from workstation.app import application
from workstation.cli import secret_file, server_arguments
from workstation.cli.answers import answers_in, template_named
from workstation.cli.cases import case_arguments, case_named
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.case import CaseRow
from workstation.consultation.desk import Desk
from workstation.consultation.package import Prepared, sign
from workstation.consultation.signed import timestamps_of
from workstation.errors import DiskFull, FormIncomplete, WorkstationError
from workstation.jobs import Cancellation
from workstation.language import _
from workstation.reporting.merge import follow, merge_findings, start_form
from workstation.reporting.structure import Template
from workstation.reporting.validation import Problem, problems, prohibits
from workstation.signing.cades import sign_detached
from workstation.signing.identity import Identity
from workstation.signing.opening import open_identity
from workstation.signing.provider import sign_by_command
from workstation.viewing.key_images import KeyImages
from workstation.viewing.measurements import MeasurementStore

EXAMPLE = (
    "iris-workstation report --study 1.2.840.113619.2.1 --template iris-workstation.general.en\n"
    "      --answers answers.json --identity reader.p12 --identity-password-file password.txt --out report"
)

# what each document of a package is called when it is written out; of several of a kind the second is `…-2.dcm`
FILES = {
    "conclusion": "conclusion.dcm",
    "measurements": "measurements.dcm",
    "key_images": "key-images.dcm",
    "presentation": "presentation.dcm",
    "pdf": "conclusion-pdf.dcm",
    "manifest": "manifest.dcm",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The case, the answers, who signs, and where the documents go."""
    server_arguments(parser)
    case_arguments(parser)
    parser.add_argument("--template", required=True, metavar="ID", help=_("identifier of the report template"))
    parser.add_argument(
        "--answers", required=True, type=Path, metavar="FILE", help=_('JSON object of answers: {"field": "value", …}')
    )
    parser.add_argument(
        "--identity", required=True, metavar="FILE|pkcs11:…", help=_("PKCS#12 file, or the address of a key on a token")
    )
    parser.add_argument(
        "--identity-password-file",
        type=Path,
        metavar="FILE",
        help=_("file with its password or PIN; else you are asked"),
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help=_("folder for the signed documents"))
    parser.add_argument("--accept-warnings", action="store_true", help=_("sign although answers are doubtful"))
    parser.add_argument(
        "--cades", action="store_true", help=_("write a detached signature (CAdES) beside the PDF as well")
    )
    parser.add_argument(
        "--provider",
        default="",
        metavar="COMMAND",
        help=_("let a program of yours sign the PDF as well, detached; {input} and {output} are its files"),
    )
    parser.add_argument("--submit", action="store_true", help=_("claim the case, and send what was signed"))


def run(options: argparse.Namespace) -> int:
    """Status 1 when the answers refuse a signature, or what was sent did not arrive."""
    settings = chosen_settings(options)
    password = secret_file(options.password_file) if options.password_file else None
    template = template_named(options.template, settings.data_dir)
    answers = answers_in(options.answers)
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal), password=password) as opened:
        desk = opened.desk
        if options.submit:
            desk.refresh(Cancellation())
        case = case_named(desk, options.case, options.study)
        if options.submit and not case.is_writable:
            case = desk.claim(case.case_uid)
        prepared = _prepared(desk, case, template, answers, accept=options.accept_warnings)
        with open_identity(options.identity, _secret(options)) as identity:
            if options.submit:
                desk.sign(case.case_uid, prepared, identity)
                documents = _by_name((one.role, one.data) for one in desk.documents(case.case_uid))
            else:
                signed = sign(prepared, identity, timestamps_of(settings))
                documents = _by_name((one.kind, one.data) for one in signed.objects)
            beside = _beside(documents[FILES["pdf"]], identity, options)
        _write(options.out, documents, {**beside, "ca.pem": identity.authority_pem.encode()})
        return _delivered(desk, case.case_uid) if options.submit else 0


def _prepared(
    desk: Desk, case: CaseRow, template: Template, answers: dict[str, str | tuple[str, ...]], *, accept: bool
) -> Prepared:
    contents = desk.contents(case.case_uid)
    if not contents.study:
        raise WorkstationError(
            _("No image of this study is here"), case.study_uid, _("Fetch it with `iris-workstation pull`.")
        )
    draft = desk.draft(case.case_uid)
    store, key_images = MeasurementStore(), KeyImages()
    store.from_json(draft.get("measurements") or {})
    key_images.from_json(draft.get("key_images") or [])
    measurements = store.measurements()
    form = start_form(template, desk.merge_values(case, contents))
    for name, value in answers.items():
        form = form.answer(name, value)
    form = follow(template, merge_findings(template, form, measurements))
    _must_be_fit(problems(template, form, measurements), accept=accept)
    return desk.prepare(case.case_uid, form, template, measurements, key_images.images)


def _must_be_fit(found: Iterable[Problem], *, accept: bool) -> None:
    found = tuple(found)
    for one in found:
        print(f"{one.field_id} ({one.label}): {one.message}", file=sys.stderr)
    if prohibits(found):
        raise FormIncomplete(_("The conclusion can't be signed as it stands"))
    if found and not accept:
        raise FormIncomplete(
            _("Answers are doubtful"), advice=_("Mend them, or sign all the same with --accept-warnings.")
        )


def _secret(options: argparse.Namespace) -> str:
    if options.identity_password_file:
        return secret_file(options.identity_password_file)
    if not sys.stdin.isatty():
        raise WorkstationError(_("The identity needs its password"), advice=_("Give --identity-password-file."))
    return getpass.getpass(_("Password or PIN of the identity: "))


def _beside(pdf_object: bytes, identity: Identity, options: argparse.Namespace) -> dict[str, bytes]:
    """The PDF as a file, and the signatures beside it that are asked for."""
    from workstation.dicom.documents import encapsulated_pdf

    pdf = encapsulated_pdf(pdf_object)
    files = {"conclusion.pdf": pdf}
    if options.cades:
        files["conclusion.pdf.p7s"] = sign_detached(pdf, identity)
    if options.provider:
        files["conclusion.pdf.sig"] = sign_by_command(options.provider, pdf)
    return files


def _by_name(documents: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """File name → bytes of documents of the given kinds."""
    named: dict[str, bytes] = {}
    for kind, data in documents:
        name, number = Path(FILES[kind]), 1
        while (counted := name.name if number == 1 else f"{name.stem}-{number}{name.suffix}") in named:
            number += 1
        named[counted] = data
    return named


def _write(folder: Path, documents: dict[str, bytes], beside: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {**documents, **beside}.items():
            (folder / name).write_bytes(data)
            print(folder / name)
    except OSError as error:
        raise DiskFull(_("The documents can't be written"), f"{folder.name}: {error.strerror}") from error


def _delivered(desk: Desk, case_uid: str) -> int:
    desk.deliver()
    package = next(row for row in desk.outbox() if row.case_uid == case_uid)
    if package.state == "delivered":
        print(_("Delivered, read back and verified"))
        return 0
    print(f"iris-workstation: {package.state}: {package.last_error}", file=sys.stderr)
    return 1

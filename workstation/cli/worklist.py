"""`iris-workstation worklist`: the cases of IRIS, or the studies of a plain archive."""

import argparse
import json

from workstation.app import application
from workstation.cli import secret_file, server_arguments
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.case import CaseFilter, CaseRow
from workstation.jobs import Cancellation
from workstation.language import _

EXAMPLE = "iris-workstation worklist --url https://iris.example/dicom-web --user reader --password-file password.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The server, and how to print."""
    server_arguments(parser)
    parser.add_argument("--all", action="store_true", help=_("finished cases too"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Print the list, most urgent first."""
    settings = chosen_settings(options)
    password = secret_file(options.password_file) if options.password_file else None
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal), password=password) as opened:
        opened.desk.refresh(Cancellation())
        wanted = CaseFilter(states=None if options.all else "open")
        for case in opened.desk.page(wanted, 0, opened.desk.count(wanted)):
            print(json.dumps(_plain(case), ensure_ascii=False) if options.json else _line(case))
    return 0


def _plain(case: CaseRow) -> dict[str, object]:
    return {
        "case": case.case_uid,
        "state": case.state.value,
        "kind": case.kind.value,
        "priority": case.priority,
        "deadline": case.deadline.isoformat() if case.deadline else None,
        "patient": case.patient.name,
        "patient_id": case.patient.patient_id,
        "modality": case.modality,
        "study": case.study_uid,
        "study_date": case.study_date,
        "question": case.question,
        "expected": case.expected,
        "received": case.received,
    }


def _line(case: CaseRow) -> str:
    deadline = case.deadline.astimezone().strftime("%Y-%m-%d %H:%M") if case.deadline else "-"
    name = " ".join(part for part in case.patient.name.split("^") if part)
    return f"{deadline:16}  {case.priority:6}  {case.state.value:10}  {case.modality:3}  {case.study_date}  {name}"

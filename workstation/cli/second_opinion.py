"""`iris-workstation second-opinion`: lock one's own impression of a case, and compare the first report with it."""

import argparse
import json
from pathlib import Path
from typing import Any

from workstation.app import application
from workstation.cli import server_arguments
from workstation.cli.answers import answers_in, template_named
from workstation.cli.cases import case_arguments, case_named
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.covering import covered_words
from workstation.consultation.desk import Desk
from workstation.consultation.second_opinion import is_blind
from workstation.errors import WorkstationError
from workstation.language import N_, _
from workstation.reporting.comparison import Mark, compare
from workstation.reporting.form import Form
from workstation.reporting.merge import follow, start_form

EXAMPLE = (
    "iris-workstation second-opinion --case 2.25.1 --lock\n"
    "      --template iris-workstation.general.en --answers impression.json"
)

MARKS = {
    Mark.AGREES: N_("agrees"),
    Mark.CONTRADICTS: N_("contradicts"),
    Mark.ADDED: N_("added"),
    Mark.ONLY_FIRST: N_("only in the first report"),
    Mark.UNMARKED: N_("beside each other"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The case, and what is locked."""
    server_arguments(parser)
    case_arguments(parser)
    parser.add_argument(
        "--lock", action="store_true", help=_("lock your impression: what was drafted in the window, or the answers")
    )
    parser.add_argument("--template", default="", metavar="ID", help=_("identifier of the report template"))
    parser.add_argument("--answers", type=Path, metavar="FILE", help=_('JSON object of answers: {"field": "value", …}'))
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Print what is covered, or the comparison. Status 1 when there is nothing to lock or to compare."""
    settings = chosen_settings(options)
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        desk = opened.desk
        case = case_named(desk, options.case, options.study)
        if options.lock:
            form = _form(desk, case.case_uid, options)
            template = template_named(form.template_id, settings.data_dir)
            desk.second_opinions.lock(case.case_uid, template, form)
            case = desk.case(case.case_uid)
        if is_blind(case):
            print(covered_words())
            return 0
        _tell(desk, case.case_uid, as_json=options.json)
    return 0


def _form(desk: Desk, case_uid: str, options: argparse.Namespace) -> Form:
    if options.answers is None:
        draft = desk.draft(case_uid)
        if not draft.get("form"):
            raise WorkstationError(_("Nothing is drafted for this case"), advice=_("Give --template and --answers."))
        return Form.from_json(draft["form"])
    template = template_named(options.template, desk.settings.data_dir)
    form = start_form(template, desk.merge_values(desk.case(case_uid), desk.contents(case_uid)))
    for name, value in answers_in(options.answers).items():
        form = form.answer(name, value)
    return follow(template, form)


def _tell(desk: Desk, case_uid: str, *, as_json: bool) -> None:
    impression, first = desk.second_opinions.impression(case_uid), desk.second_opinions.first_report(case_uid)
    if impression is None or first is None:
        raise WorkstationError(
            _("There is nothing to compare"), advice=_("The case has no locked impression, or no first report is here.")
        )
    for field in compare(first.passages, impression.passages):
        for pair in field.pairs:
            plain: dict[str, Any] = {
                "field": field.title,
                "mark": pair.mark.value,
                "first": pair.first,
                "own": pair.own,
            }
            if as_json:
                print(json.dumps(plain, ensure_ascii=False))
            else:
                print(f"{field.title}: {_(MARKS[pair.mark])}: {pair.first or '–'} | {pair.own or '–'}")

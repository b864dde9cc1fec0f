"""Naming a case on the command line: by its own UID, or by that of its study."""

import argparse

from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.desk import Desk
from workstation.errors import CaseUnavailable
from workstation.language import _


def case_arguments(parser: argparse.ArgumentParser) -> None:
    """`--case` or `--study`, one of them."""
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--case", default="", metavar="UID", help=_("UID of the case, as `worklist --json` shows it"))
    one.add_argument("--study", default="", metavar="UID", help=_("Study Instance UID"))


def case_named(desk: Desk, case_uid: str, study_uid: str) -> CaseRow:
    """The case; raises CaseUnavailable when this desk knows of none."""
    if case_uid:
        try:
            return desk.case(case_uid)
        except KeyError:
            raise CaseUnavailable(_("The worklist has no such case"), case_uid) from None
    wanted = CaseFilter(states=None)
    for case in desk.page(wanted, 0, desk.count(wanted)):
        if case.study_uid == study_uid:
            return case
    raise CaseUnavailable(_("The worklist has no such study"), study_uid)

"""`iris-workstation archive`: check the sealed archive, mend it, remove studies for good, and keep it under its limit.

Studies and objects are named by their UIDs; no patient is. What opens it is changed by the deeds of `archive_keys`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from workstation.app import application
from workstation.archive.index import Removed
from workstation.archive.inspection import Findings
from workstation.cli import archive_keys, secret_file, server_arguments
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.cli.progress import end_progress, show_progress
from workstation.consultation.keeping import Keeping
from workstation.errors import CaseUnavailable, WorkstationError
from workstation.jobs import Progress
from workstation.language import _, number_text

EXAMPLE = "iris-workstation archive verify --repair"

_OF_THE_KEY = {
    "passphrase": archive_keys.change,
    "recovery-key": archive_keys.recovery_key,
    "recover": archive_keys.recover,
    "destroy": archive_keys.shred,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the archive."""
    deeds = parser.add_subparsers(dest="deed", metavar=_("DEED"), required=True)

    def deed(name: str, purpose: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = deeds.add_parser(name, help=purpose, description=purpose)
        one.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))
        return one

    checking = deed("verify", _("open every object and compare it with its hash"))
    server_arguments(checking)
    checking.add_argument(
        "--repair", action="store_true", help=_("fetch what is damaged from the server, delete files without a row")
    )
    removing = deed("remove", _("remove studies for good: no copy of their files opens any more"))
    removing.add_argument("studies", nargs="*", metavar="UID", help=_("Study Instance UID"))
    removing.add_argument("--all", action="store_true", help=_("every study that needn't stay"))
    removing.add_argument("--yes", action="store_true", help=_("don't ask"))
    deed("trim", _("remove what was opened longest ago until the archive is under its limit"))
    deed("status", _("how full the archive is, and how much of it must stay"))
    for name, purpose in (("pin", _("let a study stay whatever comes")), ("unpin", _("let a study go again"))):
        deed(name, purpose).add_argument("study", metavar="UID", help=_("Study Instance UID"))
    archive_keys.add_deeds(deed)


def run(options: argparse.Namespace) -> int:
    """Status 1 when the archive is damaged, stays over its limit, or a study must stay."""
    if options.deed in _OF_THE_KEY:
        return _OF_THE_KEY[options.deed](options)
    settings = chosen_settings(options)
    password = secret_file(options.password_file) if options.password_file else None
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal), password=password) as opened:
        keeping = opened.desk.keeping
        match options.deed:
            case "verify":
                return _verify(keeping, options)
            case "remove":
                return _remove(keeping, options)
            case "trim":
                _show_removed(keeping.trim(), (), options.json)
            case "status":
                return _status(keeping, options.json)
            case deed:
                keeping.pin(options.study, deed == "pin")
                return 0
        state = keeping.state()
        if state.size > state.limit > 0:
            print(_("The archive stays over its limit: the rest must stay."), file=sys.stderr)
            return 1
        return 0


def _verify(keeping: Keeping, options: argparse.Namespace) -> int:
    findings = keeping.inspect(_show)
    if findings.objects:
        end_progress()
    stopped: WorkstationError | None = None
    if options.repair:
        findings, stopped = keeping.mend(findings)
    print(json.dumps(asdict(findings) | {"sound": findings.sound}) if options.json else _found(findings))
    if stopped is not None:
        raise stopped
    return 0 if findings.sound else 1


def _found(findings: Findings) -> str:
    faults = {"missing": _("missing"), "changed": _("changed or cut short")}
    lines = []
    for damage in findings.damages:
        state = _("fetched anew") if damage.mended else damage.note
        told = ", ".join(part for part in (faults[damage.fault], state) if part)
        lines.append(
            _("study {study}, object {sop}: {what}").format(study=damage.study_uid, sop=damage.sop_uid, what=told)
        )
    if findings.strays:
        lines.append(
            _("files without a row: {strays}, deleted: {swept}").format(strays=findings.strays, swept=findings.swept)
        )
    lines.append(
        _("{objects} objects opened, {size} MB, {damages} damaged").format(
            objects=findings.objects, size=number_text(findings.size / 1e6), damages=len(findings.damages)
        )
    )
    return "\n".join(lines)


def _remove(keeping: Keeping, options: argparse.Namespace) -> int:
    if bool(options.studies) == options.all:
        raise WorkstationError(_("Name the studies to remove, or say --all"))
    wanted = keeping.studies() if options.all else options.studies
    if options.all and not options.yes:
        _confirm(len(wanted))
    removed: list[Removed] = []
    refused: list[CaseUnavailable] = []
    for study_uid in wanted:
        try:
            removed.append(keeping.remove(study_uid))
        except CaseUnavailable as error:
            refused.append(error)
    _show_removed(removed, refused, options.json)
    return 1 if refused else 0


def _confirm(count: int) -> None:
    """The reader types the number of studies. Raises WorkstationError when it is another, or nobody can type."""
    if not sys.stdin.isatty():
        raise WorkstationError(_("Nothing was removed"), advice=_("Say --yes where nobody can answer."))
    typed = input(_("This removes {count} studies for good. Type their number: ").format(count=count))
    if typed.strip() != str(count):
        raise WorkstationError(_("Nothing was removed"))


def _show_removed(removed: list[Removed], refused: Sequence[CaseUnavailable], as_json: bool) -> None:
    if as_json:
        refusals = [error.detail for error in refused]
        print(json.dumps({"removed": [asdict(one) for one in removed], "refused": refusals}, ensure_ascii=False))
        return
    for one in removed:
        print(told(one))
    for error in refused:
        print(f"iris-workstation: {error}", file=sys.stderr)
    if not removed:
        print(_("Nothing was removed"))


def told(removed: Removed) -> str:
    """One line about a study that was removed."""
    return _("study {study} removed: {objects} objects, {size} MB").format(
        study=removed.study_uid, objects=removed.objects, size=number_text(removed.size / 1e6)
    )


def _status(keeping: Keeping, as_json: bool) -> int:
    state = keeping.state()
    if as_json:
        print(json.dumps(asdict(state)))
        return 0
    print(
        _("{studies} studies, {objects} objects, {size} GB of {limit} GB").format(
            studies=state.studies,
            objects=state.objects,
            size=number_text(state.size / 1e9),
            limit=number_text(state.limit / 1e9),
        )
    )
    print(
        _("must stay: {studies} studies, {size} GB").format(
            studies=state.kept_studies, size=number_text(state.kept_size / 1e9)
        )
    )
    print(_("removed and not fetched again: {count} studies").format(count=state.removed_studies))
    return 0


def _show(progress: Progress) -> None:
    show_progress(f"{progress.done} / {progress.total}  {progress.text}")

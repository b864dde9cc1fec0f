"""`iris-workstation audit`: what was done at this desk, whether its record is whole, and the receipts of deliveries.

Lists name events, times, users and UIDs; never a patient.
"""

import argparse
import json
from pathlib import Path

from workstation.app import Application, application
from workstation.archive import audit
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.audit_export import sent_heads
from workstation.consultation.receipt import Receipt, receipt_of, unvouched
from workstation.errors import WorkstationError
from workstation.language import _, ngettext

EXAMPLE = "iris-workstation audit --verify --kept receipt.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the record."""
    deed = parser.add_mutually_exclusive_group(required=True)
    deed.add_argument(
        "--list", action="store_true", help=_("time, user, event and case of each entry, the oldest first")
    )
    deed.add_argument(
        "--verify",
        action="store_true",
        help=_("check the chain of entries from the first to the last, and against every receipt"),
    )
    deed.add_argument("--receipt", metavar="CASE_UID", help=_("the receipts of the case's delivered conclusions"))
    deed.add_argument(
        "--export",
        metavar=_("FILE|syslog"),
        help=_(
            "DICOM audit messages of all entries into a file, or of the new ones to the audit server of the settings"
        ),
    )
    parser.add_argument(
        "--kept",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help=_("receipts kept elsewhere as JSON, for --verify: they show a chain that was made anew as a whole"),
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Status 1 when the chain is broken, or there is no receipt."""
    kept = [one for path in options.kept for one in _kept(path)]
    with application(chosen_settings(options), passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        if options.receipt:
            return _receipts(opened, options)
        if options.export:
            return _export(opened, options.export)
        if options.verify:
            return _verify(opened, kept, options.json)
        with opened.archive.database.read() as cursor:
            for entry in audit.entries(cursor):
                print(json.dumps(_plain(entry), ensure_ascii=False) if options.json else _line(entry))
        return 0


def _receipts(opened: Application, options: argparse.Namespace) -> int:
    found = opened.desk.receipts(options.receipt)
    if not found:
        raise WorkstationError(_("No delivered conclusion of this case is here"))
    if options.json:
        for receipt in found:
            print(json.dumps(receipt.to_json(), ensure_ascii=False))
    else:
        print("\n\n".join(receipt.text() for receipt in found))
    return 0


def _export(opened: Application, target: str) -> int:
    if target == "syslog":
        count = opened.desk.send_audit()
        print(ngettext("{count} entry sent", "{count} entries sent", count).format(count=count))
    else:
        count = opened.desk.audit_export().write(Path(target))
        print(ngettext("{count} entry written", "{count} entries written", count).format(count=count))
    return 0


def _verify(opened: Application, kept: list[Receipt], as_json: bool) -> int:
    known = [*opened.desk.receipts(), *kept]
    with opened.archive.database.read() as cursor:
        sent = sent_heads(cursor)
    state = audit.verify(opened.archive.database, [*sent, *(receipt.head for receipt in known)])
    with opened.archive.database.read() as cursor:
        doubted = unvouched(audit.entries(cursor), known)
    if as_json:
        plain = {
            "entries": state.entries,
            "head": state.head.hex(),
            "broken_at": state.broken_at or None,
            "receipts": len(known),
            "receipts_not_vouched_for": [receipt.package_uid for receipt in doubted],
        }
        print(json.dumps(plain))
        return 0 if state.whole and not doubted else 1
    if state.broken_at:
        print(
            _("BROKEN at entry {number}: it was changed, or one before it was removed").format(number=state.broken_at)
        )
    for receipt in doubted:
        print(
            _("NOT VOUCHED FOR: the receipt of case {case}; entry {number} tells of another").format(
                case=receipt.case_uid, number=receipt.audit_entry
            )
        )
    if not state.whole or doubted:
        return 1
    print(_("Whole: {entries} entries, {receipts} receipts").format(entries=state.entries, receipts=len(known)))
    print(state.head.hex())
    return 0


def _kept(path: Path) -> list[Receipt]:
    try:
        return [receipt_of(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it is no JSON")
        raise WorkstationError(_("The receipt can't be read"), f"{path.name}: {reason}") from error


def _plain(entry: audit.Entry) -> dict[str, object]:
    return {
        "entry": entry.sequence,
        "at": entry.at.isoformat(),
        "who": entry.who,
        "event": entry.event,
        "subject": entry.subject,
        **({"detail": dict(entry.detail)} if entry.detail else {}),
    }


def _line(entry: audit.Entry) -> str:
    at = entry.at.isoformat(timespec="seconds")
    return f"{entry.sequence:6}  {at}  {entry.event:28}  {entry.who}  {entry.subject}".rstrip()

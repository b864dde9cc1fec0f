"""`iris-workstation import`: studies from media into the sealed archive, to be viewed without a server.

A file that is broken is one line and not the end; at the end each study says what of it is new.
"""

# ruff: noqa: N999 - a command's module has its name, and nothing imports it by a statement

import argparse
import json
import sys
from pathlib import Path

from workstation.app import application
from workstation.archive.importing import Imported, StudyCounts
from workstation.archive.media import sources
from workstation.cli.desk import (
    ask_in_terminal,
    chosen_settings,
    export_passphrase,
    export_passphrase_argument,
    passphrase_of,
)
from workstation.cli.progress import end_progress, show_progress
from workstation.jobs import Progress
from workstation.language import _

EXAMPLE = "iris-workstation import /media/cdrom studies.zip case.iris --export-passphrase-file passphrase.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The media, and what opens sealed cases among them."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=_("file, folder with all below it, ZIP archive, or sealed case of another workstation"),
    )
    export_passphrase_argument(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Status 1 when a file could not be taken, an object collides with one held, or there was nothing to take."""
    settings = chosen_settings(options)
    failed = False

    def tell(one: Imported) -> None:
        nonlocal failed
        failed = failed or one.outcome in ("unreadable", "collision")
        if options.json:
            print(json.dumps(_plain(one), ensure_ascii=False), flush=True)
        elif one.outcome == "unreadable":
            print(f"{one.name}: {one.message}", flush=True)
        elif one.outcome == "collision":
            print(one.name + ": " + _("other content is held under the same UID; the first is kept"), flush=True)

    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        found = sources(options.paths, lambda: export_passphrase(options, twice=False))
        counts = opened.desk.carrying.take_in(found, tell, _show)
    end_progress()
    for uid, count in counts.items():
        print(json.dumps({"study": uid, **vars(count)}) if options.json else _line(uid, count))
    if not counts and not failed:
        print(_("No DICOM objects were found"), file=sys.stderr)
    return 1 if failed or not counts else 0


def _plain(one: Imported) -> dict[str, str]:
    plain = {"path": one.name, "status": one.outcome}
    said = {"study": one.study_uid, "instance": one.sop_uid, "message": one.message}
    return plain | {name: value for name, value in said.items() if value}


def _line(uid: str, count: StudyCounts) -> str:
    said = _("{new} new, {held} held already, {collisions} with other content under a held UID")
    return f"{uid}: {said.format(new=count.new, held=count.held, collisions=count.collisions)}"


def _show(progress: Progress) -> None:
    show_progress(f"{progress.text} {progress.done}")

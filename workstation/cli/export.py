"""`iris-workstation export`: a study of the sealed archive as one sealed file for another workstation.

`import` reads it there. The file is of use only with its passphrase, which goes another way.
"""

import argparse
import json
from pathlib import Path

from workstation.app import application
from workstation.cli.desk import (
    ask_in_terminal,
    chosen_settings,
    export_passphrase,
    export_passphrase_argument,
    passphrase_of,
)
from workstation.cli.progress import end_progress, show_progress
from workstation.consultation.carrying import Carrying
from workstation.jobs import Progress
from workstation.language import _, ngettext

EXAMPLE = "iris-workstation export 1.2.840.113619.2.1 -o case.iris --sealed --export-passphrase-file passphrase.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The study, and the file that it becomes."""
    parser.add_argument("study", metavar="STUDY_UID", help=_("Study Instance UID"))
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=_("the file to write; it must not exist")
    )
    parser.add_argument(
        "--sealed",
        action="store_true",
        required=True,
        help=_("encrypted by a passphrase of at least 12 characters, with all that identifies the patient"),
    )
    export_passphrase_argument(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of a line"))


def run(options: argparse.Namespace) -> int:
    """Write the file, or none."""
    settings = chosen_settings(options)
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        carrying = Carrying(opened.archive, settings.reader)
        count = carrying.export_sealed(options.study, options.output, export_passphrase(options, twice=True), _show)
    end_progress()
    if options.json:
        print(json.dumps({"study": options.study, "objects": count, "output": str(options.output)}, ensure_ascii=False))
    else:
        said = ngettext("{count} object sealed", "{count} objects sealed", count).format(count=count)
        print(f"{options.study} → {options.output}: {said}")
    return 0


def _show(progress: Progress) -> None:
    show_progress(f"{progress.text} {progress.done} / {progress.total}")

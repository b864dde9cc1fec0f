"""`iris-workstation export`: studies of the sealed archive as one sealed file, or without their patient for teaching.

A sealed file is read by `import` at another workstation; its passphrase goes another way.
"""

import argparse
import json
from pathlib import Path

from workstation.app import Application, application
from workstation.cli.desk import (
    ask_in_terminal,
    chosen_settings,
    export_passphrase,
    export_passphrase_argument,
    passphrase_of,
)
from workstation.cli.progress import end_progress, show_progress
from workstation.consultation.carrying import AnonymousWish
from workstation.errors import WorkstationError
from workstation.jobs import Progress
from workstation.language import _, ngettext

EXAMPLE = "iris-workstation export 1.2.840.113619.2.1 -o teaching.zip --anonymous"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The studies, and what they become."""
    parser.add_argument("studies", nargs="+", metavar="STUDY_UID", help=_("Study Instance UID"))
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=_("the file to write, or the folder for --anonymous; it must not exist"),
    )
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--sealed",
        action="store_true",
        help=_("encrypted by a passphrase of at least 12 characters, with all that identifies the patient"),
    )
    form.add_argument(
        "--anonymous",
        action="store_true",
        help=_("without the patient, for teaching: a folder or .zip with a DICOMDIR; what can't be cleaned stays out"),
    )
    parser.add_argument(
        "--keep-characteristics",
        action="store_true",
        help=_("with --anonymous: keep sex, age, size, weight, smoking and pregnancy status"),
    )
    parser.add_argument(
        "--accept-burned-in",
        action="store_true",
        help=_("with --anonymous: I have looked at the pictures, and none shows a name; take those of risky kinds too"),
    )
    export_passphrase_argument(parser)
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of lines"))


def run(options: argparse.Namespace) -> int:
    """Write the file, or none."""
    if options.sealed and (options.keep_characteristics or options.accept_burned_in):
        raise WorkstationError(_("A sealed file holds everything; this option is for --anonymous"))
    settings = chosen_settings(options)
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        return _anonymous(opened, options) if options.anonymous else _sealed(opened, options)


def _sealed(opened: Application, options: argparse.Namespace) -> int:
    passphrase = export_passphrase(options, twice=True)
    count = opened.desk.carrying.export_sealed(options.studies, options.output, passphrase, _show)
    end_progress()
    if options.json:
        print(json.dumps({**_plain(options), "objects": count}, ensure_ascii=False))
    else:
        said = ngettext("{count} object sealed", "{count} objects sealed", count).format(count=count)
        print(f"{options.output}: {said}")
    return 0


def _anonymous(opened: Application, options: argparse.Namespace) -> int:
    wish = AnonymousWish(options.keep_characteristics, options.accept_burned_in)
    made = opened.desk.carrying.export_anonymous(options.studies, options.output, wish, _show)
    end_progress()
    if options.json:
        left = [
            {"count": one.count, "reason": one.reason.format(element=one.element), "visible": one.visible}
            for one in made.left_out
        ]
        plain = {**_plain(options), "objects": made.objects, "left_out": left, "possible_faces": made.faces}
        print(json.dumps(plain, ensure_ascii=False))
        return 0
    said = ngettext("{count} object without its patient", "{count} objects without their patient", made.objects)
    print(f"{options.output}: {said.format(count=made.objects)}")
    for one in made.left_out:
        print(f"  {one.text()}")
    if any(one.visible for one in made.left_out) and not options.accept_burned_in:
        print("  " + _("Look at those pictures; if none shows a name, add --accept-burned-in."))
    if made.faces:
        print("  " + _("A face could be made from slices of a head: faces are not removed."))
    return 0


def _plain(options: argparse.Namespace) -> dict[str, object]:
    return {"studies": options.studies, "output": str(options.output)}


def _show(progress: Progress) -> None:
    show_progress(f"{progress.text} {progress.done} / {progress.total}")

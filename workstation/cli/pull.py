"""`iris-workstation pull`: a study and its priors into the sealed archive, to be read offline."""

import argparse
import json
import sys

from workstation.app import application
from workstation.cli import secret_file, server_arguments
from workstation.cli.archive import told
from workstation.cli.cases import case_named
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.wanted import FetchingState
from workstation.jobs import Cancellation
from workstation.language import _

EXAMPLE = "iris-workstation pull --study 1.2.840.113619.2.1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The server and the study."""
    server_arguments(parser)
    parser.add_argument("--study", required=True, metavar="UID", help=_("Study Instance UID"))
    parser.add_argument("--json", action="store_true", help=_("one JSON object instead of a line"))


def run(options: argparse.Namespace) -> int:
    """Fetch what lacks; status 1 when something can't be had."""
    settings = chosen_settings(options)
    password = secret_file(options.password_file) if options.password_file else None
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal), password=password) as opened:
        desk = opened.desk
        desk.refresh(Cancellation())
        case_uid = case_named(desk, "", options.study).case_uid
        fetching = desk.fetching
        stop = fetching.listen(_show)
        pictures, priors = fetching.open(case_uid), fetching.priors(case_uid)
        pictures.result()
        case = priors.result()
        stop()
        # what the service still makes room for in the background is done here, to be told
        removed = desk.keeping.trim(case_uid)
        state = fetching.state
    sys.stderr.write("\n")
    for failed in state.done:
        if failed.error is not None:
            print(failed.error, file=sys.stderr)
    for one in (*state.removed, *removed):
        print(told(one), file=sys.stderr)
    counts = {"expected": case.expected, "received": case.received, "priors": case.priors_received}
    if options.json:
        print(json.dumps({"study": options.study, **counts}))
    else:
        print(_("{received} of {expected} images, {priors} earlier studies").format(**counts))
    return 0 if case.received >= case.expected else 1


def _show(state: FetchingState) -> None:
    running = state.running
    if running is not None and running.expected:
        sys.stderr.write(f"\r{running.received} / {running.expected}  {running.text}\033[K")
        sys.stderr.flush()

"""What the commands on DICOM objects are given: files, folders, and studies that the sealed archive holds.

Nothing is read before it is asked for, so that a folder of any size costs one object at a time.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workstation.app import application
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.consultation.covering import covered_words, uncovered
from workstation.errors import NothingToShow, UnreadableObject
from workstation.language import _

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True)
class Input:
    """One object: how the user would name it, and how to get its bytes (raises WorkstationError)."""

    path: str
    read: Callable[[], bytes] = field(repr=False)


def input_arguments(parser: argparse.ArgumentParser) -> None:
    """The objects themselves."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help=_("file, folder with all below it, or Study Instance UID of a study in the sealed archive"),
    )


@contextmanager
def inputs(options: argparse.Namespace) -> Iterator[Iterator[Input]]:
    """All objects of `options.paths`, in order; folders sorted by name. The archive is opened only for a study."""
    studies = [path for path in options.paths if not Path(path).exists() and _UID.fullmatch(path)]
    if not studies:
        yield _walked(options.paths, {})
        return
    settings = chosen_settings(options)
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        held = {}
        for study in studies:
            instances = opened.archive.instances(study)
            if not instances:
                raise NothingToShow(_("The archive holds nothing of this study"), study)
            with opened.archive.database.read() as cursor:
                seen = uncovered(cursor, study, instances)
            if len(seen) < len(instances):
                print(covered_words(), file=sys.stderr)
            uids = [instance.sop_instance_uid for instance in seen]
            held[study] = [Input(f"{study}/{uid}", lambda uid=uid: opened.archive.get(uid)) for uid in uids]  # type: ignore[misc]
        yield _walked(options.paths, held)


def _walked(paths: Sequence[str], held: dict[str, list[Input]]) -> Iterator[Input]:
    for path in paths:
        if path in held:
            yield from held[path]
        elif Path(path).is_dir():
            for file in sorted(Path(path).rglob("*")):
                if file.is_file():
                    yield _file(file)
        else:
            yield _file(Path(path))


def _file(path: Path) -> Input:
    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise UnreadableObject(_("The file can't be read"), error.strerror or type(error).__name__) from error

    return Input(str(path), read)

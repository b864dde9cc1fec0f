"""The deeds of `iris-workstation archive` about its key: passphrase, recovery key, recovering, and shredding all."""

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path

from workstation import secrets
from workstation.app import application
from workstation.archive.destruction import destroy
from workstation.cli import secret_file
from workstation.cli.desk import ask_for_new, ask_in_terminal, chosen_settings, data_folder, passphrase_of
from workstation.consultation.readers import is_shared
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.language import _

Deed = Callable[[str, str], argparse.ArgumentParser]


def add_deeds(deed: Deed) -> None:
    """The options of each."""
    changing = deed("passphrase", _("change the passphrase, or take one in place of the keyring, or the keyring again"))
    _new_passphrase_arguments(changing)
    deed("recovery-key", _("make a recovery key for a forgotten passphrase; the one before opens nothing any more"))
    recovering = deed("recover", _("open the archive by its recovery key and set a new passphrase"))
    recovering.add_argument(
        "--recovery-key-file", type=Path, metavar="FILE", help=_("file with the recovery key; without it you are asked")
    )
    _new_passphrase_arguments(recovering)
    destroying = deed("destroy", _("shred the key and everything in this archive for good"))
    destroying.add_argument("--yes", action="store_true", help=_("don't ask"))


def _new_passphrase_arguments(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--new-passphrase-file",
        type=Path,
        metavar="FILE",
        help=_("file with the new passphrase; without it you are asked"),
    )
    way.add_argument("--keyring", action="store_true", help=_("keep the key in the system's keyring from now on"))


def change(options: argparse.Namespace) -> int:
    """Who can open the archive may put another lock on it."""
    with application(chosen_settings(options), passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        opened.guard.rewrap(_new(options))
    _tell(
        options,
        {"wrap": _wrap(options)},
        _("The archive opens by the keyring now.")
        if options.keyring
        else _("The archive opens by the new passphrase now; the one before opens nothing any more."),
    )
    return 0


def recovery_key(options: argparse.Namespace) -> int:
    """Made only for who can open the archive anyway."""
    with application(chosen_settings(options), passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        code = secrets.new_code()
        opened.guard.keep_recovery_key(code)
    _tell(options, {"recovery_key": code}, code)
    if not options.json:
        print(
            _("Write it down and keep it away from this computer: it opens the archive without the passphrase."),
            file=sys.stderr,
        )
    return 0


def recover(options: argparse.Namespace) -> int:
    """The same key under a new passphrase; the recovery key stays good."""
    settings = chosen_settings(options)
    folder = settings.data_dir
    if secrets.key_state(folder).wrap == "none":
        raise ArchiveLocked(_("There is no archive yet"))
    if options.keyring and is_shared(folder):
        raise ArchiveLocked(_("Several readers share this desk"), advice=_("Set a passphrase."))
    key = secrets.recover_key(folder, _typed_recovery_key(options))
    with application(settings, key=key) as opened:
        opened.guard.record("recovery key used")
        opened.guard.rewrap(_new(options))
    _tell(options, {"wrap": _wrap(options)}, _("Recovered: nothing is lost."))
    return 0


def shred(options: argparse.Namespace) -> int:
    """Needs no key: also what nobody can open any more can be destroyed."""
    folder = data_folder(options)
    if not options.yes:
        _confirm()
    destroyed = destroy(folder)
    text = _("Destroyed: {files} files. Copies of the folder open no more, unless they hold key.json as well.")
    _tell(options, {"files": destroyed.files, "keyring": destroyed.keyring}, text.format(files=destroyed.files))
    if not destroyed.keyring:
        raise ArchiveLocked(
            _("The keyring could not be told to forget the key"),
            advice=_("Delete the entries of iris-workstation in the keyring by its own program."),
        )
    return 0


def _confirm() -> None:
    """The reader types the word. Raises WorkstationError when it is another, or nobody can type."""
    if not sys.stdin.isatty():
        raise WorkstationError(_("Nothing was destroyed"), advice=_("Say --yes where nobody can answer."))
    word = _("DESTROY")
    print(
        _("All studies, drafts, conclusions that are not delivered and the audit record of this archive go for good.")
    )
    if input(_("Type {word} to go on: ").format(word=word)).strip() != word:
        raise WorkstationError(_("Nothing was destroyed"))


def _new(options: argparse.Namespace) -> str | None:
    """The new passphrase, or None for the keyring."""
    if options.keyring:
        return None
    return secret_file(options.new_passphrase_file) if options.new_passphrase_file else ask_for_new()


def _typed_recovery_key(options: argparse.Namespace) -> str:
    if options.recovery_key_file:
        return secret_file(options.recovery_key_file)
    if not sys.stdin.isatty():
        raise ArchiveLocked(_("The recovery key is needed"), advice=_("Give it by --recovery-key-file."))
    return getpass.getpass(_("Recovery key: "))


def _wrap(options: argparse.Namespace) -> str:
    return "keyring" if options.keyring else "passphrase"


def _tell(options: argparse.Namespace, values: dict[str, object], line: str) -> None:
    print(json.dumps(values) if options.json else line)

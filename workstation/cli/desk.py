"""Opening a desk from the command line: settings, passphrase and server of the options."""

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from workstation import secrets
from workstation import settings as settings_file
from workstation.cli import secret_file
from workstation.consultation.readers import named
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.language import _
from workstation.settings import ServerProfile, Settings


def data_folder(options: argparse.Namespace) -> Path:
    """The data folder of the reader whom the options name, or the desk's own, which is its first reader's.

    Raises WorkstationError when no reader of that name works here.
    """
    desk: Path = options.data or settings_file.default_data_dir()
    return named(desk, options.reader).folder if options.reader else desk


def chosen_settings(options: argparse.Namespace, folder: Path | None = None) -> Settings:
    """The settings of the desk, or of a reader's `folder`, with what the options say instead."""
    settings = settings_file.load(folder or data_folder(options))
    if options.language:
        settings = replace(settings, language=options.language)
    if options.server:
        settings = settings.using(options.server)
    if options.url:
        given = profile_of(options.url, options.user)
        # the desk's other servers stay: conclusions may wait for them
        others = tuple(server for server in settings.servers if server.name != given.name)
        settings = replace(settings, servers=(given, *others))
    return settings


def profile_of(url: str, user: str) -> ServerProfile:
    """A server profile for a DICOMweb root, named after its host. Raises WorkstationError when it is no web address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WorkstationError(_("This is no web address"), url, _("It looks like https://iris.example/dicom-web"))
    return ServerProfile(name=parts.hostname, dicomweb_url=url.rstrip("/"), user=user)


def passphrase_of(options: argparse.Namespace, ask: Callable[[], str]) -> Callable[[], str]:
    """Where the archive's passphrase comes from: the file of the options, or the reader; a new one is asked twice."""
    if options.passphrase_file:
        return lambda: secret_file(options.passphrase_file)
    if ask is ask_in_terminal and secrets.key_state(data_folder(options)).wrap == "none":
        return ask_for_new
    return ask


def ask_in_terminal() -> str:
    """The archive's passphrase, typed without an echo. Raises ArchiveLocked where nobody can type."""
    _must_be_typed()
    return getpass.getpass(_("Passphrase of the archive: "))


def ask_for_new() -> str:
    """A new passphrase, typed twice. Raises WorkstationError where nobody can type, or the two differ."""
    _must_be_typed()
    typed = getpass.getpass(_("New passphrase of the archive: "))
    if getpass.getpass(_("The same again: ")) != typed:
        raise WorkstationError(_("The two passphrases differ"))
    return typed


def _must_be_typed() -> None:
    if not sys.stdin.isatty():
        raise ArchiveLocked(
            _("The archive needs its passphrase"), advice=_("Give it by --passphrase-file, or set up a keyring.")
        )


def export_passphrase_argument(parser: argparse.ArgumentParser) -> None:
    """Where the passphrase of sealed cases is, for `export_passphrase`."""
    parser.add_argument(
        "--export-passphrase-file",
        type=Path,
        metavar="FILE",
        help=_("file with the passphrase of sealed cases; without it you are asked"),
    )


def export_passphrase(options: argparse.Namespace, *, twice: bool) -> str:
    """The passphrase of a sealed case: from the file of the options, or typed, a new one `twice`.

    Raises WorkstationError where nobody can type, or the two differ.
    """
    if options.export_passphrase_file:
        return secret_file(options.export_passphrase_file)
    if not sys.stdin.isatty():
        raise WorkstationError(
            _("The sealed case needs its passphrase"), advice=_("Give it by --export-passphrase-file.")
        )
    typed = getpass.getpass(_("Passphrase of the sealed case: "))
    if twice and getpass.getpass(_("The same again: ")) != typed:
        raise WorkstationError(_("The two passphrases differ"))
    return typed

"""`iris-workstation doctor`: what works between this desk and its servers, and what to do for each fault.

Every layer is a line of its own, from the name of the server to its worklist, and then this computer. Nothing is stored
anywhere without `--store`, and nobody is asked for a secret.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from workstation import language, secrets
from workstation import settings as settings_file
from workstation.cli import secret_file, server_arguments
from workstation.cli.desk import chosen_settings, profile_of
from workstation.cli.desk_checks import archive_key, examine_desk
from workstation.cli.trial_object import trial_object
from workstation.consultation.door import Remembered, certificate_password, refresh_token
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.iris.finding import Finding, State, failed
from workstation.iris.oidc import Tokens
from workstation.iris.service_checks import Credentials, examine
from workstation.language import N_, _
from workstation.settings import ServerProfile, Settings

EXAMPLE = "iris-workstation doctor --url https://iris.example/dicom-web --user reader --password-file password.txt"

CHECKS = {
    "settings": N_("settings"),
    "address": N_("address"),
    "client certificate": N_("client certificate"),
    "proxy": N_("proxy"),
    "name": N_("name"),
    "connection": N_("connection"),
    "TLS": N_("TLS"),
    "answer": N_("answer"),
    "clock": N_("clock"),
    "sign-in server": N_("sign-in server"),
    "sign-in": N_("sign-in"),
    "search": N_("search (QIDO)"),
    "retrieval": N_("retrieval (WADO)"),
    "storing": N_("storing (STOW)"),
    "worklist": N_("worklist (UPS)"),
    "data folder": N_("data folder"),
    "disk": N_("disk"),
    "keyring": N_("keyring"),
    "database": N_("database"),
    "decoders": N_("decoders"),
    "display": N_("display"),
    "identity": N_("signing identity"),
}
STATES = {
    State.OK: N_("ok"),
    State.WARNING: N_("warning"),
    State.FAILED: N_("FAILED"),
    State.NOT_CHECKED: N_("not checked"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The server, whether to store, and how to print."""
    server_arguments(parser)
    parser.add_argument(
        "--store", action="store_true", help=_("store a marked test object on each server; it stays there")
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object a line"))


def run(options: argparse.Namespace) -> int:
    """Print a line a check; status 1 when any fails."""
    settings, read = _settings(options)
    language.set_language(settings.language)
    sound = True
    for where, findings in _everything(options, settings, read):
        if not options.json:
            print(_("Server {name}").format(name=where) if where else _("This computer"), flush=True)
        for finding in findings:
            sound = sound and finding.state is not State.FAILED
            said = json.dumps(_plain(where, finding), ensure_ascii=False) if options.json else _lines(finding)
            print(said, flush=True)
    return 0 if sound else 1


def _settings(options: argparse.Namespace) -> tuple[Settings, Finding]:
    """The settings and what is to say of them; those that can't be read are no reason to check nothing."""
    data_dir = options.data or settings_file.default_data_dir()
    given = (profile_of(options.url, options.user),) if options.url else ()
    try:
        settings = chosen_settings(options)
    except WorkstationError as error:
        spoken = options.language or language.current_language()
        return Settings(data_dir, language=spoken, servers=given), failed("settings", error)
    if not settings.servers:
        found, advice = _("no server is set up"), _("Add one to settings.toml, or give --url.")
        return settings, Finding("settings", State.WARNING, found, advice)
    return settings, Finding("settings", State.OK, _("servers: {count}").format(count=len(settings.servers)))


def _everything(
    options: argparse.Namespace, settings: Settings, read: Finding
) -> Iterator[tuple[str, Iterable[Finding]]]:
    """Groups of findings, each with the name of its server; this computer has none."""
    passphrase = secret_file(options.passphrase_file) if options.passphrase_file else None
    given = secret_file(options.password_file) if options.password_file else None
    key = archive_key(settings.data_dir, None if passphrase is None else lambda: passphrase)
    # one that is named is looked at alone
    asked = settings.servers[:1] if options.url or options.server else settings.servers
    for number, profile in enumerate(asked):
        # as everywhere, --password-file is that of the server in use, the first
        known = _remembered(profile, settings, key)
        if number == 0 and given is not None:
            known = replace(known, password=given)
        yield profile.name, examine(profile, known, trial_object() if options.store else None)
    yield "", (read, *examine_desk(settings, key))


def _remembered(profile: ServerProfile, settings: Settings, key: bytes | Finding) -> Credentials:
    if not isinstance(key, bytes):
        # without the archive's key only the keyring can be asked
        try:
            return Credentials(secrets.password(profile.name, data_dir=settings.data_dir))
        except ArchiveLocked:
            return Credentials()
    try:
        return Credentials(
            Remembered(settings, key, profile).load(),
            Tokens(profile, refresh_token(settings, key, profile)) if profile.signs_in_by_browser else None,
            certificate_password(settings, key, profile).load() or "",
        )
    except ArchiveLocked:
        return Credentials()


def _plain(where: str, finding: Finding) -> dict[str, object]:
    return {
        "server": where or None,
        "check": finding.check,
        "state": finding.state.value,
        "found": finding.found,
        "advice": finding.advice,
    }


def _lines(finding: Finding) -> str:
    state, name = _(STATES[finding.state]), _(CHECKS[finding.check])
    indent = max(len(_(each)) for each in STATES.values())
    width = max(len(_(each)) for each in CHECKS.values())
    lines = [f"  {state:{indent}}  {name:{width}}  {finding.found}"]
    if finding.advice:
        lines.append(" " * (indent + width + 6) + f"-> {finding.advice}")
    return "\n".join(lines)

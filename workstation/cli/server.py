"""`iris-workstation server`: the servers of this desk, as settings.toml has them; the first is the one in use."""

import argparse
import getpass
import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

from workstation import secrets
from workstation import settings as settings_file
from workstation.cli import secret_file
from workstation.cli.desk import ask_in_terminal, data_folder, passphrase_of
from workstation.consultation.door import certificate_password
from workstation.errors import WorkstationError
from workstation.iris.client_certificate import read
from workstation.language import _
from workstation.settings import ServerProfile, Settings, checked_servers

EXAMPLE = (
    "iris-workstation server add North dicomweb_url=https://north.example/dicom-web"
    " oidc_issuer=https://login.example/realms/north oidc_client_id=iris-workstation"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is to be done, and with which server."""
    deeds = parser.add_subparsers(dest="deed", required=True, metavar=_("DEED"))
    listed = deeds.add_parser("list", help=_("the servers of this desk; a star marks the one in use"))
    listed.add_argument("--json", action="store_true", help=_("one JSON object a line"))
    keys = ", ".join(field.name for field in fields(ServerProfile) if field.name != "name")
    for name, purpose in (
        ("add", _("set up another server")),
        ("set", _("change values of a server; KEY= with nothing behind it takes a value away")),
    ):
        one = deeds.add_parser(name, help=purpose, description=purpose, epilog=_("Keys: {keys}.").format(keys=keys))
        one.add_argument("name", metavar="NAME")
        one.add_argument("values", metavar="KEY=VALUE", nargs="+")
    for name, purpose in (
        ("use", _("work with this server from now on")),
        ("remove", _("take a server out of the settings; what waits for it stays, and goes when it is back")),
    ):
        deeds.add_parser(name, help=purpose, description=purpose).add_argument("name", metavar="NAME")
    purpose = _("remember the password of a server's client certificate")
    certificate = deeds.add_parser("certificate-password", help=purpose, description=purpose)
    certificate.add_argument("name", metavar="NAME")
    certificate.add_argument(
        "--certificate-password-file",
        type=Path,
        metavar="FILE",
        help=_("file with the password; without it you are asked"),
    )


def run(options: argparse.Namespace) -> int:
    """Do it; the settings are written whole or not at all."""
    settings = settings_file.load(data_folder(options))
    match options.deed:
        case "list":
            for server in settings.servers:
                print(
                    json.dumps(_plain(server, settings), ensure_ascii=False)
                    if options.json
                    else _line(server, settings)
                )
        case "add":
            if any(server.name == options.name for server in settings.servers):
                raise WorkstationError(
                    _("There is such a server already"), options.name, _("Change it by `server set`.")
                )
            server = ServerProfile(options.name, "")
            _save(settings, (*settings.servers, _changed(server, options.values)))
        case "set":
            wanted = settings.server_named(options.name)
            changed = _changed(wanted, options.values)
            _save(settings, tuple(changed if one is wanted else one for one in settings.servers))
        case "use":
            settings_file.save(settings.using(options.name))
        case "remove":
            wanted = settings.server_named(options.name)
            _save(settings, tuple(one for one in settings.servers if one is not wanted))
        case "certificate-password":
            _remember_certificate_password(options, settings)
    return 0


def _changed(server: ServerProfile, given: list[str]) -> ServerProfile:
    known = {field.name: field.type for field in fields(ServerProfile)}
    values: dict[str, str | float] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if key not in known or not equals:
            keys = ", ".join(known)
            raise WorkstationError(_("There is no such value of a server"), key, _("Keys: {keys}.").format(keys=keys))
        values[key] = value
        if known[key] is float:
            try:
                values[key] = float(value)
            except ValueError:
                # said by the check, with what it may be
                values[key] = value
    if "dicomweb_url" in values:
        values["dicomweb_url"] = str(values["dicomweb_url"]).rstrip("/")
    return replace(server, **values)  # type: ignore[arg-type]


def _save(settings: Settings, servers: tuple[ServerProfile, ...]) -> None:
    try:
        checked = checked_servers(servers)
    except ValueError as error:
        raise WorkstationError(_("The server can't be set up"), str(error)) from error
    settings_file.save(replace(settings, servers=checked))


def _remember_certificate_password(options: argparse.Namespace, settings: Settings) -> None:
    server = settings.server_named(options.name)
    if not server.client_certificate_file:
        raise WorkstationError(
            _("This server has no client certificate"),
            server.name,
            _("Name it: iris-workstation server set NAME client_certificate_file=FILE."),
        )
    if options.certificate_password_file:
        typed = secret_file(options.certificate_password_file)
    elif sys.stdin.isatty():
        typed = getpass.getpass(_("Password of the client certificate: "))
    else:
        raise WorkstationError(
            _("The client certificate needs its password"), advice=_("Give it by --certificate-password-file.")
        )
    read(server, typed)
    key = secrets.open_key(settings.data_dir, passphrase_of(options, ask_in_terminal))
    certificate_password(settings, key, server).store(typed)


def _sign_in_of(server: ServerProfile) -> str:
    if server.signs_in_by_browser:
        return _("in the browser, at {issuer}").format(issuer=server.oidc_issuer)
    if server.user:
        return _("as {user}, with a password").format(user=server.user)
    return _("by its certificate") if server.client_certificate_file else _("none")


def _line(server: ServerProfile, settings: Settings) -> str:
    sign_in = _("sign-in: {way}").format(way=_sign_in_of(server))
    return f"{'*' if server is settings.servers[0] else ' '} {server.name}  {server.dicomweb_url}  {sign_in}"


def _plain(server: ServerProfile, settings: Settings) -> dict[str, object]:
    return {"in_use": server is settings.servers[0], **asdict(server)}

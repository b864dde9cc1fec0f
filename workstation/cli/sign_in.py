"""`iris-workstation sign-in`: sign in to a server, in the browser or by a password, for all commands and the window."""

import argparse
import getpass
import sys
import webbrowser

from workstation.app import application
from workstation.cli import secret_file, server_arguments
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.errors import WorkstationError
from workstation.jobs import Cancellation
from workstation.language import _

EXAMPLE = "iris-workstation sign-in --server North"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The server, and whether to open a browser."""
    server_arguments(parser)
    parser.add_argument(
        "--no-browser", action="store_true", help=_("only print the address; open it in a browser on this computer")
    )


def run(options: argparse.Namespace) -> int:
    """Sign in, and remember what it takes."""
    settings = chosen_settings(options)
    profile = settings.server
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        if not profile.signs_in_by_browser:
            opened.door.sign_in(profile.name, _password(options, profile.user))
            print(_("Signed in to {server}").format(server=profile.name))
            return 0

        def open_page(address: str) -> None:
            if not options.no_browser and webbrowser.open(address):
                print(_("Go on in the browser; this command waits for it."), file=sys.stderr)
                return
            print(_("Open this address in a browser on this computer; one on another can't come back here:"))
            print(address, flush=True)

        who = opened.door.sign_in_by_browser(profile.name, open_page, Cancellation())
        print(_("Signed in to {server} as {user}").format(server=profile.name, user=who))
    return 0


def _password(options: argparse.Namespace, user: str) -> str:
    if options.password_file:
        return secret_file(options.password_file)
    if not sys.stdin.isatty():
        raise WorkstationError(_("The server needs a password"), advice=_("Give it by --password-file."))
    return getpass.getpass(_("Password of {user} at the server: ").format(user=user))

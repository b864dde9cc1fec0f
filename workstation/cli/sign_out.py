"""`iris-workstation sign-out`: forget what signs in to a server, and let its provider know where it offers that."""

import argparse

from workstation.app import application
from workstation.cli import server_arguments
from workstation.cli.desk import ask_in_terminal, chosen_settings, passphrase_of
from workstation.errors import WorkstationError
from workstation.language import _

EXAMPLE = "iris-workstation sign-out --server North"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The server."""
    server_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Forget it here whatever happens; status 1 when the provider can't be told."""
    settings = chosen_settings(options)
    profile = settings.server
    with application(settings, passphrase=passphrase_of(options, ask_in_terminal)) as opened:
        try:
            told = opened.door.sign_out(profile.name)
        except WorkstationError as error:
            raise WorkstationError(
                _("Signed out here, but the sign-in server could not be told"), str(error)
            ) from error
    print(_("Signed out of {server}").format(server=profile.name))
    if profile.signs_in_by_browser and not told:
        print(_("Its sign-in server offers no way to be told; the browser may still be signed in there."))
    return 0

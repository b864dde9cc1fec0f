"""`iris-workstation`: the desktop application."""

import argparse
import os
import sys

from workstation import settings as settings_file
from workstation.app import application
from workstation.cli import secret_file
from workstation.cli.desk import chosen_settings, passphrase_of
from workstation.errors import WorkstationError
from workstation.language import _


def arguments(parser: argparse.ArgumentParser) -> None:
    """No option beyond those of every command."""


def run(options: argparse.Namespace) -> int:
    """Open the window on the desk of the settings; a server named on the command line becomes the desk's server."""
    must_have_display()
    settings = chosen_settings(options)
    password = secret_file(options.password_file) if options.password_file else None
    settings_file.save(settings)
    from workstation.ui.application import ask_passphrase, qt_application, run_window

    qt_application(settings.theme)
    with application(settings, passphrase=passphrase_of(options, ask_passphrase), password=password) as opened:
        return run_window(opened.desk, opened.workers, settings, opened.sign_in)


def must_have_display() -> None:
    """Raise WorkstationError where no window can open: Qt would abort the process."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in named):
        raise WorkstationError(
            _("There is no display"), advice=_("Start it in a desktop session, or run `iris-workstation tour DIR`.")
        )

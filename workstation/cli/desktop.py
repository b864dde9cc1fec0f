"""`iris-workstation`: the desktop application."""

import argparse
import os
import sys

from workstation import language
from workstation import settings as settings_file
from workstation.app import application
from workstation.cli import secret_file
from workstation.cli.desk import chosen_settings
from workstation.consultation.readers import named
from workstation.errors import WorkstationError
from workstation.language import _


def arguments(parser: argparse.ArgumentParser) -> None:
    """No option beyond those of every command."""


def run(options: argparse.Namespace) -> int:
    """Open the window on the desk of the settings; a server named on the command line becomes the desk's server."""
    must_have_display()
    settings = chosen_settings(options)
    language.set_language(settings.language)
    password = secret_file(options.password_file) if options.password_file else None
    from workstation.ui.application import qt_application, run_window
    from workstation.ui.entry import Entered, enter

    qt_application(settings.theme)
    entered: Entered | None = None
    if not options.passphrase_file:
        desk = options.data or settings_file.default_data_dir()
        entered = enter(desk, named(desk, options.reader) if options.reader else None)
        if entered is None:
            return 0
        settings = chosen_settings(options, entered.folder)
    settings_file.save(settings)
    passphrase = (lambda: secret_file(options.passphrase_file)) if options.passphrase_file else None
    with application(
        settings, passphrase=passphrase, password=password, key=entered.key if entered else None
    ) as opened:
        if entered is not None and entered.new_passphrase is not None:
            opened.guard.record("recovery key used")
            opened.guard.rewrap(entered.new_passphrase)
        return run_window(
            opened.desk,
            opened.workers,
            settings,
            opened.door,
            opened.guard,
            wrong_attempts=entered.wrong_attempts if entered else 0,
        )


def must_have_display() -> None:
    """Raise WorkstationError where no window can open: Qt would abort the process."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in named):
        raise WorkstationError(
            _("There is no display"), advice=_("Start it in a desktop session, or run `iris-workstation tour DIR`.")
        )

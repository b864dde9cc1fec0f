"""The Qt application: made once a process, in the theme and language of the settings."""

import signal
import sys
from collections.abc import Callable

from PySide6.QtCore import QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit

from workstation.consultation.desk import Desk
from workstation.errors import ArchiveLocked
from workstation.jobs import Workers
from workstation.language import _, current_language
from workstation.settings import Settings
from workstation.ui.theme import apply_theme
from workstation.ui.window import DeskWindow


def qt_application(theme: str = "dark") -> QApplication:
    """The one QApplication, with font, theme and Qt's own texts in the current language."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("IRIS Workstation")
    app.setDesktopFileName("iris-workstation")
    QLocale.setDefault(QLocale(current_language()))
    translator = QTranslator(app)
    if translator.load(f"qtbase_{current_language()}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(translator)
    apply_theme(app, theme)
    return app


def ask_passphrase() -> str:
    """The archive's passphrase from the reader. Raises ArchiveLocked when none is given."""
    text, given = QInputDialog.getText(
        None, "IRIS Workstation", _("Passphrase of the archive:"), QLineEdit.EchoMode.Password
    )
    if not given:
        raise ArchiveLocked(_("The archive stays locked"), advice=_("It opens with its passphrase only."))
    return text


def run_window(desk: Desk, workers: Workers, settings: Settings, sign_in: Callable[[str], None]) -> int:
    """Show the desk's window until it is closed; the exit status."""
    app = qt_application(settings.theme)
    window = DeskWindow(desk, workers, settings, sign_in)
    window.shell.show()
    window.start()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda _number, _frame: window.shell.close())
    # Python sees a signal only when it runs: the event loop alone would keep it waiting
    heartbeat = QTimer(app)
    heartbeat.start(250)
    heartbeat.timeout.connect(lambda: None)
    return app.exec()

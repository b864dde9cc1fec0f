"""The Qt application: made once a process, in the theme and language of the settings."""

import signal
import sys

from PySide6.QtCore import QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtWidgets import QApplication

from workstation.archive.guard import Guard
from workstation.consultation.desk import Desk
from workstation.consultation.door import Door
from workstation.jobs import Workers
from workstation.language import current_language
from workstation.settings import Settings
from workstation.ui.safekeeping import Safekeeping
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


def run_window(
    desk: Desk,
    workers: Workers,
    settings: Settings,
    door: Door,
    guard: Guard,
    *,
    wrong_attempts: int = 0,
) -> int:
    """Show the desk's window until it is closed; the exit status.

    `wrong_attempts` were made before the archive opened: the audit chain has them from now on.
    """
    app = qt_application(settings.theme)
    window = DeskWindow(desk, workers, settings, door)
    safekeeping = Safekeeping(window.shell, guard, window.background, settings)
    guard.record("program started", **({"wrong passphrases": wrong_attempts} if wrong_attempts else {}))
    # locked before it is seen, where it is to be
    safekeeping.start(guard.state)
    window.shell.show()
    window.start()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda _number, _frame: window.shell.close())
    # Python sees a signal only when it runs: the event loop alone would keep it waiting
    heartbeat = QTimer(app)
    heartbeat.start(250)
    heartbeat.timeout.connect(lambda: None)
    try:
        return app.exec()
    finally:
        guard.record("program ended")

"""What tests of widgets share: the application, the viewer on the screen, and the module that makes series."""

import gc
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

from tests import synthetic_stack
from workstation import language
from workstation.app import Application, application
from workstation.cli.demo import on_embedded_iris
from workstation.consultation.case import CaseFilter, CaseRow
from workstation.demo.identities import ensure_identities
from workstation.demo.phantoms import ensure_phantoms
from workstation.demo.phantoms.catalogue import PHANTOMS
from workstation.demo.preparation import DemoFolder, fill
from workstation.demo.server import EmbeddedIris
from workstation.jobs import Workers, silent
from workstation.settings import Settings
from workstation.ui.application import qt_application
from workstation.ui.theme import apply_theme
from workstation.ui.tour.hands import Hands
from workstation.ui.viewer.panel import ViewerPanel
from workstation.ui.window import DeskWindow

KEYS = ("ct-main", "ct-main-prior", "dx-clear", "flg-clear")


@pytest.fixture(scope="session")
def app() -> QApplication:
    """The one application of the process, in the dark theme."""
    found = QApplication.instance()
    app = found if isinstance(found, QApplication) else QApplication([])
    apply_theme(app, "dark")
    return app


@pytest.fixture(scope="session")
def balls() -> ModuleType:
    """The module that makes synthetic series."""
    return synthetic_stack


@pytest.fixture
def until(app: QApplication) -> Callable[..., None]:
    """`until(true)` runs the event loop until something holds."""

    def until(true: Callable[[], bool], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "waited in vain"
            app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.001)

    return until


@pytest.fixture
def panel(app: QApplication) -> Iterator[ViewerPanel]:
    """The viewer on the screen, without a case."""
    workers = Workers()
    panel = ViewerPanel(workers)
    panel.resize(800, 600)
    panel.show()
    app.processEvents()
    yield panel
    panel.close_case()
    panel.close()
    panel.deleteLater()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    workers.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFolder:
    """A prepared embedded IRIS with three cases of small pictures."""
    folder = tmp_path_factory.mktemp("iris")
    few = [phantom for phantom in PHANTOMS if phantom.visit.key in KEYS]
    fill(folder, ensure_phantoms(folder / "phantoms", silent, scale=0.12, phantoms=few), silent)
    return DemoFolder(folder, ensure_identities(folder / "identities"))


@pytest.fixture
def iris(demo: DemoFolder, tmp_path: Path) -> Iterator[EmbeddedIris]:
    """The server, on its own copy of the state."""
    shutil.copytree(demo.folder, tmp_path / "iris", symlinks=True)
    with EmbeddedIris(tmp_path / "iris") as server:
        yield server


@pytest.fixture
def settings(demo: DemoFolder, iris: EmbeddedIris, tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path / "desk", language="en", poll_seconds=3600, prefetch=False)
    return on_embedded_iris(settings, demo, iris)


class Reader:
    """A reader before a window."""

    def __init__(self, opened: Application) -> None:
        self.desk = opened.desk
        self.window = DeskWindow(opened.desk, opened.workers, opened.settings, opened.door)
        self.shell = self.window.shell
        self.hands = Hands(self.shell, limit_s=30)
        self.shell.show()
        self.shell.activateWindow()
        self.window.start()
        self.hands.wait(lambda: self.window.link != "unknown", "for the link")

    @property
    def message(self) -> str:
        """What the strip above the page says."""
        return self.shell.messages.text if self.shell.messages.isVisible() else ""

    def rows(self, count: int) -> None:
        self.hands.wait(lambda: self.window.worklist.model.rowCount() == count, f"for {count} rows")

    def find(self, text: str) -> CaseRow:
        return self.desk.page(CaseFilter(text=text, states=None), 0, 1)[0]

    def open(self, case: CaseRow) -> None:
        """Put the cursor on a case and press Enter."""
        worklist = self.window.worklist
        self.hands.wait(lambda: worklist.select(case.case_uid), "for the row")
        table = worklist.focusProxy()
        assert table is not None
        table.setFocus()
        self.hands.press("Return", table)

    def read(self, case: CaseRow) -> None:
        """Open a case and wait for its pictures, the priors' too."""
        self.open(case)
        viewer, background = self.window.reading.viewer, self.window.background
        self.hands.wait(lambda: viewer.session is not None and not background.activities, "for the images")
        self.hands.wait(lambda: viewer.is_settled() and viewer.is_loaded(), "for the pictures")

    def field(self, name: str) -> QLineEdit:
        return next(edit for edit in self.shell.findChildren(QLineEdit) if edit.accessibleName() == name)

    def answer_all(self) -> None:
        """All normal, from the keys of the report."""
        self.window.reading.viewer.setFocus()
        self.hands.press("F6")
        self.hands.press("Alt+Shift+N")

    def sign(self, case: CaseRow, password: str) -> None:
        """Read a case, answer it, look at the document and sign."""
        self.read(case)
        self.answer_all()
        self.ask_to_sign()
        field = self.field("Password of the identity")
        field.setFocus()
        self.hands.type(password, field)
        self.hands.press("Return", field)
        self.hands.wait(lambda: bool(self.desk.outbox()), "for the package")

    def decide(self, word: str) -> None:
        """Press the button that the outbox offers for its chosen package."""

        def offered() -> list[QPushButton]:
            buttons = self.window.outbox.findChildren(QPushButton)
            return [one for one in buttons if one.isVisible() and one.text() == word]

        self.hands.wait(lambda: bool(offered()), f"for {word}")
        self.hands.click(offered()[0])

    def package_state(self) -> str:
        return self.desk.outbox()[0].state

    def ask_to_sign(self) -> None:
        self.hands.press("Ctrl+Return")
        self.hands.wait(lambda: not self.window.reading.is_preparing, "for the document")
        if not self.window.reading.is_signing:
            self.hands.press("Ctrl+Return")
            self.hands.wait(lambda: not self.window.reading.is_preparing, "for the document")


@pytest.fixture
def seat(settings: Settings, iris: EmbeddedIris) -> Iterator[Callable[..., Reader]]:
    """Sit down at a desk; standing up closes the window and the archive."""
    before = language.current_language()
    app = qt_application()
    readers: list[Reader] = []
    closers: list[Callable[[], None]] = []

    def sit(wanted: Settings = settings, password: str = iris.password) -> Reader:
        stand()
        context = application(wanted, passphrase=lambda: "passphrase of the test", password=password)
        opened = context.__enter__()
        closers.append(lambda: context.__exit__(None, None, None))
        readers.append(Reader(opened))
        return readers[-1]

    def stand() -> None:
        while readers:
            shell = readers.pop().shell
            shell.close()
            shell.deleteLater()
            app.processEvents()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        while closers:
            closers.pop()()

    yield sit
    stand()
    language.set_language(before)
    QApplication.processEvents()
    gc.collect()

"""What tests of widgets share: the application, the viewer on the screen, and the module that makes series."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from PySide6.QtCore import QEvent, QEventLoop
from PySide6.QtWidgets import QApplication

from tests import synthetic_stack
from workstation.jobs import Workers
from workstation.ui.theme import apply_theme
from workstation.ui.viewer.panel import ViewerPanel


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

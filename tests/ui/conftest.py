"""What tests of widgets share: the application, and the module that makes synthetic series."""

from types import ModuleType

import pytest
from PySide6.QtWidgets import QApplication

from tests import synthetic_stack
from workstation.ui.theme import apply_theme


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

"""What the archive's tests share: a key, an open archive, a server in memory."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from workstation.archive.archive import Archive

KEY = bytes(range(32))


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module `fake_iris`: the server in memory and the objects it serves."""
    return _load("fake_iris")


@pytest.fixture
def key() -> bytes:
    return KEY


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, KEY) as opened:
        yield opened

"""Servers for the tests of the wire: raw sockets, a real Orthanc, the embedded IRIS."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workstation.demo.server import EmbeddedIris
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile


def _load(name: str) -> ModuleType:
    """A module beside the rooms' test folders, which are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def raw() -> ModuleType:
    """`raw.raw_server(*answers)` and `raw.http(body, …)`."""
    return _load("raw_server")


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """`tiny.ct_series(count, …)`."""
    return _load("tiny_instances")


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running Orthanc; the test skips where Debian's is not installed."""
    module = _load("orthanc")
    if not module.program():
        pytest.skip("orthanc is not installed")
    with module.running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="session")
def orthanc_web(orthanc: Any) -> Iterator[DicomWeb]:
    """Our client signed in to Orthanc."""
    profile = ServerProfile("orthanc", orthanc.dicomweb_url, user=orthanc.user)
    with IrisSession(profile, orthanc.password) as session:
        yield DicomWeb(session)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedIris]:
    """An empty embedded IRIS."""
    with EmbeddedIris(tmp_path / "iris") as server:
        yield server


@pytest.fixture
def session(embedded: EmbeddedIris) -> Iterator[IrisSession]:
    """Our session with the embedded IRIS; a stall is given up after half a second."""
    profile = ServerProfile("embedded", embedded.url, user=embedded.user, stall_timeout_s=0.5)
    with IrisSession(profile, embedded.password) as opened:
        yield opened

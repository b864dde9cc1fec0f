"""What every room's tests share."""

import importlib.util
import os
from pathlib import Path

import pytest

from workstation.dicom.content import Conclusion
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.identity import Identity, load_pkcs12

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real DICOM beside the checkout; the test skips where it is absent."""
    named = os.environ.get("IRIS_SHARED_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared DICOM data here")
    return folder


@pytest.fixture(scope="session")
def conclusion() -> Conclusion:
    """A realistic conclusion in Russian with measurements, key images and a prior."""
    spec = importlib.util.spec_from_file_location("sample_conclusion", Path(__file__).with_name("sample_conclusion.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.sample_conclusion()
    assert isinstance(made, Conclusion)
    return made


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A root that the tests trust."""
    return Authority.create("Test root", "Tests")


@pytest.fixture(scope="session")
def identity_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's PKCS#12 file; its password is `пароль`."""
    path = tmp_path_factory.mktemp("identity") / "reader.p12"
    path.write_bytes(authority.issue(ReaderSubject("Петрова^Анна^Сергеевна", "Референс-центр № 1", "R-0815"), "пароль"))
    return path


@pytest.fixture(scope="session")
def identity(identity_file: Path) -> Identity:
    """The reader, ready to sign."""
    return load_pkcs12(identity_file, "пароль")

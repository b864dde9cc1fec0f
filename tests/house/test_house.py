"""The gates hold, and each has been seen failing: a violation is planted in a copy and found."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS_WITHOUT_QT = (
    "viewing", "consultation", "archive", "reporting", "signing", "iris", "imaging", "dicom",
    "jobs", "settings", "secrets", "errors", "language",
)  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and their rules, to be spoilt."""
    shutil.copytree(ROOT / "workstation", tmp_path / "workstation", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([tool, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("dicom/content.py", "from workstation.viewing import viewport", "rooms import only rooms below"),
        ("viewing/linking.py", "from PySide6.QtCore import QObject", "Qt stays in ui"),
        ("archive/objects.py", "import pydicom", "DICOM libraries stay in dicom"),
        ("demo/store.py", "from workstation.iris import multipart", "shares nothing with the client"),
    ],
)
def test_import_linter_finds_a_planted_violation(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "workstation" / file
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint(copy)
    assert result.returncode == 1
    broken = [text for text in result.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(contract in text for text in broken), result.stdout


def test_rooms_below_ui_load_no_qt() -> None:
    script = (
        "import importlib, pkgutil, sys, workstation\n"
        f"rooms = {ROOMS_WITHOUT_QT!r}\n"
        "for room in rooms:\n"
        "    module = importlib.import_module('workstation.' + room)\n"
        "    for found in pkgutil.walk_packages(getattr(module, '__path__', []), module.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "loaded = [name for name in sys.modules if name.startswith(('PySide6', 'shiboken6'))]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, check=True)


def test_the_window_starts_without_what_only_later_work_needs() -> None:
    script = (
        "import sys, workstation.app, workstation.ui.window\n"
        "late = {'pydicom', 'highdicom', 'imagecodecs', 'pyhanko', 'reportlab', 'pypdfium2', 'authlib', 'joserfc'}\n"
        "late &= set(sys.modules)\n"
        "assert not late, late\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, check=True)


@pytest.fixture
def rules(copy: Path) -> ModuleType:
    """The house rules, looking at the copy."""
    spec = importlib.util.spec_from_file_location("house_rules", ROOT / ".ci/house_rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT = copy
    module.SOURCES = sorted((copy / "workstation").rglob("*.py"))
    return module


def test_a_long_file_is_found(rules: ModuleType, copy: Path) -> None:
    (copy / "workstation/errors.py").write_text("\n" * 501, encoding="utf-8")
    assert any("workstation/errors.py: 501 lines" in breach for breach in rules.sizes())


def test_vtk_rendering_outside_the_3d_canvas_is_found(rules: ModuleType, copy: Path) -> None:
    (copy / "workstation/errors.py").write_text("import vtkmodules.vtkRenderingCore\n", encoding="utf-8")
    assert any("workstation/errors.py:1" in breach for breach in rules.vtk_is_split())


def test_an_untranslated_text_is_found(rules: ModuleType, copy: Path) -> None:
    shutil.copytree(ROOT / "resources/locale", copy / "resources/locale")
    (copy / "workstation/errors.py").write_text("_('never seen before')\n", encoding="utf-8")
    assert any("never seen before" in breach for breach in rules.texts_are_translated())


def test_a_host_of_a_registry_is_found(rules: ModuleType, copy: Path) -> None:
    host = "files.python" + "hosted.org"
    (copy / "workstation/errors.py").write_text(f"# {host}\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    subprocess.run(["git", "add", "-A"], cwd=copy, check=True)
    assert any("workstation/errors.py:1" in breach for breach in rules.no_hosts_no_paths())

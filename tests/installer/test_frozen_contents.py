"""What is loaded only at run time stands in the PyInstaller specification; `make package` tries the whole."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workstation.resources import resource

SPEC = Path(__file__).parents[2] / "installer" / "iris-workstation.spec"

LOAD = """
import sys
from workstation.cli.self_test import CHECKS
for name, check in CHECKS:
    if name in ("pictures", "reformats"):
        check()
print(*sorted(name for name in sys.modules if name.startswith(("vtkmodules.vtk", "imagecodecs._"))))
"""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    """The compiled modules of VTK and imagecodecs that a process has loaded after decoding and reslicing."""
    result = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_every_vtk_library_that_imaging_loads_is_named(loaded: list[str]) -> None:
    wanted = {name.partition(".")[2] for name in loaded if name.startswith("vtkmodules.")}
    assert wanted
    assert wanted == set(_constant("VTK"))


def test_every_codec_that_is_loaded_is_named(loaded: list[str]) -> None:
    wanted = {name.partition("._")[2] for name in loaded if name.startswith("imagecodecs.")}
    assert wanted
    assert wanted == set(_constant("CODECS"))


def test_nothing_that_is_excluded_is_imported_by_the_program() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (SPEC.parents[1] / "workstation").rglob("*.py"))
    for name in ("matplotlib", "gdcm", "tkinter", "PySide6.QtNetwork", "PySide6.QtQml", "PySide6.QtSql"):
        assert not re.search(rf"^\s*(import|from) {re.escape(name)}\b", source, re.MULTILINE), name


def test_resources_of_a_frozen_program_come_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources" / "templates").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("templates") == tmp_path / "resources" / "templates"


def test_a_resource_that_is_missing_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="resources/no/such"):
        resource("no", "such")


def _constant(name: str) -> tuple[str, ...]:
    for node in ast.parse(SPEC.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            value: tuple[str, ...] = ast.literal_eval(node.value)
            return value
    raise AssertionError(f"{name} is not in the specification")

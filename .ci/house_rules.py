"""House rules that no linter knows, each with its reason. Exit status 1 and a line for each breach."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "workstation").rglob("*.py"))

LINES = 500
LINES_OF = {"workstation/ui/shell.py": 300}
# each entry says why it may be longer
LONGER: dict[str, str] = {}

RENDERING = re.compile(r"vtkmodules\.(vtkRendering|vtkInteraction|qt)")

# what may not ship in our installers
LICENCES_REFUSED = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)
# LGPL and other choices that the library itself offers
LICENCES_CHECKED = {
    "pyside6-essentials": "LGPL-3.0, linked dynamically and replaceable",
    "shiboken6": "LGPL-3.0, linked dynamically and replaceable",
}


def sizes() -> Iterator[str]:
    """A file that fits a head: long ones hide a second responsibility."""
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]:
        name = path.relative_to(ROOT).as_posix()
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LINES_OF.get(name, LINES) and name not in LONGER:
            yield f"{name}: {count} lines, the cap is {LINES_OF.get(name, LINES)}"


def rooms_introduce_themselves() -> Iterator[str]:
    """A newcomer reads three lines and knows what a room is for and what may not enter it."""
    for path in sorted((ROOT / "workstation").glob("*/__init__.py")):
        documented = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if len([line for line in documented.splitlines() if line.strip()]) != 3:
            yield f"{path.relative_to(ROOT).as_posix()}: its docstring has not three lines"


def vtk_is_split() -> Iterator[str]:
    """Import-linter can't see inside external packages: rendering belongs to the 3D canvas alone."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            if any(RENDERING.match(name) for name in names) and "ui/viewer/volume_rendering" not in path.as_posix():
                yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: VTK rendering outside the 3D canvas"


def no_hosts_no_paths() -> Iterator[str]:
    """The repository builds anywhere: it names no registry and no machine."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    machine = re.compile(r"(?<![\w.])/(home|root|work)/\w|files\.pythonhosted|pypi\.org|deb\.debian\.org|npmjs\.org")
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if name == ".ci/house_rules.py" or not path.is_file() or path.suffix in {".png", ".ttf", ".otf", ".dcm", ".db"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if machine.search(line):
                yield f"{name}:{number}: names a host or a machine's path"


def texts_are_translated() -> Iterator[str]:
    """A Russian reader never meets an English button."""
    from babel.messages.extract import extract_from_dir
    from babel.messages.pofile import read_po

    path = ROOT / "resources/locale/ru/LC_MESSAGES/workstation.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale="ru")
    wanted = set()
    for _file, _line, message, _comments, _context in extract_from_dir(
        str(ROOT / "workstation"), keywords={"_": None, "N_": None, "ngettext": (1, 2)}
    ):
        wanted.add(message[0] if isinstance(message, tuple) else message)
    for message in sorted(wanted):
        entry = catalogue.get(message)
        if entry is None or not entry.string or (isinstance(entry.string, tuple) and not all(entry.string)):
            yield f"not translated into Russian: {message!r} (make messages, then fill in workstation.po)"
        elif entry.fuzzy:
            yield f"doubtful translation: {message!r}"


def licences() -> Iterator[str]:
    """Everything that ships may be shipped under our own licence."""
    queue, seen = ["iris-workstation"], set()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        for requirement in metadata.requires(name) or []:
            if "extra ==" not in requirement:
                queue.append(re.split(r"[\s;<>=!~\[(]", requirement, maxsplit=1)[0].lower())
        said = [found.get("License-Expression") or "", *(found.get_all("Classifier") or [])]
        licence = "; ".join(text for text in said if text and ("License" in text or text == said[0]))
        if LICENCES_REFUSED.search(licence) and name not in LICENCES_CHECKED:
            yield f"{name}: {licence}"


def main() -> int:
    rules = (sizes, rooms_introduce_themselves, vtk_is_split, no_hosts_no_paths, texts_are_translated, licences)
    breaches = [f"{rule.__name__}: {line}" for rule in rules for line in rule()]
    print("\n".join(breaches) if breaches else f"house rules: {len(rules)} kept")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())

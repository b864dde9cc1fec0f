"""What a crash or a mistake may leave behind: no core, no values in logs, tracebacks and databases' temporary files."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.traces import files_below, of_words, search
from workstation.archive.archive import Archive
from workstation.discretion import DiscreetFormatter
from workstation.errors import LinkDown

NAME = "Вознесенская"
ROOT = Path(__file__).parents[2]

_ABORT = """
import os, sys
{before}
name = "Вознесенская" * 50 + str(os.getpid())
os.abort()
"""
_LOUD = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
_DISCREET = (
    _LOUD
    + """
from workstation.discretion import keep_to_itself
keep_to_itself()
"""
)


def crashed(folder: Path, before: str) -> subprocess.CompletedProcess[str]:
    """A Python that holds a name and aborts, in `folder`."""
    folder.mkdir()
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-c", _ABORT.format(before=before)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="core files are Linux's here")
def test_a_crash_of_this_program_leaves_no_core_where_another_would(tmp_path: Path) -> None:
    crashed(tmp_path / "another", _LOUD)
    ours = crashed(tmp_path / "ours", _DISCREET)
    assert ours.returncode == -6
    assert list((tmp_path / "ours").iterdir()) == []
    assert NAME not in ours.stderr
    assert "Fatal Python error: Aborted" in ours.stderr
    if not list((tmp_path / "another").iterdir()):
        pytest.skip("this system writes no core into the folder of the process, so there is nothing to compare with")
    # a core holds what the process held: that is why there must be none
    assert search(files_below(tmp_path / "another"), of_words("name", NAME), tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("arguments", [["-m", "workstation", "--version"], ["-m", "workstation", "--decoder-process"]])
def test_every_process_of_the_program_begins_by_forbidding_dumps(arguments: list[str]) -> None:
    watch = (
        "import ctypes, resource, runpy, sys, atexit\n"
        "def look():\n"
        "    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "    sys.stderr.write(f'<{dumpable} {resource.getrlimit(resource.RLIMIT_CORE)}>')\n"
        "atexit.register(look)\n"
        f"sys.argv = ['workstation', {arguments[2]!r}]\n"
        "runpy.run_module('workstation', run_name='__main__')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", watch], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "<0 (0, 0)>" in result.stderr, result.stderr


def stumble(text: str) -> None:
    raise ValueError(f"not a number: {text}")


def logged(record: str) -> str:
    """What a discreet handler writes of what `record` logs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(DiscreetFormatter("%(levelname)s %(name)s: %(message)s"))
    ours, theirs = logging.getLogger("workstation.some.room"), logging.getLogger("pydicom")
    for logger in (ours, theirs):
        logger.addHandler(handler)
    try:
        match record:
            case "ours":
                try:
                    stumble(NAME)
                except ValueError:
                    ours.exception("a picture could not be made")
            case "chained":
                try:
                    try:
                        stumble(NAME)
                    except ValueError as error:
                        raise KeyError(NAME) from error
                except KeyError as error:
                    ours.error("work failed", exc_info=error)
            case "group":
                ours.error("work failed", exc_info=ExceptionGroup(NAME, [ValueError(NAME), OSError(28, NAME)]))
            case "noted":
                error = ValueError(NAME)
                error.add_note(NAME)
                ours.error("work failed", exc_info=error, stack_info=True)
            case "world":
                ours.error("work failed", exc_info=LinkDown("The link broke", "iris.example"))
            case "theirs":
                theirs.warning("Invalid value for VR PN: %s", NAME)
    finally:
        for logger in (ours, theirs):
            logger.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("ours", ["ERROR workstation.some.room: a picture could not be made", "builtins.ValueError", "stumble"]),
        ("chained", ["builtins.KeyError", "builtins.ValueError", "stumble"]),
        ("group", ["builtins.ExceptionGroup", "builtins.ValueError", "builtins.OSError: ENOSPC"]),
        ("noted", ["builtins.ValueError"]),
        ("world", ["workstation.errors.LinkDown: The link broke"]),
        ("theirs", ["WARNING pydicom: at test_privacy_of_crashes.py:"]),
    ],
)
def test_a_log_has_kinds_and_places_and_no_values(record: str, said: list[str]) -> None:
    text = logged(record)
    assert all(word in text for word in said), text
    assert NAME not in text


_MISTAKES = {
    "in the main thread": "raise ValueError(name)",
    "in a thread": "import threading; t = threading.Thread(target=lambda: int(name)); t.start(); t.join()",
    "where nobody can catch it": "type('T', (), {'__del__': lambda self: int(name)})()",
    "in a warning": "import warnings; warnings.warn(name)",
    "in a wrong call of the log": "import logging; logging.getLogger('workstation').error('%d', name)",
    "in a slot of Qt": (
        "import os; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtCore import QCoreApplication, QTimer\n"
        "app = QCoreApplication([])\n"
        "QTimer.singleShot(0, lambda: int(name)); QTimer.singleShot(20, app.quit); app.exec()"
    ),
}


@pytest.mark.parametrize("where", _MISTAKES)
def test_a_mistake_nobody_foresaw_is_told_without_values(tmp_path: Path, where: str) -> None:
    program = (
        "from pathlib import Path\n"
        "from workstation.discretion import keep_to_itself, log_to\n"
        "keep_to_itself(); log_to(Path('log'))\n"
        f"name = {NAME!r}\n{_MISTAKES[where]}\n"
    )
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    written = result.stdout + result.stderr + (tmp_path / "log").read_text(encoding="utf-8")
    assert NAME not in written
    if "log" not in where:
        assert "ValueError" in written or "UserWarning" in written, written


def test_the_database_keeps_its_temporary_tables_in_memory(tmp_path: Path) -> None:
    key = bytes(range(32))
    with Archive.open(tmp_path, key) as archive:
        with archive.database.transaction() as cursor:
            assert cursor.execute("PRAGMA temp_store").fetchone()[0] == 2
            cursor.execute("CREATE TABLE big (name TEXT)")
            cursor.executemany("INSERT INTO big VALUES (?)", [(f"{NAME} {n}",) for n in range(20_000)])
        with archive.database.read() as cursor:
            assert cursor.execute("PRAGMA temp_store").fetchone()[0] == 2
            cursor.execute("SELECT name FROM big ORDER BY substr(name, 5) DESC").fetchone()
            opened = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
            assert not [path for path in opened if "etilqs" in path]
        assert (tmp_path / "archive" / "index.db-wal").stat().st_size > 0
        assert search(files_below(tmp_path), of_words("name", NAME), tmp_path) == {}

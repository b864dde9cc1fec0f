"""The tour as a user starts it: a process with folders of its own, on phantoms that all tests share.

The phantoms take most of a minute to paint. They lie in pytest's cache, under the hash of the code that paints them,
and one worker makes them while the others wait.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import workstation.demo.phantoms
from workstation.demo.phantoms import PhantomSet, ensure_phantoms
from workstation.demo.preparation import DemoFolder, prepare
from workstation.jobs import silent

LIMIT_S = 240.0
Finished = subprocess.CompletedProcess[str]


def _load(path: Path) -> ModuleType:
    """A module of a folder that is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Inside, no other process of these tests is."""
    fcntl = pytest.importorskip("fcntl", reason="these tests need POSIX locks and signals")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def phantoms(request: pytest.FixtureRequest) -> PhantomSet:
    """The digital phantoms in full size, with their truth."""
    code = hashlib.sha256()
    for file in sorted(Path(workstation.demo.phantoms.__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    folder = Path(request.config.cache.mkdir("phantoms"))
    wanted = folder / code.hexdigest()[:16]
    with _alone(folder / "lock"):
        for entry in folder.iterdir():
            if entry.is_dir() and entry != wanted:
                shutil.rmtree(entry)
        return ensure_phantoms(wanted, silent)


@pytest.fixture(scope="session")
def orthanc_program() -> ModuleType:
    """`running_orthanc(folder)`; the test skips where Debian's is not installed."""
    module = _load(Path(__file__).parents[1] / "orthanc.py")
    if not module.program():
        pytest.skip("orthanc is not installed")
    return module


@pytest.fixture(scope="session")
def traces() -> ModuleType:
    """The search for what a patient leaves behind."""
    return _load(Path(__file__).parents[1] / "traces.py")


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """Other people's programs, asked about the tour's files."""
    return _load(Path(__file__).with_name("oracle.py"))


class User:
    """Somebody with a home of their own who starts the program; nothing of the one who runs the tests gets in."""

    def __init__(self, home: Path, phantoms: PhantomSet) -> None:
        self.home = home
        self.cache = home / "cache" / "iris-workstation"
        self.cache.mkdir(parents=True)
        (home / "tmp").mkdir()
        (self.cache / "phantoms").symlink_to(phantoms.folder, target_is_directory=True)
        unwanted = (
            "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "LC_ALL", "LC_MESSAGES", "LANG", "IRIS_WORKSTATION_DATA",
        )  # fmt: skip
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in unwanted and "proxy" not in name.lower() and not name.startswith("COV")
        } | {
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "share"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "LANG": "C.UTF-8",
            "PYTHONUTF8": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }

    @property
    def state(self) -> Path:
        """The folder a tour of this user keeps between its starts; there is one."""
        (found,) = (self.cache / "tour").iterdir()
        return found

    @property
    def desk(self) -> Path:
        """The workstation's data directory in that tour."""
        return self.state / "desk"

    def start(self, *words: str | Path, display: str = "") -> "subprocess.Popen[str]":
        """Start the program, in a window of `display` where one is given."""
        window = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"} if display else {}
        return subprocess.Popen(
            [sys.executable, "-m", "workstation", *map(str, words)],
            env=self.environment | window,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *words: str | Path, display: str = "") -> Finished:
        """Start the program and wait for its end."""
        return finish(self.start(*words, display=display))

    def run_until(
        self, folder: Path, reached: Callable[[list[str]], bool], *words: str | Path, wait: float
    ) -> Finished:
        """Start a tour into `folder`; kill it `wait` seconds after the names of its steps are `reached`."""
        file = folder / "transcript.json"
        before = file.stat().st_mtime_ns if file.exists() else 0
        process = self.start(*words)
        watch(process, folder, reached, before)
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        process.send_signal(signal.SIGKILL)
        return finish(process)


def finish(process: "subprocess.Popen[str]") -> Finished:
    """What the process said until it ended."""
    try:
        told, complained = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, told, complained)


def transcript(folder: Path) -> dict[str, Any]:
    """The transcript as it is now."""
    found: dict[str, Any] = json.loads((folder / "transcript.json").read_text(encoding="utf-8"))
    return found


def watch(
    process: "subprocess.Popen[str]", folder: Path, reached: Callable[[list[str]], bool], since_ns: int = 0
) -> None:
    """Wait until the transcript, written after `since_ns`, names the steps that are waited for, or the process ends."""
    file, end = folder / "transcript.json", time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        with suppress(FileNotFoundError):
            if file.stat().st_mtime_ns > since_ns and reached([step["step"] for step in transcript(folder)["steps"]]):
                return
        time.sleep(0.005)


@pytest.fixture(scope="session")
def watch_tour() -> Callable[..., None]:
    """`watch_tour(process, folder, reached)`, for a tour that the test started itself."""
    return watch


@pytest.fixture(scope="module")
def new_user(tmp_path_factory: pytest.TempPathFactory, phantoms: PhantomSet) -> Iterator[Callable[[], User]]:
    """Makes users; what their programs kept is gone after the file's tests."""
    users: list[User] = []

    def make() -> User:
        users.append(User(tmp_path_factory.mktemp("user"), phantoms))
        return users[-1]

    yield make
    for user in users:
        shutil.rmtree(user.home, ignore_errors=True)


@pytest.fixture
def user(new_user: Callable[[], User]) -> User:
    return new_user()


@pytest.fixture(scope="module")
def demo_folder(new_user: Callable[[], User], phantoms: PhantomSet) -> DemoFolder:
    """An embedded IRIS's folder with the whole worklist, for a server that the test runs itself."""
    return prepare(new_user().home / "iris", silent, phantoms.folder)


@dataclass(frozen=True)
class Screen:
    """An X server: its name for DISPLAY, and the file in which it keeps its picture (XWD)."""

    name: str
    frame: Path

    def colours(self) -> int:
        """How many different pixels the screen shows now."""
        data = self.frame.read_bytes()
        header, colours = struct.unpack(">I", data[:4])[0], struct.unpack(">I", data[76:80])[0]
        pixels = np.frombuffer(data, "<u4", offset=header + 12 * colours)
        return len(np.unique(pixels))


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """An X server of its own, larger than any window here."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    folder = tmp_path_factory.mktemp("xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "2000x1400x24", "-fbdir", str(folder)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, "-nolisten", "tcp"], pass_fds=(writing,), stdout=log, stderr=log)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    try:
        assert number, (folder / "log").read_text(encoding="utf-8")
        yield Screen(f":{number}", folder / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait(10)

"""Starts Debian's Orthanc for tests: own folder, free ports, a password, nothing open to the network."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PLUGINS = (Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"), Path("/usr/lib/orthanc/libOrthancDicomWeb.so"))
USER, PASSWORD = "reader", "пароль-7"


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc."""

    url: str
    user: str = USER
    password: str = PASSWORD

    @property
    def dicomweb_url(self) -> str:
        return f"{self.url}/dicom-web"

    def rest(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One call of Orthanc's own interface, by the standard library: no code of ours."""
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method)
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def upload(self, data: bytes) -> str:
        """Store one instance; Orthanc's ID of it."""
        return str(json.loads(self.rest("POST", "/instances", data))["ID"])


def program() -> str | None:
    """The program, where Debian puts it."""
    return shutil.which("Orthanc") or next((p for p in ("/usr/sbin/Orthanc",) if Path(p).exists()), None)


@contextmanager
def running_orthanc(folder: Path, **options: object) -> Iterator[Orthanc]:
    """An Orthanc that keeps its data in `folder`, stopped at the end; `options` are keys of its configuration."""
    executable = program()
    plugin = next((path for path in _PLUGINS if path.exists()), None)
    if not executable or not plugin:
        raise RuntimeError("orthanc and orthanc-dicomweb are not installed")
    port = _free_port()
    configuration = {
        "Name": "IRIS test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "DicomPort": _free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        # the default, Latin-1, drops Cyrillic letters from search answers
        "DefaultEncoding": "Utf8",
        "StorageCompression": False,
        **options,
    }
    (folder / "storage").mkdir(parents=True, exist_ok=True)
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([executable, str(file)], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        orthanc = Orthanc(f"http://127.0.0.1:{port}")
        _wait_ready(orthanc, process)
        yield orthanc
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_ready(orthanc: Orthanc, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Orthanc ended with {process.returncode}")
        try:
            orthanc.rest("GET", "/system")
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("Orthanc doesn't answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

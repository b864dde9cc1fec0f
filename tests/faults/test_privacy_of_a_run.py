"""After the main job, and after a crash in its end, nothing of a patient lies anywhere in the clear."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests import tiny_instances
from tests.consultation.conftest import post_workitem
from tests.traces import Trace, files_below, latin, of_every_pixel, of_person, of_words, search
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile

FAMILY, GIVEN, FATHERS = "Вознесенская", "Евпраксия", "Аристарховна"
NAME = f"{FAMILY}^{GIVEN}^{FATHERS}"
ID, BORN, ACCESSION, REPORT = "77-0048153926", "19470228", "ACC58291047", "Неоплазия сигмовидного отдела"
PASSPHRASE = "лошадь скрепка аккумулятор 7"
SIDE = 48


def noise(number: int) -> bytes:
    """The pixels of a slice."""
    return np.random.default_rng(number).integers(0, 4096, (SIDE, SIDE), dtype="<u2").tobytes()


def own(data: bytes, number: int, compressed: bool) -> pydicom.Dataset:
    """The object as this patient's, its pixels noise."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, ID, BORN
    dataset.AccessionNumber = ACCESSION
    dataset.PixelData = noise(number)
    if compressed:
        dataset.compress(pydicom.uid.RLELossless)
    return dataset


def written(dataset: pydicom.Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@dataclass
class Scene:
    """The folder with all places that the program may write into, what must not be found there, and the process."""

    home: Path
    secrets: list[Trace]
    process: subprocess.Popen[str]
    exported: Path
    log: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, identity_file: Path) -> Iterator[Scene]:
    """The job done, the program still open."""
    outside = tmp_path_factory.mktemp("outside")
    home = tmp_path_factory.mktemp("home")
    places = {name: home / name for name in ("home", "tmp", "cache", "config", "share", "state", "run", "work")}
    for place in places.values():
        place.mkdir(mode=0o700)
    with EmbeddedIris(outside / "iris") as iris:
        study_uid = new_uid()
        slices = tiny_instances.ct_series(6, study_uid=study_uid, side=SIDE)
        objects = [own(data, number, compressed=number % 2 == 0) for number, data in enumerate(slices)]
        with IrisSession(ServerProfile("direct", iris.url, user=iris.user), iris.password) as session:
            DicomWeb(session).store(study_uid, [written(one) for one in objects])
        request = {"0020000D": {"vr": "UI", "Value": [study_uid]}, "00080050": {"vr": "SH", "Value": [ACCESSION]}}
        post_workitem(
            iris,
            study_uid,
            **{
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": NAME}]},
                "00100020": {"vr": "LO", "Value": [ID]},
                "00100030": {"vr": "DA", "Value": [BORN]},
                "0040A370": {"vr": "SQ", "Value": [request]},
            },
        )
        given = {
            "log": places["state"] / "program.log",
            "data": places["share"] / "desk",
            "exported": outside / "audit.xml",
            "identity": identity_file,
            "identity_password": "пароль",
            "url": iris.url,
            "user": iris.user,
            "password": iris.password,
            "passphrase": PASSPHRASE,
            "name": NAME,
            "text": REPORT,
        }
        config = outside / "given.json"
        config.write_text(json.dumps(given, default=str, ensure_ascii=False), encoding="utf-8")
        unwanted = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        kept = {key: value for key, value in os.environ.items() if key not in unwanted and "proxy" not in key.lower()}
        environment = kept | {
            "HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "XDG_CACHE_HOME": str(places["cache"]),
            "XDG_CONFIG_HOME": str(places["config"]),
            "XDG_DATA_HOME": str(places["share"]),
            "XDG_STATE_HOME": str(places["state"]),
            "XDG_RUNTIME_DIR": str(places["run"]),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (places["state"] / "stderr.txt").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.private_run", config],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=places["work"],
                env=environment,
                preexec_fn=_allow_core if os.name == "posix" else None,
            )
            assert process.stdout is not None
            told = process.stdout.readline()
            assert told, (places["state"] / "stderr.txt").read_text()
            assert json.loads(told) == {"state": "done"}
            sentences = {"report": (REPORT, "инфильтративных изменений"), "secret": (iris.password, PASSPHRASE)}
            secrets = [
                *of_person(objects[0]),
                *(trace for kind, texts in sentences.items() for text in texts for trace in of_words(kind, text)),
                *(trace for data in objects for trace in of_every_pixel("stored pixels", data.PixelData)),
                *(trace for number in range(6) for trace in of_every_pixel("pixels", noise(number))),
            ]
            scene = Scene(home, secrets, process, outside / "audit.xml", places["state"] / "program.log")
            yield scene
            process.kill()
            process.communicate()


def found_in(folder: Path, secrets: list[Trace]) -> dict[str, str]:
    """Each kind of secret that lies in the folder, with the file."""
    return {trace.kind: place for trace, place in search(files_below(folder), secrets, folder).items()}


def _allow_core() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_nothing_lies_in_the_clear_while_the_program_is_open(scene: Scene) -> None:
    assert scene.process.poll() is None
    files = [path for path in scene.home.rglob("*") if path.is_file()]
    # there is something to search: the index with its journal, and the sealed objects
    assert {"index.db", "index.db-wal", "key.json", "settings.toml", "program.log"} <= {path.name for path in files}
    assert sum("objects" in path.parts for path in files) >= 6
    assert found_in(scene.home, scene.secrets) == {}


def test_the_log_says_what_happened_and_quotes_nothing(scene: Scene) -> None:
    text = scene.log.read_text(encoding="utf-8")
    assert text.count("ERROR workstation.private_run: a mistake\nbuiltins.ValueError\n") == 2
    assert "private_run.py:" in text
    assert "WARNING another.library: at private_run.py:" in text
    assert "/studies" not in text


def test_the_job_left_what_it_should_elsewhere(scene: Scene) -> None:
    assert scene.exported.stat().st_size > 0


def test_a_crash_leaves_no_core_and_no_values(scene: Scene) -> None:
    process = scene.process
    process.communicate("\n", timeout=30)
    if os.name == "posix":
        assert process.returncode == -6
    told = (scene.home / "state" / "stderr.txt").read_text()
    assert "Fatal Python error: Aborted" in told
    assert "private_run.py" in told
    assert found_in(scene.home, scene.secrets) == {}
    assert [path for path in scene.home.rglob("core*") if path.is_file()] == []


PLANTS = {
    "a name in UTF-8": FAMILY.encode(),
    "a name in Windows-1251": GIVEN.encode("cp1251"),
    "a name in UTF-16": FATHERS.encode("utf-16"),
    "a name in big-endian UTF-16": FAMILY.encode("utf-16-be"),
    "a name in KOI8-R": FAMILY.encode("koi8-r"),
    "a name in capitals": FAMILY.upper().encode(),
    "a name in Latin letters": latin(FAMILY).title().encode(),
    "a name in JSON": json.dumps({"n": GIVEN}).encode(),
    "a name in an address": b"/studies?PatientName=%D0%95%D0%B2%D0%BF%D1%80%D0%B0%D0%BA%D1%81%D0%B8%D1%8F",
    "an ID": ID.encode(),
    "a birth date": BORN.encode(),
    "a birth date as people write it": b"28.02.1947",
    "an accession number": ACCESSION.encode(),
    "a report": f"Заключение: {REPORT.lower()}.".encode(),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_search_finds_what_is_planted(scene: Scene, tmp_path: Path, plant: str) -> None:
    (tmp_path / "some.cache").write_bytes(os.urandom(3333) + PLANTS[plant] + os.urandom(777))
    assert found_in(tmp_path, scene.secrets)


@pytest.mark.parametrize("offset", [0, 1, 31, 33, 500])
def test_the_search_finds_64_bytes_of_pixels_from_anywhere_in_them(scene: Scene, tmp_path: Path, offset: int) -> None:
    pixels = noise(3)
    (tmp_path / "thumbnail").write_bytes(os.urandom(100) + pixels[offset : offset + 64] + os.urandom(100))
    assert found_in(tmp_path, scene.secrets)["pixels"] == "thumbnail"


def test_the_search_finds_a_name_in_a_file_name(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / f"{latin(FAMILY).title()}.pdf").touch()
    assert found_in(tmp_path, scene.secrets)


def test_the_search_finds_nothing_in_noise(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(1 << 20))
    assert found_in(tmp_path, scene.secrets) == {}

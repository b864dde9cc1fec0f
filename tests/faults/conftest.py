"""A study on a real Orthanc and on the embedded IRIS, each behind a line that can fail, and what must be held then."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests import orthanc as real_orthanc
from tests import tiny_instances
from tests.faults.sending import Post
from tests.faulty_proxy import FaultyProxy, faulty_proxy
from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.inspection import inspect
from workstation.archive.ledger import StudyLedger
from workstation.archive.retrieval import Retrieval
from workstation.demo.server import EmbeddedIris
from workstation.dicom.parsing import parse_instance
from workstation.dicom.uids import new_uid
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile
from workstation.signing.identity import Identity

KEY = bytes(range(32))

# request lines, as the faults name them
SERIES_LIST = r"GET \S+/series\?"
INSTANCE_LIST = r"GET \S+/instances\?"
STREAM = r"GET \S+/series/[\d.]+ "
SINGLE = r"GET \S+/instances/[\d.]+ "

# what is a patient's in the study: none of it belongs in a message
OF_THE_PATIENT = ("Смирнова", "Ольга", "77-1", "19700115", "A-1", "LPU-7")


@dataclass
class Place:
    """A server with one study behind a proxy; `objects` are its bytes by SOP Instance UID, as they were uploaded."""

    proxy: FaultyProxy
    path: str
    user: str
    password: str
    study_uid: str
    objects: dict[str, bytes] = field(repr=False)
    stall_s: float = 0.5

    @property
    def profile(self) -> ServerProfile:
        url = f"http://127.0.0.1:{self.proxy.port}{self.path}"
        return ServerProfile("faulty", url, user=self.user, connect_timeout_s=2.0, stall_timeout_s=self.stall_s)

    def session(self) -> IrisSession:
        return IrisSession(self.profile, self.password)

    @property
    def hashes(self) -> dict[str, str]:
        return {uid: hashlib.sha256(data).hexdigest() for uid, data in self.objects.items()}

    def series(self) -> dict[str, list[str]]:
        """SOP Instance UIDs by series, in the order of the upload."""
        found: dict[str, list[str]] = {}
        for uid, data in self.objects.items():
            found.setdefault(parse_instance(data).series_uid, []).append(uid)
        return found


@dataclass(frozen=True)
class Outcome:
    """What the tries of a pull came to: the errors on the way, the ledger at the end."""

    errors: list[WorkstationError]
    ledger: StudyLedger


def passing(error: WorkstationError) -> bool:
    """Whether the program tries again by itself after this error (the profile: 408, 425, 429, 5xx, no link)."""
    if isinstance(error, ServerRefused):
        return error.status in (408, 425, 429) or error.status >= 500
    return isinstance(error, LinkDown | MalformedAnswer)


def pull(archive: Archive, place: Place, tries: int = 6) -> Outcome:
    """Pull the study as the program does: again after what passes, until it is complete or nothing changes."""
    errors: list[WorkstationError] = []
    held = -1
    with place.session() as session:
        retrieval = Retrieval(archive, DicomWeb(session))
        for _try in range(tries):
            try:
                state = retrieval.pull_study(place.study_uid)
            except WorkstationError as error:
                errors.append(error)
                if not passing(error):
                    break
                continue
            if state.complete or state.received == held:
                break
            held = state.received
    for error in errors:
        assert_clear(error)
    return Outcome(errors, ledger.study_ledger(archive.database, place.study_uid))


def assert_clear(error: WorkstationError) -> None:
    """One line that says what; where there is a place, where; nothing of the patient's."""
    told = str(error)
    assert error.title, told
    assert "\n" not in told
    assert error.detail or error.advice, f"neither where nor what to do: {told}"
    assert not any(word in told for word in OF_THE_PATIENT), told


def held_hashes(archive: Archive) -> dict[str, str]:
    """What the archive gives back, by SOP Instance UID."""
    held = [instance.sop_instance_uid for instance in archive.instances()]
    assert len(held) == len(set(held))
    return {uid: hashlib.sha256(archive.get(uid)).hexdigest() for uid in held}


def files(folder: Path) -> int:
    return sum(path.is_file() for part in ("objects", "incoming") for path in (folder / "archive" / part).rglob("*"))


def assert_whole_archive(archive: Archive, folder: Path) -> None:
    """Each row has its sound file and each file its row."""
    findings = inspect(archive)
    assert findings.sound, findings
    assert (findings.strays, archive.strays()) == (0, [])
    assert files(folder) == findings.objects


def assert_as_without_fault(archive: Archive, folder: Path, place: Place, outcome: Outcome) -> None:
    """The archive and the ledger are what they would be had nothing failed."""
    assert held_hashes(archive) == place.hashes
    state = outcome.ledger
    count = len(place.objects)
    assert (state.expected, state.received, state.gaps, state.complete) == (count, count, (), True), state
    assert (state.unlisted, state.collisions) == (0, ())
    with archive.database.read() as cursor:
        assert ledger.counts(cursor, place.study_uid) == (count, count)
    assert_whole_archive(archive, folder)


# a delimiter line within the pixels of one object
INSIDE = b"\r\n--inside\r\nContent-Type: application/dicom\r\n\r\n"


def study(study_uid: str) -> dict[str, bytes]:
    """Three series of 12, 5 and 1 slices of noise, 1 to 9 kB each."""
    noise = np.random.default_rng(7)
    made: dict[str, bytes] = {}
    for count, side in ((12, 16), (5, 64), (1, 32)):
        for number, data in enumerate(tiny_instances.ct_series(count, study_uid=study_uid, side=side)):
            pixels = noise.integers(0, 4096, (side, side), dtype="<u2").tobytes()
            if (count, number) == (5, 2):
                pixels = pixels[:100] + INSIDE + pixels[100 + len(INSIDE) :]
            changed = data[: -len(pixels)] + pixels
            made[parse_instance(changed).sop_instance_uid] = changed
    return made


@pytest.fixture(scope="session")
def orthanc_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Debian's Orthanc with the study; the tests skip where it is not installed."""
    if not real_orthanc.program():
        pytest.skip("orthanc is not installed")
    with (
        real_orthanc.running_orthanc(tmp_path_factory.mktemp("orthanc")) as running,
        faulty_proxy(running.url) as proxy,
    ):
        study_uid = new_uid()
        objects = study(study_uid)
        for data in objects.values():
            running.upload(data)
        yield Place(proxy, "/dicom-web", running.user, running.password, study_uid, objects)


@pytest.fixture(scope="session")
def embedded_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The embedded IRIS with the study."""
    with EmbeddedIris(tmp_path_factory.mktemp("iris")) as iris, faulty_proxy(iris.url) as proxy:
        study_uid = new_uid()
        objects = study(study_uid)
        with IrisSession(ServerProfile("direct", iris.url, user=iris.user), iris.password) as session:
            DicomWeb(session).store(study_uid, list(objects.values()))
        yield Place(proxy, iris.url.removeprefix(iris.root), iris.user, iris.password, study_uid, objects)


@pytest.fixture(params=["orthanc", "embedded"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each of both servers in turn, with a good line."""
    found = request.getfixturevalue(f"{request.param}_place")
    assert isinstance(found, Place)
    yield found
    found.proxy.clear()
    found.stall_s = 0.5


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path, KEY) as opened:
        yield opened


@pytest.fixture(scope="session")
def post_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedIris, FaultyProxy]]:
    """An embedded IRIS for conclusions, and the line to it."""
    with EmbeddedIris(tmp_path_factory.mktemp("iris")) as iris, faulty_proxy(iris.url) as proxy:
        yield iris, proxy


@pytest.fixture
def post(post_office: tuple[EmbeddedIris, FaultyProxy], identity: Identity, tmp_path: Path) -> Iterator[Post]:
    """A desk of its own at the end of that line, which is good at first."""
    iris, proxy = post_office
    iris.faults.clear()
    proxy.clear()
    made = Post(iris, proxy, identity, tmp_path / "desk")
    yield made
    made.workers.close()
    iris.faults.clear()
    proxy.clear()

"""A disk without room: one clear message, nothing lost that was there, and the program goes on when there is room."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consultation.conftest import Bench, filled, general, post_workitem
from tests.faults.conftest import KEY, Place, assert_as_without_fault, assert_clear, held_hashes, pull
from workstation import secrets, settings
from workstation.archive.archive import Archive
from workstation.archive.inspection import inspect
from workstation.consultation.states import CaseState
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import DiskFull
from workstation.iris.dicomweb import DicomWeb
from workstation.iris.session import IrisSession
from workstation.settings import ServerProfile, Settings
from workstation.signing.identity import Identity

_SIZE = 12 << 20


class SmallDisk:
    """A file system of 12 MiB; `leave` fills it but for some bytes, `free` gives the room back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def leave(self, room: int) -> None:
        self.free()
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
        if room:
            os.truncate(self._filler, max(0, self._filler.stat().st_size - room))

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A tmpfs of its own; the test skips where none may be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("seeds", [8, pytest.param(200, marks=pytest.mark.long)], ids=["few", "many"])
def test_a_pull_onto_a_full_disk_goes_on_when_there_is_room(disk: SmallDisk, place: Place, seeds: int) -> None:
    stopped = partial = 0
    for seed in range(seeds):
        folder = disk.folder / str(seed)
        with Archive.open(folder, KEY) as archive:
            disk.leave(random.Random(seed).randrange(0, 600_000, 4096))
            first = pull(archive, place)
            held = held_hashes(archive)
            assert held.items() <= place.hashes.items()
            if first.errors:
                stopped += 1
                partial += 0 < len(held) < len(place.objects)
                assert [type(error) for error in first.errors] == [DiskFull]
                assert inspect(archive).sound
                # room may end behind the last object
                assert first.ledger.complete == (held == place.hashes)
        # a start on the full disk opens what is here
        with Archive.open(folder, KEY) as archive:
            assert held_hashes(archive) == held
            disk.free()
            assert_as_without_fault(archive, folder, place, pull(archive, place))
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    # the rooms were worth it
    assert stopped > seeds / 4
    assert partial > 0


@pytest.fixture
def bench(disk: SmallDisk, tmp_path: Path, identity: Identity) -> Iterator[Bench]:
    """A desk on the small disk; its server keeps its things elsewhere."""
    from tests import tiny_instances

    with EmbeddedIris(tmp_path / "iris") as iris:
        profile = ServerProfile("embedded", iris.url, user=iris.user)
        study_uid = new_uid()
        study = tiny_instances.ct_series(6, study_uid=study_uid)
        with IrisSession(profile, iris.password) as session:
            DicomWeb(session).store(study_uid, study)
        case_uid = post_workitem(iris, study_uid)
        yield Bench(profile, iris.password, disk.folder / "desk", study, identity, case_uid)


def test_a_draft_that_finds_no_room_leaves_the_last_one_whole(disk: SmallDisk, bench: Bench) -> None:
    template = general()
    first = filled(template).to_json()
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        desk.save_draft(bench.case_uid, "form", first)
        disk.leave(0)
        told = None
        for turn in range(200):
            try:
                desk.save_draft(bench.case_uid, "form", {"turn": turn, "text": os.urandom(20_000).hex()})
            except DiskFull as error:
                told = error
                break
            first = desk.draft(bench.case_uid)["form"]
        assert told is not None
        assert_clear(told)
        # what was saved last is there, now and after a start on the full disk
        assert desk.draft(bench.case_uid)["form"] == first
        assert desk.case(bench.case_uid).state is CaseState.DRAFTING
    with bench.archive() as archive:
        desk = bench.open(archive)
        assert desk.draft(bench.case_uid)["form"] == first
        disk.free()
        desk.save_draft(bench.case_uid, "form", {"turn": "last"})
        assert desk.draft(bench.case_uid)["form"] == {"turn": "last"}


def test_a_conclusion_that_finds_no_room_is_not_half_signed(disk: SmallDisk, bench: Bench) -> None:
    with bench.archive() as archive:
        desk = bench.open(archive)
        bench.ready(desk)
        prepared = bench.prepared(desk)
        before = desk.draft(bench.case_uid)
        disk.leave(0)
        with pytest.raises(DiskFull) as caught:
            desk.sign(bench.case_uid, prepared, bench.identity)
        assert_clear(caught.value)
        assert desk.draft(bench.case_uid) == before
        assert desk.case(bench.case_uid).state is CaseState.DRAFTING
        assert desk.outbox() == []
        disk.free()
        desk.sign(bench.case_uid, prepared, bench.identity)
        assert desk.deliver() == 1
        assert desk.case(bench.case_uid).state is CaseState.DONE


def test_settings_that_find_no_room_stay_as_they_were(disk: SmallDisk) -> None:
    old = Settings(disk.folder, language="en", theme="light")
    settings.save(old)
    disk.leave(0)
    with pytest.raises(DiskFull) as caught:
        settings.save(Settings(disk.folder, language="ru", theme="dark"))
    assert_clear(caught.value)
    assert settings.load(disk.folder) == old
    assert sorted(path.name for path in disk.folder.iterdir()) == ["filler", "settings.toml"]
    disk.free()
    settings.save(Settings(disk.folder, language="ru"))
    assert settings.load(disk.folder).language == "ru"


def test_a_first_start_on_a_full_disk_leaves_no_half_key(disk: SmallDisk) -> None:
    folder = disk.folder / "desk"
    folder.mkdir()
    disk.leave(0)
    with pytest.raises(DiskFull) as caught:
        secrets.open_key(folder, lambda: "a passphrase that nobody guesses 7", wrap="passphrase")
    assert_clear(caught.value)
    assert list(folder.iterdir()) == []
    disk.free()
    key = secrets.open_key(folder, lambda: "a passphrase that nobody guesses 7", wrap="passphrase")
    disk.leave(0)
    with pytest.raises(DiskFull) as caught:
        Archive.open(folder, key)
    assert_clear(caught.value)
    disk.free()
    with Archive.open(folder, key) as archive:
        assert archive.studies() == []

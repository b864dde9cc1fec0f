"""A disk, database or keyring that fails: one clear message, nothing lost, and it goes on once the fault is gone."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import (
    KEY,
    Place,
    assert_as_without_fault,
    assert_clear,
    assert_whole_archive,
    files,
    held_hashes,
    pull,
)
from workstation import secrets, settings
from workstation.archive import database
from workstation.archive.archive import Archive
from workstation.archive.inspection import inspect, mend
from workstation.errors import ArchiveDamaged, ArchiveLocked, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.secrets import derive_key
from workstation.settings import Settings


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[bool], None]]:
    """Mounts `tmp_path/desk` as a file system of its own and makes it read-only and writable again."""
    folder = tmp_path / "desk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")

    def switch(to_read_only: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if to_read_only else 'rw'}", str(folder)], check=True)

    yield switch
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_read_only_is_told_and_takes_up_work_later(
    tmp_path: Path, place: Place, read_only: Callable[[bool], None]
) -> None:
    folder = tmp_path / "desk"
    settings.save(Settings(folder, language="en"))
    with Archive.open(folder, KEY):
        pass
    read_only(True)
    with pytest.raises(WorkstationError) as caught:
        Archive.open(folder, KEY)
    assert_clear(caught.value)
    assert "disk" in str(caught.value)
    with pytest.raises(WorkstationError) as caught:
        settings.save(Settings(folder, language="ru"))
    assert_clear(caught.value)
    assert settings.load(folder).language == "en"
    read_only(False)
    with Archive.open(folder, KEY) as archive:
        assert_as_without_fault(archive, folder, place, pull(archive, place))


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_fails_in_the_middle_is_told_and_leaves_nothing_half_stored(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    flush, count = os.fsync, 0

    def failing(file: int) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(number, os.strerror(number))
        flush(file)

    with Archive.open(tmp_path, KEY) as archive:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", failing)
            first = pull(archive, place)
        (error,) = first.errors
        assert "disk" in str(error)
        assert held_hashes(archive).items() < place.hashes.items()
        assert_whole_archive(archive, tmp_path)
        assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


_HOLDER = """
import sys, sqlcipher3
connection = sqlcipher3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA key = \\"x'%s'\\"" % sys.argv[2])
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@pytest.fixture
def hold_database(tmp_path: Path) -> Iterator[Callable[[], Callable[[], None]]]:
    """Lets another process hold the database for writing; what is returned lets go."""
    running: list[subprocess.Popen[str]] = []

    def hold() -> Callable[[], None]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, tmp_path / "archive" / "index.db", derive_key(KEY, "database").hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"

        def let_go() -> None:
            process.communicate("\n", timeout=20)

        return let_go

    yield hold
    for process in running:
        process.kill()
        process.communicate()


def test_a_database_that_another_program_holds_for_long_is_told(
    tmp_path: Path, place: Place, hold_database: Callable[[], Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.3)
    with Archive.open(tmp_path, KEY) as archive:
        let_go = hold_database()
        outcome = pull(archive, place, tries=1)
        (error,) = outcome.errors
        assert "busy" in str(error)
        # reading never waits for a writer
        assert archive.studies() == []
        let_go()
        assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_a_database_that_is_held_for_a_moment_is_waited_for(
    tmp_path: Path, place: Place, hold_database: Callable[[], Callable[[], None]]
) -> None:
    with Archive.open(tmp_path, KEY) as archive:
        timer = threading.Timer(0.5, hold_database())
        timer.start()
        outcome = pull(archive, place)
        timer.join()
        assert outcome.errors == []
        assert_as_without_fault(archive, tmp_path, place, outcome)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _garbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # every page but the first
    data[4096:] = bytes(byte ^ 0x5A for byte in data[4096:])
    path.write_bytes(data)


def _overwritten(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def _gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_emptied, _halved, _garbled, _overwritten, _gone])
def test_a_damaged_database_is_told_nothing_is_deleted_and_its_copy_has_everything(
    tmp_path: Path, orthanc_place: Place, damage: Callable[[Path], None]
) -> None:
    with Archive.open(tmp_path, KEY) as archive:
        pull(archive, orthanc_place)
    path, copy = tmp_path / "archive" / "index.db", tmp_path / "copy"
    shutil.copy(path, copy)
    count = files(tmp_path)
    damage(path)
    for _start in range(2):
        with pytest.raises((ArchiveDamaged, ArchiveLocked)) as caught:
            _read_everything(tmp_path)
        assert_clear(caught.value)
        assert "copy" in caught.value.advice or "key" in caught.value.advice
    assert files(tmp_path) == count
    for part in ("index.db", "index.db-wal", "index.db-shm"):
        (tmp_path / "archive" / part).unlink(missing_ok=True)
    shutil.copy(copy, path)
    with Archive.open(tmp_path, KEY) as archive:
        assert held_hashes(archive) == orthanc_place.hashes
        assert inspect(archive).sound


def _read_everything(folder: Path) -> None:
    with Archive.open(folder, KEY) as archive:
        archive.studies()
        held_hashes(archive)


def _cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 3)


def _one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [_cut_short, _one_bit, _emptied, _gone])
def test_a_damaged_object_is_told_and_fetched_anew(
    archive: Archive, tmp_path: Path, place: Place, damage: Callable[[Path], None]
) -> None:
    pull(archive, place)
    path = sorted(path for path in (tmp_path / "archive" / "objects").rglob("*") if path.is_file())[5]
    damage(path)
    told = []
    for uid in place.objects:
        try:
            archive.get(uid)
        except ArchiveDamaged as error:
            told.append(error)
    (error,) = told
    assert_clear(error)
    assert "repair" in error.advice
    findings = inspect(archive)
    assert [one.fault for one in findings.damages] == ["missing" if damage is _gone else "changed"]
    with place.session() as session:
        assert [one.mended for one in mend(archive, DicomWeb(session), findings.damages)] == [True]
    assert_as_without_fault(archive, tmp_path, place, pull(archive, place))


def test_a_keyring_that_is_gone_is_told_and_everything_is_there_when_it_is_back(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.backends.fail import Keyring as NoKeyring

    class Kept(KeyringBackend):
        priority = 5
        kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[(service, username)] = password

        def delete_password(self, service: str, username: str) -> None:
            self.kept.pop((service, username), None)

    before = keyring.get_keyring()
    try:
        keyring.set_keyring(Kept())
        key = secrets.open_key(tmp_path, None)
        with Archive.open(tmp_path, key) as archive:
            pull(archive, place)
        keyring.set_keyring(NoKeyring())
        with pytest.raises(ArchiveLocked) as caught:
            secrets.open_key(tmp_path, None)
        assert_clear(caught.value)
        assert "keyring" in str(caught.value)
        keyring.set_keyring(Kept())
        assert secrets.open_key(tmp_path, None) == key
        with Archive.open(tmp_path, key) as archive:
            assert held_hashes(archive) == place.hashes
    finally:
        keyring.set_keyring(before)

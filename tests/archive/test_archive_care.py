"""Damage is found and mended, a removed study never opens again, a kill in between leaves a consistent archive."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workstation.archive import schema
from workstation.archive.archive import Archive
from workstation.archive.database import Database
from workstation.archive.inspection import inspect, mend
from workstation.errors import ArchiveDamaged, Cancelled, WorkstationError
from workstation.jobs import Cancellation, Progress
from workstation.secrets import derive_key

STUDY = "1.2.826.0.1.3680043.8.498.71"


def file_of(archive: Archive, folder: Path, sop_uid: str) -> Path:
    with archive.database.read() as cursor:
        name = cursor.execute("SELECT object_name FROM instances WHERE sop_uid = ?", (sop_uid,)).fetchone()[0]
    return folder / "archive" / "objects" / name[0] / name


def flip(path: Path, _other: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def swap(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def lose(path: Path, _other: Path) -> None:
    path.unlink()


class Server:
    """Gives the bytes it has for a UID."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def retrieve_instance(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes:
        return self._objects[sop_instance_uid]


@pytest.mark.parametrize(("harm", "fault"), [(flip, "changed"), (cut, "changed"), (swap, "changed"), (lose, "missing")])
def test_damage_is_named_and_mended(
    archive: Archive, tmp_path: Path, fake: Any, harm: Callable[[Path, Path], None], fault: str
) -> None:
    objects = {f"{STUDY}.1.{number}": fake.part10(number) for number in range(3)}
    archive.store(list(objects.values()))
    assert inspect(archive).sound
    sop_uid = f"{STUDY}.1.1"
    harm(file_of(archive, tmp_path, sop_uid), file_of(archive, tmp_path, f"{STUDY}.1.2"))

    findings = inspect(archive)
    (damage,) = findings.damages
    assert (damage.study_uid, damage.sop_uid, damage.fault) == (STUDY, sop_uid, fault)
    assert not findings.sound
    source: Any = Server(objects)
    assert [one.mended for one in mend(archive, source, findings.damages)] == [True]
    assert archive.get(sop_uid) == objects[sop_uid]
    assert inspect(archive).sound


def test_other_bytes_never_take_the_place_of_a_damaged_object(archive: Archive, tmp_path: Path, fake: Any) -> None:
    archive.put(fake.part10(1))
    sop_uid = f"{STUDY}.1.1"
    cut(file_of(archive, tmp_path, sop_uid), tmp_path)
    source: Any = Server({sop_uid: fake.part10(1, seed=7)})
    (damage,) = mend(archive, source, inspect(archive).damages)
    assert not damage.mended
    assert "other bytes" in damage.note or "другие байты" in damage.note
    with pytest.raises(ArchiveDamaged):
        archive.get(sop_uid)


def test_files_without_a_row_are_counted_and_swept(archive: Archive, tmp_path: Path, fake: Any) -> None:
    archive.put(fake.part10(1))
    file = file_of(archive, tmp_path, f"{STUDY}.1.1")
    shutil.copy(file, file.with_name(file.name[0] + "f" * 31))
    assert inspect(archive).strays == 1
    assert archive.sweep() == 1
    assert inspect(archive).sound
    assert archive.get(f"{STUDY}.1.1") == fake.part10(1)


def test_an_inspection_tells_how_far_it_is_and_can_be_cancelled(archive: Archive, fake: Any) -> None:
    archive.store([fake.part10(number) for number in range(4)])
    cancellation, seen = Cancellation(), []

    def report(progress: Progress) -> None:
        seen.append((progress.done, progress.total))
        if progress.done == 2:
            cancellation.cancel()

    with pytest.raises(Cancelled):
        inspect(archive, report, cancellation)
    assert seen == [(1, 4), (2, 4)]


def test_a_removed_study_does_not_open_from_a_copy_of_its_files(archive: Archive, tmp_path: Path, fake: Any) -> None:
    archive.store([fake.part10(number) for number in range(2)])
    sop_uid = f"{STUDY}.1.1"
    place = file_of(archive, tmp_path, sop_uid)
    copy = shutil.copy(place, tmp_path / "kept")
    with archive.database.read() as cursor:
        old_key = cursor.execute("SELECT seal_key FROM studies").fetchone()[0]
        name = cursor.execute("SELECT object_name FROM instances WHERE sop_uid = ?", (sop_uid,)).fetchone()[0]
    removed = archive.remove(STUDY, "reader", "asked")
    assert (removed.objects, place.exists()) == (2, False)
    with pytest.raises(KeyError):
        archive.get(sop_uid)

    # the file comes back, and so does the study with its row under the old name of the file: its key is another
    archive.store([fake.part10(number) for number in range(2)])
    shutil.copy(copy, place)
    with archive.database.transaction() as cursor:
        cursor.execute("UPDATE instances SET object_name = ? WHERE sop_uid = ?", (name, sop_uid))
        assert cursor.execute("SELECT seal_key FROM studies").fetchone()[0] != old_key
        assert cursor.execute("SELECT count(*) FROM removed_studies").fetchone()[0] == 0
    with pytest.raises(ArchiveDamaged):
        archive.get(sop_uid)


def test_the_key_of_a_removed_study_is_nowhere_in_the_opened_database(
    archive: Archive, tmp_path: Path, fake: Any, key: bytes
) -> None:
    sqlcipher = pytest.importorskip("sqlcipher3")
    archive.put(fake.part10(1))
    with archive.database.read() as cursor:
        seal_key = bytes(cursor.execute("SELECT seal_key FROM studies").fetchone()[0])

    def plain() -> bytes:
        path = tmp_path / "plain.db"
        path.unlink(missing_ok=True)
        opened = sqlcipher.connect(str(tmp_path / "archive" / "index.db"))
        opened.execute(f"PRAGMA key = \"x'{derive_key(key, 'database').hex()}'\"")
        opened.execute(f"ATTACH DATABASE '{path}' AS plain KEY ''")
        opened.execute("SELECT sqlcipher_export('plain')")
        opened.close()
        return path.read_bytes()

    assert seal_key in plain()
    archive.remove(STUDY, "reader", "asked")
    assert (tmp_path / "archive" / "index.db-wal").stat().st_size == 0
    assert seal_key not in plain()


def test_a_program_that_knew_the_study_stores_it_anew_after_another_removed_it(
    archive: Archive, tmp_path: Path, fake: Any, key: bytes
) -> None:
    archive.put(fake.part10(1))
    with Archive.open(tmp_path, key) as other:
        other.remove(STUDY, "reader", "asked")
    archive.put(fake.part10(2))
    assert archive.get(f"{STUDY}.1.2") == fake.part10(2)
    assert not archive.has(f"{STUDY}.1.1")


def test_a_study_removed_while_its_objects_come_again_is_said(
    archive: Archive, tmp_path: Path, fake: Any, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put(fake.part10(1))
    with Archive.open(tmp_path, key) as other:
        asked = other._held

        def held(sop_uids: set[str]) -> set[str]:
            found = asked(sop_uids)
            archive.remove(STUDY, "reader", "asked")
            return found

        monkeypatch.setattr(other, "_held", held)
        with pytest.raises(WorkstationError, match="removed while"):
            other.put(fake.part10(1))
    assert not archive.has(f"{STUDY}.1.1")


def test_an_archive_of_the_first_version_is_brought_up_to_date(
    tmp_path: Path, fake: Any, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    with monkeypatch.context() as old:
        old.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old.setattr(schema, "VERSION", 1)
        database = Database(tmp_path / "archive" / "index.db", derive_key(key, "database"))
        with database.transaction() as cursor:
            cursor.execute("INSERT INTO properties VALUES ('kept', 'yes')")
        database.close()
    with Archive.open(tmp_path, key) as archive:
        archive.put(fake.part10(1))
        archive.remove(STUDY, "reader", "asked")
        with archive.database.read() as cursor:
            assert cursor.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
            assert cursor.execute("SELECT value FROM properties").fetchone()[0] == "yes"
            assert cursor.execute("SELECT objects FROM removed_studies").fetchone()[0] == 1

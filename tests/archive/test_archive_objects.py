"""Objects go in, stay sealed and durable, and come out as they were."""

import errno
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from workstation.archive import objects
from workstation.archive.archive import Archive
from workstation.archive.index import Refused, Stored
from workstation.archive.intake import Intake
from workstation.dicom.instance import Instance
from workstation.errors import ArchiveDamaged, ArchiveLocked, DiskFull, UnreadableObject


def sealed_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "archive" / "objects").rglob("*") if path.is_file())


def incoming_files(folder: Path) -> list[Path]:
    return list((folder / "archive" / "incoming").iterdir())


def test_what_is_put_comes_back_byte_for_byte_and_after_reopening(tmp_path: Path, key: bytes, fake: ModuleType) -> None:
    data = fake.part10(1)
    with Archive.open(tmp_path, key) as archive:
        instance = archive.put(data)
        assert archive.get(instance.sop_instance_uid) == data
    with Archive.open(tmp_path, key) as archive:
        assert archive.has(instance.sop_instance_uid)
        assert archive.get(instance.sop_instance_uid) == data
        assert archive.instances(study_uid=fake.STUDY) == [instance]
        assert archive.instance(instance.sop_instance_uid) == instance


@pytest.mark.parametrize("rows", [724, 725, 1200])
def test_objects_around_and_over_the_chunk_length_come_back(archive: Archive, fake: ModuleType, rows: int) -> None:
    data = fake.part10(1, rows=rows)
    assert archive.get(archive.put(data).sop_instance_uid) == data


def test_instances_come_in_the_order_of_series_and_instance_number(archive: Archive, fake: ModuleType) -> None:
    archive.store([fake.part10(n, series=s) for s, n in (("2", 2), ("10", 1), ("2", 1), ("1", 3), ("2", 10))])
    found = [(i.series_number, i.instance_number) for i in archive.instances(study_uid=fake.STUDY)]
    assert found == [(1, 3), (2, 1), (2, 2), (2, 10), (10, 1)]
    assert len(archive.instances(series_uid=f"{fake.STUDY}.2")) == 3
    assert len(archive.instances()) == 5


def test_studies_of_a_patient_are_found_by_id_and_issuer(archive: Archive, fake: ModuleType) -> None:
    archive.store([fake.part10(1), fake.part10(2), fake.part10(1, study="1.2.9", IssuerOfPatientID="OTHER")])
    (held,) = archive.studies(fake.PATIENT)
    assert (held.study.study_uid, held.patient, held.modalities, held.instances) == (
        fake.STUDY,
        fake.PATIENT,
        ("CT",),
        2,
    )
    assert len(archive.studies()) == 2


def test_the_same_object_again_changes_nothing(archive: Archive, tmp_path: Path, fake: ModuleType) -> None:
    first = archive.put(fake.part10(1))
    before = sealed_files(tmp_path)
    assert archive.put(fake.part10(1)) == first
    assert archive.store([fake.part10(1), fake.part10(1)]) == [Stored(first, "held", len(fake.part10(1)))] * 2
    assert sealed_files(tmp_path) == before
    assert archive.collisions(fake.STUDY) == ()


def test_other_bytes_under_the_same_uid_are_recorded_and_the_first_kept(archive: Archive, fake: ModuleType) -> None:
    first, second = fake.part10(1), fake.part10(1, seed=7)
    instance = archive.put(first)
    (result,) = archive.store([second])
    assert isinstance(result, Stored)
    assert result.outcome == "collision"
    assert archive.get(instance.sop_instance_uid) == first
    assert archive.collisions(fake.STUDY) == (instance.sop_instance_uid,)


def test_a_collision_within_one_group_keeps_the_first(archive: Archive, tmp_path: Path, fake: ModuleType) -> None:
    results = archive.store([fake.part10(1), fake.part10(1, seed=7)])
    assert [r.outcome for r in results if isinstance(r, Stored)] == ["new", "collision"]
    assert archive.get(f"{fake.STUDY}.1.1") == fake.part10(1)
    assert len(sealed_files(tmp_path)) == 1
    assert incoming_files(tmp_path) == []


def test_bytes_that_are_no_dicom_are_refused_without_hurting_the_rest(archive: Archive, fake: ModuleType) -> None:
    results = archive.store([b"no dicom at all" * 40, fake.part10(1)])
    assert isinstance(results[0], Refused)
    assert isinstance(results[1], Stored)
    with pytest.raises(UnreadableObject):
        archive.put(b"")


def test_an_unknown_uid_is_a_key_error(archive: Archive) -> None:
    with pytest.raises(KeyError):
        archive.get("1.2.3")


def test_another_key_is_refused_and_the_archive_stays(tmp_path: Path, key: bytes, fake: ModuleType) -> None:
    with Archive.open(tmp_path, key) as archive:
        archive.put(fake.part10(1))
    with pytest.raises(ArchiveLocked):
        Archive.open(tmp_path, bytes(32))
    with Archive.open(tmp_path, key) as archive:
        assert archive.get(f"{fake.STUDY}.1.1") == fake.part10(1)


def spoil_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def drop_a_chunk(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -(1 << 20)])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [spoil_a_bit, cut_short, drop_a_chunk, empty, Path.unlink])
def test_damage_is_found_and_named_without_the_patient(
    archive: Archive, tmp_path: Path, fake: ModuleType, spoil: object
) -> None:
    uid = archive.put(fake.part10(1, rows=1000)).sop_instance_uid
    (path,) = sealed_files(tmp_path)
    assert callable(spoil)
    spoil(path)
    with pytest.raises(ArchiveDamaged) as caught:
        archive.get(uid)
    for secret in (uid, fake.PATIENT.patient_id, "Кузнецова", path.name):
        assert secret not in str(caught.value)


def test_a_file_put_in_place_of_another_does_not_open(archive: Archive, tmp_path: Path, fake: ModuleType) -> None:
    archive.store([fake.part10(1), fake.part10(2)])
    one, two = sealed_files(tmp_path)
    one.write_bytes(two.read_bytes())
    outcomes = []
    for n in (1, 2):
        try:
            outcomes.append(archive.get(f"{fake.STUDY}.1.{n}") == fake.part10(n))
        except ArchiveDamaged:
            outcomes.append(None)
    assert sorted(outcomes, key=str) == [None, True]


def test_a_disk_that_fills_up_loses_nothing(
    archive: Archive, tmp_path: Path, fake: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put(fake.part10(1))
    written = []

    def full(file: object, data: bytes) -> None:
        written.append(len(data))
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, data)

    real = objects.write_all
    monkeypatch.setattr(objects, "write_all", full)
    with pytest.raises(DiskFull):
        archive.store([fake.part10(n) for n in range(1, 6)])
    monkeypatch.setattr(objects, "write_all", real)
    assert incoming_files(tmp_path) == []
    assert [i.instance_number for i in archive.instances()] == [1]
    assert archive.get(f"{fake.STUDY}.1.1") == fake.part10(1)
    archive.store([fake.part10(n) for n in range(1, 6)])
    assert len(archive.instances()) == 5


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 3 MB; the test skips where mounting is not allowed."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def how_many_fit(archive: Archive, fake: ModuleType) -> int:
    for n in range(1, 20):
        try:
            archive.put(fake.part10(n, rows=512))
        except DiskFull:
            return n - 1
    raise AssertionError("the disk never filled up")


def test_a_real_full_disk_keeps_what_was_stored(tiny_disk: Path, key: bytes, fake: ModuleType) -> None:
    with Archive.open(tiny_disk, key) as archive:
        stored = how_many_fit(archive, fake)
        assert stored > 0
        assert len(archive.instances()) == stored
    with Archive.open(tiny_disk, key) as archive:
        for n in range(1, stored + 1):
            assert archive.get(f"{fake.STUDY}.1.{n}") == fake.part10(n, rows=512)
        assert len(sealed_files(tiny_disk)) == stored


def test_files_that_the_index_does_not_know_are_swept_and_those_it_knows_are_placed(
    tmp_path: Path, key: bytes, fake: ModuleType
) -> None:
    with Archive.open(tmp_path, key) as archive:
        archive.put(fake.part10(1))
    (path,) = sealed_files(tmp_path)
    path.rename(tmp_path / "archive" / "incoming" / path.name)
    (tmp_path / "archive" / "incoming" / ("0" * 32)).write_bytes(b"half an object")
    with Archive.open(tmp_path, key) as archive:
        assert archive.get(f"{fake.STUDY}.1.1") == fake.part10(1)
    assert incoming_files(tmp_path) == []
    assert sealed_files(tmp_path) == [path]


def test_a_second_program_does_not_sweep_what_the_first_is_writing(
    tmp_path: Path, key: bytes, fake: ModuleType
) -> None:
    with Archive.open(tmp_path, key) as first:
        half = tmp_path / "archive" / "incoming" / ("0" * 32)
        half.write_bytes(b"on its way")
        with Archive.open(tmp_path, key) as second:
            assert half.exists()
            second.put(fake.part10(1))
        assert first.get(f"{fake.STUDY}.1.1") == fake.part10(1)


def test_nothing_of_the_patient_lies_in_the_data_folder_in_the_clear(
    tmp_path: Path, key: bytes, fake: ModuleType
) -> None:
    data = fake.part10(1, rows=64)
    with Archive.open(tmp_path, key) as archive:
        archive.put(data)
        with archive.database.transaction() as cursor:
            cursor.execute("INSERT INTO drafts VALUES ('c', 'form', ?, '')", ('{"text": "Очаг в S6 справа"}',))
        secrets = [
            *(text.encode() for text in ("Кузнецова", fake.PATIENT.patient_id, "19550314", "Очаг в S6", fake.STUDY)),
            "Кузнецова".encode("iso8859-5"),
            *(data[at : at + 16] for at in range(len(data) - 4096, len(data) - 16, 256)),
        ]
        # while it is open too: the journal lies beside the database then
        for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path.name
            assert fake.STUDY not in str(path)
    names = [path.name for path in sealed_files(tmp_path)]
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)
    assert oct(sealed_files(tmp_path)[0].stat().st_mode & 0o077) == "0o0"


def test_readers_are_served_while_objects_are_written(archive: Archive, fake: ModuleType) -> None:
    data = {n: fake.part10(n) for n in range(1, 81)}
    archive.put(data[1])
    failures: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for instance in archive.instances():
                got = archive.get(instance.sop_instance_uid)
                if got != data[instance.instance_number or 0]:
                    failures.append(instance.instance_number)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    with Intake(archive) as intake:
        for n in range(2, 81):
            intake.put(data[n])
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(archive.instances()) == 80


def test_several_threads_that_put_the_same_objects_store_each_once(
    archive: Archive, tmp_path: Path, fake: ModuleType
) -> None:
    data = [fake.part10(n) for n in range(1, 9)]
    threads = [threading.Thread(target=archive.store, args=(data,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sealed_files(tmp_path)) == len(archive.instances()) == 8
    assert incoming_files(tmp_path) == []


def test_the_intake_reports_what_became_of_each_object(archive: Archive, fake: ModuleType) -> None:
    results: list[Stored | Refused] = []
    with Intake(archive, results.extend) as intake:
        for data in (fake.part10(1), b"nothing", fake.part10(1), fake.part10(1, seed=3)):
            intake.put(data)
    kinds = sorted(r.outcome if isinstance(r, Stored) else "refused" for r in results)
    assert kinds == ["collision", "held", "new", "refused"]


def test_the_objects_of_one_stream_are_waited_for_whatever_the_others_do(archive: Archive, fake: ModuleType) -> None:
    with Intake(archive) as intake:
        for n in range(1, 6):
            intake.put(fake.part10(n), "mine")
            intake.put(fake.part10(n, series="2"), "another")
        intake.wait("mine")
        assert len(archive.instances(series_uid=f"{fake.STUDY}.1")) == 5


def test_the_intake_hands_a_full_disk_to_whoever_puts(
    archive: Archive, fake: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: object, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(objects, "write_all", full)

    def pull() -> None:
        with Intake(archive) as intake:
            for n in range(1, 200):
                intake.put(fake.part10(n))

    with pytest.raises(DiskFull):
        pull()


def test_the_index_keeps_the_hash_of_what_was_put(archive: Archive, fake: ModuleType) -> None:
    archive.put(fake.part10(1))
    with archive.database.read() as cursor:
        row = cursor.execute("SELECT sha256, size FROM instances").fetchone()
    assert row["sha256"] == hashlib.sha256(fake.part10(1)).digest()
    assert row["size"] == len(fake.part10(1))


def test_headers_that_an_older_program_read_are_read_anew_from_the_objects(archive: Archive, fake: ModuleType) -> None:
    stored = archive.put(fake.part10(1))
    older = replace(stored, header_version=0, series_description="as an older program understood it")
    with archive.database.transaction() as cursor:
        cursor.execute("UPDATE instances SET instance_json = ?", (older.to_json(),))

    assert archive.instance(stored.sop_instance_uid) == stored
    with archive.database.read() as cursor:
        (kept,) = cursor.execute("SELECT instance_json FROM instances").fetchone()
    assert Instance.from_json(kept) == stored

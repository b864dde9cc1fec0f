"""Data folders written by the programs of older versions: each opens with everything in it, none is harmed."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workstation.archive import audit, schema
from workstation.archive.archive import Archive
from workstation.archive.database import Database
from workstation.consultation.case import CaseFilter
from workstation.consultation.desk import Desk
from workstation.consultation.outbox import Outbox
from workstation.consultation.signed import must_verify
from workstation.consultation.states import CaseState
from workstation.errors import WorkstationError
from workstation.secrets import derive_key
from workstation.settings import Settings

VERSIONS = Path(__file__).with_name("versions")
PUBLISHED = range(1, schema.VERSION)


def unpacked(version: int, folder: Path) -> dict[str, Any]:
    """The stored folder of a version laid out in `folder`; what is in it."""
    with zipfile.ZipFile(VERSIONS / f"v{version}.zip") as packed:
        packed.extractall(folder)
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return truth


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file but the lock."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_folder_of_every_version_before_this_one_is_stored() -> None:
    missing = [version for version in PUBLISHED if not (VERSIONS / f"v{version}.zip").exists()]
    assert not missing, "write them with tests/archive/versions/make.py, run in a checkout of that version"


@pytest.mark.parametrize("version", PUBLISHED)
def test_a_folder_of_an_older_version_opens_with_everything_in_it(version: int, tmp_path: Path, key: bytes) -> None:
    truth = unpacked(version, tmp_path)
    with Archive.open(tmp_path, key) as archive:
        with archive.database.read() as cursor:
            assert cursor.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
        instances = archive.instances()
        held = {hashlib.sha256(archive.get(one.sop_instance_uid)).hexdigest() for one in instances}
        assert held >= set(truth["objects"])
        assert {one.study_uid for one in instances} == {*truth["studies"], truth["prior"]}
        assert archive.size() == sum(len(archive.get(one.sop_instance_uid)) for one in instances)
        assert {one.study.study_uid for one in archive.studies()} == {*truth["studies"], truth["prior"]}
        assert sum(one.instances for one in archive.studies()) == len(instances)

        desk = Desk(archive, None, Settings(tmp_path, language="en"))
        begun, waiting = truth["cases"]["begun"], truth["cases"]["waiting"]
        rows = {row.case_uid: row for row in desk.page(CaseFilter(states=None), 0, 10)}
        assert set(rows) == {begun, waiting}
        assert rows[begun].patient.name == "Смирнова^Ольга"
        # the study of the other case is the same patient's too
        assert (rows[begun].received, rows[begun].expected, rows[begun].priors_received) == (2, 2, 2)
        assert (rows[begun].state, rows[waiting].state) == (CaseState.DRAFTING, CaseState.QUEUED)
        assert {part: desk.draft(begun)[part] for part in truth["draft"]} == truth["draft"]

        (package,) = desk.outbox()
        documents = desk.documents(waiting)
        assert package.case_uid == waiting
        assert {one.sop_instance_uid: hashlib.sha256(one.data).hexdigest() for one in documents} == truth["waiting"]
        must_verify(documents[-1].data, Outbox(archive.database).load(package.package_uid))
        chain = audit.verify(archive.database)
        assert (chain.whole, chain.entries) == (True, truth["audit"])
        if version >= 2:
            assert desk.keeping.state().removed_studies == 1


@pytest.mark.parametrize("version", PUBLISHED)
def test_a_folder_of_an_older_version_takes_new_objects_and_drafts(
    version: int, tmp_path: Path, key: bytes, fake: Any
) -> None:
    truth = unpacked(version, tmp_path)
    with Archive.open(tmp_path, key) as archive:
        before = archive.size()
        data = fake.part10(1, study="1.9.9")
        archive.put(data)
        assert archive.size() == before + len(data)
        removed = archive.remove("1.9.9", "R-1", "asked")
        assert (removed.objects, removed.size) == (1, len(data))
        assert archive.size() == before
        desk = Desk(archive, None, Settings(tmp_path, language="en"))
        desk.save_draft(truth["cases"]["begun"], "form", {"field": "new"})
    with Archive.open(tmp_path, key) as archive:
        desk = Desk(archive, None, Settings(tmp_path, language="en"))
        assert desk.draft(truth["cases"]["begun"])["form"] == {"field": "new"}


def test_a_folder_of_a_newer_version_is_refused_and_no_byte_of_it_changes(
    tmp_path: Path, key: bytes, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a TEXT);"))
        newer.setattr(schema, "VERSION", schema.VERSION + 1)
        with Archive.open(tmp_path, key) as archive:
            uid = archive.put(fake.part10(1)).sop_instance_uid
    # a file on its way: an older program must not judge what counts
    (tmp_path / "archive" / "incoming" / "left").write_bytes(b"of a newer program")
    before = contents(tmp_path)
    with pytest.raises(WorkstationError, match="newer"):
        Archive.open(tmp_path, key)
    assert contents(tmp_path) == before
    with monkeypatch.context() as newer:
        newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (a TEXT);"))
        newer.setattr(schema, "VERSION", schema.VERSION + 1)
        with Archive.open(tmp_path, key) as archive:
            assert archive.has(uid)


@pytest.mark.parametrize("version", PUBLISHED)
def test_two_programs_may_open_an_older_folder_at_once(version: int, tmp_path: Path, key: bytes) -> None:
    truth = unpacked(version, tmp_path)
    with Archive.open(tmp_path, key) as one, Archive.open(tmp_path, key) as other:
        assert one.size() == other.size() > 0
        assert len(other.instances()) >= len(truth["objects"])


def test_an_older_folder_whose_migration_breaks_off_is_as_it_was(
    tmp_path: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = PUBLISHED[-1]
    truth = unpacked(version, tmp_path)
    with monkeypatch.context() as broken:
        steps = (*schema.MIGRATIONS[:version], schema.MIGRATIONS[version] + "\nNONSENSE;\n")
        broken.setattr(schema, "MIGRATIONS", steps)
        with pytest.raises(Exception, match="NONSENSE"):
            Database(tmp_path / "archive" / "index.db", database_key(key))
    with Archive.open(tmp_path, key) as archive:
        assert len(archive.instances()) >= len(truth["objects"])


def database_key(key: bytes) -> bytes:
    return derive_key(key, "database")

"""What the embedded IRIS keeps: objects as files, their headers and the workitems in one SQLite index.

A file is complete and on the disk before the index names it, so that a killed server starts again with all it ever
confirmed. Headers are read once, when an object arrives; a retrieval touches the index and the files' bytes only.
"""

import filecmp
import json
import os
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from workstation.demo.headers import Header, Json, is_uid, read_header
from workstation.jobs import Progress, Report, silent
from workstation.language import _

SCHEMA = """
CREATE TABLE IF NOT EXISTS studies (study_uid TEXT PRIMARY KEY, header TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    series_uid TEXT NOT NULL, study_uid TEXT NOT NULL, header TEXT NOT NULL, PRIMARY KEY (series_uid, study_uid)
);
CREATE TABLE IF NOT EXISTS instances (
    sop_uid TEXT PRIMARY KEY, series_uid TEXT NOT NULL, study_uid TEXT NOT NULL, sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL, frames INTEGER NOT NULL, instance_number INTEGER NOT NULL,
    size INTEGER NOT NULL, header TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS instances_of ON instances (study_uid, series_uid, instance_number, sop_uid);
CREATE TABLE IF NOT EXISTS workitems (
    number INTEGER PRIMARY KEY, uid TEXT UNIQUE NOT NULL, state TEXT NOT NULL, transaction_uid TEXT NOT NULL,
    dataset TEXT NOT NULL, due TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS workitems_of_queue ON workitems (
    state, json_extract(dataset, '$."00741202".Value[0]'), number
);
CREATE INDEX IF NOT EXISTS workitems_in_state ON workitems (state, number);
CREATE INDEX IF NOT EXISTS workitems_changed ON workitems (json_extract(dataset, '$."00404010".Value[0]'));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_INSTANCE = "sop_uid, series_uid, study_uid, sop_class_uid, transfer_syntax_uid, frames, size"


@dataclass(frozen=True)
class StoredInstance:
    """One object as the index has it; `path` is the file with exactly the bytes that arrived."""

    sop_uid: str
    series_uid: str
    study_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frames: int
    size: int
    path: Path


class Arrival(Enum):
    """What became of an object that was sent in."""

    NEW = "new"
    IDENTICAL = "identical"
    KEPT_OLD = "same UID, other bytes: the old object stays"
    REPLACED = "same UID, other bytes: the new object stays"
    REFUSED = "same UID, other bytes: refused"


class DuplicatePolicy(Enum):
    """What to do with other bytes under a UID that is there already."""

    KEEP_OLD = "keep-old"
    REPLACE = "replace"
    REJECT = "reject"


class Store:
    """The state of the server in one folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        self._objects.mkdir(parents=True, exist_ok=True)
        # what a killed server was still receiving was never confirmed
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir()
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(folder / "iris.db", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the index; everything is on the disk already."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; one writer at a time."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    # facts

    def fact(self, name: str) -> str | None:
        """A remembered value, or None."""
        rows = self.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """Remember a value under a name."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # objects

    def incoming(self) -> Path:
        """A new path for bytes that are still arriving."""
        return self._incoming / uuid.uuid4().hex

    def add(self, arrived: Path, header: Header, policy: DuplicatePolicy) -> Arrival:
        """Take over a complete file from `incoming`; the file is gone from there afterwards, whatever the answer."""
        with self._lock:
            known = self.instances(sop_uid=header.sop_uid)
            arrival = Arrival.NEW
            if known:
                if filecmp.cmp(known[0].path, arrived, shallow=False):
                    arrival = Arrival.IDENTICAL
                else:
                    arrival = {
                        DuplicatePolicy.KEEP_OLD: Arrival.KEPT_OLD,
                        DuplicatePolicy.REPLACE: Arrival.REPLACED,
                        DuplicatePolicy.REJECT: Arrival.REFUSED,
                    }[policy]
            if arrival not in (Arrival.NEW, Arrival.REPLACED):
                arrived.unlink()
                return arrival
            path = self._path(header.study_uid, header.sop_uid)
            path.parent.mkdir(exist_ok=True)
            size = arrived.stat().st_size
            os.replace(arrived, path)
            _sync_folder(path.parent)
            with self.transaction() as db:
                if known:
                    db.execute("DELETE FROM instances WHERE sop_uid = ?", (header.sop_uid,))
                _index(db, header, size)
            if known and known[0].path != path:
                known[0].path.unlink(missing_ok=True)
            return arrival

    def ingest(self, files: Iterable[Path], report: Report = silent) -> int:
        """Take in files from beside the store by hard links (copies where the disk can't link); skip known ones.

        Returns how many were new. Raises NoDicom for a file that is none.
        """
        paths = list(files)
        with self._lock:
            known = {str(row[0]) for row in self.rows("SELECT sop_uid FROM instances")}
            new = 0
            with self.transaction() as db:
                for done, source in enumerate(paths):
                    if done % 50 == 0:
                        report(Progress(done, len(paths), _("Filling the demonstration server")))
                    header = read_header(source)
                    if header.sop_uid in known:
                        continue
                    known.add(header.sop_uid)
                    path = self._path(header.study_uid, header.sop_uid)
                    path.parent.mkdir(exist_ok=True)
                    _link(source, path)
                    _index(db, header, path.stat().st_size)
                    new += 1
            return new

    def instances(
        self, study_uid: str | None = None, series_uid: str | None = None, sop_uid: str | None = None
    ) -> list[StoredInstance]:
        """The instances below a study, series or instance, in order of series and Instance Number."""
        where, values = _where(study_uid, series_uid, sop_uid)
        rows = self.rows(
            f"SELECT {_INSTANCE} FROM instances {where} ORDER BY study_uid, series_uid, instance_number, sop_uid",
            values,
        )
        return [self._instance(row) for row in rows]

    def headers(
        self, study_uid: str | None = None, series_uid: str | None = None, sop_uid: str | None = None
    ) -> Iterator[tuple[StoredInstance, str]]:
        """Each instance with its stored JSON header, which is read one by one."""
        for instance in self.instances(study_uid, series_uid, sop_uid):
            rows = self.rows("SELECT header FROM instances WHERE sop_uid = ?", (instance.sop_uid,))
            if rows:
                yield instance, str(rows[0][0])

    def study_headers(self, study_uid: str | None = None) -> list[Json]:
        """For each study the header of its first instance, in order of arrival."""
        where, values = _where(study_uid, None, None)
        rows = self.rows(f"SELECT header FROM studies {where} ORDER BY rowid", values)
        return [json.loads(str(row[0])) for row in rows]

    def series_headers(self, study_uid: str | None = None, series_uid: str | None = None) -> list[Json]:
        """For each series the header of its first instance, in order of arrival."""
        where, values = _where(study_uid, series_uid, None)
        rows = self.rows(f"SELECT header FROM series {where} ORDER BY rowid", values)
        return [json.loads(str(row[0])) for row in rows]

    def counts(self, study_uid: str) -> list[tuple[str, int]]:
        """Series UIDs of a study with their numbers of instances."""
        rows = self.rows(
            "SELECT series_uid, COUNT(*) FROM instances WHERE study_uid = ? GROUP BY series_uid", (study_uid,)
        )
        return [(str(row[0]), int(str(row[1]))) for row in rows]

    def _instance(self, row: Sequence[object]) -> StoredInstance:
        sop, series, study, sop_class, transfer_syntax, frames, size = map(str, row)
        path = self._path(study, sop)
        return StoredInstance(sop, series, study, sop_class, transfer_syntax, int(frames), int(size), path)

    def _path(self, study_uid: str, sop_uid: str) -> Path:
        if not (is_uid(study_uid) and is_uid(sop_uid)):
            raise ValueError("no UID")
        return self._objects / study_uid / f"{sop_uid}.dcm"


def _index(db: sqlite3.Connection, header: Header, size: int) -> None:
    text = json.dumps(header.dataset, ensure_ascii=False, separators=(",", ":"))
    db.execute("INSERT OR IGNORE INTO studies VALUES (?, ?)", (header.study_uid, text))
    db.execute("INSERT OR IGNORE INTO series VALUES (?, ?, ?)", (header.series_uid, header.study_uid, text))
    db.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            header.sop_uid,
            header.series_uid,
            header.study_uid,
            header.sop_class_uid,
            header.transfer_syntax_uid,
            header.frames,
            header.instance_number,
            size,
            text,
        ),
    )


def _where(study_uid: str | None, series_uid: str | None, sop_uid: str | None) -> tuple[str, tuple[str, ...]]:
    terms = [("study_uid", study_uid), ("series_uid", series_uid), ("sop_uid", sop_uid)]
    given = [(name, value) for name, value in terms if value is not None]
    if not given:
        return "", ()
    return "WHERE " + " AND ".join(f"{name} = ?" for name, _value in given), tuple(value for _name, value in given)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable (POSIX; elsewhere the system does so by itself)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The archive: DICOM objects in, sealed and durable; the same bytes out, from any thread.

The data folder holds `archive/index.db` (everything but the objects, see `schema`), `archive/objects/` (sealed files)
and `archive/incoming/` (files on their way). Nothing in it can be read without the master key.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from workstation.archive import audit
from workstation.archive.database import Cursor, Database, named_disk_errors
from workstation.archive.index import (
    Arrived,
    Foreign,
    HeldStudy,
    Refused,
    Removed,
    Stored,
    enter,
    enter_study,
    held_study,
    identity_of,
    one,
    take_out,
)
from workstation.archive.lock import FolderLock
from workstation.archive.objects import ObjectStore
from workstation.dicom.content import Patient
from workstation.dicom.instance import HEADER_VERSION, Instance
from workstation.dicom.parsing import parse_instance
from workstation.errors import ArchiveDamaged, UnreadableObject, WorkstationError
from workstation.language import _
from workstation.secrets import derive_key

Fault = Literal["missing", "changed"]
Parse = Callable[[bytes], Instance]
Along = Callable[[Cursor, Sequence[Stored | Refused]], None]


class Archive:
    """One sealed archive. Thread-safe; several processes may have it open."""

    def __init__(self, database: Database, objects: ObjectStore, lock: FolderLock, parse: Parse) -> None:
        self.database = database
        self._objects = objects
        self._lock = lock
        self._parse = parse
        self._seal_keys: dict[str, bytes] = {}
        self._storing = threading.Lock()

    @classmethod
    def open(cls, data_dir: Path, key: bytes, *, parse: Parse = parse_instance) -> Self:
        """Open the archive of a data folder, made when new; `key` is the master key (`secrets.open_key`).

        Raises ArchiveLocked when the key is another's, DiskFull, ArchiveDamaged.
        """
        folder = data_dir / "archive"
        with named_disk_errors():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as undo:
            with named_disk_errors():
                lock = undo.enter_context(closing(FolderLock(folder / "lock")))
            _must_have_index(folder)
            database = undo.enter_context(closing(Database(folder / "index.db", derive_key(key, "database"))))
            with named_disk_errors():
                objects = undo.enter_context(closing(ObjectStore(folder)))
            archive = cls(database, objects, lock, parse)
            # only when nobody else has it open: what lies in incoming may be another program's work
            if lock.alone():
                objects.recover(archive._counts)
                archive._discard()
            lock.share()
            undo.pop_all()
        return archive

    def close(self) -> None:
        """Close database and files; waits for what is being written."""
        with self._storing:
            self._objects.close()
            self.database.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, data: bytes) -> Instance:
        """Store one Part 10 object; durable when it returns. The same object again changes nothing.

        Of two objects with one UID and other bytes the first is kept and returned, the second is on record
        (`collisions`). Raises UnreadableObject, DiskFull.
        """
        (result,) = self.store([data])
        if isinstance(result, Refused):
            raise result.error
        return result.instance

    def store(
        self, objects: Sequence[bytes], study_uid: str = "", *, along: Along = lambda _cursor, _results: None
    ) -> list[Stored | Refused]:
        """Store several objects with one flush to the disk; durable when it returns, one result an object, in order.

        Objects of another study than `study_uid`, where one is named, are Foreign and not stored. What `along` writes
        is there if and only if they are. Raises DiskFull, and then none of them is stored.
        """
        arrived = [self._arrived(data, study_uid) for data in objects]
        readable = [item for item in arrived if isinstance(item, Arrived)]
        with self._storing, self._objects.group() as group:
            self._refresh_keys({item.instance.study_uid for item in readable})
            held = self._held({item.instance.sop_instance_uid for item in readable})
            for item in readable:
                sop_uid = item.instance.sop_instance_uid
                if sop_uid not in held:
                    item.name = group.add(self._seal_key(item.instance), sop_uid, item.data)
            if any(item.name for item in readable):
                group.flush()
            with self.database.transaction() as cursor:
                self._must_hold_keys(cursor, {item.instance.study_uid for item in readable})
                results = [enter(cursor, entry) if isinstance(entry, Arrived) else entry for entry in arrived]
                along(cursor, results)
            group.settle(
                entry.name
                for entry, result in zip(arrived, results, strict=True)
                if isinstance(entry, Arrived) and isinstance(result, Stored) and result.outcome == "new"
            )
        return results

    def get(self, sop_uid: str) -> bytes:
        """The bytes of an object, as they were put. Raises KeyError when it isn't held, ArchiveDamaged."""
        with self.database.read() as cursor:
            row = cursor.execute(
                "SELECT object_name, seal_key FROM instances JOIN studies USING (study_uid) WHERE sop_uid = ?",
                (sop_uid,),
            ).fetchone()
        if row is None:
            raise KeyError(sop_uid)
        try:
            return self._objects.read(row["object_name"], row["seal_key"], sop_uid)
        except ArchiveDamaged:
            if self._counts(row["object_name"]):
                raise
            # it was taken out, or mended, since the index was asked
            if not self.has(sop_uid):
                raise KeyError(sop_uid) from None
            return self.get(sop_uid)

    def has(self, sop_uid: str) -> bool:
        """Whether the object is held."""
        with self.database.read() as cursor:
            return one(cursor, "SELECT 1 FROM instances WHERE sop_uid = ?", sop_uid) is not None

    def instance(self, sop_uid: str) -> Instance:
        """The header values of an object. Raises KeyError when it isn't held."""
        with self.database.read() as cursor:
            row = one(cursor, "SELECT instance_json FROM instances WHERE sop_uid = ?", sop_uid)
        if row is None:
            raise KeyError(sop_uid)
        return self._current([Instance.from_json(row[0])])[0]

    def instances(self, study_uid: str | None = None, series_uid: str | None = None) -> list[Instance]:
        """The header values of what is held of a study, of a series, or of all: by series, then by instance number."""
        conditions = {"i.study_uid": study_uid, "i.series_uid": series_uid}
        given = {column: value for column, value in conditions.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "1"
        with self.database.read() as cursor:
            rows = cursor.execute(
                f"""SELECT instance_json FROM instances i JOIN series s USING (series_uid) WHERE {where}
                ORDER BY i.study_uid, s.number, i.series_uid, i.number, i.sop_uid""",
                tuple(given.values()),
            ).fetchall()
        return self._current([Instance.from_json(row[0]) for row in rows])

    def arrivals(self, study_uid: str, after: int = 0) -> tuple[list[Instance], int]:
        """The header values of what of a study was stored after a mark (0: all), as it came; and the next mark."""
        with self.database.read() as cursor:
            rows = cursor.execute(
                "SELECT rowid, instance_json FROM instances WHERE study_uid = ? AND rowid > ? ORDER BY rowid",
                (study_uid, after),
            ).fetchall()
        mark = rows[-1][0] if rows else after
        return self._current([Instance.from_json(row[1]) for row in rows]), mark

    def _current(self, instances: list[Instance]) -> list[Instance]:
        """The same headers; those that an older program read with less in them are read anew and kept so."""
        stale = {held.sop_instance_uid for held in instances if held.header_version < HEADER_VERSION}
        if not stale:
            return instances
        renewed = {}
        for sop_uid in stale:
            try:
                renewed[sop_uid] = self._parse(self.get(sop_uid))
            except WorkstationError:
                # damage is the business of whoever asks for the object
                continue
        with self.database.transaction() as cursor:
            cursor.executemany(
                "UPDATE instances SET instance_json = ? WHERE sop_uid = ?",
                [(instance.to_json(), sop_uid) for sop_uid, instance in renewed.items()],
            )
        return [renewed.get(held.sop_instance_uid, held) for held in instances]

    def studies(self, patient: Patient | None = None) -> list[HeldStudy]:
        """The studies of which objects are held, newest first; of one patient by ID and issuer, or all."""
        where, values = ("1", ()) if patient is None else ("patient_id = ? AND issuer = ?", identity_of(patient))
        with self.database.read() as cursor:
            rows = cursor.execute(
                f"""SELECT s.*,
                (SELECT group_concat(DISTINCT modality) FROM series WHERE series.study_uid = s.study_uid) AS modalities
                FROM studies s WHERE objects > 0 AND {where}
                ORDER BY s.study_date DESC, s.study_time DESC, s.study_uid""",
                values,
            ).fetchall()
        return [held_study(row) for row in rows]

    def size(self) -> int:
        """Bytes of all objects held."""
        with self.database.read() as cursor:
            return int(cursor.execute("SELECT size FROM totals").fetchone()[0])

    def collisions(self, study_uid: str) -> tuple[str, ...]:
        """SOP Instance UIDs of the study under which other bytes came as well; the first ones were kept."""
        with self.database.read() as cursor:
            rows = cursor.execute(
                "SELECT DISTINCT sop_uid FROM collisions JOIN instances USING (sop_uid) WHERE study_uid = ?",
                (study_uid,),
            ).fetchall()
        return tuple(row[0] for row in rows)

    def remove(
        self, study_uid: str, who: str, reason: str, check: Callable[[Cursor], None] = lambda _cursor: None
    ) -> Removed:
        """Take a study out for good: its key first, so that no copy of its files opens any more, then the files.

        `check` may refuse by raising, inside the same transaction. Raises KeyError when the study isn't held.
        """
        with self._storing:
            with self.database.transaction() as cursor:
                check(cursor)
                removed = take_out(cursor, study_uid, reason)
                detail: dict[str, str | int | float] = {"reason": reason}
                detail |= {"objects": removed.objects, "bytes": removed.size}
                audit.record(cursor, who, "study removed", study_uid, detail)
            self._seal_keys.pop(study_uid, None)
            self._discard()
            self.database.fold()
        return removed

    def restore(self, sop_uid: str, data: bytes) -> bool:
        """Seal the bytes of a damaged object anew; False, and nothing is changed, when they aren't those once stored.

        Raises KeyError when the object isn't held, DiskFull.
        """
        with self._storing, self._objects.group() as group:
            with self.database.read() as cursor:
                row = one(
                    cursor,
                    """SELECT object_name, sha256, seal_key FROM instances JOIN studies USING (study_uid)
                    WHERE sop_uid = ?""",
                    sop_uid,
                )
            if row is None:
                raise KeyError(sop_uid)
            if hashlib.sha256(data).digest() != row["sha256"]:
                return False
            name = group.add(row["seal_key"], sop_uid, data)
            group.flush()
            with self.database.transaction() as cursor:
                changed = cursor.execute(
                    "UPDATE instances SET object_name = ? WHERE object_name = ?", (name, row["object_name"])
                ).rowcount
                if not changed:
                    raise KeyError(sop_uid)
                cursor.execute("INSERT INTO discarded_objects VALUES (?)", (row["object_name"],))
            group.settle([name])
            self._discard()
        return True

    def fault_of(self, sop_uid: str) -> Fault | None:
        """Open an object and compare it with the hash of the index; None when it is as it was stored.

        Raises KeyError when it isn't held.
        """
        try:
            data = self.get(sop_uid)
        except ArchiveDamaged:
            with self.database.read() as cursor:
                row = one(cursor, "SELECT object_name FROM instances WHERE sop_uid = ?", sop_uid)
            return "missing" if row is not None and not self._objects.exists(row[0]) else "changed"
        with self.database.read() as cursor:
            row = one(cursor, "SELECT sha256 FROM instances WHERE sop_uid = ?", sop_uid)
        return "changed" if row is not None and row[0] != hashlib.sha256(data).digest() else None

    def strays(self) -> list[str]:
        """Names of files that no row of the index names, so that nobody can open them."""
        return [name for name in self._objects.names() if not self._counts(name)]

    def sweep(self) -> int:
        """Delete the strays; how many went."""
        with self._storing:
            return len(self._objects.remove(self.strays()))

    def _discard(self) -> None:
        """Delete the files that were noted for it; a kill in between leaves the note."""
        with self.database.read() as cursor:
            names = [row[0] for row in cursor.execute("SELECT object_name FROM discarded_objects")]
        if names:
            gone = self._objects.remove(names)
            with self.database.transaction() as cursor:
                cursor.executemany("DELETE FROM discarded_objects WHERE object_name = ?", [(name,) for name in gone])

    def _arrived(self, data: bytes, study_uid: str) -> Arrived | Refused:
        try:
            instance = self._parse(data)
            if not (instance.study_uid and instance.series_uid):
                raise UnreadableObject(_("Damaged DICOM object"), _("it names no study or no series"))
        except UnreadableObject as error:
            return Refused(error, len(data))
        if study_uid and instance.study_uid != study_uid:
            return Foreign(UnreadableObject(_("An object of another study"), _("nobody asked for it")), len(data))
        return Arrived(instance, data, hashlib.sha256(data).digest())

    def _held(self, sop_uids: Iterable[str]) -> set[str]:
        with self.database.read() as cursor:
            return {
                sop_uid
                for sop_uid in sop_uids
                if one(cursor, "SELECT 1 FROM instances WHERE sop_uid = ?", sop_uid) is not None
            }

    def _refresh_keys(self, study_uids: Iterable[str]) -> None:
        """Know the keys that studies have now: another program may have taken one out since, and stored it anew."""
        with self.database.read() as cursor:
            for study_uid in study_uids:
                row = one(cursor, "SELECT seal_key FROM studies WHERE study_uid = ?", study_uid)
                self._seal_keys.pop(study_uid, None)
                if row is not None:
                    self._seal_keys[study_uid] = bytes(row[0])

    def _must_hold_keys(self, cursor: Cursor, study_uids: set[str]) -> None:
        for study_uid in study_uids & self._seal_keys.keys():
            row = one(cursor, "SELECT seal_key FROM studies WHERE study_uid = ?", study_uid)
            if row is None or row[0] != self._seal_keys[study_uid]:
                raise WorkstationError(
                    _("The study was removed while it was being stored"), advice=_("Pull it once more.")
                )

    def _seal_key(self, instance: Instance) -> bytes:
        """The key of the study's objects, made with the study's row; durable before the first object is sealed."""
        key = self._seal_keys.get(instance.study_uid)
        if key is None:
            with self.database.transaction() as cursor:
                enter_study(cursor, instance)
                row = one(cursor, "SELECT seal_key FROM studies WHERE study_uid = ?", instance.study_uid)
            key = self._seal_keys[instance.study_uid] = bytes(row[0])
        return key

    def _counts(self, object_name: str) -> bool:
        with self.database.read() as cursor:
            return one(cursor, "SELECT 1 FROM instances WHERE object_name = ?", object_name) is not None


def _must_have_index(folder: Path) -> None:
    """Raise ArchiveDamaged where sealed files lie and no index names them: a new one would make strays of them all."""
    index = folder / "index.db"
    if (index.exists() and index.stat().st_size) or not any((folder / "objects").glob("*/*")):
        return
    raise ArchiveDamaged(
        _("The archive's database is missing"), index.name, _("Close the program and restore the file from a copy.")
    )

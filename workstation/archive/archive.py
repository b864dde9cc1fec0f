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
from typing import Self

from workstation.archive.database import Database
from workstation.archive.index import (
    Arrived,
    HeldStudy,
    Refused,
    Stored,
    enter,
    enter_study,
    held_study,
    identity_of,
    one,
)
from workstation.archive.lock import FolderLock
from workstation.archive.objects import ObjectStore
from workstation.dicom.content import Patient
from workstation.dicom.instance import HEADER_VERSION, Instance
from workstation.dicom.parsing import parse_instance
from workstation.errors import UnreadableObject, WorkstationError
from workstation.language import _
from workstation.secrets import derive_key

Parse = Callable[[bytes], Instance]


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
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as undo:
            lock = undo.enter_context(closing(FolderLock(folder / "lock")))
            database = undo.enter_context(closing(Database(folder / "index.db", derive_key(key, "database"))))
            objects = undo.enter_context(closing(ObjectStore(folder)))
            archive = cls(database, objects, lock, parse)
            # only when nobody else has it open: what lies in incoming may be another program's work
            if lock.alone():
                objects.recover(archive._counts)
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

    def store(self, objects: Sequence[bytes]) -> list[Stored | Refused]:
        """Store several objects with one flush to the disk; durable when it returns, one result an object, in order.

        Raises DiskFull, and then none of them is stored.
        """
        arrived = [self._arrived(data) for data in objects]
        readable = [item for item in arrived if isinstance(item, Arrived)]
        with self._storing, self._objects.group() as group:
            held = self._held({item.instance.sop_instance_uid for item in readable})
            for item in readable:
                sop_uid = item.instance.sop_instance_uid
                if sop_uid not in held:
                    item.name = group.add(self._seal_key(item.instance), sop_uid, item.data)
            if any(item.name for item in readable):
                group.flush()
            with self.database.transaction() as cursor:
                results = [enter(cursor, entry) if isinstance(entry, Arrived) else entry for entry in arrived]
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
        return self._objects.read(row["object_name"], row["seal_key"], sop_uid)

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
                f"""SELECT s.*, count(*) AS held, sum(i.size) AS bytes,
                (SELECT group_concat(DISTINCT modality) FROM series WHERE series.study_uid = s.study_uid) AS modalities
                FROM studies s JOIN instances i USING (study_uid) WHERE {where}
                GROUP BY s.study_uid ORDER BY s.study_date DESC, s.study_time DESC, s.study_uid""",
                values,
            ).fetchall()
        return [held_study(row) for row in rows]

    def collisions(self, study_uid: str) -> tuple[str, ...]:
        """SOP Instance UIDs of the study under which other bytes came as well; the first ones were kept."""
        with self.database.read() as cursor:
            rows = cursor.execute(
                "SELECT DISTINCT sop_uid FROM collisions JOIN instances USING (sop_uid) WHERE study_uid = ?",
                (study_uid,),
            ).fetchall()
        return tuple(row[0] for row in rows)

    def _arrived(self, data: bytes) -> Arrived | Refused:
        try:
            instance = self._parse(data)
            if not (instance.study_uid and instance.series_uid):
                raise UnreadableObject(_("Damaged DICOM object"), _("it names no study or no series"))
        except UnreadableObject as error:
            return Refused(error, len(data))
        return Arrived(instance, data, hashlib.sha256(data).digest())

    def _held(self, sop_uids: Iterable[str]) -> set[str]:
        with self.database.read() as cursor:
            return {
                sop_uid
                for sop_uid in sop_uids
                if one(cursor, "SELECT 1 FROM instances WHERE sop_uid = ?", sop_uid) is not None
            }

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

"""The sealed database: SQLite encrypted by SQLCipher, one file for the index, cases, drafts, outbox and audit.

How other rooms use it:

    with archive.database.transaction() as cursor:      # one writer at a time; all or nothing; durable at the end
        cursor.execute("UPDATE cases SET state = ? WHERE case_uid = ?", (state, case_uid))
        audit.record(cursor, who, "case signed", case_uid)

    with archive.database.read() as cursor:             # a snapshot; never waits for the writer
        for row in cursor.execute("SELECT case_uid, state FROM cases"):
            row["state"]; case_uid, state = row         # by name or by place

Both may be used from any thread. What belongs together goes into one transaction; network and heavy work stay outside
of it. Functions that others may want inside their own transaction take the cursor. Tables and conventions: `schema`.
"""

import errno
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import sqlcipher3

from workstation.archive import schema
from workstation.errors import ArchiveDamaged, ArchiveLocked, DiskFull, WorkstationError
from workstation.language import _

_BUSY_S = 10.0
_IDLE_READERS = 4


class Cursor(Protocol):
    """What `transaction()` and `read()` hand out; rows are had by name (`row["state"]`), by place and by unpacking."""

    def execute(self, sql: str, parameters: Any = ..., /) -> "Cursor": ...
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> "Cursor": ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...
    @property
    def rowcount(self) -> int: ...


def now() -> str:
    """The time as the database keeps it: ISO 8601 in UTC with milliseconds, so that text order is time order."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Database:
    """One encrypted database file. Thread-safe; several processes may have it open."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open the file, made when new, and bring its tables up to date.

        `key` is 32 bytes. Raises ArchiveLocked when it isn't this file's, WorkstationError when the file was written
        by a newer version, DiskFull, ArchiveDamaged.
        """
        if len(key) != 32:
            raise ValueError("the database key has 32 bytes")
        self._path = path
        self._key = key
        self._write_lock = threading.Lock()
        self._writing_thread: int | None = None
        self._pool_lock = threading.Lock()
        self._idle: list[Any] = []
        self._closed = False
        with _named_errors():
            self._writer = self._connect()
            try:
                # before anything is written
                self._refuse_newer()
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._migrate()
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Write: committed and durable when the block ends, undone when it raises.

        Waits for other writers. Not to be nested: a function that writes inside somebody's transaction takes the
        cursor instead.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("a transaction is open in this thread: pass its cursor on")
        with self._write_lock:
            self._check_open()
            self._writing_thread = threading.get_ident()
            try:
                with _named_errors():
                    cursor = self._writer.cursor()
                    cursor.execute("BEGIN IMMEDIATE")
                    try:
                        yield cursor
                        cursor.execute("COMMIT")
                    except BaseException:
                        if self._writer.in_transaction:
                            cursor.execute("ROLLBACK")
                        raise
                    finally:
                        cursor.close()
            finally:
                self._writing_thread = None

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """Read: everything in the block sees the same committed state; writing through it is refused."""
        self._check_open()
        with _named_errors(reading=True):
            connection = self._borrow()
            try:
                cursor = connection.cursor()
                try:
                    cursor.execute("BEGIN")
                    yield cursor
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    cursor.close()
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)

    def fold(self) -> None:
        """Fold the journal into the file, so that what was overwritten is in neither; not while somebody reads."""
        with self._write_lock:
            self._check_open()
            with _named_errors():
                self._writer.execute("PRAGMA busy_timeout = 0")
                try:
                    with suppress(sqlcipher3.OperationalError):
                        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    self._writer.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")

    def close(self) -> None:
        """Fold the journal into the file and close; waits for a running transaction. Harmless when repeated."""
        with self._write_lock:
            if self._closed:
                return
            self._closed = True
            with self._pool_lock:
                for connection in self._idle:
                    connection.close()
                self._idle.clear()
            try:
                # no room to do it changes nothing: the journal is as durable as the file
                with suppress(sqlcipher3.OperationalError):
                    self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the database is closed")

    def _connect(self) -> Any:
        connection = sqlcipher3.connect(
            str(self._path), timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            connection.row_factory = sqlcipher3.Row
            connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to stderr
            connection.execute(f"PRAGMA key = \"x'{self._key.hex()}'\"")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _borrow(self) -> Any:
        with self._pool_lock:
            if self._idle:
                return self._idle.pop()
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _give_back(self, connection: Any) -> None:
        with self._pool_lock:
            if not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()

    def _migrate(self) -> None:
        # asked again inside the transaction: another process may be doing the same
        while self._version() < schema.VERSION:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                version = self._version()
                if version < schema.VERSION:
                    for statement in _statements(schema.MIGRATIONS[version]):
                        self._writer.execute(statement)
                    self._writer.execute(f"PRAGMA user_version = {version + 1}")
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
        self._refuse_newer()

    def _refuse_newer(self) -> None:
        if self._version() > schema.VERSION:
            raise WorkstationError(
                _("The archive was written by a newer version of the program"), advice=_("Update the program.")
            )

    def _version(self) -> int:
        return int(self._writer.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the transaction around them."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlcipher3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _named_errors(reading: bool = False) -> Iterator[None]:
    """Tell the world's errors by their own names; a mistake in SQL, or a write through a reader, stays what it is."""
    try:
        yield
    except sqlcipher3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlcipher3.SQLITE_FULL:
            raise disk_full() from error
        if code == sqlcipher3.SQLITE_NOTADB:
            raise ArchiveLocked(
                _("The archive does not open with this key"),
                advice=_("Check that the key file and the archive belong together."),
            ) from error
        if code == sqlcipher3.SQLITE_CORRUPT:
            raise ArchiveDamaged(
                _("The archive's database is damaged"), advice=_("Close the program and restore the file from a copy.")
            ) from error
        if code in (sqlcipher3.SQLITE_BUSY, sqlcipher3.SQLITE_LOCKED):
            raise WorkstationError(
                _("The archive's database is busy"), advice=_("Try again; another program holds it.")
            ) from error
        if code in (sqlcipher3.SQLITE_IOERR, sqlcipher3.SQLITE_CANTOPEN) or (
            code == sqlcipher3.SQLITE_READONLY and not reading
        ):
            raise disk_unusable() from error
        raise


def disk_full() -> DiskFull:
    """The error for a write that found no room."""
    return DiskFull(
        _("The archive's disk is full"),
        _("what was being stored is not stored; everything stored before is safe"),
        _("Free some room and try again."),
    )


def disk_unusable() -> WorkstationError:
    """The error for a disk, or a right on it, that fails."""
    return WorkstationError(
        _("The archive's disk can't be read or written"), advice=_("Check the disk and the rights on the data folder.")
    )


@contextmanager
def named_disk_errors() -> Iterator[None]:
    """Tell what the operating system says of a disk by the world's errors."""
    try:
        yield
    except OSError as error:
        raise (disk_full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else disk_unusable()) from error

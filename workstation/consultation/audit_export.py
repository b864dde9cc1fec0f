"""The audit chain on its way to an audit server: the chain itself is the queue, a cursor a server says what went.

The cursor moves when the server has read a batch, so a link that breaks loses nothing; a program killed between the
two sends that batch once more, and the server knows it by the numbers of its messages.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from workstation.archive import audit
from workstation.archive.database import Cursor, Database
from workstation.consultation.audit_messages import Station, audit_message, matter_of
from workstation.errors import WorkstationError
from workstation.iris import syslog
from workstation.iris.syslog import SyslogServer
from workstation.jobs import Cancellation
from workstation.language import _

_BATCH = 500


class AuditExport:
    """Exports one archive's chain in the name of a station."""

    def __init__(self, database: Database, station: Station) -> None:
        self._database = database
        self._station = station

    def send(self, server: SyslogServer, cancellation: Cancellation) -> int:
        """*Network.* Send what the server hasn't got yet, the oldest first; how many entries went.

        Raises LinkDown when it can't be reached; what is left goes with the next call.
        """
        sent = 0
        while True:
            cancellation.check()
            with self._database.read() as cursor:
                batch = audit.entries(cursor, sent_until(cursor, server)[0], _BATCH)
                messages = [self._message(cursor, entry) for entry in batch]
            if not batch:
                return sent
            syslog.send(server, messages)
            with self._database.transaction() as cursor:
                last = batch[-1]
                # another program may have sent more meanwhile
                if sent_until(cursor, server)[0] < last.sequence:
                    _keep(cursor, server, (last.sequence, last.digest))
            sent += len(batch)

    def write(self, path: Path) -> int:
        """Write the whole chain into a file, a message a line; how many entries. Raises WorkstationError."""
        temporary = path.with_name(path.name + ".part")
        count = 0
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file, self._database.read() as cursor:
                for entry in audit.entries(cursor):
                    file.write(self._message(cursor, entry) + b"\n")
                    count += 1
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise WorkstationError(_("The file can't be written"), f"{path.name}: {error.strerror}") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        return count

    def _message(self, cursor: Cursor, entry: audit.Entry) -> bytes:
        text = audit_message(entry, matter_of(cursor, entry), self._station)
        return syslog.message(entry.at, self._station.host, entry.sequence, text)


def sent_until(cursor: Cursor, server: SyslogServer) -> audit.Head:
    """The last entry that the server has got; number 0 when none."""
    row = cursor.execute("SELECT value FROM properties WHERE name = ?", (_property(server),)).fetchone()
    if row is None:
        return 0, b""
    number, digest = json.loads(row[0])
    return number, bytes.fromhex(digest)


def sent_heads(cursor: Cursor) -> list[audit.Head]:
    """The last entry that each server has got, for comparing with the chain."""
    rows = cursor.execute("SELECT value FROM properties WHERE name LIKE 'audit sent to %'").fetchall()
    return [(number, bytes.fromhex(digest)) for number, digest in (json.loads(row[0]) for row in rows)]


def _keep(cursor: Cursor, server: SyslogServer, head: audit.Head) -> None:
    cursor.execute(
        "INSERT INTO properties VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_property(server), json.dumps([head[0], head[1].hex()])),
    )


def _property(server: SyslogServer) -> str:
    return f"audit sent to {server.name}"

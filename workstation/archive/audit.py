"""The audit chain: who did what to which case, each entry bound to all before it by its hash.

An entry's hash covers its own values and the hash of the entry before, so a changed, removed or inserted entry breaks
the chain from there on. A chain cut short at its end or computed anew is seen by whoever kept an earlier `head`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from workstation.archive.database import Cursor, Database, now

_BEGIN = bytes(32)


@dataclass(frozen=True)
class ChainState:
    """What `verify` found: the number of entries, the hash of the last, the first broken entry (0: none)."""

    entries: int
    head: bytes
    broken_at: int = 0

    @property
    def whole(self) -> bool:
        return self.broken_at == 0


def record(
    cursor: Cursor, who: str, event: str, subject: str = "", detail: Mapping[str, str | int | float] | None = None
) -> bytes:
    """Append an entry inside the caller's transaction, so that it exists if and only if the deed does; its hash.

    `event` is a short English name (`case signed`), `subject` the UID of what it was done to.
    """
    last = cursor.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, previous = (last["sequence"] + 1, bytes(last["hash"])) if last else (1, _BEGIN)
    values = (sequence, now(), who, event, subject, json.dumps(detail or {}, ensure_ascii=False, sort_keys=True))
    digest = _digest(previous, values)
    cursor.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, previous, digest))
    return digest


def head(cursor: Cursor) -> bytes:
    """The hash of the last entry, to be kept elsewhere: it vouches for the whole chain."""
    last = cursor.execute("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    return bytes(last[0]) if last else _BEGIN


def verify(database: Database, kept_head: bytes | None = None) -> ChainState:
    """Go through the chain. With a `kept_head`, a chain that no longer contains it is broken at its end."""
    previous, entries, found = _BEGIN, 0, kept_head in (None, _BEGIN)
    with database.read() as cursor:
        for row in cursor.execute("SELECT * FROM audit ORDER BY sequence"):
            entries += 1
            values = tuple(row[name] for name in ("sequence", "at", "who", "event", "subject", "detail_json"))
            if row["sequence"] != entries or row["previous"] != previous or row["hash"] != _digest(previous, values):
                return ChainState(entries, previous, broken_at=entries)
            previous = bytes(row["hash"])
            found = found or previous == kept_head
    return ChainState(entries, previous, broken_at=0 if found else entries + 1)


def _digest(previous: bytes, values: tuple[object, ...]) -> bytes:
    return hashlib.sha256(previous + json.dumps(values, ensure_ascii=False).encode()).digest()

"""The audit chain: who did what to which case, each entry bound to all before it by its hash.

An entry's hash covers its own values and the hash of the entry before, so a changed, removed or inserted entry breaks
the chain from there on. A chain cut short at its end or computed anew is seen by whoever kept an earlier `head`:
receipts of deliveries do, and so does the audit server.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from workstation.archive.database import Cursor, Database, now

_BEGIN = bytes(32)

Head = tuple[int, bytes]
"""The number of an entry and its hash: kept elsewhere, it vouches for the whole chain up to there."""


@dataclass(frozen=True)
class Entry:
    """One entry: `who` did `event` to `subject`, the UID of a case or study, or ""."""

    sequence: int
    at: datetime
    who: str
    event: str
    subject: str
    detail: Mapping[str, str | int | float]
    digest: bytes


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


def head(cursor: Cursor) -> Head:
    """The last entry."""
    last = cursor.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    return (last["sequence"], bytes(last["hash"])) if last else (0, _BEGIN)


def entries(cursor: Cursor, after: int = 0, limit: int = -1) -> list[Entry]:
    """The entries behind number `after`, the oldest first; at most `limit`, all with -1."""
    rows = cursor.execute("SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)).fetchall()
    return [
        Entry(
            sequence=row["sequence"],
            at=datetime.fromisoformat(row["at"]),
            who=row["who"],
            event=row["event"],
            subject=row["subject"],
            detail=json.loads(row["detail_json"]),
            digest=bytes(row["hash"]),
        )
        for row in rows
    ]


def verify(database: Database, kept: Iterable[Head] = ()) -> ChainState:
    """Go through the chain, and compare it with the heads that were `kept` elsewhere.

    A kept head that the chain doesn't have is where it is broken: the chain was computed anew, or cut short.
    """
    previous, count, broken = _BEGIN, 0, 0
    vouched: dict[int, set[bytes]] = {}
    for sequence, digest in kept:
        vouched.setdefault(sequence, set()).add(digest)
    with database.read() as cursor:
        for row in cursor.execute("SELECT * FROM audit ORDER BY sequence"):
            count += 1
            values = tuple(row[name] for name in ("sequence", "at", "who", "event", "subject", "detail_json"))
            digest = bytes(row["hash"])
            if row["sequence"] != count or row["previous"] != previous or digest != _digest(previous, values):
                return ChainState(count, previous, broken_at=count)
            if not broken and vouched.get(count, {digest}) != {digest}:
                broken = count
            previous = digest
    if not broken and max(vouched, default=0) > count:
        broken = count + 1
    return ChainState(count, previous, broken_at=broken)


def _digest(previous: bytes, values: tuple[object, ...]) -> bytes:
    return hashlib.sha256(previous + json.dumps(values, ensure_ascii=False).encode()).digest()

"""The outbox: signed packages with their final bytes, and the journal of what happened to each.

Everything is in the archive's sealed database, so a package and the case's state change together. Bytes are written
once, when they are signed; from then on they are only carried. `package_states` says which state follows which.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from workstation.archive.database import Cursor, Database, now
from workstation.consultation.cases import apply, read_case
from workstation.consultation.package_states import ACTIVE, OVER, PackageEvent, PackageState, package_after
from workstation.consultation.receipt import Receipt, receipt_kept
from workstation.consultation.states import CaseEvent, CaseState
from workstation.dicom.content import ImageReference, Patient
from workstation.dicom.uids import new_uid
from workstation.language import N_, _

Reason = Literal["", "lost", "newer_report"]
"""Why a package is held: its case is no longer ours, or others reported on the study meanwhile."""

_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 15 * 60.0
_LONGEST_WISH_S = 24 * 3600.0
_ACTIVE, _OVER = (f"({', '.join(map(repr, states))})" for states in (ACTIVE, OVER))
_MOST_EVENTS = 200


@dataclass(frozen=True)
class OutboxEvent:
    """One line of a package's journal."""

    at: datetime
    text: str


@dataclass(frozen=True)
class OutboxRow:
    """A package as the reader sees it; `objects` are (role, SOP Instance UID, SHA-256 in hex) in sending order.

    `held_for` says why a package in state `held` waits for the reader. `server` is the name of the one that
    it goes to. `order_open`: that server still counts the case as this reader's.
    """

    package_uid: str
    case_uid: str
    state: PackageState
    title: str
    signer: str
    patient: Patient
    study_date: str
    study_description: str
    signed_at: datetime
    attempts: int
    due_at: datetime | None
    delivered_at: datetime | None
    last_error: str
    journal: tuple[OutboxEvent, ...]
    objects: tuple[tuple[str, str, str], ...]
    receipt: Receipt | None = None
    held_for: Reason = ""
    server: str = ""
    order_open: bool = False


@dataclass(frozen=True)
class SealedObject:
    """One object of a package: final bytes and what is known of their way."""

    role: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    sha256: bytes
    data: bytes = field(repr=False)
    confirmed: bool = False

    @property
    def reference(self) -> ImageReference:
        return ImageReference(self.study_uid, self.series_uid, self.sop_class_uid, self.sop_instance_uid)


@dataclass(frozen=True)
class Package:
    """A signed package; `certificates` are the signer's and its chain, PEM; `unsolicited`: no workitem goes with it.

    `beside`: SOP Instance UIDs of reports of others beside which the reader wants it sent.
    """

    package_uid: str
    case_uid: str
    study_uid: str
    state: PackageState
    attempts: int
    signed_at: datetime
    certificates: str
    unsolicited: bool
    objects: tuple[SealedObject, ...]
    beside: frozenset[str] = frozenset()


def enqueue(
    cursor: Cursor,
    case_uid: str,
    study_uid: str,
    objects: Sequence[SealedObject],
    *,
    title: str,
    signer: str,
    certificates: str,
) -> str:
    """Put a signed package into the outbox, inside the transaction that signs the case; its UID.

    `objects` in the order in which they are sent, the conclusion last.
    """
    package_uid = new_uid()
    stamped = _timestamped(objects[-1].data)
    moment = now()
    cursor.execute(
        """INSERT INTO packages (package_uid, case_uid, study_uid, state, title, signer, signed_at, due_at,
        content_json, journal_json, server) VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?,
        coalesce((SELECT server FROM cases WHERE case_uid = ?), ''))""",
        (
            package_uid, case_uid, study_uid, title, signer, moment, moment,
            json.dumps({"certificates": certificates, "unsolicited": False, "timestamped": stamped}),
            _appended("[]", _STAMPED if stamped else _SIGNED), case_uid,
        ),
    )  # fmt: skip
    cursor.executemany(
        """INSERT INTO package_objects (package_uid, ordinal, role, series_uid, sop_class_uid, sop_uid, size, sha256,
        data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (
                package_uid, number, one.role, one.series_uid, one.sop_class_uid, one.sop_instance_uid,
                len(one.data), one.sha256, one.data,
            )
            for number, one in enumerate(objects)
        ],
    )  # fmt: skip
    return package_uid


class Outbox:
    """The packages of one archive. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self) -> list[OutboxRow]:
        """All packages, the newest first."""
        with self._database.read() as cursor:
            packages = cursor.execute("SELECT * FROM packages ORDER BY signed_at DESC, package_uid").fetchall()
            return [_row(cursor, row) for row in packages]

    def servers_due(self) -> list[str]:
        """The servers that a package for may be tried now, in the order of their oldest."""
        with self._database.read() as cursor:
            return list(dict.fromkeys(row["server"] for row in _due(cursor)))

    def due(self, server: str | None = None) -> list[str]:
        """The UIDs of the packages that may be tried now at a server, None at any, the oldest first."""
        with self._database.read() as cursor:
            return [row["package_uid"] for row in _due(cursor) if server in (None, row["server"])]

    def hurry(self) -> None:
        """On the reader's word: what waits for its next try or for a sign-in may be tried now."""
        with self._database.transaction() as cursor:
            cursor.execute(f"UPDATE packages SET due_at = ? WHERE state IN {_ACTIVE} OR state = 'paused'", (now(),))
            _resume_due(cursor)

    def undelivered(self) -> int:
        """How many packages wait for anything."""
        with self._database.read() as cursor:
            return int(cursor.execute(f"SELECT count(*) FROM packages WHERE state NOT IN {_OVER}").fetchone()[0])

    def of_case(self, case_uid: str) -> str | None:
        """The UID of the case's newest package."""
        with self._database.read() as cursor:
            return newest_package(cursor, case_uid)

    def load(self, package_uid: str) -> Package:
        """A package with its bytes."""
        with self._database.read() as cursor:
            row = cursor.execute("SELECT * FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()
            objects = cursor.execute(
                "SELECT * FROM package_objects WHERE package_uid = ? ORDER BY ordinal", (package_uid,)
            ).fetchall()
        content = json.loads(row["content_json"])
        return Package(
            package_uid=row["package_uid"],
            case_uid=row["case_uid"],
            study_uid=row["study_uid"],
            state=row["state"],
            attempts=row["attempts"],
            signed_at=datetime.fromisoformat(row["signed_at"]),
            certificates=content["certificates"],
            unsolicited=content["unsolicited"],
            beside=frozenset(content.get("beside", ())),
            objects=tuple(
                SealedObject(
                    role=one["role"],
                    study_uid=row["study_uid"],
                    series_uid=one["series_uid"],
                    sop_class_uid=one["sop_class_uid"],
                    sop_instance_uid=one["sop_uid"],
                    sha256=bytes(one["sha256"]),
                    data=bytes(one["data"]),
                    confirmed=bool(one["verified_at"]),
                )
                for one in objects
            ),
        )

    def answered(self, package_uid: str, answers: dict[str, str]) -> None:
        """Note the server's word on each object, by SOP Instance UID."""
        with self._database.transaction() as cursor:
            cursor.executemany(
                "UPDATE package_objects SET answer = ? WHERE package_uid = ? AND sop_uid = ?",
                [(answer, package_uid, sop_uid) for sop_uid, answer in answers.items()],
            )

    def confirmed(self, package_uid: str, sop_uid: str) -> None:
        """Note that an object was read back, byte for byte."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE package_objects SET state = 'confirmed', verified_at = ? WHERE package_uid = ? AND sop_uid = ?",
                (now(), package_uid, sop_uid),
            )

    def link_works(self, server: str) -> None:
        """A way to the server was found: what waited for nothing else may be tried now."""
        with self._database.transaction() as cursor:
            waiting = cursor.execute(
                f"SELECT * FROM packages WHERE (state IN {_ACTIVE} OR state = 'paused') AND server = ?", (server,)
            ).fetchall()
            for row in waiting:
                if json.loads(row["content_json"]).get("waits_for_link"):
                    cursor.execute("UPDATE packages SET due_at = ? WHERE package_uid = ?", (now(), row["package_uid"]))
                    if row["state"] == "paused":
                        _resume(cursor, row["package_uid"], row["case_uid"])

    def resume_paused(self, server: str) -> None:
        """After a sign-in that worked: let what was paused go on, when its time has come."""
        with self._database.transaction() as cursor:
            _resume_due(cursor, server)


def advance(cursor: Cursor, package_uid: str, event: PackageEvent, text: str) -> PackageState:
    """Let an event happen to a package, with a line in its journal (an English text marked by `N_`)."""
    row = _read(cursor, package_uid)
    state = package_after(row["state"], event)
    content = json.loads(row["content_json"]) | {"waits_for_link": False, "held_for": ""}
    cursor.execute(
        """UPDATE packages SET state = ?, journal_json = ?, content_json = ?, last_error = '', delivered_at = ?
        WHERE package_uid = ?""",
        (
            state, _appended(row["journal_json"], text), json.dumps(content), now() if state == "delivered" else "",
            package_uid,
        ),
    )  # fmt: skip
    return state


def note_failure(
    cursor: Cursor,
    package_uid: str,
    event: PackageEvent,
    text: str,
    error: str,
    *,
    retry_after: float | None = None,
    waits_for_link: bool = False,
    held_for: Reason = "",
    reports: Iterable[str] = (),
) -> None:
    """Note that a try failed, and set when the next may come.

    `waits_for_link`: the server wasn't reached at all, so the next sign-in that works ends the waiting. `reports`: for
    which the package is held.
    """
    row = _read(cursor, package_uid)
    attempts = row["attempts"] + 1
    content = json.loads(row["content_json"])
    content |= {"waits_for_link": waits_for_link, "held_for": held_for, "reports": sorted(reports)}
    cursor.execute(
        """UPDATE packages SET state = ?, journal_json = ?, content_json = ?, attempts = ?, last_error = ?, due_at = ?
        WHERE package_uid = ?""",
        (
            package_after(row["state"], event), _appended(row["journal_json"], text, error), json.dumps(content),
            attempts, error, _in(retry_delay(attempts, retry_after)), package_uid,
        ),
    )  # fmt: skip


def newest_package(cursor: Cursor, case_uid: str) -> str | None:
    """The UID of the case's newest package."""
    row = cursor.execute(
        "SELECT package_uid FROM packages WHERE case_uid = ? ORDER BY signed_at DESC LIMIT 1", (case_uid,)
    ).fetchone()
    return str(row[0]) if row else None


def package_case(cursor: Cursor, package_uid: str) -> str:
    """The case of a package."""
    return str(_read(cursor, package_uid)["case_uid"])


def requeue(cursor: Cursor, package_uid: str, *, unsolicited: bool) -> None:
    """On the reader's word: try a refused, held or kept package again, now, beside the reports it was held for."""
    content = json.loads(_read(cursor, package_uid)["content_json"])
    content["unsolicited"] = content["unsolicited"] or unsolicited
    content["beside"] = sorted({*content.get("beside", ()), *content.get("reports", ())})
    cursor.execute(
        "UPDATE packages SET content_json = ?, due_at = ? WHERE package_uid = ?",
        (json.dumps(content), now(), package_uid),
    )
    advance(cursor, package_uid, PackageEvent.AGAIN, N_("To be sent again, on the reader's word"))


def retry_delay(attempts: int, retry_after: float | None = None, chance: float | None = None) -> float:
    """Seconds to the next try after `attempts` failures: 5 s doubling to 15 min, ± 20 %, not before the server's wish.

    A wish for more than a day counts as a day. `chance` (0 … 1) takes the place of the dice.
    """
    dice = random.random() if chance is None else chance
    spread = min(_FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20), _LAST_RETRY_S) * (0.8 + 0.4 * dice)
    return max(min(max(spread, _FIRST_RETRY_S), _LAST_RETRY_S), min(retry_after or 0.0, _LONGEST_WISH_S))


_SIGNED = N_("Signed, without a timestamp")
_STAMPED = N_("Signed, with a timestamp")


def _timestamped(conclusion: bytes) -> bool:
    from workstation.dicom.signatures import read_signatures

    return any(one.timestamp for one in read_signatures(conclusion))


def _read(cursor: Cursor, package_uid: str) -> Any:
    return cursor.execute("SELECT * FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()


def _due(cursor: Cursor) -> list[Any]:
    # a time beyond the longest wait was set by a clock that has been put right since
    return cursor.execute(
        f"""SELECT package_uid, server FROM packages WHERE state IN {_ACTIVE} AND (due_at <= ? OR due_at > ?)
        ORDER BY signed_at""",
        (now(), _in(_LONGEST_WISH_S)),
    ).fetchall()


def _resume_due(cursor: Cursor, server: str | None = None) -> None:
    paused = cursor.execute(
        "SELECT package_uid, case_uid, server FROM packages WHERE state = 'paused' AND due_at <= ?", (now(),)
    ).fetchall()
    for row in paused:
        if server in (None, row["server"]):
            _resume(cursor, row["package_uid"], row["case_uid"])


def _resume(cursor: Cursor, package_uid: str, case_uid: str) -> None:
    """Let a paused package go on, from the start: what was read back already is not sent again."""
    advance(cursor, package_uid, PackageEvent.RESUME, N_("Signed in: going on"))
    apply(cursor, case_uid, CaseEvent.QUEUE)


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _appended(journal: str, text: str, detail: str = "") -> str:
    events = json.loads(journal)
    # many failures of the same kind in a row are one line with its latest time
    if events and (events[-1]["text"], events[-1]["detail"]) == (text, detail):
        events.pop()
    events.append({"at": now(), "text": text, "detail": detail})
    return json.dumps(events[-_MOST_EVENTS:], ensure_ascii=False)


def _row(cursor: Cursor, row: Any) -> OutboxRow:
    case = read_case(cursor, row["case_uid"])
    objects = cursor.execute(
        "SELECT role, sop_uid, sha256 FROM package_objects WHERE package_uid = ? ORDER BY ordinal",
        (row["package_uid"],),
    ).fetchall()
    return OutboxRow(
        package_uid=row["package_uid"],
        case_uid=row["case_uid"],
        state=row["state"],
        title=row["title"],
        signer=row["signer"],
        patient=case.patient,
        study_date=case.study_date,
        study_description=case.study_description,
        signed_at=datetime.fromisoformat(row["signed_at"]),
        attempts=row["attempts"],
        due_at=datetime.fromisoformat(row["due_at"]) if row["due_at"] else None,
        delivered_at=datetime.fromisoformat(row["delivered_at"]) if row["delivered_at"] else None,
        last_error=row["last_error"],
        journal=tuple(
            OutboxEvent(
                datetime.fromisoformat(event["at"]),
                ": ".join(part for part in (_(event["text"]), event["detail"]) if part),
            )
            for event in json.loads(row["journal_json"])
        ),
        objects=tuple((one["role"], one["sop_uid"], bytes(one["sha256"]).hex()) for one in objects),
        receipt=receipt_kept(row["receipt_json"]),
        held_for=(json.loads(row["content_json"]).get("held_for") or "lost") if row["state"] == "held" else "",
        server=row["server"],
        order_open=case.origin == "workitem" and case.state not in (CaseState.LOST, CaseState.DONE),
    )

"""The outbox: signed packages with their final bytes, and the journal of what happened to each.

Everything is in the archive's sealed database, so a package and the case's state change together. Bytes are written
once, when they are signed; from then on they are only carried. States: `queued` → `sending` → `stored` → `confirmed` →
`delivered`; `paused` waits for a sign-in; `refused` and `held` wait for the reader.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from workstation.archive.database import Cursor, Database, now
from workstation.consultation.cases import read_case
from workstation.consultation.receipt import Receipt, receipt_kept
from workstation.dicom.content import ImageReference, Patient
from workstation.dicom.uids import new_uid
from workstation.language import N_, _

PackageState = Literal["queued", "sending", "stored", "confirmed", "delivered", "paused", "refused", "held"]

_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 15 * 60.0
# what goes by itself once it is due
_ACTIVE = "('queued', 'sending', 'stored', 'confirmed')"
_MOST_EVENTS = 200


@dataclass(frozen=True)
class OutboxEvent:
    """One line of a package's journal."""

    at: datetime
    text: str


@dataclass(frozen=True)
class OutboxRow:
    """A package as the reader sees it; `objects` are (role, SOP Instance UID, SHA-256 in hex) in sending order."""

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
    """A signed package; `certificates` are the signer's and its chain, PEM; `unsolicited`: no workitem goes with it."""

    package_uid: str
    case_uid: str
    study_uid: str
    state: PackageState
    attempts: int
    signed_at: datetime
    certificates: str
    unsolicited: bool
    objects: tuple[SealedObject, ...]


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
    """Put a signed package into the outbox, inside the transaction that signs the case; its UID."""
    package_uid = new_uid()
    moment = now()
    cursor.execute(
        """INSERT INTO packages (package_uid, case_uid, study_uid, state, title, signer, signed_at, due_at,
        content_json, journal_json) VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)""",
        (
            package_uid, case_uid, study_uid, title, signer, moment, moment,
            json.dumps({"certificates": certificates, "unsolicited": False}), _appended("[]", _SIGNED),
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

    def due(self) -> list[str]:
        """The UIDs of the packages that may be tried now, the oldest first."""
        with self._database.read() as cursor:
            rows = cursor.execute(
                f"SELECT package_uid FROM packages WHERE state IN {_ACTIVE} AND due_at <= ? ORDER BY signed_at",
                (now(),),
            ).fetchall()
        return [row[0] for row in rows]

    def hurry(self) -> None:
        """On the reader's word: what waits for its next try may be tried now."""
        with self._database.transaction() as cursor:
            cursor.execute(f"UPDATE packages SET due_at = ? WHERE state IN {_ACTIVE}", (now(),))

    def undelivered(self) -> int:
        """How many packages wait for anything."""
        with self._database.read() as cursor:
            return int(cursor.execute("SELECT count(*) FROM packages WHERE state <> 'delivered'").fetchone()[0])

    def of_case(self, case_uid: str) -> str | None:
        """The UID of the case's newest package."""
        with self._database.read() as cursor:
            row = cursor.execute(
                "SELECT package_uid FROM packages WHERE case_uid = ? ORDER BY signed_at DESC LIMIT 1", (case_uid,)
            ).fetchone()
        return row[0] if row else None

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

    def resume_paused(self) -> None:
        """After a sign-in that worked: let what was paused go on from where its case stands, when its time has come."""
        with self._database.transaction() as cursor:
            cursor.execute(
                """UPDATE packages SET state = (SELECT state FROM cases WHERE cases.case_uid = packages.case_uid)
                WHERE state = 'paused' AND due_at <= ?""",
                (now(),),
            )


def advance(cursor: Cursor, package_uid: str, state: PackageState, text: str) -> None:
    """Bring a package into a state, with a line in its journal (an English text marked by `N_`)."""
    row = cursor.execute("SELECT journal_json FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()
    delivered = now() if state == "delivered" else ""
    cursor.execute(
        """UPDATE packages SET state = ?, journal_json = ?, last_error = '', delivered_at = ?
        WHERE package_uid = ?""",
        (state, _appended(row[0], text), delivered, package_uid),
    )


def note_failure(
    cursor: Cursor,
    package_uid: str,
    state: PackageState,
    text: str,
    error: str,
    retry_after: float | None = None,
) -> None:
    """Note that a try failed, and set when the next may come."""
    row = cursor.execute("SELECT journal_json, attempts FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()
    attempts = row["attempts"] + 1
    due = datetime.now(UTC) + timedelta(seconds=retry_delay(attempts, retry_after))
    cursor.execute(
        """UPDATE packages SET state = ?, journal_json = ?, attempts = ?, last_error = ?, due_at = ?
        WHERE package_uid = ?""",
        (
            state, _appended(row["journal_json"], text, error), attempts, error,
            due.isoformat(timespec="milliseconds"), package_uid,
        ),
    )  # fmt: skip


def package_case(cursor: Cursor, package_uid: str) -> tuple[str, PackageState]:
    """The case of a package, and the package's state."""
    row = cursor.execute("SELECT case_uid, state FROM packages WHERE package_uid = ?", (package_uid,)).fetchone()
    return row["case_uid"], row["state"]


def requeue(cursor: Cursor, package_uid: str, *, unsolicited: bool) -> None:
    """On the reader's word: try a refused or held package again, now."""
    row = cursor.execute(
        "SELECT journal_json, content_json FROM packages WHERE package_uid = ?", (package_uid,)
    ).fetchone()
    content = json.loads(row["content_json"])
    content["unsolicited"] = content["unsolicited"] or unsolicited
    cursor.execute(
        """UPDATE packages SET state = 'queued', journal_json = ?, content_json = ?, due_at = ?, last_error = ''
        WHERE package_uid = ?""",
        (_appended(row["journal_json"], _AGAIN), json.dumps(content), now(), package_uid),
    )


def retry_delay(attempts: int, retry_after: float | None = None, chance: float | None = None) -> float:
    """Seconds to the next try after `attempts` failures: 5 s doubling to 15 min, ± 20 %, not before the server's wish.

    `chance` (0 … 1) takes the place of the dice.
    """
    dice = random.random() if chance is None else chance
    spread = min(_FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20), _LAST_RETRY_S) * (0.8 + 0.4 * dice)
    return max(min(max(spread, _FIRST_RETRY_S), _LAST_RETRY_S), retry_after or 0.0)


_SIGNED = N_("Signed")
_AGAIN = N_("To be sent again, on the reader's word")


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
    )

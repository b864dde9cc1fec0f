"""Claims: the Transaction UID of each case we took or are taking, durable before it is sent anywhere."""

from dataclasses import dataclass
from typing import Literal

from workstation.archive.database import Cursor, now
from workstation.dicom.uids import new_uid

ClaimState = Literal["CLAIMING", "HELD", "LOST", "RETURNED", "COMPLETED"]


@dataclass(frozen=True)
class Claim:
    """The key to a held workitem; `requested_at` (ISO 8601, UTC) is when it was made, before it was sent."""

    transaction_uid: str
    state: ClaimState
    requested_at: str


def begin_claim(cursor: Cursor, case_uid: str) -> Claim:
    """The claim to send: the one already under way, whose answer may have been lost, or a new one."""
    found = find_claim(cursor, case_uid)
    if found and found.state in ("CLAIMING", "HELD"):
        return found
    claim = Claim(new_uid(), "CLAIMING", now())
    cursor.execute(
        "INSERT OR REPLACE INTO claims (case_uid, transaction_uid, state, requested_at) VALUES (?, ?, ?, ?)",
        (case_uid, claim.transaction_uid, claim.state, claim.requested_at),
    )
    return claim


def settle_claim(cursor: Cursor, case_uid: str, state: ClaimState, detail: str = "") -> None:
    """Note what became of the claim."""
    cursor.execute(
        "UPDATE claims SET state = ?, answered_at = ?, detail = ? WHERE case_uid = ?", (state, now(), detail, case_uid)
    )


def find_claim(cursor: Cursor, case_uid: str) -> Claim | None:
    """The claim of a case, or None."""
    row = cursor.execute(
        "SELECT transaction_uid, state, requested_at FROM claims WHERE case_uid = ?", (case_uid,)
    ).fetchone()
    return Claim(*row) if row else None

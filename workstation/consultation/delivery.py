"""Emptying the outbox: each due package is delivered, and each failure becomes a state the reader can act on.

Network trouble and a busy server are tried again later; a sign-in pauses the queue; what the server refuses for good,
or a case that is no longer ours, waits for the reader.
"""

import logging

from workstation.archive import audit
from workstation.archive.database import Cursor, Database
from workstation.consultation.cases import apply, read_case
from workstation.consultation.claims import settle_claim
from workstation.consultation.outbox import Outbox, note_failure, package_case
from workstation.consultation.states import CaseEvent, CaseState
from workstation.consultation.submission import NotTaken, NotThereYet, Submission
from workstation.errors import (
    CaseUnavailable,
    LinkDown,
    MalformedAnswer,
    ServerRefused,
    SignInNeeded,
    WorkstationError,
)
from workstation.jobs import Cancellation, Progress, Report
from workstation.language import N_, _

log = logging.getLogger(__name__)

_RETRYABLE = (408, 425, 429, 500, 502, 503, 504)
# what ends a try; Cancelled, DiskFull and their kin go to the caller
_OF_A_TRY = (CaseUnavailable, LinkDown, MalformedAnswer, NotTaken, NotThereYet, ServerRefused, SignInNeeded)


def deliver_due(
    database: Database, submission: Submission, who: str, report: Report, cancellation: Cancellation
) -> int:
    """Deliver what is due, the oldest first; how many packages were delivered."""
    due = Outbox(database).due()
    delivered = 0
    for number, package_uid in enumerate(due):
        cancellation.check()
        report(Progress(number, len(due), _("Sending conclusions")))
        try:
            submission.deliver(package_uid, cancellation)
        except _OF_A_TRY as error:
            log.warning("package %s: %s", package_uid, type(error).__name__)
            with database.transaction() as cursor:
                _note(cursor, who, package_uid, error)
            if isinstance(error, SignInNeeded | LinkDown):
                # the others would meet the same
                break
        else:
            delivered += 1
    report(Progress(len(due), len(due), _("Sending conclusions")))
    return delivered


def _note(cursor: Cursor, who: str, package_uid: str, error: WorkstationError) -> None:
    """What the failure means for the package and its case."""
    case_uid, state = package_case(cursor, package_uid)
    if isinstance(error, SignInNeeded):
        note_failure(cursor, package_uid, "paused", N_("Paused: the server wants a sign-in"), str(error))
        return
    if isinstance(error, CaseUnavailable):
        note_failure(cursor, package_uid, "held", N_("Kept back: the case is no longer ours"), str(error))
        _happen(cursor, case_uid, CaseEvent.LOSE)
        settle_claim(cursor, case_uid, "LOST")
        audit.record(cursor, who, "case lost", case_uid)
        return
    if isinstance(error, NotTaken) or (isinstance(error, ServerRefused) and error.status not in _RETRYABLE):
        note_failure(cursor, package_uid, "refused", N_("Refused"), str(error))
        _happen(cursor, case_uid, CaseEvent.REJECT)
        audit.record(cursor, who, "conclusion refused", case_uid, {"package": package_uid})
        return
    wish = error.retry_after if isinstance(error, ServerRefused) else None
    note_failure(cursor, package_uid, state, N_("Not delivered yet"), str(error), wish)


def _happen(cursor: Cursor, case_uid: str, event: CaseEvent) -> None:
    if read_case(cursor, case_uid).state not in (CaseState.LOST, CaseState.REJECTED):
        apply(cursor, case_uid, event)

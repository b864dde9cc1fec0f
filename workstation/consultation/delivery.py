"""Emptying the outbox: each due package is delivered, and each failure becomes a state the reader can act on.

Network trouble and a busy server are tried again later; a sign-in pauses the queue; what the server refuses for good,
a case that is no longer ours, or a report of others that came first, waits for the reader.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from workstation.archive import audit
from workstation.archive.database import Cursor, Database
from workstation.consultation.cases import apply
from workstation.consultation.claims import settle_claim
from workstation.consultation.newer_report import NewerReport
from workstation.consultation.outbox import Outbox, note_failure, package_case
from workstation.consultation.package_states import PackageEvent
from workstation.consultation.states import CaseEvent
from workstation.consultation.submission import RETRYABLE, NotTaken, NotThereYet, Submission
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

# what keeps a desk from its server as a whole
_NO_WAY_IN = (LinkDown, MalformedAnswer, ServerRefused, SignInNeeded)
# what ends a try; Cancelled, DiskFull and their kin go to the caller
_OF_A_TRY = (*_NO_WAY_IN, CaseUnavailable, NewerReport, NotTaken, NotThereYet)


def deliver_due(
    database: Database, submission: Submission, who: str, report: Report, cancellation: Cancellation, server: str
) -> int:
    """Deliver what is due at a server, the oldest first; how many packages were delivered."""
    due = Outbox(database).due(server)
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


@contextmanager
def no_way_noted(database: Database, server: str) -> Iterator[None]:
    """Around connecting and delivering: when there is no way in at all, what is due says so and waits for one."""
    try:
        yield
    except _NO_WAY_IN as error:
        paused = isinstance(error, SignInNeeded)
        event, text = (PackageEvent.PAUSE, _WANTS_SIGN_IN) if paused else (PackageEvent.DEFER, _NOT_YET)
        told = str(error) if server in str(error) else f"{server}: {error}"
        for package_uid in Outbox(database).due(server):
            with database.transaction() as cursor:
                note_failure(cursor, package_uid, event, text, told, waits_for_link=True)
        raise


_NOT_YET = N_("Not delivered yet")
_WANTS_SIGN_IN = N_("Paused: the server wants a sign-in")


def _note(cursor: Cursor, who: str, package_uid: str, error: WorkstationError) -> None:
    """What the failure means for the package and its case."""
    told = str(error)
    case_uid = package_case(cursor, package_uid)
    if isinstance(error, SignInNeeded):
        note_failure(cursor, package_uid, PackageEvent.PAUSE, _WANTS_SIGN_IN, told)
    elif isinstance(error, NewerReport):
        text = N_("Kept back: others have reported on the study meanwhile")
        note_failure(cursor, package_uid, PackageEvent.HOLD, text, told, held_for="newer_report", reports=error.reports)
        audit.record(cursor, who, "conclusion kept back", case_uid, {"package": package_uid})
    elif isinstance(error, CaseUnavailable):
        text = N_("Kept back: the case is no longer ours")
        note_failure(cursor, package_uid, PackageEvent.HOLD, text, told, held_for="lost")
        apply(cursor, case_uid, CaseEvent.LOSE)
        settle_claim(cursor, case_uid, "LOST")
        audit.record(cursor, who, "case lost", case_uid)
    elif isinstance(error, NotTaken) or (isinstance(error, ServerRefused) and error.status not in RETRYABLE):
        note_failure(cursor, package_uid, PackageEvent.REFUSE, N_("Refused"), told)
        apply(cursor, case_uid, CaseEvent.REJECT)
        audit.record(cursor, who, "conclusion refused", case_uid, {"package": package_uid})
    else:
        wish = error.retry_after if isinstance(error, ServerRefused) else None
        note_failure(cursor, package_uid, PackageEvent.DEFER, _NOT_YET, told, retry_after=wish)

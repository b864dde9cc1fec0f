"""Taking a case and giving it back, over a link that may swallow any answer.

The Transaction UID is durable before it is sent. No answer leaves the case `claiming`; the same UID is sent again by
the next try or refresh, and then either the case is held or someone else has it.
"""

from workstation.archive import audit
from workstation.archive.database import Database
from workstation.consultation.case import CaseRow
from workstation.consultation.cases import Cases, apply, read_case, set_reader
from workstation.consultation.claims import begin_claim, find_claim, settle_claim
from workstation.consultation.link import Link
from workstation.consultation.states import WRITING_STATES, CaseEvent, CaseState
from workstation.dicom.content import Code
from workstation.errors import CaseUnavailable, LinkDown
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation
from workstation.language import N_, _
from workstation.settings import Reader

# coded reasons to give a case back, in a scheme of our own: CID 9300 has none that fit
RETURN_REASONS = {
    "not_enough_images": N_("Not enough images"),
    "poor_quality": N_("Poor quality"),
    "no_history": N_("No history"),
    "wrong_patient": N_("Wrong patient"),
    "not_my_specialty": N_("Not my specialty"),
}
_SCHEME = "99IRIS"
_TRIES = 2


class Claiming:
    """The claims of one reader."""

    def __init__(self, database: Database, link: Link, reader: Reader) -> None:
        self._database = database
        self._cases = Cases(database)
        self._link = link
        self._reader = reader
        self._who = reader.code or reader.name

    def claim(self, case_uid: str) -> CaseRow:
        """Take the case; one taken, over or imported is returned as it is. In archive mode it is held locally."""
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            if case.state not in (CaseState.REQUESTED, CaseState.CLAIMING) or case.origin == "import":
                return case
            if not case.input_ready:
                raise CaseUnavailable(_("The case is not ready yet"), advice=_("Its images are still being collected."))
            claim = begin_claim(cursor, case_uid)
            apply(cursor, case_uid, CaseEvent.CLAIM)
        if case.origin == "workitem":
            self._ask(case, claim.transaction_uid)
        return self._hold(case_uid)

    def give_back(self, case_uid: str, reason_code: str, text: str) -> None:
        """Cancel the workitem, which is final, with a coded reason."""
        if reason_code not in RETURN_REASONS:
            raise ValueError(f"no such reason: {reason_code}")
        with self._database.read() as cursor:
            case, claim = read_case(cursor, case_uid), find_claim(cursor, case_uid)
        if not case.is_writable or claim is None:
            raise CaseUnavailable(_("The case can't be returned"), advice=_("It is not held, or already signed."))
        if case.origin == "workitem":
            reason = Code(reason_code, _SCHEME, RETURN_REASONS[reason_code])
            with self._link.workitems(case.server) as workitems:
                workitems.cancel(case_uid, claim.transaction_uid, reason, text)
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, CaseEvent.RETURN)
            settle_claim(cursor, case_uid, "RETURNED", reason_code)
            audit.record(cursor, self._who, "case returned", case_uid, {"reason": reason_code})

    def review(self, workitems: Workitems, server: str, cancellation: Cancellation) -> None:
        """Ask a server after its cases held or being taken: an answer may have been lost, or the case withdrawn."""
        for case_uid in self._cases.in_states((CaseState.CLAIMING, *WRITING_STATES)):
            cancellation.check()
            case = self._cases.get(case_uid)
            if case.origin == "study" or case.server != server:
                continue
            try:
                if case.state is CaseState.CLAIMING:
                    self.claim(case_uid)
                elif workitems.get(case_uid).state != "IN PROGRESS":
                    self._lose(case_uid)
            except CaseUnavailable:
                self._lose(case_uid)

    def _ask(self, case: CaseRow, transaction_uid: str) -> None:
        for attempt in range(_TRIES):
            try:
                with self._link.workitems(case.server) as workitems:
                    try:
                        workitems.claim(case.case_uid, transaction_uid)
                    except CaseUnavailable:
                        self._lose(case.case_uid)
                        raise
                return
            except LinkDown:
                if attempt + 1 == _TRIES:
                    raise

    def _hold(self, case_uid: str) -> CaseRow:
        with self._database.transaction() as cursor:
            # the same claim may have been answered to a refresh meanwhile
            if read_case(cursor, case_uid).state is CaseState.CLAIMING:
                apply(cursor, case_uid, CaseEvent.HOLD)
                settle_claim(cursor, case_uid, "HELD")
                set_reader(cursor, case_uid, self._reader.name)
                audit.record(cursor, self._who, "case claimed", case_uid)
            return read_case(cursor, case_uid)

    def _lose(self, case_uid: str) -> None:
        with self._database.transaction() as cursor:
            if read_case(cursor, case_uid).state in (CaseState.CLAIMING, *WRITING_STATES):
                apply(cursor, case_uid, CaseEvent.LOSE)
                settle_claim(cursor, case_uid, "LOST")
                audit.record(cursor, self._who, "case lost", case_uid)

"""What the reader decides on a conclusion that doesn't go by itself: send it, keep it here, or write it anew."""

from workstation.archive import audit
from workstation.archive.database import Cursor, Database
from workstation.consultation.cases import apply, read_case
from workstation.consultation.outbox import advance, newest_package, requeue
from workstation.consultation.package_states import PackageEvent
from workstation.consultation.states import CaseEvent, CaseState
from workstation.errors import CaseUnavailable
from workstation.language import N_, _
from workstation.settings import Reader


class Deciding:
    """The decisions of one reader. All raise CaseUnavailable when the case has no signed conclusion."""

    def __init__(self, database: Database, reader: Reader) -> None:
        self._database = database
        self._who = reader.code or reader.name

    def send_again(self, case_uid: str) -> None:
        """Try a refused, held or kept conclusion again: of a lost case as an unsolicited opinion, without the order;
        one that others were quicker than, beside their report.
        """
        with self._database.transaction() as cursor:
            package_uid = _package(cursor, case_uid)
            lost = read_case(cursor, case_uid).state is CaseState.LOST
            requeue(cursor, package_uid, unsolicited=lost)
            apply(cursor, case_uid, CaseEvent.QUEUE)
            audit.record(cursor, self._who, "sent as unsolicited opinion" if lost else "sent again", case_uid)

    def keep(self, case_uid: str) -> None:
        """Leave a refused or held conclusion here, unsent; it may still be sent later."""
        with self._database.transaction() as cursor:
            package_uid = _package(cursor, case_uid)
            advance(cursor, package_uid, PackageEvent.KEEP, N_("Kept here unsent, on the reader's word"))
            audit.record(cursor, self._who, "conclusion kept", case_uid, {"package": package_uid})

    def write_anew(self, case_uid: str) -> None:
        """Open the case of a refused conclusion for writing again; what was written stands in it as it was signed.

        The next signature makes new documents with new UIDs; the refused ones stay here as a record.
        """
        with self._database.transaction() as cursor:
            package_uid = _package(cursor, case_uid)
            advance(cursor, package_uid, PackageEvent.REPLACE, N_("To be written and signed anew"))
            apply(cursor, case_uid, CaseEvent.REWRITE)
            audit.record(cursor, self._who, "conclusion taken back", case_uid, {"package": package_uid})


def _package(cursor: Cursor, case_uid: str) -> str:
    package_uid = newest_package(cursor, case_uid)
    if package_uid is None:
        raise CaseUnavailable(_("The case has no signed conclusion"))
    return package_uid

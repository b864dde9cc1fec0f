"""A study that came by a medium among the cases: one for viewing, an earlier study for others of its patient.

Functions for use inside the transaction that stores its objects.
"""

from workstation.archive.database import Cursor
from workstation.archive.priors import held_entries, held_priors, remember_also
from workstation.consultation.case import CaseRow
from workstation.consultation.cases import add_imported, read_case
from workstation.iris.entries import StudyEntry


def enter_imported(cursor: Cursor, study_uid: str) -> None:
    """Give a held study its case, and link it with the studies of its patient in both directions.

    One Patient ID of two issuers is two patients; where an issuer isn't stated the identity guard says so. A study that
    isn't held, because another program removed it meanwhile, changes nothing.
    """
    row = cursor.execute("SELECT patient_id FROM studies WHERE study_uid = ?", (study_uid,)).fetchone()
    if row is None:
        return
    held = held_entries(cursor, row["patient_id"])
    entry = next((one for one in held if one.study_uid == study_uid), None)
    if entry is None:
        return
    add_imported(cursor, entry)
    rows = cursor.execute("SELECT case_uid FROM cases WHERE patient_id = ?", (row["patient_id"],)).fetchall()
    for case in [read_case(cursor, one["case_uid"]) for one in rows]:
        own = case.origin == "import" and case.study_uid == study_uid
        _link(cursor, case, held if own else [entry])


def _link(cursor: Cursor, case: CaseRow, entries: list[StudyEntry]) -> None:
    priors = held_priors(
        entries,
        case.patient,
        case.study_uid,
        study_date=case.study_date,
        modality=case.modality,
        region=case.region or case.study_description,
    )
    remember_also(cursor, case.case_uid, priors)

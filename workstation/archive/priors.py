"""Earlier studies of the patient of a case: found, guarded against mistaken identity, the most relevant first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workstation.archive.database import Cursor, Database
from workstation.archive.identity import doubts
from workstation.archive.index import held_study
from workstation.archive.relevance import relevance
from workstation.archive.retrieval import DOCUMENT_MODALITIES
from workstation.dicom.content import Patient
from workstation.dicom.instance import Instance
from workstation.dicom.plain import from_json, to_json
from workstation.iris.entries import SeriesEntry, StudyEntry


class PriorSource(Protocol):
    """What the search needs of DICOMweb; `iris.dicomweb.DicomWeb` has it."""

    def search_studies(self, filters: Mapping[str, str], limit: int | None = None) -> Iterator[StudyEntry]: ...
    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]: ...


@dataclass(frozen=True)
class Prior:
    """An earlier study. `score` is 0 to 1, `reason` says in words why it is relevant.

    `doubt` is not empty when the identity guard isn't sure that it is the same person.
    """

    study: StudyEntry
    score: float
    reason: str
    has_report: bool = False
    doubt: str = ""


def find_priors(
    dicomweb: PriorSource,
    patient: Patient,
    study_uid: str,
    *,
    study_date: str = "",
    modality: str = "",
    region: str = "",
    other_ids: Sequence[tuple[str, str]] = (),
) -> list[Prior]:
    """Studies of the patient not later than the one in hand, the most relevant first; raises what the search raises.

    Same person by ID and issuer, or by another number (`other_ids`: ID and issuer) that the order or the images give
    for the patient. A study whose issuer is not stated is taken too: the guard says so where nothing else is stated
    either. An empty `study_date` takes studies of any date.
    """
    found: dict[str, Prior] = {}
    numbers = [(patient.patient_id, patient.issuer), *other_ids]
    for number, issuer in dict.fromkeys(one for one in numbers if one[0]):
        known = replace(patient, patient_id=number, issuer=issuer)
        for entry in dicomweb.search_studies({"PatientID": number}):
            if entry.study_uid not in found and _is_earlier(entry, known, study_uid, study_date):
                found[entry.study_uid] = rated(dicomweb, known, entry, study_date, modality, region)
    return sorted(found.values(), key=_rank, reverse=True)


def rated(
    dicomweb: PriorSource, patient: Patient, entry: StudyEntry, study_date: str, modality: str, region: str
) -> Prior:
    """A study of the server as a prior: its relevance for the one in hand, and what raises doubt of its patient."""
    modalities = entry.modalities or tuple(s.modality for s in dicomweb.search_series(entry.study_uid))
    return _prior(entry, modalities, patient, study_date, modality, region)


def held_priors(
    held: Sequence[StudyEntry],
    patient: Patient,
    study_uid: str,
    *,
    study_date: str = "",
    modality: str = "",
    region: str = "",
) -> list[Prior]:
    """The same among studies that are here, for those that no server knows of."""
    found = [
        _prior(entry, entry.modalities, patient, study_date, modality, region)
        for entry in held
        if patient.patient_id and _is_earlier(entry, patient, study_uid, study_date)
    ]
    return sorted(found, key=_rank, reverse=True)


def held_entries(cursor: Cursor, patient_id: str) -> list[StudyEntry]:
    """The studies here of everybody with a Patient ID, whoever issued it, as a server would list them."""
    rows = cursor.execute(
        """SELECT *,
        (SELECT group_concat(DISTINCT modality) FROM series WHERE series.study_uid = s.study_uid) AS modalities,
        (SELECT instance_json FROM instances i WHERE i.study_uid = s.study_uid LIMIT 1) AS instance_json
        FROM studies s WHERE patient_id = ? ORDER BY study_uid""",
        (patient_id,),
    ).fetchall()
    found = []
    for row in rows:
        if row["instance_json"] is not None:
            held = held_study(row)
            body_part = Instance.from_json(row["instance_json"]).body_part
            found.append(
                StudyEntry(held.study.study_uid, held.patient, held.study, held.modalities, body_part=body_part)
            )
    return found


def _is_earlier(entry: StudyEntry, patient: Patient, study_uid: str, study_date: str) -> bool:
    """Whether a study is another one of the same patient, and not later."""
    other = entry.patient
    if entry.study_uid == study_uid or other.patient_id != patient.patient_id:
        return False
    # the issuer is compared here: many servers can't search it, and would hide studies that don't state it
    if patient.issuer and other.issuer and patient.issuer != other.issuer:
        return False
    return not (study_date and entry.study.study_date > study_date)


def _prior(
    entry: StudyEntry, modalities: Sequence[str], patient: Patient, study_date: str, modality: str, region: str
) -> Prior:
    has_report = not {"SR", "DOC"}.isdisjoint(modalities)
    score, reason = relevance(
        region=region,
        other_region=f"{entry.body_part} {entry.study.description}",
        modality=modality,
        other_modalities=set(modalities) - DOCUMENT_MODALITIES,
        study_date=study_date,
        other_date=entry.study.study_date,
        has_report=has_report,
    )
    return Prior(entry, score, reason, has_report, ", ".join(doubts(patient, entry.patient)))


def _rank(prior: Prior) -> tuple[float, str, str]:
    return prior.score, prior.study.study.study_date, prior.study.study_uid


def remember(cursor: Cursor, case_uid: str, priors: Sequence[Prior]) -> None:
    """Keep the priors of a case, in place of those kept before; what came by a medium stays, no server knows of it."""
    cursor.execute(
        """DELETE FROM priors WHERE case_uid = ?
        AND study_uid NOT IN (SELECT study_uid FROM cases WHERE origin = 'import')""",
        (case_uid,),
    )
    remember_also(cursor, case_uid, priors)


def remember_also(cursor: Cursor, case_uid: str, priors: Sequence[Prior]) -> None:
    """Keep priors of a case beside those kept before."""
    cursor.executemany(
        "INSERT OR REPLACE INTO priors VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(case_uid, p.study.study_uid, p.score, p.reason, p.doubt, p.has_report, to_json(p.study)) for p in priors],
    )


def remembered(database: Database, case_uid: str) -> list[Prior]:
    """The priors kept for a case, the most relevant first."""
    with database.read() as cursor:
        rows = cursor.execute("SELECT * FROM priors WHERE case_uid = ?", (case_uid,)).fetchall()
    priors = [
        Prior(from_json(StudyEntry, r["entry_json"]), r["score"], r["reason"], bool(r["has_report"]), r["doubt"])
        for r in rows
    ]
    return sorted(priors, key=_rank, reverse=True)

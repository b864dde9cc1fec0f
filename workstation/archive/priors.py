"""Earlier studies of the patient of a case: found, guarded against mistaken identity, the most relevant first."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from workstation.archive.database import Cursor, Database
from workstation.archive.identity import doubts
from workstation.archive.index import held_study
from workstation.archive.retrieval import DOCUMENT_MODALITIES
from workstation.dicom.content import Patient
from workstation.dicom.instance import Instance
from workstation.dicom.plain import from_json, to_json
from workstation.iris.entries import SeriesEntry, StudyEntry
from workstation.language import _, ngettext

_RELATED = (
    frozenset({"CT", "MR", "PT", "NM"}),
    frozenset({"CR", "DX", "RF", "XA", "RG"}),
    frozenset({"MG", "US"}),
)
# roots of words in study descriptions and BodyPartExamined, Russian and English
_REGIONS: Mapping[str, str] = {
    "chest": r"chest|thora|lung|pulm|\bogk\b|груд|л[её]гк|\bогк\b|флюоро",
    "abdomen": r"abdo|liver|hepat|kidney|pancrea|живот|брюш|печен|почк|\bобп\b",
    "pelvis": r"pelvi|prostat|uter|таз|простат|матк",
    "head": r"head|brain|skull|cerebr|голов|мозг|череп",
    "neck": r"neck|cervi|шея|шеи|шейн",
    "spine": r"spine|lumb|vertebr|позвон|поясн",
    "breast": r"breast|mammo|молочн|маммо",
    "heart": r"heart|cardi|coron|сердц|корон",
    "extremity": r"knee|hip|ankle|foot|hand|wrist|elbow|shoulder|колен|стоп|кист|локт|плеч",
}


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
) -> list[Prior]:
    """Studies of the patient not later than the one in hand, the most relevant first; raises what the search raises.

    Same person by ID and issuer. A study whose issuer is not stated is taken too: the guard says so where nothing else
    is stated either. An empty `study_date` takes studies of any date.
    """
    if not patient.patient_id:
        return []
    found = []
    for entry in dicomweb.search_studies({"PatientID": patient.patient_id}):
        if not _is_earlier(entry, patient, study_uid, study_date):
            continue
        modalities = entry.modalities or tuple(s.modality for s in dicomweb.search_series(entry.study_uid))
        found.append(_prior(entry, modalities, patient, study_date, modality, region))
    return sorted(found, key=_rank, reverse=True)


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
    score, reason = _relevance(entry, modalities, has_report, study_date, modality, region)
    return Prior(entry, score, reason, has_report, ", ".join(doubts(patient, entry.patient)))


def _rank(prior: Prior) -> tuple[float, str, str]:
    return prior.score, prior.study.study.study_date, prior.study.study_uid


def region_of(text: str) -> str:
    """The region that a Body Part Examined or a description means, '' when none is recognised."""
    lowered = text.casefold()
    return next((region for region, words in _REGIONS.items() if re.search(words, lowered)), "")


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


def _relevance(
    entry: StudyEntry, modalities: Sequence[str], has_report: bool, study_date: str, modality: str, region: str
) -> tuple[float, str]:
    score, reasons = 0.0, []
    here, there = region_of(region), region_of(f"{entry.body_part} {entry.study.description}")
    if here and here == there:
        score += 0.4
        reasons.append(_("same region"))
    pictures = set(modalities) - DOCUMENT_MODALITIES
    if modality and modality in pictures:
        score += 0.3
        reasons.append(_("same modality"))
    elif any(modality in family and not family.isdisjoint(pictures) for family in _RELATED):
        score += 0.15
        reasons.append(_("related modality"))
    days = _days_between(entry.study.study_date, study_date)
    if days is not None:
        score += 0.2 / (1 + days / 730)
        reasons.append(_ago(days))
    if has_report:
        score += 0.1
        reasons.append(_("has a report"))
    return round(score, 4), ", ".join(reasons) or _("same patient")


def _days_between(earlier: str, later: str) -> int | None:
    try:
        end = date.fromisoformat(later) if later else date.today()  # noqa: DTZ011 - a civil date
        return abs((end - date.fromisoformat(earlier)).days)
    except ValueError:
        return None


def _ago(days: int) -> str:
    months = round(days / 30.44)
    if months == 0:
        return _("less than a month earlier")
    if months < 24:
        return ngettext("{count} month earlier", "{count} months earlier", months).format(count=months)
    years = round(days / 365.25)
    return ngettext("{count} year earlier", "{count} years earlier", years).format(count=years)

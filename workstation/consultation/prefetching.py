"""What to fetch before it is asked for: the held cases, then the next ones of the worklist, with their priors.

The rules are read anew after each refresh of the worklist; what a later reading doesn't name is no longer wanted.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from workstation.archive import ledger
from workstation.archive.database import Database
from workstation.archive.ledger import study_ledger
from workstation.archive.priors import Prior, remembered
from workstation.archive.retrieval import DOCUMENT_MODALITIES
from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.cases import Cases
from workstation.consultation.states import OPEN_STATES, CaseState
from workstation.consultation.wanted import Kind, Urgency

_HELD_AT_MOST, _BEGUN_AT_MOST = 1000, 200


@dataclass(frozen=True)
class Wanted:
    """One thing that the rules name; of one urgency the lower `ordinal` goes first."""

    kind: Kind
    urgency: Urgency
    study_uid: str
    case_uid: str
    ordinal: int


@dataclass(frozen=True)
class Plan:
    """What is wanted ahead, and the studies that the rules name, here or not, the most wanted first."""

    wanted: tuple[Wanted, ...] = ()
    studies: tuple[str, ...] = ()

    def before(self, study_uid: str) -> tuple[str, ...]:
        """The studies that are wanted more than this one; all of them for one that the rules don't name."""
        return self.studies[: self.studies.index(study_uid)] if study_uid in self.studies else self.studies


def rules(database: Database, next_cases: int, with_pictures: int, searched: Collection[str], server: str = "") -> Plan:
    """What is wanted ahead now.

    `next_cases` is how many of those that nobody holds at the `server` in use; `with_pictures` of the earlier studies
    of a case come whole, of the others only their reports. Earlier studies of cases not yet `searched` are looked for
    first.
    """
    wanted: list[Wanted] = []
    cases = list(_in_order(Cases(database, server), next_cases))
    studies = [case.study_uid for case in cases]
    for ordinal, case in enumerate(cases):
        if not 0 < case.expected <= case.received:
            wanted.append(Wanted(Kind.STUDY, Urgency.NEXT, case.study_uid, case.case_uid, ordinal))
        if case.case_uid not in searched:
            wanted.append(Wanted(Kind.SEARCH, Urgency.PRIORS, "", case.case_uid, ordinal))
        for kind, study_uid in of_priors(remembered(database, case.case_uid), with_pictures):
            studies.append(study_uid)
            if case.case_uid in searched and not _is_here(database, kind, study_uid):
                wanted.append(Wanted(kind, Urgency.PRIORS, study_uid, case.case_uid, ordinal))
    for case_uid, study_uid in _begun(database):
        if study_uid not in studies:
            wanted.append(Wanted(Kind.STUDY, Urgency.REST, study_uid, case_uid, len(wanted)))
    return Plan(tuple(wanted), tuple(dict.fromkeys(studies)))


def of_priors(priors: Sequence[Prior], with_pictures: int) -> Iterator[tuple[Kind, str]]:
    """What of the earlier studies is wanted, the most relevant first: the pictures of some, the reports of the rest."""
    for place, prior in enumerate(priors):
        if place < with_pictures:
            yield Kind.STUDY, prior.study.study_uid
        elif prior.has_report:
            yield Kind.REPORTS, prior.study.study_uid


def _in_order(cases: Cases, next_cases: int) -> Iterator[CaseRow]:
    """The held cases, then the next ones that may be claimed, each in the worklist's order."""
    held = cases.page(CaseFilter(states="held"), 0, _HELD_AT_MOST)
    yield from (case for case in held if case.is_writable and case.origin != "import")
    free = cases.page(CaseFilter(states="open"), 0, len(held) + next_cases)
    wanted = [case for case in free if case.state is CaseState.REQUESTED and case.origin != "import"]
    yield from [case for case in wanted if case.input_ready][:next_cases]


def _is_here(database: Database, kind: Kind, study_uid: str) -> bool:
    known = study_ledger(database, study_uid)
    if kind is Kind.STUDY:
        return known.complete
    documents = (series for series in known.series if series.modality in DOCUMENT_MODALITIES)
    return bool(known.listed_at) and all(series.complete for series in documents)


def _begun(database: Database) -> list[tuple[str, str]]:
    """Studies of open cases of which a part is here: a pull of them was left in its middle."""
    marks = ", ".join("?" * len(OPEN_STATES))
    with database.read() as cursor:
        rows = cursor.execute(
            f"""SELECT min(case_uid), study_uid FROM cases JOIN studies USING (study_uid)
            WHERE state IN ({marks}) AND origin != 'import' AND objects > 0
            GROUP BY study_uid LIMIT {_BEGUN_AT_MOST}""",
            tuple(state.value for state in OPEN_STATES),
        ).fetchall()
        counted = [(row[0], row[1], ledger.counts(cursor, row[1])) for row in rows]
    return [(case_uid, study_uid) for case_uid, study_uid, (expected, received) in counted if received < expected]

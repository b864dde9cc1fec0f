"""A case as the reader sees it: one row of the worklist, a filter over rows, and what an open case holds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Literal

from workstation.archive.ledger import StudyLedger
from workstation.consultation.states import FINISHED_STATES, HELD_STATES, OPEN_STATES, WRITING_STATES, CaseState
from workstation.dicom.content import Order, Patient, ReportText, StudyHeader
from workstation.dicom.instance import Instance
from workstation.dicom.rejections import in_sight

Priority = Literal["HIGH", "MEDIUM", "LOW"]
PRIORITIES: tuple[Priority, ...] = ("HIGH", "MEDIUM", "LOW")
Origin = Literal["workitem", "study", "import"]


class CaseKind(Enum):
    """A first reading of a study, or a second one beside a first report."""

    FIRST_READING = "first"
    SECOND_OPINION = "second"


@dataclass(frozen=True)
class CaseRow:
    """One case. Dates are `YYYYMMDD`, `deadline` is timezone-aware, `age_at_study` in whole years.

    `expected` and `received` count the instances of the study, `priors_…` the earlier studies found and complete here.
    `removed_at` (ISO 8601) is empty but while images that were here are removed; they can be fetched again.
    `origin` is "study" in archive mode, where there is no workitem and a case is held locally, and "import" for a study
    that came by a medium: no server waits for a conclusion of it, so it is for viewing only.
    """

    case_uid: str
    state: CaseState
    kind: CaseKind
    priority: Priority
    deadline: datetime | None
    patient: Patient
    age_at_study: int | None
    modality: str
    region: str
    study_uid: str
    study_date: str
    study_description: str
    accession: str
    sender: str
    question: str
    history: str
    label: str
    reader: str
    expected: int
    received: int
    priors_expected: int
    priors_received: int
    has_first_report: bool
    order: Order
    origin: Origin = "workitem"
    input_ready: bool = True
    removed_at: str = ""
    server: str = ""

    @property
    def is_held(self) -> bool:
        """Ours: it may be written, online or not. Any other is for viewing only."""
        return self.state in HELD_STATES

    @property
    def is_writable(self) -> bool:
        """Held and not yet signed."""
        return self.state in WRITING_STATES

    @property
    def is_complete_here(self) -> bool:
        """Whether it can be opened without the link: every listed instance and prior is here."""
        return 0 < self.expected <= self.received and self.priors_received >= self.priors_expected

    def to_json(self) -> str:
        """The values the database keeps in one piece: all but state and counts, which have columns and tables."""
        plain = asdict(self)
        for counted in ("state", "expected", "received", "priors_expected", "priors_received", "removed_at", "server"):
            del plain[counted]
        plain["kind"] = self.kind.value
        plain["deadline"] = self.deadline.isoformat() if self.deadline else None
        return json.dumps(plain, ensure_ascii=False)


@dataclass(frozen=True)
class Counts:
    """What of a case is here."""

    expected: int = 0
    received: int = 0
    priors_expected: int = 0
    priors_received: int = 0
    removed_at: str = ""


def case_from_json(text: str, state: str, counts: Counts) -> CaseRow:
    """The row that `to_json` wrote."""
    plain: dict[str, Any] = json.loads(text)
    readers: dict[str, Callable[[Any], Any]] = {
        "kind": CaseKind,
        "deadline": lambda value: datetime.fromisoformat(value) if value else None,
        "patient": lambda value: Patient(**value),
        "order": lambda value: Order(**value),
    }
    values = {name: readers[name](value) if name in readers else value for name, value in plain.items()}
    return CaseRow(state=CaseState(state), **asdict(counts), **values)


@dataclass(frozen=True)
class CaseFilter:
    """What the worklist shows: all given conditions hold. `text` is searched in names, numbers and the question."""

    text: str = ""
    kind: CaseKind | None = None
    modality: str | None = None
    states: Literal["open", "held", "finished"] | None = "open"


@dataclass(frozen=True)
class CaseView:
    """A stretch of the worklist, read at one moment: `rows` from row `start` on, of `count` in all.

    `first` is the row that stands at the top; `places` are the rows of the cases that were asked for and are listed.
    """

    count: int
    first: int
    start: int
    rows: tuple[CaseRow, ...]
    places: Mapping[str, int]


STATES_OF: dict[str, tuple[CaseState, ...]] = {
    "open": OPEN_STATES,
    "held": HELD_STATES,
    "finished": FINISHED_STATES,
}


@dataclass(frozen=True)
class PriorStudy:
    """An earlier study of the patient: why it is worth looking at, what raises doubt, and what of it is here."""

    header: StudyHeader
    instances: tuple[Instance, ...]
    reason: str
    doubt: str
    reports: tuple[ReportText, ...]
    ledger: StudyLedger


@dataclass(frozen=True)
class CaseContents:
    """What an open case holds: instances of the study and of its priors, reports, and how complete both are.

    `study` and a prior's `instances` are all that is here; a conclusion rests on what no rejection note names. `doubt`
    is not empty when the images of the study name another patient than the order. `blind`: what others found in the
    study is covered until the reader's own impression is locked; `covered` objects of it are here.
    """

    study: tuple[Instance, ...]
    ledger: StudyLedger
    priors: tuple[PriorStudy, ...]
    first_report: ReportText | None
    doubt: str = ""
    blind: bool = False
    covered: int = 0

    @property
    def header(self) -> StudyHeader | None:
        """The study as its images have it."""
        return next((instance.study for instance in self.in_sight), None)

    @cached_property
    def in_sight(self) -> tuple[Instance, ...]:
        """The objects of the study that are not rejected: a rejected one may name another patient."""
        return in_sight(self.study)

    @cached_property
    def undecodable(self) -> tuple[Instance, ...]:
        """The images of the study that are here and make no picture: of these nobody has read anything."""
        # at first use: the decoders are long to import
        from workstation.dicom.pixels import undecodable

        return tuple(one for one in self.in_sight if one.has_pixels and undecodable(one))


@dataclass(frozen=True)
class Arrivals:
    """What has come of a study since it was asked for last: its objects, what the ledger says of it, and a mark for the
    next time. The ledger is the older: what it calls complete is among the objects."""

    instances: tuple[Instance, ...]
    ledger: StudyLedger
    mark: int


def age_at(birth_date: str, study_date: str) -> int | None:
    """Whole years between two DICOM dates; None when one is missing or impossible."""
    if not (len(birth_date) == len(study_date) == 8 and birth_date.isdigit() and study_date.isdigit()):
        return None
    years = int(study_date[:4]) - int(birth_date[:4]) - (study_date[4:] < birth_date[4:])
    return years if 0 <= years < 150 else None

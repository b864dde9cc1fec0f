"""What is wanted from the server and how far it is, as frozen values for whoever shows it (`fetching` makes them)."""

from dataclasses import dataclass
from enum import Enum, IntEnum

from workstation.archive.index import Removed


class Urgency(IntEnum):
    """Why something is fetched; the lower goes first, and OPENED makes all others wait."""

    OPENED = 0
    NEXT = 1
    PRIORS = 2
    REST = 3


class Kind(Enum):
    """A whole study, its reports alone, or the search for the earlier studies of a case's patient."""

    STUDY = "study"
    REPORTS = "reports"
    SEARCH = "search"


class Stage(Enum):
    """Where a pull stands; a paused or interrupted one waits."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HeldBack(Enum):
    """Why nothing is fetched ahead at the moment."""

    NOT = ""
    OFF = "off"
    PAUSED = "paused"
    HOURS = "hours"
    ROOM = "room"
    LINK = "link"


@dataclass(frozen=True)
class Pull:
    """One thing wanted. `received` of `expected` objects are durable in the archive; both 0 until the server listed it.

    `size` counts the bytes that came in this run, `rate` is bytes per second, `remaining_s` None while not known.
    `text` is the progress in words. `error` is what stopped it last; a pull that waits for the link has one too.
    """

    kind: Kind
    urgency: Urgency
    stage: Stage
    study_uid: str
    case_uid: str = ""
    received: int = 0
    expected: int = 0
    size: int = 0
    rate: float = 0.0
    remaining_s: float | None = None
    text: str = ""
    error: Exception | None = None


@dataclass(frozen=True)
class FetchingState:
    """All that is wanted: what runs first, then what waits, in the order in which it will go.

    `done` are the last pulls that ended, the newest last. `removed` are the studies that made room in this run of the
    program. `last_error` is void once something arrived again.
    """

    pulls: tuple[Pull, ...] = ()
    done: tuple[Pull, ...] = ()
    held_back: HeldBack = HeldBack.NOT
    last_error: Exception | None = None
    removed: tuple[Removed, ...] = ()

    @property
    def running(self) -> Pull | None:
        """What is being fetched now."""
        return next((pull for pull in self.pulls if pull.stage is Stage.RUNNING), None)

    @property
    def waiting(self) -> tuple[Pull, ...]:
        return tuple(pull for pull in self.pulls if pull.stage is Stage.WAITING)

    def of(self, study_uid: str) -> Pull | None:
        """The pull of a study, or how the last one ended; None when it was never wanted."""
        mine = [pull for pull in (*self.pulls, *reversed(self.done)) if pull.study_uid == study_uid]
        return next((pull for pull in mine if pull.kind is Kind.STUDY), next(iter(mine), None))

"""One thing wanted on its way through the queue of `fetching`, and the pulls that belong to one case."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from workstation.consultation.case import CaseRow
from workstation.consultation.wanted import Kind, Pull, Urgency
from workstation.jobs import Cancellation

Key = tuple[Kind, str]


def key_of(kind: Kind, study_uid: str, case_uid: str) -> Key:
    """What makes two wishes one: the study, or the case whose earlier studies are looked for."""
    return kind, case_uid if kind is Kind.SEARCH else study_uid


@dataclass
class Job:
    """One thing wanted; changed under the service's lock only. `told` hear once how it ended, or what stopped it.

    `planned`: nobody but the rules of fetching ahead wants it. `breaks` counts how often the link failed it.
    `server` is empty until it is first to run.
    """

    pull: Pull
    generation: int
    ordinal: int
    sequence: int
    cancellation: Cancellation | None = None
    withdrawn: bool = False
    planned: bool = False
    breaks: int = 0
    server: str = ""
    told: list[Callable[[BaseException | None], None]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return key_of(self.pull.kind, self.pull.study_uid, self.pull.case_uid)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The lower goes first; of opened cases the one opened last."""
        generation = self.generation if self.pull.urgency is Urgency.OPENED else 0
        return (self.pull.urgency, -generation, self.ordinal, self.sequence)

    def outranks(self, other: "Job") -> bool:
        """Whether the other has to stop for this one."""
        return self.rank[:2] < other.rank[:2]


class Families:
    """Which pulls belong to the earlier studies of a case, and who waits for the last of them. Not thread-safe."""

    def __init__(self) -> None:
        self._keys: dict[str, set[Key]] = {}
        self._waiting: dict[str, list[Future[CaseRow]]] = {}

    def add(self, case_uid: str, key: Key) -> None:
        """The pull belongs to the case."""
        self._keys.setdefault(case_uid, set()).add(key)

    def wait(self, case_uid: str, future: "Future[CaseRow]") -> bool:
        """Let the future wait for the case; False when there is nothing to wait for."""
        if not self._keys.get(case_uid):
            return False
        self._waiting.setdefault(case_uid, []).append(future)
        return True

    def ended(self, key: Key) -> list[tuple["Future[CaseRow]", str]]:
        """The pull ended, one way or the other; who waited, with the case, where it was the last."""
        done = []
        for case_uid in [case_uid for case_uid, keys in self._keys.items() if key in keys]:
            self._keys[case_uid].discard(key)
            if not self._keys[case_uid]:
                del self._keys[case_uid]
                done += [(future, case_uid) for future in self._waiting.pop(case_uid, [])]
        return done

    def broke(self, key: Key) -> list["Future[CaseRow]"]:
        """The pull broke off and goes on later; who waited, and waits no longer."""
        broken = [case_uid for case_uid, keys in self._keys.items() if key in keys]
        return [future for case_uid in broken for future in self._waiting.pop(case_uid, [])]


def give(future: "Future[CaseRow]", case: CaseRow) -> None:
    """The result, unless nobody wants it any more."""
    if future.set_running_or_notify_cancel():
        future.set_result(case)


def fail(future: "Future[CaseRow] | Future[None]", error: BaseException) -> None:
    """The error, unless nobody wants to know any more."""
    if future.set_running_or_notify_cancel():
        future.set_exception(error)

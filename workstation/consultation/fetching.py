"""The one service of a desk that owns all pulls: what is wanted, in what order, and how far each is.

    future = fetching.open(case_uid)         # Future[CaseRow]: done when the study is here; its priors follow then
    later = fetching.priors(case_uid)        # Future[CaseRow]: done when what can be had of the priors is here too
    stop = fetching.listen(callback)         # callback(FetchingState), from any thread, at most 10 times a second
    pull = fetching.state.of(study_uid)      # Pull: `received` of `expected` objects are durable; from the first object
                                             # on (`received` > 0) the case can be shown
    fetching.want(study_uid, Urgency.REST)   # anything else; the same study asked for twice is one pull
    fetching.pause(), fetching.resume()      # what is fetched ahead; an opened case is always fetched
    fetching.cancel(study_uid)               # withdraws it; its future raises Cancelled
    fetching.online()                        # a hint that the server answers (again): what waits for the link goes on

One study is fetched at a time, its series in parallel. An opened case, the one opened last before others, makes what
runs stop at once; that goes on afterwards and asks only for what lacks. When the link breaks, the future of an open
case raises LinkDown, but the case stays wanted: all goes on by itself when the link is back. No method waits.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from workstation.archive.index import Removed
from workstation.archive.priors import Prior
from workstation.consultation.case import CaseRow
from workstation.consultation.keeping import Keeping
from workstation.consultation.pulling import Pulling
from workstation.consultation.wanted import FetchingState, HeldBack, Kind, Pull, Stage, Urgency
from workstation.errors import Cancelled, LinkDown, ServerRefused, SignInNeeded, WorkstationError
from workstation.jobs import Cancellation, Lane, Progress, Workers
from workstation.language import _
from workstation.settings import Settings

log = logging.getLogger(__name__)

Listener = Callable[[FetchingState], None]

_TELL_S = 0.1
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0
_REMEMBERED = 50


@dataclass
class _Job:
    """One thing wanted; changed under the service's lock only. `told` hear once how it ended, or what stopped it."""

    pull: Pull
    generation: int
    ordinal: int
    sequence: int
    cancellation: Cancellation | None = None
    withdrawn: bool = False
    told: list[Callable[[BaseException | None], None]] = field(default_factory=list)

    @property
    def key(self) -> tuple[Kind, str]:
        return _key(self.pull.kind, self.pull.study_uid, self.pull.case_uid)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The lower goes first; of opened cases the one opened last."""
        generation = self.generation if self.pull.urgency is Urgency.OPENED else 0
        return (self.pull.urgency, -generation, self.ordinal, self.sequence)

    def outranks(self, other: "_Job") -> bool:
        """Whether the other has to stop for this one."""
        return self.rank[:2] < other.rank[:2]


class Fetching:
    """The queue and who works it off. Thread-safe; runs on the RETRIEVAL lane for opened cases, else on PREFETCH."""

    def __init__(self, pulling: Pulling, keeping: Keeping, workers: Workers, settings: Settings) -> None:
        self._pulling = pulling
        self._keeping = keeping
        self._workers = workers
        self._settings = settings
        self._lock = threading.RLock()
        self._telling = threading.RLock()
        self._jobs: dict[tuple[Kind, str], _Job] = {}
        self._families: dict[str, set[tuple[Kind, str]]] = {}
        self._families_told: dict[str, list[Future[CaseRow]]] = {}
        self._running: _Job | None = None
        self._done: deque[Pull] = deque(maxlen=_REMEMBERED)
        self._removed: list[Removed] = []
        self._last_error: Exception | None = None
        self._listeners: list[Listener] = []
        self._sequence = itertools.count()
        self._generation = 0
        self._told_at = 0.0
        self._paused = False
        self._closed = False
        self._failures = 0
        self._link_waits = False
        self._timer: threading.Timer | None = None

    # what others ask for

    def open(self, case_uid: str) -> "Future[CaseRow]":
        """Fetch the study of a case before all else, then its priors; the case once its study is here.

        The future raises what stopped the pull; the case stays wanted when that was the link.
        """
        future: Future[CaseRow] = Future()
        with self._lock:
            self._generation += 1
            generation = self._generation
            self._families.setdefault(case_uid, set()).add(_key(Kind.SEARCH, "", case_uid))

        def begin() -> None:
            try:
                self._open(case_uid, generation, future)
            except BaseException as error:  # noqa: BLE001 - handed over whole to whoever asks for the result
                self._leave_family(case_uid, _key(Kind.SEARCH, "", case_uid))
                _fail(future, error)

        self._workers.submit(Lane.INTERACTIVE, begin)
        return future

    def priors(self, case_uid: str) -> "Future[CaseRow]":
        """The case once its earlier studies are here, as far as they can be had; those of a case that was opened."""
        future: Future[CaseRow] = Future()
        with self._lock:
            waits = bool(self._families.get(case_uid))
            if waits:
                self._families_told.setdefault(case_uid, []).append(future)
        if not waits:
            self._workers.submit(Lane.INTERACTIVE, lambda: self._give(future, case_uid))
        return future

    def want(
        self,
        study_uid: str,
        urgency: Urgency = Urgency.REST,
        *,
        case_uid: str = "",
        reports_only: bool = False,
        ordinal: int = 0,
    ) -> "Future[None]":
        """Fetch a study, or its reports alone; of those of one urgency the lower `ordinal` goes first."""
        future: Future[None] = Future()

        def told(error: BaseException | None) -> None:
            if error is not None:
                _fail(future, error)
            elif future.set_running_or_notify_cancel():
                future.set_result(None)

        kind = Kind.REPORTS if reports_only else Kind.STUDY
        with self._lock:
            self._add(kind, urgency, study_uid, case_uid, ordinal=ordinal).told.append(told)
            self._pump()
        self._tell()
        return future

    def cancel(self, study_uid: str) -> None:
        """Withdraw the pulls of a study; what came stays."""
        with self._lock:
            ended = []
            for job in [job for job in self._jobs.values() if job.pull.study_uid == study_uid]:
                job.withdrawn = True
                if job.cancellation is not None:
                    job.cancellation.cancel()
                else:
                    ended.append((job, self._end(job, Stage.CANCELLED)))
            self._pump()
        for job, told in ended:
            self._settle(job, told, Cancelled(_("Cancelled")))
        self._tell()

    def pause(self) -> None:
        """Stop fetching ahead until `resume`; an opened case goes on."""
        with self._lock:
            self._paused = True
            self._stop_ahead()
        self._tell()

    def resume(self) -> None:
        """Go on fetching ahead."""
        with self._lock:
            self._paused = False
            self._pump()
        self._tell()

    def online(self) -> None:
        """The server answered: what waits for the link need not wait longer."""
        with self._lock:
            self._link_is_back()
            self._pump()
        self._tell()

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call back on every change, from any thread; the returned function ends it. The callback must not wait."""
        with self._lock:
            self._listeners.append(callback)

        def stop() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    @property
    def state(self) -> FetchingState:
        """What runs and what waits, as it is now."""
        with self._lock:
            jobs = sorted(self._jobs.values(), key=lambda job: (job.cancellation is None, job.rank))
            return FetchingState(
                tuple(job.pull for job in jobs),
                tuple(self._done),
                self._held_back(),
                self._last_error,
                tuple(self._removed),
            )

    def close(self) -> None:
        """Stop all; nobody is told any more. What came stays, the rest is fetched when it is wanted again."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            if self._timer is not None:
                self._timer.cancel()
            for job in self._jobs.values():
                if job.cancellation is not None:
                    job.cancellation.cancel()

    # the queue

    def _open(self, case_uid: str, generation: int, future: "Future[CaseRow]") -> None:
        case = self._pulling.case(case_uid)
        search = _key(Kind.SEARCH, "", case_uid)
        if case.origin == "import":
            self._leave_family(case_uid, search)
            _give(future, case)
            return
        here = 0 < case.expected <= case.received

        def told(error: BaseException | None) -> None:
            if error is not None:
                _fail(future, error)
            else:
                self._give(future, case_uid)

        with self._lock:
            self._link_is_back()
            if not here:
                job = self._add(Kind.STUDY, Urgency.OPENED, case.study_uid, case_uid, generation)
                job.told.append(told)
            self._add(Kind.SEARCH, Urgency.OPENED, "", case_uid, generation, 1)
            self._pump()
        if here:
            _give(future, case)
        self._tell()

    def _add(
        self, kind: Kind, urgency: Urgency, study_uid: str, case_uid: str, generation: int = 0, ordinal: int = 0
    ) -> _Job:
        """The job, a new one or the one there is, at the more urgent of its ranks."""
        pull = Pull(kind, urgency, Stage.WAITING, study_uid, case_uid)
        wanted = _Job(pull, generation, ordinal, next(self._sequence))
        job = self._jobs.setdefault(wanted.key, wanted)
        if wanted.rank < job.rank:
            job.pull = replace(job.pull, urgency=urgency, case_uid=case_uid or job.pull.case_uid)
            job.generation, job.ordinal = generation, ordinal
        job.withdrawn = False
        return job

    def _pump(self) -> None:
        """Start what is first, if it may run and nothing as urgent runs."""
        if self._closed:
            return
        held_back = self._held_back() is not HeldBack.NOT
        ready = [
            job
            for job in self._jobs.values()
            if job.cancellation is None
            and not (self._link_waits or (held_back and job.pull.urgency is not Urgency.OPENED))
        ]
        best = min(ready, key=lambda job: job.rank, default=None)
        if best is None:
            return
        if self._running is not None:
            if not best.outranks(self._running):
                return
            assert self._running.cancellation is not None
            self._running.cancellation.cancel()
        cancellation = best.cancellation = Cancellation()
        best.pull = replace(best.pull, stage=Stage.RUNNING)
        self._running = best
        lane = Lane.RETRIEVAL if best.pull.urgency is Urgency.OPENED else Lane.PREFETCH
        self._workers.submit(lane, lambda: self._run(best, cancellation))

    def _run(self, job: _Job, cancellation: Cancellation) -> None:
        error: Exception | None = None
        try:
            cancellation.check()
            self._work(job, cancellation)
        except Exception as caught:
            error = caught
            if not isinstance(caught, WorkstationError) and not self._closed:
                log.error("a pull failed", exc_info=caught)
        with self._lock:
            told = self._after(job, error)
            self._pump()
        self._settle(job, told, error)
        if error is None and job.pull.urgency is Urgency.OPENED and job.pull.kind is not Kind.SEARCH:
            self._trim(job.pull.case_uid)
        self._tell()

    def _work(self, job: _Job, cancellation: Cancellation) -> None:
        pull = job.pull
        if pull.kind is Kind.SEARCH:
            found = self._pulling.search(pull.case_uid)
            with self._lock:
                self._want_priors(job, found)
            return

        def report(progress: Progress) -> None:
            with self._lock:
                job.pull = replace(
                    job.pull,
                    received=progress.done,
                    expected=progress.total,
                    size=progress.size,
                    rate=progress.rate,
                    remaining_s=progress.remaining_s,
                    text=progress.text,
                )
            self._tell(soon=True)

        documents_only = pull.kind is Kind.REPORTS
        self._pulling.study(pull.study_uid, report, cancellation, documents_only=documents_only)
        if pull.case_uid:
            self._pulling.adopt(pull.case_uid)

    def _want_priors(self, search: _Job, found: Sequence[Prior]) -> None:
        """The earlier studies that a search found, the most relevant first."""
        case_uid, urgency = search.pull.case_uid, search.pull.urgency
        urgency = Urgency.OPENED if urgency is Urgency.OPENED else Urgency.PRIORS
        family = self._families.setdefault(case_uid, set())
        for ordinal, prior in enumerate(found, 2):
            study_uid = prior.study.study_uid
            self._add(Kind.STUDY, urgency, study_uid, case_uid, search.generation, ordinal)
            family.add(_key(Kind.STUDY, study_uid, case_uid))

    def _after(self, job: _Job, error: Exception | None) -> list[Callable[[BaseException | None], None]]:
        """What becomes of a job that stopped; whom to tell."""
        job.cancellation = None
        if self._running is job:
            self._running = None
        if error is None:
            self._last_error = None
            self._link_is_back()
            return self._end(job, Stage.DONE)
        if isinstance(error, Cancelled) and not job.withdrawn:
            job.pull = replace(job.pull, stage=Stage.WAITING)
            return []
        if isinstance(error, Cancelled):
            return self._end(job, Stage.CANCELLED)
        self._last_error = error
        if not _passes(error):
            return self._end(job, Stage.FAILED, error)
        job.pull = replace(job.pull, stage=Stage.WAITING, error=error)
        self._wait_for_link(error)
        told, job.told = job.told, []
        return told

    def _end(
        self, job: _Job, stage: Stage, error: Exception | None = None
    ) -> list[Callable[[BaseException | None], None]]:
        del self._jobs[job.key]
        self._done.append(replace(job.pull, stage=stage, error=error))
        return job.told

    def _settle(
        self, job: _Job, told: Sequence[Callable[[BaseException | None], None]], error: Exception | None
    ) -> None:
        """Tell who waits for the job, outside of the lock."""
        for one in told:
            one(error)
        with self._lock:
            ended = job.key not in self._jobs
            families = [case_uid for case_uid, family in self._families.items() if job.key in family]
        for case_uid in families:
            if ended:
                self._leave_family(case_uid, job.key)
            elif error is not None and not isinstance(error, Cancelled):
                with self._lock:
                    waiting = self._families_told.pop(case_uid, [])
                for future in waiting:
                    _fail(future, error)

    def _leave_family(self, case_uid: str, key: tuple[Kind, str]) -> None:
        """A pull of a case ended; after the last one its priors are as complete as they will be."""
        with self._lock:
            family = self._families.get(case_uid, set())
            family.discard(key)
            if family:
                return
            self._families.pop(case_uid, None)
            waiting = self._families_told.pop(case_uid, [])
        for future in waiting:
            self._give(future, case_uid)

    def _give(self, future: "Future[CaseRow]", case_uid: str) -> None:
        try:
            case = self._pulling.case(case_uid)
        except Exception as error:  # noqa: BLE001 - handed over whole to whoever asks for the result
            _fail(future, error)
        else:
            _give(future, case)

    # what holds it back

    def _held_back(self) -> HeldBack:
        if self._paused:
            return HeldBack.PAUSED
        return HeldBack.LINK if self._link_waits else HeldBack.NOT

    def _stop_ahead(self) -> None:
        job = self._running
        if job is not None and job.cancellation is not None and job.pull.urgency is not Urgency.OPENED:
            job.cancellation.cancel()

    def _wait_for_link(self, error: Exception) -> None:
        """Wait longer with each failure in a row; without a sign-in, until somebody signed in: it might be locked."""
        self._failures += 1
        self._link_waits = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isinstance(error, SignInNeeded) or self._closed:
            return
        wait = min(_FIRST_WAIT_S * 2 ** (self._failures - 1), _LONGEST_WAIT_S)
        if isinstance(error, ServerRefused) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        self._timer = threading.Timer(wait, self._try_again)
        self._timer.daemon = True
        self._timer.start()

    def _try_again(self) -> None:
        with self._lock:
            self._link_waits = False
            self._pump()
        self._tell()

    def _link_is_back(self) -> None:
        self._failures = 0
        self._link_waits = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # telling, and making room

    def _trim(self, case_uid: str) -> None:
        try:
            removed = self._keeping.trim(case_uid)
        except WorkstationError as error:
            log.warning("the archive could not be trimmed: %s", error)
            return
        with self._lock:
            self._removed += removed

    def _tell(self, *, soon: bool = False) -> None:
        """Tell the listeners; `soon`: not more often than they can want to know."""
        with self._lock:
            if soon and time.monotonic() - self._told_at < _TELL_S:
                return
            self._told_at = time.monotonic()
        # one at a time, each with the newest state, so that nobody is told an old one last
        with self._telling:
            state = self.state
            with self._lock:
                listeners = tuple(self._listeners)
            for listener in listeners:
                listener(state)


def _key(kind: Kind, study_uid: str, case_uid: str) -> tuple[Kind, str]:
    return kind, case_uid if kind is Kind.SEARCH else study_uid


def _passes(error: Exception) -> bool:
    """Whether the same may well succeed later, with nobody doing anything but waiting or signing in."""
    if isinstance(error, ServerRefused):
        return error.status in (408, 425, 429) or error.status >= 500
    return isinstance(error, LinkDown | SignInNeeded)


def _give(future: "Future[CaseRow]", case: CaseRow) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(case)


def _fail(future: "Future[CaseRow] | Future[None]", error: BaseException) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)

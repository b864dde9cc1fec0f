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
    fetching.plan_ahead()                    # after a refresh of the worklist: the rules of `prefetching` are read anew

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
from dataclasses import replace

from workstation.archive.index import Removed
from workstation.archive.priors import Prior
from workstation.consultation.budget import Budget, NoRoom
from workstation.consultation.case import CaseRow
from workstation.consultation.keeping import Keeping
from workstation.consultation.link_wait import LinkWait, passes
from workstation.consultation.prefetching import Plan, of_priors
from workstation.consultation.pulling import Pulling
from workstation.consultation.queued import Families, Job, Key, fail, give, key_of
from workstation.consultation.telling import Telling
from workstation.consultation.wanted import FetchingState, HeldBack, Kind, Pull, Stage, Urgency
from workstation.errors import Cancelled, WorkstationError
from workstation.jobs import Cancellation, Lane, Progress, Workers
from workstation.language import _
from workstation.settings import Settings

log = logging.getLogger(__name__)

Listener = Callable[[FetchingState], None]

_REMEMBERED = 50
# what failed, or came and had gaps, is tried again ahead of need after so long
_AGAIN_S = 3600.0
# an object that breaks the link each time must not keep all others waiting
_BREAKS = 6


class Fetching:
    """The queue and who works it off. Thread-safe; runs on the RETRIEVAL lane for opened cases, else on PREFETCH."""

    def __init__(self, pulling: Pulling, keeping: Keeping, workers: Workers, settings: Settings) -> None:
        self._pulling = pulling
        self._keeping = keeping
        self._workers = workers
        self._settings = settings
        self._lock = threading.RLock()
        self._telling = Telling(lambda: self.state)
        self._jobs: dict[Key, Job] = {}
        self._families = Families()
        self._running: Job | None = None
        self._done: deque[Pull] = deque(maxlen=_REMEMBERED)
        self._removed: list[Removed] = []
        self._last_error: Exception | None = None
        self._sequence = itertools.count()
        self._generation = 0
        self._paused = False
        self._closed = False
        self._links: dict[str, LinkWait] = {}
        self._budget = Budget(settings, keeping)
        self._plan = Plan()
        self._opened: set[str] = set()
        self._searched: set[str] = set()
        self._tried: dict[Key, float] = {}
        self._full_at: int | None = None

    # what others ask for

    def open(self, case_uid: str) -> "Future[CaseRow]":
        """Fetch the study of a case before all else, then its priors; the case once its study is here.

        The future raises what stopped the pull; the case stays wanted when that was the link.
        """
        future: Future[CaseRow] = Future()
        with self._lock:
            self._generation += 1
            generation = self._generation
            self._families.add(case_uid, key_of(Kind.SEARCH, "", case_uid))

        def begin() -> None:
            try:
                self._open(case_uid, generation, future)
            except BaseException as error:  # noqa: BLE001 - handed over whole to whoever asks for the result
                self._ended(key_of(Kind.SEARCH, "", case_uid))
                fail(future, error)

        self._workers.submit(Lane.INTERACTIVE, begin)
        return future

    def priors(self, case_uid: str) -> "Future[CaseRow]":
        """The case once its earlier studies are here, as far as they can be had; those of a case that was opened."""
        future: Future[CaseRow] = Future()
        with self._lock:
            waits = self._families.wait(case_uid, future)
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
                fail(future, error)
            elif future.set_running_or_notify_cancel():
                future.set_result(None)

        kind = Kind.REPORTS if reports_only else Kind.STUDY
        with self._lock:
            self._add(kind, urgency, study_uid, case_uid, ordinal=ordinal).told.append(told)
            self._pump()
        self._telling.tell()
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
        self._telling.tell()

    def pause(self) -> None:
        """Stop fetching ahead until `resume`; an opened case goes on."""
        with self._lock:
            self._paused = True
            self._stop_ahead()
        self._telling.tell()

    def resume(self) -> None:
        """Go on fetching ahead."""
        with self._lock:
            self._paused = False
            self._pump()
        self._telling.tell()

    def plan_ahead(self) -> None:
        """After a refresh of the worklist: the server answers, and what is wanted ahead of need is read anew."""
        self.online()
        if self._settings.prefetch:
            self._workers.submit(Lane.PREFETCH, self._read_rules, priority=-1)

    def online(self) -> None:
        """The server in use answered: what waits for the link to it need not wait longer."""
        with self._lock:
            self._link(self._pulling.in_use).works()
            self._pump()
        self._telling.tell()

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call back on every change, from any thread; the returned function ends it. The callback must not wait."""
        return self._telling.listen(callback)

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
            self._telling.close()
            for link in self._links.values():
                link.close()
            for job in self._jobs.values():
                if job.cancellation is not None:
                    job.cancellation.cancel()

    # the queue

    def _read_rules(self) -> None:
        with self._lock:
            if self._closed:
                return
            searched = frozenset(self._searched)
        settings = self._settings
        try:
            plan = self._pulling.plan(settings.prefetch_cases, settings.prefetch_priors, searched)
            room = self._keeping.room
        except WorkstationError as error:
            log.warning("what to fetch ahead can't be read: %s", error)
            return
        with self._lock:
            self._plan = plan
            if self._full_at is not None and (room is None or room > self._full_at):
                self._full_at = None
            named = {key_of(one.kind, one.study_uid, one.case_uid) for one in plan.wanted}
            for job in list(self._jobs.values()):
                if job.planned and job.cancellation is None and job.key not in named:
                    del self._jobs[job.key]
            since = time.monotonic() - _AGAIN_S
            for one in plan.wanted:
                key = key_of(one.kind, one.study_uid, one.case_uid)
                if self._tried.get(key, since) <= since:
                    new = key not in self._jobs
                    job = self._add(one.kind, one.urgency, one.study_uid, one.case_uid, ordinal=one.ordinal)
                    job.planned = job.planned or new
            self._pump()
        self._telling.tell()

    def _open(self, case_uid: str, generation: int, future: "Future[CaseRow]") -> None:
        case = self._pulling.case(case_uid)
        search = key_of(Kind.SEARCH, "", case_uid)
        if case.origin == "import":
            self._ended(search)
            give(future, case)
            return
        here = 0 < case.expected <= case.received

        def told(error: BaseException | None) -> None:
            if error is not None:
                fail(future, error)
            else:
                self._give(future, case_uid)

        with self._lock:
            self._link(case.server or self._pulling.in_use).works()
            self._opened = {case.study_uid}
            if not here:
                job = self._add(Kind.STUDY, Urgency.OPENED, case.study_uid, case_uid, generation)
                job.told.append(told)
            self._add(Kind.SEARCH, Urgency.OPENED, "", case_uid, generation, 1)
            self._pump()
        if here:
            give(future, case)
        self._telling.tell()

    def _add(
        self, kind: Kind, urgency: Urgency, study_uid: str, case_uid: str, generation: int = 0, ordinal: int = 0
    ) -> Job:
        """The job, a new one or the one there is, at the more urgent of its ranks."""
        pull = Pull(kind, urgency, Stage.WAITING, study_uid, case_uid)
        wanted = Job(pull, generation, ordinal, next(self._sequence))
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
        held_back = self._held_back(ahead=True) is not HeldBack.NOT
        ready = [
            job
            for job in self._jobs.values()
            if job.cancellation is None
            and not (self._waits(job) or (held_back and job.pull.urgency is not Urgency.OPENED))
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

    def _run(self, job: Job, cancellation: Cancellation) -> None:
        error: Exception | None = None
        try:
            cancellation.check()
            if self._stands_back(job):
                return
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
        self._telling.tell()

    def _stands_back(self, job: Job) -> bool:
        """Learn the server of a job; True when the link to it is waited for, and others may run instead."""
        server = job.server or self._pulling.server(job.pull.study_uid, job.pull.case_uid)
        with self._lock:
            job.server = server
            if not self._waits(job) or job.withdrawn:
                return False
            job.cancellation = self._running = None
            job.pull = replace(job.pull, stage=Stage.WAITING)
            self._pump()
        self._telling.tell()
        return True

    def _work(self, job: Job, cancellation: Cancellation) -> None:
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
            self._telling.tell_soon()

        documents_only = pull.kind is Kind.REPORTS
        admit = self._budget.admit(
            lambda: job.pull.urgency is not Urgency.OPENED,
            lambda: {*self._opened, *self._plan.before(pull.study_uid), pull.study_uid},
            self._note_removed,
            cancellation,
        )
        self._pulling.study(pull.study_uid, report, cancellation, documents_only=documents_only, admit=admit)
        if pull.case_uid:
            self._pulling.adopt(pull.case_uid)

    def _want_priors(self, search: Job, found: Sequence[Prior]) -> None:
        """The earlier studies that a search found, the most relevant first.

        For an opened case all of them come, the reports of the less relevant before the pictures of the most.
        """
        case_uid = search.pull.case_uid
        self._searched.add(case_uid)
        if search.pull.urgency is not Urgency.OPENED:
            wanted = list(of_priors(found, self._settings.prefetch_priors))
        else:
            wanted = [(Kind.REPORTS, prior.study.study_uid) for prior in found[1:] if prior.has_report]
            wanted += [(Kind.STUDY, prior.study.study_uid) for prior in found]
            self._opened.update(prior.study.study_uid for prior in found)
        urgency = Urgency.OPENED if search.pull.urgency is Urgency.OPENED else Urgency.PRIORS
        for place, (kind, study_uid) in enumerate(wanted, 2):
            ordinal = place if urgency is Urgency.OPENED else search.ordinal
            job = self._add(kind, urgency, study_uid, case_uid, search.generation, ordinal)
            job.planned = job.planned or urgency is Urgency.PRIORS
            self._families.add(case_uid, job.key)

    def _after(self, job: Job, error: Exception | None) -> list[Callable[[BaseException | None], None]]:
        """What becomes of a job that stopped; whom to tell."""
        job.cancellation = None
        if self._running is job:
            self._running = None
        if error is None:
            self._last_error = None
            self._link(job.server).works()
            return self._end(job, Stage.DONE)
        if isinstance(error, Cancelled) and not job.withdrawn:
            job.pull = replace(job.pull, stage=Stage.WAITING)
            return []
        if isinstance(error, Cancelled):
            return self._end(job, Stage.CANCELLED)
        self._last_error = error
        if isinstance(error, NoRoom):
            self._full_at = self._keeping.room
            job.pull = replace(job.pull, stage=Stage.WAITING, error=error)
            return []
        job.breaks += 1
        if not passes(error) or job.breaks > _BREAKS:
            return self._end(job, Stage.FAILED, error)
        job.pull = replace(job.pull, stage=Stage.WAITING, error=error)
        if not self._closed:
            self._link(job.server).failed(error)
        told, job.told = job.told, []
        return told

    def _end(
        self, job: Job, stage: Stage, error: Exception | None = None
    ) -> list[Callable[[BaseException | None], None]]:
        del self._jobs[job.key]
        self._tried[job.key] = time.monotonic()
        self._done.append(replace(job.pull, stage=stage, error=error))
        return job.told

    def _settle(
        self, job: Job, told: Sequence[Callable[[BaseException | None], None]], error: Exception | None
    ) -> None:
        """Tell who waits for the job, outside of the lock."""
        for one in told:
            one(error)
        with self._lock:
            ended = job.key not in self._jobs
            stopped = not ended and error is not None and not isinstance(error, Cancelled)
            broken = self._families.broke(job.key) if stopped else []
        for future in broken:
            assert error is not None
            fail(future, error)
        if ended:
            self._ended(job.key)

    def _ended(self, key: Key) -> None:
        """A pull ended; after the last one of a case its priors are as complete as they will be."""
        with self._lock:
            done = self._families.ended(key)
        for future, case_uid in done:
            self._give(future, case_uid)

    def _give(self, future: "Future[CaseRow]", case_uid: str) -> None:
        try:
            case = self._pulling.case(case_uid)
        except Exception as error:  # noqa: BLE001 - handed over whole to whoever asks for the result
            fail(future, error)
        else:
            give(future, case)

    # what holds it back

    def _link(self, server: str) -> LinkWait:
        return self._links.setdefault(server, LinkWait(self._wake))

    def _waits(self, job: Job) -> bool:
        return bool(job.server) and self._link(job.server).waits

    def _held_back(self, *, ahead: bool = False) -> HeldBack:
        """Why nothing goes; `ahead`: whatever the link to the server in use, since another's may work."""
        if self._paused:
            return HeldBack.PAUSED
        if not ahead and self._link(self._pulling.in_use).waits:
            return HeldBack.LINK
        if not self._budget.is_time:
            return HeldBack.HOURS
        return HeldBack.ROOM if self._full_at is not None else HeldBack.NOT

    def _stop_ahead(self) -> None:
        job = self._running
        if job is not None and job.cancellation is not None and job.pull.urgency is not Urgency.OPENED:
            job.cancellation.cancel()

    def _wake(self) -> None:
        with self._lock:
            self._pump()
        self._telling.tell()

    # telling, and making room

    def _trim(self, case_uid: str) -> None:
        try:
            removed = self._keeping.trim(case_uid)
        except WorkstationError as error:
            log.warning("the archive could not be trimmed: %s", error)
            return
        self._note_removed(removed)

    def _note_removed(self, removed: Sequence[Removed]) -> None:
        with self._lock:
            self._removed += removed

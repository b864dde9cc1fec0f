"""A case on its way to the reader: claimed and fetched at once, opened with what is here, and grown as the rest comes.

Enter claims the case while its study already comes. The report can be written as soon as the case is ours, the first
picture is shown as soon as its object is durable, and what comes is offered a few times a second, worked out on a
worker. A broken link leaves what is here to be read; all goes on by itself when it is back.
"""

import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from workstation.archive.index import Removed
from workstation.archive.ledger import StudyLedger
from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.desk import Desk
from workstation.consultation.wanted import FetchingState, Pull, Stage
from workstation.errors import Cancelled, CaseUnavailable, LinkDown, WorkstationError
from workstation.jobs import Lane, Progress
from workstation.language import _, ngettext
from workstation.reporting.template import load_templates
from workstation.ui import texts
from workstation.ui.background import Activity, Background
from workstation.ui.reading.page import ReadingPage
from workstation.ui.status import format_size
from workstation.viewing.growth import Awaiting, Grown
from workstation.viewing.stacks import Awaited

# how long after the last time what has come is offered again, in seconds; then always as the last
_PAUSES_S = (0.0, 0.25, 0.5, 1.0)
# working it out may take this part of the time at most
_SHARE = 4.0

Wanted = Future[CaseRow]


class Opening(QObject):
    """Opens one case at a time; another one takes its place, and what was fetched for the first goes on behind it."""

    shown = Signal()
    """The case is to be seen: go to where it is read."""
    changed = Signal()
    """What is here, or whose a case is, has changed."""
    trouble = Signal(object)
    noted = Signal(str)
    healed = Signal()
    """What was said of the link is over."""
    _told = Signal(object)
    _answered = Signal(object)

    def __init__(self, desk: Desk, background: Background, reading: ReadingPage) -> None:
        super().__init__()
        self._desk = desk
        self._background = background
        self._reading = reading
        self._course: _Course | None = None
        self._removed = 0
        self._told.connect(self._hear)
        self._answered.connect(lambda answer: answer())
        self._silence = desk.fetching.listen(self._told.emit)

    def close(self) -> None:
        """Nothing is told or offered any more."""
        self._silence()
        self._leave()

    def open(self, case_uid: str) -> None:
        """Claim a case if it is free, fetch what lacks, and show what is here."""
        if self._reading.case is not None and self._reading.case.case_uid == case_uid:
            self.shown.emit()
            return
        self._leave()
        course = self._course = _Course(case_uid, QTimer(self, singleShot=True))
        course.timer.timeout.connect(lambda: self._grow(course))

        def claim() -> tuple[CaseRow, WorkstationError | None, Wanted | None]:
            before = self._desk.case(case_uid)
            wanted = None if before.is_complete_here else self._desk.fetching.open(case_uid)
            try:
                return self._desk.claim(case_uid), None, wanted
            except (CaseUnavailable, LinkDown) as error:
                return self._desk.case(case_uid), error, wanted

        def claimed(answer: tuple[CaseRow, WorkstationError | None, Wanted | None]) -> None:
            case, error, wanted = answer
            if error is not None:
                self.trouble.emit(error)
            if self._course is course:
                course.study_uid = case.study_uid
                self._begin(course, case, wanted, free=error is None)
            self.changed.emit()

        self._background.run(Lane.RETRIEVAL, claim, claimed, priority=-1)

    def reopen(self, case_uid: str) -> None:
        """There is more to see of the open case, or less: show it anew."""
        self._leave()
        self._reading.close_case()
        self.open(case_uid)

    def forget(self, case_uid: str) -> None:
        """The case was given back: nothing more of it is wanted."""
        course = self._course
        if course is not None and course.case_uid == case_uid:
            self._desk.fetching.cancel(course.study_uid)
            self._leave()

    def _leave(self) -> None:
        """Another case is opened, or none: what this one still wants comes behind the next one's."""
        course, self._course = self._course, None
        if course is not None:
            course.timer.stop()
            course.timer.deleteLater()
            if course.activity is not None:
                self._background.end(course.activity)

    def _begin(self, course: "_Course", case: CaseRow, wanted: Wanted | None, *, free: bool) -> None:
        if wanted is None:
            course.ended, course.priors = True, "here"
            self._show(course)
            return
        self._reading.show_waiting(case)
        course.activity = self._follow(course)
        wanted.add_done_callback(lambda future: self._answered.emit(lambda: self._ended(course, future)))
        if free or case.received:
            self._show(course)
        else:
            self.shown.emit()
        self._hear(self._desk.fetching.state)

    # opening

    def _show(self, course: "_Course") -> None:
        """Open what is here of the case."""
        if course.opening:
            return
        course.opening = True
        coming = not course.ended

        def read() -> tuple[CaseRow, CaseContents, dict[str, Any], bool]:
            # parsed once a run, and better here than on the main thread
            load_templates(self._desk.settings.data_dir)
            row = self._desk.begin_reading(course.case_uid)
            return row, self._desk.contents(course.case_uid), self._desk.draft(course.case_uid), row.is_writable

        def show(answer: tuple[CaseRow, CaseContents, dict[str, Any], bool]) -> None:
            if self._course is not course:
                return
            case, contents, draft, writable = answer
            course.opened = True
            if not coming and not any(instance.has_pixels for instance in contents.study):
                self._nothing_here(course)
                return
            awaited = _awaited(contents.ledger) if coming else None
            self._reading.open_case(case, contents, draft, writable, awaited)
            self.shown.emit()
            self._hear(self._desk.fetching.state)
            if course.ended and coming:
                # it ended while the page was made: what came since is not on it
                self._grow(course)
            elif course.ended:
                self._settle(course)

        self._background.run(Lane.INTERACTIVE, read, show)

    def _nothing_here(self, course: "_Course") -> None:
        self._leave()
        self._reading.close_case()
        if not course.told:
            self.trouble.emit(
                WorkstationError(
                    _("No image of this study is here"),
                    advice=_("Try again when the link is up, or return the case."),
                )
            )

    # growing

    def _hear(self, state: FetchingState) -> None:
        """Something has come, or the fetching of something ended."""
        self._tell_removed(state)
        course = self._course
        pull = None if course is None or not course.study_uid else state.of(course.study_uid)
        if course is None or pull is None:
            return
        course.received = pull.received
        if course.cut:
            self._hear_after_cut(course, pull)
        if course.ended:
            return
        progress = Progress(pull.received, pull.expected, pull.text, pull.size, pull.rate, pull.remaining_s)
        if course.activity is not None:
            self._background.tell(course.activity, progress)
        if course.opened:
            self._reading.show_progress(progress)
        if pull.received and not course.opening:
            self._show(course)
        elif course.received > course.offered:
            self._grow_soon(course)

    def _hear_after_cut(self, course: "_Course", pull: Pull) -> None:
        """The study goes on by itself after the link was down; it may break again, or end."""
        if pull.stage in (Stage.RUNNING, Stage.DONE) and course.ended:
            course.ended = False
            course.activity = self._follow(course)
            self.healed.emit()
        if course.ended:
            return
        if pull.stage is Stage.WAITING and isinstance(pull.error, WorkstationError):
            self._tell_cut(course, pull.error, pull)
            self._end(course)
        elif pull.stage not in (Stage.RUNNING, Stage.WAITING):
            course.cut = False
            if isinstance(pull.error, WorkstationError):
                self.trouble.emit(pull.error)
            self._end(course)

    def _grow_soon(self, course: "_Course") -> None:
        if course.opened and not course.busy and not course.timer.isActive():
            pause = max(_PAUSES_S[min(course.times, len(_PAUSES_S) - 1)], _SHARE * course.took)
            course.timer.start(max(round((course.at + pause - time.monotonic()) * 1000), 0))

    def _grow(self, course: "_Course") -> None:
        """Work out what has come, on a worker, and offer it."""
        base = self._reading.viewer.growth()
        if self._course is not course or course.busy or base is None:
            return
        course.busy, course.at, course.offered, last = True, time.monotonic(), course.received, course.ended

        def work() -> tuple[Grown | None, int, frozenset[str]]:
            arrivals = self._desk.arrivals(course.study_uid, course.mark)
            lacking = {one.series_uid: one for one in arrivals.ledger.series if not one.complete}
            waiting = frozenset[str]() if last else course.final & lacking.keys()
            came = tuple(one for one in arrivals.instances if one.series_uid not in waiting)
            awaited = {} if last else {uid: one for uid, one in _awaited(arrivals.ledger).items() if uid not in waiting}
            grown = replace(base, came=came, awaited=awaited).worked_out()
            # what has to wait is read once more, with the rest of its series
            return grown, course.mark if waiting else arrivals.mark, frozenset(lacking)

        def take(answer: tuple[Grown | None, int, frozenset[str]]) -> None:
            grown, mark, lacking = answer
            if self._course is not course:
                return
            course.took = time.monotonic() - course.at

            def done(taken: bool) -> None:
                if self._course is not course:
                    return
                course.busy = False
                if not taken:
                    self._grow(course)
                    return
                course.mark, course.times, course.at = mark, course.times + 1, time.monotonic()
                course.final = lacking if last else course.final
                self._grown(course, last)

            if grown is not None and (grown.new or grown.changed or last):
                self._reading.viewer.grow(grown, done, coming=not last)
            else:
                done(True)

        def failed(error: WorkstationError) -> None:
            course.busy = False
            self.trouble.emit(error)

        self._background.run(Lane.INTERACTIVE, work, take, failed, priority=1)

    def _grown(self, course: "_Course", last: bool) -> None:
        """What had come is offered: tell it, and go on."""
        if last or course.times == 1:
            self._settle(course)
        if course.ended and not last:
            self._grow(course)
        elif not course.ended:
            self._hear(self._desk.fetching.state)

    # the end

    def _ended(self, course: "_Course", future: Wanted) -> None:
        """The study is here, or what stopped it is known."""
        error = _error_of(future)
        if self._course is course:
            if error is not None:
                pull = self._desk.fetching.state.of(course.study_uid)
                course.cut = pull is not None and pull.stage in (Stage.WAITING, Stage.RUNNING)
                self._tell_cut(course, error, pull)
            self._end(course)
        self.changed.emit()

    def _tell_cut(self, course: "_Course", error: WorkstationError, pull: Pull | None) -> None:
        """One message: what happened, what is here, and whether the rest follows by itself."""
        course.told = True
        if pull is None or not course.cut or not pull.received:
            self.trouble.emit(error)
            return
        here = ngettext(
            "{count} of {expected} images is here and can be read.",
            "{count} of {expected} images are here and can be read.",
            pull.received,
        ).format(count=pull.received, expected=pull.expected)
        self.noted.emit(f"{error.title}. {here} " + _("The others follow by themselves when the server answers again."))

    def _end(self, course: "_Course") -> None:
        """Nothing more is on its way: what is here is all there is for now."""
        course.ended = True
        course.timer.stop()
        if not course.opening:
            self._show(course)
        elif course.opened:
            self._grow(course)

    def _settle(self, course: "_Course") -> None:
        """Tell form and band what is here now; once the study is here, go on with the earlier ones."""
        last = course.ended

        def read() -> tuple[CaseRow, CaseContents]:
            return self._desk.case(course.case_uid), self._desk.contents(course.case_uid)

        def told(answer: tuple[CaseRow, CaseContents]) -> None:
            case, contents = answer
            if self._course is not course:
                return
            if last and not any(instance.has_pixels for instance in contents.study):
                self._nothing_here(course)
                return
            whole = last and (course.cut or course.priors == "here")
            self._reading.update_case(case, contents, coming=not whole, study=not last)
            if last and course.priors != "coming":
                over, course.activity = course.activity, None
                if not whole:
                    self._fetch_priors(course)
                if over is not None:
                    # last, so that there is no moment in which nothing seems to be under way
                    self._background.end(over)
            self.changed.emit()

        self._background.run(Lane.INTERACTIVE, read, told, priority=1)

    def _fetch_priors(self, course: "_Course") -> None:
        """The earlier studies come behind the reader's back, and are offered when they are here."""
        course.priors = "coming"
        title = _("Earlier studies of {patient}").format(patient=self._patient)
        course.activity = self._background.follow(title, lambda: self._cancel_priors(course))

        def here(future: Wanted) -> None:
            if self._course is course:
                course.priors = "here"
                error = _error_of(future)
                if error is not None:
                    self.trouble.emit(error)
                self._settle(course)
            self.changed.emit()

        wanted = self._desk.fetching.priors(course.case_uid)
        wanted.add_done_callback(lambda future: self._answered.emit(lambda: here(future)))

    def _cancel_priors(self, course: "_Course") -> None:
        fetching = self._desk.fetching
        for pull in fetching.state.pulls:
            if pull.case_uid == course.case_uid and pull.study_uid not in ("", course.study_uid):
                fetching.cancel(pull.study_uid)

    def _follow(self, course: "_Course") -> Activity:
        """The study in the status bar."""
        title = _("Images of {patient}").format(patient=self._patient)
        return self._background.follow(title, lambda: self._desk.fetching.cancel(course.study_uid))

    @property
    def _patient(self) -> str:
        case = self._reading.case
        return "" if case is None else texts.person_name(case.patient.name)

    def _tell_removed(self, state: FetchingState) -> None:
        new = state.removed[self._removed :]
        self._removed = len(state.removed)
        if new:
            self.noted.emit(_made_room(new))
            self.changed.emit()


class _Course:
    """How far the opening of a case is."""

    def __init__(self, case_uid: str, timer: QTimer) -> None:
        self.case_uid = case_uid
        self.study_uid = ""
        self.activity: Activity | None = None
        self.timer = timer
        self.opening = self.opened = False
        """Whether its page is being made, and is there."""
        self.ended = False
        """Whether nothing more of the study is on its way; after a cut it may be again."""
        self.cut = False
        self.told = False
        """Whether the reader was told why not all is here."""
        self.priors = ""
        """Of the earlier studies: "" before they are asked for, "coming", or "here" as far as they can be had."""
        self.busy = False
        self.received = self.offered = 0
        """Objects of the study that have come, and that had when what has come was offered last."""
        self.mark = 0
        self.times = 0
        self.at = self.took = 0.0
        self.final: frozenset[str] = frozenset()
        """Series that are shown as final though something of them lacks: they change once, when they are whole."""


def _awaited(ledger: StudyLedger) -> Awaiting:
    """The series of which more is expected."""
    return {one.series_uid: Awaited(one.received, one.expected) for one in ledger.series if not one.complete}


def _error_of(future: Wanted) -> WorkstationError | None:
    """What the reader is to hear of how it ended."""
    try:
        future.result()
    except (Cancelled, CancelledError):
        return None
    except WorkstationError as error:
        return error
    return None


def _made_room(removed: Sequence[Removed]) -> str:
    count, size = len(removed), format_size(sum(one.size for one in removed))
    told = ngettext(
        "The archive was full: {count} study was removed ({size}). It is fetched again when it is opened.",
        "The archive was full: {count} studies were removed ({size}). They are fetched again when they are opened.",
        count,
    )
    return told.format(count=count, size=size)

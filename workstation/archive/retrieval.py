"""Pulling studies into the archive, over a line that may be cut at any byte.

What the server lists is stored first (`ledger`). Several series come at once, each as one stream; what lacks after a
cut or a kill is asked for singly, or by another stream where that is the quicker way. What can't be had is on the
ledger with its reason.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.course import Course
from workstation.archive.index import Foreign, Refused, Stored
from workstation.archive.intake import Intake
from workstation.archive.ledger import Gap, SeriesLedger, StudyLedger
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, UnreadableObject, WorkstationError
from workstation.iris.entries import InstanceEntry, SeriesEntry
from workstation.jobs import Cancellation, Report, silent
from workstation.language import _

DOCUMENT_MODALITIES = frozenset({"SR", "DOC", "KO", "PR"})

# series at once: more hide more of a far server's latency, and all share one line
_STREAMS = 3
# single requests at once, and objects in one flush to the disk
_SINGLES, _FLUSH = 3, 8
# what a single request costs beside its bytes; Debian's Orthanc delays each answer by an ACK, 40 ms
_SINGLE_S = 0.04
# a handful is never worth another stream
_HANDFUL = 16
# taken for the line while nothing is known of it, bytes per second
_UNKNOWN_RATE = 1e6
# refusals that are the moment's; a 500 may be one object's own and for good
_BUSY = (408, 425, 429, 502, 503, 504)
# so many failures of the link in a row, and the link is what failed, not the instances
_LINK_FAILURES = 3


class Source(Protocol):
    """What retrieval needs of DICOMweb; `iris.dicomweb.DicomWeb` has it."""

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]: ...
    def search_instances(self, study_uid: str, series_uid: str) -> Iterator[InstanceEntry]: ...
    def retrieve_series(
        self, study_uid: str, series_uid: str, cancellation: Cancellation | None = None
    ) -> Iterator[bytes]: ...
    def retrieve_instance(
        self, study_uid: str, series_uid: str, sop_instance_uid: str, cancellation: Cancellation | None = None
    ) -> bytes: ...


# called with the size of each object before it is stored; it may wait (a bandwidth budget) or raise (no room)
Admit = Callable[[int], None]


def at_once(size: int) -> None:
    """An Admit without a budget."""


def _every_series(series: SeriesEntry) -> bool:
    return True


def _documents(series: SeriesEntry) -> bool:
    return series.modality in DOCUMENT_MODALITIES


class Retrieval:
    """Pulls from one server into one archive. Blocking: to be run on a worker."""

    def __init__(self, archive: Archive, dicomweb: Source) -> None:
        self._archive = archive
        self._dicomweb = dicomweb

    def pull_study(
        self,
        study_uid: str,
        report: Report = silent,
        cancellation: Cancellation | None = None,
        wanted: Callable[[SeriesEntry], bool] = _every_series,
        admit: Admit = at_once,
    ) -> StudyLedger:
        """Bring the study, or its `wanted` series, into the archive; the ledger of the study afterwards.

        What is here already is not asked for. Raises LinkDown, SignInNeeded, ServerRefused, Cancelled, DiskFull, and
        what `admit` raises; what had arrived whole by then is stored, and the next call goes on from there.
        """
        asked = cancellation or Cancellation()
        listed = self._list(study_uid)
        # the documents are small and are read first
        order = sorted(filter(wanted, listed), key=lambda s: (not _documents(s), s.number is None, s.number or 0))
        course = Course(self._archive, study_uid, report)
        # an error in one stream ends the others
        stop = Cancellation()
        with asked.calling(stop.cancel), Intake(self._archive, course.stored, study_uid) as intake:
            pull = _Pull(self._archive, self._dicomweb, study_uid, course, intake, stop, admit)
            pull.run(order)
        course.recount()
        found = ledger.study_ledger(self._archive.database, study_uid)
        if pull.busy is not None and found.gaps:
            # all the rest is here; these come when the server has time
            raise pull.busy
        return found

    def pull_documents(
        self,
        study_uid: str,
        report: Report = silent,
        cancellation: Cancellation | None = None,
        admit: Admit = at_once,
    ) -> StudyLedger:
        """Bring the reports of a study and its other documents (SR, DOC, KO, PR) into the archive, not its pictures."""
        return self.pull_study(study_uid, report, cancellation, _documents, admit)

    def _list(self, study_uid: str) -> list[SeriesEntry]:
        """The server's list of series, stored before anything is pulled.

        A series whose count the server tells is listed by instance when its turn comes; of any other the list is all
        there is to expect, so it is had now.
        """
        found = list(self._dicomweb.search_series(study_uid))
        listing = [
            (
                series,
                list(self._dicomweb.search_instances(study_uid, series.series_uid))
                if series.instance_count is None
                else [],
            )
            for series in found
        ]
        with self._archive.database.transaction() as cursor:
            ledger.expect(cursor, study_uid, listing)
        return found


class _Pull:
    """One pull of one study under way."""

    def __init__(
        self,
        archive: Archive,
        dicomweb: Source,
        study_uid: str,
        course: Course,
        intake: Intake,
        stop: Cancellation,
        admit: Admit,
    ) -> None:
        self._archive = archive
        self._dicomweb = dicomweb
        self._study_uid = study_uid
        self._course = course
        self._intake = intake
        self._stop = stop
        self._admit = admit
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._cut_off: set[str] = set()
        # what the server, not the object, was refused for
        self.busy: ServerRefused | None = None

    def run(self, order: Sequence[SeriesEntry]) -> None:
        """All series, in this order, some at once; raises the first error of any."""
        rest = iter(order)

        def work() -> None:
            while True:
                with self._lock:
                    series = next(rest, None)
                if series is None or self._stop.cancelled:
                    return
                try:
                    self._series(series)
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that pulls
                    with self._lock:
                        # what the others end of is this one
                        self._error = self._error or error
                    self._stop.cancel()
                    return

        others = min(_STREAMS, len(order)) - 1
        if others > 0:
            with ThreadPoolExecutor(others, thread_name_prefix="series") as beside:
                for _other in range(others):
                    beside.submit(work)
                work()
        else:
            work()
        if self._error is not None:
            raise self._error
        self._stop.check()

    def _series(self, series: SeriesEntry) -> None:
        state = self._state(series)
        listed = series.instance_count is None or (state.listed >= series.instance_count and state.complete)
        broken: WorkstationError | None = None
        if state.received == 0 and state.expected > 0:
            # the count is on the ledger: the list may come beside the objects, and the first picture need not wait
            with ThreadPoolExecutor(1, thread_name_prefix="listing") as beside:
                listing = None if listed else beside.submit(self._list_instances, series)
                broken = self._stream(series)
                if listing is not None:
                    listing.result()
        elif not listed:
            self._list_instances(series)
        state = self._state(series)
        if broken is not None and not state.complete and not state.gaps:
            raise broken
        while not isinstance(broken, MalformedAnswer) and self._worth_a_stream(state):
            lacking = len(state.gaps)
            broken = self._stream(series)
            state = self._state(series)
            if len(state.gaps) == lacking:
                break
        # a broken stream is no end: what lacks is asked for singly, and that tells whether the link is down
        self._singly(state.gaps, failures=int(isinstance(broken, LinkDown)))
        if self._cut_off:
            # one cut says nothing of the object; two do, or the link is down: not for this pull to decide
            again = [gap for gap in self._state(series).gaps if gap.sop_uid in self._cut_off]
            self._cut_off.difference_update(gap.sop_uid for gap in again)
            self._singly(again, failures=_LINK_FAILURES - 1)

    def _worth_a_stream(self, state: SeriesLedger) -> bool:
        """Whether all of the series in one stream would be here sooner than what lacks of it, one by one."""
        if len(state.gaps) < _HANDFUL:
            return False
        with self._archive.database.read() as cursor:
            held = cursor.execute(
                "SELECT coalesce(sum(size), 0) FROM instances WHERE series_uid = ?", (state.series_uid,)
            ).fetchone()[0]
        again_s = held / (self._course.rate or _UNKNOWN_RATE)
        return bool(again_s < len(state.gaps) * _SINGLE_S / _SINGLES)

    def _stream(self, series: SeriesEntry) -> WorkstationError | None:
        """The whole series; what broke it off, if anything. All that came is durable afterwards."""
        broken = None
        try:
            for data in self._dicomweb.retrieve_series(self._study_uid, series.series_uid, self._stop):
                self._admit(len(data))
                self._intake.put(data, series.series_uid)
                self._stop.check()
        except (LinkDown, MalformedAnswer, ServerRefused) as error:
            broken = error
        self._intake.wait(series.series_uid)
        return broken

    def _list_instances(self, series: SeriesEntry) -> None:
        entries = list(self._dicomweb.search_instances(self._study_uid, series.series_uid))
        with self._archive.database.transaction() as cursor:
            ledger.expect(cursor, self._study_uid, [(series, entries)])

    def _singly(self, gaps: Sequence[Gap], failures: int) -> None:
        """What lacks, a few requests at once and one flush for them; one at a time while they fail."""
        if not gaps:
            return
        at, size = 0, 1
        with ThreadPoolExecutor(min(_SINGLES, len(gaps)), thread_name_prefix="singles") as beside:
            while at < len(gaps):
                self._stop.check()
                group = gaps[at : at + size]
                answers = list(beside.map(self._ask, group))
                arrived = [answer for answer in answers if isinstance(answer, bytes)]
                for data in arrived:
                    self._admit(len(data))
                stored = iter(self._archive.store(arrived, self._study_uid))
                results = [next(stored) if isinstance(answer, bytes) else answer for answer in answers]
                self._course.stored([one for one in results if isinstance(one, Stored | Refused)])
                for gap, result in zip(group, results, strict=True):
                    failures = self._settle(gap, result, failures)
                at, size = at + size, 1 if failures else min(size * 2, _FLUSH)

    def _ask(self, gap: Gap) -> bytes | WorkstationError:
        try:
            return self._dicomweb.retrieve_instance(self._study_uid, gap.series_uid, gap.sop_uid, self._stop)
        except (MalformedAnswer, LinkDown, ServerRefused) as error:
            return error

    def _settle(self, gap: Gap, result: Stored | Refused | WorkstationError, failures: int) -> int:
        """Note why a gap stays; how many failures of the link there are in a row. Raises the last that is too many."""
        error = result.error if isinstance(result, Refused) else result
        if isinstance(result, Foreign):
            self._note(gap, _("the server sent another object in its place"))
            return 0
        if isinstance(error, Stored):
            if error.instance.sop_instance_uid != gap.sop_uid:
                self._note(gap, _("the server sent another object in its place"))
            return 0
        if isinstance(error, MalformedAnswer | UnreadableObject):
            self._note(gap, _("what the server sent can't be read: {why}").format(why=error.detail))
            return failures
        assert isinstance(error, LinkDown | ServerRefused)
        self._note(gap, _reason(error))
        if isinstance(error, LinkDown):
            self._cut_off.add(gap.sop_uid)
        elif error.status in _BUSY:
            self.busy = error
        failures = failures + 1 if _transient(error) else 0
        if failures >= _LINK_FAILURES:
            raise error
        return failures

    def _state(self, series: SeriesEntry) -> SeriesLedger:
        (state,) = ledger.study_ledger(self._archive.database, self._study_uid, series.series_uid).series
        return state

    def _note(self, gap: Gap, reason: str) -> None:
        with self._archive.database.transaction() as cursor:
            ledger.note_missing(cursor, self._study_uid, Gap(gap.series_uid, gap.sop_uid, gap.number, reason))


def _transient(error: LinkDown | ServerRefused) -> bool:
    return isinstance(error, LinkDown) or error.status in (408, 425, 429) or error.status >= 500


def _reason(error: LinkDown | ServerRefused) -> str:
    if isinstance(error, LinkDown):
        return _("the link broke down")
    if error.status in (404, 410):
        return _("the server no longer has it")
    return _("the server refused it ({status})").format(status=error.status)

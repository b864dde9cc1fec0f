"""Pulling studies into the archive, over a line that may be cut at any byte.

What the server lists is stored first (`ledger`). A series of which nothing is here comes as one stream; what lacks of
any other is asked for singly, so after a cut or a kill nothing is transferred twice. What can't be had is on the ledger
with its reason.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.index import Refused
from workstation.archive.intake import Intake
from workstation.archive.ledger import Gap, SeriesLedger, StudyLedger
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, UnreadableObject, WorkstationError
from workstation.iris.entries import InstanceEntry, SeriesEntry
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import _, number_text

DOCUMENT_MODALITIES = frozenset({"SR", "DOC", "KO", "PR"})

# so many failures of the link in a row, and the link is what failed, not the instances
_LINK_FAILURES = 3


class Source(Protocol):
    """What retrieval needs of DICOMweb; `iris.dicomweb.DicomWeb` has it."""

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]: ...
    def search_instances(self, study_uid: str, series_uid: str) -> Iterator[InstanceEntry]: ...
    def retrieve_series(
        self, study_uid: str, series_uid: str, cancellation: Cancellation | None = None
    ) -> Iterator[bytes]: ...
    def retrieve_instance(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes: ...


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

        What is here already is not asked for. Raises LinkDown, SignInNeeded, ServerRefused, Cancelled, DiskFull; what
        had arrived whole by then is stored, and the next call goes on from there.
        """
        cancellation = cancellation or Cancellation()
        listed = self._list(study_uid)
        course = _Course(self._archive, study_uid, report)
        # the documents are small and are read first
        order = sorted(filter(wanted, listed), key=lambda s: (not _documents(s), s.number is None, s.number or 0))
        for series in order:
            cancellation.check()
            self._pull_series(study_uid, series, course, cancellation)
        return ledger.study_ledger(self._archive.database, study_uid)

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
            (series, self._instances(study_uid, series) if series.instance_count is None else []) for series in found
        ]
        with self._archive.database.transaction() as cursor:
            ledger.expect(cursor, study_uid, listing)
        return found

    def _instances(self, study_uid: str, series: SeriesEntry) -> list[InstanceEntry]:
        return list(self._dicomweb.search_instances(study_uid, series.series_uid))

    def _pull_series(self, study_uid: str, series: SeriesEntry, course: "_Course", cancellation: Cancellation) -> None:
        state = self._state(study_uid, series)
        listed = series.instance_count is None or (state.listed >= series.instance_count and state.complete)
        broken: WorkstationError | None = None
        if state.received == 0 and state.expected > 0:
            # the count is on the ledger: the list may come beside the objects, and the first picture need not wait
            with ThreadPoolExecutor(1, thread_name_prefix="listing") as beside:
                listing = None if listed else beside.submit(self._list_instances, study_uid, series)
                try:
                    self._stream(study_uid, series.series_uid, course, cancellation)
                except (LinkDown, MalformedAnswer, ServerRefused) as error:
                    broken = error
                if listing is not None:
                    listing.result()
            course.recount()
        elif not listed:
            self._list_instances(study_uid, series)
        state = self._state(study_uid, series)
        if broken is not None and not state.complete and not state.gaps:
            raise broken
        # a broken stream is no end: what lacks is asked for singly, and that tells whether the link is down
        self._fetch(study_uid, state.gaps, course, cancellation, failures=int(isinstance(broken, LinkDown)))

    def _list_instances(self, study_uid: str, series: SeriesEntry) -> None:
        entries = self._instances(study_uid, series)
        with self._archive.database.transaction() as cursor:
            ledger.expect(cursor, study_uid, [(series, entries)])

    def _stream(self, study_uid: str, series_uid: str, course: "_Course", cancellation: Cancellation) -> None:
        with Intake(self._archive) as intake:
            for data in self._dicomweb.retrieve_series(study_uid, series_uid, cancellation):
                intake.put(data)
                course.tell(*intake.stored)
                cancellation.check()
        course.size += intake.stored[1]

    def _fetch(
        self, study_uid: str, gaps: Iterable[Gap], course: "_Course", cancellation: Cancellation, failures: int
    ) -> None:
        for gap in gaps:
            cancellation.check()
            try:
                data = self._dicomweb.retrieve_instance(study_uid, gap.series_uid, gap.sop_uid)
                (result,) = self._archive.store([data])
                if isinstance(result, Refused):
                    raise result.error
            except (MalformedAnswer, UnreadableObject) as error:
                self._note(study_uid, gap, _("what the server sent can't be read: {why}").format(why=error.detail))
                continue
            except (LinkDown, ServerRefused) as error:
                self._note(study_uid, gap, _reason(error))
                failures = failures + 1 if _transient(error) else 0
                if failures == _LINK_FAILURES:
                    raise
                continue
            failures = 0
            if result.instance.sop_instance_uid == gap.sop_uid:
                course.done += 1
                course.size += result.size
                course.tell()
            else:
                self._note(study_uid, gap, _("the server sent another object in its place"))

    def _state(self, study_uid: str, series: SeriesEntry) -> SeriesLedger:
        (state,) = ledger.study_ledger(self._archive.database, study_uid, series.series_uid).series
        return state

    def _note(self, study_uid: str, gap: Gap, reason: str) -> None:
        with self._archive.database.transaction() as cursor:
            ledger.note_missing(cursor, study_uid, Gap(gap.series_uid, gap.sop_uid, gap.number, reason))


@dataclass
class _Course:
    """How far the pull of a study is; `done` counts what was here before as well."""

    archive: Archive
    study_uid: str
    report: Report
    done: int = 0
    size: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.recount()

    def recount(self) -> None:
        with self.archive.database.read() as cursor:
            self.total, self.done = ledger.counts(cursor, self.study_uid)
        self.tell()

    def tell(self, images: int = 0, size: int = 0) -> None:
        done, total = self.done + images, max(self.total, self.done + images)
        text = _("{done} of {total} images, {size} MB").format(
            done=done, total=total, size=number_text((self.size + size) / 1e6)
        )
        self.report(Progress(done, total, text))


def _transient(error: LinkDown | ServerRefused) -> bool:
    return isinstance(error, LinkDown) or error.status in (408, 425, 429) or error.status >= 500


def _reason(error: LinkDown | ServerRefused) -> str:
    if isinstance(error, LinkDown):
        return _("the link broke down")
    if error.status in (404, 410):
        return _("the server no longer has it")
    return _("the server refused it ({status})").format(status=error.status)

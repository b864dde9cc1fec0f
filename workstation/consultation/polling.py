"""Keeping the worklist up to date: the whole list now and then, and in between only what changed on the server.

A list of 100,000 is a thousand requests. So after the whole list was read, a poll asks for what was modified since, by
the server's own stamps. The whole list is read anew so seldom that reading takes a small part of the time, and at least
once an hour, for what no stamp tells: items that vanished, or left the queue.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TypeVar

from workstation.archive.database import Database, now
from workstation.consultation.cases import Cases
from workstation.errors import Cancelled, ServerRefused
from workstation.iris.workitem import Workitem
from workstation.iris.workitems import Workitems
from workstation.jobs import Cancellation, Report

T = TypeVar("T")

# reading the whole list may take one part in so many of the time
_SHARE = 200
_LONGEST_S = 3600.0
# on the reader's word it is read anew if it is no matter
_SHORT_S = 5.0
# the clock that stamps and the one that answers may differ, and what was stamped may be seen a moment later
_MARGIN = timedelta(seconds=60)
# no server gives pages smaller than this: a list not longer than it can't slide
_SMALLEST_PAGE = 20
_FREE = "SCHEDULED"


@dataclass(frozen=True)
class Wanted:
    """What of a worklist is this reader's: a queue ("" for all), and what is assigned to the reader."""

    label: str = ""
    reader_code: str = ""


@dataclass(frozen=True)
class Swept:
    """When the whole list was last read, in how many seconds; `since` is the server's time of the last poll.

    `since` is empty, and `by_changes` False, for a server that can't say what changed.
    """

    began: str
    took: float
    since: str
    whole: bool = True
    by_changes: bool = True


class _NoChanges(Exception):
    """The server doesn't filter by time of modification."""


class Polling:
    """The polls of one worklist; what is known of it is kept in the database under `name`."""

    def __init__(self, database: Database, cases: Cases, name: str, wanted: Wanted) -> None:
        self._database = database
        self._cases = cases
        self._name = f"worklist {name} {wanted.label} {wanted.reader_code}"
        self._wanted = wanted

    def refresh(self, workitems: Workitems, report: Report, cancellation: Cancellation, asked: bool = False) -> int:
        """Bring the list up to date; how many cases of it are free. `asked`: on the reader's word.

        A cut or a cancelled call keeps what came before it. Raises what Workitems raises, and Cancelled.
        """
        swept = self._kept()
        if swept is None or not (swept.since and swept.by_changes) or _is_due(swept, asked):
            return self._sweep(workitems, swept, report, cancellation)
        clock = workitems.server_time()
        try:
            self._cases.take_changes(self._changed(workitems, datetime.fromisoformat(swept.since), cancellation))
        except _NoChanges:
            self._keep(replace(swept, by_changes=False))
            return self._sweep(workitems, swept, report, cancellation)
        self._keep(replace(swept, since=_text(clock)))
        return self._cases.free()

    def _sweep(self, workitems: Workitems, last: Swept | None, report: Report, cancellation: Cancellation) -> int:
        clock = workitems.server_time()
        swept = Swept(now(), 0.0, _text(clock), by_changes=last is None or last.by_changes)
        began = monotonic()
        try:
            count = self._cases.take_in(until(cancellation, self._free(workitems)), report)
        except Cancelled:
            self._keep(replace(swept, took=monotonic() - began, whole=False))
            raise
        before = swept.began
        if count > _SMALLEST_PAGE and clock is not None and swept.by_changes:
            try:
                # who takes a case while pages are read makes the rest slide, and one may slip from page to page unread:
                # what wasn't seen goes only when the list before didn't have it either
                if self._cases.take_changes(self._changed(workitems, clock, cancellation)):
                    before = last.began if last is not None and last.whole else ""
            except _NoChanges:
                swept = replace(swept, by_changes=False)
        self._cases.drop_unseen(before)
        self._keep(replace(swept, took=monotonic() - began))
        return count

    def _free(self, workitems: Workitems) -> Iterator[Workitem]:
        """The queue, or all queues, and what is assigned to the reader."""
        seen = set()
        for item in workitems.search(state=_FREE, label=self._wanted.label):
            seen.add(item.uid)
            yield item
        if self._wanted.label and self._wanted.reader_code:
            for item in workitems.search(state=_FREE, reader_code=self._wanted.reader_code):
                if item.uid not in seen:
                    yield item

    def _changed(self, workitems: Workitems, since: datetime, cancellation: Cancellation) -> Iterator[Workitem]:
        """What was modified since, in any state. Raises _NoChanges."""
        since -= _MARGIN
        searches = [workitems.search(label=self._wanted.label, changed_since=since)]
        if self._wanted.label and self._wanted.reader_code:
            searches.append(workitems.search(reader_code=self._wanted.reader_code, changed_since=since))
        # a stamp may be told in whole seconds
        earliest = since - timedelta(seconds=1)
        try:
            for found in searches:
                for item in until(cancellation, found):
                    if item.modified_at is None or item.modified_at < earliest:
                        raise _NoChanges
                    yield item
        except ServerRefused as refused:
            if refused.status in (400, 404, 422, 501):
                raise _NoChanges from refused
            raise

    def _kept(self) -> Swept | None:
        with self._database.read() as cursor:
            row = cursor.execute("SELECT value FROM properties WHERE name = ?", (self._name,)).fetchone()
        return Swept(**json.loads(row[0])) if row else None

    def _keep(self, swept: Swept) -> None:
        with self._database.transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO properties VALUES (?, ?)", (self._name, json.dumps(asdict(swept))))


def _text(clock: datetime | None) -> str:
    return clock.isoformat() if clock else ""


def _is_due(swept: Swept, asked: bool) -> bool:
    age = (datetime.now(UTC) - datetime.fromisoformat(swept.began)).total_seconds()
    if asked and (not swept.whole or swept.took < _SHORT_S):
        return True
    # a clock that was set back must not put it off
    return not 0 <= age < min(swept.took * _SHARE, _LONGEST_S)


def until(cancellation: Cancellation, found: Iterable[T]) -> Iterator[T]:
    """What is found, until cancelled."""
    for one in found:
        cancellation.check()
        yield one

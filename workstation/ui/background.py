"""The bridge between the main thread and the workers: work goes out, its answer comes back as a Qt event.

`run` is for short work whose answer a screen waits for. `start` is for long work that the status bar shows: it
reports progress and can be cancelled.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from workstation.errors import Cancelled, WorkstationError
from workstation.jobs import Cancellation, Lane, Progress, Report, Workers
from workstation.language import _

T = TypeVar("T")

log = logging.getLogger(__name__)

# how often the progress of long work is shown
_REPORT_S = 0.1


class Activity(QObject):
    """Long work under way: what it is, how far it is, and a way to stop it."""

    progressed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, title: str, parent: QObject) -> None:
        super().__init__(parent)
        self.title = title
        self.progress = Progress(0, 0)
        self.cancellation = Cancellation()

    def cancel(self) -> None:
        self.cancellation.cancel()
        self.cancelled.emit()


class Background(QObject):
    """Runs work on Workers and hands each answer to a callback on the main thread.

    A callback whose screen is gone is not called: `owner` is the QObject that must still live.
    """

    _answered = Signal(object)
    _reported = Signal(object, object)
    activity_started = Signal(object)
    activity_ended = Signal(object)
    trouble = Signal(object)

    def __init__(self, workers: Workers) -> None:
        super().__init__()
        self._workers = workers
        self._closed = False
        self.activities: list[Activity] = []
        # queued also from the main thread: work may be done before its caller has gone on
        self._answered.connect(self._apply, Qt.ConnectionType.QueuedConnection)
        self._reported.connect(self._report, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        lane: Lane,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[WorkstationError], None] | None = None,
        priority: float = 0,
    ) -> Future[T]:
        """Do `work` in the lane; then `done` with its result, or `failed` with the world's error, on the main thread.

        Without `failed`, the error goes to the `trouble` signal, which the shell shows in place.
        """

        def answer(future: Future[T]) -> None:
            if not self._closed:
                self._answered.emit(lambda: self._settle(future, done, failed))

        future = self._workers.submit(lane, work, priority)
        future.add_done_callback(answer)
        return future

    def follow(self, title: str, cancel: Callable[[], object]) -> Activity:
        """Show work that is done elsewhere; whoever does it tells how far it is by `tell`, and ends it by `end`."""
        activity = Activity(title, self)
        activity.cancelled.connect(cancel)
        self._begin(activity)
        return activity

    def tell(self, activity: Activity, progress: Progress) -> None:
        """How far work that is done elsewhere is."""
        self._report(activity, progress)

    def end(self, activity: Activity) -> None:
        """Take long work away that has ended; nothing happens where it is gone already."""
        if activity in self.activities:
            self.activities.remove(activity)
            activity.ended.emit()
            self.activity_ended.emit(activity)
            activity.deleteLater()

    def _begin(self, activity: Activity) -> None:
        self.activities.append(activity)
        self.activity_started.emit(activity)

    def start(
        self,
        title: str,
        lane: Lane,
        work: Callable[[Report, Cancellation], T],
        done: Callable[[T], None],
        failed: Callable[[WorkstationError], None] | None = None,
    ) -> Activity:
        """Do long work that reports progress; the status bar shows it until it ends."""
        activity = Activity(title, self)
        self._begin(activity)

        def finished(result: T) -> None:
            self.end(activity)
            done(result)

        def broke(error: WorkstationError) -> None:
            self.end(activity)
            if failed is not None:
                failed(error)
            elif not isinstance(error, Cancelled):
                self.trouble.emit(error)

        shown = 0.0

        def report(progress: Progress) -> None:
            nonlocal shown
            # a retrieval reports each instance, hundreds a second; showing them all would slow down both threads
            if self._closed or (time.monotonic() - shown < _REPORT_S and progress.done != progress.total):
                return
            shown = time.monotonic()
            self._reported.emit(activity, progress)

        self.run(lane, lambda: work(report, activity.cancellation), finished, broke)
        return activity

    def close(self) -> None:
        """Cancel what is under way; nothing is handed over afterwards."""
        self._closed = True
        for activity in self.activities:
            activity.cancel()

    def _report(self, activity: Activity, progress: Progress) -> None:
        if activity in self.activities:
            activity.progress = progress
            activity.progressed.emit(progress)

    def _apply(self, settle: Callable[[], None]) -> None:
        if not self._closed:
            settle()

    def _settle(
        self, future: Future[Any], done: Callable[[Any], None], failed: Callable[[WorkstationError], None] | None
    ) -> None:
        try:
            result = future.result()
        except CancelledError:
            return
        except WorkstationError as error:
            if failed is not None:
                failed(error)
            elif not isinstance(error, Cancelled):
                self.trouble.emit(error)
            return
        except Exception as error:
            log.error("work failed", exc_info=error)
            wrapped = WorkstationError(
                _("The program made a mistake"),
                type(error).__name__,
                _("Your work is kept. Please report this with the log."),
            )
            (failed or self.trouble.emit)(wrapped)
            return
        done(result)

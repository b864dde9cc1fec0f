"""Work off the main thread: lanes of workers with priorities and cancellation.

Each lane has its own threads, so that a long retrieval never holds back a picture. Within a lane the lower number
goes first, and work of the same number in the order it came.
"""

import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from workstation.errors import Cancelled
from workstation.language import _

T = TypeVar("T")


# decoding is other processes' work, as many as cores, and one thread more hands over while all of them are busy
_DECODING_THREADS = min(os.cpu_count() or 1, 4) + 1


class Lane(Enum):
    """What work is for; the value is the number of threads."""

    INTERACTIVE = ("interactive", 2)
    DECODING = ("decoding", _DECODING_THREADS)
    RETRIEVAL = ("retrieval", 2)
    PREFETCH = ("prefetch", 2)
    THUMBNAILS = ("thumbnails", 1)
    SUBMISSION = ("submission", 1)

    @property
    def threads(self) -> int:
        return self.value[1]


class Cancellation:
    """A flag that long work looks at between its steps; what can't look is told by a call (`calling`)."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    def cancel(self) -> None:
        with self._lock:
            self._event.set()
            calls = tuple(self._calls)
        for call in calls:
            call()

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """While the block runs, `cancel` calls this too, from its own thread; at once when it is cancelled already."""
        with self._lock:
            self._calls.append(call)
            late = self._event.is_set()
        try:
            if late:
                call()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled once cancelled."""
        if self._event.is_set():
            raise Cancelled(_("Cancelled"))

    def wait(self, seconds: float) -> bool:
        """Sleep at most `seconds`; True as soon as cancelled."""
        return self._event.wait(seconds)


@dataclass(frozen=True)
class Progress:
    """How far long work is: `done` of `total` units (`total` 0: not known), and what is being done.

    Of a transfer also the bytes that came, bytes per second, and the seconds it will still take; None: not known.
    """

    done: int
    total: int
    text: str = ""
    size: int = 0
    rate: float = 0.0
    remaining_s: float | None = None


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """A Report for callers who show nothing."""


class Workers:
    """The worker threads of the program, one set a lane; threads start with their lane's first work."""

    def __init__(self) -> None:
        self._queues: dict[Lane, queue.PriorityQueue[tuple[float, int, Callable[[], None] | None]]] = {
            lane: queue.PriorityQueue() for lane in Lane
        }
        self._threads: dict[Lane, list[threading.Thread]] = {lane: [] for lane in Lane}
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, lane: Lane, work: Callable[[], T], priority: float = 0) -> Future[T]:
        """Run `work` in the lane; lower `priority` goes first. `Future.cancel` withdraws what has not started."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - handed over whole to whoever asks for the result
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._queues[lane].put((priority, next(self._count), run))
            threads = self._threads[lane]
            if len(threads) < lane.threads:
                thread = threading.Thread(
                    target=self._serve, args=(lane,), name=f"{lane.value[0]}-{len(threads)}", daemon=True
                )
                threads.append(thread)
                thread.start()
        return future

    def _serve(self, lane: Lane) -> None:
        while True:
            _priority, _order, run = self._queues[lane].get()
            if run is None:
                return
            run()
            # an idle thread must not keep the images of its last work alive
            del run

    def close(self, wait: bool = True) -> None:
        """Let running work end, drop what has not started; threads that don't end within 10 s are left behind."""
        with self._lock:
            self._closed = True
            for lane, threads in self._threads.items():
                for _thread in threads:
                    self._queues[lane].put((float("-inf"), next(self._count), None))
        if wait:
            for threads in self._threads.values():
                for thread in threads:
                    if thread is not threading.current_thread():
                        thread.join(timeout=10)

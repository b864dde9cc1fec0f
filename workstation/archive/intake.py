"""From a fast source into the archive: the network is not held back by sealing, and sealing not by the disk.

Objects wait in a short queue; two threads take what has come and store it as one group. So the first object is durable
at once, and the longer a flush takes, the more objects share the next one.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from workstation.archive.archive import Archive
from workstation.archive.index import Refused, Stored

_WAITING_BYTES = 32 << 20
_GROUP_BYTES = 12 << 20
_THREADS = 2


Told = Callable[[Sequence[Stored | Refused]], None]


class Intake:
    """A context manager: `put` objects, from any thread, and when the block ends all of them are durable.

    Where `study_uid` is named, objects of other studies are not taken in.

    `told` hears what became of each group, from the sealing threads, as soon as it is durable. An error of these
    (DiskFull) is raised by the next `put` or `wait`, or at the end of the block.
    """

    def __init__(self, archive: Archive, told: Told = lambda _results: None, study_uid: str = "") -> None:
        self._archive = archive
        self._study_uid = study_uid
        self._told = told
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._pending: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._serve, name=f"sealing-{n}") for n in range(_THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        # what came before a cut is stored all the same; the cut is what the caller hears of
        if self._error is not None and error is None:
            raise self._error

    def put(self, data: bytes, stream: str = "") -> None:
        """Hand an object of a stream over; waits while more than 32 MiB wait to be sealed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < _WAITING_BYTES or self._error is not None)
            if self._error is not None:
                raise self._error
            self._waiting.append((stream, data))
            self._waiting_bytes += len(data)
            self._pending[stream] += 1
            self._changed.notify_all()

    def wait(self, stream: str) -> None:
        """Until all objects of the stream that were put are durable."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending[stream] or self._error is not None)
            del self._pending[stream]
            if self._error is not None:
                raise self._error

    def _serve(self) -> None:
        while group := self._take():
            try:
                self._told(self._archive.store([data for _stream, data in group], self._study_uid))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that puts
                with self._changed:
                    self._error = self._error or error
                    self._waiting.clear()
                    self._waiting_bytes = 0
                    self._changed.notify_all()
                return
            with self._changed:
                for stream, _data in group:
                    self._pending[stream] -= 1
                self._changed.notify_all()

    def _take(self) -> list[tuple[str, bytes]]:
        """What waits, up to a group; empty at the end."""
        group: list[tuple[str, bytes]] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended or self._error is not None)
            while self._waiting and size < _GROUP_BYTES:
                item = self._waiting.popleft()
                group.append(item)
                size += len(item[1])
            self._waiting_bytes -= size
            self._changed.notify_all()
        return group

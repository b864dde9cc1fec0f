"""From a fast source into the archive: the network is not held back by sealing, and sealing not by the disk.

Objects wait in a short queue; two threads take what has come and store it as one group. So the first object is durable
at once, and the longer a flush takes, the more objects share the next one.
"""

import threading
from collections import deque
from types import TracebackType
from typing import Self

from workstation.archive.archive import Archive
from workstation.archive.index import Refused, Stored

_WAITING_BYTES = 32 << 20
_GROUP_BYTES = 12 << 20
_THREADS = 2


class Intake:
    """A context manager: `put` objects, and when the block ends all of them are durable.

    An error of the sealing threads (DiskFull) is raised by the next `put`, or at the end of the block.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self._results: list[Stored | Refused] = []
        self._bytes = 0
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

    def put(self, data: bytes) -> None:
        """Hand an object over; waits while more than 32 MiB wait to be sealed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < _WAITING_BYTES or self._error is not None)
            if self._error is not None:
                raise self._error
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._changed.notify()

    @property
    def stored(self) -> tuple[int, int]:
        """How many objects are durable by now, and their bytes."""
        with self._changed:
            return len(self._results), self._bytes

    @property
    def results(self) -> list[Stored | Refused]:
        """What became of each object, in the order in which they became durable; whole after the block."""
        with self._changed:
            return list(self._results)

    def _serve(self) -> None:
        while group := self._take():
            try:
                results = self._archive.store(group)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that puts
                with self._changed:
                    self._error = self._error or error
                    self._waiting.clear()
                    self._waiting_bytes = 0
                    self._changed.notify_all()
                return
            with self._changed:
                self._results += results
                self._bytes += sum(len(data) for data in group)

    def _take(self) -> list[bytes]:
        """What waits, up to a group; empty at the end."""
        group: list[bytes] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended or self._error is not None)
            while self._waiting and size < _GROUP_BYTES:
                data = self._waiting.popleft()
                group.append(data)
                size += len(data)
            self._waiting_bytes -= size
            self._changed.notify_all()
        return group

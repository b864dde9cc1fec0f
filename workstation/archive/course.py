"""How far the pull of a study is: objects durable of those expected, bytes, their rate, and the time still needed."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from workstation.archive import ledger
from workstation.archive.archive import Archive
from workstation.archive.index import Refused, Stored
from workstation.jobs import Progress, Report
from workstation.language import _, number_text

# the rate is that of the last seconds: a line changes
_WINDOW_S = 10.0
_SAMPLE_S = 0.25
# before that much time any estimate is a guess
_FIRST_ESTIMATE_S = 1.0


class Course:
    """Progress of one study; what was here before counts as well. Thread-safe."""

    def __init__(
        self, archive: Archive, study_uid: str, report: Report, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._archive = archive
        self._study_uid = study_uid
        self._report = report
        self._clock = clock
        self._lock = threading.RLock()
        self._size = 0
        self._samples = deque([(clock(), 0, 0)])
        self._new = 0
        self.recount()

    def recount(self) -> None:
        """Take both numbers from the ledger, and tell them."""
        with self._archive.database.read() as cursor:
            total, done = ledger.counts(cursor, self._study_uid)
        with self._lock:
            self._total, self._done = total, done
            self._tell()

    def stored(self, results: Sequence[Stored | Refused]) -> None:
        """Objects became durable, or were found to be here or unreadable."""
        new = sum(isinstance(one, Stored) and one.outcome == "new" for one in results)
        with self._lock:
            self._size += sum(one.size for one in results)
            self._new += new
            self._done += new
            self._tell()

    @property
    def rate(self) -> float:
        """Bytes per second of late; 0 before anything came."""
        with self._lock:
            return self._speed()[0]

    def _speed(self) -> tuple[float, float]:
        """Bytes and new objects per second."""
        now = self._clock()
        while len(self._samples) > 2 and now - self._samples[1][0] > _WINDOW_S:
            self._samples.popleft()
        at, size, new = self._samples[0]
        if now - self._samples[-1][0] >= _SAMPLE_S:
            self._samples.append((now, self._size, self._new))
        took = max(now - at, 1e-3)
        return (self._size - size) / took, (self._new - new) / took

    def _tell(self) -> None:
        rate, objects = self._speed()
        total = max(self._total, self._done)
        left = total - self._done
        told = self._clock() - self._samples[0][0] >= _FIRST_ESTIMATE_S
        remaining = left / objects if objects and told else None
        text = _("{done} of {total} images, {size} MB").format(
            done=self._done, total=total, size=number_text(self._size / 1e6)
        )
        if left and remaining is not None:
            text = _("{progress}, {rate} MB/s, {time} left").format(
                progress=text, rate=number_text(rate / 1e6), time=_duration(remaining)
            )
        self._report(Progress(self._done, total, text, self._size, rate, remaining))


def _duration(seconds: float) -> str:
    if seconds < 90:
        count = max(1, round(seconds))
        return _("{count} s").format(count=count)
    if seconds < 90 * 60:
        count = round(seconds / 60)
        return _("{count} min").format(count=count)
    count = round(seconds / 3600)
    return _("{count} h").format(count=count)

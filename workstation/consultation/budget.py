"""What fetching ahead may use: hours of the day, bytes per second, and room in the archive."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from workstation.archive.index import Removed
from workstation.archive.retrieval import Admit
from workstation.consultation.keeping import Keeping
from workstation.errors import WorkstationError
from workstation.jobs import Cancellation
from workstation.language import _
from workstation.settings import Settings, hours_of

# room is made in pieces, so that the archive isn't asked for each object
_PIECE = 64 << 20


class NoRoom(WorkstationError):
    """The archive is full of what is wanted more."""


def in_hours(hours: tuple[int, int] | None, hour: int) -> bool:
    """Whether the hour of the day lies within; (20, 7) goes over midnight, (8, 8) is the whole day."""
    if hours is None:
        return True
    begin, end = hours
    return begin <= hour < end if begin < end else (hour >= begin or hour < end)


class Budget:
    """The budget of one desk. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        keeping: Keeping,
        clock: Callable[[], float] = time.monotonic,
        hour: Callable[[], int] = lambda: datetime.now().hour,  # noqa: DTZ005 - the hour on the reader's wall
    ) -> None:
        self._keeping = keeping
        self._rate = settings.prefetch_limit_mb_s * 1e6
        self._hours = hours_of(settings.prefetch_hours)
        self._clock = clock
        self._hour = hour
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def is_time(self) -> bool:
        """Whether this is an hour to fetch ahead."""
        return in_hours(self._hours, self._hour())

    def admit(
        self,
        ahead: Callable[[], bool],
        spared: Callable[[], Iterable[str]],
        removed: Callable[[list[Removed]], None],
        cancellation: Cancellation,
    ) -> Admit:
        """The Admit of one pull, which raises NoRoom and cancels it when its hours are over.

        No budget holds while it is not `ahead` of need. `spared` are the studies that are wanted as much or more,
        `removed` hears what made room.
        """
        # counted down here: what is on its way to the disk is not in the archive's own count yet
        room = self._keeping.room

        def admit(size: int) -> None:
            nonlocal room
            if not ahead():
                return
            if not self.is_time:
                cancellation.cancel()
                return
            with self._lock:
                if room is not None:
                    if size > room:
                        room += self._made_room(size - room, spared(), removed)
                    room -= size
                wait = self._reserved(size)
            if wait > 0:
                cancellation.wait(wait)

        return admit

    def _made_room(self, size: int, spared: Iterable[str], removed: Callable[[list[Removed]], None]) -> int:
        """Bytes of room made: a piece at once where that is possible, else as much as the object needs."""
        kept = set(spared)
        for needed in (size + _PIECE, size):
            gone = self._keeping.give_up(needed, kept)
            if gone is not None:
                removed(gone)
                return sum(one.size for one in gone)
        raise NoRoom(
            _("The archive is full"),
            _("all that is in it is wanted more than what would be fetched ahead"),
            _("Raise archive_limit_gb, or unpin studies."),
        )

    def _reserved(self, size: int) -> float:
        """Seconds to wait after so many bytes, for the mean rate to be kept."""
        if not self._rate:
            return 0.0
        now = self._clock()
        self._free_at = max(now, self._free_at) + size / self._rate
        return self._free_at - now

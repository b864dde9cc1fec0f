"""Telling listeners what changed: not more often than they can want to know, never an old state after a newer one."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_TELL_S = 0.1


class Telling(Generic[T]):
    """Calls listeners with the state of the moment, from whatever thread it changes in. Thread-safe."""

    def __init__(self, state: Callable[[], T]) -> None:
        self._state = state
        self._listeners: list[Callable[[T], None]] = []
        self._lock = threading.Lock()
        # a listener may cause the next change itself
        self._one_at_a_time = threading.RLock()
        self._told_at = 0.0
        self._later: threading.Timer | None = None
        self._closed = False

    def listen(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call back on every change; the returned function ends it."""
        with self._lock:
            self._listeners.append(callback)

        def stop() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def tell(self) -> None:
        """Tell at once."""
        with self._lock:
            if self._closed:
                return
            self._told_at = time.monotonic()
            if self._later is not None:
                self._later.cancel()
                self._later = None
        with self._one_at_a_time:
            state = self._state()
            with self._lock:
                listeners = tuple(self._listeners)
            for listener in listeners:
                listener(state)

    def tell_soon(self) -> None:
        """Tell at once, or a moment later together with what changes until then."""
        with self._lock:
            if self._closed or self._later is not None:
                return
            if time.monotonic() - self._told_at < _TELL_S:
                self._later = threading.Timer(_TELL_S, self.tell)
                self._later.daemon = True
                self._later.start()
                return
        self.tell()

    def close(self) -> None:
        """Tell nobody any more."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            if self._later is not None:
                self._later.cancel()

"""The way back from the workers to the thread of the event loop."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal


class MainThread(QObject):
    """Runs what workers hand over on the thread of the event loop, in the order it came."""

    _posted = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._closed = False
        self._posted.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, work: Callable[[], None]) -> None:
        """Run it soon; called from any thread."""
        # a worker may be between the question and the signal when the object is closed and deleted
        with self._lock:
            if not self._closed:
                self._posted.emit(work)

    def close(self) -> None:
        """Drop what is still on its way."""
        with self._lock:
            self._closed = True

    def _run(self, work: Callable[[], None]) -> None:
        if not self._closed:
            work()

"""Asking the server for the worklist: one call at a time; a long list shows its progress and its rows as they come."""

import time

from PySide6.QtCore import QObject, Qt, Signal

from workstation.consultation.desk import Desk
from workstation.errors import Cancelled, WorkstationError
from workstation.jobs import Cancellation, Lane, Progress
from workstation.language import _
from workstation.ui.background import Activity, Background
from workstation.ui.worklist.model import CaseTableModel

# shorter calls are no work to speak of
_LONG_S = 1.0


class Refreshing(QObject):
    """The calls of one desk. `done` when the list is up to date or the reader stopped it, `failed` with the error."""

    done = Signal()
    failed = Signal(object)
    _told = Signal(object)

    def __init__(self, desk: Desk, background: Background, model: CaseTableModel) -> None:
        super().__init__()
        self._desk = desk
        self._background = background
        self._model = model
        self._running = False
        self._activity: Activity | None = None
        self._began = self._shown = 0.0
        self._cancellation = Cancellation()
        self._told.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def start(self, asked: bool = False) -> None:
        """Bring the list up to date, unless that is under way; `asked`: on the reader's word."""
        if self._running:
            return
        self._running = True
        self._began = self._shown = time.monotonic()
        self._cancellation = cancellation = Cancellation()

        def read() -> int:
            return self._desk.refresh(cancellation, self._told.emit, asked)

        def ended() -> None:
            self._running = False
            if self._activity is not None:
                self._background.end(self._activity)
                self._activity = None

        def done(_count: int) -> None:
            ended()
            self.done.emit()

        def failed(error: WorkstationError) -> None:
            ended()
            if isinstance(error, Cancelled):
                self.done.emit()
            else:
                self.failed.emit(error)

        self._background.run(Lane.RETRIEVAL, read, done, failed)

    def stop(self) -> None:
        """Let the server be: what came so far is kept."""
        self._cancellation.cancel()

    def _show(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self._running or now - self._began < _LONG_S:
            return
        if self._activity is None:
            self._activity = self._background.follow(_("Worklist"), self.stop)
        self._background.tell(self._activity, progress)
        if now - self._shown > _LONG_S:
            self._shown = now
            self._model.reload()

"""The real window under the stopwatch: a deed, and the moment its result is on the screen with the right pixels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
from PySide6.QtCore import QEventLoop, QObject, QPoint, QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from benchmarks.waves import STEP_MM, value_at
from workstation.archive.archive import Archive
from workstation.consultation.desk import Desk
from workstation.dicom import decoder_processes
from workstation.imaging.voi import Window
from workstation.iris.wire import Wire
from workstation.jobs import Workers
from workstation.settings import Settings
from workstation.ui.application import qt_application
from workstation.ui.viewer.canvas import Canvas
from workstation.ui.viewer.panel import ViewerPanel
from workstation.ui.window import DeskWindow

LIMIT_S = 30
KEY = bytes(range(32))


class WrongPicture(AssertionError):
    """What was painted is not what was asked for; the timing counts for nothing."""


class Bench:
    """One window of the workstation and its stopwatch."""

    def __init__(self, window: DeskWindow, desk: Desk) -> None:
        self.window = window
        self.desk = desk
        self.longest_block = self.longest_work = 0.0
        self._last_beat = self._last_work = 0.0
        self._beat = QTimer()
        self._beat.setInterval(2)
        self._beat.timeout.connect(self._on_beat)

    @property
    def viewer(self) -> ViewerPanel:
        return self.window.reading.viewer

    def timed(self, deed: Callable[[], object], done: Callable[[], bool]) -> float:
        """Milliseconds from the deed until `done`, which is asked after each paint and each arrival of images."""
        began = perf_counter()
        deed()
        self.wait(done)
        return (perf_counter() - began) * 1000

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the window work until `done`, as its own event loop would: no polling that competes with the workers."""
        loop = QEventLoop()

        def look(*_told: object) -> None:
            if done():
                loop.quit()

        def opened() -> None:
            session = self.viewer.session
            if session is not None:
                session.views.progress_changed.connect(look, check_nargs=False)
            look()

        guard = QTimer()
        guard.setSingleShot(True)
        guard.timeout.connect(loop.quit)
        guard.start(LIMIT_S * 1000)
        links = [
            self.viewer.painted.connect(look),
            self.viewer.case_opened.connect(opened),
            self.window.worklist.model.loaded.connect(look),
        ]
        session = self.viewer.session
        if session is not None:
            session.views.progress_changed.connect(look, check_nargs=False)
        try:
            if not done():
                loop.exec()
        finally:
            for link in links:
                QObject.disconnect(link)
            session = self.viewer.session
            if session is not None:
                session.views.progress_changed.disconnect(look, missing_ok=True)
        if not done():
            raise WrongPicture(f"nothing came in {LIMIT_S} s")

    def rest(self, milliseconds: int = 60) -> None:
        QTest.qWait(milliseconds)

    def settle(self) -> None:
        """Until everything asked for is painted, and what follows the paint is done."""
        self.rest()
        self.wait(lambda: self.viewer.is_loaded() and self.viewer.is_settled())

    def open(self, case_uid: str) -> tuple[float, float]:
        """Open a case: milliseconds to its first picture, and until all its images are usable."""
        began = perf_counter()
        self.window.open_case(case_uid)
        self.wait(self.viewer.is_settled)
        first = (perf_counter() - began) * 1000
        self.wait(lambda: self.viewer.is_loaded() and self.viewer.is_settled())
        everything = (perf_counter() - began) * 1000
        for canvas in self.visible():
            self.check(canvas)
        return first, everything

    def close_case(self) -> None:
        self.window.reading.close_case()
        self.rest()

    def visible(self) -> list[Canvas]:
        return [canvas for canvas in self.viewer.canvases if not canvas.isHidden()]

    def size_viewer(self, width: int, height: int) -> None:
        """Give all viewports together this size."""
        shell = self.window.shell
        for _again in range(3):
            grid = self.viewer.grid
            shell.resize(shell.width() + width - grid.width(), shell.height() + height - grid.height())
            self.rest(20)
        self.settle()

    def check(self, canvas: Canvas) -> None:
        """Compare what stands on the screen with the formula. Raises WrongPicture.

        Of the parallel planes about the one asked for, that one must fit best; letters and lines cover few pixels.
        """
        picture = canvas.picture
        if picture is None or picture.missing or not isinstance(picture.voi, Window):
            raise WrongPicture("no picture")
        shell = self.window.shell
        at = canvas.mapTo(shell, QPoint(0, 0))
        grabbed = shell.screen().grabWindow(shell.winId(), at.x(), at.y(), canvas.width(), canvas.height())
        image = grabbed.toImage().convertToFormat(QImage.Format.Format_Grayscale8)
        grey = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        state = picture.state
        columns, rows = np.meshgrid(
            np.linspace(0.3 * state.width, 0.7 * state.width, 60).astype(int),
            np.linspace(0.3 * state.height, 0.7 * state.height, 60).astype(int),
        )
        right, down = (np.array(axis) for axis in state.axes)
        points = np.array(state.centre) + state.mm_per_pixel * (
            (columns - (state.width - 1) / 2)[..., None] * right + (rows - (state.height - 1) / 2)[..., None] * down
        )
        seen = grey[rows, columns].astype(float)
        # outside of the volume it is black, inside nowhere
        inside = seen > 20
        if np.count_nonzero(inside) < 60:
            raise WrongPicture(f"{state.kind.value}: black")
        low = picture.voi.center - picture.voi.width / 2
        half = state.slab.thickness_mm / 2
        depths = np.arange(-half, half + 0.1, 0.5)

        def misfit(offset: float) -> float:
            values = np.stack([value_at(points + np.array(state.normal) * (offset + d)) for d in depths])
            level = np.clip((values.max(axis=0) - low) / picture.voi.width * 255, 0, 255)
            return float(np.median(np.abs(level - seen)[inside]))

        misfits = {offset: misfit(offset * STEP_MM) for offset in (-2, -1, 0, 1, 2)}
        limit = 3.0 if half == 0 else 8.0
        if misfits[0] > limit or (half == 0 and min(misfits, key=lambda offset: misfits[offset]) != 0):
            raise WrongPicture(f"{state.kind.value}: off by {misfits}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note how long the main thread is away from its events meanwhile: `longest_block`, in milliseconds.

        `longest_work` is the same in the thread's own processor time, without its waits for processor and interpreter.
        """
        self.longest_block = self.longest_work = 0.0
        self._last_beat, self._last_work = perf_counter(), thread_time()
        self._beat.start()
        try:
            yield
        finally:
            self._beat.stop()

    def _on_beat(self) -> None:
        now, work = perf_counter(), thread_time()
        self.longest_block = max(self.longest_block, (now - self._last_beat) * 1000 - self._beat.interval())
        self.longest_work = max(self.longest_work, (work - self._last_work) * 1000)
        self._last_beat, self._last_work = now, work


@contextmanager
def opened_bench(folder: Path, wire: Wire | None, size: tuple[int, int] = (1600, 1000)) -> Iterator[Bench]:
    """The desk's window on the archive in `folder`, on the screen and at rest."""
    app: QApplication = qt_application()
    settings = Settings(data_dir=folder, language="en", poll_seconds=3600, prefetch=False)
    with Archive.open(folder, KEY) as archive, decoder_processes.opened():
        workers = Workers()
        desk = Desk(archive, wire, settings)
        window = DeskWindow(desk, workers, settings)
        try:
            window.shell.resize(*size)
            window.shell.show()
            window.worklist.model.reload()
            app.processEvents()
            yield Bench(window, desk)
        finally:
            window.close()
            window.shell.close()
            QTest.qWait(10)
            workers.close()
            window.shell.deleteLater()
            window.deleteLater()
            QTest.qWait(10)

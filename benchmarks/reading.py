"""A case in the archive: opening, scrolling, windows, three planes, slabs; and whether the window stays awake."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from benchmarks.figures import Figure
from benchmarks.hands import Bench, opened_bench
from benchmarks.peers import BareWidget, SequentialReslice, pydicom_volume
from benchmarks.server import OHIF_ALL, case_of
from benchmarks.waves import WaveSeries
from workstation.imaging.reslice import Slab
from workstation.ui.tour.hands import Hands
from workstation.ui.viewer.canvas import Canvas
from workstation.ui.viewer.grid import GAP
from workstation.viewing.viewports import Viewports

SMALL, LARGE = (788, 488), (1900, 1200)


def measure(folder: Path, series: WaveSeries, repeat: int, steps: int) -> list[Figure]:
    """All figures of reading. `folder` holds the archive with the case; `steps` is how often a quick deed is timed."""
    loops, volume = [], np.zeros((0, 0, 0), np.int16)
    figures: list[Figure] = []
    for _run in range(repeat):
        took, volume = pydicom_volume(series.files)
        loops.append(took)
    with opened_bench(folder, None) as bench:
        reading = Reading(bench, SequentialReslice(volume, series), volume, repeat, steps)
        figures += reading.opening(tuple(loops))
        for size in (SMALL, LARGE):
            figures += reading.scrolling(size)
        figures += reading.planes(tuple(loops))
        for size, aim in ((SMALL, 30.0), (LARGE, 130.0)):
            figures += reading.slab(size, aim)
    return figures


class Reading:
    """The open case under the stopwatch."""

    def __init__(
        self, bench: Bench, reslice: SequentialReslice, volume: NDArray[np.int16],
        repeat: int, steps: int,
    ) -> None:  # fmt: skip
        self._bench = bench
        self._hands = Hands(bench.window.shell)
        self._reslice = reslice
        self._volume = volume
        self._repeat = repeat
        self._steps = steps
        self._case = case_of(bench)

    def opening(self, loops: tuple[float, ...]) -> list[Figure]:
        """The case again and again; and how long the main thread is away meanwhile."""
        bench = self._bench
        first, usable, blocks = [], [], []
        bench.open(self._case)
        for _run in range(self._repeat):
            bench.close_case()
            with bench.watched():
                one, whole = bench.open(self._case)
                for _step in range(10):
                    self._press("Down")
            first.append(one)
            usable.append(whole)
            blocks.append(bench.longest_block)
        peer = "pydicom loop over plain files"
        return [
            Figure("open from the archive → first picture painted", tuple(first), 100, "ms", "median", peer, loops),
            Figure(
                "open from the archive → all slices usable", tuple(usable), OHIF_ALL / 4, "ms", "median", peer, loops
            ),
            Figure("main thread away from its events, opening and scrolling", tuple(blocks), 50, "ms", "most"),
        ]

    def scrolling(self, size: tuple[int, int]) -> list[Figure]:
        """Key to painted slice, and window drag, one viewport."""
        bench, name = self._bench, f"{size[0]}×{size[1]}"
        self._show_alone(size)
        self._press("Home")
        taken = [self._press("Down") for _step in range(self._steps)]
        bench.check(bench.visible()[0])
        widget = BareWidget(self._volume, *size)
        bare = [widget.milliseconds() for _step in range(self._steps)]
        widget.close()
        widget.deleteLater()
        peer = "QWidget: lookup and paint alone"
        small = size == SMALL
        found = [
            Figure(f"next slice, key → painted, {name}", tuple(taken), None, "ms", "median", peer, tuple(bare)),
            Figure(
                f"next slice, key → painted, {name}", tuple(taken), 4 if small else 10, "ms", "p95", peer, tuple(bare)
            ),
        ]
        canvas = bench.visible()[0]
        self._press("W")
        dragged = self._drag(canvas, lambda n: QPoint(size[0] // 2 + n, size[1] // 2 + n // 2))
        bench.check(canvas)
        self._press("R")
        aim = 4.0 if small else None
        return [*found, Figure(f"window drag, a step → painted, {name}", tuple(dragged), aim)]

    def _show_alone(self, size: tuple[int, int]) -> None:
        """The stack in a viewport of this size; a small one is a quarter of the window, which can't be as small."""
        small = size == SMALL
        self._bench.viewer.run("layout.2x2" if small else "layout.1x1")
        self._bench.size_viewer(*((2 * each + GAP for each in size) if small else size))
        shown = self._bench.visible()[0].size()
        assert (shown.width(), shown.height()) == size, shown

    def planes(self, loops: tuple[float, ...]) -> list[Figure]:
        """Three planes, each at least 788×488: from the volume, from cold, and the crosshair drawn through them."""
        bench = self._bench
        bench.size_viewer(2 * SMALL[0] + GAP, 2 * SMALL[1] + GAP)
        asked = []
        for _run in range(self._repeat):
            asked.append(self._press("M"))
            for canvas in bench.visible():
                bench.check(canvas)
            self._press("M")
        cold = []
        for _run in range(self._repeat):
            bench.close_case()
            cold.append(bench.timed(self._open_in_planes, self._planes_painted))
            bench.settle()
            self._press("M")
        self._press("M")
        states = [viewport.state for viewport in self._views().all]
        peer = "vtkImageReslice alone, sequential"
        sampled = tuple(self._reslice.milliseconds(states) for _run in range(max(self._repeat, 5)))
        self._press("C")
        canvas = bench.visible()[0]
        size = canvas.size()
        dragged = self._drag(canvas, lambda n: QPoint(size.width() // 2 + 2 * n, size.height() // 2 + n))
        for shown in bench.visible():
            bench.check(shown)
        scrolled = [self._press("Down") for _step in range(self._steps)]
        self._press("M")
        return [
            Figure("three planes asked → painted, from the volume", tuple(asked), 150, "ms", "median", peer, sampled),
            Figure(
                "three planes asked → complete, case closed before", tuple(cold), 1200, "ms", "median",
                "pydicom loop over plain files", loops,
            ),
            Figure("crosshair drag, a step → planes painted", tuple(dragged), 10, "ms", "median", peer, sampled),
            Figure("scroll in one of three planes", tuple(scrolled), 10, "ms", "median"),
        ]  # fmt: skip

    def slab(self, size: tuple[int, int], aim: float) -> list[Figure]:
        """An oblique plane alone on the screen, thin and as a 10 mm MIP: a scroll step to painted."""
        bench, name = self._bench, f"{size[0]}×{size[1]}"
        session = bench.viewer.session
        assert session is not None
        self._press("M")
        number = 1
        views = session.views
        centre = views[number].state.centre
        views.show(number, views[number].state.tilted((1.0, 0.0, 0.0), 0.35, centre))
        views.show(number, views[number].state.tilted((0.0, 0.0, 1.0), 0.25, centre))
        views.activate(number)
        if size == SMALL:
            bench.size_viewer(*(2 * each + GAP for each in size))
        else:
            bench.viewer.run("layout.maximise")
            bench.size_viewer(*size)
        canvas = bench.viewer.canvases[number]
        assert (canvas.width(), canvas.height()) == size, canvas.size()
        found = []
        peer = "vtkImageReslice alone, sequential"
        for slab, what, limit in ((Slab(), "oblique plane", None), (Slab(10, "mip"), "oblique 10 mm MIP", aim)):
            session.move.set_slab(number, slab)
            bench.settle()
            state = views[number].state
            taken, sampled = [], []
            for _step in range(max(self._repeat, 5)):
                taken.append(self._press("Down"))
                sampled.append(self._reslice.milliseconds([state]))
            bench.check(canvas)
            found.append(Figure(f"{what}, {name}", tuple(taken), limit, "ms", "median", peer, tuple(sampled)))
        session.move.set_slab(number, Slab())
        if size != SMALL:
            bench.viewer.run("layout.maximise")
        bench.settle()
        self._press("M")
        return found

    def _press(self, key: str) -> float:
        viewer = self._bench.viewer
        return self._bench.timed(lambda: self._hands.press(key, viewer), viewer.is_settled)

    def _drag(self, canvas: Canvas, place: Callable[[int], QPoint]) -> list[float]:
        """Milliseconds from each move of the mouse, with its left button held, to the pictures it asked for."""
        self._mouse(canvas, QEvent.Type.MouseButtonPress, place(0))
        # until it has gone some pixels, a press may still become a click
        start = 9
        self._mouse(canvas, QEvent.Type.MouseMove, place(start))
        self._bench.settle()
        taken = []
        for number in range(1, self._steps + 1):
            before = self._asked()
            taken.append(
                self._bench.timed(
                    partial(self._mouse, canvas, QEvent.Type.MouseMove, place(start + 3 * number)),
                    lambda before=before: self._asked() != before and self._bench.viewer.is_settled(),
                )
            )
        self._mouse(canvas, QEvent.Type.MouseButtonRelease, place(start + 3 * self._steps))
        self._bench.settle()
        return taken

    def _asked(self) -> list[int]:
        return [viewport.asked for viewport in self._views().all]

    @staticmethod
    def _mouse(canvas: Canvas, kind: QEvent.Type, at: QPoint) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        button = none if kind is QEvent.Type.MouseMove else left
        held = none if kind is QEvent.Type.MouseButtonRelease else left
        point = QPointF(at)
        event = QMouseEvent(kind, point, canvas.mapToGlobal(point), button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(canvas, event)

    def _open_in_planes(self) -> None:
        viewer = self._bench.viewer
        viewer.case_opened.connect(viewer.show_mpr, type=Qt.ConnectionType.SingleShotConnection)
        self._bench.window.open_case(self._case)

    def _planes_painted(self) -> bool:
        viewer = self._bench.viewer
        return viewer.is_loaded() and viewer.is_settled() and len(self._bench.visible()) == 3

    def _views(self) -> Viewports:
        session = self._bench.viewer.session
        assert session is not None
        return session.views

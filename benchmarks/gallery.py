"""`python -m benchmarks.gallery LANGUAGE DIR`: close pictures of the viewer for the guide, on the phantom of a CT.

What the demonstration has none of (a segmentation, a stored view, a dose report) comes from `companions`.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = (1120, 720)
LIMIT_S = 60


class Gallery:
    """One viewer on the phantom, and a camera."""

    def __init__(self, folder: Path, language: str, workers: Any) -> None:
        from benchmarks.companions import companions
        from workstation.cli.demo import cache
        from workstation.demo.phantoms import ensure_phantoms
        from workstation.dicom.parsing import parse_instance
        from workstation.jobs import silent
        from workstation.ui.viewer.panel import ViewerPanel

        self._folder = folder
        self._language = language
        study = ensure_phantoms(cache("phantoms"), silent).study("ct-main")
        self._nodule = study.truth["nodules"][0]
        raw = [*(file.read_bytes() for file in study.files), *companions(study, language)]
        parsed = [parse_instance(each) for each in raw]
        data = {instance.sop_instance_uid: each for instance, each in zip(parsed, raw, strict=True)}
        self.viewer = ViewerPanel(workers)
        self.viewer.resize(*SIZE)
        self.viewer.show()
        self.viewer.open_case(parsed, [], data.__getitem__)
        self.settle()

    def until(self, true: Callable[[], bool]) -> None:
        from PySide6.QtWidgets import QApplication

        end = time.monotonic() + LIMIT_S
        while not true():
            if time.monotonic() > end:
                raise TimeoutError("the viewer doesn't come to rest")
            QApplication.processEvents()
            time.sleep(0.002)

    def settle(self) -> None:
        rest = time.monotonic() + 0.3
        self.until(lambda: time.monotonic() > rest and self.viewer.is_loaded() and self.viewer.is_settled())

    def run(self, *commands: str) -> None:
        for command in commands:
            if not self.viewer.run(command):
                raise RuntimeError(f"{command} can't be run")
            self.settle()

    def save(self, name: str, over: Any = None) -> None:
        """The viewer as it stands, with a menu that is open over it."""
        from PySide6.QtCore import QPoint
        from PySide6.QtGui import QPainter

        picture = self.viewer.grab()
        if over is not None:
            painter = QPainter(picture)
            # where a large screen would have it: that of the offscreen platform pushes it over the finding
            at = QPoint(self.viewer.width() - over.width() - 24, self.viewer.height() // 8)
            painter.drawPixmap(at, over.grab())
            painter.end()
        picture.save(str(self._folder / f"{name}-{self._language}.png"))

    def go_to_nodule(self, zoom: float) -> None:
        """Its middle slice, in lung windows, with the nodule in the middle of the picture."""
        session = self.viewer.session
        assert session is not None
        stack = session.views.stack(0)
        assert stack is not None
        self.run("view.reset", "window.1")
        session.move.go_to(0, stack.nearest(tuple(self._nodule["centre_lps_mm"])))
        self.settle()
        canvas = self.viewer.canvases[0]
        x, y = self._at(0.0, 0.0)
        session.move.pan(0, canvas.width() / 2 - x, canvas.height() / 2 - y)
        session.move.zoom(0, zoom, canvas.width() / 2, canvas.height() / 2)
        self.settle()

    def _at(self, right_mm: float, down_mm: float) -> tuple[float, float]:
        """A spot beside the middle of the nodule, in pixels of the first viewport."""
        picture = self.viewer.canvases[0].picture
        assert picture is not None
        x, y, z = self._nodule["centre_lps_mm"]
        found = picture.state.plane.lps_to_pixel((x + right_mm, y + down_mm, z))
        return float(found[0]), float(found[1])

    def click(self, *spots: tuple[float, float]) -> None:
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest

        for right_mm, down_mm in spots:
            x, y = self._at(right_mm, down_mm)
            QTest.mouseClick(self.viewer.canvases[0], Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
        self.settle()

    # the pictures

    def measuring(self) -> None:
        self.go_to_nodule(6.0)
        half = self._nodule["diameter_mm"] / 2
        self.run("tool.length")
        self.click((-half, 0), (half, 0))
        self.run("tool.ellipse")
        self.click((20, -7), (32, 5))
        self.run("tool.angle")
        self.click((-24, -14), (-14, -6), (-24, 2))
        self.run("tool.window")
        self.save("measuring")
        session = self.viewer.session
        assert session is not None
        for drawing in session.store.drawings:
            session.store.remove(drawing.tracking_uid)

    def menu(self) -> None:
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        self.run("view.reset", "view.presentation")
        canvas = self.viewer.canvases[0]
        spot = QPoint(canvas.width() * 2 // 5, canvas.height() // 12)
        QTest.mouseClick(canvas, Qt.MouseButton.RightButton, pos=spot)
        opened = QApplication.activePopupWidget()
        self.until(lambda: opened is not None and opened.isVisible())
        self.save("menu", opened)
        assert opened is not None
        opened.close()
        self.run("view.presentation")

    def document(self) -> None:
        self.run("layout.1x2")
        session = self.viewer.session
        assert session is not None
        session.views.activate(1)
        session.next_document()
        self.until(lambda: self.viewer.beside.view.text.toPlainText() != "")
        self.settle()
        self.save("document")
        self.viewer.beside.close()
        self.run("layout.1x1")

    def segments(self) -> None:
        self.go_to_nodule(1.0)
        self.run("layers.toggle")
        layers = self.viewer.session.case.layers if self.viewer.session is not None else None
        assert layers is not None
        self.until(lambda: all(layer.loaded is not None for layer in layers.all))
        self.run("layout.mpr")
        session = self.viewer.session
        assert session is not None
        for number in range(3):
            canvas = self.viewer.canvases[number]
            middle = canvas.width() / 2, canvas.height() / 2
            x, y = session.reformats.crosshair_pixel(number)
            session.move.pan(number, middle[0] - x, middle[1] - y)
            self.settle()
        # the planes are linked: all of them grow
        session.move.zoom(0, 3.0, self.viewer.canvases[0].width() / 2, self.viewer.canvases[0].height() / 2)
        self.settle()
        self.save("segments")

    def close(self) -> None:
        self.viewer.close_case()
        self.viewer.close()


def main() -> int:
    """Write the four pictures of one language."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    language, folder = sys.argv[1], Path(sys.argv[2])
    from workstation.dicom import decoder_processes
    from workstation.jobs import Workers
    from workstation.language import set_language
    from workstation.ui.application import qt_application

    set_language(language)
    qt_application()
    with decoder_processes.opened():
        workers = Workers()
        gallery = Gallery(folder, language, workers)
        for shot in (gallery.measuring, gallery.menu, gallery.document, gallery.segments):
            shot()
        gallery.close()
        workers.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

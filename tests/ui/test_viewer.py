"""The viewer as a widget, driven by mouse and keys, judged by what is painted."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from workstation.dicom.content import KeyImage, Measurement, StudyHeader
from workstation.imaging.voi import Window
from workstation.ui.viewer.canvas import Canvas
from workstation.ui.viewer.overlay import Look, Overlay
from workstation.ui.viewer.panel import ViewerPanel

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton


@dataclass
class Viewer:
    """The panel under test, and a way to wait for what it paints."""

    app: QApplication
    panel: ViewerPanel
    until: Callable[..., None]

    def settle(self) -> None:
        self.until(lambda: self.panel.is_loaded() and self.panel.is_settled())

    def open(self, current: Any, *priors: Any, **kept: Any) -> None:
        data = dict(current.data)
        for prior in priors:
            data.update(prior.data)
        studies = [PriorStudy(prior.instances[0].study, prior.instances) for prior in priors]
        self.panel.open_case(current.instances, studies, data.__getitem__, **kept)
        self.settle()

    def canvas(self, number: int = 0) -> Canvas:
        return self.panel.canvases[number]

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.panel, key, held)
        self.settle()

    def drag(self, canvas: Canvas, start: QPoint, *to: QPoint, button: Qt.MouseButton = LEFT) -> None:
        QTest.mousePress(canvas, button, pos=start)
        for point in to:
            QTest.mouseMove(canvas, point)
        QTest.mouseRelease(canvas, button, pos=to[-1])
        self.settle()

    def click(self, canvas: Canvas, at: QPoint) -> None:
        QTest.mouseClick(canvas, LEFT, pos=at)
        QTest.qWait(QApplication.doubleClickInterval() + 20)

    def painted(self, canvas: Canvas) -> Any:
        """What is on the screen, without overlays: the picture of the request that was painted last."""
        picture = canvas.picture
        assert picture is not None
        assert picture.request.id == canvas.painted_request
        return picture


@dataclass(frozen=True)
class PriorStudy:
    header: StudyHeader
    instances: Any
    reason: str = ""


@pytest.fixture
def viewer(app: QApplication, panel: ViewerPanel, until: Callable[..., None]) -> Viewer:
    return Viewer(app, panel, until)


def edges(profile: Any) -> tuple[float, float]:
    """First and last passing of middle grey, between pixels."""
    values = profile.astype(float)
    above = np.flatnonzero(values > 127)
    first, last = int(above[0]), int(above[-1])
    rise = (127.5 - values[first - 1]) / (values[first] - values[first - 1])
    fall = (values[last] - 127.5) / (values[last] - values[last + 1])
    return first - 1 + rise, last + fall


def half_way(viewer: Viewer) -> None:
    """Middle grey where the picture is half way between ball and air, which is where the surface is."""
    session = viewer.panel.session
    assert session is not None
    session.move.set_window(session.views.active, Window(-350, 900, "LINEAR_EXACT"))
    viewer.settle()


def spot(x: float, y: float) -> QPoint:
    """Device pixel with centres at integers to the logical pixel that holds it, at a ratio of 1."""
    return QPoint(round(x), round(y))


def test_a_length_over_the_ball_is_its_diameter(viewer: Viewer, balls: Any) -> None:
    series = balls.ball_series()
    told: list[tuple[Measurement, ...]] = []
    viewer.panel.measurements_changed.connect(told.append)
    viewer.open(series)
    half_way(viewer)
    canvas = viewer.canvas()
    picture = viewer.painted(canvas)
    _x, y = picture.state.plane.lps_to_pixel(series.centre)
    left, right = edges(picture.pixels[round(y)])
    viewer.key(Qt.Key.Key_L)
    viewer.drag(canvas, spot(left, y), spot(200, y), spot(right, y))
    measurement = told[-1][0]
    assert measurement.primary.value == pytest.approx(2 * series.radius, abs=0.5)
    assert measurement.anchor.plane == "stack"
    assert measurement.study_date == "20260110"


def test_a_length_in_the_sagittal_plane_of_a_tilted_volume_is_the_diameter(viewer: Viewer, balls: Any) -> None:
    series = balls.ball_series(tilt_degrees=20.0)
    viewer.open(series)
    viewer.key(Qt.Key.Key_M)
    half_way(viewer)
    session = viewer.panel.session
    assert session is not None
    canvas = viewer.canvas(2)
    picture = viewer.painted(canvas)
    x, y = picture.state.plane.lps_to_pixel(series.centre)
    viewer.key(Qt.Key.Key_L)
    for row in (False, True):
        first, last = edges(picture.pixels[round(y)] if row else picture.pixels[:, round(x)])
        a, b = (spot(first, y), spot(last, y)) if row else (spot(x, first), spot(x, last))
        viewer.drag(canvas, a, (a + b) / 2, b)
    along_head, along_table = session.store.measurements()
    assert along_head.primary.value == pytest.approx(2 * series.radius, abs=0.5)
    assert along_table.primary.value == pytest.approx(2 * series.radius, abs=0.5)
    assert along_head.anchor.plane == "sagittal"


def test_two_clicks_draw_a_length_too(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    viewer.key(Qt.Key.Key_L)
    canvas = viewer.canvas()
    viewer.click(canvas, QPoint(100, 100))
    QTest.mouseMove(canvas, QPoint(180, 160))
    viewer.click(canvas, QPoint(200, 100))
    session = viewer.panel.session
    assert session is not None
    mm = session.views[0].state.mm_per_pixel
    assert session.store.measurements()[0].primary.value == pytest.approx(100 * mm)


def test_keys_wheel_and_slider_scroll(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    canvas = viewer.canvas()
    shown = [viewer.painted(canvas).state.index]
    for key in (Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_Up, Qt.Key.Key_Home, Qt.Key.Key_End):
        viewer.key(key)
        shown.append(viewer.painted(canvas).state.index)
    wheel(viewer, canvas, 240)
    shown.append(viewer.painted(canvas).state.index)
    QTest.mouseClick(canvas, LEFT, pos=QPoint(canvas.width() - 6, canvas.height() // 4))
    viewer.settle()
    shown.append(viewer.painted(canvas).state.index)
    assert shown == [20, 21, 31, 30, 0, 39, 37, 9]


def wheel(viewer: Viewer, canvas: Canvas, angle: int) -> None:
    at = QPointF(100, 100)
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)
    viewer.settle()


def test_the_painted_pixels_are_those_of_the_slice(viewer: Viewer, balls: Any) -> None:
    series = balls.ball_series()
    viewer.open(series)
    viewer.key(Qt.Key.Key_Down)
    canvas = viewer.canvas()
    picture = viewer.painted(canvas)
    grabbed = canvas.grab().toImage()
    x, y = (round(value) for value in picture.state.plane.lps_to_pixel(series.centre))
    assert grabbed.pixelColor(x + 20, y + 20).red() == picture.pixels[y + 20, x + 20]
    assert grabbed.pixelColor(x + 20, y + 20).red() > 100


def test_a_left_drag_changes_the_window_and_is_painted(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    canvas = viewer.canvas()
    before = viewer.painted(canvas)
    viewer.drag(canvas, QPoint(200, 200), QPoint(240, 230), QPoint(300, 260))
    after = viewer.painted(canvas)
    assert (after.voi.width, after.voi.center) == (500, 100)
    assert after.pixels.max() < before.pixels.max()


def test_right_drag_zooms_and_middle_drag_pans(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    canvas = viewer.canvas()
    before = viewer.painted(canvas).state
    viewer.drag(canvas, QPoint(200, 300), QPoint(200, 250), QPoint(200, 200), button=RIGHT)
    zoomed = viewer.painted(canvas).state
    assert zoomed.mm_per_pixel < before.mm_per_pixel
    viewer.drag(canvas, QPoint(200, 200), QPoint(230, 240), button=MIDDLE)
    panned = viewer.painted(canvas).state
    assert panned.centre[0] == pytest.approx(zoomed.centre[0] - 30 * zoomed.mm_per_pixel)
    viewer.key(Qt.Key.Key_R)
    assert viewer.painted(canvas).state.mm_per_pixel == pytest.approx(before.mm_per_pixel)


def test_shortcuts_work_with_the_russian_keyboard_on(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    session = viewer.panel.session
    assert session is not None
    # the key L types Д there
    event = QKeyEvent(QEvent.Type.KeyPress, ord("Д"), Qt.KeyboardModifier.NoModifier, "д")
    QApplication.sendEvent(viewer.panel, event)
    assert session.tool == "length"


def test_the_linked_prior_is_painted_at_the_same_place(viewer: Viewer, balls: Any) -> None:
    current = balls.ball_series()
    prior = balls.ball_series(
        "1.2.826.0.1.3680043.10.9", slices=27, step_mm=3.0, origin=(0.0, 0.0, -400.0), study_date="20250110"
    )
    viewer.open(current, prior)
    assert len(viewer.panel.canvases) == 2
    for _step in range(3):
        viewer.key(Qt.Key.Key_Down)
    assert viewer.painted(viewer.canvas(0)).state.index == 23
    assert viewer.painted(viewer.canvas(1)).state.index == 15
    viewer.key(Qt.Key.Key_Tab)
    session = viewer.panel.session
    assert session is not None
    assert session.views.active == 1
    viewer.key(Qt.Key.Key_1)
    assert viewer.painted(viewer.canvas(0)).voi == Window(-600, 1500)


def test_a_double_click_shows_one_viewport_alone_and_back(viewer: Viewer, balls: Any) -> None:
    prior = balls.ball_series("1.2.826.0.1.3680043.10.9", study_date="20250110")
    viewer.open(balls.ball_series(), prior)
    QTest.mouseDClick(viewer.canvas(1), LEFT, pos=QPoint(50, 50))
    viewer.settle()
    assert viewer.canvas(0).isHidden()
    assert viewer.canvas(1).width() > 600
    viewer.key(Qt.Key.Key_F)
    assert not viewer.canvas(0).isHidden()


def test_a_key_image_is_what_is_seen_without_who_it_is(viewer: Viewer, balls: Any) -> None:
    series = balls.ball_series()
    told: list[tuple[KeyImage, ...]] = []
    viewer.panel.key_images_changed.connect(told.append)
    viewer.open(series)
    viewer.key(Qt.Key.Key_K)
    image = told[-1][0]
    assert image.picture_png.startswith(b"\x89PNG")
    assert image.image.sop_instance_uid == series.instances[20].sop_instance_uid
    assert "Ball^Test" not in image.caption
    assert "21 / 40" in image.caption


def test_enter_hands_the_selected_measurement_to_the_report(viewer: Viewer, balls: Any) -> None:
    told: list[Measurement] = []
    viewer.panel.insert_into_report.connect(told.append)
    viewer.open(balls.ball_series())
    viewer.key(Qt.Key.Key_E)
    viewer.drag(viewer.canvas(), QPoint(250, 200), QPoint(300, 250), QPoint(330, 280))
    viewer.key(Qt.Key.Key_Return)
    assert [measurement.kind for measurement in told] == ["ellipse"]
    viewer.key(Qt.Key.Key_Delete)
    session = viewer.panel.session
    assert session is not None
    assert session.store.drawings == ()
    viewer.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(session.store.drawings) == 1


def test_what_was_kept_is_back_when_the_case_is_opened_again(viewer: Viewer, balls: Any) -> None:
    views: list[dict[str, Any]] = []
    viewer.panel.view_changed.connect(views.append)
    viewer.open(balls.ball_series())
    viewer.key(Qt.Key.Key_PageDown)
    viewer.key(Qt.Key.Key_L)
    viewer.drag(viewer.canvas(), QPoint(100, 100), QPoint(200, 150))
    viewer.key(Qt.Key.Key_K)
    measurements, images = viewer.panel.measurements_json(), viewer.panel.key_images_json()
    viewer.panel.close_case()
    told: list[tuple[Measurement, ...]] = []
    viewer.panel.measurements_changed.connect(told.append)
    viewer.open(balls.ball_series(), measurements_json=measurements, key_images_json=images, view_json=views[-1])
    assert viewer.painted(viewer.canvas()).state.index == 30
    assert len(told[0]) == 1
    assert viewer.panel.measurements_json() == measurements
    assert viewer.panel.key_images_json() == images


def test_damaged_drafts_do_not_keep_a_case_from_opening(viewer: Viewer, balls: Any) -> None:
    viewer.open(
        balls.ball_series(),
        measurements_json={"drawings": [{}]},
        key_images_json=[{"image": {}}],
        view_json={"layout": "9x9"},
    )
    assert viewer.painted(viewer.canvas()).state.index == 20


def test_a_study_without_pictures_opens_empty(viewer: Viewer, balls: Any) -> None:
    instances = [replace(each, pixels=None, number_of_frames=0) for each in balls.ball_series(slices=2).instances]
    viewer.panel.open_case(instances, [], lambda uid: b"")
    assert viewer.panel.session is not None
    assert viewer.panel.session.case.stacks == ()
    viewer.panel.grab()


def test_a_slow_slice_never_holds_the_main_thread(viewer: Viewer, balls: Any) -> None:
    series = balls.ball_series()
    gate = threading.Event()

    def slow(uid: str) -> bytes:
        gate.wait(10)
        return bytes(series.data[uid])

    began = time.monotonic()
    viewer.panel.open_case(series.instances, [], slow)
    QTest.keyClick(viewer.panel, Qt.Key.Key_Down)
    viewer.app.processEvents()
    viewer.panel.grab()
    assert time.monotonic() - began < 2
    assert not viewer.panel.is_settled()
    gate.set()
    viewer.settle()


def test_closing_a_case_leaves_no_timer_thread_or_late_picture(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    viewer.panel.close_case()
    viewer.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    before = objects(viewer.panel), threading.active_count()
    for _turn in range(3):
        viewer.open(balls.ball_series())
        viewer.panel.session.move.scroll(0, 1)  # type: ignore[union-attr]
        viewer.panel.close_case()
        viewer.app.processEvents()
        viewer.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert (objects(viewer.panel), threading.active_count()) == before
    assert not any(timer.isActive() for timer in viewer.panel.findChildren(QTimer))


def test_closing_a_case_gives_its_pixels_back_at_once(viewer: Viewer, balls: Any) -> None:
    viewer.open(balls.ball_series())
    viewer.key(Qt.Key.Key_M)
    session = viewer.panel.session
    assert session is not None
    volume = weakref.ref(session.case.loaders()[0].volume)
    del session
    gc.disable()
    try:
        viewer.panel.close_case()
        viewer.until(lambda: volume() is None)
    finally:
        gc.enable()


def objects(panel: ViewerPanel) -> int:
    return len(panel.findChildren(QObject))


def test_texts_on_a_narrow_viewport_stand_apart(viewer: Viewer, balls: Any) -> None:
    viewer.panel.resize(640, 500)
    viewer.open(balls.ball_series(), balls.ball_series("1.2.826.0.1.3680043.10.9", study_date="20250110"))
    canvas = viewer.canvas(1)
    viewer.key(Qt.Key.Key_L)
    viewer.drag(canvas, QPoint(10, canvas.height() // 2 - 8), QPoint(40, 150), QPoint(60, canvas.height() // 2 - 8))
    session, picture = viewer.panel.session, canvas.picture
    assert session is not None
    assert picture is not None
    stack = session.case.stack(picture.state.stack)
    assert stack is not None
    image = QImage(canvas.size(), QImage.Format.Format_RGB888)
    painter = QPainter(image)
    overlay = Overlay(session, 1, painter, QRectF(canvas.rect()), 1.0)
    overlay.paint(picture, stack, Look())
    painter.end()
    places = overlay.taken
    assert len(places) > 10
    assert [(a, b) for number, a in enumerate(places) for b in places[:number] if a.intersects(b)] == []

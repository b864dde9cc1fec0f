"""What the hand does: each tool is one generator on neutral pointer events.

Before the first `yield` is the press, the loop is the drag, the rest the release. A generator that goes on after a
release is still drawing by clicks. Closing it (Escape, a change of layout) takes back what it had begun.
Pixels are device pixels with pixel centres at integers.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workstation.imaging.voi import Window
from workstation.language import N_
from workstation.viewing.drawing_tools import angle, cobb, ellipse, length, point, polygon
from workstation.viewing.pointer import Button, Gesture, PointerEvent, Start
from workstation.viewing.vectors import subtract

if TYPE_CHECKING:
    from workstation.viewing.reading_session import ReadingSession


def window(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """Right: wider; down: higher centre, a darker picture. The step grows with the width it began with.

    A LINEAR window is 1 wide at least (PS3.3 C.11.2.1.2.1); the others may be as narrow as their values are small.
    """
    start = session.views.window(number)
    if start is None:
        yield
        return
    linear = start.function == "LINEAR"
    rate = (max(start.width, 20.0) if linear else start.width) / 400 / press.ratio
    narrowest = 1.0 if linear else start.width / 1000
    while True:
        event = yield
        width = max(start.width + (event.x - press.x) * rate, narrowest)
        center = start.center + (event.y - press.y) * rate
        session.move.set_window(
            number, Window(_rounded(center, rate), max(_rounded(width, rate), narrowest), start.function)
        )
        if event.kind == "release":
            return


def _rounded(value: float, rate: float) -> float:
    """Whole numbers where a step is about one unit; more digits for finer scales."""
    return round(value) if rate >= 0.04 else round(value, 2 - math.floor(math.log10(rate)))


def pan(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    last = press
    while True:
        event = yield
        session.move.pan(number, event.x - last.x, event.y - last.y)
        last = event
        if event.kind == "release":
            return


def zoom(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """Up: larger, about the point pressed."""
    last = press
    while True:
        event = yield
        session.move.zoom(number, math.exp((last.y - event.y) / 150 / press.ratio), press.x, press.y)
        last = event
        if event.kind == "release":
            return


def scroll(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """Down: onwards; the height of the viewport is at most the whole stack."""
    height = max(session.views[number].state.height, 1)
    pixels = max(min(height / max(session.views.slices(number).count, 1), 12.0 * press.ratio), 1.0)
    start, gone = press.y, 0
    while True:
        event = yield
        steps = int((event.y - start) / pixels) - gone
        if steps:
            session.move.scroll(number, steps)
            gone += steps
        if event.kind == "release":
            return


def crosshair(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """The other planes go through the point under the pointer."""
    session.reformats.point_at(number, session.annotations.point(number, press.x, press.y))
    while True:
        event = yield
        session.reformats.point_at(number, session.annotations.point(number, event.x, event.y))
        if event.kind == "release":
            return


def rotate_planes(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """The other planes turn about the crosshair by as much as the pointer goes round it."""
    x, y = session.reformats.crosshair_pixel(number)
    last = math.atan2(press.y - y, press.x - x)
    while True:
        event = yield
        angle = math.atan2(event.y - y, event.x - x)
        turn = (angle - last + math.pi) % (2 * math.pi) - math.pi
        session.reformats.rotate_others(number, turn)
        last = angle
        if event.kind == "release":
            return


def edit(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """A handle is dragged to a new place, the line of what is selected moves it whole; a click only selects."""
    grip = session.annotations.grip_at(number, press.x, press.y, press.ratio)
    if grip is None:
        yield
        return
    store, before = session.store, session.store.drawings
    store.select(grip.drawing.tracking_uid)
    start = session.annotations.point(number, press.x, press.y)
    done = False
    try:
        while not done:
            event = yield
            done = event.kind == "release"
            if not event.far_from(press) and store.drawings == before:
                continue
            point = session.annotations.point(number, event.x, event.y)
            changed = (
                grip.drawing.moved(subtract(point, start))
                if grip.handle is None
                else grip.drawing.with_handle(grip.handle, point)
            )
            store.preview(session.annotations.measured(session.annotations.placed(changed, number)))
        store.commit(before)
    finally:
        if not done:
            store.cancel(before)


@dataclass(frozen=True)
class Tool:
    """One entry of the tool table."""

    id: str
    title: str
    icon: str
    key: str
    start: Start


TOOLS: dict[str, Tool] = {
    tool.id: tool
    for tool in (
        Tool("window", N_("Window"), "mdi6.contrast-circle", "W", window),
        Tool("pan", N_("Pan"), "mdi6.cursor-move", "P", pan),
        Tool("zoom", N_("Zoom"), "mdi6.magnify-plus-outline", "Z", zoom),
        Tool("scroll", N_("Scroll"), "mdi6.arrow-expand-vertical", "S", scroll),
        Tool("length", N_("Length"), "mdi6.ruler", "L", length),
        Tool("ellipse", N_("Ellipse"), "mdi6.ellipse-outline", "E", ellipse),
        Tool("polygon", N_("Outline: clicks or a free stroke"), "mdi6.vector-polygon", "G", polygon),
        Tool("angle", N_("Angle"), "mdi6.angle-acute", "A", angle),
        Tool("cobb", N_("Cobb angle: two lines"), "mdi6.vector-difference", "D", cobb),
        Tool("point", N_("Value at a point"), "mdi6.eyedropper", "V", point),
        Tool("crosshair", N_("Crosshair"), "mdi6.crosshairs", "C", crosshair),
        Tool("rotate", N_("Rotate planes"), "mdi6.axis-z-rotate-clockwise", "O", rotate_planes),
    )
}

DRAWING = frozenset(("length", "ellipse", "polygon", "angle", "cobb", "point", "crosshair"))
"""Tools that aim: the pointer is a cross."""
_FINISHED_BY_KEY: tuple[Start, ...] = (polygon,)
_BY_CLICKS: tuple[Start, ...] = (polygon, angle, cobb)

# what the other buttons do, whatever tool is chosen
BUTTONS: dict[Button, Start] = {"right": zoom, "middle": pan}
# tools to which a click means nothing
_BY_DRAG: tuple[Start, ...] = (window, pan, zoom, scroll)


class Hand:
    """Leads the events of one viewport to the gesture they belong to.

    A handle can always be dragged, a line only when its graphic is selected: else no measurement would be safe from
    the window. A click on an unselected line selects, a click beside all graphics lets go; a drag is the tool's.
    """

    def __init__(self, session: "ReadingSession", number: int) -> None:
        self._session = session
        self._number = number
        self._gesture: Gesture | None = None
        self._start: Start | None = None
        self._last: PointerEvent | None = None
        # a press that is not yet a click or a drag, and the tracking UID that a click selects
        self._undecided: tuple[PointerEvent, str] | None = None

    @property
    def busy(self) -> bool:
        return self._gesture is not None or self._undecided is not None

    @property
    def drawing(self) -> bool:
        """Whether a graphic is being drawn by clicks."""
        return self._gesture is not None and self._start in _BY_CLICKS

    def handle(self, event: PointerEvent) -> None:
        self._last = event
        if self._undecided is not None:
            self._decide(*self._undecided, event)
        elif self._gesture is not None:
            self._go_on(event)
        elif event.kind == "press":
            self._press(event)

    def finish(self) -> bool:
        """End a graphic of any number of points by a key; whether there was one."""
        if self._gesture is None or self._last is None or self._start not in _FINISHED_BY_KEY:
            return False
        self._go_on(replace(self._last, kind="finish"))
        return True

    def cancel(self) -> None:
        """Take back what is half drawn."""
        gesture, self._gesture, self._undecided = self._gesture, None, None
        if gesture is not None:
            gesture.close()

    def _press(self, event: PointerEvent) -> None:
        if event.button != "left":
            self._begin(BUTTONS.get(event.button, window), event)
        elif event.shift:
            self._begin(pan, event)
        else:
            annotations = self._session.annotations
            grip = annotations.grip_at(self._number, event.x, event.y, event.ratio)
            tool = TOOLS[self._session.tool]
            if grip is not None and annotations.draggable(grip):
                self._begin(edit, event)
            elif grip is not None or tool.start in _BY_DRAG:
                self._undecided = event, "" if grip is None else grip.drawing.tracking_uid
            else:
                self._begin(tool.start, event)

    def _decide(self, press: PointerEvent, tracking_uid: str, event: PointerEvent) -> None:
        if event.far_from(press):
            self._undecided = None
            self._begin(TOOLS[self._session.tool].start, press)
            self.handle(event)
        elif event.kind == "release":
            self._undecided = None
            self._session.store.select(tracking_uid)

    def _begin(self, start: Start, press: PointerEvent) -> None:
        self._start = start
        self._gesture = start(self._session, self._number, press)
        try:
            next(self._gesture)
        except StopIteration:
            self._gesture = None

    def _go_on(self, event: PointerEvent) -> None:
        gesture = self._gesture
        assert gesture is not None
        try:
            gesture.send(event)
        except StopIteration:
            self._gesture = None

"""Tools that draw measurements, each one generator on neutral pointer events.

A generator that goes on after a release is still drawing by clicks; closing it takes back what it had begun.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from workstation.dicom.content import MeasurementKind
from workstation.viewing.drawings import Drawing
from workstation.viewing.pointer import Gesture, PointerEvent
from workstation.viewing.vectors import Vec, add, dot, middle, scale, subtract

if TYPE_CHECKING:
    from workstation.viewing.reading_session import ReadingSession


def length(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """Press, drag, release; or click at one end and click at the other. Two clicks on one spot draw nothing."""
    yield from _set_points(session, number, press, "length", 2)


def angle(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """An end, the vertex, the other end: by three clicks, or the first arm by a drag and a click."""
    yield from _set_points(session, number, press, "angle", 3)


def cobb(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """Two lines, each by a drag or by two clicks."""
    yield from _set_points(session, number, press, "cobb", 4)


def ellipse(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """From one corner of its frame to the other, by drag or by two clicks."""
    right, down = session.views[number].state.axes

    def ends(corners: tuple[Vec, ...]) -> tuple[Vec, ...]:
        if len(corners) < 2:
            return corners
        corner, end = corners
        across, centre = subtract(end, corner), middle(corner, end)
        wide = scale(right, dot(across, right) / 2)
        high = scale(down, dot(across, down) / 2)
        return add(centre, wide, -1), add(centre, wide), add(centre, high, -1), add(centre, high)

    yield from _set_points(session, number, press, "ellipse", 2, ends)


def polygon(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """An outline: a click sets a corner, a drag draws freely.

    It closes by a click on its first corner, by a second click on the last one, by another button, or by Enter; a free
    stroke closes when the button is let go.
    """
    annotations = session.annotations
    corners = [annotations.point(number, press.x, press.y)]
    last, pressed, stroke = press, True, False
    drawing: Drawing | None = None
    try:
        while True:
            event = yield
            here = annotations.point(number, event.x, event.y)
            if event.kind == "move":
                if pressed and event.far_from(last):
                    corners.append(here)
                    last, stroke = event, True
                drawing = annotations.draw(number, "polygon", (*corners, here))
            elif event.kind == "release":
                pressed = False
                if stroke and len(corners) > 2:
                    break
            else:
                closed = event.kind == "finish" or not (event.far_from(press) and event.far_from(last))
                if closed or event.button != "left":
                    break
                corners.append(here)
                last, pressed, stroke = event, True, False
                drawing = annotations.draw(number, "polygon", tuple(corners))
        drawing = annotations.draw(number, "polygon", tuple(corners)) if len(corners) > 2 else None
    finally:
        annotations.drop()
    if drawing is not None:
        session.store.add(drawing)


def point(session: "ReadingSession", number: int, press: PointerEvent) -> Gesture:
    """The value under the pointer, as long as the button is down; it stays where the button is let go."""
    annotations, event = session.annotations, press
    try:
        while True:
            drawing = annotations.draw(number, "point", (annotations.point(number, event.x, event.y),))
            if event.kind == "release":
                break
            event = yield
    finally:
        annotations.drop()
    if drawing is not None:
        session.store.add(drawing)


def _as_they_are(points: tuple[Vec, ...]) -> tuple[Vec, ...]:
    return points


def _set_points(
    session: "ReadingSession",
    number: int,
    press: PointerEvent,
    kind: MeasurementKind,
    count: int,
    form: Callable[[tuple[Vec, ...]], tuple[Vec, ...]] = _as_they_are,
) -> Gesture:
    """`count` points one after the other; each is set by a click, or by letting go at the end of a drag."""
    annotations, drawing = session.annotations, None
    points, last = [annotations.point(number, press.x, press.y)], press
    try:
        while len(points) < count:
            event = yield
            here = annotations.point(number, event.x, event.y)
            away = event.far_from(last)
            if away or len(points) > 1:
                drawing = annotations.draw(number, kind, form((*points, here)))
            else:
                drawing = None
                annotations.drop()
            if event.kind == "press" and event.button != "left":
                continue
            if event.kind == "press" or (event.kind == "release" and away):
                if not away and len(points) == 1:
                    drawing = None
                    break
                if not away:
                    continue
                points.append(here)
                last = event
    finally:
        annotations.drop()
    if drawing is not None and drawing.whole:
        session.store.add(drawing)

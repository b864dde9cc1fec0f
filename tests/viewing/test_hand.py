"""What a press means: a click or a drag, the tool's or a measurement's."""

from typing import Any

import pytest

from workstation.viewing.pointer import PointerEvent
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.tools import Hand


def press(x: float, y: float) -> PointerEvent:
    return PointerEvent("press", x, y, "left")


def move(x: float, y: float) -> PointerEvent:
    return PointerEvent("move", x, y)


def release(x: float, y: float) -> PointerEvent:
    return PointerEvent("release", x, y, "left")


@pytest.fixture
def session(desk: Any, balls: Any) -> ReadingSession:
    opened: ReadingSession = desk.open(balls.ball_series())
    desk.settle(opened)
    return opened


def test_a_line_moves_only_when_selected_and_a_click_selects_it(session: ReadingSession) -> None:
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(40, 40), move(140, 40), release(140, 40)):
        hand.handle(event)
    (drawn,) = session.store.drawings
    session.choose_tool("window")
    for event in (press(20, 90), release(20, 90)):
        hand.handle(event)
    assert session.store.selected == ""
    window = session.views.window(0)
    drag = (press(90, 40), move(100, 60), move(120, 70), release(120, 70))
    for event in drag:
        hand.handle(event)
    assert session.store.drawings == (drawn,)
    assert session.views.window(0) != window
    window = session.views.window(0)
    for event in (press(90, 40), move(91, 41), release(91, 41)):
        hand.handle(event)
    assert (session.store.drawings, session.store.selected) == ((drawn,), drawn.tracking_uid)
    for event in drag:
        hand.handle(event)
    assert session.views.window(0) == window
    state, mm = session.views[0].state, session.views[0].state.mm_per_pixel
    (moved,) = session.store.drawings
    shift = [new - old for new, old in zip(moved.points[0], drawn.points[0], strict=True)]
    wanted = [mm * (30 * right + 30 * down) for right, down in zip(*state.axes, strict=True)]
    assert shift == pytest.approx(wanted)
    assert moved.quantities[0].value == pytest.approx(drawn.quantities[0].value)


def test_a_click_with_a_drawing_tool_on_a_line_draws_nothing(session: ReadingSession) -> None:
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(40, 40), move(140, 40), release(140, 40)):
        hand.handle(event)
    session.store.select("")
    for event in (press(90, 40), release(90, 40)):
        hand.handle(event)
    assert not hand.busy
    assert session.store.selected == session.store.drawings[0].tracking_uid


def test_two_clicks_on_one_spot_draw_nothing(session: ReadingSession) -> None:
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(20, 20), release(20, 20), press(21, 20), release(21, 20)):
        hand.handle(event)
    assert session.store.drawings == ()
    assert not hand.busy


def test_escape_takes_back_what_is_half_drawn(session: ReadingSession) -> None:
    session.choose_tool("ellipse")
    hand = Hand(session, 0)
    hand.handle(press(20, 20))
    hand.handle(move(80, 80))
    assert session.annotations.sketch is not None
    hand.cancel()
    assert session.annotations.sketch is None
    assert session.store.drawings == ()

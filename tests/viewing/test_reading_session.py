"""A case as it is read: hanging, scrolling, links, reformats, tools, and the view that comes back."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from workstation.imaging.voi import Window
from workstation.viewing.commands import BY_ID, COMMANDS
from workstation.viewing.pointer import PointerEvent
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.tools import TOOLS, Hand
from workstation.viewing.viewport import PlaneKind


def press(x: float, y: float, button: Any = "left", **held: bool) -> PointerEvent:
    return PointerEvent("press", x, y, button, **held)


def move(x: float, y: float) -> PointerEvent:
    return PointerEvent("move", x, y)


def release(x: float, y: float, button: Any = "left") -> PointerEvent:
    return PointerEvent("release", x, y, button)


def pixel(session: ReadingSession, number: int, point: tuple[float, float, float]) -> tuple[float, float]:
    return session.views[number].state.plane.lps_to_pixel(point)


def edges(profile: Any) -> tuple[float, float]:
    """Where a bright stretch passes middle grey, first and last, between pixels."""
    above = np.flatnonzero(profile > 127)
    first, last = int(above[0]), int(above[-1])
    values = profile.astype(float)
    rise = (127.5 - values[first - 1]) / (values[first] - values[first - 1])
    fall = (values[last] - 127.5) / (values[last] - values[last + 1])
    return first - 1 + rise, last + fall


@pytest.fixture
def alone(desk: Any, balls: Any) -> tuple[ReadingSession, Any]:
    series = balls.ball_series()
    session = desk.open(series)
    desk.settle(session)
    return session, series


@pytest.fixture
def pair(desk: Any, balls: Any) -> ReadingSession:
    current = balls.ball_series()
    prior = balls.ball_series(
        "1.2.826.0.1.3680043.10.9", slices=27, step_mm=3.0, origin=(0.0, 0.0, -400.0), study_date="20250110"
    )
    session: ReadingSession = desk.open(current, prior)
    desk.settle(session)
    return session


def test_a_ct_hangs_alone_at_its_middle(alone: tuple[ReadingSession, Any]) -> None:
    session, _series = alone
    assert session.views.layout == "1x1"
    assert (session.views.slices(0).index, session.views.slices(0).count) == (20, 40)


def test_the_picture_shows_the_ball_bright_in_dark(alone: tuple[ReadingSession, Any]) -> None:
    session, series = alone
    picture = session.views[0].picture
    assert picture is not None
    x, y = pixel(session, 0, series.centre)
    # soft-tissue window: 100 HU is (100 - 39.5) / 399 + 0.5 of 255
    assert picture.pixels[round(y), round(x)] == round(((100 - 39.5) / 399 + 0.5) * 255)
    assert picture.pixels[5, 5] == 0


def test_a_window_drag_redoes_only_the_lookup(alone: tuple[ReadingSession, Any], desk: Any) -> None:
    session, _series = alone
    tray = session.views._darkroom._trays[0]
    before = tray.samples
    session.move.set_window(0, Window(-300, 900))
    desk.settle(session)
    assert tray.samples.resliced is before.resliced
    assert tray.samples.drawn is before.drawn
    session.move.scroll(0, 1)
    desk.settle(session)
    assert tray.samples is not before


def test_the_newest_request_wins(alone: tuple[ReadingSession, Any], desk: Any) -> None:
    session, _series = alone
    shown: list[int] = []
    session.views.picture_ready.connect(lambda number: shown.append(session.views[number].picture.state.index))
    for _step in range(12):
        session.move.scroll(0, 1)
    desk.settle(session)
    assert shown[-1] == 32
    assert shown == sorted(shown)
    assert len(shown) < 12


def test_pixels_come_nearest_to_the_slice_first(desk: Any, balls: Any) -> None:
    desk.settle(desk.open(balls.ball_series()))
    numbers = [int(uid.rsplit(".", 1)[1]) - 1 for uid in desk.fetched]
    assert sorted(numbers) == list(range(40))
    away = [abs(number - 20) for number in numbers]
    # three are in work at once, so the order may be off by as many
    assert all(distance <= at / 2 + 3 for at, distance in enumerate(away))


def test_an_unreadable_slice_is_said_and_the_others_are_shown(desk: Any, balls: Any) -> None:
    from workstation.viewing.fidelity import fidelity_notes

    series = balls.ball_series()
    broken = {uid: (b"" if uid.endswith(".2.3") else data) for uid, data in series.data.items()}
    session = desk.open(replace(series, data=broken))
    desk.settle(session)
    stack = session.views.stack(0)
    assert stack is not None
    loader = session.case.loader(stack.key)
    assert loader.loaded_count == 39
    assert loader.finished
    assert fidelity_notes(stack, loader, session.views[0].state) == ("1 images unreadable",)


def test_current_and_prior_hang_side_by_side_linked_and_in_one_scale(pair: ReadingSession) -> None:
    assert pair.views.layout == "1x2"
    current, prior = pair.views.stack(0), pair.views.stack(1)
    assert current is not None
    assert prior is not None
    assert (current.prior, prior.prior) == (False, True)
    assert pair.views[0].state.mm_per_pixel == pair.views[1].state.mm_per_pixel
    assert pair.views[0].state.voi == pair.views[1].state.voi
    assert pair.views[0].state.voi.voi == Window(40, 400)


def test_the_prior_follows_by_millimetres_not_by_slice_numbers(pair: ReadingSession) -> None:
    # 2 mm slices beside 3 mm slices
    start = pair.views.slices(1).index
    pair.move.scroll(0, 6)
    assert pair.views.slices(1).index == start + 4
    pair.move.scroll(1, -4)
    assert pair.views.slices(0).index == 20


def test_a_new_anchor_changes_which_slices_belong_together(pair: ReadingSession) -> None:
    pair.move.unlink()
    pair.move.scroll(1, 5)
    assert pair.views.slices(0).index == 20
    pair.move.link_here()
    pair.move.scroll(0, 3)
    assert pair.views.slices(1).index == 13 + 5 + 2


def test_linked_viewports_zoom_in_millimetres_and_pan_together(pair: ReadingSession) -> None:
    pair.move.zoom(0, 2.0, 50, 60)
    assert pair.views[0].state.mm_per_pixel == pytest.approx(pair.views[1].state.mm_per_pixel)
    before = pair.views[1].state.centre
    pair.move.pan(0, 10, 0)
    after = pair.views[1].state.centre
    assert before[0] - after[0] == pytest.approx(10 * pair.views[0].state.mm_per_pixel)


def test_one_frame_of_reference_links_by_position_without_an_anchor(desk: Any, balls: Any) -> None:
    current = balls.ball_series(frame_of_reference_uid="1.9.9")
    again = balls.ball_series(
        "1.2.826.0.1.3680043.10.8", frame_of_reference_uid="1.9.9", origin=(-40.0, -30.0, 130.0), slices=25
    )
    session = desk.open(current, again)
    desk.settle(session)
    session.move.go_to(0, 22)
    # 22 · 2 mm + 100 mm is 144 mm, 7 slices above 130 mm
    assert session.views.slices(1).index == 7


def test_a_number_key_sets_the_window_in_both(pair: ReadingSession) -> None:
    BY_ID["window.1"].run(pair)
    assert pair.views[0].state.voi.voi == Window(-600, 1500)
    assert pair.views[1].state.voi.voi == Window(-600, 1500)


def test_length_by_drag_and_by_two_clicks(alone: tuple[ReadingSession, Any]) -> None:
    session, series = alone
    session.choose_tool("length")
    hand = Hand(session, 0)
    left = pixel(session, 0, (series.centre[0] - 12, series.centre[1], 0))
    right = pixel(session, 0, (series.centre[0] + 12, series.centre[1], 0))
    for event in (press(*left), move(100, 100), move(*right), release(*right)):
        hand.handle(event)
    for event in (press(20, 20), release(20, 20), move(60, 20), press(60, 20), release(60, 20)):
        hand.handle(event)
    first, second = session.store.measurements()
    assert first.primary.value == pytest.approx(24.0)
    assert first.spacing_source == "patient geometry"
    assert first.anchor.image.sop_instance_uid == series.instances[20].sop_instance_uid
    assert second.primary.value == pytest.approx(40 * session.views[0].state.mm_per_pixel)


def test_scoord_pixels_count_from_the_corner_of_the_first_pixel(alone: tuple[ReadingSession, Any]) -> None:
    session, series = alone
    session.choose_tool("length")
    first = series.instances[20].frames[0].position
    a, b = pixel(session, 0, first), pixel(session, 0, (first[0] + 10, first[1] + 4, first[2]))
    hand = Hand(session, 0)
    for event in (press(*a), move(*b), release(*b)):
        hand.handle(event)
    assert np.allclose(session.store.measurements()[0].anchor.points_px, ((0.5, 0.5), (10.5, 4.5)), atol=1e-6)


def test_an_ellipse_in_the_ball_gives_its_hounsfield_units(alone: tuple[ReadingSession, Any]) -> None:
    session, series = alone
    session.choose_tool("ellipse")
    x, y, _z = series.centre
    a, b = pixel(session, 0, (x - 6, y - 4, 0)), pixel(session, 0, (x + 6, y + 4, 0))
    hand = Hand(session, 0)
    for event in (press(*a), move(*b), release(*b)):
        hand.handle(event)
    numbers = {q.name.meaning: q for q in session.store.measurements()[0].quantities}
    assert numbers["Mean"].value == pytest.approx(100)
    assert numbers["Standard Deviation"].value == pytest.approx(0)
    assert numbers["Mean"].unit is not None
    assert numbers["Mean"].unit.value == "[hnsf'U]"
    assert numbers["Area"].value == pytest.approx(np.pi * 6 * 4)


def test_a_handle_dragged_is_measured_anew_and_undone_in_one_step(alone: tuple[ReadingSession, Any]) -> None:
    session, _series = alone
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(40, 40), move(80, 40), release(80, 40)):
        hand.handle(event)
    session.choose_tool("window")
    for event in (press(80, 40), move(90, 40), move(120, 40), release(120, 40)):
        hand.handle(event)
    mm = session.views[0].state.mm_per_pixel
    assert session.store.measurements()[0].primary.value == pytest.approx(80 * mm)
    session.store.undo()
    assert session.store.measurements()[0].primary.value == pytest.approx(40 * mm)


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_a_length_along_the_head_in_a_sagittal_reformat(desk: Any, balls: Any, tilt: float) -> None:
    series = balls.ball_series(tilt_degrees=tilt)
    session = desk.open(series)
    session.reformats.show_mpr()
    desk.size(session)
    desk.settle(session)
    assert session.views[2].state.kind is PlaneKind.SAGITTAL
    session.reformats.point_at(0, series.centre)
    # middle grey is half way between ball and air: where the picture is that bright, the surface is
    session.move.set_window(2, Window(-350, 900, "LINEAR_EXACT"))
    desk.settle(session)
    picture = session.views[2].picture
    assert picture is not None
    x, _y = pixel(session, 2, series.centre)
    top, bottom = edges(picture.pixels[:, round(x)])
    session.choose_tool("length")
    hand = Hand(session, 2)
    for event in (press(x, top), move(x, 100), move(x, bottom), release(x, bottom)):
        hand.handle(event)
    measurement = session.store.measurements()[0]
    assert measurement.primary.value == pytest.approx(24.0, abs=0.5)
    assert measurement.anchor.plane == "sagittal"
    assert measurement.anchor.points_px == ()
    assert measurement.anchor.points_mm[0][1] == pytest.approx(measurement.anchor.points_mm[1][1])


def test_a_length_shows_in_each_plane_that_holds_it_and_where_it_crosses(desk: Any, balls: Any) -> None:
    series = balls.ball_series()
    session = desk.open(series)
    session.reformats.show_mpr()
    desk.size(session)
    desk.settle(session)
    session.reformats.point_at(0, series.centre)
    x, y, _z = series.centre
    session.choose_tool("length")
    hand = Hand(session, 0)
    a, b = pixel(session, 0, (x - 10, y, 0)), pixel(session, 0, (x + 10, y, 0))
    for event in (press(*a), move(*b), release(*b)):
        hand.handle(event)
    states = [viewport.state for viewport in session.views.all]
    assert [len(session.annotations.visible(state)) for state in states] == [1, 1, 0]
    assert [len(session.annotations.crossings(state)) for state in states] == [0, 0, 1]


def test_the_crosshair_brings_the_other_planes_to_the_point(desk: Any, balls: Any) -> None:
    series = balls.ball_series()
    session = desk.open(series)
    session.reformats.show_mpr()
    desk.size(session)
    session.choose_tool("crosshair")
    target = (series.centre[0] + 8, series.centre[1] - 5, session.views[0].state.centre[2])
    hand = Hand(session, 0)
    for event in (press(10, 10), move(*pixel(session, 0, target)), release(*pixel(session, 0, target))):
        hand.handle(event)
    assert session.views[1].state.centre[1] == pytest.approx(target[1])
    assert session.views[2].state.centre[0] == pytest.approx(target[0])
    lines = {line.kind: line for line in session.reformats.lines(0)}
    x, y = pixel(session, 0, target)
    assert lines[PlaneKind.SAGITTAL].x0 == pytest.approx(x)
    assert lines[PlaneKind.CORONAL].y0 == pytest.approx(y)


def test_turned_planes_still_go_through_the_crosshair(desk: Any, balls: Any) -> None:
    session = desk.open(balls.ball_series())
    session.reformats.show_mpr()
    desk.size(session)
    point = session.reformats.crosshair(0)
    assert point is not None
    session.reformats.rotate_others(0, 0.4)
    for number in (1, 2):
        state = session.views[number].state
        assert state.kind is PlaneKind.OBLIQUE
        assert state.offset_of(point) == pytest.approx(0, abs=1e-9)
    assert abs(np.dot(session.views[1].state.normal, session.views[2].state.normal)) < 1e-9


def test_back_from_the_planes_at_the_slice_of_the_crosshair(alone: tuple[ReadingSession, Any], desk: Any) -> None:
    session, _series = alone
    session.reformats.show_mpr()
    desk.size(session)
    session.move.scroll(0, 7)
    session.reformats.show_stack()
    assert session.views.layout == "1x1"
    assert session.views.slices(0).index == 27


def test_going_to_a_measurement_shows_its_slice(alone: tuple[ReadingSession, Any]) -> None:
    session, _series = alone
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(40, 40), move(80, 40), release(80, 40)):
        hand.handle(event)
    uid = session.store.drawings[0].tracking_uid
    session.move.go_to(0, 3)
    session.store.select("")
    assert session.annotations.go_to(uid)
    assert session.views.slices(0).index == 20
    assert session.store.selected == uid


def test_the_view_comes_back_as_it_was(pair: ReadingSession, desk: Any, balls: Any) -> None:
    pair.move.scroll(0, 5)
    pair.move.zoom(0, 1.7, 20, 30)
    pair.move.flip(1)
    BY_ID["window.3"].run(pair)
    pair.views.activate(1)
    pair.choose_tool("length")
    kept = json.loads(json.dumps(pair.to_json()))
    states = [viewport.state for viewport in pair.views.all]
    prior = balls.ball_series(
        "1.2.826.0.1.3680043.10.9", slices=27, step_mm=3.0, origin=(0.0, 0.0, -400.0), study_date="20250110"
    )
    again = desk.open(balls.ball_series(), prior)
    assert again.restore(kept)
    assert [viewport.state for viewport in again.views.all] == states
    assert again.views.active == 1
    assert again.tool == "length"
    again.move.scroll(0, 3)
    assert again.views.slices(1).index == pair.views.slices(1).index + 2


def test_a_view_of_another_case_changes_nothing(alone: tuple[ReadingSession, Any], desk: Any, balls: Any) -> None:
    session, _series = alone
    other = desk.open(balls.ball_series("1.2.826.0.1.3680043.10.5"))
    before = other.views[0].state
    assert not other.restore(session.to_json())
    assert not other.restore({"layout": "1x1"})
    assert other.views[0].state == before


def test_images_without_a_place_are_measured_in_pixels(desk: Any, balls: Any) -> None:
    series = balls.ball_series(slices=1, located=False, frame_of_reference_uid="")
    session = desk.open(series)
    desk.settle(session)
    session.choose_tool("length")
    hand = Hand(session, 0)
    for event in (press(40, 40), move(80, 40), release(80, 40)):
        hand.handle(event)
    measurement = session.store.measurements()[0]
    assert measurement.spacing_source == ""
    assert measurement.primary.unit is not None
    assert measurement.primary.unit.value == "{pixels}"
    assert measurement.primary.value == pytest.approx(40 * session.views[0].state.mm_per_pixel)
    assert not BY_ID["layout.mpr"].enabled(session)


def test_a_prior_of_another_person_is_said_and_never_hung_by_itself(desk: Any, balls: Any) -> None:
    other = balls.ball_series("1.2.826.0.1.3680043.10.9", patient_id="P-2", study_date="20250110")
    session = desk.open(balls.ball_series(), other)
    assert [header.study_date for header in session.case.strangers] == ["20250110"]
    assert session.views.layout == "1x1"
    session.set_layout("2x2")
    shown = [stack for number in range(4) if (stack := session.views.stack(number)) is not None]
    assert not any(stack.prior for stack in shown)


def test_every_command_runs_with_a_case_open(pair: ReadingSession, desk: Any) -> None:
    for command in COMMANDS:
        if command.enabled(pair):
            command.run(pair)
            desk.size(pair)
    desk.settle(pair)


def test_no_key_is_given_twice_and_every_tool_has_its_command() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert {f"tool.{tool}" for tool in TOOLS} <= set(BY_ID)


def test_a_picture_that_waits_for_its_image_is_asked_for_once_when_it_comes(desk: Any, balls: Any) -> None:
    session = desk.open(balls.ball_series(slices=120))
    desk.settle(session)
    # hung, sized, arrived: not once more with each other image
    assert session.views[0].asked <= 4


def test_a_viewport_alone_on_the_screen_fills_it_and_comes_back_to_the_common_scale(
    alone: tuple[ReadingSession, Any], desk: Any
) -> None:
    session, _series = alone
    views = session.views
    session.reformats.show_mpr()
    desk.size(session)
    common = views[0].state.mm_per_pixel
    assert views[1].state.mm_per_pixel == common
    views.toggle_maximised()
    views.resize(0, 400, 400)
    assert views[0].state.mm_per_pixel == pytest.approx(common / 2)
    views.toggle_maximised()
    views.resize(0, 200, 200)
    assert [viewport.state.mm_per_pixel for viewport in views.all] == [common] * 3


def test_a_picture_in_the_making_comes_although_the_case_is_hung_anew(desk: Any, balls: Any) -> None:
    session = desk.open(balls.ball_series())
    while session.views[0].lacks_image:
        desk.work.get(timeout=10)()
    assert session.views.awaits(0)
    session.hang()
    desk.settle(session)
    picture = session.views[0].picture
    assert picture is not None
    assert not picture.missing

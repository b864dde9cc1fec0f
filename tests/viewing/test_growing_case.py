"""A case that is opened with its first image and grows: no wrong order, no word on holes, no place lost."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from workstation.dicom.instance import Instance
from workstation.dicom.presentation_state import KINDS
from workstation.imaging.voi import Window
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.open_case import OpenCase
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.stacks import Awaited
from workstation.viewing.viewport import PlaneKind

SIDE = 32


class Arriving:
    """A study that comes object by object, and a session on what is here of it."""

    def __init__(
        self, desk: Any, objects: Sequence[Instance], data: Mapping[str, bytes], expected: dict[str, int]
    ) -> None:
        self.desk = desk
        self.objects = list(objects)
        self.expected = expected
        self.here: list[Instance] = []
        self.fetched: list[str] = []

        def fetch(uid: str) -> bytes:
            self.fetched.append(uid)
            return bytes(data[uid])

        self._fetch = fetch

    def awaited(self) -> dict[str, Awaited]:
        counted = {uid: sum(one.series_uid == uid for one in self.here) for uid in self.expected}
        return {uid: Awaited(counted[uid], of) for uid, of in self.expected.items() if counted[uid] < of}

    def open(self, count: int) -> ReadingSession:
        self.here, self.objects = self.objects[:count], self.objects[count:]
        case = OpenCase(self.here, (), self._fetch, self.desk.workers, self.desk.work.put, awaited=self.awaited())
        session = ReadingSession(case, self.desk.workers, self.desk.work.put)
        self.desk.sessions.append(session)
        session.hang()
        self.desk.size(session)
        return session

    def come(self, session: ReadingSession, count: int | None = None, *, ended: bool = False) -> None:
        """So many more are here (None: all)."""
        count = len(self.objects) if count is None else count
        came, self.objects = self.objects[:count], self.objects[count:]
        self.here += came
        grown = session.case.growth(came, {} if ended else self.awaited()).worked_out()
        assert grown is not None
        assert session.grow(grown)


def shuffled(instances: Sequence[Instance], seed: int = 1) -> list[Instance]:
    found = list(instances)
    random.Random(seed).shuffle(found)
    return found


def heights(session: ReadingSession, key: str) -> list[float]:
    stack = session.case.stack(key)
    assert stack is not None
    return [ref.geometry.position[2] for ref in stack.stack.frames]  # type: ignore[index]


def shown(session: ReadingSession, number: int = 0) -> str:
    stack = session.views.stack(number)
    assert stack is not None
    return stack.instance(session.views[number].state.index).sop_instance_uid


@pytest.fixture
def ball(balls: Any) -> Any:
    return balls.ball_series(side=SIDE, slices=24, radius=6.0)


@pytest.fixture
def coming(desk: Any, ball: Any) -> Arriving:
    return Arriving(desk, shuffled(ball.instances), ball.data, {ball.instances[0].series_uid: 24})


def test_what_is_here_of_a_series_is_images_in_order_of_place_and_says_how_much_it_is(coming: Arriving) -> None:
    session = coming.open(7)
    (stack,) = session.case.stacks
    assert heights(session, stack.key) == sorted(one.frames[0].position[2] for one in coming.here)  # type: ignore[index]
    assert not stack.is_volume
    assert stack.stack.gaps == ()
    assert not session.reformats.possible
    notes = fidelity_notes(stack, session.case.loader(stack.key), session.views[0].state)
    assert notes[0] == "7 of 24 images are here; more are coming"
    assert not [note for note in notes if "gap" in note or "missing" in note]


def test_the_whole_series_is_the_volume_it_would_have_been_from_the_start(
    coming: Arriving, desk: Any, ball: Any
) -> None:
    session = coming.open(3)
    for _step in range(3):
        coming.come(session, 5)
    coming.come(session)
    desk.settle(session)
    (stack,) = session.case.stacks
    (whole,) = desk.open(ball).case.stacks
    assert stack.is_volume
    assert stack.awaited is None
    assert stack.key == whole.key
    assert [ref.instance for ref in stack.stack.frames] == [ref.instance for ref in whole.stack.frames]
    assert stack.stack.reason == whole.stack.reason
    volume = session.case.loader(stack.key).volume
    assert volume is not None
    assert volume.complete
    for k, ref in enumerate(stack.stack.frames):
        stored = ball.data[ref.instance.sop_instance_uid]
        assert (volume.array[k] + 1024).astype("<u2").tobytes() == stored


def test_growing_keeps_image_window_zoom_place_turn_and_tool(coming: Arriving, desk: Any) -> None:
    session = coming.open(9)
    desk.settle(session)
    session.move.go_to(0, 3)
    session.move.zoom(0, 2.0, 20.0, 30.0)
    session.move.pan(0, 7.0, -4.0)
    session.move.turn(0)
    session.move.set_window(0, Window(-300, 900))
    session.choose_tool("length")
    desk.settle(session)
    before, image = session.views[0].state, shown(session)
    for count in (4, 4, None):
        coming.come(session, count)
        desk.settle(session)
        after = session.views[0].state
        assert shown(session) == image
        assert after.centre == pytest.approx(before.centre, abs=1e-9)
        assert (after.mm_per_pixel, after.voi, after.turns) == (before.mm_per_pixel, before.voi, before.turns)
    assert session.tool == "length"
    assert session.case.stacks[0].is_volume


def test_no_picture_goes_black_while_the_case_grows(coming: Arriving, desk: Any) -> None:
    session = coming.open(9)
    desk.settle(session)
    missing: list[bool] = []
    session.views.picture_ready.connect(lambda number: missing.append(session.views[number].picture.missing))
    for count in (4, 4, None):
        coming.come(session, count)
        assert session.views[0].picture is not None
        assert session.views[0].picture.state.index == session.views[0].state.index
        desk.settle(session)
    assert missing
    assert not any(missing)


def test_what_is_decoded_once_is_not_fetched_again(coming: Arriving, desk: Any) -> None:
    session = coming.open(9)
    desk.settle(session)
    for count in (4, 4, None):
        coming.come(session, count)
        desk.settle(session)
    assert sorted(coming.fetched) == sorted(one.sop_instance_uid for one in coming.here)


def test_a_length_drawn_while_images_come_stays_on_its_image(coming: Arriving, desk: Any) -> None:
    session = coming.open(9)
    desk.settle(session)
    state = session.views[0].state
    ends = tuple(session.annotations.point(0, x, 90.0) for x in (60.0, 120.0))
    drawing = session.annotations.draw(0, "length", ends)
    assert drawing is not None
    session.annotations.drop()
    session.store.add(drawing)
    image = shown(session)
    coming.come(session)
    desk.settle(session)
    (kept,) = session.store.drawings
    assert kept.source.sop_instance_uid == image
    assert (kept.points, kept.quantities, kept.points_px) == (drawing.points, drawing.quantities, drawing.points_px)
    assert [each.tracking_uid for each, _px in session.annotations.visible(session.views[0].state)] == [
        kept.tracking_uid
    ]
    assert session.views[0].state.mm_per_pixel == state.mm_per_pixel
    session.move.scroll(0, 1)
    assert session.annotations.visible(session.views[0].state) == []


def test_a_drawing_shows_on_no_neighbour_however_wide_the_holes_are(desk: Any, ball: Any) -> None:
    # 2 mm slices: 0, 20 and 40 mm, and the two neighbours 44 and 46 mm
    some = [ball.instances[number] for number in (0, 10, 20, 22, 23)]
    coming = Arriving(desk, some, ball.data, {some[0].series_uid: 24})
    session = coming.open(5)
    desk.settle(session)
    session.move.go_to(0, 3)
    ends = tuple(session.annotations.point(0, x, 90.0) for x in (60.0, 120.0))
    drawing = session.annotations.draw(0, "length", ends)
    assert drawing is not None
    session.annotations.drop()
    session.store.add(drawing)
    seen = []
    for index in range(5):
        session.move.go_to(0, index)
        seen.append(bool(session.annotations.visible(session.views[0].state)))
    assert seen == [False, False, False, True, False]


def test_drawings_on_images_without_a_place_follow_them(desk: Any, balls: Any) -> None:
    series = balls.ball_series(side=SIDE, slices=6, located=False)
    order = [series.instances[number] for number in (2, 5, 0, 4, 1, 3)]
    coming = Arriving(desk, order, series.data, {order[0].series_uid: 6})
    session = coming.open(2)
    desk.settle(session)
    session.move.go_to(0, 1)
    ends = tuple(session.annotations.point(0, x, 90.0) for x in (60.0, 120.0))
    drawing = session.annotations.draw(0, "length", ends)
    assert drawing is not None
    session.annotations.drop()
    session.store.add(drawing)
    session.store.rename(drawing.tracking_uid, "other")
    image = shown(session)
    for count in (2, None):
        coming.come(session, count)
        desk.settle(session)
        assert shown(session) == image == order[1].sop_instance_uid
        assert len(session.annotations.visible(session.views[0].state)) == 1
    session.store.undo()
    (back,) = session.store.drawings
    assert back.label == drawing.label
    assert len(session.annotations.visible(session.views[0].state)) == 1
    session.move.go_to(0, 1)
    assert session.annotations.visible(session.views[0].state) == []


def test_a_series_that_ends_incomplete_is_final_with_its_gap_named(desk: Any, ball: Any) -> None:
    lacking = [one for number, one in enumerate(ball.instances) if number not in (10, 11)]
    coming = Arriving(desk, lacking, ball.data, {lacking[0].series_uid: 24})
    session = coming.open(5)
    coming.come(session)
    assert session.case.stacks[0].stack.gaps == ()
    coming.come(session, 0, ended=True)
    desk.settle(session)
    (stack,) = session.case.stacks
    assert stack.is_volume
    assert [gap.missing for gap in stack.stack.gaps] == [2]
    assert "2 slices missing" in stack.stack.reason


def two_series(balls: Any) -> tuple[list[Instance], dict[str, bytes]]:
    """A localiser of three images and a volume, in one study: series 1 and 2."""
    volume = balls.ball_series(side=SIDE, slices=24, radius=6.0)
    scout = balls.ball_series("1.2.826.0.1.3680043.10.8", side=SIDE, slices=3, step_mm=30.0)
    renamed = [
        replace(one, study_uid=volume.instances[0].study_uid, study=volume.instances[0].study, series_number=1,
                image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
        for one in scout.instances
    ]  # fmt: skip
    return [*renamed, *volume.instances], {**scout.data, **volume.data}


def test_a_larger_series_takes_its_place_as_soon_as_it_begins_to_come(desk: Any, balls: Any) -> None:
    objects, data = two_series(balls)
    scout, volume = objects[0].series_uid, objects[-1].series_uid
    coming = Arriving(desk, objects, data, {scout: 3, volume: 24})
    session = coming.open(3)
    assert session.views[0].state.stack.startswith(scout)
    coming.come(session, 1)
    assert session.views[0].state.stack.startswith(volume)
    assert [stack.stack.series_uid for stack in session.case.stacks] == [scout, volume]


def test_a_larger_series_leaves_what_the_reader_arranged(desk: Any, balls: Any) -> None:
    objects, data = two_series(balls)
    coming = Arriving(desk, objects, data, {objects[0].series_uid: 3, objects[-1].series_uid: 24})
    session = coming.open(3)
    session.move.scroll(0, 1)
    image = shown(session)
    for count in (1, None):
        coming.come(session, count)
        assert shown(session) == image


def test_a_localiser_within_the_series_that_comes_late_moves_the_others_by_a_number_and_nothing_else(
    desk: Any, ball: Any
) -> None:
    first = replace(ball.instances[0], image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    others = shuffled(ball.instances[1:])
    coming = Arriving(desk, [*others, first], ball.data, {first.series_uid: 24})
    session = coming.open(6)
    desk.settle(session)
    session.move.go_to(0, 2)
    ends = tuple(session.annotations.point(0, x, 90.0) for x in (60.0, 120.0))
    drawing = session.annotations.draw(0, "length", ends)
    assert drawing is not None
    session.annotations.drop()
    session.store.add(drawing)
    image, key = shown(session), session.views[0].state.stack
    coming.come(session)
    desk.settle(session)
    assert session.views[0].state.stack != key
    assert shown(session) == image
    assert session.store.drawings[0].stack == session.views[0].state.stack
    assert session.annotations.go_to(drawing.tracking_uid)
    assert shown(session) == image


def test_an_orientation_that_appears_late_is_split_off_as_when_all_came_at_once(desk: Any, ball: Any) -> None:
    turned = [
        replace(one, frames=(replace(one.frames[0], orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0)),))
        for one in ball.instances[:6]
    ]
    objects = [*shuffled(ball.instances[6:]), *turned]
    coming = Arriving(desk, objects, ball.data, {objects[0].series_uid: 24})
    session = coming.open(4)
    image = shown(session)
    session.move.scroll(0, 1)
    session.move.scroll(0, -1)
    for count in (8, 9, None):
        coming.come(session, count)
        assert shown(session) == image
    desk.settle(session)
    whole = OpenCase(sorted(objects, key=lambda one: one.instance_number or 0), (), bytes, desk.workers, desk.work.put)
    assert [stack.key for stack in session.case.stacks] == [stack.key for stack in whole.stacks]
    for mine, theirs in zip(session.case.stacks, whole.stacks, strict=True):
        assert mine.objects == theirs.objects
        assert mine.stack.split_rule == theirs.stack.split_rule


@pytest.mark.parametrize("seed", range(6))
def test_interleaved_series_are_in_order_of_place_at_every_step_and_whole_at_the_end(
    desk: Any, balls: Any, seed: int
) -> None:
    objects, data = two_series(balls)
    chance = random.Random(seed)
    chance.shuffle(objects)
    expected = {uid: sum(one.series_uid == uid for one in objects) for uid in {one.series_uid for one in objects}}
    coming = Arriving(desk, objects, data, expected)
    session = coming.open(1)
    while coming.objects:
        if chance.random() < 0.5:
            session.move.scroll(0, chance.choice((-2, -1, 1, 2)))
        image = shown(session)
        touched = session._hung != session._arrangement()
        coming.come(session, chance.randint(1, 6))
        if touched:
            assert shown(session) == image
        here = {one.sop_instance_uid for one in coming.here}
        assert set().union(*(stack.objects for stack in session.case.stacks)) == here
        for stack in session.case.stacks:
            assert heights(session, stack.key) == sorted(heights(session, stack.key))
            assert stack.is_volume <= (stack.awaited is None)
    desk.settle(session)
    assert [stack.is_volume for stack in session.case.stacks] == [True, True]
    assert not session.case.growing


def test_planes_of_a_series_that_is_here_stay_while_another_comes(desk: Any, balls: Any) -> None:
    objects, data = two_series(balls)
    scout, volume = objects[:3], objects[3:]
    coming = Arriving(desk, [*volume, *scout], data, {volume[0].series_uid: 24, scout[0].series_uid: 3})
    session = coming.open(24)
    desk.settle(session)
    session.reformats.show_mpr()
    desk.size(session)
    desk.settle(session)
    before = [viewport.state for viewport in session.views.all]
    coming.come(session)
    assert session.views.layout == "mpr"
    assert [viewport.state for viewport in session.views.all] == before


def test_planes_go_back_to_the_images_where_a_complete_series_turns_out_to_be_none(desk: Any, ball: Any) -> None:
    coming = Arriving(desk, ball.instances, ball.data, {ball.instances[0].series_uid: 20})
    session = coming.open(20)
    desk.settle(session)
    session.reformats.show_mpr()
    assert session.views.layout == "mpr"
    coming.expected = {ball.instances[0].series_uid: 24}
    coming.come(session, 1)
    assert session.views.layout != "mpr"
    assert session.views[0].state.kind is PlaneKind.STACK


def test_a_stored_view_that_comes_later_is_offered(coming: Arriving, desk: Any, ball: Any) -> None:
    session = coming.open(4)
    state = replace(ball.instances[0], sop_instance_uid="1.2.3.9", sop_class_uid=sorted(KINDS)[0],
                    series_uid="1.2.3.8", pixels=None, frames=(), number_of_frames=0, modality="PR")  # fmt: skip
    coming.objects.insert(0, state)
    coming.come(session, 1)
    assert "1.2.3.9" in session.case.presentations._asked


def test_a_growth_worked_out_of_another_case_than_there_is_now_is_refused(coming: Arriving, desk: Any) -> None:
    session = coming.open(4)
    late = session.case.growth(coming.objects[:2], coming.awaited()).worked_out()
    assert late is not None
    coming.come(session, 3)
    stacks = session.case.stacks
    assert not session.grow(late)
    assert session.case.stacks is stacks


def test_a_kept_view_comes_back_once_its_images_are_here(coming: Arriving, desk: Any, ball: Any) -> None:
    whole = desk.open(ball)
    desk.settle(whole)
    whole.move.go_to(0, 17)
    whole.move.zoom(0, 3.0, 10.0, 10.0)
    kept = json.loads(json.dumps(whole.to_json()))
    session = coming.open(4)
    assert not session.restore(kept)
    coming.come(session, 9)
    coming.come(session)
    assert shown(session) == shown(whole)
    assert session.views[0].state.mm_per_pixel == whole.views[0].state.mm_per_pixel


def test_a_view_kept_of_a_part_is_at_the_same_image_of_the_whole(coming: Arriving, desk: Any, ball: Any) -> None:
    session = coming.open(6)
    session.move.go_to(0, 4)
    image = shown(session)
    kept = json.loads(json.dumps(session.to_json()))
    whole = desk.open(ball)
    assert whole.restore(kept)
    assert shown(whole) == image


def test_current_and_prior_are_linked_by_their_middles_once_the_current_is_whole(
    coming: Arriving, desk: Any, balls: Any, ball: Any
) -> None:
    from tests.viewing.conftest import Prior

    prior = balls.ball_series(
        "1.2.826.0.1.3680043.10.9", side=SIDE, slices=24, radius=6.0, origin=(0.0, 0.0, -400.0), study_date="20250110"
    )
    session = coming.open(5)
    session.case.fetch = dict(prior.data).__getitem__
    session.add_priors([Prior(prior.instances[0].study, prior.instances)])
    assert session.views.layout == "1x2"
    assert session.views.links.members == frozenset()
    coming.come(session)
    assert session.views.links.members == {0, 1}
    session.move.go_to(0, 12)
    assert session.views[1].state.index == 12
    session.move.go_to(0, 4)
    assert session.views[1].state.index == 4


def test_a_case_that_is_opened_with_nothing_hangs_its_first_image(coming: Arriving) -> None:
    session = coming.open(0)
    assert session.case.stacks == ()
    nothing = session.case.growth((), {})
    assert nothing.worked_out() is None
    coming.come(session, 1)
    assert shown(session) == coming.here[0].sop_instance_uid

"""A viewport's state: flips, turns, zoom about a point, letters and the scale bar."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from workstation.viewing.commands import BY_ID
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.orientation import EdgeLetters, direction_letters, letters_of_axes, letters_of_projection
from workstation.viewing.viewport import ORTHOGONAL_AXES, PlaneKind, ViewportState, bar_length_mm

AXIAL = ViewportState(stack="a", width=101, height=81, mm_per_pixel=0.5, centre=(10.0, 20.0, 30.0))


def letters(state: ViewportState) -> EdgeLetters:
    return letters_of_axes(*state.axes)


def test_axial_pictures_show_the_patients_right_at_the_left() -> None:
    assert letters(AXIAL) == EdgeLetters(left="R", right="L", top="A", bottom="P")


def test_letters_follow_a_mirror() -> None:
    assert letters(replace(AXIAL, flipped=True)) == EdgeLetters(left="L", right="R", top="A", bottom="P")


def test_letters_follow_a_quarter_turn_clockwise() -> None:
    # what was on top is at the right then
    assert letters(replace(AXIAL, turns=1)) == EdgeLetters(left="P", right="A", top="R", bottom="L")


def test_letters_follow_mirror_and_turns_together() -> None:
    # mirrored: L left, R right; then half round: R left, L right, P top
    assert letters(replace(AXIAL, flipped=True, turns=2)) == EdgeLetters(left="R", right="L", top="P", bottom="A")


def test_coronal_and_sagittal_have_the_head_on_top() -> None:
    assert letters_of_axes(*ORTHOGONAL_AXES[PlaneKind.CORONAL]) == EdgeLetters("R", "L", "H", "F")
    assert letters_of_axes(*ORTHOGONAL_AXES[PlaneKind.SAGITTAL]) == EdgeLetters("A", "P", "H", "F")


def test_a_tilted_edge_has_two_letters_the_stronger_first() -> None:
    assert direction_letters((0.0, -0.94, 0.342)) == "AH"
    assert direction_letters((0.0, -0.995, 0.0998)) == "A"


@pytest.mark.parametrize(
    ("turns", "flipped", "expected"),
    [
        (0, False, EdgeLetters("R", "L", "H", "F")),
        (0, True, EdgeLetters("L", "R", "H", "F")),
        (1, False, EdgeLetters("F", "H", "R", "L")),
        (2, True, EdgeLetters("R", "L", "F", "H")),
    ],
)
def test_letters_of_a_radiograph_follow_flips_and_turns(turns: int, flipped: bool, expected: EdgeLetters) -> None:
    assert letters_of_projection(("L", "F"), turns, flipped) == expected


def test_mammograms_keep_both_letters_of_an_edge() -> None:
    assert letters_of_projection(("P", "FL"), 0, False) == EdgeLetters("A", "P", "HR", "FL")


def test_a_radiograph_without_orientation_claims_nothing() -> None:
    assert letters_of_projection((), 0, False) == EdgeLetters()


def test_zoom_keeps_the_point_under_the_pointer() -> None:
    before = AXIAL.plane.pixel_to_lps(80, 10)
    after = AXIAL.zoomed(2.5, 80, 10)
    assert after.plane.pixel_to_lps(80, 10) == pytest.approx(before)
    assert after.mm_per_pixel == pytest.approx(0.2)


def test_zoom_keeps_the_point_under_the_pointer_when_mirrored_and_turned() -> None:
    state = replace(AXIAL, flipped=True, turns=3)
    assert state.zoomed(0.5, 7, 60).plane.pixel_to_lps(7, 60) == pytest.approx(state.plane.pixel_to_lps(7, 60))


def test_pan_carries_the_picture_with_the_pointer() -> None:
    point = AXIAL.plane.pixel_to_lps(30, 40)
    assert AXIAL.panned(12, -5).plane.lps_to_pixel(point) == pytest.approx((42, 35))


def test_the_middle_pixel_shows_the_centre() -> None:
    assert AXIAL.plane.pixel_to_lps(50, 40) == pytest.approx((10.0, 20.0, 30.0))


def test_tilting_turns_the_plane_about_the_point_and_keeps_it_in() -> None:
    tilted = AXIAL.tilted((1.0, 0.0, 0.0), 0.3, (0.0, 0.0, 30.0))
    assert tilted.kind is PlaneKind.OBLIQUE
    assert tilted.offset_of((0.0, 0.0, 30.0)) == pytest.approx(0.0, abs=1e-9)
    assert tilted.normal == pytest.approx((0.0, -0.29552, 0.95534), abs=1e-4)


@pytest.mark.parametrize(("mm_per_pixel", "expected"), [(0.5, 50.0), (0.08, 5.0), (1.0, 100.0), (0.01, 1.0)])
def test_the_scale_bar_is_a_round_length_that_fits(mm_per_pixel: float, expected: float) -> None:
    assert bar_length_mm(mm_per_pixel, 120) == expected


def test_cubic_interpolation_is_a_state_of_the_picture_and_is_said(balls: Any, desk: Any) -> None:
    session = desk.open(balls.ball_series(slices=6, side=48), size=(300, 300))
    desk.settle(session)
    stack, views = session.case.stacks[0], session.views
    linear = views[0].picture.pixels
    BY_ID["view.cubic"].run(session)
    desk.settle(session)
    cubic = views[0].picture.pixels
    # only where greys change do the two differ, and there both are in between
    assert (linear != cubic).any()
    assert np.abs(linear.astype(int) - cubic).mean() < 3
    assert "cubic interpolation" in fidelity_notes(stack, session.case.loader(stack.key), views[0].state)
    BY_ID["view.cubic"].run(session)
    desk.settle(session)
    np.testing.assert_array_equal(views[0].picture.pixels, linear)

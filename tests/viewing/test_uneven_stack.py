"""Uneven slices on the screen: shown as acquired, reformats true, and the badge says what they are."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from workstation.dicom.geometry import build_stacks
from workstation.imaging.reslice import reslice
from workstation.viewing.fidelity import fidelity_notes
from workstation.viewing.stack_values import shown_stacks
from workstation.viewing.stacks import start_state
from workstation.viewing.viewport import PlaneKind


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_a_ball_is_round_across_uneven_slices(desk: Any, balls: ModuleType, tilt: float) -> None:
    series = balls.ball_series(slices=80, step_mm=1.0, tilt_degrees=tilt, radius=14.0)
    # a fine half and a coarse one; the border between them goes through the ball
    kept = [one for n, one in enumerate(series.instances) if n < 40 or n % 3 == 0]
    session = desk.open(replace(series, instances=kept))
    desk.settle(session)
    (stack,) = session.case.stacks
    assert stack.stack.uneven
    loader = session.case.loader(stack.key)
    assert not loader.failures
    for k in (0, 20, stack.count - 1):
        source = loader.source(k)
        assert source is not None
        assert loader.index(k) == 0
        stored = np.frombuffer(series.data[stack.instance(k).sop_instance_uid], "<u2").reshape(96, 96)
        np.testing.assert_array_equal(source.array[0], stored.astype(np.int32) - 1024)
        np.testing.assert_allclose(stack.matrix(k)[:3, 3], stack.geometry(k).position, atol=1e-6)
    state = start_state(stack, PlaneKind.SAGITTAL, 200, 200)
    state = replace(state, centre=series.centre, mm_per_pixel=0.25)
    assert loader.volume is not None
    shown = reslice(loader.volume, state.plane)
    y, x = np.nonzero(shown.inside & (shown.values > (balls.INSIDE + balls.OUTSIDE) / 2))
    # its middle is the middle of the picture, and its width and height are its diameter, within the coarse step
    assert (x.mean(), y.mean()) == pytest.approx((99.5, 99.5), abs=3)
    assert np.ptp(x) * 0.25 == pytest.approx(28, abs=1.0)
    assert np.ptp(y) * 0.25 == pytest.approx(28, abs=1.5)
    notes = fidelity_notes(stack, loader, state)
    assert any(note.startswith("uneven slices 1–3 mm" if not tilt else "uneven slices 0.94–2.82 mm") for note in notes)
    assert not any(
        "uneven" in note for note in fidelity_notes(stack, loader, start_state(stack, PlaneKind.STACK, 9, 9))
    )


def test_parts_of_a_series_are_named_by_what_parts_them(balls: ModuleType) -> None:
    made = balls.ball_series(slices=6, side=8).instances
    second = [replace(one, sop_instance_uid=f"{one.sop_instance_uid}.9") for one in made]
    echoes = [
        replace(one, frames=(replace(one.frames[0], echo_time=ms),))
        for part, ms in ((made, 30.0), (second, 90.0))
        for one in part
    ]
    shown = shown_stacks(build_stacks(echoes), made[0].study)
    assert [stack.title.split(" · ")[0] for stack in shown] == ["echo time 30", "echo time 90"]

"""A folder with a bad image: that one says why it isn't shown, all others come."""

from types import ModuleType
from typing import Any

import pytest

from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.errors import UnreadableObject


@pytest.mark.parametrize("located", [True, False])
def test_one_bad_image_fails_alone_with_its_reason_in_the_viewport(balls: ModuleType, desk: Any, located: bool) -> None:
    series = balls.ball_series(slices=12, located=located)
    bad = series.instances[5].sop_instance_uid
    series.data[bad] = series.data[bad][:100]
    session = desk.open(series)
    desk.settle(session)
    loader = session.case.loader(session.views[0].state.stack)
    assert loader.loaded_count == 11
    (index,) = loader.failures
    assert loader.failures[index] == "The picture can't be decoded: the pixel data end early"
    shown = loader.stack.stack.frames[index].instance.sop_instance_uid
    assert shown == bad


def test_an_object_that_cannot_be_read_costs_no_other(balls: ModuleType) -> None:
    series = balls.ball_series(slices=5)
    held, refused = list(series.instances), []
    for broken in (b"", b"no DICOM at all", bytes(128) + b"DICM"):
        try:
            held.append(parse_instance(broken))
        except UnreadableObject as error:
            refused.append(str(error))
    assert len(refused) == 3
    assert sum(len(stack.frames) for stack in build_stacks(held)) == 5

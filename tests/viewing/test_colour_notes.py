"""What is said of colours that are not shown as they were meant."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.pixel_objects import image, part10
from workstation.dicom.parsing import parse_instance
from workstation.viewing.fidelity import fidelity_notes


def notes(desk: Any, ds: Any) -> tuple[str, ...]:
    data = part10(ds)
    instance = parse_instance(data)
    series = SimpleNamespace(instances=(instance,), data={instance.sop_instance_uid: data})
    session = desk.open(series, size=(64, 64))
    desk.settle(session)
    stack = session.case.stacks[0]
    return fidelity_notes(stack, session.case.loader(stack.key), session.views[0].state)


def test_a_colour_profile_that_is_broken_is_said(desk: Any) -> None:
    rgb = np.zeros((16, 16, 3), np.uint8)
    said = "colours as they stand: its colour profile is broken"
    assert said in notes(desk, image(rgb, photometric="RGB", ICCProfile=b"\1\2" * 300))
    assert not any("colour" in note for note in notes(desk, image(rgb, photometric="RGB")))


def test_colours_beside_greys_that_are_not_shown_are_said(desk: Any) -> None:
    ds = image(np.arange(256, dtype=np.uint16).reshape(16, 16))
    said = "its colours are not shown, only its greys"
    assert said not in notes(desk, ds)
    for number in (1, 2, 3):
        ds.add_new(0x00281100 + number, "US", [4, 4096, 16])
        ds.add_new(0x00281200 + number, "OW", bytes(8))
    assert said in notes(desk, ds)

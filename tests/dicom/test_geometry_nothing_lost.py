"""Whatever a series holds: each stored frame is in exactly one stack, and what is called a volume is one."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workstation.dicom.concatenation import WHOLE, Concatenation
from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance, PixelDescription

COSINES = st.sampled_from(
    [
        None,
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0, 0.0, 0.9396926, 0.3420201),
        (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
        (0.7071, 0.7071, 0.0, 0.0, 0.0, -1.0),
        (0.70711, 0.70711, 0.0, 0.0, 0.0, -1.0),
        (1.0, 0.0, 0.0, 0.2, 0.9, 0.0),
        (0.0,) * 6,
        (1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    ]
)
HEIGHTS = st.one_of(st.integers(0, 12).map(lambda k: 2.5 * k), st.sampled_from([0.001, 3.3, 90.0, 1e6]))
POSITIONS = st.one_of(
    st.none(), st.tuples(st.just(0.0), st.just(0.0), HEIGHTS), st.tuples(st.sampled_from([0.0, 40.0]), HEIGHTS, HEIGHTS)
)
NUMBER = st.one_of(st.none(), st.integers(0, 3))
COLOUR = PixelDescription(3, "RGB", 8, 8, 7, False)
GREY = PixelDescription(1, "MONOCHROME2", 16, 12, 11, False)

GEOMETRY = st.builds(
    FrameGeometry,
    position=POSITIONS,
    orientation=COSINES,
    pixel_spacing=st.sampled_from([None, (1.0, 1.0), (0.5, 1.0), (0.001, 0.001)]),
    image_type=st.sampled_from(
        [
            (),
            ("ORIGINAL", "PRIMARY", "M"),
            ("ORIGINAL", "PRIMARY", "P"),
            ("DERIVED", "PRIMARY", "AXIAL", "MOSAIC"),
            ("ORIGINAL", "PRIMARY", "LOCALIZER"),
        ]
    ),
    stack_id=st.sampled_from(["", "1"]),
    temporal_position=NUMBER,
    dimension_index=st.sampled_from([(), (1, 1), (1, 2, 3)]),
    b_value=st.sampled_from([None, 0.0, 800.0]),
    gradient=st.sampled_from([(), (1.0, 0.0, 0.0)]),
    echo_time=st.sampled_from([None, 30.0]),
    trigger_time=st.one_of(st.none(), st.integers(0, 900).map(float)),
    acquisition_number=NUMBER,
)
# many slices of one kind, so that volumes come up too
PLAIN = st.builds(
    FrameGeometry,
    position=st.tuples(st.just(0.0), st.just(0.0), HEIGHTS),
    orientation=st.just((1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
    pixel_spacing=st.just((1.0, 1.0)),
    b_value=st.sampled_from([0.0, 800.0]),
)


@st.composite
def instances(draw: st.DrawFn) -> list[Instance]:
    kinds = draw(st.sampled_from([GEOMETRY, PLAIN, st.one_of(GEOMETRY, PLAIN)]))
    made = []
    for number in range(draw(st.integers(1, 18))):
        count = draw(st.sampled_from([1, 1, 1, 2, 5]))
        own = draw(st.lists(kinds, min_size=count, max_size=count)) if draw(st.booleans()) else [draw(kinds)]
        values: dict[str, Any] = {
            "instance_number": draw(st.one_of(st.none(), st.integers(-2, 30))),
            "rows": draw(st.sampled_from([4, 4, 8])),
            "columns": 4,
            "number_of_frames": count,
            "pixels": draw(st.sampled_from([GREY, GREY, GREY, COLOUR, None])),
            "frames": tuple(own),
            "frame_of_reference_uid": draw(st.sampled_from(["", "1.9"])),
            "concatenation": draw(
                st.sampled_from([WHOLE, WHOLE, Concatenation("1.7", 1, 0), Concatenation("1.7", 2, 5)])
            ),
        }
        uid = f"1.5.{draw(st.sampled_from([number, number, number, 0]))}"
        modality = draw(st.sampled_from(["CT", "CT", "MR", "DX", "NM", "US"]))
        series = draw(st.sampled_from(["1.2", "1.2", "1.3"]))
        made.append(Instance("1.1", series, uid, "1.2.3", "1.2.840.10008.1.2.1", modality, Patient("", ""),
                             StudyHeader("1.1"), **values))  # fmt: skip
    return made


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(instances())
def test_the_frames_reachable_are_the_frames_stored(given_objects: list[Instance]) -> None:
    stacks = build_stacks(given_objects)
    reachable = Counter((ref.instance.sop_instance_uid, ref.frame) for stack in stacks for ref in stack.frames)
    stored: dict[str, Instance] = {}
    for instance in given_objects:
        if instance.has_pixels:
            stored.setdefault(instance.sop_instance_uid, instance)
    assert reachable == Counter((uid, frame) for uid, one in stored.items() for frame in range(one.number_of_frames))
    assert sum(stack.copies for stack in stacks) >= sum(one.has_pixels for one in given_objects) - len(stored)
    for stack in stacks:
        assert stack.is_volume or stack.reason
        if not stack.is_volume:
            continue
        assert stack.ijk_to_lps is not None
        assert stack.depth <= max(8 * len(stack.frames), 512)
        places = [stack.place_of(number) for number in range(len(stack.frames))]
        assert places == sorted(set(places))
        thick = float(np.linalg.norm(stack.ijk_to_lps[:3, 2]))
        for place, ref in zip(places, stack.frames, strict=True):
            assert ref.geometry.position is not None
            away = stack.ijk_to_lps @ [0, 0, place, 1] - [*ref.geometry.position, 1]
            assert np.linalg.norm(away) <= max(0.06 * thick, 0.02) + 0.1

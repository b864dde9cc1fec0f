"""The measurement store: snapshots, undo, JSON, and what a report gets."""

import json
from dataclasses import replace

import pytest

from workstation.dicom.content import ImageReference, Quantity
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
from workstation.viewing.grips import grip_at
from workstation.viewing.measurements import MeasurementStore

IMAGE = ImageReference("1.1", "1.2", "1.2.840.10008.5.1.4.1.1.2", "1.3")


def length(uid: str = "2.25.1", far: float = 30.0) -> Drawing:
    return Drawing(
        tracking_uid=uid,
        kind="length",
        label="Length 1",
        space="1.9",
        points=((0.0, 0.0, 5.0), (far, 40.0, 5.0)),
        stack="1.2#0",
        source=IMAGE,
        frame_of_reference_uid="1.9",
        points_px=((0.5, 0.5), (far + 0.5, 40.5)),
        quantities=(Quantity(drawings.LENGTH, 50.0, drawings.MILLIMETRE),),
        spacing_source="patient geometry",
        study_date="20260110",
    )


def ellipse() -> Drawing:
    return replace(
        length("2.25.2"),
        kind="ellipse",
        points=((-5.0, 0.0, 0.0), (5.0, 0.0, 0.0), (0.0, -9.0, 0.0), (0.0, 9.0, 0.0)),
        points_px=((1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)),
        quantities=(Quantity(drawings.MEAN, -700.0, drawings.unit_code("HU")), Quantity(drawings.AREA, 141.4, None)),
    )


def test_undo_and_redo_walk_the_same_way() -> None:
    store = MeasurementStore()
    store.add(length())
    store.add(ellipse())
    store.remove("2.25.1")
    states = [tuple(d.tracking_uid for d in store.drawings)]
    while store.can_undo:
        store.undo()
        states.append(tuple(d.tracking_uid for d in store.drawings))
    assert states == [("2.25.2",), ("2.25.1", "2.25.2"), ("2.25.1",), ()]
    while store.can_redo:
        store.redo()
    assert tuple(d.tracking_uid for d in store.drawings) == ("2.25.2",)


def test_a_drag_is_one_step_however_often_it_is_shown() -> None:
    store = MeasurementStore()
    store.add(length())
    before = store.drawings
    for far in (31.0, 32.0, 33.0):
        store.preview(length(far=far))
    store.commit(before)
    assert store.drawings[0].points[1][0] == 33.0
    store.undo()
    assert store.drawings == before


def test_a_cancelled_drag_leaves_no_step() -> None:
    store = MeasurementStore()
    store.add(length())
    before = store.drawings
    store.preview(length(far=99.0))
    store.cancel(before)
    store.commit(before)
    assert store.drawings == before
    store.undo()
    assert store.drawings == ()


def test_each_change_worth_keeping_is_told_once() -> None:
    store, told = MeasurementStore(), []
    store.changed.connect(lambda: told.append(len(store.drawings)))
    store.add(length())
    store.preview(length(far=2.0))
    store.select("")
    store.undo()
    assert told == [1, 0]


def test_measurements_survive_json_exactly() -> None:
    store = MeasurementStore()
    store.add(length())
    store.add(ellipse())
    other = MeasurementStore()
    other.from_json(json.loads(json.dumps(store.to_json())))
    assert other.drawings == store.drawings


def test_measurements_kept_before_there_were_slabs_and_uncertainties_still_open() -> None:
    store = MeasurementStore()
    store.add(length())
    store.add(ellipse())
    plain = json.loads(json.dumps(store.to_json()))
    for drawing in plain["drawings"]:
        for later in ("axes", "slab_mm", "slab_mode", "resampled_mm", "refusal", "doubt", "known_mm"):
            del drawing[later]
        for quantity in drawing["quantities"]:
            del quantity["uncertainty"]
    other = MeasurementStore()
    other.from_json(plain)
    assert other.drawings == store.drawings


@pytest.mark.parametrize("damaged", [{"drawings": [{"kind": "length"}]}, {"drawings": [3]}, {"drawings": [{"x": 1}]}])
def test_damaged_json_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        MeasurementStore().from_json(damaged)


def test_labels_are_never_given_twice() -> None:
    store = MeasurementStore()
    store.add(length())
    assert store.next_label("length") == "Length 2"
    store.remove("2.25.1")
    assert store.next_label("length") == "Length 1"


def test_an_ellipse_is_reported_with_its_major_axis_first() -> None:
    measurement = ellipse().to_content()
    assert measurement.anchor.graphic_type == "ELLIPSE"
    assert measurement.anchor.points_mm[:2] == ((0.0, -9.0, 0.0), (0.0, 9.0, 0.0))
    assert measurement.anchor.points_px == ((3.0, 3.0), (4.0, 4.0), (1.0, 1.0), (2.0, 2.0))
    assert measurement.primary.name == drawings.MEAN


def test_without_a_frame_of_reference_no_place_in_the_patient_is_claimed() -> None:
    anchor = replace(length(), frame_of_reference_uid="", space="1.2#0").to_content().anchor
    assert anchor.points_mm == ()
    assert anchor.points_px == ((0.5, 0.5), (30.5, 40.5))


def test_what_is_not_measured_yet_stays_out_of_the_report() -> None:
    store = MeasurementStore()
    store.add(replace(length(), quantities=()))
    assert store.measurements() == ()
    store.amend(lambda drawing: replace(drawing, quantities=length().quantities))
    assert len(store.measurements()) == 1
    store.undo()
    assert store.drawings == ()


def test_handles_go_before_lines_and_lines_are_found_near_their_middle() -> None:
    shown = [(length(), ((10.0, 10.0), (110.0, 10.0)))]
    near_end, on_line, away = (grip_at(shown, x, y, 1.0) for x, y in ((14.0, 6.0), (60.0, 14.0), (60.0, 30.0)))
    assert near_end is not None
    assert near_end.handle == 0
    assert on_line is not None
    assert on_line.handle is None
    assert away is None


def test_an_ellipse_is_gripped_at_its_outline_and_not_inside() -> None:
    shown = [(ellipse(), ((0.0, 50.0), (100.0, 50.0), (50.0, 20.0), (50.0, 80.0)))]
    assert grip_at(shown, 50 + 50 * 0.7071, 50 + 30 * 0.7071, 1.0) is not None
    assert grip_at(shown, 50.0, 50.0, 1.0) is None

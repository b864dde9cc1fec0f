"""Documents of a case: what is listed, what they point at, and what rejection notes take out of sight."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.document_objects import (
    CDA,
    COMPREHENSIVE,
    PDF,
    RDSR,
    coded,
    encapsulated,
    image,
    item,
    key_objects,
    number,
    written,
)
from workstation.dicom.content import ImageReference
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance
from workstation.dicom.sr_tree import Place, read_tree
from workstation.errors import UnreadableObject
from workstation.viewing.documents import documents_of, graphics_of, open_document
from workstation.viewing.marks import Marks, mark_of


def with_objects(series: Any, *objects: bytes) -> tuple[Any, list[Instance]]:
    """The series with documents of the same study and patient."""
    found = []
    for data in objects:
        parsed = parse_instance(data)
        first = series.instances[0]
        found.append(replace(parsed, study_uid=first.study_uid, study=first.study, patient=first.patient))
    data = {**series.data, **{one.sop_instance_uid: raw for one, raw in zip(found, objects, strict=True)}}
    return replace(series, instances=[*series.instances, *found], data=data), found


def place(uid: str, *frames: int, **values: Any) -> Place:
    return Place(ImageReference("", "", "", uid), frames, **values)


def test_documents_are_listed_by_kind_date_and_flags_the_newest_first() -> None:
    root = item("CONTAINER", coded("18748-4", "Imaging report", "LN"))
    flags = {"VerificationFlag": "VERIFIED", "CompletionFlag": "PARTIAL"}
    objects = [
        written(root, COMPREHENSIVE, "2.25.1", ContentDate="20240101", **flags),
        key_objects("113000", "Of Interest", uid="2.25.2", ContentDate="20240105"),
        written(item("CONTAINER", coded("113701", "Dose")), RDSR, "2.25.3", ContentDate="20240103"),
        encapsulated(b"%PDF", PDF, "2.25.4", ContentDate="20240104", DocumentTitle="Letter"),
        encapsulated(b"<a/>", CDA, "2.25.5", ContentDate="20240102"),
    ]  # fmt: skip
    listed = documents_of([parse_instance(data) for data in objects], parse_instance(objects[0]).study)
    assert [(one.key, one.kind) for one in listed] == [
        ("2.25.2", "key objects"),
        ("2.25.4", "pdf"),
        ("2.25.3", "dose"),
        ("2.25.5", "clinical"),
        ("2.25.1", "report"),
    ]
    assert [one.title for one in listed] == ["Of Interest", "Letter", "Dose", "Clinical document", "Imaging report"]
    assert (listed[-1].verified, listed[-1].complete) == (True, False)
    assert (listed[0].verified, listed[0].complete) == (None, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encapsulated(b"<a>", CDA), "broken"),
        (written(Dataset(), PDF), "no PDF"),
        (written(Dataset(), COMPREHENSIVE), "empty"),
    ],
)
def test_a_document_that_cannot_be_read_says_why_in_one_line(data: bytes, reason: str) -> None:
    instance = parse_instance(data)
    (listed,) = documents_of([instance], instance.study)
    with pytest.raises(UnreadableObject, match=reason):
        open_document(listed, data)


def test_a_reference_leads_to_its_image_and_a_corner_to_half_a_pixel_off_its_centre(
    desk: Any, balls: ModuleType
) -> None:
    series = balls.ball_series(pixel_mm=0.5)
    session = desk.open(series)
    wanted = series.instances[7]
    # 0.5\0.5 of SCOORD is the centre of the first pixel, which is Image Position (PS3.3 C.18.6.1.2)
    found = session.case.finder().find(place(wanted.sop_instance_uid, points_px=((0.5, 0.5), (2.5, 0.5))))
    assert found is not None
    stack = session.case.stack(found.stack)
    assert stack.instance(found.index) is wanted
    x, y, z = wanted.frames[0].position
    assert found.points[0] == pytest.approx((x, y, z))
    assert found.points[1] == pytest.approx((x + 1.0, y, z))


def test_a_place_in_space_leads_to_the_nearest_image_of_the_same_frame_of_reference(
    desk: Any, balls: ModuleType
) -> None:
    series = balls.ball_series()
    session = desk.open(series)
    finder, space = session.case.finder(), series.instances[0].frame_of_reference_uid
    point = (series.centre[0], series.centre[1], series.instances[11].frames[0].position[2] + 0.4)
    found = finder.find(place("", points_mm=(point,), frame_of_reference_uid=space))
    assert found is not None
    assert session.case.stack(found.stack).instance(found.index) is series.instances[11]
    assert finder.find(place("", points_mm=(point,), frame_of_reference_uid="2.25.1")) is None
    beside = (series.centre[0] + 500, series.centre[1], series.centre[2])
    assert finder.find(place("", points_mm=(beside,), frame_of_reference_uid=space)) is None


def test_an_image_that_is_not_in_the_case_is_not_found(desk: Any, balls: ModuleType) -> None:
    session = desk.open(balls.ball_series())
    assert session.case.finder().find(place("2.25.404")) is None
    assert session.case.finder().find(place(session.case.stacks[0].first.sop_instance_uid, 2)) is None


def test_graphics_bear_the_numbers_that_go_with_them() -> None:
    def outline() -> Dataset:
        return item(
            "SCOORD",
            coded("111030", "Image Region"),
            image("2.25.9"),
            GraphicType="POLYLINE",
            GraphicData=[1.0, 1.0, 2.0, 2.0],
        )

    group = item(
        "CONTAINER",
        coded("125007", "Group"),
        outline(),
        number("1", "Area", "3.10", "mm2"),
        number("2", "Mean", "41", "[hnsf'U]"),
    )
    alone = number("3", "Length", "12.5", "mm", outline())
    report = read_tree(written(item("CONTAINER", coded("126010", "Measurements"), group, alone), COMPREHENSIVE))
    assert [label for _line, label in graphics_of(report)] == ["Area: 3.10 mm²\nMean: 41 HU", "Length: 12.5 mm"]


def test_a_mark_shows_on_its_own_image_only(desk: Any, balls: ModuleType) -> None:
    series = balls.ball_series()
    session = desk.open(series)
    target = session.case.finder().find(place(series.instances[7].sop_instance_uid, points_px=((10.0, 10.0),)))
    assert target is not None
    stack, marks = session.case.stack(target.stack), Marks()
    marks.show((mark_of(target, stack, "Area: 3 mm²"),))
    for index, count in ((7, 1), (8, 0), (6, 0)):
        session.move.go_to(0, index)
        assert len(marks.visible(session.views[0].state, stack)) == count


def test_images_that_a_note_rejects_are_hidden_said_and_shown_on_request(desk: Any, balls: ModuleType) -> None:
    series = balls.ball_series(slices=10)
    bad = [series.instances[k].sop_instance_uid for k in (3, 4)]
    quality = key_objects("113001", "Rejected for Quality Reasons", image(bad[0]), uid="2.25.81")
    safety = key_objects("113037", "Rejected for Patient Safety Reasons", image(bad[1]), uid="2.25.82")
    series, _notes = with_objects(series, quality, safety)
    case = desk.open(series).case
    shown = {ref.instance.sop_instance_uid for stack in case.stacks for ref in stack.stack.frames}
    assert len(shown) == 8
    assert not shown & set(bad)
    assert [(one.code, len(one.instances)) for one in case.rejected] == [("113001", 1), ("113037", 1)]

    case.show_rejected()
    assert case.rejected == ()
    assert len({stack.key for stack in case.stacks}) == len(case.stacks) == 3
    remarks = {stack.first.sop_instance_uid: case.remarks(stack) for stack in case.stacks[1:]}
    assert remarks == {bad[0]: ("rejected for quality",), bad[1]: ("rejected for patient safety",)}
    assert case.remarks(case.stacks[0]) == ()
    assert [stack.count for stack in case.comparable] == [8]


def test_a_study_of_which_all_was_rejected_shows_nothing_until_asked(desk: Any, balls: ModuleType) -> None:
    series = balls.ball_series(slices=3)
    named = [image(one.sop_instance_uid) for one in series.instances]
    series, _notes = with_objects(series, key_objects("113038", "Incorrect Modality Worklist Entry", *named))
    session = desk.open(series)
    assert session.case.stacks == ()
    session.case.show_rejected()
    assert [stack.count for stack in session.case.stacks] == [3]


def test_an_ordinary_selection_hides_nothing(desk: Any, balls: ModuleType) -> None:
    series = balls.ball_series(slices=4)
    series, _notes = with_objects(
        series, key_objects("113000", "Of Interest", image(series.instances[0].sop_instance_uid))
    )
    case = desk.open(series).case
    assert (case.rejected, case.stacks[0].count, len(case.documents)) == ((), 4, 1)


def test_documents_of_priors_come_with_their_study(desk: Any, balls: ModuleType) -> None:
    earlier = balls.ball_series("1.2.826.0.1.3680043.10.9", slices=3, study_date="20240101")
    earlier, _found = with_objects(earlier, encapsulated(b"%PDF", PDF, "2.25.91", DocumentTitle="Old letter"))
    case = desk.open(balls.ball_series(slices=3), earlier).case
    (document,) = case.documents
    assert (document.prior, document.study.study_date, document.title) == (True, "20240101", "Old letter")


def test_a_segmentation_of_the_same_space_is_no_stack_and_is_read_only_when_shown(desk: Any, shared_data: Path) -> None:
    folder = shared_data / "seg_sr_pm" / "dcmqi"
    files = [folder / name for name in ("01.dcm", "02.dcm", "03.dcm", "liver.dcm")]
    data = {parse_instance(file.read_bytes()).sop_instance_uid: file.read_bytes() for file in files}
    series = type("Series", (), {"instances": [parse_instance(raw) for raw in data.values()], "data": data})
    session = desk.open(series)
    desk.settle(session)
    case, (layer,) = session.case, session.case.layers.all
    assert [stack.count for stack in case.stacks] == [3]
    assert layer.key not in desk.fetched
    assert session.views[0].picture.tint is None
    case.layers.toggle()
    while layer.loaded is None:
        desk.work.get(timeout=10)()
    desk.settle(session)
    assert session.views[0].picture.tint is not None
    assert case.remarks(case.stacks[0])[0].endswith("made with a program: SlicerEditor")
    case.layers.toggle()
    desk.settle(session)
    assert session.views[0].picture.tint is None

"""Real-world values in the viewer: their numbers and units, a choice by name, and what is said where they can't be."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.grey_images import image, item, lut_item, saved
from workstation.dicom.key_objects import Rejection
from workstation.dicom.parsing import parse_instance
from workstation.imaging.voi import Window, to_grey
from workstation.viewing.appearance_notes import appearance_notes
from workstation.viewing.reading_session import ReadingSession


class Study:
    def __init__(self, *objects: Dataset) -> None:
        raw = [saved(each) for each in objects]
        self.instances = [parse_instance(data) for data in raw]
        self.data = {one.sop_instance_uid: data for one, data in zip(self.instances, raw, strict=True)}


def mapping(label: str, unit: str, slope: float, intercept: float, first: int = 0, last: int = 4095) -> Dataset:
    code = item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=f"meaning of {unit}")
    made = item(LUTLabel=label, MeasurementUnitsCodeSequence=[code])
    made.RealWorldValueSlope, made.RealWorldValueIntercept = slope, intercept
    made.add_new(0x00409216, "US", first)
    made.add_new(0x00409211, "US", last)
    return made


def mapped(*mappings: Dataset, **changes: Any) -> Dataset:
    values = np.linspace(0, 4095, 1600).round().astype("<u2").reshape(40, 40)
    ds = image(values, BitsStored=12, HighBit=11, Modality="MR", WindowCenter=2000, WindowWidth=1000, **changes)
    ds.RealWorldValueMappingSequence = Sequence(mappings)
    return ds


def value_at(session: ReadingSession, x: float, y: float) -> tuple[float, str]:
    drawing = session.annotations.draw(0, "point", (session.annotations.point(0, x, y),))
    assert drawing is not None
    session.annotations.drop()
    (quantity,) = drawing.quantities
    return quantity.value, "" if quantity.unit is None else quantity.unit.value


def stored_at(ds: Dataset, x: float, y: float) -> float:
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(40, 40)
    # 200 × 200 screen pixels show 40 × 40: the middle of each block of five
    return float(stored[int(y) // 5, int(x) // 5])


def test_a_mapping_gives_numbers_and_unit_and_leaves_the_picture_as_it_is(desk: Any) -> None:
    ds = mapped(mapping("ADC", "um2/s", 0.37, -5.0), RescaleSlope=2, RescaleIntercept=-20)
    session = desk.open(Study(ds))
    desk.settle(session)
    value, unit = value_at(session, 102, 102)
    assert value == pytest.approx(stored_at(ds, 102, 102) * 0.37 - 5, rel=1e-6)
    assert unit == "um2/s"
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(40, 40)
    shown = session.views[0].picture.pixels[2::5, 2::5].astype(int)
    assert np.abs(shown - to_grey(2.0 * stored - 20, Window(2000, 1000))).max() <= 1


def test_of_several_one_is_chosen_by_name_and_the_rescale_is_never_lost(desk: Any) -> None:
    ds = mapped(mapping("ADC", "um2/s", 0.5, 0), mapping("Perfusion", "ml/(100.g.min)", 2.0, 1.0), RescaleSlope=3)
    ds.RescaleIntercept = 0
    session = desk.open(Study(ds))
    desk.settle(session)
    stored = stored_at(ds, 52, 152)
    for number, expected in (
        (0, (stored * 0.5, "um2/s")),
        (1, (stored * 2 + 1, "ml/(100.g.min)")),
        (-1, (stored * 3, "")),
    ):
        session.move.choose_values(0, number)
        desk.settle(session)
        assert value_at(session, 52, 152) == (pytest.approx(expected[0]), expected[1])
    assert [one.name for one in session.views.stack(0).mappings] == ["ADC", "Perfusion"]
    # the choice is kept with the view
    again = desk.open(Study(ds))
    assert again.restore(session.to_json())
    assert again.views.stack(0).mapping is None


def test_a_measurement_has_the_values_that_the_stack_is_in_now_after_a_step_back_too(desk: Any) -> None:
    ds = mapped(mapping("ADC", "um2/s", 0.5, 0), mapping("Flow", "um2/s", 2.0, 1.0))
    session = desk.open(Study(ds))
    desk.settle(session)
    point = session.annotations.draw(0, "point", (session.annotations.point(0, 52, 152),))
    assert point is not None
    session.store.add(point)
    session.annotations.drop()
    stored = stored_at(ds, 52, 152)

    def number() -> float:
        (drawing,) = session.store.drawings
        return drawing.quantities[0].value

    assert number() == stored * 0.5
    session.store.rename(point.tracking_uid, "Renamed")
    session.move.choose_values(0, 1)
    # still true, of the values whose name it has, until the pixels are there
    assert number() == stored * 0.5
    desk.settle(session)
    assert number() == stored * 2 + 1
    session.store.undo()
    assert number() == stored * 2 + 1
    # a draft that was kept in one kind of values opens in another
    kept = session.store.to_json()
    again = desk.open(Study(ds))
    again.store.from_json(kept)
    desk.settle(again)
    (drawing,) = again.store.drawings
    assert (drawing.quantities[0].value, drawing.values) == (stored * 0.5, "ADC")
    assert drawing.to_content().remark == "values: ADC"


def test_greys_made_from_values_that_were_left_meanwhile_are_not_those_of_the_new_ones(desk: Any) -> None:
    ds = mapped(mapping("ADC", "um2/s", 0.5, 0), mapping("Flow", "ml/s", 200.0, 0))
    del ds.WindowCenter, ds.WindowWidth
    session = desk.open(Study(ds))
    views = session.views
    stack = views.stack(0)
    while views.source(0) is None:
        desk.work.get(timeout=10)()
    # the first picture is on its way, in ADC, when the reader chooses the other values
    assert stack.auto_voi is None
    session.move.choose_values(0, 1)
    desk.settle(session)
    window = views.stack(0).auto_voi
    assert (window.center, window.width) == pytest.approx((200 * 4095 / 2, 200 * 4095), rel=0.05)


def test_a_value_outside_of_the_mapped_range_is_none(desk: Any) -> None:
    session = desk.open(Study(mapped(mapping("ADC", "um2/s", 1.0, 0.0, 1000, 3000))))
    desk.settle(session)
    volume = session.views.source(0)
    padding = volume.padding_of(0)
    stored = volume.array[0]
    np.testing.assert_array_equal(padding, (stored < 1000) | (stored > 3000))


@pytest.mark.parametrize("unit", ["1", "{no units}"])
def test_a_mapping_without_a_unit_changes_nothing_and_prints_none(desk: Any, unit: str) -> None:
    ds = mapped(mapping("Scaled", unit, 7.0, 0.0))
    session = desk.open(Study(ds))
    desk.settle(session)
    assert value_at(session, 102, 102) == (stored_at(ds, 102, 102), "")


def mapping_object(ds: Dataset, *mappings: Dataset) -> Dataset:
    """An object of Real World Value Mapping Storage for one image."""
    other = image(np.zeros((2, 2), np.uint8), SOPClassUID="1.2.840.10008.5.1.4.1.1.67", SOPInstanceUID="1.2.3.4.5")
    del other.PixelData, other.Rows, other.Columns
    referenced = item(ReferencedSOPClassUID=ds.SOPClassUID, ReferencedSOPInstanceUID=ds.SOPInstanceUID)
    given = item(RealWorldValueMappingSequence=list(mappings), ReferencedImageSequence=[referenced])
    other.ReferencedImageRealWorldValueMappingSequence = Sequence([given])
    return other


def test_an_object_of_its_own_may_map_an_image_whose_values_are_the_stored_ones(desk: Any) -> None:
    ds = mapped()
    del ds.RealWorldValueMappingSequence
    session = desk.open(Study(ds, mapping_object(ds, mapping("T1", "ms", 0.5, 10.0))))
    desk.settle(session)
    assert value_at(session, 52, 152) == (pytest.approx(stored_at(ds, 52, 152) * 0.5 + 10), "ms")
    # with a rescale it would not be certain which values the object means
    ds.RescaleSlope, ds.RescaleIntercept = 2, 0
    session = desk.open(Study(ds, mapping_object(ds, mapping("T1", "ms", 0.5, 10.0))))
    desk.settle(session)
    assert value_at(session, 52, 152) == (pytest.approx(stored_at(ds, 52, 152) * 2), "")


def test_a_rejected_image_is_mapped_by_an_object_that_was_not_rejected(desk: Any) -> None:
    ds = mapped()
    del ds.RealWorldValueMappingSequence
    study = Study(ds, mapping_object(ds, mapping("T1", "ms", 0.5, 10.0)))
    study.instances.append(rejecting(study.instances[0], ds.SOPInstanceUID))
    session = desk.open(study)
    assert session.case.stacks == ()
    session.case.show_rejected()
    assert [stack.units for stack in session.case.stacks] == ["ms"]


def rejecting(like: Any, uid: str) -> Any:
    """A rejection note for one object, beside an image of the same study."""
    return replace(like, sop_instance_uid="2.25.99", pixels=None, rejection=Rejection("113001", (uid,)))


def test_what_can_not_be_applied_is_said(desk: Any) -> None:
    table = item(
        LUTLabel="ADC",
        RealWorldValueLUTData=[1.0, 2.0],
        MeasurementUnitsCodeSequence=[item(CodeValue="um2/s", CodingSchemeDesignator="UCUM", CodeMeaning="x")],
    )
    with_luts = mapped(mapping("ADC", "um2/s", 2.0, 0.0))
    with_luts.VOILUTSequence = Sequence([lut_item(0, 12, np.arange(4096))])
    for ds, reason in ((mapped(table), "given as a table"), (with_luts, "the windows hold for other values")):
        session = desk.open(Study(ds))
        desk.settle(session)
        stack = session.views.stack(0)
        (said,) = appearance_notes(session.case, stack, session.views[0].state)
        assert said == f"no real-world values: ADC: {reason}"
        assert value_at(session, 102, 102) == (stored_at(ds, 102, 102), "")

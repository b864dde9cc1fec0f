"""Real-world values and shutters of a header, as PS3.3 C.7.6.16.2.11 and C.7.6.11 define them."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.grey_images import image, item, saved
from workstation.dicom.instance import Instance
from workstation.dicom.parsing import parse_instance


def mapping(unit: str, meaning: str, **values: object) -> Dataset:
    unit_code = item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=meaning)
    return item(MeasurementUnitsCodeSequence=[unit_code], **values)


def test_every_mapping_comes_with_its_name_its_unit_and_its_values() -> None:
    ds = image(np.zeros((4, 4), np.int16))
    first = mapping("mm2/s", "square millimetre per second", LUTLabel="ADC", RealWorldValueSlope=1e-6)
    first.RealWorldValueIntercept = 0.0
    first.add_new(0x00409216, "SS", -5)
    first.add_new(0x00409211, "SS", 3000)
    table = mapping("{ratio}", "ratio", LUTExplanation="Ratio", RealWorldValueLUTData=[0.5, 1.5, 2.5])
    table.add_new(0x00409216, "SS", 10)
    table.add_new(0x00409211, "SS", 12)
    ds.RealWorldValueMappingSequence = Sequence([first, table])
    instance = parse_instance(saved(ds))
    assert Instance.from_json(instance.to_json()) == instance
    adc, ratio = instance.frames[0].real_world
    assert [(one.name, one.unit) for one in (adc, ratio)] == [("ADC", "mm2/s"), ("Ratio", "{ratio}")]
    np.testing.assert_allclose(
        adc.values(np.array([-6, -5, 0, 800, 3000, 3001])), [np.nan, -5e-6, 0, 8e-4, 3e-3, np.nan]
    )
    np.testing.assert_array_equal(ratio.values(np.array([9, 10, 12, 13])), [np.nan, 0.5, 2.5, np.nan])


def test_mappings_of_functional_groups_go_frame_by_frame() -> None:
    ds = image(np.zeros((2, 4, 4), np.uint16))
    shared = Dataset()
    shared.RealWorldValueMappingSequence = Sequence([mapping("1", "no units", RealWorldValueSlope=2.0)])
    own = Dataset()
    own.RealWorldValueMappingSequence = Sequence([mapping("1", "no units", RealWorldValueSlope=3.0)])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([own, Dataset()])
    instance = parse_instance(saved(ds))
    assert [frame.real_world[0].slope for frame in instance.frames] == [3.0, 2.0]


def test_a_mapping_that_maps_nothing_is_left_out() -> None:
    ds = image(np.zeros((4, 4), np.uint16))
    ds.RealWorldValueMappingSequence = Sequence([mapping("1", "no units")])
    assert parse_instance(saved(ds)).frames[0].real_world == ()


def test_a_shutter_has_the_shapes_that_are_whole() -> None:
    ds = image(np.zeros((40, 50), np.uint16), ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"])
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge = 5, 45
    ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = 3, 38
    ds.CenterOfCircularShutter, ds.RadiusOfCircularShutter = [20, 25], 15
    ds.VerticesOfThePolygonalShutter = [1, 1, 40, 1]
    ds.ShutterPresentationValue = 0x8000
    shutter = parse_instance(saved(ds)).shutter
    assert shutter is not None
    assert (shutter.rectangle, shutter.circle, shutter.polygon) == ((5, 45, 3, 38), (20, 25, 15), ())
    assert shutter.grey == 128

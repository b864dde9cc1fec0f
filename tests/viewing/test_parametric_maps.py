"""Parametric maps opened as stacks: values in mapped units and places, judged by highdicom."""

import io
import warnings
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from tests.tiny_instances import ct_series
from workstation.dicom.parsing import parse_instance


def parametric_map(pixels: Any, slope: float, intercept: float, unit: tuple[str, str]) -> bytes:
    """A map over three CT slices, written by highdicom."""
    import highdicom
    from pydicom.sr.coding import Code

    sources = [dcmread(io.BytesIO(data)) for data in ct_series(3, side=8)]
    for source in sources:
        source.PositionReferenceIndicator = ""
    whole_number = pixels.dtype.kind in "iu"
    mapping = highdicom.pm.RealWorldValueMapping(
        lut_label="1",
        lut_explanation="Diffusion",
        unit=Code(unit[0], "UCUM", unit[1]),
        value_range=(0, 4095) if whole_number else (-1e6, 1e6),
        slope=slope,
        intercept=intercept,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = highdicom.pm.ParametricMap(
            sources,
            pixels,
            series_instance_uid="2.25.1001",
            series_number=7,
            sop_instance_uid="2.25.1002",
            instance_number=1,
            manufacturer="Tests",
            manufacturer_model_name="Tests",
            software_versions="1",
            device_serial_number="1",
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            window_center=100.0,
            window_width=200.0,
        )
        buffer = io.BytesIO()
        made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def judged(data: bytes) -> Any:
    """(values of the real world, affine) as highdicom reads them; slices in its order."""
    import highdicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = highdicom.imread(io.BytesIO(data))
        volume = image.get_volume(apply_real_world_transform=True, dtype=np.float64)
    return volume.array, volume.affine


RANDOM = np.random.default_rng(20)


@pytest.mark.parametrize(
    ("pixels", "slope", "intercept"),
    [
        (RANDOM.uniform(-3, 3, (3, 8, 8)).astype(np.float32), 1.0, 0.0),
        (RANDOM.uniform(-3, 3, (3, 8, 8)), 1.0, 0.0),
        (RANDOM.integers(0, 4096, (3, 8, 8)).astype(np.uint16), 1.0, 0.0),
        (RANDOM.integers(0, 4096, (3, 8, 8)).astype(np.uint16), 0.0025, -1.5),
    ],
    ids=["float", "double", "16 bit", "16 bit with a slope"],
)
def test_a_parametric_map_opens_as_a_volume_in_its_mapped_unit(
    desk: Any, pixels: Any, slope: float, intercept: float
) -> None:
    data = parametric_map(pixels, slope, intercept, ("mm2/s", "square millimeter per second"))
    instance = parse_instance(data)
    series = type("Series", (), {"instances": [instance], "data": {instance.sop_instance_uid: data}})
    session = desk.open(series)
    desk.settle(session)
    (stack,) = session.case.stacks
    assert (stack.count, stack.is_volume, stack.units) == (3, True, "mm2/s")
    volume = session.case.loader(stack.key).volume
    expected, affine = judged(data)
    # by place, whatever order each program puts the slices in
    for k in range(3):
        for row, column in ((0, 0), (2, 5), (7, 7)):
            place = volume.ijk_to_lps @ (column, row, k, 1)
            at = np.rint(np.linalg.solve(affine, place)[:3]).astype(int)
            assert volume.array[k, row, column] == pytest.approx(expected[tuple(at)], rel=1e-6)

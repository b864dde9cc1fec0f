"""The VOI transforms against the formulas of PS3.3 C.11.2 and their worked consequences."""

import io
import math
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence

from tests.grey_images import image, lut_item, saved
from workstation.imaging.voi import AUTO, VoiTable, Window, auto_window, grey, lookup, to_grey


def linear(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.2.1 with ymin 0, ymax 255, word for word."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    if x > c - 0.5 + (w - 1) / 2:
        return 255
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255


def linear_exact(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.2."""
    if x <= c - w / 2:
        return 0
    if x > c + w / 2:
        return 255
    return ((x - c) / w + 0.5) * 255


def sigmoid(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.1."""
    exponent = -4 * (x - c) / w
    return 0.0 if exponent > 700 else 255 / (1 + math.exp(exponent))


FORMULAS: list[tuple[str, Callable[[float, float, float], float]]] = [
    ("LINEAR", linear),
    ("LINEAR_EXACT", linear_exact),
    ("SIGMOID", sigmoid),
]


@pytest.mark.parametrize(("name", "formula"), FORMULAS)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (2048, 4096), (1, 2), (0, 100), (0.5, 1)])
def test_each_function_follows_the_standards_formula(
    name: str, formula: Callable[[float, float, float], float], center: float, width: float
) -> None:
    window = Window(center, width, name)  # type: ignore[arg-type]
    values = np.arange(-2000, 5000, 7)
    expected = [formula(float(x), center, width) for x in values]
    np.testing.assert_allclose(grey(values, window), expected, atol=1e-9)


def test_the_standards_own_examples_of_linear() -> None:
    # C.11.2.1.2.1: c=2048, w=4096 is identity over 0..4095; c=2048, w=1 thresholds at 2048
    np.testing.assert_allclose(grey(np.array([0, 4095]), Window(2048, 4096)), [0, 255])
    assert grey(np.array([2047, 2048]), Window(2048, 1)).tolist() == [0, 255]


def test_narrow_windows_tell_the_three_functions_apart() -> None:
    values = np.array([-1, 0, 1, 2], np.int16)
    assert to_grey(values, Window(1, 2)).tolist() == [0, 0, 255, 255]
    assert to_grey(values, Window(1, 2, "LINEAR_EXACT")).tolist() == [0, 0, 128, 255]
    assert to_grey(values, Window(1, 2, "SIGMOID")).tolist() == [5, 30, 128, 225]
    assert to_grey(values, Window(1, 1)).tolist() == [0, 0, 255, 255]


@pytest.mark.golden(7)
@pytest.mark.parametrize("width", [1, 2])
def test_a_table_a_sigmoid_and_a_line_of_width_one_and_two_are_as_the_standard_and_pydicom_have_them(
    width: int,
) -> None:
    values = np.arange(-4, 8, dtype=np.int16)
    entries = [0, 700, 40, 1023]
    made = image(values[None], WindowCenter=1, WindowWidth=width)
    made.VOILUTSequence = Sequence([lut_item(-1, 10, entries, signed=True)])
    ds = pydicom.dcmread(io.BytesIO(saved(made)))
    for function, formula in FORMULAS:
        ds.VOILUTFunction = function
        window = Window(1, width, function)  # type: ignore[arg-type]
        expected = np.array([formula(float(x), 1, width) for x in values])
        np.testing.assert_allclose(grey(values, window), expected, atol=1e-9)
        # pydicom's output range is that of the stored bits: -32768 to 32767
        theirs = (pydicom.pixels.apply_windowing(values, ds) + 32768) / 65535 * 255
        np.testing.assert_allclose(grey(values, window), theirs, atol=1e-6)
        np.testing.assert_array_equal(to_grey(values, window), np.floor(expected + 0.5))
    shown = to_grey(values, VoiTable.of(-1, 10, entries))
    np.testing.assert_array_equal(
        shown, np.floor(pydicom.pixels.apply_voi_lut(values, ds, prefer_lut=True) / 1023 * 255 + 0.5)
    )


def test_a_width_below_one_counts_as_one() -> None:
    values = np.array([0, 1, 2], np.int16)
    assert to_grey(values, Window(1, 0.4)).tolist() == to_grey(values, Window(1, 1)).tolist()


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint16, np.uint8, np.int32])
@pytest.mark.parametrize("voi", [Window(60, 120), Window(60, 120, "LINEAR_EXACT"), Window(60, 120, "SIGMOID")])
def test_every_type_of_values_gives_the_same_grey(dtype: type, voi: Window) -> None:
    values = np.arange(0, 200)
    expected = np.floor(grey(values, voi) + 0.5)
    # types without a table of all their values are calculated in single precision
    tolerance = 0 if np.dtype(dtype).itemsize <= 2 else 1
    assert np.abs(to_grey(values.astype(dtype), voi).astype(int) - expected).max() <= tolerance


def test_a_table_maps_its_range_and_holds_its_ends() -> None:
    table = VoiTable.of(10, 12, [0, 1000, 4095], "three steps")
    got = to_grey(np.array([-5, 10, 11, 12, 300], np.int16), table)
    assert got.tolist() == [0, 0, round(1000 / 4095 * 255), 255, 255]


def test_inversion_comes_after_the_voi_and_leaves_padding_black() -> None:
    values = np.array([[-2000, 0, 100]], np.int16)
    padding = values == -2000
    window = Window(50.5, 101)
    assert to_grey(values, window, invert=False, padding_mask=padding).tolist() == [[0, 0, 255]]
    assert to_grey(values, window, invert=True, padding_mask=padding).tolist() == [[0, 255, 0]]


def test_the_lookup_starts_at_its_lowest_value_and_cannot_be_written() -> None:
    table = lookup(Window(0.5, 256, "LINEAR"), -128, 127)
    assert (table[0], table[255], len(table)) == (0, 255, 256)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_an_automatic_window_ignores_padding_and_says_what_it_is() -> None:
    values = np.random.default_rng(1).normal(500, 50, (200, 200)).astype(np.float32)
    values[:100] = -2000
    window = auto_window(values, values == -2000)
    assert window.explanation == AUTO
    # 0.5 % and 99.5 % of a normal distribution are 2.576 standard deviations off
    assert window.center == pytest.approx(500, abs=5)
    assert window.width == pytest.approx(2 * 2.576 * 50, rel=0.05)


@pytest.mark.parametrize("values", [np.zeros((4, 4), np.int16), np.full((3, 3), np.nan, np.float32)])
def test_an_automatic_window_of_nothing_still_is_one(values: np.ndarray) -> None:
    assert auto_window(values).width > 0

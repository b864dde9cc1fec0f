"""Stored values to modality values, slice by slice, from any thread."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance, PixelDescription
from workstation.dicom.lut import VoiTable
from workstation.imaging.figures import Ellipse
from workstation.imaging.measure import region_on_slice
from workstation.imaging.plane import Plane, orthogonal, volume_centre
from workstation.imaging.reslice import Slab, reslice
from workstation.imaging.volume import SliceTransform, Volume

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def slices(count: int, rescale: Any, pixels: PixelDescription | None = None, **changes: Any) -> Volume:
    """The empty volume of `count` slices of 4 × 6; `rescale(k)` gives slope and intercept."""
    instances = [
        Instance(
            "1.1", "1.2", f"1.5.{k}", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "CT",
            Patient("", ""), StudyHeader("1.1"), instance_number=k, rows=4, columns=6, number_of_frames=1,
            pixels=pixels or PixelDescription(1, "MONOCHROME2", 16, 12, 11, False),
            frames=(FrameGeometry((0, 0, 2.0 * k), AXIAL, (0.5, 1.0), None, *rescale(k)),),
            frame_of_reference_uid="1.9", units="HU", **changes,
        )
        for k in range(count)
    ]  # fmt: skip
    (stack,) = build_stacks(instances)
    return Volume.of_stack(stack)


def test_each_slice_is_rescaled_by_its_own_intercept() -> None:
    volume = slices(5, lambda k: (1.0, -1024.0 - 10 * k))
    for k in (3, 0, 4, 1, 2):
        volume.put(k, np.full((4, 6), 1024 + 10 * k, np.uint16))
    assert volume.array.dtype == np.int16
    assert not volume.array.any()
    assert (volume.units, volume.frame_of_reference_uid, volume.complete) == ("HU", "1.9", True)


def test_a_fractional_slope_makes_floats() -> None:
    volume = slices(2, lambda k: (0.1 * (k + 1), 0.0))
    volume.put(0, np.full((4, 6), 100, np.uint16))
    volume.put(1, np.full((4, 6), 50, np.uint16))
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, 10, rtol=1e-6)


def test_tiny_slopes_are_kept() -> None:
    volume = slices(2, lambda k: (1e-6, 0.0))
    volume.put(0, np.full((4, 6), 812, np.uint16))
    np.testing.assert_allclose(volume.array[0], 812e-6, rtol=1e-6)


@pytest.mark.parametrize(("stored", "intercept"), [(65535, 0.0), (40000, -1024.0), (0, -40000.0)])
def test_values_beyond_int16_turn_the_volume_to_floats_and_stay_exact(stored: int, intercept: float) -> None:
    wide = PixelDescription(1, "MONOCHROME2", 16, 16, 15, False)
    volume = slices(3, lambda k: (1.0, intercept), wide)
    volume.put(1, np.full((4, 6), 100 - int(intercept), np.uint16))
    volume.put(0, np.full((4, 6), stored, np.uint16))
    assert volume.array.dtype == np.float32
    assert volume.array[1, 0, 0] == 100
    assert volume.array[0, 0, 0] == stored + intercept
    assert volume.loaded.tolist() == [True, True, False]


def test_uint16_with_an_intercept_fits_int16_where_its_values_do() -> None:
    wide = PixelDescription(1, "MONOCHROME2", 16, 16, 15, False)
    volume = slices(1, lambda k: (1.0, -32768.0), wide)
    volume.put(0, np.array([[0, 65535, 32768] * 2] * 4, np.uint16))
    assert volume.array.dtype == np.int16
    assert volume.array[0, 0, :3].tolist() == [-32768, 32767, 0]


def test_a_modality_table_replaces_the_slope() -> None:
    table = VoiTable.of(10, 16, [500, 700, 65000])
    volume = slices(1, lambda k: (9.0, 9.0), modality_table=table)
    volume.put(0, np.array([[0, 10, 11, 12, 13, 4095]] * 4, np.uint16))
    assert volume.array[0, 0].tolist() == [500, 500, 700, 65000, 65000, 65000]


@pytest.mark.parametrize(
    ("value", "limit", "padded"), [(4000, None, [4000]), (4000, 4095, [4000, 4095]), (100, 0, [0, 100])]
)
def test_padding_is_known_by_stored_value_or_range_in_either_order(
    value: int, limit: int | None, padded: list[int]
) -> None:
    pixels = PixelDescription(1, "MONOCHROME2", 16, 12, 11, False, padding_value=value, padding_limit=limit)
    volume = slices(2, lambda k: (1.0, -1024.0), pixels)
    row = [0, 100, 2000, 4000, 4095, 1999]
    volume.put(0, np.array([row] * 4, np.uint16))
    mask = volume.padding_of(0)
    assert mask is not None
    assert [stored for stored, is_padding in zip(row, mask[0], strict=True) if is_padding] == padded
    assert volume.padding_of(1) is None


def test_what_is_no_number_in_a_map_of_floats_takes_no_part_in_statistics_and_planes() -> None:
    volume = slices(5, lambda _k: (1.0, 0.0), PixelDescription(1, "MONOCHROME2", 32, 32, 31, False, float_bits=32))
    stored = np.full((4, 6), 7.0, np.float32)
    stored[1, 2], stored[1, 3], stored[2, 2] = np.nan, np.inf, -np.inf
    for k in range(5):
        volume.put(k, stored)
    figure = Ellipse((2.0, 0.75, 4.0), (10.0, 0.0, 0.0), (0.0, 10.0, 0.0))
    found = region_on_slice(volume, 2, figure)
    assert (found.count, found.mean, found.sd, found.minimum, found.maximum) == (4 * 6 - 3, 7.0, 0.0, 7.0, 7.0)
    plane = orthogonal("coronal", volume, 12, 12, centre=(2.0, 0.5, 4.0))
    for slab in (Slab(), Slab(2.0, "mean"), Slab(2.0, "mip"), Slab(2.0, "minip")):
        cut = reslice(volume, plane, slab)
        assert cut.inside.any()
        assert np.abs(cut.values[cut.inside] - 7).max() < 1e-5


def test_versions_count_and_arrays_handed_out_cannot_be_written() -> None:
    volume = slices(2, lambda k: (1.0, 0.0))
    volume.put(0, np.ones((4, 6), np.uint16))
    assert volume.version == 1
    for array in (volume.array, volume.loaded, volume.ijk_to_lps):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_slice_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="slice of shape"):
        slices(2, lambda k: (1.0, 0.0)).put(0, np.zeros((4, 5), np.uint16))


def test_a_stack_without_geometry_has_its_own_plane() -> None:
    instance = Instance(
        "1.1", "1.2", "1.5", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.1.2.1", "DX", Patient("", ""),
        StudyHeader("1.1"), rows=4, columns=6, number_of_frames=1, imager_pixel_spacing=(0.2, 0.1),
        pixels=PixelDescription(1, "MONOCHROME1", 16, 12, 11, False),
    )  # fmt: skip
    (stack,) = build_stacks([instance])
    volume = Volume.of_stack(stack)
    assert (volume.is_spatial, volume.frame_of_reference_uid) == (False, "")
    np.testing.assert_allclose(volume.ijk_to_lps @ [1, 1, 0, 1], [0.1, 0.2, 0, 1])


def test_colour_stays_colour() -> None:
    volume = slices(1, lambda k: (1.0, 0.0), PixelDescription(3, "RGB", 8, 8, 7, False))
    volume.put(0, np.full((4, 6, 3), 200, np.uint8))
    assert volume.is_colour
    assert volume.array.dtype == np.uint8


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that take turns as often as they can: a race shows within a few tries."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_slices_put_by_many_threads_while_the_type_changes_are_all_there() -> None:
    shape = (64, 32, 32)
    expected = np.arange(64)
    expected[33] = 60033
    for _again in range(60):
        volume = Volume(shape, np.int16, np.eye(4), transforms=[SliceTransform(1.0, 0.0)] * 64)

        def fill(part: int, volume: Volume = volume) -> None:
            for k in range(part, 64, 4):
                volume.put(k, np.full(shape[1:], expected[k], np.uint16))

        threads = [threading.Thread(target=fill, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(volume.array[:, 5, 7], expected)
        assert volume.complete
        assert volume.version == 64


@pytest.mark.golden(5)
def test_a_ramp_of_intercepts_is_flat_in_every_reformat() -> None:
    # one tissue of 60 HU, stored by each slice in its own way, as PET and some CT do; and one slope that varies too
    for rescale in (lambda k: (1.0, -1024.0 - 37 * k), lambda k: (0.5 + 0.05 * k, -900.0 + 11 * k)):
        volume = slices(12, rescale)
        for k in (5, 11, 0, 6, 1, 10, 7, 2, 9, 3, 8, 4):
            slope, intercept = rescale(k)
            volume.put(k, np.full((4, 6), round((60 - intercept) / slope), np.uint16))
        for name in ("axial", "coronal", "sagittal"):
            got = reslice(volume, orthogonal(name, volume, 40, 40))  # type: ignore[arg-type]
            assert got.inside.any()
            # half a stored step of the coarsest slope
            np.testing.assert_allclose(got.values[got.inside], 60, atol=0.55 if volume.array.dtype == np.float32 else 0)
        aslant = Plane(volume_centre(volume), (1.0, 0.0, 0.0), (0.0, 0.28, 0.96), 0.7, 20, 30)
        for slab in (Slab(), Slab(6.0, "mip"), Slab(6.0, "mean")):
            got = reslice(volume, aslant, slab)
            np.testing.assert_allclose(got.values[got.inside], 60, atol=0.55)


@pytest.mark.parametrize(
    ("stored", "slope", "dtype", "rounded"),
    [
        (np.int32(-(2**24)), 1.0, np.float32, False),
        (np.uint32(2**24 + 1), 1.0, np.float32, True),
        (np.uint32(4_000_000_000), 1e-7, np.float32, False),
        (np.int32(700), 1.0, np.int16, False),
        (np.float64(0.1), 1.0, np.float32, True),
        (np.float64(1e300), 1.0, np.float32, True),
        (np.float64(0.5), 1.0, np.float32, False),
        (np.float32(0.1), 1.0, np.float32, False),
    ],
)
def test_what_float32_cannot_hold_is_told(stored: Any, slope: float, dtype: type, rounded: bool) -> None:
    volume = slices(2, lambda k: (slope, 0.0), PixelDescription(1, "MONOCHROME2", 32, 32, 31, False))
    volume.put(0, np.full((4, 6), stored))
    assert volume.array.dtype == dtype
    assert volume.array[0, 1, 1] == np.float32(min(float(stored), 1e38) * slope) or float(stored) > 1e38
    assert volume.rounded == rounded


def test_memory_is_told_before_and_while_it_is_taken() -> None:
    volume = slices(5, lambda k: (1.0, 0.0))
    assert volume.nbytes == 5 * 4 * 6 * 2
    volume.put(2, np.full((4, 6), 60000, np.uint16))
    assert volume.nbytes == 5 * 4 * 6 * 4

"""Planes through real CTs, beside SimpleITK's Resample and SciPy's interpolation of the same places.

Both read the files by their own ways (GDCM, pydicom). Ours hands out whole units: half a unit is the error stated.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.imaging.plane import Plane, orthogonal, volume_centre
from workstation.imaging.reslice import Slab, reslice
from workstation.imaging.volume import Volume

# rounding to whole units; and float32 positions of SimpleITK's continuous indices, on steep edges of bone
UNIT, STEEP = 0.5, 0.6
# the slices of the tilted head that are evenly spaced, from the foot end
EVEN = slice(0, 14)


def volume_of(files: Sequence[Path]) -> Volume:
    """As the workstation loads it."""
    data = {file: file.read_bytes() for file in files}
    instances = {file: parse_instance(held) for file, held in data.items()}
    (stack,) = build_stacks(list(instances.values()))
    assert stack.is_volume
    held = {instance.sop_instance_uid: data[file] for file, instance in instances.items()}
    volume = Volume.of_stack(stack)
    for number, ref in enumerate(stack.frames):
        volume.put(stack.index_of(number), decode_frame(ref.instance, held[ref.instance.sop_instance_uid], ref.frame))
    return volume


def along_z(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda file: float(_header(file).ImagePositionPatient[2]))


def _header(file: Path) -> pydicom.Dataset:
    return pydicom.dcmread(file, stop_before_pixels=True)


def planes(volume: Volume, spacing: float) -> dict[str, Plane]:
    found = {name: orthogonal(name, volume, 150, 120, spacing_mm=spacing) for name in ("axial", "coronal", "sagittal")}  # type: ignore[arg-type]
    right = np.array([0.85, 0.45, 0.25]) / np.linalg.norm([0.85, 0.45, 0.25])
    down = np.cross([0.3, -0.55, 0.8], right)
    found["oblique"] = Plane(volume_centre(volume), tuple(right), tuple(down / np.linalg.norm(down)), spacing, 150, 120)
    # the places of an axial reformat lie between slices, of the others between rows or columns
    return {name: plane.stepped(0.37) for name, plane in found.items()}


def by_simple_itk(image: Any, plane: Plane) -> NDArray[np.float64]:
    import SimpleITK as sitk  # noqa: N813 - its usual name

    tool = sitk.ResampleImageFilter()
    tool.SetSize((plane.width, plane.height, 1))
    tool.SetOutputOrigin([float(value) for value in plane.corner])
    tool.SetOutputSpacing((plane.spacing_mm, plane.spacing_mm, 1.0))
    tool.SetOutputDirection(np.stack([plane.right, plane.down, plane.normal], axis=1).ravel().tolist())
    tool.SetInterpolator(sitk.sitkLinear)
    tool.SetDefaultPixelValue(-9999)
    return np.asarray(sitk.GetArrayFromImage(tool.Execute(image))[0])


@pytest.mark.parametrize(
    ("folder", "first", "last", "spacing"), [("ct_slicer_head_tiny_93", 0, 93, 0.9), ("ct_vhf_pelvis_150", 50, 90, 0.7)]
)
def test_planes_of_a_real_ct_equal_simple_itk(
    shared_data: Path, folder: str, first: int, last: int, spacing: float
) -> None:
    import SimpleITK as sitk  # noqa: N813

    files = along_z(shared_data / folder)[first:last]
    volume = volume_of(files)
    image = sitk.Cast(sitk.ReadImage([str(file) for file in files]), sitk.sitkFloat64)
    for name, plane in planes(volume, spacing).items():
        expected = by_simple_itk(image, plane)
        got = reslice(volume, plane)
        real = expected > -9999
        # at the very border SimpleITK and we may differ in which rounded place is still in
        assert (got.inside != real).mean() < 0.01, name
        both = got.inside & real
        assert both.sum() > 3000, name
        assert np.ptp(expected[both]) > 300, name
        assert np.abs(got.values - expected)[both].max() <= STEEP, name


@pytest.fixture(scope="module")
def tilted(shared_data: Path) -> tuple[list[Path], Volume]:
    """The evenly spaced part of a head CT with a tilted gantry."""
    files = along_z(shared_data / "ct_ge_tilt_irregular_28")[EVEN]
    return files, volume_of(files)


def by_scipy(files: Sequence[Path], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Trilinear interpolation at LPS points by the positions of the files alone; NaN outside and beside padding."""
    images = [pydicom.dcmread(file) for file in files]
    values = np.stack(
        [image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept) for image in images]
    )
    padded = np.stack([image.pixel_array == int(image.PixelPaddingValue) for image in images])
    positions = np.array([image.ImagePositionPatient for image in images], dtype=float)
    cosines, spacing = np.array(images[0].ImageOrientationPatient, dtype=float), images[0].PixelSpacing
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = cosines[:3] * float(spacing[1]), cosines[3:] * float(spacing[0])
    affine[:3, 2], affine[:3, 3] = (positions[-1] - positions[0]) / (len(files) - 1), positions[0]
    index = (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    at = np.moveaxis(index[..., ::-1], -1, 0)
    found = map_coordinates(values, at, order=1, mode="constant", cval=np.nan)
    beside = map_coordinates(padded.astype(float), at, order=1, mode="constant", cval=1.0)
    return np.where(beside > 0, np.nan, found)


def test_planes_of_a_real_tilted_ct_equal_interpolation_at_the_true_places(tilted: tuple[list[Path], Volume]) -> None:
    files, volume = tilted
    step, normal = volume.ijk_to_lps[:3, 2], np.cross(volume.ijk_to_lps[:3, 0], volume.ijk_to_lps[:3, 1])
    lean = math.degrees(math.acos(abs(step @ normal) / np.linalg.norm(step) / np.linalg.norm(normal)))
    assert lean == pytest.approx(18.5, abs=0.2)
    for name, plane in planes(volume, 0.4).items():
        y, x = np.indices((plane.height, plane.width))
        right, down = np.array(plane.right), np.array(plane.down)
        points = plane.corner + (x[..., None] * right + y[..., None] * down) * plane.spacing_mm
        expected = by_scipy(files, points)
        got = reslice(volume, plane)
        real = ~np.isnan(expected)
        assert real.sum() > 2000, name
        assert got.inside[real].all(), name
        assert np.ptp(expected[real]) > 300, name
        assert np.abs(got.values - expected)[real].max() <= UNIT + 0.01, name


def test_a_slab_of_a_real_ct_is_what_its_slices_are(shared_data: Path) -> None:
    files = along_z(shared_data / "ct_slicer_head_tiny_93")
    volume = volume_of(files)
    stored = np.stack([pydicom.dcmread(file).pixel_array.astype(float) for file in files[38:47]])
    rescaled = stored * float(_header(files[0]).RescaleSlope) + float(_header(files[0]).RescaleIntercept)
    rows, columns = volume.shape[1:3]
    # nine slices of 1.5 mm about the 43rd, pixel on pixel
    centre = volume.ijk_to_lps @ [(columns - 1) / 2, (rows - 1) / 2, 42.0, 1.0]
    plane = Plane(
        (float(centre[0]), float(centre[1]), float(centre[2])), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0),
        float(volume.ijk_to_lps[0, 0]), columns, rows,
    )  # fmt: skip
    for mode, expected in (("mip", rescaled.max(axis=0)), ("minip", rescaled.min(axis=0))):
        got = reslice(volume, plane, Slab(13.5, mode))  # type: ignore[arg-type]
        np.testing.assert_array_equal(got.values, expected)
    mean = reslice(volume, plane, Slab(13.5, "mean"))
    assert np.abs(mean.values - rescaled.mean(axis=0)).max() <= UNIT + 1e-6

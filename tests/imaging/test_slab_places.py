"""Where the samples of a slab lie: evenly about its plane, also where VTK takes its quick way along the voxel axes."""

from typing import Any

import numpy as np
import pytest

from workstation.imaging.plane import Plane
from workstation.imaging.reslice import Slab, reslice
from workstation.imaging.volume import Volume


def ramp(dtype: Any) -> Volume:
    """Values that rise by 10 a millimetre along z and by 1 along x, all below 0; voxels of 1 mm."""
    k, _j, i = np.mgrid[0:24, 0:20, 0:16]
    return Volume.of_array((10 * k + i - 500).astype(dtype), np.eye(4))


def axial(x: float, z: float) -> Plane:
    return Plane((x, 10.0, z), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), 1.0, 3, 3)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("thickness", [2.0, 3.0, 4.0, 7.0])
@pytest.mark.parametrize("x", [7.0, 7.5])
@pytest.mark.parametrize("z", [10.0, 10.5])
def test_a_slab_lies_evenly_about_its_plane(dtype: Any, thickness: float, x: float, z: float) -> None:
    volume, at_plane = ramp(dtype), 10 * z + x - 500
    mean = reslice(volume, axial(x, z), Slab(thickness, "mean"))
    most, least = (reslice(volume, axial(x, z), Slab(thickness, mode)) for mode in ("mip", "minip"))  # type: ignore[arg-type]
    assert mean.inside.all()
    # int16 rounds each sample, and then their mean
    assert float(mean.values[1, 1]) == pytest.approx(at_plane, abs=1.0 if dtype is np.int16 else 1e-3)
    # whole voxels from the plane up to the slab's ends
    reach = 10 * (thickness // 2)
    assert float(most.values[1, 1]) == pytest.approx(at_plane + reach, abs=1.0)
    assert float(least.values[1, 1]) == pytest.approx(at_plane - reach, abs=1.0)


@pytest.mark.parametrize("right", [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0)])
def test_a_slab_across_the_slices_lies_evenly_too(right: tuple[float, float, float]) -> None:
    j, i = np.mgrid[0:20, 0:16]
    volume = Volume.of_array(np.broadcast_to(3.0 * j + 5.0 * i, (24, 20, 16)).astype(np.float32), np.eye(4))
    plane = Plane((7.3, 9.6, 11.0), right, (0.0, 0.0, -1.0), 1.0, 3, 3)
    got = reslice(volume, plane, Slab(4.0, "mean"))
    assert float(got.values[1, 1]) == pytest.approx(3 * 9.6 + 5 * 7.3, abs=1e-3)


@pytest.mark.parametrize(("mode", "expected"), [("mip", -500 + 7 + 20), ("minip", -500 + 7)])
def test_what_a_slab_has_beyond_the_volume_takes_no_part(mode: str, expected: float) -> None:
    # the plane is the first slice: half of the slab is outside, where nothing may pass for a 0
    got = reslice(ramp(np.int16), axial(7.0, 0.0), Slab(4.0, mode))  # type: ignore[arg-type]
    assert got.inside.all()
    assert got.values[1, 1] == expected


def test_a_thick_slab_of_a_large_picture_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from workstation.imaging import sampler

    plane = axial(7.25, 11.25)
    for mode in ("mean", "mip", "minip"):
        slab = Slab(9.0, mode)  # type: ignore[arg-type]
        at_once = reslice(ramp(np.float32), plane, slab).values
        with monkeypatch.context() as patched:
            patched.setattr(sampler, "_MOST_AT_ONCE", 2 * 3 * 3)
            np.testing.assert_allclose(reslice(ramp(np.float32), plane, slab).values, at_once, atol=1e-4)

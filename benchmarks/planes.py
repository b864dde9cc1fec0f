"""Planes of a loaded volume without a window, beside SimpleITK and SciPy; memory and time by the number of slices."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs import sealed, volume_from
from benchmarks.figures import Figure
from benchmarks.hands import WrongPicture
from benchmarks.peers import SequentialReslice
from benchmarks.waves import PIXEL_MM, STEP_MM, WaveSeries, stored_slice, write_series
from workstation.imaging.plane import Plane, orthogonal
from workstation.imaging.reslice import THIN, Slab, reslice
from workstation.imaging.volume import Volume
from workstation.viewing.vectors import rotate
from workstation.viewing.viewport import PlaneKind, ViewportState

SIZES = ((788, 488), (1900, 1200))
# numbers of slices for a study of 300
COUNTS = (100, 300, 1000, 2000)
# fewer bytes of voxels are lost among all the rest of a process
_MEASURABLE = 64 << 20


def measure(slices: int, side: int, repeat: int) -> list[Figure]:
    """Milliseconds of a plane, thin and as a slab."""
    series = WaveSeries(tuple(Path(str(n)) for n in range(slices)), side)
    voxels = np.stack([stored_slice(series, k).astype(np.int32) - 1024 for k in range(slices)]).astype(np.int16)
    matrix = np.diag([PIXEL_MM, PIXEL_MM, STEP_MM, 1.0])
    matrix[:3, 3] = series.corner
    volume = Volume.of_array(voxels, matrix)
    peers = Peers(voxels, series)
    figures: list[Figure] = []
    for width, height in SIZES:
        for name, plane, slab in _asked(volume, width, height):
            figures += _rows(f"{name}, {width}×{height}", volume, plane, slab, peers, repeat)
    return figures


def _asked(volume: Volume, width: int, height: int) -> list[tuple[str, Plane, Slab]]:
    found = []
    for name in ("axial", "coronal", "sagittal"):
        # beside the middles of voxels, so that nobody may copy
        plane = orthogonal(name, volume, width, height).stepped(0.3)
        found.append((f"{name} plane", plane, THIN))
    right, down = found[1][1].right, found[1][1].down
    for axis, angle in (((1.0, 0.0, 0.0), 0.35), ((0.0, 0.0, 1.0), 0.25)):
        right, down = rotate(right, axis, angle), rotate(down, axis, angle)
    oblique = Plane(found[1][1].centre, right, down, 0.7 if width < 1000 else 0.3, width, height)
    thick = [("oblique 10 mm MIP", oblique, Slab(10, "mip")), ("axial 10 mm mean", found[0][1], Slab(10, "mean"))]
    return [*found, ("oblique plane", oblique, THIN), *thick]


def _rows(what: str, volume: Volume, plane: Plane, slab: Slab, peers: "Peers", repeat: int) -> list[Figure]:
    others: list[tuple[str, Callable[[Plane], tuple[float, NDArray[np.float64]]]]] = []
    if slab is THIN:
        others = [("SimpleITK Resample, linear", peers.simple_itk), ("scipy map_coordinates", peers.scipy)]
    taken: dict[str, list[float]] = {"": [], "vtkImageReslice, sequential": [], **{name: [] for name, _made in others}}
    found = reslice(volume, plane, slab)
    for name, make in others:
        _took, expected = make(plane)
        # between the outermost middles of voxels all agree on what is inside
        both = found.inside & ~np.isnan(expected)
        if both.sum() < 500 or np.abs(found.values - expected)[both].max() > 1.0:
            raise WrongPicture(f"{what} beside {name}")
    for _run in range(repeat):
        began = perf_counter()
        reslice(volume, plane, slab)
        taken[""].append((perf_counter() - began) * 1000)
        taken["vtkImageReslice, sequential"].append(peers.sequential(plane, slab))
    for name, make in others:
        taken[name] = [make(plane)[0] for _run in range(min(repeat, 3))]
    ours = tuple(taken.pop(""))
    return [
        Figure(f"reslice alone: {what}" if n == 0 else "same", ours, peer=name, theirs=tuple(theirs))
        for n, (name, theirs) in enumerate(taken.items())
    ]


class Peers:
    """The same voxels in the hands of others. Each gives milliseconds and values, NaN where it has none."""

    def __init__(self, voxels: NDArray[np.int16], series: WaveSeries) -> None:
        import SimpleITK as sitk  # noqa: N813 - its usual name

        self._voxels = voxels
        self._series = series
        self._image = sitk.GetImageFromArray(voxels)
        self._image.SetSpacing((PIXEL_MM, PIXEL_MM, STEP_MM))
        self._image.SetOrigin(series.corner.tolist())
        self._vtk = SequentialReslice(voxels, series)

    def simple_itk(self, plane: Plane) -> tuple[float, NDArray[np.float64]]:
        import SimpleITK as sitk  # noqa: N813

        began = perf_counter()
        tool = sitk.ResampleImageFilter()
        tool.SetSize((plane.width, plane.height, 1))
        tool.SetOutputOrigin(plane.corner.tolist())
        tool.SetOutputSpacing((plane.spacing_mm, plane.spacing_mm, 1.0))
        tool.SetOutputDirection(np.stack([plane.right, plane.down, plane.normal], axis=1).ravel().tolist())
        tool.SetInterpolator(sitk.sitkLinear)
        tool.SetDefaultPixelValue(-32768)
        values = sitk.GetArrayViewFromImage(tool.Execute(self._image))[0].astype(np.float64)
        took = (perf_counter() - began) * 1000
        return took, np.where(values == -32768, np.nan, values)

    def scipy(self, plane: Plane) -> tuple[float, NDArray[np.float64]]:
        from scipy.ndimage import map_coordinates

        began = perf_counter()
        x, y = np.arange(plane.width)[None, :, None], np.arange(plane.height)[:, None, None]
        right, down = np.array(plane.right) * plane.spacing_mm, np.array(plane.down) * plane.spacing_mm
        index = (plane.corner + x * right + y * down - self._series.corner) / [PIXEL_MM, PIXEL_MM, STEP_MM]
        at = np.moveaxis(index[..., ::-1], -1, 0)
        values = map_coordinates(self._voxels, at, np.float32, order=1, mode="constant", cval=np.nan)
        return (perf_counter() - began) * 1000, values.astype(np.float64)

    def sequential(self, plane: Plane, slab: Slab) -> float:
        state = ViewportState(
            "", PlaneKind.OBLIQUE, 0, plane.centre, plane.right, plane.down, plane.spacing_mm, plane.width,
            plane.height, slab=slab,
        )  # fmt: skip
        return self._vtk.milliseconds([state])


def growth(folder: Path, counts: tuple[int, ...], side: int) -> list[Figure]:
    """Time a slice and memory a voxel, from few slices to many: both must stay as they are. Fills `folder`."""
    figures: list[Figure] = []
    few: tuple[float, ...] = ()
    for count in counts:
        place = folder / str(count)
        (place / "files").mkdir(parents=True)
        series = write_series(place / "files", count, side, different=50)
        sealed(series, place / "desk")
        taken = tuple(volume_from(place / "desk")[1] / count for _run in range(3))
        few = few or taken
        what = f"archive → volume, a slice of {side}², of {count}"
        figures.append(Figure(what, taken, peer=f"of {counts[0]}" if few is not taken else "", theirs=few))
        if series.voxel_bytes > _MEASURABLE:
            command = [sys.executable, "-m", "benchmarks.planes", str(place / "desk")]
            peak = subprocess.run(command, check=True, capture_output=True, text=True)
            most = (float(peak.stdout),)
            voxels = series.voxel_bytes / 1e6
            figures.append(
                Figure(
                    f"memory to load {count} slices, peak over idle", most, round(1.3 * voxels), "MB",
                    peer="their voxels", theirs=(voxels,),
                )
            )  # fmt: skip
    return figures


def _peak() -> float:
    """The most resident memory that this process ever had, in MB; 0 where the system doesn't tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    import benchmarks.reading  # noqa: F401 - what a window imports is no part of the volume

    before = _peak()
    volume_from(Path(sys.argv[1]))
    print(_peak() - before)

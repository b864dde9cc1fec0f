"""A CT series of the phantom: straight or with a tilted gantry, thin or thick slices."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from workstation.demo.phantoms.acquisition import MIDDLE, TABLE_TOP_MM, Kernel, Noise, paint_table, stored
from workstation.demo.phantoms.anatomy import HU, Anatomy
from workstation.demo.phantoms.encoding import EXPLICIT, Frame, bits_stored, save
from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.headers import CT_IMAGE, code, codes, common, decimal, image, window
from workstation.demo.phantoms.model import Made, PhantomSeries, Step, Visit, uid
from workstation.demo.phantoms.thorax import Thorax

SLAB = 24


@dataclass(frozen=True)
class CtPlan:
    """How one CT is taken. `top` and `slices` are in the study's LPS; `step` is the table's feed between slices.

    A slice `parts` > 1 is the mean of that many thin ones, so that thick slices show partial volume.
    """

    anatomy: Anatomy
    series_description: str
    matrix: int = 512
    pixel: float = 0.7
    slices: int = 250
    step: float = 1.0
    top: float = 95.0
    tilt_degrees: float = 0.0
    parts: int = 1
    kernel: Kernel = MIDDLE
    syntax: str = EXPLICIT
    kvp: float = 120.0
    centre_y: float = 4.0
    intercept: float = -1024.0
    circle: bool = False
    contrast_agent: str = ""
    seed: int = 1

    def scaled(self, scale: float) -> "CtPlan":
        """The same field of view with fewer, larger voxels."""
        matrix, slices = round(self.matrix * scale), max(4, round(self.slices * scale))
        return replace(
            self, matrix=matrix, pixel=round(self.pixel * self.matrix / matrix, 6), slices=slices,
            step=round(self.step * self.slices / slices, 6),
        )  # fmt: skip

    @property
    def thickness(self) -> float:
        return round(self.step * math.cos(math.radians(self.tilt_degrees)), 4)

    def grid(self, parts: int = 1) -> Grid:
        """Voxel centres; with `parts`, of the thin slices that a slice is the mean of."""
        cos, sin = self.cosines
        across = (np.arange(self.matrix) - (self.matrix - 1) / 2) * self.pixel
        k = np.arange(self.slices * parts)
        z = self.top - ((k + 0.5) / parts - 0.5) * self.step
        shift = self.anatomy.shift
        return Grid(
            (across + shift[0]).astype(np.float32),
            (across * cos + self.centre_y + shift[1]).astype(np.float32),
            (across * -sin).astype(np.float32),
            z.astype(np.float32),
        )

    @property
    def cosines(self) -> tuple[float, float]:
        """cos and sin of the tilt as ImageOrientationPatient writes them."""
        angle = math.radians(self.tilt_degrees)
        return round(math.cos(angle), 8), round(math.sin(angle), 8)

    def position(self, number: int) -> tuple[float, float, float]:
        """ImagePositionPatient of the slice `number` (from 0): the centre of its first voxel, LPS mm."""
        cos, sin = self.cosines
        first = -(self.matrix - 1) / 2 * self.pixel
        shift = self.anatomy.shift
        return first + shift[0], first * cos + self.centre_y + shift[1], self.top - number * self.step - first * sin


def make_ct(plan: CtPlan, visit: Visit, folder: Path, scale: float, step: Step) -> Made:
    """Write the series into `folder`; one step a slab."""
    taken = plan.scaled(scale) if scale != 1 else plan
    thin = taken.grid(taken.parts)
    thorax = Thorax(taken.anatomy, thin, taken.kernel.psf_mm)
    whole = taken.grid()
    shift = taken.anatomy.shift
    noise = Noise(whole, taken.kernel, (shift[0], shift[1] + 5), taken.seed)
    outside = _outside(taken.matrix) if taken.circle else None
    files: list[Path] = []
    header = _header(taken, visit)
    slab = max(1, SLAB // taken.parts)
    for first in range(0, taken.slices, slab):
        last = min(first + slab, taken.slices)
        values = thorax.slab(first * taken.parts, last * taken.parts)
        if taken.parts > 1:
            values = values.reshape(last - first, taken.parts, *values.shape[1:]).mean(axis=1, dtype=np.float32)
        paint_table(values, whole, TABLE_TOP_MM + shift[1])
        noise.add(values, first)
        for n, frame in enumerate(_frames(values, taken, outside)):
            path = folder / f"{first + n + 1:04d}.dcm"
            _place(header, taken, visit, first + n)
            save(header, frame, taken.syntax, path)
            files.append(path)
        step()
    series = PhantomSeries(uid(visit.key, "series", 1), 1, "CT", taken.series_description, taken.syntax, tuple(files))
    return Made((series,), _truth(taken))


def _frames(values: Array, plan: CtPlan, outside: np.ndarray[Any, np.dtype[np.bool_]] | None) -> Frame:
    frames = stored(values, plan.intercept)
    if outside is not None:
        frames[:, outside] = 0
    return frames


def _outside(matrix: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Pixels beyond the circle that the scanner reconstructs."""
    across = (np.arange(matrix) - (matrix - 1) / 2) / (matrix / 2)
    return np.asarray(across[None, :] ** 2 + across[:, None] ** 2 > 1)


def _place(ds: Dataset, plan: CtPlan, visit: Visit, number: int) -> None:
    """What differs from slice to slice."""
    ds.SOPInstanceUID = uid(visit.key, "instance", 1, number + 1)
    ds.InstanceNumber = number + 1
    ds.ImagePositionPatient = [decimal(round(p, 6)) for p in plan.position(number)]
    ds.SliceLocation = decimal(round(plan.top - number * plan.step, 4))


def _header(plan: CtPlan, visit: Visit) -> Dataset:
    ds = common(visit, CT_IMAGE, 1, plan.series_description, 1)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientPosition = "HFS"
    ds.FrameOfReferenceUID = uid(visit.key, "frame of reference")
    ds.PositionReferenceIndicator = "SN"
    cos, sin = plan.cosines
    ds.ImageOrientationPatient = ["1", "0", "0", "0", decimal(cos), decimal(-sin)]
    ds.SliceThickness = decimal(plan.thickness)
    ds.SpacingBetweenSlices = decimal(plan.thickness)
    ds.PixelSpacing = [decimal(plan.pixel)] * 2
    ds.PatientOrientation = ["L", "P"] if not plan.tilt_degrees else ["L", "PF"]
    image(ds, (plan.matrix, plan.matrix), bits_stored(12, plan.syntax), "MONOCHROME2")
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = decimal(plan.intercept), "1", "HU"
    if plan.circle:
        ds.PixelPaddingValue = 0
    window(ds, (-600, 1500, "LUNG"), (40, 400, "MEDIASTINUM"))
    ds.KVP = decimal(plan.kvp)
    ds.ScanOptions = "AXIAL MODE" if plan.tilt_degrees else "HELICAL MODE"
    ds.DataCollectionDiameter = "500"
    ds.ReconstructionDiameter = decimal(round(plan.matrix * plan.pixel, 3))
    ds.GantryDetectorTilt = decimal(plan.tilt_degrees)
    ds.TableHeight = decimal(round(TABLE_TOP_MM + plan.anatomy.shift[1], 2))
    ds.RotationDirection = "CW"
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = "500", "160", "80"
    ds.FilterType = "BODY"
    ds.ConvolutionKernel = plan.kernel.name
    if plan.contrast_agent:
        ds.ContrastBolusAgent = plan.contrast_agent
        ds.ContrastBolusRoute = "IV"
    ds.ProcedureCodeSequence = (
        codes(code("29252-7", "LN", "CT Chest WO contrast"))
        if not plan.contrast_agent
        else codes(code("24628-3", "LN", "CT Chest W contrast IV"))
    )
    return ds


def _truth(plan: CtPlan) -> dict[str, Any]:
    return {
        "kind": "CT",
        "matrix": plan.matrix,
        "slices": plan.slices,
        "pixel_spacing_mm": plan.pixel,
        "table_step_mm": plan.step,
        "spacing_along_normal_mm": plan.thickness,
        "tilt_degrees": plan.tilt_degrees,
        "hu": {**HU, "blood": HU["blood"] + plan.anatomy.contrast},
        "nodules": [
            {"name": n.name, "centre_lps_mm": list(n.centre), "diameter_mm": n.diameter, "hu": n.hu}
            for n in plan.anatomy.nodules
        ],
    }

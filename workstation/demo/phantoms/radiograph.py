"""Chest radiographs and fluorograms: projections of the phantom as DX (for presentation) and CR objects."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from workstation.demo.phantoms.anatomy import Anatomy, Nodule
from workstation.demo.phantoms.encoding import JPEG_2000, Frame, bits_stored, save
from workstation.demo.phantoms.grid import Array
from workstation.demo.phantoms.headers import CR_IMAGE, DX_PRESENTATION, code, codes, common, decimal, image, window
from workstation.demo.phantoms.model import Made, PhantomSeries, Step, Visit, uid
from workstation.demo.phantoms.radiography import (
    FRONT_Y,
    Exposure,
    exposed,
    line_integrals,
    nodule_integral,
    processed,
    smooth,
)


@dataclass(frozen=True)
class RadiographPlan:
    """How one PA exposure is taken and shown; `nodules` in the anatomy's own LPS."""

    anatomy: Anatomy
    nodules: tuple[Nodule, ...]
    exposure: Exposure
    series_description: str
    kind: str = "DX"
    photometric: str = "MONOCHROME2"
    bits: int = 12
    syntax: str = JPEG_2000
    voi_function: str = "LINEAR"
    kvp: float = 120.0
    seed: int = 1
    centre_shift_px: tuple[int, int] = (0, 0)

    def scaled(self, scale: float) -> "RadiographPlan":
        e = self.exposure
        rows = round(e.rows * scale)
        factor = e.rows / rows
        small = replace(e, rows=rows, columns=round(e.columns / factor), pixel=round(e.pixel * factor, 6))
        return replace(self, exposure=replace(small, voxel=e.voxel * min(factor, 4.0)))


@lru_cache(maxsize=1)
def _integrals(anatomy: Anatomy, exposure: Exposure) -> Array:
    """A current picture and its prior share the anatomy, so the catalogue puts them side by side."""
    return line_integrals(anatomy, exposure)


def make_radiograph(plan: RadiographPlan, visit: Visit, folder: Path, scale: float, step: Step) -> Made:
    """Write the one picture into `folder`; two steps."""
    taken = plan.scaled(scale) if scale != 1 else plan
    integrals = _integrals(taken.anatomy, taken.exposure).copy()
    step()
    for nodule in taken.nodules:
        nodule_integral(integrals, nodule, taken.exposure)
    integrals = _shifted(integrals, taken.centre_shift_px)
    picture = processed(exposed(integrals, taken.exposure, taken.seed), taken.exposure)
    frame = _quantised(picture, taken)
    path = folder / "0001.dcm"
    save(_header(taken, visit), frame, taken.syntax, path)
    step()
    series = PhantomSeries(
        uid(visit.key, "series", 1), 1, visit.modality, taken.series_description, taken.syntax, (path,)
    )
    return Made((series,), _truth(taken))


def _shifted(plane: Array, by: tuple[int, int]) -> Array:
    """The patient stood a little elsewhere: rows and columns moved, the edge repeated."""
    rows = np.clip(np.arange(plane.shape[0]) - by[0], 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(plane.shape[1]) - by[1], 0, plane.shape[1] - 1)
    moved: Array = plane[rows[:, None], columns[None, :]]
    return moved


def _quantised(picture: Array, plan: RadiographPlan) -> Frame:
    top = 2**plan.bits - 1
    values = np.clip(0.06 + 0.86 * smooth(picture, 0.4), 0, 1) * top
    if plan.photometric == "MONOCHROME1":
        values = top - values
    frame: Frame = np.rint(values).astype(np.uint16)
    return frame


def _header(plan: RadiographPlan, visit: Visit) -> Dataset:
    dx = plan.kind == "DX"
    ds = common(visit, DX_PRESENTATION if dx else CR_IMAGE, 1, plan.series_description, 1)
    exposure = plan.exposure
    ds.ImageType = ["DERIVED", "PRIMARY", ""] if dx else ["ORIGINAL", "PRIMARY"]
    ds.PatientOrientation = ["L", "F"]
    ds.ViewPosition = "PA"
    image(ds, (exposure.rows, exposure.columns), bits_stored(plan.bits, plan.syntax), plan.photometric)
    ds.PresentationLUTShape = "INVERSE" if plan.photometric == "MONOCHROME1" else "IDENTITY"
    ds.ImagerPixelSpacing = [decimal(exposure.pixel)] * 2
    magnification = exposure.magnification(0.0, FRONT_Y)
    ds.EstimatedRadiographicMagnificationFactor = decimal(round(magnification, 4))
    ds.DistanceSourceToDetector = decimal(exposure.source_detector)
    ds.DistanceSourceToPatient = decimal(round(exposure.source_detector / magnification, 1))
    half = 2.0 ** (plan.bits - 1)
    window(ds, (half, 2 * half, "NORMAL"), (half * 0.8, half * 1.1, "LUNG"))
    ds.VOILUTFunction = plan.voi_function
    ds.KVP = decimal(plan.kvp)
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = "8", "320", "3"
    ds.ExposureInuAs = "2560"
    if dx:
        _dx(ds, exposure)
    else:
        ds.PlateType, ds.PhosphorType = "FLUOROGRAPHY", "CSI"
        ds.PixelSpacing = [decimal(exposure.pixel)] * 2
        del ds.EstimatedRadiographicMagnificationFactor, ds.VOILUTFunction
    return ds


def _dx(ds: Dataset, exposure: Exposure) -> None:
    """What the DX IOD (PS3.3 A.26) asks for beyond a CR image."""
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1 if ds.PhotometricInterpretation == "MONOCHROME2" else 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.ImageLaterality = "U"
    ds.AnatomicRegionSequence = codes(code("51185008", "SCT", "Chest"))
    view = code("399348003", "SCT", "postero-anterior")
    ds.ViewCodeSequence = codes(view)
    ds.Grid = ["FIXED", "FOCUSED"]
    ds.DetectorType, ds.DetectorConfiguration = "DIRECT", "AREA"
    ds.DetectorID = ds.DeviceSerialNumber
    ds.DetectorElementSpacing = ds.ImagerPixelSpacing
    ds.DetectorElementPhysicalSize = ds.ImagerPixelSpacing
    ds.FieldOfViewShape = "RECTANGLE"
    ds.FieldOfViewDimensions = [round(exposure.rows * exposure.pixel), round(exposure.columns * exposure.pixel)]
    ds.FieldOfViewOrigin = ["0", "0"]
    ds.PositionerType = "COLUMN"
    ds.FieldOfViewRotation, ds.FieldOfViewHorizontalFlip = "0", "NO"
    ds.ExposureIndex, ds.TargetExposureIndex, ds.DeviationIndex = "251", "250", "0.1"
    ds.AcquisitionContextSequence = codes()
    ds.PatientOrientation = ["L", "F"]


def _truth(plan: RadiographPlan) -> dict[str, Any]:
    e = plan.exposure
    found = []
    for nodule in plan.nodules:
        column, row, magnification = e.project(nodule.centre)
        found.append(
            {
                "name": nodule.name,
                "centre_lps_mm": list(nodule.centre),
                "diameter_mm": nodule.diameter,
                "projected_pixel": [column + plan.centre_shift_px[1], row + plan.centre_shift_px[0]],
                "magnification": magnification,
            }
        )
    return {
        "kind": plan.kind, "rows": e.rows, "columns": e.columns, "imager_pixel_spacing_mm": e.pixel,
        "source_detector_mm": e.source_detector, "nodules": found,
    }  # fmt: skip

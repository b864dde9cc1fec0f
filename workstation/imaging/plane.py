"""Planes to look at: where a picture's pixels stand in the patient.

Pixel centres have integer coordinates: (0, 0) is the centre of the first pixel, so the picture's own middle is
((width − 1) / 2, (height − 1) / 2). Positions are LPS millimetres, or the pseudo millimetres of a volume that has no
place in the patient.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.volume import Volume

Point = tuple[float, float, float]
Vector = NDArray[np.float64]
Orthogonal = Literal["axial", "coronal", "sagittal"]

# the radiological view: right and down on the screen, as LPS directions
_DIRECTIONS: dict[str, tuple[Point, Point]] = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}


@dataclass(frozen=True)
class Plane:
    """A picture's plane: its centre, the unit directions of screen right and down, and square screen pixels."""

    centre: Point
    right: Point
    down: Point
    spacing_mm: float
    width: int
    height: int

    @cached_property
    def normal(self) -> Point:
        """Right × down, a unit vector: away from the viewer."""
        return _point(np.cross(self.right, self.down))

    @cached_property
    def corner(self) -> Vector:
        """Where the centre of pixel (0, 0) stands."""
        reach = self.spacing_mm / 2
        right, down = np.array(self.right), np.array(self.down)
        corner: Vector = np.array(self.centre) - right * ((self.width - 1) * reach) - down * ((self.height - 1) * reach)
        return corner

    def pixel_to_lps(self, x: float, y: float) -> Point:
        """The place of picture coordinates (x to the right, y down; may be outside the picture or between pixels)."""
        across, along = np.array(self.right) * (x * self.spacing_mm), np.array(self.down) * (y * self.spacing_mm)
        return _point(self.corner + across + along)

    def lps_to_pixel(self, point: Point) -> tuple[float, float]:
        """Picture coordinates of a place, seen along the normal."""
        offset = np.array(point) - self.corner
        return (
            float(offset @ np.array(self.right)) / self.spacing_mm,
            float(offset @ np.array(self.down)) / self.spacing_mm,
        )

    def distance(self, point: Point) -> float:
        """Signed millimetres from the plane to a place, along the normal."""
        return float((np.array(point) - np.array(self.centre)) @ np.array(self.normal))

    def stepped(self, millimetres: float) -> "Plane":
        """The same view, moved along its normal."""
        return replace(self, centre=_point(np.array(self.centre) + np.array(self.normal) * millimetres))


def _point(vector: NDArray[np.floating]) -> Point:
    return float(vector[0]), float(vector[1]), float(vector[2])


def volume_centre(volume: Volume) -> Point:
    """The middle of a volume."""
    depth, rows, columns = volume.shape[:3]
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2, (depth - 1) / 2, 1.0])
    return _point(volume.ijk_to_lps @ middle)


def orthogonal(
    name: Orthogonal,
    volume: Volume,
    width: int,
    height: int,
    *,
    centre: Point | None = None,
    spacing_mm: float | None = None,
) -> Plane:
    """An axial, coronal or sagittal plane through `centre` (the volume's middle), fitted to the picture's size.

    Patient right is on the screen's left and the head or the front is up, whatever way the slices were acquired.
    """
    right, down = _DIRECTIONS[name]
    middle = volume_centre(volume)
    fitted = spacing_mm or fit(volume, right, down, width, height)
    return Plane(centre or middle, right, down, fitted, width, height)


def slice_plane(
    volume: Volume,
    k: int,
    width: int,
    height: int,
    *,
    centre_px: tuple[float, float] | None = None,
    spacing_mm: float | None = None,
) -> Plane:
    """The acquired slice `k` as it was acquired: rows down, columns to the right, nothing interpolated between slices.

    `centre_px` is the (column, row) in the middle of the picture; the slice's own middle by default.
    """
    matrix = volume.ijk_to_lps
    right, down = _unit(matrix[:3, 0]), _unit(matrix[:3, 1])
    rows, columns = volume.shape[1:3]
    column, row = centre_px or ((columns - 1) / 2, (rows - 1) / 2)
    centre = matrix @ np.array([column, row, float(k), 1.0])
    fitted = spacing_mm or fit(volume, _point(right), _point(down), width, height, flat=True)
    return Plane(_point(centre), _point(right), _point(down), fitted, width, height)


def fit(volume: Volume, right: Point, down: Point, width: int, height: int, *, flat: bool = False) -> float:
    """Millimetres a screen pixel, so that the whole volume (or with `flat` one slice) fits into the picture."""
    depth, rows, columns = volume.shape[:3]
    extents = [columns, rows, 1 if flat else depth]
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * np.array(extents)
    places = corners @ volume.ijk_to_lps[:3, :3].T
    across, along = places @ np.array(right), places @ np.array(down)
    return max(float(np.ptp(across)) / width, float(np.ptp(along)) / height, 1e-6)


def _unit(vector: Vector) -> Vector:
    unit: Vector = vector / np.linalg.norm(vector)
    return unit

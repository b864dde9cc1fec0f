"""What lies over the pixels of an acquired image: the shutter that covers, and the bits of overlay planes.

Both are bitmaps in the image's own pixels; they are carried to the viewport's pixels without a blur, and a thin line
survives a reduction. Only an acquired image has them, never a reformat.
"""

import functools
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.overlay_planes import OverlayPlane
from workstation.dicom.overlays import OverlayBits
from workstation.dicom.shutters import Shutter
from workstation.imaging.plane import Plane
from workstation.viewing.stacks import ShownStack

Mask = NDArray[np.bool_]
Affine = NDArray[np.float64]

GRAPHIC, REGION = 1, 2
"""What a mark may be: a graphic (type G), a region of interest (type R)."""


def image_to_pixel(stack: ShownStack, k: int, plane: Plane) -> Affine:
    """2×3: (column, row, 1) of image `k`, centres at integers from 0, to device pixels of a picture of its plane."""
    matrix = stack.matrix(k)
    axes = np.stack([np.asarray(plane.right), np.asarray(plane.down)]) / plane.spacing_mm
    result = np.empty((2, 3))
    result[:, :2] = axes @ matrix[:3, :2]
    result[:, 2] = axes @ (matrix[:3, 3] - plane.corner)
    return result


@dataclass(frozen=True, eq=False)
class Overlaid:
    """The layers over one image of `rows` × `columns`: its shutter, what a bitmap shutter covers, its overlay planes.

    `affine` carries the image's pixels to those of the picture (`image_to_pixel`). Nothing is drawn here yet: that is
    for a worker.
    """

    affine: Affine = field(default_factory=lambda: np.eye(2, 3))
    rows: int = 0
    columns: int = 0
    shutter: Shutter | None = None
    bitmap: OverlayBits | None = None
    planes: tuple[OverlayBits, ...] = ()

    def __bool__(self) -> bool:
        return self.shutter is not None or bool(self.planes)

    def drawn(self, height: int, width: int) -> "Drawn":
        """The layers in the pixels of a picture of that size."""
        if not self:
            return Drawn(self, (height, width))
        places = _Places(self.affine, height, width)
        covered = None
        if self.shutter is not None:
            covered = places.taken(~free_of(replace(self.shutter, value=None), self.rows, self.columns))
        if covered is not None and self.bitmap is not None:
            inside = places.taken(np.ones((self.rows, self.columns), np.bool_))
            covered |= inside & places.taken(self.bitmap.bits, self.bitmap.plane.top, self.bitmap.plane.left)
        return Drawn(self, (height, width), covered, self._marks(places, height, width) if self.planes else None)

    def _marks(self, places: "_Places", height: int, width: int) -> NDArray[np.uint8]:
        found = np.zeros((height, width), np.uint8)
        for layer in sorted(self.planes, key=lambda one: one.plane.kind != "R"):
            taken = places.taken(layer.bits, layer.plane.top, layer.plane.left)
            taken |= places.scattered(layer.bits, layer.plane.top, layer.plane.left)
            found[taken] = REGION if layer.plane.kind == "R" else GRAPHIC
        return found


@dataclass(frozen=True, eq=False)
class Drawn:
    """Layers in the pixels of a picture, kept as long as they lie where they lie, so that a window drag is quick.

    `covered` (h, w) is where the shutter covers; `marks` (h, w) has GRAPHIC or REGION where an overlay plane has a bit.
    """

    of: Overlaid
    size: tuple[int, int] = (0, 0)
    covered: Mask | None = field(default=None, repr=False)
    marks: NDArray[np.uint8] | None = field(default=None, repr=False)

    def holds(self, overlaid: Overlaid, height: int, width: int) -> bool:
        """Whether these are the layers of another picture too."""
        mine = self.of
        same = mine.shutter == overlaid.shutter and _bits(mine) == _bits(overlaid) and self.size == (height, width)
        return same and np.array_equal(mine.affine, overlaid.affine)

    def cover(self, pixels: NDArray[np.uint8]) -> None:
        """Paint the shutter's grey over a picture, shape (h, w[, 3]); beside the image it stays black."""
        if self.covered is not None and self.of.shutter is not None:
            np.copyto(
                pixels,
                np.uint8(self.of.shutter.grey),
                where=self.covered if pixels.ndim == 2 else self.covered[..., None],
            )


class _Places:
    """Which pixel of an image each pixel of a picture shows: by axes, because pictures are turned by quarters only."""

    def __init__(self, affine: Affine, height: int, width: int) -> None:
        self._affine = affine
        self._shape = height, width
        inverse = np.linalg.inv(affine[:, :2])
        x, y = np.arange(width), np.arange(height)
        self._turned = abs(inverse[0, 0]) < abs(inverse[0, 1])
        start = -inverse @ affine[:, 2]
        along = (y, x) if self._turned else (x, y)
        at = int(self._turned)
        columns = start[0] + inverse[0, at] * along[0]
        rows = start[1] + inverse[1, 1 - at] * along[1]
        # halves go to the pixel on the right and below, at both sides of 0 alike
        self._columns, self._rows = np.floor(columns + 0.5).astype(int), np.floor(rows + 0.5).astype(int)

    def taken(self, bits: Mask, top: int = 0, left: int = 0) -> Mask:
        """The bits of a bitmap whose first pixel lies on (top, left), at each pixel of the picture; False beside it."""
        rows, columns = self._rows - top, self._columns - left
        inside_rows = (rows >= 0) & (rows < bits.shape[0])
        inside_columns = (columns >= 0) & (columns < bits.shape[1])
        found = bits[np.where(inside_rows, rows, 0)][:, np.where(inside_columns, columns, 0)]
        found &= inside_rows[:, None] & inside_columns[None, :]
        return found.T if self._turned else found

    def scattered(self, bits: Mask, top: int, left: int) -> Mask:
        """Each set bit put to its nearest pixel: what keeps thin lines where a picture is smaller than the image."""
        found = np.zeros(self._shape, np.bool_)
        rows, columns = np.nonzero(bits)
        points = self._affine @ np.stack([columns + left, rows + top, np.ones_like(rows)])
        x, y = np.floor(points + 0.5).astype(int)
        seen = (x >= 0) & (x < self._shape[1]) & (y >= 0) & (y < self._shape[0])
        found[y[seen], x[seen]] = True
        return found


def _bits(overlaid: Overlaid) -> list[tuple[OverlayPlane, int]]:
    """Which bits lie where: planes by value, their bits by identity."""
    layers = overlaid.planes if overlaid.bitmap is None else (overlaid.bitmap, *overlaid.planes)
    return [(layer.plane, id(layer.bits)) for layer in layers]


@functools.lru_cache(maxsize=16)
def free_of(shutter: Shutter, rows: int, columns: int) -> Mask:
    """What the shapes of a shutter leave to be seen of an image, shape (rows, columns), read-only; bitmaps aside."""
    free = np.ones((rows, columns), np.bool_)
    row, column = np.arange(1, rows + 1)[:, None], np.arange(1, columns + 1)[None, :]
    if shutter.rectangle is not None:
        left, right, upper, lower = shutter.rectangle
        free &= (column >= left) & (column <= right) & (row >= upper) & (row <= lower)
    if shutter.circle is not None:
        middle_row, middle_column, radius = shutter.circle
        free &= (row - middle_row) ** 2 + (column - middle_column) ** 2 <= radius**2
    if shutter.polygon:
        free &= _within(shutter.polygon, row, column)
    free.flags.writeable = False
    return free


def _within(polygon: tuple[int, ...], row: NDArray[np.int_], column: NDArray[np.int_]) -> Mask:
    """Pixels inside a polygon of (row, column) corners or on its edge."""
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    inside = np.zeros((row.shape[0], column.shape[1]), np.bool_)
    edge = np.zeros_like(inside)
    for (row0, column0), (row1, column1) in zip(corners, corners[1:] + corners[:1], strict=True):
        # the rows of this side alone: a polygon of many corners costs no more than one of few
        first, last = max(min(row0, row1), 1) - 1, min(max(row0, row1), row.shape[0])
        if first >= last:
            continue
        part = row[first:last]
        if row0 == row1:
            low, high = sorted((column0, column1))
            edge[first:last] |= (column >= low) & (column <= high)
            continue
        at = column0 + (part - row0) * ((column1 - column0) / (row1 - row0))
        inside[first:last] ^= (part < max(row0, row1)) & (column < at)
        edge[first:last] |= np.abs(column - at) < 1e-9
    return inside | edge

"""How a mosaic holds its slices: tiles of one size in a square grid, row by row, the last of them maybe empty.

Slices are shown and measured one by one, but what is stored, and what others refer to, is the whole image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PixelPoint = tuple[float, float]


@dataclass(frozen=True)
class Mosaic:
    """`across` tiles in a row and as many in a column, of `rows` × `columns` pixels; the first `tiles` are slices."""

    across: int
    tiles: int
    rows: int
    columns: int

    @property
    def empty(self) -> int:
        """Tiles behind the last slice."""
        return self.across * self.across - self.tiles

    def corner(self, tile: int) -> tuple[int, int]:
        """Column and row of the first pixel of a tile, counted from 0, in the stored image."""
        return tile % self.across * self.columns, tile // self.across * self.rows

    def cut(self, stored: NDArray[Any], tile: int) -> NDArray[Any]:
        """A tile of the stored image, shape (rows, columns); a view."""
        left, top = self.corner(tile)
        return stored[top : top + self.rows, left : left + self.columns]

    def rest(self, stored: NDArray[Any]) -> NDArray[Any]:
        """All pixels behind the last slice."""
        tiles = [self.cut(stored, tile).reshape(-1) for tile in range(self.tiles, self.across * self.across)]
        return np.concatenate(tiles) if tiles else stored[:0].reshape(-1)

    def tile_with(self, points: Sequence[PixelPoint]) -> int | None:
        """The slice on which SCOORD points (column, row) of the stored image lie; None where it is not one slice.

        The edges of a tile belong to it: the outline of a region may touch them.
        """
        column = sum(point[0] for point in points) / len(points)
        row = sum(point[1] for point in points) / len(points)
        tile = int(row // self.rows) * self.across + int(column // self.columns)
        if not (0 <= column < self.across * self.columns and 0 <= row < self.across * self.rows) or tile >= self.tiles:
            return None
        left, top = self.corner(tile)
        within = all(0 <= x - left <= self.columns and 0 <= y - top <= self.rows for x, y in points)
        return tile if within else None

"""The lattice of voxels on which a phantom is painted, and the coarse lattice its smooth shapes are computed on.

A CT lattice is not always a right-angled box: a tilted gantry moves each row of a slice along the table. So x depends
on the column, y on the row, and z on slice *and* row; all shapes are evaluated at those true LPS positions.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grid:
    """Voxel centres in LPS mm: `x[i]`, `y[j]`, `z_slice[k] + z_row[j]`; arrays painted on it are (k, j, i)."""

    x: Array
    y: Array
    z_row: Array
    z_slice: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.z_slice), len(self.y), len(self.x)

    @property
    def steps(self) -> tuple[float, float, float]:
        """Distances (mm) between slices (along the table), rows and columns."""
        row = float(np.hypot(self.y[1] - self.y[0], self.z_row[1] - self.z_row[0]))
        return float(abs(self.z_slice[1] - self.z_slice[0])), row, float(self.x[1] - self.x[0])

    @property
    def z(self) -> Array:
        """z of each voxel row, shape (k, j, 1)."""
        return (self.z_slice[:, None] + self.z_row[None, :])[:, :, None]

    def slices(self, first: int, last: int) -> "Grid":
        """The slices `first` … `last` − 1 alone."""
        return Grid(self.x, self.y, self.z_row, self.z_slice[first:last])

    def sub(self, box: Box) -> "Grid":
        k, j, i = box
        return Grid(self.x[i], self.y[j], self.z_row[j], self.z_slice[k])

    def mapped(self, scale: tuple[float, float, float], shift: tuple[float, float, float]) -> "Grid":
        """The same voxels in the coordinates (p − shift) / scale."""
        return Grid(
            ((self.x - shift[0]) / scale[0]).astype(np.float32),
            ((self.y - shift[1]) / scale[1]).astype(np.float32),
            (self.z_row / scale[2]).astype(np.float32),
            ((self.z_slice - shift[2]) / scale[2]).astype(np.float32),
        )

    def box(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> Box | None:
        """The smallest index box that holds the LPS box `low` … `high`; None when it lies outside."""
        x, y, z_row, z_slice = self._lines
        i = _range(x, low[0], high[0])
        j = _range(y, low[1], high[1])
        if i is None or j is None:
            return None
        ends = z_row[0] + z_row[1] * j.start, z_row[0] + z_row[1] * (j.stop - 1)
        k = _range(z_slice, low[2] - max(ends), high[2] - min(ends))
        return None if k is None else (k, j, i)

    @cached_property
    def _lines(self) -> tuple["Line", "Line", "Line", "Line"]:
        return _fit(self.x), _fit(self.y), _fit(self.z_row), _fit(self.z_slice)


Line = tuple[float, float, int]
"""An evenly spaced axis: first value, step, count."""


def _fit(axis: Array) -> Line:
    count = len(axis)
    return float(axis[0]), (float(axis[-1]) - float(axis[0])) / (count - 1) if count > 1 else 1.0, count


def _range(line: Line, low: float, high: float) -> slice | None:
    start, step, count = line
    a, b = (low - start) / step, (high - start) / step
    if a > b:
        a, b = b, a
    first, last = max(0, math.ceil(a)), min(count, math.floor(b) + 1)
    return None if first >= last else slice(first, last)


class Coarse:
    """Every few-th voxel of a grid (shear and all), and the way back by Catmull-Rom interpolation.

    Shapes of centimetres are smooth, so their distance fields, computed here at some hundredth of the cost, come out
    exact to a few hundredths of a millimetre between the nodes.
    """

    def __init__(self, fine: Grid, step_mm: float) -> None:
        steps = [max(1, round(step_mm / step)) for step in fine.steps]
        nodes = [np.arange(-s, n + 2 * s, s) for n, s in zip(fine.shape, steps, strict=True)]
        self._steps = steps
        self._axes = [_catmull_rom(n, s) for n, s in zip(fine.shape, steps, strict=True)]
        k, j, i = nodes
        self._shape = fine.shape
        self.grid = Grid(_line(fine.x, i), _line(fine.y, j), _line(fine.z_row, j), _line(fine.z_slice, k))

    def extent(self, field: Array, first: int, last: int, above: float) -> Box | None:
        """The fine box of the slices `first` … `last` − 1 outside which the field stays below `above`."""
        step = self._steps[0]
        part = field[first // step : -(-last // step) + 3].max(axis=0) > above
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if not len(rows):
            return None
        j, i = (
            slice(max(0, int(at[0] - 2) * s), min(n, int(at[-1]) * s + 1))
            for at, s, n in zip((rows, columns), self._steps[1:], self._shape[1:], strict=True)
        )
        return (slice(first, last), j, i) if j.start < j.stop and i.start < i.stop else None

    def fine(self, field: Array, box: Box) -> Array:
        """The field (coarse k, j, i) at the fine voxels of `box`.

        Columns first and slices last: the long axis is stretched while the array is small. No matrix product, whose
        threads would stand in the way of the workers'.
        """
        k, j, i = box
        axes = self._axes
        nodes = [slice(int(a.first[p.start]), int(a.first[p.stop - 1]) + 4) for a, p in zip(axes, box, strict=True)]
        part = field[nodes[0], nodes[1], nodes[2]]
        part = axes[2].stretch(np.ascontiguousarray(part.transpose(2, 0, 1)), i)
        part = axes[1].stretch(np.ascontiguousarray(part.transpose(2, 1, 0)), j)
        return axes[0].stretch(np.ascontiguousarray(part.transpose(1, 0, 2)), k)


@dataclass(frozen=True)
class _Axis:
    """Catmull-Rom taps: fine voxel n mixes the four coarse nodes from `first[n]` on by `taps[n]`."""

    first: NDArray[np.int_]
    taps: Array

    def stretch(self, nodes: Array, part: slice) -> Array:
        """The fine voxels `part` along axis 0; `nodes` begins at the first node they need."""
        out = np.empty((part.stop - part.start, *nodes.shape[1:]), np.float32)
        begin = int(self.first[part.start])
        for n, at in enumerate(range(part.start, part.stop)):
            node = int(self.first[at]) - begin
            target = out[n]
            np.multiply(nodes[node + 1], self.taps[at, 1], out=target)
            for tap in (0, 2, 3):
                if self.taps[at, tap]:
                    target += nodes[node + tap] * self.taps[at, tap]
        return out


def _line(axis: Array, at: NDArray[np.int_]) -> Array:
    step = (float(axis[-1]) - float(axis[0])) / (len(axis) - 1)
    return (float(axis[0]) + at * step).astype(np.float32)


def _catmull_rom(count: int, step: int) -> _Axis:
    """Taps of `count` fine voxels; node n stands at index (n − 1) · step."""
    position = np.arange(count) / step + 1
    base = np.floor(position).astype(int)
    t = position - base
    taps = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    return _Axis(base - 1, np.stack(taps, axis=1).astype(np.float32))

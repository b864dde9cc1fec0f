"""What the machine adds to the anatomy: correlated noise of a reconstruction kernel, the table, the field of view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.shapes import blend, coverage

TABLE_TOP_MM = 116.0
"""y of the table's surface under the middle of a lying patient."""


@dataclass(frozen=True)
class Kernel:
    """A reconstruction kernel: its name for the header, point spread (σ, mm) and noise (σ, HU, mid-chest)."""

    name: str
    psf_mm: float
    noise_hu: float
    peak_per_mm: float
    """Spatial frequency at which the noise is strongest."""


SOFT = Kernel("Br40f", 0.75, 9.0, 0.20)
MIDDLE = Kernel("Br49f", 0.60, 15.0, 0.30)
SHARP = Kernel("Bl57f", 0.50, 30.0, 0.42)


class Noise:
    """Slices of correlated noise, as filtered back-projection leaves it: none at frequency zero, most at the peak."""

    FIELDS = 10

    def __init__(self, grid: Grid, kernel: Kernel, centre: tuple[float, float], seed: int) -> None:
        self._seed = seed
        _nk, nj, ni = grid.shape
        random = np.random.default_rng(seed)
        step = grid.steps[2]
        f = np.hypot(np.fft.fftfreq(nj, step)[:, None], np.fft.rfftfreq(ni, step)[None, :])
        spectrum = (f * np.exp(-0.5 * (f / kernel.peak_per_mm) ** 2)).astype(np.float32)
        self._fields = []
        for _n in range(self.FIELDS):
            white = random.standard_normal((nj, ni), np.float32)
            field = np.fft.irfft2(np.fft.rfft2(white) * spectrum, s=(nj, ni)).astype(np.float32)
            self._fields.append(field / np.float32(field.std()))
        x, y = (grid.x - centre[0]) / 150, (grid.y - centre[1]) / 110
        radius = np.minimum(x[None, :] ** 2 + y[:, None] ** 2, 1.6)
        self._sigma = (kernel.noise_hu * (1.12 - 0.42 * radius)).astype(np.float32)

    def add(self, values: Array, first: int) -> None:
        """Noise for the slices from number `first` on, added in place; neighbours share some of it."""
        for k in range(values.shape[0]):
            field = self._slice(first + k) + np.float32(0.45) * self._slice(first + k + 1)
            field *= self._sigma
            field *= np.float32(1 / 1.097)
            values[k] += field

    def _slice(self, number: int) -> Array:
        random = np.random.default_rng((self._seed, number))
        field = self._fields[int(random.integers(self.FIELDS))]
        return np.roll(field, random.integers(0, field.shape, 2).tolist(), (0, 1))


def paint_table(values: Array, grid: Grid, table_y: float) -> None:
    """A carbon-fibre table with a foam core and a thin mattress, in place; `table_y` is its top in LPS mm."""
    x, y = grid.x[None, :], grid.y[:, None]
    sag = x * x / np.float32(1500.0) - np.float32(4.0)
    top = y - (table_y - sag)
    half = 200.0 - np.abs(x)
    under = coverage(np.minimum(np.minimum(top, 34 - 0.8 * sag - top), half), 1.6)
    shell = coverage(np.minimum(np.minimum(top - 2, 32 - 0.8 * sag - top), half - 2), 1.6)
    mattress = coverage(np.minimum(np.minimum(top + 7, -top), half), 1.6)
    for k in range(values.shape[0]):
        free = values[k] < -900
        plane = np.full(values.shape[1:], -1000, np.float32)
        blend(plane, mattress, -945.0)
        blend(plane, under, -180.0)
        blend(plane, shell, -925.0)
        region = free & (y > table_y - 30)
        values[k][region] = np.maximum(values[k], plane)[region]


def stored(values: Array, intercept: float, low: float = -1024.0, high: float = 3071.0) -> NDArray[np.uint16]:
    """HU as stored values (slope 1), clipped to what 12 bits hold."""
    out = np.clip(values, np.float32(low), np.float32(high))
    out -= np.float32(intercept)
    np.rint(out, out=out)
    return out.astype(np.uint16)

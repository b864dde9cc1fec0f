"""Radiographs: perspective line integrals of the phantom's attenuation, with the detector's blur, scatter and noise.

The tube stands behind the patient (PA), the detector before him. Slabs of depth are summed and each is magnified by
its own distance from the focus: a shear-warp projection, exact to a few tenths of a millimetre.
"""

import math
from dataclasses import dataclass

import numpy as np

from workstation.demo.phantoms.anatomy import HU, Anatomy, Nodule
from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.thorax import Thorax

FRONT_Y = -125.0
"""y of the plane that the patient's front touches; the detector stands `detector_gap` before it."""

MU_WATER = 0.0205
"""Attenuation of water, 1/mm, at the effective energy of a 120 kV chest exposure."""


@dataclass(frozen=True)
class Exposure:
    """Geometry and quality of one PA exposure; distances in mm, `pixel` on the detector."""

    rows: int
    columns: int
    pixel: float
    source_detector: float = 1800.0
    detector_gap: float = 45.0
    blur_mm: float = 0.22
    noise: float = 0.009
    voxel: float = 1.2
    centre_z: float = -38.0

    def magnification(self, depth_y: float, front_y: float) -> float:
        """How much larger than life what lies at `depth_y` is shown; the detector is in front of `front_y`."""
        distance = depth_y - (front_y - self.detector_gap)
        return self.source_detector / (self.source_detector - distance)

    def project(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Column and row (pixel centres at whole numbers) where an LPS point is shown, and its magnification."""
        m = self.magnification(point[1], FRONT_Y)
        column = point[0] * m / self.pixel + (self.columns - 1) / 2
        row = (self.centre_z - point[2]) * m / self.pixel + (self.rows - 1) / 2
        return column, row, m


def line_integrals(anatomy: Anatomy, exposure: Exposure) -> Array:
    """−ln(transmission) on the detector, shape (rows, columns); row 0 is the top, column 0 the patient's right."""
    v = exposure.voxel
    half = exposure.columns * exposure.pixel / 2 + 4
    tall = exposure.rows * exposure.pixel / 2 + 4
    x = np.arange(-half, half, v).astype(np.float32)
    z = np.arange(exposure.centre_z + tall, exposure.centre_z - tall, -v).astype(np.float32)
    depth = 2.5
    y = np.arange(FRONT_Y, 125.0, depth).astype(np.float32)
    grid = Grid(x, y, np.zeros(len(y), np.float32), z)
    thorax = Thorax(anatomy, grid, 0.5)
    group = 4
    groups = -(-len(y) // group)
    sums = np.zeros((groups, len(z), len(x)), np.float32)
    for first in range(0, len(z), 24):
        last = min(first + 24, len(z))
        hu = thorax.slab(first, last)
        mu = attenuation(hu)
        for g in range(groups):
            sums[g, first:last] = mu[:, g * group : (g + 1) * group].sum(axis=1) * np.float32(depth)
    # the voxels are far coarser than the detector: sum on every second pixel, interpolate once at the end
    every = 2 if exposure.pixel < 0.5 * v else 1
    u = (np.arange(-every, exposure.columns + every, every) - (exposure.columns - 1) / 2) * exposure.pixel
    w = (np.arange(-every, exposure.rows + every, every) - (exposure.rows - 1) / 2) * exposure.pixel
    total = np.zeros((len(w), len(u)), np.float32)
    for g in range(groups):
        middle = float(y[min(g * group, len(y) - 1)]) + depth * (group - 1) / 2
        m = exposure.magnification(middle, FRONT_Y)
        total += _sample(sums[g], (float(z[0]) - exposure.centre_z + w / m) / v, (u / m - float(x[0])) / v)
    if every == 1:
        return total[1:-1, 1:-1]
    return _sample(total, np.arange(exposure.rows) / every + 1, np.arange(exposure.columns) / every + 1)


def nodule_integral(integrals: Array, nodule: Nodule, exposure: Exposure) -> None:
    """Add a sphere's chords, in place: exact, whatever the voxels of the rest."""
    column, row, m = exposure.project(nodule.centre)
    u = (np.arange(exposure.columns) - column) * exposure.pixel / m
    w = (np.arange(exposure.rows) - row) * exposure.pixel / m
    square = (nodule.diameter / 2) ** 2 - u[None, :] ** 2 - w[:, None] ** 2
    chord = 2 * np.sqrt(np.maximum(square, 0)).astype(np.float32)
    integrals += chord * np.float32((nodule.hu - HU["lung"]) * MU_WATER / 1000)


def attenuation(hu: Array) -> Array:
    """Linear attenuation, 1/mm; bone absorbs more than its HU alone say at a radiograph's softer spectrum."""
    mu = np.maximum(hu, np.float32(-1000)) * np.float32(MU_WATER / 1000)
    mu += np.float32(MU_WATER)
    mu += np.maximum(hu - np.float32(150), np.float32(0)) * np.float32(0.7 * MU_WATER / 1000)
    return mu


def _sample(plane: Array, rows: Array, columns: Array) -> Array:
    """Bilinear samples on a lattice; outside the plane the edge is repeated."""
    r = np.clip(rows, 0, plane.shape[0] - 1.001)
    c = np.clip(columns, 0, plane.shape[1] - 1.001)
    r0, c0 = r.astype(int), c.astype(int)
    fr, fc = (r - r0).astype(np.float32)[:, None], (c - c0).astype(np.float32)[None, :]
    across = plane[:, c0] * (1 - fc) + plane[:, c0 + 1] * fc
    out: Array = across[r0] * (1 - fr) + across[r0 + 1] * fr
    return out


def smooth(plane: Array, sigma: float) -> Array:
    """Gaussian blur (σ in pixels), edges repeated for a narrow one and reflected for a wide one."""
    if sigma < 2:
        reach = max(1, math.ceil(3 * sigma))
        taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        taps /= taps.sum()
        return _convolve(_convolve(plane, taps.tolist(), 0), taps.tolist(), 1)
    pad = int(min(4 * sigma + 1, min(plane.shape) - 1))
    wide = np.pad(plane, pad, mode="reflect")
    fy, fx = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])[None, :]
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (fy * fy + fx * fx)).astype(np.float32)
    out = np.fft.irfft2(np.fft.rfft2(wide) * kernel, s=wide.shape)
    return out[pad:-pad, pad:-pad].astype(np.float32)


def _convolve(plane: Array, taps: list[float], axis: int) -> Array:
    reach = len(taps) // 2
    count = plane.shape[axis]
    wide = np.pad(plane, [(reach, reach) if n == axis else (0, 0) for n in range(2)], mode="edge")
    out = np.zeros_like(plane)
    for n, tap in enumerate(taps):
        part = wide[n : n + count] if axis == 0 else wide[:, n : n + count]
        out += part * np.float32(tap)
    return out


def exposed(integrals: Array, exposure: Exposure, seed: int) -> Array:
    """What the detector reads: log signal with scatter, blur and quantum noise, growing with attenuation."""
    primary = np.exp(-integrals)
    small = primary[::8, ::8]
    scatter = smooth(small, 30.0 / (8 * exposure.pixel))
    scatter = _sample(scatter, np.arange(primary.shape[0]) / 8, np.arange(primary.shape[1]) / 8)
    signal = smooth(primary, exposure.blur_mm / exposure.pixel) + np.float32(0.35) * scatter
    random = np.random.default_rng(seed)
    noise = smooth(np.asarray(random.standard_normal(signal.shape, np.float32)), 0.45)
    signal += noise * np.sqrt(np.maximum(signal, 1e-5)) * np.float32(exposure.noise)
    return -np.log(np.maximum(signal, np.float32(1e-4)))


def processed(log_signal: Array, exposure: Exposure, detail: float = 0.9, latitude: float = 0.42) -> Array:
    """The maker's processing for presentation: less latitude, more detail; white (1.0) is dense, 0.0 is air."""
    small = log_signal[::8, ::8]
    broad = smooth(small, 26.0 / (8 * exposure.pixel))
    broad = _sample(broad, np.arange(log_signal.shape[0]) / 8, np.arange(log_signal.shape[1]) / 8)
    fine = smooth(log_signal, 2.2 / exposure.pixel)
    out = log_signal - np.float32(latitude) * broad + np.float32(detail) * (log_signal - fine)
    body = log_signal > 0.6
    low, high = np.percentile(out[body][::97], (0.5, 99.6))
    scaled: Array = (out - np.float32(low)) / np.float32(high - low)
    return scaled

"""The outline of the chest: the thoracic cage, the layers upon it, the spine's course and the diaphragm.

Coordinates are those of the reference anatomy: LPS mm with the carina at z = 0 and the midline at x = 0. The numbers
are those of an adult of middle build, taken from anatomy textbooks and rounded.
"""

from dataclasses import dataclass

import numpy as np

from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.shapes import table

RIB_LAYER = 11.0
"""Distance (mm) from the pleura to the outer face of the ribs."""

CAGE_HALF_WIDTH = (
    (110.0, 36.0), (86.0, 52.0), (75.0, 66.0), (60.0, 84.0), (40.0, 99.0), (20.0, 108.5), (0.0, 115.0), (-30.0, 121.0),
    (-60.0, 125.0), (-90.0, 128.0), (-120.0, 128.0), (-160.0, 124.0), (-200.0, 116.0), (-250.0, 110.0),
)  # fmt: skip
CAGE_HALF_DEPTH = (
    (110.0, 22.0), (84.0, 31.0), (75.0, 38.0), (60.0, 48.0), (40.0, 58.0), (20.0, 66.0), (0.0, 72.0), (-30.0, 79.0),
    (-60.0, 84.0), (-90.0, 87.0), (-120.0, 88.0), (-160.0, 87.0), (-200.0, 84.0), (-250.0, 80.0),
)  # fmt: skip
CAGE_CENTRE_Y = (
    (110.0, 26.0), (84.0, 25.0), (60.0, 17.0), (40.0, 11.0), (20.0, 7.0), (0.0, 4.0), (-30.0, 1.0), (-60.0, -2.0),
    (-90.0, -4.0), (-120.0, -5.0), (-250.0, -4.0),
)  # fmt: skip
BODY_HALF_WIDTH = (
    (170.0, 56.0), (140.0, 58.0), (120.0, 72.0), (105.0, 116.0), (90.0, 158.0), (70.0, 169.0), (50.0, 170.0),
    (20.0, 168.0), (0.0, 165.0), (-40.0, 163.0), (-90.0, 162.0), (-140.0, 160.0), (-200.0, 156.0), (-250.0, 154.0),
)  # fmt: skip
UPRIGHT_HALF_WIDTH = (
    (170.0, 56.0), (140.0, 58.0), (122.0, 66.0), (110.0, 95.0), (98.0, 138.0), (85.0, 175.0), (70.0, 197.0),
    (45.0, 205.0), (20.0, 190.0), (0.0, 172.0), (-40.0, 163.0), (-90.0, 161.0), (-140.0, 158.0), (-250.0, 154.0),
)  # fmt: skip
BODY_HALF_DEPTH = (
    (170.0, 50.0), (140.0, 52.0), (120.0, 55.0), (105.0, 61.0), (90.0, 68.0), (70.0, 78.0), (50.0, 87.0), (20.0, 97.0),
    (0.0, 102.0), (-40.0, 109.0), (-90.0, 112.0), (-140.0, 111.0), (-200.0, 108.0), (-250.0, 105.0),
)  # fmt: skip
BODY_CENTRE_Y = (
    (170.0, 12.0), (140.0, 16.0), (120.0, 20.0), (105.0, 24.0), (90.0, 27.0), (70.0, 24.0), (50.0, 19.0), (20.0, 13.0),
    (0.0, 10.0), (-40.0, 3.0), (-90.0, -1.0), (-140.0, -3.0), (-250.0, -5.0),
)  # fmt: skip
PECTORAL = ((95.0, 8.0), (70.0, 20.0), (40.0, 24.0), (10.0, 20.0), (-20.0, 14.0), (-50.0, 6.0), (-80.0, 3.0))
DORSAL = ((90.0, 52.0), (60.0, 50.0), (40.0, 42.0), (0.0, 32.0), (-40.0, 24.0), (-80.0, 15.0), (-150.0, 9.0))
LATERAL = ((90.0, 60.0), (66.0, 34.0), (45.0, 10.0), (0.0, 6.0), (-50.0, 9.0), (-150.0, 9.0))


@dataclass(frozen=True)
class Outline:
    """Distances (mm, positive inside) that every other shape is built on, on one grid."""

    cage: Array
    body: Array
    muscle: Array
    fascia: Array
    angle: Array
    below_diaphragm: Array


def spine_y(z: Array) -> Array:
    """y of the vertebral bodies' centres: a gentle kyphosis."""
    return np.asarray(53.0 - 0.00105 * (z + 35.0) ** 2, np.float32)


def cage_point(theta: float, z: float, offset: float, side: int) -> tuple[float, float, float]:
    """A point `offset` mm outside the pleura at the angle `theta` (rad; −π/2 front, 0 lateral, π/2 back)."""
    at = np.array([z], np.float32)
    a = float(table(at, CAGE_HALF_WIDTH)[0]) + offset
    b = float(table(at, CAGE_HALF_DEPTH)[0]) + offset
    c, s = np.cos(theta), np.sin(theta)
    x = a * np.sign(c) * abs(c) ** (2 / 2.2)
    y = float(table(at, CAGE_CENTRE_Y)[0]) + b * np.sign(s) * abs(s) ** (2 / 2.2)
    return side * float(x), float(y), z


def _superellipse(x: Array, y: Array, a: Array, b: Array, power: float) -> Array:
    u, v = np.abs(x / a) + np.float32(1e-4), np.abs(y / b) + np.float32(1e-4)
    up, vp = u ** (power - 1), v ** (power - 1)
    level = (up * u + vp * v) ** (1 / power)
    slope = np.sqrt((up / a) ** 2 + (vp / b) ** 2) * level ** (1 - power)
    out: Array = (1 - level) / np.maximum(slope, np.float32(1e-4))
    return out


def outline(grid: Grid, upright: bool, fat_mm: float, dome_mm: float) -> Outline:
    """`fat_mm` widens the subcutaneous layer, `dome_mm` raises (+) or lowers (−) the diaphragm."""
    x, z = grid.x[None, None, :], grid.z
    cage_y = grid.y[None, :, None] - table(z, CAGE_CENTRE_Y)
    a, b = table(z, CAGE_HALF_WIDTH), table(z, CAGE_HALF_DEPTH)
    cage = _superellipse(x, cage_y, a, b, 2.2)
    body = _superellipse(
        x,
        grid.y[None, :, None] - table(z, BODY_CENTRE_Y),
        table(z, UPRIGHT_HALF_WIDTH if upright else BODY_HALF_WIDTH) + fat_mm,
        table(z, BODY_HALF_DEPTH) + fat_mm,
        2.5,
    )
    angle = np.degrees(np.arctan2(cage_y / b, np.abs(x) / a)).astype(np.float32)

    def lobe(centre: float, width: float) -> Array:
        return np.asarray(np.exp(-(((angle - centre) / width) ** 2)), np.float32)

    thickness = 3.0 + table(z, PECTORAL) * lobe(-46, 22) + table(z, DORSAL) * lobe(36, 27)
    thickness += table(z, LATERAL) * lobe(0, 24) + 27.0 * lobe(84, 17)
    neck = np.clip((z - 78) * 2.5, 0, 80)
    outside = -(cage + RIB_LAYER)
    muscle = np.minimum(thickness + neck - outside, body - 3.5 - 0.4 * fat_mm)
    fascia = outside - 0.5 * thickness + 30 * np.clip((14 - thickness) / 5, 0, 1)
    below = _below_diaphragm(grid, cage, dome_mm)
    return Outline(*(field.astype(np.float32) for field in (cage, body, muscle, fascia, angle, below)))


def _below_diaphragm(grid: Grid, cage: Array, dome_mm: float) -> Array:
    """Distance under the diaphragm: two domes, the right one higher, that fall steeply into the recesses."""
    x, y = grid.x[None, None, :], grid.y[None, :, None]
    right = 1 / (1 + np.exp((x - 8) / 9))
    top = -92.0 - 11.0 * (1 - right) + dome_mm
    back = np.clip((y + 80) / 140, 0, 1)
    low = -128.0 - 34.0 * back + 0.4 * dome_mm
    rise = np.clip(cage / 84, 0, 1)
    height = top + (low - top) * (1 - rise) ** 2.4
    middle = 7.0 * np.exp(-((x / 26) ** 2))
    out: Array = (height - middle - grid.z) * np.float32(0.75)
    return out.astype(np.float32)

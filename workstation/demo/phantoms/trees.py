"""Airways and pulmonary vessels: trees that fill the lung by dividing it.

The lung is sown with points. A branch runs part of the way to the middle of its points, divides them in two across
their widest direction, and each half grows on alike (after Tawhai et al., J Appl Physiol 2004). Radii follow the
number of points a branch serves (Murray's law), so that trunks taper into twigs the way vessels do.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.organs import organs
from workstation.demo.phantoms.outline import outline
from workstation.demo.phantoms.shapes import Point

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """Tapering tubes: `start`, `end` (n, 3) LPS mm, radii (n,)."""

    start: Array
    end: Array
    start_radius: Array
    end_radius: Array

    def __len__(self) -> int:
        return len(self.start)

    def where(self, keep: NDArray[np.bool_]) -> "Segments":
        return Segments(self.start[keep], self.end[keep], self.start_radius[keep], self.end_radius[keep])


@dataclass(frozen=True)
class Trees:
    """What branches through the lungs of the reference anatomy."""

    airways: Segments
    arteries: Segments
    veins: Segments


BRONCHI: dict[str, tuple[Point, Point]] = {
    "right upper": ((-24, 20, -17), (-44, 20, -13)),
    "right middle": ((-34, 22, -42), (-46, 2, -54)),
    "right lower": ((-34, 22, -42), (-42, 32, -62)),
    "left upper": ((47, 24, -33), (60, 8, -28)),
    "left lower": ((47, 24, -33), (55, 36, -54)),
}
ARTERIES: dict[str, tuple[Point, Point]] = {
    "right upper": ((-26, 3, -18), (-44, 6, -8)),
    "right middle": ((-40, 8, -22), (-50, 0, -44)),
    "right lower": ((-40, 8, -22), (-50, 26, -52)),
    "left upper": ((40, 12, -10), (60, 2, -14)),
    "left lower": ((47, 24, -16), (62, 34, -46)),
}
VEINS: dict[str, tuple[Point, Point]] = {
    "right upper": ((-38, -6, -32), (-50, -12, -22)),
    "right middle": ((-38, -6, -32), (-50, -16, -50)),
    "right lower": ((-42, 22, -54), (-54, 34, -70)),
    "left upper": ((46, -6, -26), (60, -18, -18)),
    "left lower": ((52, 26, -50), (62, 40, -66)),
}


def lobe_of(points: Points) -> NDArray[np.str_]:
    """The lobe of each point, by its side and the planes of the fissures."""
    x, y, z = points.T
    lower = oblique(y, z, x > 0) > 0
    middle = (x < 0) & ~lower & (z < minor(y))
    names = np.where(x < 0, "right upper", "left upper").astype("U12")
    names[middle] = "right middle"
    names[lower & (x < 0)] = "right lower"
    names[lower & (x > 0)] = "left lower"
    return names


def oblique(y: Array, z: Array, left: NDArray[np.bool_] | bool) -> Array:
    """Distance behind and below the oblique fissure."""
    return np.asarray((y - 58) * 0.76 - (z - np.where(left, 42, 36)) * 0.65)


def minor(y: Array) -> Array:
    """z of the horizontal fissure."""
    return np.asarray(-26 - 0.06 * (y + 30))


@lru_cache(maxsize=1)
def trees(seed: int) -> Trees:
    """The three trees, the same for the same seed."""
    random = np.random.default_rng(seed)
    sown = _sow(random, 9.6)
    airways: list[NDArray[np.float64]] = []
    arteries: list[NDArray[np.float64]] = []
    veins: list[NDArray[np.float64]] = []
    lobes = lobe_of(sown)
    for lobe in BRONCHI:
        targets = sown[lobes == lobe]
        airways.append(_grow(BRONCHI[lobe], targets, random, least=10))
        arteries.append(_grow(ARTERIES[lobe], targets + random.normal(0, 1.5, targets.shape), random, least=1))
        moved = targets + random.uniform(-5, 5, targets.shape)
        veins.append(_grow(VEINS[lobe], moved, random, least=1))
    return Trees(
        _tubes(np.concatenate(airways), 0.36, 2.4),
        _tubes(np.concatenate(arteries), 0.56, 2.75),
        _tubes(np.concatenate(veins), 0.54, 2.8),
    )


def _sow(random: np.random.Generator, spacing: float) -> Points:
    axes = [np.arange(low, high, 4.0).astype(np.float32) for low, high in ((-132, 132), (-100, 100), (-170, 100))]
    grid = Grid(axes[0], axes[1], np.zeros(len(axes[1]), np.float32), axes[2])
    lungs = organs(grid, outline(grid, False, 0, 0), 1.0, 0, False).lungs
    inside = np.maximum(*lungs)
    steps = [np.arange(a[0], a[-1], spacing) for a in axes]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    points += random.uniform(-0.5, 0.5, points.shape) * spacing * 0.95
    index = np.clip(np.rint((points - [float(a[0]) for a in axes]) / 4.0).astype(int), 0, [len(a) - 1 for a in axes])
    depth = inside[index[:, 2], index[:, 1], index[:, 0]]
    return np.asarray(points[depth > 3.5])


def _grow(root: tuple[Point, Point], targets: Points, random: np.random.Generator, least: int) -> Points:
    """Segments as rows (start 3, end 3, points served by parent, points served)."""
    rows: list[list[float]] = [[*root[0], *root[1], len(targets), len(targets)]]
    waiting = [(np.asarray(root[1], float), np.subtract(root[1], root[0]), targets, len(targets))]
    while waiting:
        start, direction, served, before = waiting.pop()
        centre = served.mean(axis=0)
        way = centre - start
        distance = float(np.linalg.norm(way))
        if len(served) <= least:
            if least == 1 and distance > 1:
                _run(rows, start, start + 0.9 * way, direction, before, 1, random)
            continue
        end = start + way * (0.42 if len(served) > 3 else 0.55)
        heading = _run(rows, start, end, direction, before, len(served), random)
        offsets = served - centre
        widest = np.linalg.eigh(offsets.T @ offsets)[1][:, -1]
        along = offsets @ widest
        split = along > np.median(along) if len(served) > 2 else along > 0
        if split.all() or not split.any():
            split = np.arange(len(served)) % 2 == 0
        waiting.append((end, heading, served[split], len(served)))
        waiting.append((end, heading, served[~split], len(served)))
    return np.array(rows)


def _run(
    rows: list[list[float]], start: Points, end: Points, direction: Points, before: int, after: int,
    random: np.random.Generator,
) -> Points:  # fmt: skip
    """Append one branch as two bent pieces that leave near the parent's direction; returns the last heading."""
    way = end - start
    length = float(np.linalg.norm(way))
    unit = direction / (float(np.linalg.norm(direction)) or 1.0)
    bend = start + 0.5 * way + 0.12 * length * unit + random.normal(0, 0.05 * length, 3)
    middle = (before + 2 * after) / 3
    if length > 5:
        rows.append([*start, *bend, before, middle])
        rows.append([*bend, *end, middle, after])
        return np.asarray(end - bend)
    rows.append([*start, *end, before, after])
    return np.asarray(way)


def _tubes(rows: Points, twig: float, power: float) -> Segments:
    parent = np.minimum(rows[:, 6], rows[:, 7] * 1.6)
    return Segments(
        rows[:, 0:3].astype(np.float32),
        rows[:, 3:6].astype(np.float32),
        (twig * parent ** (1 / power)).astype(np.float32),
        (twig * rows[:, 7] ** (1 / power)).astype(np.float32),
    )

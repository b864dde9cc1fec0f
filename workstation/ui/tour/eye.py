"""Seeing in a painted picture what a reader would see: a round spot with dark around it, and where its edges are.

Pictures are 8-bit grey arrays (rows, columns) as they were painted; positions are pixels with centres at integers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

DIRECTIONS = 16
RADII_MM = (5.0, 6.0, 7.0, 8.0)
LEAST_CONTRAST = 60.0


@dataclass(frozen=True)
class Spot:
    """A round bright spot: centre in pixels, radius in mm, and by how much it stands out of its surround (0…255)."""

    x: float
    y: float
    radius_mm: float
    contrast: float


def find_spots(picture: Picture, mm_per_pixel: float, most: int = 4) -> list[Spot]:
    """The clearest round spots of 8 to 18 mm, best first; none when nothing stands out.

    A spot is bright on a disc and dark on the whole circle around it, which a vessel (an opening somewhere in the
    circle), a rib or the chest wall is not.
    """
    grid, step = _millimetre_grid(picture, mm_per_pixel)
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    best = np.full(grid.shape, -255.0, dtype=np.float32)
    radius_of = np.zeros(grid.shape, dtype=np.float32)
    for radius in RADII_MM:
        inside = grid.copy()
        outside = np.zeros_like(grid)
        for angle in angles:
            inside = np.minimum(inside, _shifted(grid, 0.6 * radius, angle))
            for beyond in (radius + 2.0, radius + 3.5):
                outside = np.maximum(outside, _shifted(grid, beyond, angle))
        contrast = inside - outside
        better = contrast > best
        best[better] = contrast[better]
        radius_of[better] = radius
    margin = int(max(RADII_MM)) + 4
    best[:margin], best[-margin:], best[:, :margin], best[:, -margin:] = -255, -255, -255, -255
    spots: list[Spot] = []
    while len(spots) < most:
        row, column = np.unravel_index(int(np.argmax(best)), best.shape)
        if best[row, column] < LEAST_CONTRAST:
            break
        spots.append(
            Spot(
                (int(column) + 0.5) * step - 0.5,
                (int(row) + 0.5) * step - 0.5,
                float(radius_of[row, column]),
                float(best[row, column]),
            )
        )
        best[max(row - 8, 0) : row + 9, max(column - 8, 0) : column + 9] = -255
    return spots


def find_persistent_spot(slices: list[list[Spot]], mm_per_pixel: float) -> tuple[int, Spot] | None:
    """The spot that stays in place over at least three neighbouring slices, and the middle one of its slices.

    `slices` holds the spots of slices at equal steps of about 3 mm. The tip of the diaphragm is round in one slice
    and gone in the next; a nodule is not.
    """
    chains: list[list[tuple[int, Spot]]] = []
    for number, spots in enumerate(slices):
        for spot in spots:
            for chain in chains:
                last_number, last = chain[-1]
                apart = np.hypot(spot.x - last.x, spot.y - last.y) * mm_per_pixel
                if last_number == number - 1 and apart <= 4.0:
                    chain.append((number, spot))
                    break
            else:
                chains.append([(number, spot)])
    long = [chain for chain in chains if len(chain) >= 3]
    if not long:
        return None
    chosen = max(long, key=lambda chain: sum(spot.contrast for _number, spot in chain))
    return chosen[len(chosen) // 2]


def edges_along(
    picture: Picture, x: float, y: float, direction: tuple[float, float], reach: float
) -> tuple[float, float] | None:
    """Where a bright spot around (x, y) ends, backwards and forwards along `direction` (unit), in pixels from (x, y).

    An edge is where the grey falls through the middle between the spot and what lies behind it, seen up to `reach`
    pixels away. None when it doesn't fall on both sides.
    """
    offsets = np.arange(-reach, reach + 0.25, 0.25)
    profile = np.zeros_like(offsets)
    across = (-direction[1], direction[0])
    for lane in (-1.0, 0.0, 1.0):
        profile += _sample(
            picture, x + offsets * direction[0] + lane * across[0], y + offsets * direction[1] + lane * across[1]
        )
    profile /= 3
    middle = len(offsets) // 2
    core = float(np.median(profile[middle - len(offsets) // 12 : middle + len(offsets) // 12 + 1]))
    found = []
    for side in (profile[middle::-1], profile[middle:]):
        level = (core + float(np.percentile(side, 10))) / 2
        below = np.flatnonzero(side < level)
        if core - level < 10 or below.size == 0:
            return None
        place = int(below[0])
        before, after = float(side[place - 1]), float(side[place])
        found.append((place - 1 + (before - level) / max(before - after, 1e-6)) * 0.25)
    return -found[0], found[1]


def body_edges(picture: Picture, y: int) -> tuple[float, float] | None:
    """Left and right end of what is not dark background on row `y`: the outermost steps up from black."""
    row = picture[y].astype(np.float32)
    bright = np.flatnonzero(row > max(20.0, float(row.max()) / 4))
    if bright.size < 2:
        return None
    return float(bright[0]), float(bright[-1])


def _millimetre_grid(picture: Picture, mm_per_pixel: float) -> tuple[NDArray[np.float32], float]:
    step = max(1.0 / mm_per_pixel, 1.0)
    rows, columns = int(picture.shape[0] / step), int(picture.shape[1] / step)
    y = ((np.arange(rows) + 0.5) * step - 0.5)[:, None]
    x = ((np.arange(columns) + 0.5) * step - 0.5)[None, :]
    grid = np.zeros((rows, columns), dtype=np.float32)
    for dy in (-0.25, 0.25):
        for dx in (-0.25, 0.25):
            grid += _sample(picture, x + dx * step, y + dy * step) / 4
    return grid, step


def _shifted(grid: NDArray[np.float32], distance: float, angle: float) -> NDArray[np.float32]:
    dy, dx = round(distance * np.sin(angle)), round(distance * np.cos(angle))
    return np.roll(grid, (-dy, -dx), axis=(0, 1))


def _sample(picture: Picture, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    x = np.clip(x, 0, picture.shape[1] - 1.001)
    y = np.clip(y, 0, picture.shape[0] - 1.001)
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - column, y - row
    upper = picture[row, column] * (1 - fx) + picture[row, column + 1] * fx
    lower = picture[row + 1, column] * (1 - fx) + picture[row + 1, column + 1] * fx
    blended: NDArray[np.float32] = (upper * (1 - fy) + lower * fy).astype(np.float32)
    return blended

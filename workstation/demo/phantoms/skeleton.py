"""The bones: ribs with their cartilages, vertebrae, sternum, clavicles, scapulae.

All bones go into one field of distances, so that where two pieces of one bone overlap there is no cortex between them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.outline import RIB_LAYER, cage_point, spine_y
from workstation.demo.phantoms.shapes import Point, ellipsoid, smooth_min, strap, tube, tube_box

RIB_END_DEGREES = (-64, -61, -59, -57, -53, -47, -39, -28, -16, -2, 22, 40)
RIB_DROP = (27, 38, 54, 68, 81, 91, 96, 94, 88, 78, 52, 30)
STERNAL_NOTCHES = (50, 33, 13, -6, -23, -37, -47)
NOTHING = -9.0
"""The distance that stands for `no bone near`."""


@dataclass(frozen=True)
class Strap:
    """A flat rod; half axes `thickness` along `normal`, `breadth` across."""

    start: Point
    end: Point
    normal: Point
    thickness: float
    breadth: float


@dataclass(frozen=True)
class Rod:
    """A round rod."""

    start: Point
    end: Point
    start_radius: float
    end_radius: float


@dataclass(frozen=True)
class Skeleton:
    """The pieces of bone and of cartilage, and the vertebrae as (centre z, size)."""

    straps: tuple[Strap, ...]
    rods: tuple[Rod, ...]
    cartilages: tuple[Rod, ...]
    vertebrae: tuple[tuple[float, float], ...]
    upright: bool


def vertebra_z(number: int) -> float:
    """z of the n-th thoracic vertebra; 0 … −6 are C7 … C1, 13 … are lumbar."""
    if number <= 0:
        return 92.0 + 19.0 * (1 - number)
    return 92.0 - 23.0 * (number - 1) if number <= 12 else -161.0 - 27.0 * (number - 12)


@lru_cache(maxsize=2)
def skeleton(upright: bool) -> Skeleton:
    """The pieces; `upright` has the arms down, otherwise they are raised."""
    straps: list[Strap] = []
    rods: list[Rod] = []
    cartilages: list[Rod] = []
    for side in (-1, 1):
        for number in range(1, 13):
            course = _rib(number, side)
            straps += _strap_course(course, 3.6 if number > 1 else 3.2, 6.4 if number < 11 else 5.2)
            cartilages += _cartilage(number, side, course[-1])
        _shoulder(side, upright, straps, rods)
    straps += _sternum()
    levels = range(-4 if upright else -1, 16)
    vertebrae = tuple((vertebra_z(n), 0.8 if n <= 0 else 0.86 + 0.018 * n) for n in levels)
    return Skeleton(tuple(straps), tuple(rods), tuple(cartilages), vertebrae, upright)


def _rib(number: int, side: int) -> list[Point]:
    z = vertebra_z(number)
    y = float(spine_y(np.array([z], np.float32))[0])
    course: list[Point] = [(side * 17.0, y + 10, z + 9), (side * 27.0, y + 19, z + 8)]
    first, last, drop = 66.0, float(RIB_END_DEGREES[number - 1]), float(RIB_DROP[number - 1])
    steps = 22 if number < 11 else 12
    for n in range(steps + 1):
        share = n / steps
        theta = math.radians(first + (last - first) * share)
        eased = share**1.1 if number > 1 else share
        course.append(cage_point(theta, z + 4 - drop * eased, RIB_LAYER / 2, side))
    return course


def _strap_course(course: list[Point], thickness: float, breadth: float) -> list[Strap]:
    straps = []
    for start, end in pairwise(course):
        middle = np.add(start, end) / 2
        outward = (float(middle[0]) * 1.0, float(middle[1]) * 1.9, 0.25 * math.hypot(middle[0], middle[1]))
        straps.append(Strap(start, end, outward, thickness, breadth))
    return straps


def _cartilage(number: int, side: int, end: Point) -> list[Rod]:
    if number > 10:
        return []
    if number <= 7:
        z = float(STERNAL_NOTCHES[number - 1])
        goal = cage_point(math.radians(-82), z, RIB_LAYER / 2, side)
        goal = (side * 15.0, goal[1], z)
    else:
        theta = math.radians(RIB_END_DEGREES[number - 2] - 9)
        goal = cage_point(theta, end[2] + 8, RIB_LAYER / 2, side)
    low = end[2] - (10 if 4 < number < 8 else 2)
    angle = math.atan2(end[1] + goal[1], abs(end[0]) + abs(goal[0]))
    bend = cage_point(angle, (0.6 * low + 0.4 * goal[2]), RIB_LAYER / 2, side)
    return [Rod(end, bend, 5.2, 5.2), Rod(bend, goal, 5.2, 5.0)]


def _sternum() -> list[Strap]:
    course: list[Point] = []
    for z in (57, 46, 34, 22, 8, -6, -20, -34, -48, -60, -76):
        point = cage_point(math.radians(-90), float(z), RIB_LAYER / 2 + 1, 1)
        course.append((0.0, point[1], float(z)))
    breadths = (26, 25, 21, 15, 15, 16, 17, 18, 15, 8)
    return [
        Strap(a, b, (0.0, 1.0, 0.3), 5.6 if n < 9 else 3.4, breadths[n]) for n, (a, b) in enumerate(pairwise(course))
    ]


def _shoulder(side: int, upright: bool, straps: list[Strap], rods: list[Rod]) -> None:
    lift = 0.0 if upright else 14.0
    front = cage_point(math.radians(-82), 56.0, 4.0, side)[1] - 4
    clavicle: list[Point] = [
        (side * 20.0, front, 57.0), (side * 45.0, front - 4, 66 + 0.3 * lift),
        (side * 78.0, front + 10, 76 + 0.6 * lift),
        (side * 110.0, front + 40, 83 + lift), (side * 140.0, front + 58, 84 + lift),
    ]  # fmt: skip
    sizes = (9.0, 7.0, 6.2, 6.0, 6.6)
    rods += [Rod(a, b, sizes[n], sizes[n + 1]) for n, (a, b) in enumerate(pairwise(clavicle))]
    # the spine of the scapula, acromion and neck; arms down the blades lie wider than they are high
    acromion: Point = (side * (162.0 if upright else 148.0), 32.0, 82.0 + lift)
    root: Point = (side * (80.0 if upright else 86.0), 88.0, 34.0)
    middle: Point = (side * 122.0, 74.0, 64.0 + 0.5 * lift)
    straps += [Strap(root, middle, (0, 0.5, 1), 3.2, 8), Strap(middle, acromion, (0, 0.3, 1), 4.2, 10)]
    glenoid: Point = (side * (150.0 if upright else 142.0), 44.0, 52.0 + lift)
    rods += [Rod((side * 132.0, 66.0, 44.0), glenoid, 7, 12)]
    rods += [Rod(glenoid, (side * 132.0, 4.0, 66.0 + lift), 7, 5)]
    if upright:
        head: Point = (side * 176.0, 30.0, 54.0)
        rods += [Rod(head, head, 24, 24), Rod(head, (side * 190.0, 26.0, 10.0), 18, 12)]
        rods += [Rod((side * 190.0, 26.0, 10.0), (side * 214.0, 14.0, -160.0), 12, 11)]


def vertebra(grid: Grid, z: float, size: float) -> Array:
    """Distance to one vertebra: body, arch, spinous and transverse processes."""
    y = float(spine_y(np.array([z], np.float32))[0])
    lx = grid.x[None, None, :] * np.float32(1 / size)
    ly = (grid.y[None, :, None] - y) * np.float32(1 / size)
    lz = (grid.z - z) * np.float32(1 / size)
    waist = 0.96 + 0.0011 * lz * lz
    level = np.sqrt((lx / 17.0) ** 2 + (ly / 14.0) ** 2)
    body = smooth_min((waist - level) * 14.0, 9.6 - np.abs(lz) + 0 * lx, 2.5)
    body = np.minimum(body, 11.5 - ly)
    ring = 3.4 - np.abs(np.sqrt(lx * lx + (ly - 20) ** 2) - 12.0)
    ring = smooth_min(ring, 8.0 - np.abs(lz + 1.0), 3)
    inner = Grid(
        (grid.x / size).astype(np.float32),
        ((grid.y - y) / size).astype(np.float32),
        (grid.z_row / size).astype(np.float32),
        ((grid.z_slice - z) / size).astype(np.float32),
    )
    out = np.maximum(body, ring)
    np.maximum(out, strap(inner, (0, 32, -2), (0, 52, -18), (1, 0, 0), 3.3, 6.5), out=out)
    for side in (-1, 1):
        np.maximum(out, tube(inner, (side * 11, 25, 2), (side * 31, 33, 6), 5.2, 4.6), out=out)
        np.maximum(out, ellipsoid(inner, (side * 13, 27, 9), (5, 4, 8)), out=out)
        np.maximum(out, ellipsoid(inner, (side * 13, 25, -10), (5, 4, 8)), out=out)
    # the cortex of a vertebra is half as thick as a rib's: depth counts double
    return np.asarray(np.where(out > 0, 2.2 * size, size) * out, np.float32)


def bone_distance(grid: Grid, bones: Skeleton) -> Array:
    """Distance (mm, positive inside) to the nearest bone, `NOTHING` far away; scapular blades not included."""
    field = np.full(grid.shape, NOTHING, np.float32)
    for piece in bones.straps:
        box = tube_box(grid, piece.start, piece.end, max(piece.thickness, piece.breadth) + 2)
        if box is not None:
            part = strap(grid.sub(box), piece.start, piece.end, piece.normal, piece.thickness, piece.breadth)
            np.maximum(field[box], part, out=field[box])
    for rod in bones.rods:
        _paint_rod(field, grid, rod)
    for z, size in bones.vertebrae:
        box = grid.box((-48 * size, 20, z - 28 * size), (48 * size, 116, z + 20 * size))
        if box is not None:
            np.maximum(field[box], vertebra(grid.sub(box), z, size), out=field[box])
    return field


def cartilage_distance(grid: Grid, bones: Skeleton) -> Array:
    """The same of the costal cartilages."""
    field = np.full(grid.shape, NOTHING, np.float32)
    for rod in bones.cartilages:
        _paint_rod(field, grid, rod)
    return field


def _paint_rod(field: Array, grid: Grid, rod: Rod) -> None:
    box = tube_box(grid, rod.start, rod.end, max(rod.start_radius, rod.end_radius) + 2)
    if box is not None:
        part = tube(grid.sub(box), rod.start, rod.end, rod.start_radius, rod.end_radius)
        np.maximum(field[box], part, out=field[box])


def blade(grid: Grid, angle: Array, upright: bool) -> Array:
    """Distance inside the triangle of the scapular blade, seen along the normal of the cage."""
    z = grid.z
    medial, lateral = (50.0, 4.0) if upright else (44.0, -4.0)
    low = -52.0 if upright else -40.0
    share = np.clip((z - low) / 104.0, 0, 1)
    middle = (medial + 12) / 2
    right = medial + (middle - medial) * 0.25 * (1 - share)
    left = (middle + 8) + (lateral - middle - 8) * share**0.8
    inside = np.minimum(right - angle, angle - left) * np.float32(2.0)
    return np.asarray(np.minimum(inside, np.minimum(z - low, 66 - z)), np.float32)

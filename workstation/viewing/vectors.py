"""Points and directions of patient space as plain triples: cheap, hashable, and the same in every frozen value."""

import math
from collections.abc import Iterable
from typing import SupportsFloat

Vec = tuple[float, float, float]

ORIGIN: Vec = (0.0, 0.0, 0.0)


def vec(values: Iterable[SupportsFloat]) -> Vec:
    """Three plain floats of anything with three numbers."""
    x, y, z = values
    return float(x), float(y), float(z)


def add(a: Vec, b: Vec, times: float = 1.0) -> Vec:
    """`a + times · b`."""
    return a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]


def subtract(a: Vec, b: Vec) -> Vec:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def scale(a: Vec, by: float) -> Vec:
    return a[0] * by, a[1] * by, a[2] * by


def negate(a: Vec) -> Vec:
    return -a[0], -a[1], -a[2]


def dot(a: Vec, b: Vec) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vec, b: Vec) -> Vec:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def norm(a: Vec) -> float:
    return math.sqrt(dot(a, a))


def distance(a: Vec, b: Vec) -> float:
    return norm(subtract(a, b))


def unit(a: Vec) -> Vec:
    """The direction of `a`; raises ZeroDivisionError for the zero vector."""
    return scale(a, 1.0 / norm(a))


def middle(a: Vec, b: Vec) -> Vec:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2


def rotate(a: Vec, axis: Vec, radians: float) -> Vec:
    """`a` turned about the unit vector `axis` by the right-hand rule (Rodrigues)."""
    cos, sin = math.cos(radians), math.sin(radians)
    along = scale(axis, dot(axis, a) * (1 - cos))
    return add(add(scale(a, cos), cross(axis, a), sin), along)

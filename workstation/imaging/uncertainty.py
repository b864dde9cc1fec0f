"""How well a drawn number can be known, from the size of the pixels or voxels it was drawn on.

A point is known no better than within its voxel. By JCGM 100:2008 (GUM) 4.3.7 a place anywhere within a width Δ has the
variance Δ²/12; by 5.1.2 the variances of independent points add with the squares of the number's derivatives; 6.3.3
gives the expanded uncertainty U = 2·u, about 95 %. So for a number f of points p, and voxel edges s (vectors in mm):

    U = 2 · √( Σ_points Σ_edges (∂f/∂p · s)² / 12 )

A length along a row of 1 mm pixels has U = 2·√(2/12) = 0.8 mm. What the reader's eye and the beam add is not in it.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.plane import Point

Edges = NDArray[np.float64]
"""The edges of a voxel in mm, one a row: two of a pixel where all points lie on acquired images, else three."""

_COVERAGE = 2.0


def expanded(gradients: NDArray[np.float64], edges: Edges) -> float:
    """U of a number by its derivatives at each point, shape (points, 3), in the number's own unit."""
    return _COVERAGE * math.sqrt(float(np.square(gradients @ edges.T).sum()) / 12)


def of_length(start: Point, end: Point, edges: Edges) -> float:
    """U of a distance in mm; 0 for points that lie on each other."""
    way = np.array(end) - np.array(start)
    length = float(np.linalg.norm(way))
    return expanded(np.array([-way, way]) / length, edges) if length > 0 else 0.0


def of_polygon(corners: Sequence[Point], edges: Edges) -> float:
    """U of the area of an outline in mm²: a corner moves it by half the line between its neighbours."""
    at = np.array(corners)
    area = np.cross(at, np.roll(at, -1, axis=0)).sum(axis=0)
    size = float(np.linalg.norm(area))
    if size == 0:
        return 0.0
    between = np.roll(at, -1, axis=0) - np.roll(at, 1, axis=0)
    return expanded(np.cross(between, area / size) / 2, edges)


def of_number(number: Callable[[NDArray[np.float64]], float], points: Sequence[Point], edges: Edges) -> float:
    """U of any number of few points, shape (points, 3), by difference quotients; 0 where it has no derivative."""
    at = np.array(points, dtype=np.float64)
    reach = float(np.linalg.norm(edges, axis=1).max()) * 1e-4
    gradients = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        ahead, behind = at.copy(), at.copy()
        ahead[index] += reach
        behind[index] -= reach
        gradients[index] = (number(ahead) - number(behind)) / (2 * reach)
    return expanded(gradients, edges) if np.isfinite(gradients).all() else 0.0


def decimals(uncertainty: float, most: int = 2) -> int:
    """How many decimals a number with this uncertainty supports (GUM 7.2.6: one significant digit of U)."""
    if not uncertainty > 0:
        return 1
    return min(max(-math.floor(math.log10(uncertainty) + 1e-9), 0), most)

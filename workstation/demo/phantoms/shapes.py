"""Signed distances of simple shapes in millimetres, positive inside, and their soft edges.

Every edge is painted as coverage: 0.5 exactly on the surface, falling to 0 and 1 over the width of the scanner's
point spread. So a surface lies where its half-maximum lies, whatever the lattice.
"""

import math

import numpy as np

from workstation.demo.phantoms.grid import Array, Box, Grid

Point = tuple[float, float, float]


def coverage(distance: Array, width: float) -> Array:
    """How much of each voxel is inside: a ramp `width` mm wide, 0.5 on the surface."""
    out = distance * np.float32(1 / width)
    out += np.float32(0.5)
    return np.clip(out, np.float32(0), np.float32(1), out=out)


def blend(values: Array, share: Array, new: float | Array) -> None:
    """Put `new` over `values` in place, `share` of it."""
    values += share * (new - values)


def smooth_min(a: Array, b: Array, radius: float) -> Array:
    """The intersection of two insides (or, negated, the union) with the edge rounded over about `radius` mm."""
    near = np.maximum(np.float32(radius) - np.abs(a - b), np.float32(0))
    out: Array = np.minimum(a, b) - near * near * np.float32(0.25 / radius)
    return out


def smooth_max(a: Array, b: Array, radius: float) -> Array:
    """The union of two insides with the crease filled over about `radius` mm."""
    near = np.maximum(np.float32(radius) - np.abs(a - b), np.float32(0))
    out: Array = np.maximum(a, b) + near * near * np.float32(0.25 / radius)
    return out


def ellipsoid(grid: Grid, centre: Point, radii: Point, axis: Point | None = None) -> Array:
    """Approximate distance to an ellipsoid; with `axis` the first radius lies along it, the second is horizontal."""
    px, py, pz = grid.x[None, None, :] - centre[0], grid.y[None, :, None] - centre[1], grid.z - centre[2]
    if axis is None:
        u, v, w = px / radii[0], py / radii[1], pz / radii[2]
    else:
        e1, e2, e3 = _frame(axis)
        u = (px * e1[0] + (py * e1[1] + pz * e1[2])) / radii[0]
        v = (px * e2[0] + (py * e2[1] + pz * e2[2])) / radii[1]
        w = (px * e3[0] + (py * e3[1] + pz * e3[2])) / radii[2]
    level = np.sqrt(u * u + v * v + w * w)
    slope = np.sqrt((u / radii[0]) ** 2 + (v / radii[1]) ** 2 + (w / radii[2]) ** 2)
    out: Array = level * (1 - level) / np.maximum(slope, np.float32(1e-4))
    return out


def _frame(axis: Point) -> tuple[Point, Point, Point]:
    length = math.sqrt(sum(c * c for c in axis))
    e1 = (axis[0] / length, axis[1] / length, axis[2] / length)
    flat = math.hypot(e1[0], e1[1]) or 1.0
    e2 = (-e1[1] / flat, e1[0] / flat, 0.0)
    e3 = (e1[1] * e2[2] - e1[2] * e2[1], e1[2] * e2[0] - e1[0] * e2[2], e1[0] * e2[1] - e1[1] * e2[0])
    return e1, e2, e3


def tube(grid: Grid, start: Point, end: Point, start_radius: float, end_radius: float) -> Array:
    """Distance to a segment with round ends whose radius changes linearly."""
    ax = [end[n] - start[n] for n in range(3)]
    square = sum(c * c for c in ax) or 1e-6
    px, py, pz = grid.x - start[0], grid.y - start[1], grid.z_slice[:, None] + (grid.z_row - start[2])[None, :]
    along = (px * ax[0])[None, None, :] + (py[None, :] * ax[1] + pz * ax[2])[:, :, None]
    away = (px * px)[None, None, :] + (py * py + pz * pz)[:, :, None]
    t = np.clip(along * np.float32(1 / square), np.float32(0), np.float32(1))
    along *= 2
    along -= t * np.float32(square)
    along *= t
    away -= along
    out: Array = np.sqrt(np.maximum(away, np.float32(0), out=away), out=away)
    np.negative(out, out=out)
    t *= np.float32(end_radius - start_radius)
    t += np.float32(start_radius)
    out += t
    return out


def strap(grid: Grid, start: Point, end: Point, normal: Point, thickness: float, breadth: float) -> Array:
    """Distance to a flat rod (elliptic cross-section, half axes `thickness` along `normal` and `breadth` across)."""
    ax = np.subtract(end, start)
    length = float(np.linalg.norm(ax)) or 1e-3
    t = ax / length
    n = np.asarray(normal, float) - np.dot(normal, t) * t
    n /= np.linalg.norm(n) or 1.0
    b = np.cross(t, n)
    px, py, pz = grid.x - start[0], grid.y - start[1], grid.z_slice[:, None] + (grid.z_row - start[2])[None, :]

    def component(d: np.ndarray[tuple[int], np.dtype[np.float64]], scale: float) -> Array:
        d32 = (d / scale).astype(np.float32)
        out: Array = (px * d32[0])[None, None, :] + (py[None, :] * d32[1] + pz * d32[2])[:, :, None]
        return out

    along = component(t, 1.0)
    beyond = (along - np.clip(along, np.float32(0), np.float32(length))) * np.float32(1 / thickness)
    level = component(n, thickness) ** 2 + component(b, breadth) ** 2 + beyond * beyond
    out: Array = (1 - np.sqrt(level)) * np.float32(thickness)
    return out


def tube_box(grid: Grid, start: Point, end: Point, margin: float) -> Box | None:
    """The index box of a segment with `margin` mm around it."""
    low = (min(start[0], end[0]) - margin, min(start[1], end[1]) - margin, min(start[2], end[2]) - margin)
    high = (max(start[0], end[0]) + margin, max(start[1], end[1]) + margin, max(start[2], end[2]) + margin)
    return grid.box(low, high)


def table(z: Array, knots: tuple[tuple[float, float], ...]) -> Array:
    """A smooth curve through (z, value) knots, monotone between them, constant beyond."""
    at = np.array([k[0] for k in knots], np.float64)
    value = np.array([k[1] for k in knots], np.float64)
    order = np.argsort(at)
    at, value = at[order], value[order]
    secant = np.diff(value) / np.diff(at)
    slope = np.zeros_like(value)
    same = secant[1:] * secant[:-1] > 0
    slope[1:-1][same] = 2 * secant[1:][same] * secant[:-1][same] / (secant[1:] + secant[:-1])[same]
    inside = np.clip(z, at[0], at[-1])
    n = np.clip(np.searchsorted(at, inside) - 1, 0, len(secant) - 1)
    width = at[n + 1] - at[n]
    t = (inside - at[n]) / width
    out = (
        value[n] * (1 + 2 * t) * (1 - t) ** 2
        + slope[n] * width * t * (1 - t) ** 2
        + value[n + 1] * t * t * (3 - 2 * t)
        + slope[n + 1] * width * t * t * (t - 1)
    )
    return np.asarray(out, np.float32)

"""Slice positions to a grid: order along the normal, the step from slice to slice, gaps, repeats and irregularities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.language import _, number_text

Vectors = NDArray[np.float64]

_SAME_MM = 0.01
_TOLERANCE = 0.05  # of a step: rounded positions vary that much, real irregularities more
_IN_PLANE_MM = 0.1
_TILTED_DEGREES = 0.05


@dataclass(frozen=True, eq=False)
class Placement:
    """Where slices stand. `order` sorts them along the normal; `slice_index` is the grid index of each, sorted.

    `step` is the true vector from one grid slice to the next, `origin` where index 0 stands. A `reason` says why there
    is no grid; a `note` what is worth saying about one.
    """

    order: tuple[int, ...]
    slice_index: tuple[int, ...]
    origin: Vectors
    step: Vectors
    tilt_degrees: float
    gaps: tuple[tuple[int, int], ...]
    duplicates: int
    reason: str
    note: str


def place(positions: Vectors, normal: Vectors) -> Placement:
    """Place slices with the given positions, shape (n, 3), in mm, of common unit `normal`; equal heights keep order."""
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    positions, heights = positions[order], heights[order]
    steps = np.diff(heights)
    repeats = int((steps < _SAME_MM).sum())
    keys = tuple(int(number) for number in order)
    if len(positions) == 1:
        return Placement(keys, (0,), positions[0], normal, 0.0, (), 0, "", "")
    tilt = _tilt(positions, heights, normal)

    def refused(reason: str) -> Placement:
        return Placement(keys, (), positions[0], normal, tilt, (), repeats, reason, "")

    if repeats:
        places = len(positions) - repeats
        return refused(
            _("{frames} images at {places} positions: positions repeat").format(frames=len(positions), places=places)
        )
    typical = float(np.median(steps))
    index = np.concatenate([[0], np.cumsum(np.maximum(np.rint(steps / typical), 1))])
    origin, step = _line(index, positions)
    residual = positions - (origin + index[:, None] * step)
    along = np.abs(residual @ normal).max()
    across = np.linalg.norm(residual - (residual @ normal)[:, None] * normal, axis=1).max()
    if along > max(_TOLERANCE * float(step @ normal), _SAME_MM):
        return refused(
            _("uneven slice steps, {least} to {most} mm").format(
                least=number_text(steps.min(), 2), most=number_text(steps.max(), 2)
            )
        )
    if across > _IN_PLANE_MM:
        return refused(_("the slices are shifted against each other by up to {mm} mm").format(mm=number_text(across)))
    jumps = np.diff(index).astype(int)
    gaps = tuple((int(at), int(jumps[at] - 1)) for at in np.flatnonzero(jumps > 1))
    return Placement(
        order=keys,
        slice_index=tuple(int(value) for value in index),
        origin=origin,
        step=step,
        tilt_degrees=tilt,
        gaps=gaps,
        duplicates=0,
        reason="",
        note=_note(tilt, sum(missing for _after, missing in gaps)),
    )


def _line(index: Vectors, positions: Vectors) -> tuple[Vectors, Vectors]:
    """Origin and step of the least-squares line through positions at grid indices."""
    centred = index - index.mean()
    step: Vectors = centred @ positions / float(centred @ centred)
    return positions.mean(axis=0) - index.mean() * step, step


def _tilt(positions: Vectors, heights: Vectors, normal: Vectors) -> float:
    """The angle in degrees between the line through the positions and the normal; 0 below what rounding makes."""
    centred = heights - heights.mean()
    spread = float(centred @ centred)
    if spread < _SAME_MM**2:
        return 0.0
    direction = centred @ (positions - positions.mean(axis=0)) / spread
    drift = float(np.linalg.norm(direction - normal))
    angle = float(np.degrees(np.arctan(drift)))
    return angle if angle > _TILTED_DEGREES else 0.0


def _note(tilt: float, missing: int) -> str:
    notes = []
    if tilt:
        notes.append(_("tilted by {degrees}°").format(degrees=number_text(tilt)))
    if missing:
        notes.append(_("{count} slices missing").format(count=missing))
    return ", ".join(notes)

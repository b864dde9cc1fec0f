"""Slice positions to a grid: order along the normal, the step from slice to slice, gaps, repeats and uneven steps.

Even slices are the planes of the grid. Uneven ones on one line stand between the planes of a finer grid, each where it
truly is; who fills that grid blends neighbours, but not across a hole.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.language import _, ngettext, number_text

Vectors = NDArray[np.float64]

_SAME_MM = 0.01
_SAME_PIXELS = 0.05
_SAME_THICKNESSES, _APART = 0.1, 3
_TOLERANCE = 0.05  # of a step: rounded positions vary that much, real irregularities more
_IN_PLANE_MM = 0.1
_TILTED_DEGREES = 0.05
_LEAST_SLICES = 3
# a step this many times the usual one, and of this many mm, is a hole: nothing of the body is guessed across it
_HOLE_STEPS, _HOLE_MM = 3.0, 10.0
# more multiple steps than these, one after another, or of this part of all, are another increment, not missing slices
_FEW_JUMPS, _MANY_JUMPS = 2, 0.25
_NAMED_HOLES = 3
_FINEST, _MOST_PLANES = 4, 512
# a grid that is emptier than this would be memory and nothing else: lying positions, or parts far from each other
_EMPTIEST = 8


@dataclass(frozen=True)
class Hole:
    """Where slices lack: behind slice `after` of the sorted ones, `missing` of them (0: not to be counted)."""

    after: int
    missing: int
    low_mm: float
    high_mm: float


@dataclass(frozen=True, eq=False)
class Placement:
    """Where slices stand. `order` sorts them along the normal.

    Even slices: `slice_index` is the grid index of each, sorted. Uneven ones: `slice_places` is the place of each in
    the finer grid, as a fraction of its step, sorted; `planes` counts that grid. `step` is the true vector from one
    grid plane to the next, `origin` where index 0 stands. A `reason` says why there is no grid; a `note` what is worth
    saying about one. Holes name their ends on the patient's axis that is nearest to the normal.
    """

    order: tuple[int, ...]
    origin: Vectors
    step: Vectors
    tilt_degrees: float = 0.0
    slice_index: tuple[int, ...] = ()
    slice_places: tuple[float, ...] = ()
    planes: int = 0
    holes: tuple[Hole, ...] = ()
    positions: int = 1
    reason: str = ""
    note: str = ""

    @property
    def duplicates(self) -> int:
        """Slices that stand where another does."""
        return len(self.order) - self.positions


def place_numbers(positions: Vectors, normal: Vectors, pixel_mm: float, thickness_mm: float) -> NDArray[np.int64]:
    """For each slice, shape (n, 3), the number of its place along the normal; equal places have equal numbers.

    Positions within 0.01 mm are one (less for the small pixels of small animals). So are those of images that follow a
    patient's motion: within a tenth of the slice thickness of each other, and well apart from the next.
    """
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    heights = heights[order]
    steps = np.diff(heights)
    exact = np.concatenate([[0], np.cumsum(steps >= min(_SAME_MM, _SAME_PIXELS * pixel_mm))])
    near = _SAME_THICKNESSES * thickness_mm
    firsts = np.flatnonzero(np.concatenate([[True], steps >= near]))
    spread = np.diff(np.append(firsts, len(heights)))
    widths = heights[firsts + spread - 1] - heights[firsts]
    apart = steps[steps >= near]
    follows = len(firsts) < exact[-1] + 1 and widths.max() <= near and apart.size and apart.min() >= _APART * near
    numbers = np.empty(len(heights), np.int64)
    numbers[order] = np.repeat(np.arange(len(firsts)), spread) if follows else exact
    return numbers


def place(positions: Vectors, normal: Vectors, pixel_mm: float, thickness_mm: float = 0.0) -> Placement:
    """Place slices with the given positions, shape (n, 3), in mm, of common unit `normal`; equal places keep order."""
    numbers = place_numbers(positions, normal, pixel_mm, thickness_mm)
    order = np.argsort(numbers, kind="stable")
    positions = positions[order]
    heights = positions @ normal
    keys = tuple(int(number) for number in order)
    places = int(numbers.max()) + 1
    if len(positions) == 1:
        return Placement(keys, positions[0], normal, slice_index=(0,))
    start, direction = _line(heights, positions) if places >= _LEAST_SLICES else (positions[0], normal)
    tilt = _tilt(direction, normal)

    def refused(reason: str) -> Placement:
        return Placement(keys, positions[0], normal, tilt, positions=places, reason=reason)

    if places == 1:
        return refused(_("{count} images of one place").format(count=len(positions)))
    if places < len(positions):
        return refused(
            _("{frames} images at {places} positions, and nothing in the headers tells them apart").format(
                frames=len(positions), places=places
            )
        )
    if places < _LEAST_SLICES:
        return refused(_("two slices only: a step can't be told from a shift"))
    across = positions - (start + heights[:, None] * direction)
    shift = float(np.linalg.norm(across - (across @ normal)[:, None] * normal, axis=1).max())
    if shift > _IN_PLANE_MM:
        return refused(_("the slices are shifted against each other by up to {mm} mm").format(mm=number_text(shift)))
    ends = positions[:, int(np.abs(normal).argmax())]
    even = _even(positions, heights, normal)
    apart = refused(
        _("slices up to {mm} mm apart: too far for one volume").format(mm=number_text(np.diff(heights).max()))
    )
    if even is None:
        uneven = _uneven(keys, heights, (start, direction), tilt, ends, pixel_mm)
        coarse = float(uneven.step @ normal) > _FINEST * float(np.median(np.diff(heights)))
        return apart if coarse else uneven
    index, origin, step = even
    if index[-1] >= max(_EMPTIEST * places, _MOST_PLANES):
        return apart
    jumps = np.diff(index).astype(int)
    holes = tuple(
        Hole(int(at), int(jumps[at] - 1), float(ends[at]), float(ends[at + 1])) for at in np.flatnonzero(jumps > 1)
    )
    return Placement(
        order=keys,
        origin=origin,
        step=step,
        tilt_degrees=tilt,
        slice_index=tuple(int(value) for value in index),
        holes=holes,
        positions=places,
        note=_joined(_tilt_note(tilt), *_hole_notes(holes)),
    )


def _even(positions: Vectors, heights: Vectors, normal: Vectors) -> tuple[Vectors, Vectors, Vectors] | None:
    """Grid indices, origin and step; None where the slices are on no grid of their usual step."""
    steps = np.diff(heights)
    multiples = np.maximum(np.rint(steps / float(np.median(steps))), 1)
    jumps = np.flatnonzero(multiples > 1)
    if len(jumps) > _FEW_JUMPS and (len(jumps) > _MANY_JUMPS * len(steps) or _run(multiples) > _FEW_JUMPS):
        return None
    index = np.concatenate([[0], np.cumsum(multiples)])
    origin, step = _line(index, positions)
    along = float(np.abs((positions - (origin + index[:, None] * step)) @ normal).max())
    return None if along > max(_TOLERANCE * float(step @ normal), _SAME_MM) else (index, origin, step)


def _run(multiples: Vectors) -> int:
    """The most steps in a row that are one multiple of the usual step."""
    longest = current = 0
    for before, multiple in zip((1.0, *multiples), multiples, strict=False):
        current = 0 if multiple == 1 else current + 1 if multiple == before else 1
        longest = max(longest, current)
    return longest


def _uneven(
    keys: tuple[int, ...], heights: Vectors, line: tuple[Vectors, Vectors], tilt: float, ends: Vectors, pixel_mm: float
) -> Placement:
    """A grid about twice as fine as the least step, from the first slice to the last.

    It has at most four planes a slice, and for long stacks no more than 512 or as many as there are slices: what it
    costs in memory stays in proportion to the slices.
    """
    steps = np.diff(heights)
    count, span = len(heights), float(heights[-1] - heights[0])
    most = min(_FINEST * count, max(count, _MOST_PLANES))
    step = max(float(steps.min()) / 2, pixel_mm, span / (most - 1))
    planes = max(round(span / step) + 1, 2)
    step = span / (planes - 1)
    usual = float(np.median(steps))
    wide = np.flatnonzero((steps > _HOLE_STEPS * usual) & (steps > _HOLE_MM))
    holes = tuple(Hole(int(at), 0, float(ends[at]), float(ends[at + 1])) for at in wide)
    start, direction = line
    uneven = _("uneven slices {least}–{most} mm, interpolated every {step} mm").format(
        least=number_text(steps.min(), 2, trim=True),
        most=number_text(steps.max(), 2, trim=True),
        step=number_text(step, 2, trim=True),
    )
    return Placement(
        order=keys,
        origin=start + heights[0] * direction,
        step=direction * step,
        tilt_degrees=tilt,
        slice_places=tuple(float(value) for value in (heights - heights[0]) / step),
        planes=planes,
        holes=holes,
        positions=count,
        note=_joined(uneven, _tilt_note(tilt), *_hole_notes(holes)),
    )


def _line(index: Vectors, positions: Vectors) -> tuple[Vectors, Vectors]:
    """Origin and step of the least-squares line through positions at grid indices, or at mm along the normal."""
    centred = index - index.mean()
    step: Vectors = centred @ positions / float(centred @ centred)
    return positions.mean(axis=0) - index.mean() * step, step


def _tilt(direction: Vectors, normal: Vectors) -> float:
    """The angle in degrees between the way along the stack, for 1 mm along the normal, and the normal; 0 below what
    rounding makes."""
    drift = float(np.linalg.norm(direction - normal))
    angle = float(np.degrees(np.arctan(drift)))
    return angle if angle > _TILTED_DEGREES else 0.0


def _joined(*notes: str) -> str:
    return ", ".join(note for note in notes if note)


def _tilt_note(tilt: float) -> str:
    return _("tilted by {degrees}°").format(degrees=number_text(tilt)) if tilt else ""


def _hole_notes(holes: tuple[Hole, ...]) -> list[str]:
    named = [_hole_note(hole) for hole in holes[:_NAMED_HOLES]]
    rest = len(holes) - len(named)
    if rest:
        named.append(ngettext("{count} more gap", "{count} more gaps", rest).format(count=rest))
    return named


def _hole_note(hole: Hole) -> str:
    ends = {"low": number_text(hole.low_mm), "high": number_text(hole.high_mm)}
    if not hole.missing:
        return _("nothing between {low} and {high} mm").format(**ends)
    text = ngettext(
        "{count} slice missing between {low} and {high} mm",
        "{count} slices missing between {low} and {high} mm",
        hole.missing,
    )
    return text.format(count=hole.missing, **ends)

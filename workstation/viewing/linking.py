"""Viewports that move together: by position in one Frame of Reference, by an anchor across two.

Between two examinations positions mean nothing to each other. An anchor says which point of the one is which point of
the other; it is an offset in mm, kept per pair of spaces, so that a link survives a change of series.
"""

from dataclasses import dataclass, field, replace

from workstation.viewing.vectors import ORIGIN, Vec, add, dot, negate, scale, subtract
from workstation.viewing.viewport import PlaneKind, ViewportState

# planes tilted less than this against each other show the same slice: cos 15°
_PARALLEL = 0.966


@dataclass
class LinkGroup:
    """Which viewports move together, and what they share."""

    members: frozenset[int] = frozenset()
    scroll: bool = True
    zoom: bool = True
    pan: bool = True
    voi: bool = True
    offsets: dict[tuple[str, str], Vec] = field(default_factory=dict)

    def offset(self, source: str, target: str) -> Vec | None:
        """What to add to a point of space `source` to get its point of space `target`; None: no anchor yet."""
        if source == target:
            return ORIGIN
        found = self.offsets.get((source, target))
        if found is None and (back := self.offsets.get((target, source))) is not None:
            found = negate(back)
        return found

    def anchor(self, source: str, point: Vec, target: str, same: Vec) -> None:
        """From now on `point` of space `source` is `same` of space `target`."""
        self.offsets.pop((target, source), None)
        if source != target:
            self.offsets[source, target] = subtract(same, point)


def parallel(a: ViewportState, b: ViewportState) -> bool:
    """Whether both show the same kind of slice, so that scrolling one may scroll the other."""
    return abs(dot(a.normal, b.normal)) >= _PARALLEL


def panned_alike(before: ViewportState, after: ViewportState, target: ViewportState) -> ViewportState:
    """The target moved on the screen by as many mm as the source was; a change of slice is no pan."""
    moved = subtract(after.centre, before.centre)
    right, down = before.axes
    target_right, target_down = target.axes
    shift = add(scale(target_right, dot(moved, right)), target_down, dot(moved, down))
    return replace(target, centre=add(target.centre, shift), fitted=False)


@dataclass(frozen=True)
class ReferenceLine:
    """Where another plane cuts this picture, in device pixels; `kind` is the other plane's, for its colour."""

    x0: float
    y0: float
    x1: float
    y1: float
    kind: PlaneKind
    viewport: int


def reference_line(shown: ViewportState, other: ViewportState, number: int) -> ReferenceLine | None:
    """The cut of `other`'s plane through `shown`'s picture, clipped to it; None for (nearly) parallel planes."""
    right, down = shown.axes
    normal = other.normal
    # signed distance from the other plane is a + b·x + c·y over the pixels of this picture
    mm = shown.mm_per_pixel
    b, c = dot(normal, right) * mm, dot(normal, down) * mm
    if b * b + c * c < (0.05 * mm) ** 2:
        return None
    a = other.offset_of(shown.centre) - b * (shown.width - 1) / 2 - c * (shown.height - 1) / 2
    wide, high = float(shown.width - 1), float(shown.height - 1)
    ends: list[tuple[float, float]] = []
    if abs(c) > 1e-12:
        ends += [(x, -(a + b * x) / c) for x in (0.0, wide)]
    if abs(b) > 1e-12:
        ends += [(-(a + c * y) / b, y) for y in (0.0, high)]
    inside = sorted((x, y) for x, y in ends if -0.01 <= x <= wide + 0.01 and -0.01 <= y <= high + 0.01)
    if len(inside) < 2:
        return None
    (x0, y0), (x1, y1) = inside[0], inside[-1]
    return ReferenceLine(x0, y0, x1, y1, other.kind, number)

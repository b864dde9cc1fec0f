"""Graphics of others on the pictures: what a document that is open points at. To look at only, never to change."""

from dataclasses import dataclass

from psygnal import Signal

from workstation.viewing.documents import Target
from workstation.viewing.slices import slices_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec
from workstation.viewing.viewport import PlaneKind, ViewportState

PixelPoint = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A graphic in the space of a stack: POINT, MULTIPOINT, POLYLINE, POLYGON, CIRCLE, ELLIPSE or ELLIPSOID."""

    stack: str
    index: int
    space: str
    graphic_type: str
    points: tuple[Vec, ...]
    label: str = ""
    chosen: bool = False


def mark_of(target: Target, stack: ShownStack, label: str = "", chosen: bool = False) -> Mark:
    return Mark(stack.key, target.index, stack.space, target.graphic_type, target.points, label, chosen)


class Marks:
    """All graphics of the document that is open."""

    changed = Signal()

    def __init__(self) -> None:
        self.all: tuple[Mark, ...] = ()

    def show(self, marks: tuple[Mark, ...]) -> None:
        if marks != self.all:
            self.all = marks
            self.changed.emit()

    def visible(self, state: ViewportState, stack: ShownStack) -> list[tuple[Mark, tuple[PixelPoint, ...]]]:
        """The marks that lie in the plane of a viewport, with their points in its device pixels."""
        reach = max(slices_of(state, stack).step, state.slab.thickness_mm) / 2 * 1.001
        plane = state.plane
        found = []
        for mark in self.all:
            if not mark.points or mark.space != stack.space:
                continue
            own = state.kind is PlaneKind.STACK and mark.stack == stack.key
            if own and mark.index != state.index and not stack.positioned:
                continue
            if all(abs(state.offset_of(point)) <= reach for point in mark.points):
                pixels = (plane.lps_to_pixel(point) for point in mark.points)
                found.append((mark, tuple((float(x), float(y)) for x, y in pixels)))
        return found

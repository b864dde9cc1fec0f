"""Scrolling: the slices of a plane through a stack, and going from one to another."""

from dataclasses import dataclass, replace

from workstation.language import _, number_text
from workstation.viewing.growth import Places
from workstation.viewing.orientation import direction_letters
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec, add, dot, negate, subtract
from workstation.viewing.viewport import PlaneKind, ViewportState


@dataclass(frozen=True)
class Slices:
    """`index` (from 0) of `count` slices, `step` mm apart."""

    index: int
    count: int
    step: float


def slices_of(state: ViewportState, stack: ShownStack) -> Slices:
    """Where the plane shown stands among its slices."""
    if state.kind is PlaneKind.STACK:
        return Slices(state.index, stack.count, stack.slice_step)
    normal = state.normal
    low, high = stack.span(normal)
    step = stack.step(normal)
    count = max(round((high - low) / step) + 1, 1)
    index = round((dot(state.centre, normal) - low) / step)
    return Slices(min(max(index, 0), count - 1), count, step)


def at_slice(state: ViewportState, stack: ShownStack, index: int) -> ViewportState:
    """The state with another slice of its plane; beyond the ends, the end. Nothing moves within the plane."""
    if state.kind is PlaneKind.STACK:
        index = min(max(index, 0), stack.count - 1)
        if index == state.index:
            return state
        right, down = stack.axes(index)
        shift = subtract(stack.centre(index), stack.centre(state.index))
        return replace(state, index=index, centre=add(state.centre, shift), right=right, down=down)
    normal = state.normal
    low, _high = stack.span(normal)
    step = stack.step(normal)
    index = min(max(index, 0), slices_of(state, stack).count - 1)
    return replace(state, centre=add(state.centre, normal, low + index * step - dot(state.centre, normal)))


def in_place(state: ViewportState, places: Places) -> ViewportState:
    """The state at the same image where its stack was taken the place of; of no stack where that is out of sight."""
    old = places.before.get(state.stack)
    if old is None:
        return state
    found = places.of(old, min(state.index, old.count - 1))
    if found is None:
        return replace(state, stack="")
    stack, index = found
    if state.kind is not PlaneKind.STACK:
        return replace(state, stack=stack.key, index=index)
    right, down = stack.axes(index)
    shift = subtract(stack.centre(index), old.centre(state.index))
    return replace(state, stack=stack.key, index=index, centre=add(state.centre, shift), right=right, down=down)


def through(state: ViewportState, stack: ShownStack, point: Vec) -> ViewportState:
    """The state with the slice nearest to a point, or for a reformat the plane through it, within the stack."""
    if state.kind is PlaneKind.STACK:
        return at_slice(state, stack, stack.nearest(point))
    low, high = stack.span(state.normal)
    along = dot(point, state.normal)
    inside = add(point, state.normal, min(max(along, low), high) - along)
    return state.through(inside)


def slice_point(state: ViewportState, stack: ShownStack) -> Vec:
    """The point that stands for the slice when viewports follow each other: the middle of the image, or of the view."""
    return stack.centre(state.index) if state.kind is PlaneKind.STACK else state.centre


def position_text(state: ViewportState, stack: ShownStack) -> str:
    """Where the plane lies, by letter and mm from the patient's origin: `H 45.0 mm`; empty where nothing is known."""
    if not stack.positioned:
        return ""
    normal = state.normal
    main = max(range(3), key=lambda axis: abs(normal[axis]))
    axis: Vec = (float(main == 0), float(main == 1), float(main == 2))
    # where the plane cuts the main axis through the middle of the stack: true for a tilted plane too
    along = slice_point(state, stack)[main]
    direction = axis if along >= 0 else negate(axis)
    return f"{direction_letters(direction)} " + _("{mm} mm").format(mm=number_text(abs(along)))

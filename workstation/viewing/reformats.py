"""Three planes through one volume: the crosshair they have in common, reference lines, oblique planes."""

from dataclasses import replace

from workstation.viewing.growth import Places
from workstation.viewing.linking import ReferenceLine, reference_line
from workstation.viewing.slices import in_place, slices_of, through
from workstation.viewing.stacks import start_state
from workstation.viewing.vectors import Vec, vec
from workstation.viewing.viewport import PlaneKind, ViewportState
from workstation.viewing.viewports import Viewports

PLANES = (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)


class Reformats:
    """Reformats of the viewports of a case."""

    def __init__(self, views: Viewports) -> None:
        self._views = views
        self._before: tuple[str, list[ViewportState], int, frozenset[int]] | None = None

    @property
    def possible(self) -> bool:
        """Whether the active viewport's stack is a volume that memory has room for."""
        stack = self._views.stack(self._views.active)
        if stack is None or not stack.is_volume or stack.colour:
            return False
        return not self._views.case.loader(stack.key).partly

    def show_mpr(self) -> None:
        """Axial, coronal and sagittal through the middle of the view; nothing happens where there is no volume."""
        views = self._views
        stack, state = views.stack(views.active), views.current.state
        if stack is None or not self.possible or views.layout == "mpr":
            return
        self._before = views.layout, [viewport.state for viewport in views.all], views.active, views.links.members
        point = state.centre
        views.crosshairs[stack.space] = point
        views.links.members = frozenset()
        views.active = 0
        views.lay_out("mpr")
        for number, kind in enumerate(PLANES):
            place = views[number].state
            fresh = start_state(stack, kind, place.width, place.height)
            views[number].note = ""
            views.show(number, through(replace(fresh, voi=state.voi, inverted=state.inverted), stack, point))
        views.same_scale()

    def follow(self, places: Places) -> None:
        """Stacks were taken the place of: what is gone back to is at the same images, and planes need a volume."""
        views = self._views
        if self._before is not None:
            name, states, active, members = self._before
            self._before = name, [in_place(state, places) for state in states], active, members
        if views.layout != "mpr":
            return
        stack = views.stack(0)
        if stack is None or not stack.is_volume:
            self.show_stack()

    def show_stack(self) -> None:
        """Back to what was shown before the reformat, at the slice the crosshair is on."""
        views = self._views
        if views.layout != "mpr":
            return
        stack, state = views.stack(0), views[0].state
        name, states, active, members = self._before or ("1x1", [], 0, frozenset())
        self._before = None
        views.lay_out(name)
        views.links.members = members
        for number, before in enumerate(states):
            place = views[number].state
            restored = replace(before, width=place.width, height=place.height)
            mine = views.case.stack(before.stack)
            if stack is not None and mine is stack and number == active:
                restored = replace(restored, voi=state.voi, inverted=state.inverted)
                restored = through(restored, stack, views.crosshairs.get(stack.space, state.centre))
            if mine is not None and restored.fitted:
                restored = mine.fitted(restored)
            views.show(number, restored)
        if not states and stack is not None:
            views.place(0, stack)
        views.activate(active)
        views.same_scale()

    def crosshair(self, number: int) -> Vec | None:
        """The common point of the planes, where the viewport shows it; None outside a reformat."""
        stack = self._views.stack(number)
        if stack is None or self._views.layout != "mpr":
            return None
        return self._views.crosshairs.get(stack.space, self._views[number].state.centre)

    def crosshair_pixel(self, number: int) -> tuple[float, float]:
        """Where turning planes turn: the crosshair, or the middle of the viewport."""
        state, point = self._views[number].state, self.crosshair(number)
        x, y = state.plane.lps_to_pixel(state.centre if point is None else point)[:2]
        return float(x), float(y)

    def point_at(self, number: int, point: Vec) -> None:
        """All other viewports of the same space show the plane or the image through the point."""
        views, stack = self._views, self._views.stack(number)
        if stack is None or not stack.positioned:
            return
        views.crosshairs[stack.space] = point
        for viewport in views.all:
            target = views.stack(viewport.number)
            if viewport.number != number and target is not None and target.space == stack.space:
                views.show(viewport.number, through(viewport.state, target, point))
            views.state_changed.emit(viewport.number)

    def rotate_others(self, number: int, radians: float) -> None:
        """Turn the other planes of the reformat about the crosshair, clockwise as seen in this viewport."""
        views, point = self._views, self.crosshair(number)
        if point is None:
            return
        here = views[number].state
        axis = here.plane.normal
        for viewport in views.all:
            if viewport.number != number:
                views.show(viewport.number, viewport.state.tilted(vec(axis), radians, point))
        views.state_changed.emit(number)

    def lines(self, number: int) -> list[ReferenceLine]:
        """Where the planes of the other viewports cut this one: all of them in a reformat, else the active one's."""
        views, shown = self._views, self._views[number].state
        stack = views.stack(number)
        if stack is None or not stack.positioned:
            return []
        found = []
        for viewport in views.all:
            other = views.stack(viewport.number)
            if viewport.number == number or other is None or other.space != stack.space or not other.positioned:
                continue
            if views.layout != "mpr" and viewport.number != views.active:
                continue
            line = reference_line(shown, viewport.state, viewport.number)
            if line is not None:
                found.append(line)
        return found

    def thickness_mm(self, number: int) -> float:
        """How thick the slice shown is: of the slab, or the step of its slices."""
        stack, state = self._views.stack(number), self._views[number].state
        if stack is None:
            return 0.0
        return max(state.slab.thickness_mm, slices_of(state, stack).step)

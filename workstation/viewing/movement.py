"""Scroll, pan, zoom, window: what the reader does to a picture, and how linked viewports follow."""

from collections.abc import Sequence
from dataclasses import replace

from workstation.imaging.reslice import THIN, Slab
from workstation.imaging.voi import VoiTable, Window
from workstation.viewing.hanging import Preset
from workstation.viewing.linking import panned_alike, parallel
from workstation.viewing.presenting import presented, unpresented
from workstation.viewing.slices import at_slice, slice_point, through
from workstation.viewing.stacks import ShownStack
from workstation.viewing.subtraction import counterpart
from workstation.viewing.vectors import Vec, add, subtract
from workstation.viewing.viewport import TABLE_LEFT, PlaneKind, ViewportState, VoiChoice
from workstation.viewing.viewports import Viewports


class Movement:
    """Gestures on the viewports of a case."""

    def __init__(self, views: Viewports) -> None:
        self._views = views

    def scroll(self, number: int, steps: int) -> None:
        if self._views.stack(number) is not None:
            self.go_to(number, self._views.slices(number).index + steps)

    def go_to(self, number: int, index: int) -> None:
        """Show slice `index` (from 0), or the nearest end; linked viewports follow by position."""
        views = self._views
        stack, state = views.stack(number), views[number].state
        if stack is None:
            return
        after = at_slice(state, stack, index)
        if after == state:
            return
        views.show(number, after)
        if views.layout == "mpr":
            self._carry_crosshair(stack, after)
        elif views.links.scroll:
            self._follow(number, stack, after)

    def _follow(self, number: int, stack: ShownStack, after: ViewportState) -> None:
        views, point = self._views, slice_point(after, stack)
        for other in views.companions(number):
            target, state = views.stack(other), views[other].state
            if target is None or not parallel(after, state) or not (stack.positioned and target.positioned):
                continue
            offset = views.links.offset(stack.space, target.space)
            if offset is not None:
                views.show(other, through(state, target, add(point, offset)))

    def _carry_crosshair(self, stack: ShownStack, state: ViewportState) -> None:
        views = self._views
        point = views.crosshairs.get(stack.space, state.centre)
        views.crosshairs[stack.space] = add(point, state.normal, -state.offset_of(point))
        for viewport in views.all:
            views.state_changed.emit(viewport.number)

    def other_of_subtraction(self, number: int) -> ShownStack | None:
        """The subtracted stack of the one shown, or the one that was subtracted from; None where there is none."""
        return self._views.case.stack(counterpart(self._views[number].state.stack))

    def toggle_subtraction(self, number: int) -> None:
        """Show the same frame with its mask subtracted, or again without."""
        stack, other, state = self._views.stack(number), self.other_of_subtraction(number), self._views[number].state
        if stack is None or other is None:
            return
        frame = stack.stack.frames[state.index].frame
        index = min(range(other.count), key=lambda k: abs(other.stack.frames[k].frame - frame))
        centre = add(state.centre, subtract(other.centre(index), stack.centre(state.index)))
        after = replace(state, stack=other.key, index=index, centre=centre, voi=other.first_choice())
        self._views.show(number, after)

    def pan(self, number: int, dx: float, dy: float) -> None:
        """Move the picture by device pixels; linked ones by as many mm."""
        views = self._views
        before = views[number].state
        after = before.panned(dx, dy)
        views.show(number, after)
        if views.links.pan and views.layout != "mpr":
            for other in views.companions(number):
                views.show(other, panned_alike(before, after, views[other].state))

    def zoom(self, number: int, factor: float, x: float | None = None, y: float | None = None) -> None:
        """Enlarge about a pixel; linked viewports take the same scale in mm."""
        views = self._views
        before = views[number].state
        after = before.zoomed(factor, x, y)
        views.show(number, after)
        if not views.links.zoom:
            return
        for other in views.companions(number):
            state = views[other].state
            if x is None or y is None or views.layout == "mpr":
                spot_x, spot_y = None, None
            else:
                spot_x, spot_y = x * state.width / before.width, y * state.height / before.height
            views.show(other, state.zoomed(state.mm_per_pixel / after.mm_per_pixel, spot_x, spot_y))

    def fit(self, number: int) -> None:
        stack = self._views.stack(number)
        if stack is not None:
            self._views.show(number, stack.fitted(self._views[number].state))
            self._views.same_scale()

    def reset(self, number: int) -> None:
        """Fit, turned and grey as the stack opens, without a presentation state; the slice stays."""
        views = self._views
        stack, state = views.stack(number), views[number].state
        if stack is None:
            return
        right, down = state.right, state.down
        if state.kind is not PlaneKind.OBLIQUE:
            right, down = stack.axes_of(state.kind, state.index)
        turns, flipped = stack.turned
        state = replace(state, turns=turns, flipped=flipped, inverted=False, right=right, down=down, slab=THIN)
        state = replace(state, presentation="", overlays=True, shuttered=True)
        views.show(number, stack.fitted(replace(state, voi=stack.first_choice())))
        for other in views.companions(number):
            self.fit(other)
        views.same_scale()

    def turn(self, number: int) -> None:
        """A quarter clockwise."""
        state = self._views[number].state
        self._views.show(number, replace(state, turns=(state.turns + 1) % 4))
        if state.fitted:
            self.fit(number)

    def flip(self, number: int) -> None:
        """Mirror the picture as it is seen, left to right."""
        state = self._views[number].state
        # a mirror after the turns is a mirror before them, turned the other way round
        self._views.show(number, replace(state, flipped=not state.flipped, turns=-state.turns % 4))

    def invert(self, number: int) -> None:
        state = self._views[number].state
        self._views.show(number, replace(state, inverted=not state.inverted))

    def toggle_overlays(self, number: int) -> None:
        """Graphics and overlay planes out of sight, and back."""
        state = self._views[number].state
        self._views.show(number, replace(state, overlays=not state.overlays))

    def toggle_shutter(self, number: int) -> None:
        """Look behind the shutter, and back."""
        state = self._views[number].state
        self._views.show(number, replace(state, shuttered=not state.shuttered))

    def present(self, number: int, uid: str) -> None:
        """Put a presentation state in force; "" leaves the one that is. Nothing happens with one that can't be."""
        views = self._views
        stack, state = views.stack(number), views[number].state
        if stack is None or state.kind is not PlaneKind.STACK:
            return
        if not uid:
            views.show(number, unpresented(state, stack))
            return
        presentation = views.case.presentations.in_force(uid, stack, state.index)
        if presentation is not None:
            views.show(number, presented(state, stack, presentation))

    def next_presentation(self, number: int) -> None:
        """The newest presentation state of the image, then each older one, then none."""
        views = self._views
        stack, state = views.stack(number), views[number].state
        if stack is None:
            return
        offered = [one for one in views.case.presentations.offered(stack, state.index) if not one.refusal]
        names = ["", *(one.sop_instance_uid for one in offered)]
        at = names.index(state.presentation) if state.presentation in names else 0
        self.present(number, names[(at + 1) % len(names)])

    def set_slab(self, number: int, slab: Slab) -> None:
        self._views.show(number, replace(self._views[number].state, slab=slab))

    def set_window(self, number: int, window: Window) -> None:
        """A window by hand. Over a VOI LUT it leaves the LUT, and the name of the window says so from then on."""
        chosen = self._views[number].state.voi
        left = chosen.name == TABLE_LEFT or isinstance(self._views.voi(number), VoiTable)
        self.choose_voi(number, VoiChoice("manual", TABLE_LEFT if left else "", window))

    def apply_preset(self, number: int, preset: Preset) -> None:
        self.choose_voi(number, VoiChoice("preset", preset.title, preset.window))

    def choose_voi(self, number: int, choice: VoiChoice) -> None:
        """Other greys; linked viewports whose values mean the same take them too."""
        views = self._views
        stack = views.stack(number)
        if stack is None:
            return
        views.show(number, replace(views[number].state, voi=choice))
        for other in views.companions(number) if views.links.voi else ():
            target = views.stack(other)
            if target is not None and target.meaning == stack.meaning:
                views.show(other, replace(views[other].state, voi=choice.elsewhere))

    def choose_values(self, number: int, values: int) -> None:
        """Other real-world values of a stack (-1: those of the rescale), wherever it is shown, in its first greys."""
        views = self._views
        stack = views.stack(number)
        if stack is None or stack.values == values:
            return
        views.case.choose_values(stack.key, values)
        for viewport in views.all:
            after = views.stack(viewport.number)
            if after is not None and after.key == stack.key:
                views.show(viewport.number, replace(viewport.state, voi=after.first_choice()))
                views.ask(viewport.number)

    def link_here(self) -> None:
        """Link all viewports as they stand: the slices shown belong together from now on."""
        self._link(
            [
                None if stack is None else slice_point(viewport.state, stack)
                for viewport, stack in zip(self._views.all, self._stacks(), strict=True)
            ]
        )

    def link_middles(self) -> None:
        """Link all viewports by the middles of their stacks, whatever is shown; the others follow the active one."""
        self._link([None if stack is None else stack.centre(stack.count // 2) for stack in self._stacks()])
        views = self._views
        stack = views.stack(views.active)
        if stack is not None and views.links.scroll:
            self._follow(views.active, stack, views.current.state)

    def _stacks(self) -> list[ShownStack | None]:
        return [self._views.stack(viewport.number) for viewport in self._views.all]

    def _link(self, points: Sequence[Vec | None]) -> None:
        """Link all viewports; these points of their stacks belong together."""
        views, stacks = self._views, self._stacks()
        views.links.members = frozenset(range(len(views)))
        for a, (first, here) in enumerate(zip(stacks, points, strict=True)):
            for second, there in zip(stacks[a + 1 :], points[a + 1 :], strict=True):
                if first is None or second is None or here is None or there is None:
                    continue
                if first.positioned and second.positioned:
                    views.links.anchor(first.space, here, second.space, there)
        views.same_scale()
        self._tell_all()

    def unlink(self) -> None:
        self._views.links.members = frozenset()
        self._tell_all()

    def _tell_all(self) -> None:
        for viewport in self._views.all:
            self._views.state_changed.emit(viewport.number)
        self._views.kept_changed.emit()

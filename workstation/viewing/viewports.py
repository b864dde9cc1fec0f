"""The viewports of an open case: what each shows, how they lie, which belong together, and their pictures.

Everything here happens on the main thread and is quick; pictures and pixels come later, through `Darkroom` and the
loaders. A viewport's state is replaced, never changed, and each replacement asks for its picture.
"""

from dataclasses import replace
from functools import partial
from time import monotonic

from psygnal import Signal

from workstation.dicom.presentation_state import PresentationState
from workstation.imaging.voi import Voi, VoiTable, Window
from workstation.imaging.volume import Volume
from workstation.jobs import Workers
from workstation.viewing.appearance import chosen_voi
from workstation.viewing.appearance_notes import presentation_in_force
from workstation.viewing.growth import Places
from workstation.viewing.layout import LAYOUTS
from workstation.viewing.linking import LinkGroup
from workstation.viewing.loading import Deliver
from workstation.viewing.open_case import OpenCase
from workstation.viewing.picture import Darkroom, Picture, request_for
from workstation.viewing.slices import Slices, in_place, slice_point, slices_of, through
from workstation.viewing.stacks import ShownStack, start_state
from workstation.viewing.vectors import Vec
from workstation.viewing.viewport import PlaneKind, ViewportState

# how often a reformat is drawn anew while its volume still fills, in seconds
_WHILE_FILLING = 0.15


class Viewport:
    """One place on the screen: its state, and the last picture it got. `note` says why the place is empty.

    `lacks_image`: when the newest picture was asked for, its image was not there.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = ViewportState()
        self.picture: Picture | None = None
        self.asked = 0
        self.lacks_image = False
        self.note = ""
        self.drawn_at = 0.0
        self.void = 0
        """Pictures asked for up to this one are of a stack that was taken the place of."""


class Viewports:
    """All viewports. Numbers are places of the layout, from 0."""

    state_changed = Signal(int)
    """A viewport's state or what is drawn over it has changed; `awaits` says whether a picture is on its way."""
    picture_ready = Signal(int)
    layout_changed = Signal()
    active_changed = Signal(int)
    progress_changed = Signal(str)
    kept_changed = Signal()
    """Something changed that is worth keeping with the case."""

    def __init__(self, case: OpenCase, workers: Workers, deliver: Deliver) -> None:
        self.case = case
        self.links = LinkGroup()
        self.crosshairs: dict[str, Vec] = {}
        """By space: the point that the planes of a reformat have in common."""
        self.layout = "1x1"
        self.all: list[Viewport] = [Viewport(0)]
        self.active = 0
        self.maximised = False
        self._darkroom = Darkroom(workers, deliver)
        self._requests = 0
        case.pixels.visible = lambda: {viewport.state.stack for viewport in self.all}
        case.arrived.connect(self._on_arrived)
        case.layers.changed.connect(self._on_layers)
        case.overlays.arrived.connect(self._on_overlays)
        case.presentations.changed.connect(self._on_presentations)

    def close(self) -> None:
        """Let go of pictures and with them of the pixels, at once and not when garbage is collected one day."""
        self._darkroom.close()
        for viewport in self.all:
            viewport.picture = None

    def __getitem__(self, number: int) -> Viewport:
        return self.all[number]

    def __len__(self) -> int:
        return len(self.all)

    @property
    def current(self) -> Viewport:
        return self.all[self.active]

    def stack(self, number: int) -> ShownStack | None:
        return self.case.stack(self.all[number].state.stack)

    def slices(self, number: int) -> Slices:
        stack = self.stack(number)
        return Slices(0, 0, 1.0) if stack is None else slices_of(self.all[number].state, stack)

    def voi(self, number: int) -> Voi | None:
        """The greys of the viewport; None until they have been made from the pixels."""
        stack, state = self.stack(number), self.all[number].state
        return None if stack is None else chosen_voi(stack, state, self.presentation(number))

    def presentation(self, number: int) -> PresentationState | None:
        """The presentation state in force for the image a viewport shows."""
        stack, state = self.stack(number), self.all[number].state
        return None if stack is None else presentation_in_force(self.case, stack, state)

    def window(self, number: int) -> Window | None:
        """The window a drag starts from; for a VOI LUT the window over its input."""
        voi = self.voi(number)
        if isinstance(voi, VoiTable):
            count = len(voi.values)
            return Window(voi.first_mapped + count / 2, float(count))
        return voi

    def show(self, number: int, state: ViewportState) -> None:
        """Put a state on a viewport and ask for its picture."""
        viewport = self.all[number]
        if state == viewport.state and viewport.asked:
            return
        viewport.state = state
        self.ask(number)
        self.state_changed.emit(number)
        self.kept_changed.emit()

    def place(self, number: int, stack: ShownStack, kind: PlaneKind = PlaneKind.STACK) -> None:
        """Open a stack in a viewport. Greys stay when a value means the same in both, the slice in one space."""
        old, before = self.stack(number), self.all[number].state
        state = start_state(stack, kind, before.width, before.height)
        if old is not None and old.meaning == stack.meaning and before.voi.voi:
            state = replace(state, voi=before.voi.elsewhere)
        if old is not None and old.positioned and old.space == stack.space:
            state = through(state, stack, slice_point(before, old))
        self.all[number].note = ""
        self.show(number, state)

    def follow(self, places: Places) -> None:
        """Go on at the same images where stacks were taken the place of; nothing moves on the screen."""
        self._rename_spaces(places)
        for viewport in self.all:
            state = viewport.state
            if state.stack not in places.before:
                continue
            viewport.state = in_place(state, places)
            viewport.void = viewport.asked
            if viewport.picture is not None:
                shown = replace(viewport.picture.request, state=in_place(viewport.picture.state, places))
                viewport.picture = replace(viewport.picture, request=shown)
            self.ask(viewport.number)
            self.state_changed.emit(viewport.number)

    def _rename_spaces(self, places: Places) -> None:
        """A stack without a Frame of Reference is a space of its own, and its key may be another now."""
        names = {}
        for old in places.before.values():
            if old.space == old.key and (place := places.of(old, 0)) is not None:
                names[old.space] = place[0].space
        self.crosshairs = {names.get(space, space): point for space, point in self.crosshairs.items()}
        self.links.offsets = {
            (names.get(source, source), names.get(target, target)): offset
            for (source, target), offset in self.links.offsets.items()
        }

    def resize(self, number: int, width: int, height: int) -> None:
        """The place has another size in device pixels; a fitted picture is fitted anew."""
        state = self.all[number].state
        if (width, height) == (state.width, state.height):
            return
        state = replace(state, width=max(width, 1), height=max(height, 1))
        stack = self.stack(number)
        if stack is not None and state.fitted:
            state = stack.fitted(state)
        self.show(number, state)
        if state.fitted:
            self.same_scale()

    def lay_out(self, name: str) -> None:
        """Another layout; the first viewports keep what they show. Links of places that are gone are dropped."""
        wanted = len(LAYOUTS[name].cells)
        self.layout = name
        self.maximised = False
        del self.all[wanted:]
        self.all += [Viewport(number) for number in range(len(self.all), wanted)]
        self.links.members = frozenset(n for n in self.links.members if n < wanted)
        # pictures in the making are dropped with it: who waits for one asks anew
        self._darkroom.forget()
        for viewport in self.all:
            if viewport.asked and self.awaits(viewport.number):
                self.ask(viewport.number)
        self.active = min(self.active, wanted - 1)
        self.layout_changed.emit()
        self.active_changed.emit(self.active)
        self.kept_changed.emit()

    def activate(self, number: int) -> None:
        if number != self.active and number < len(self.all):
            self.active = number
            self.active_changed.emit(number)
            self.kept_changed.emit()

    def toggle_maximised(self) -> None:
        """The active viewport alone in the whole place, and back."""
        self.maximised = not self.maximised and len(self.all) > 1
        self.layout_changed.emit()

    def companions(self, number: int) -> list[int]:
        """The other viewports that move with this one: all planes of a reformat, or the members of its link."""
        if self.layout == "mpr":
            return [viewport.number for viewport in self.all if viewport.number != number]
        members = self.links.members
        return [n for n in sorted(members) if n != number and n < len(self.all)] if number in members else []

    def same_scale(self) -> None:
        """Fitted viewports that belong together get the coarsest of their scales: a mm is as long in each.

        One that is alone on the screen fills it.
        """
        if self.maximised:
            return
        numbers = range(len(self.all)) if self.layout == "mpr" else sorted(self.links.members)
        fitted = {n: self.all[n].state for n in numbers if n < len(self.all) and self.all[n].state.fitted}
        stacks = {n: stack for n in fitted if (stack := self.stack(n)) is not None and stack.calibrated}
        if len(stacks) > 1:
            coarsest = max(stack.fitted(fitted[n]).mm_per_pixel for n, stack in stacks.items())
            for n in stacks:
                self.show(n, replace(fitted[n], mm_per_pixel=coarsest))

    # pictures

    def source(self, number: int) -> Volume | None:
        """What the viewport is drawn from; None while its image is not there."""
        stack, state = self.stack(number), self.all[number].state
        if stack is None:
            return None
        loader = self.case.loader(stack.key)
        if state.kind is PlaneKind.STACK:
            return loader.source(state.index)
        return loader.volume if loader.loaded_count else None

    def ask(self, number: int) -> None:
        """Have the picture of a viewport made."""
        viewport = self.all[number]
        stack, state = self.stack(number), viewport.state
        if stack is None or state.width < 2 or state.height < 2:
            viewport.picture = None
            return
        if state.kind is PlaneKind.STACK:
            self.case.loader(stack.key).want(state.index)
        source = self.source(number)
        self._requests += 1
        viewport.asked = self._requests
        viewport.lacks_image = source is None
        viewport.drawn_at = monotonic()
        request = request_for(
            stack,
            state,
            source,
            request_id=self._requests,
            viewport=number,
            presentation=self.presentation(number),
            planes=self.case.overlays.planes(stack, state),
            tints=self.case.layers.tints(stack, state),
        )
        self._darkroom.ask(request, partial(self._take, stack))

    def awaits(self, number: int) -> bool:
        """Whether a newer picture than the last one is being made."""
        viewport = self.all[number]
        return viewport.picture is None or viewport.picture.request.id < viewport.asked

    def _take(self, stack: ShownStack, picture: Picture) -> None:
        """A picture of a stack has come; it is shown unless a newer one already is, or its viewport is gone.

        Greys made from it are that stack's: under its key there may be one of other values by now.
        """
        number = picture.request.viewport
        if number >= len(self.all):
            return
        viewport = self.all[number]
        if picture.request.id <= viewport.void:
            return
        if viewport.picture is not None and viewport.picture.request.id > picture.request.id:
            return
        viewport.picture = picture
        if stack.auto_voi is None and picture.request.voi is None and picture.voi is not None:
            stack.auto_voi = picture.voi
            self.state_changed.emit(number)
        self.picture_ready.emit(number)

    def _on_layers(self) -> None:
        """What lies over the pictures has changed."""
        for viewport in self.all:
            if viewport.state.stack:
                self.ask(viewport.number)

    def _on_overlays(self, uid: str) -> None:
        """Overlay planes of an image came: draw it again where it is shown."""
        for viewport in self.all:
            stack, state = self.stack(viewport.number), viewport.state
            if stack is not None and viewport.asked and stack.instance(state.index).sop_instance_uid == uid:
                self.ask(viewport.number)
                self.state_changed.emit(viewport.number)

    def _on_presentations(self) -> None:
        """A presentation state came: it may be the one that a kept view names, or be worth offering."""
        for viewport in self.all:
            if viewport.asked and self.presentation(viewport.number) is not None:
                self.ask(viewport.number)
            self.state_changed.emit(viewport.number)

    def _on_arrived(self, key: str) -> None:
        """Images of a stack came: draw again what waited for them, nothing else."""
        loader = self.case.loader(key)
        for viewport in self.all:
            if viewport.state.stack != key:
                continue
            if viewport.state.kind is PlaneKind.STACK:
                # once: asking anew with each of the other images would push the first picture out to the last
                if viewport.lacks_image and loader.source(viewport.state.index) is not None:
                    self.ask(viewport.number)
            elif loader.finished or monotonic() - viewport.drawn_at > _WHILE_FILLING:
                self.ask(viewport.number)
        self.progress_changed.emit(key)

"""The reading of one case, all of it: viewports, gestures, reformats, measurements, key images, the tool in hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from psygnal import Signal

from workstation.jobs import Workers
from workstation.viewing import view_state
from workstation.viewing.annotations import Annotations
from workstation.viewing.growth import Grown
from workstation.viewing.hanging import Placement, Preset, hang, load_presets, load_protocols
from workstation.viewing.key_images import KeyImages
from workstation.viewing.loading import Deliver
from workstation.viewing.marks import Marks
from workstation.viewing.measurements import MeasurementStore
from workstation.viewing.movement import Movement
from workstation.viewing.open_case import OpenCase, PriorStudy
from workstation.viewing.reformats import Reformats
from workstation.viewing.tools import TOOLS
from workstation.viewing.viewport import PlaneKind, VoiChoice
from workstation.viewing.viewports import Viewport, Viewports


class ReadingSession:
    """An opened case as it is read. Owns the case: closing the session closes it."""

    tool_changed = Signal(str)
    key_image_wanted = Signal(int)
    report_wanted = Signal(str)
    document_wanted = Signal(str)
    """The key of a document to show."""
    documents_changed = Signal()
    """Another document is shown, or none; or rejected images are offered now."""
    calibration_wanted = Signal(str)

    def __init__(self, case: OpenCase, workers: Workers, deliver: Deliver) -> None:
        self.case = case
        self.coming = False
        """Whether more of the study is on its way."""
        self.views = Viewports(case, workers, deliver)
        self.store = MeasurementStore()
        self.move = Movement(self.views)
        self.reformats = Reformats(self.views)
        self.annotations = Annotations(self.views, self.store)
        self.key_images = KeyImages()
        self.marks = Marks()
        self.document = ""
        """The key of the document that is shown."""
        self.presets: tuple[Preset, ...] = load_presets()
        self.tool = "window"
        self._hung: tuple[Any, ...] | None = None
        self._wants_link = False
        self._kept: Mapping[str, Any] | None = None
        """A view that is taken back as soon as its images are here."""
        self.views.progress_changed.connect(lambda _key: self.annotations.fill_in())
        # a step back may bring numbers of other values than the stack is in now
        self.store.changed.connect(self.annotations.fill_in)

    def close(self) -> None:
        self.views.close()
        self.case.close()

    def next_document(self) -> None:
        """The document after the one that is shown, from the last back to the first."""
        keys = [document.key for document in self.case.documents]
        if keys:
            at = keys.index(self.document) + 1 if self.document in keys else 0
            self.document_wanted.emit(keys[at % len(keys)])

    def choose_tool(self, tool: str) -> None:
        if tool != self.tool:
            self.tool = tool
            self.tool_changed.emit(tool)
            self.views.kept_changed.emit()

    def hang(self) -> None:
        """Hang the case by the protocol that fits best. What already hangs where it belongs stays as it is."""
        if self.case.stacks:
            protocol, placements = hang(self.case.comparable, load_protocols())
            self.views.lay_out(protocol.layout)
            for viewport, placement in zip(self.views.all, placements, strict=False):
                self._hang_one(viewport, placement)
            self._wants_link = protocol.link
            self._link_hung()
        self._hung = self._arrangement()

    def _link_hung(self) -> None:
        """Link what hangs side by side by its middles, once nothing of it is to come: before, the middle is another."""
        shown = [self.views.stack(viewport.number) for viewport in self.views.all]
        if self._wants_link and not any(stack is not None and stack.awaited for stack in shown):
            self._wants_link = False
            if not self._hangs_otherwise():
                self.move.link_middles()

    def add_priors(self, priors: Sequence[PriorStudy]) -> None:
        """Earlier studies that came after the case was opened; hung if the reader has arranged nothing yet."""
        before = len(self.case.stacks)
        untouched = self._hung == self._arrangement()
        self.case.add_priors(priors)
        if len(self.case.stacks) > before:
            self._settle_in(untouched)

    def grow(self, grown: Grown) -> bool:
        """More of the study is here. The reader's place stays; what is new hangs if nothing was arranged yet.

        False, and nothing done, where the case is another by now: then it is to be worked out anew.
        """
        untouched = self._hung == self._arrangement()
        if not self.case.grow(grown):
            return False
        self.views.follow(grown.places)
        self.reformats.follow(grown.places)
        self.annotations.find_places()
        if untouched:
            self._hung = self._arrangement()
        self._settle_in(untouched)
        self._link_hung()
        self.views.kept_changed.emit()
        return True

    def _settle_in(self, untouched: bool) -> None:
        """Take back the view that was kept, as soon as all of it is here; else hang, if nothing was arranged."""
        if not untouched:
            self._kept = None
        elif self._kept is not None and view_state.is_whole(self.views, self._kept):
            kept, self._kept = self._kept, None
            self._take_back(kept)
        elif self.case.stacks and self._hangs_otherwise():
            self.hang()

    def _hangs_otherwise(self) -> bool:
        """Whether the protocols would hang the case in another way than it hangs."""
        protocol, placements = hang(self.case.comparable, load_protocols())
        shown = [viewport.state.stack for viewport in self.views.all]
        wanted = ["" if each.stack is None else each.stack.key for each in placements]
        return protocol.layout != self.views.layout or shown != wanted

    def _arrangement(self) -> tuple[Any, ...]:
        """What a reader may have changed, whatever the size of the window."""
        states = [viewport.state for viewport in self.views.all]
        shown = [(s.stack, s.kind, s.index, s.voi, s.inverted, s.turns, s.flipped, s.fitted, s.slab) for s in states]
        return self.views.layout, self.views.active, *shown

    def _hang_one(self, viewport: Viewport, placement: Placement) -> None:
        stack, rule = placement.stack, placement.rule
        if stack is None:
            viewport.note = rule.origin
            return
        kind = rule.plane if stack.is_volume else PlaneKind.STACK
        if (viewport.state.stack, viewport.state.kind) == (stack.key, kind):
            return
        self.views.place(viewport.number, stack, kind)
        preset = next((each for each in self.presets if each.id == rule.preset and each.fits(stack)), None)
        if preset is not None:
            choice = VoiChoice("preset", preset.title, preset.window)
            self.views.show(viewport.number, replace(viewport.state, voi=choice))

    def set_layout(self, name: str) -> None:
        """Another layout; places that were not there before take the next stacks not shown yet."""
        if name == "mpr":
            self.reformats.show_mpr()
            return
        self.reformats.show_stack()
        self.views.lay_out(name)
        shown = {viewport.state.stack for viewport in self.views.all}
        unseen = [stack for stack in self.case.comparable if stack.key not in shown]
        for viewport in self.views.all:
            if not viewport.state.stack and unseen:
                self.views.place(viewport.number, unseen.pop(0))

    def preset(self, key: int) -> Preset | None:
        """The window under a number key that means something for the active viewport."""
        stack = self.views.stack(self.views.active)
        if stack is None:
            return None
        return next((each for each in self.presets if each.key == key and each.fits(stack)), None)

    def apply_key(self, key: int) -> None:
        """A number key: the preset, or else that alternative of the file's own."""
        number, stack = self.views.active, self.views.stack(self.views.active)
        preset = self.preset(key)
        if preset is not None:
            self.move.apply_preset(number, preset)
        elif stack is not None and key <= len(offered := stack.alternatives(self.views.current.state.index)):
            self.move.choose_voi(number, VoiChoice("file", offered[key - 1].name, None, key - 1))

    def to_json(self) -> dict[str, Any]:
        """Layout, what each viewport shows, links and tool, as plain values."""
        return {**view_state.to_json(self.views), "tool": self.tool}

    def restore(self, plain: Mapping[str, Any]) -> bool:
        """Take back a view that was kept; False when it is none of this case's, and then nothing has changed.

        While images still come, one of which a part only is here is taken back once the rest is, unless the reader has
        arranged something by then.
        """
        if (self.coming or self.case.growing) and not view_state.is_whole(self.views, plain):
            self._kept = plain
            return False
        return self._take_back(plain)

    def _take_back(self, plain: Mapping[str, Any]) -> bool:
        if not view_state.restore(self.views, plain):
            return False
        if plain.get("tool") in TOOLS:
            self.choose_tool(plain["tool"])
        return True

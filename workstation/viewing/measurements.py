"""All measurements of an open case: kept as snapshots, so that undo and redo are exact and nothing is half changed."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from psygnal import Signal

from workstation.dicom.content import Measurement, MeasurementKind
from workstation.language import N_, _
from workstation.viewing.drawings import Drawing

_NAMES: dict[MeasurementKind, str] = {
    "length": N_("Length {number}"),
    "ellipse": N_("Region {number}"),
    "polygon": N_("Outline {number}"),
    "angle": N_("Angle {number}"),
    "cobb": N_("Cobb angle {number}"),
    "point": N_("Value {number}"),
}

Drawings = tuple[Drawing, ...]
Settle = Callable[[Drawings, Drawings], Drawings]
"""The drawings of a step as they stand after it, by those before and those after: a calibration changes others."""


class MeasurementStore:
    """The drawings in the order they were made. `changed` tells of each new state worth keeping, `shown` of any."""

    changed = Signal()
    shown = Signal()
    selection_changed = Signal(str)

    def __init__(self) -> None:
        self._drawings: Drawings = ()
        self._undo: list[Drawings] = []
        self._redo: list[Drawings] = []
        self._selected = ""
        self.settle: Settle = lambda _before, after: after

    @property
    def drawings(self) -> Drawings:
        return self._drawings

    @property
    def selected(self) -> str:
        """Tracking UID of the selected drawing, or ""."""
        return self._selected

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def get(self, tracking_uid: str) -> Drawing | None:
        return next((drawing for drawing in self._drawings if drawing.tracking_uid == tracking_uid), None)

    def next_label(self, kind: MeasurementKind) -> str:
        """A name no other drawing has."""
        taken = {drawing.label for drawing in self._drawings}
        number = 1
        while (label := _(_NAMES[kind]).format(number=number)) in taken:
            number += 1
        return label

    def select(self, tracking_uid: str) -> None:
        if tracking_uid != self._selected:
            self._selected = tracking_uid
            self.selection_changed.emit(tracking_uid)
            self.shown.emit()

    def add(self, drawing: Drawing) -> None:
        self._step((*self._drawings, drawing))
        self.select(drawing.tracking_uid)

    def remove(self, tracking_uid: str) -> None:
        if self.get(tracking_uid) is not None:
            self._step(tuple(each for each in self._drawings if each.tracking_uid != tracking_uid))
        if self._selected == tracking_uid:
            self.select("")

    def preview(self, drawing: Drawing) -> None:
        """Show a drawing in another form while it is dragged; `commit` makes one step of it."""
        self._drawings = self._with(drawing)
        self.shown.emit()

    def commit(self, before: Drawings) -> None:
        """The drag that began with `before` has ended."""
        if before != self._drawings:
            after, self._drawings = self._drawings, before
            self._step(after)

    def cancel(self, before: Drawings) -> None:
        """The drag that began with `before` is taken back."""
        self._drawings = before
        self.shown.emit()

    def amend(self, measure: Callable[[Drawing], Drawing]) -> None:
        """Fill in numbers that could not be had before; no step of its own."""
        amended = tuple(measure(drawing) for drawing in self._drawings)
        if amended != self._drawings:
            self._drawings = amended
            self.shown.emit()
            self.changed.emit()

    def move(self, moved: Callable[[Drawing], Drawing]) -> None:
        """The images that drawings stand on have other places: all of them, those of steps back and forth too."""
        after = tuple(moved(drawing) for drawing in self._drawings)
        self._undo = [tuple(moved(drawing) for drawing in step) for step in self._undo]
        self._redo = [tuple(moved(drawing) for drawing in step) for step in self._redo]
        if after != self._drawings:
            self._drawings = after
            self.shown.emit()
            self.changed.emit()

    def undo(self) -> None:
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        self._go(self._redo, self._undo)

    def measurements(self) -> tuple[Measurement, ...]:
        """Those whose numbers are known, for the report."""
        return tuple(drawing.to_content() for drawing in self._drawings if drawing.measured)

    def to_json(self) -> dict[str, Any]:
        return {"version": 1, "drawings": [drawing.to_json() for drawing in self._drawings]}

    def from_json(self, plain: dict[str, Any]) -> None:
        """Take back what was kept; undo begins anew. Raises KeyError, TypeError or ValueError for damaged input."""
        self.load(Drawing.from_json(each) for each in plain.get("drawings", ()))

    def load(self, drawings: Iterable[Drawing]) -> None:
        self._drawings = tuple(drawings)
        self._undo, self._redo, self._selected = [], [], ""
        self.shown.emit()

    def rename(self, tracking_uid: str, label: str) -> None:
        drawing = self.get(tracking_uid)
        if drawing is not None and drawing.label != label:
            self._step(self._with(replace(drawing, label=label)))

    def calibrate(self, drawing: Drawing, known_mm: float) -> None:
        """Make a length the calibration of its image, in the place of an earlier one; one step."""
        image = drawing.source.sop_instance_uid
        self._step(
            tuple(
                replace(each, known_mm=known_mm if each.tracking_uid == drawing.tracking_uid else 0.0)
                if each.source.sop_instance_uid == image
                else each
                for each in self._drawings
            )
        )

    def _with(self, drawing: Drawing) -> Drawings:
        return tuple(drawing if each.tracking_uid == drawing.tracking_uid else each for each in self._drawings)

    def _step(self, drawings: Drawings) -> None:
        before = self._drawings
        self._undo.append(before)
        self._redo.clear()
        self._drawings = self.settle(before, drawings)
        self.shown.emit()
        self.changed.emit()

    def _go(self, source: list[Drawings], target: list[Drawings]) -> None:
        if not source:
            return
        target.append(self._drawings)
        self._drawings = source.pop()
        if self._selected and self.get(self._selected) is None:
            self.select("")
        self.shown.emit()
        self.changed.emit()

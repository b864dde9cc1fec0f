"""Drawing on viewports: from pixels to patient space and back, which drawing shows where, and going to one."""

import logging
from dataclasses import replace
from uuid import uuid4

from psygnal import Signal

from workstation.dicom.content import MeasurementKind
from workstation.viewing import measuring
from workstation.viewing.documents import pixel_place
from workstation.viewing.drawings import Drawing
from workstation.viewing.grips import Grip, grip_at
from workstation.viewing.growth import Places
from workstation.viewing.measurements import Drawings, MeasurementStore
from workstation.viewing.rulers import ReaderScale, Scales, calibratable
from workstation.viewing.slices import slices_of, through
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec, add, distance, dot, subtract, vec
from workstation.viewing.viewport import PlaneKind, ViewportState
from workstation.viewing.viewports import Viewports

logger = logging.getLogger(__name__)

PixelPoint = tuple[float, float]


class Annotations:
    """Measurements on the viewports of a case."""

    sketch_changed = Signal()

    def __init__(self, views: Viewports, store: MeasurementStore) -> None:
        self._views = views
        self._store = store
        store.settle = self._settled
        self.sketch: Drawing | None = None
        """What is being drawn; not yet in the store."""

    def point(self, number: int, x: float, y: float) -> Vec:
        """The point of patient space under a device pixel."""
        return vec(self._views[number].state.plane.pixel_to_lps(x, y))

    def draw(self, number: int, kind: MeasurementKind, points: tuple[Vec, ...]) -> Drawing | None:
        """Show a drawing in the making, with its numbers; None where nothing can be measured."""
        stack = self._views.stack(number)
        if stack is None:
            return None
        if self.sketch is None:
            self._new(kind, stack)
        assert self.sketch is not None
        self.sketch = self.measured(self.placed(replace(self.sketch, points=points), number))
        self.sketch_changed.emit()
        return self.sketch

    def drop(self) -> None:
        """Nothing is being drawn any more."""
        if self.sketch is not None:
            self.sketch = None
            self.sketch_changed.emit()

    def _new(self, kind: MeasurementKind, stack: ShownStack) -> None:
        self.sketch = Drawing(
            tracking_uid=f"2.25.{uuid4().int}",
            kind=kind,
            label=self._store.next_label(kind),
            space=stack.space,
            points=(),
            stack=stack.key,
            source=stack.reference(0),
            frame_of_reference_uid=stack.frame_of_reference_uid,
            study_date=stack.study.study_date,
        )

    def placed(self, drawing: Drawing, number: int) -> Drawing:
        """The drawing with its source image, as drawn in this viewport."""
        stack = self._views.case.stack(drawing.stack) or self._views.stack(number)
        assert stack is not None
        return measuring.placed(drawing, stack, self._views[number].state)

    def measured(self, drawing: Drawing) -> Drawing:
        """The drawing with its numbers, as far as its pixels are there."""
        others = (each for each in self._store.drawings if each.tracking_uid != drawing.tracking_uid)
        return self._measured(drawing, scales_of((*others, drawing)))

    def _measured(self, drawing: Drawing, scales: Scales) -> Drawing:
        stack = self._views.case.stack(drawing.stack)
        if stack is None:
            return drawing
        return measuring.measured(drawing, stack, self._views.case.loader(stack.key), scales)

    def _settled(self, before: Drawings, after: Drawings) -> Drawings:
        """A step's drawings with the numbers of all images whose calibration it changes made anew."""
        old, new = scales_of(before), scales_of(after)
        if old == new:
            return after
        changed = {uid for uid in {*old, *new} if old.get(uid) != new.get(uid)}
        return tuple(self._measured(each, new) if each.source.sop_instance_uid in changed else each for each in after)

    @property
    def scales(self) -> Scales:
        """The reader's calibrations as they stand."""
        return scales_of(self._store.drawings)

    def can_calibrate(self, tracking_uid: str) -> bool:
        """Whether a drawing is a length on an image whose scale a reader may state."""
        drawing = self._store.get(tracking_uid)
        stack = None if drawing is None else self._views.case.stack(drawing.stack)
        if drawing is None or stack is None or drawing.kind != "length" or not drawing.points_px:
            return False
        return calibratable(stack, stack.nearest(drawing.centre)) and distance(*drawing.points) > 0

    def calibrate(self, tracking_uid: str, known_mm: float) -> None:
        """State how long a drawn length is; 0 takes it back. It holds for the image, or the cine, it was drawn on."""
        drawing = self._store.get(tracking_uid)
        if drawing is not None and self.can_calibrate(tracking_uid) and known_mm >= 0:
            logger.info("an image was calibrated by the reader" if known_mm else "a calibration was taken back")
            self._store.calibrate(drawing, known_mm)

    def visible(self, state: ViewportState) -> list[tuple[Drawing, tuple[PixelPoint, ...]]]:
        """The drawings that lie in the plane of a viewport, with their points in its device pixels."""
        stack = self._views.case.stack(state.stack)
        if stack is None:
            return []
        reach = max(slices_of(state, stack).step, state.slab.thickness_mm) / 2 * 1.001
        plane = state.plane
        found = []
        for drawing in self._drawings():
            if drawing.space == stack.space and all(abs(state.offset_of(point)) <= reach for point in drawing.points):
                found.append((drawing, tuple(_pixel(plane.lps_to_pixel(point)) for point in drawing.points)))
        return found

    def crossings(self, state: ViewportState) -> list[tuple[Drawing, PixelPoint]]:
        """Where lengths that do not lie in the plane pass through it."""
        stack = self._views.case.stack(state.stack)
        if stack is None:
            return []
        reach = max(slices_of(state, stack).step, state.slab.thickness_mm) / 2 * 1.001
        found = []
        for drawing in self._drawings():
            if drawing.space != stack.space or drawing.kind != "length" or not drawing.whole:
                continue
            a, b = (state.offset_of(point) for point in drawing.points)
            if a * b < 0 and max(abs(a), abs(b)) > reach:
                point = add(drawing.points[0], subtract(drawing.points[1], drawing.points[0]), a / (a - b))
                found.append((drawing, _pixel(state.plane.lps_to_pixel(point))))
        return found

    def grip_at(self, number: int, x: float, y: float, ratio: float) -> Grip | None:
        """The drawing under a device pixel of a viewport, the newest first."""
        shown = [each for each in self.visible(self._views[number].state) if each[0] is not self.sketch]
        return grip_at(shown[::-1], x, y, ratio)

    def draggable(self, grip: Grip) -> bool:
        """Whether a drag from there is the graphic's: from a handle always, from the line of the selected one."""
        return grip.handle is not None or grip.drawing.tracking_uid == self._store.selected

    def find_places(self) -> None:
        """Drawings whose stack is another by now, or was none yet, go to where their images are."""
        case = self._views.case
        astray = {drawing.tracking_uid for drawing in self._store.drawings if not self._at_home(drawing)}
        if not astray and not self._store.can_undo and not self._store.can_redo:
            return
        places = Places({}, case.stacks)
        self._store.move(lambda drawing: drawing if self._at_home(drawing) else _at_image(drawing, places))

    def _at_home(self, drawing: Drawing) -> bool:
        """Whether the stack that a drawing names holds its image, where it was."""
        stack = self._views.case.stack(drawing.stack)
        if stack is None or stack.space != drawing.space:
            return False
        source = drawing.source.sop_instance_uid
        if stack.positioned:
            return source in stack.objects
        k = stack.nearest(drawing.centre)
        return stack.instance(k).sop_instance_uid == source

    def fill_in(self) -> None:
        """Measure what could not be measured before its pixels came, and anew where the stack is in other values."""
        if any(self._wanting(drawing) for drawing in self._store.drawings):
            self._store.amend(self._filled)

    def _wanting(self, drawing: Drawing) -> bool:
        if not (drawing.measured or drawing.refusal):
            return True
        stack = self._views.case.stack(drawing.stack)
        return drawing.of_values and stack is not None and stack.values_name != drawing.values

    def _filled(self, drawing: Drawing) -> Drawing:
        """The numbers stay, in the unit that stands beside them, until there are others."""
        if not self._wanting(drawing):
            return drawing
        after = self.measured(drawing)
        return after if after.measured or after.refusal else drawing

    def go_to(self, tracking_uid: str) -> bool:
        """Select a drawing and show it, in a viewport that can; False when it is not of this case."""
        drawing = self._store.get(tracking_uid)
        stack = None if drawing is None else self._views.case.stack(drawing.stack)
        if drawing is None or stack is None:
            return False
        views = self._views
        self._store.select(tracking_uid)
        numbers = [views.active, *(v.number for v in views.all)]
        able = [n for n in numbers if (shown := views.stack(n)) is not None and shown.space == stack.space]
        flat = [n for n in able if self._lies_along(views[n].state, drawing)]
        if not flat and views.layout != "mpr":
            views.place(views.active, stack)
            flat = [views.active]
        number = (flat or able or [views.active])[0]
        shown_stack, state = views.stack(number), views[number].state
        assert shown_stack is not None
        state = through(state, shown_stack, drawing.centre)
        x, y = _pixel(state.plane.lps_to_pixel(drawing.centre))
        if not (0 <= x < state.width and 0 <= y < state.height):
            state = state.panned((state.width - 1) / 2 - x, (state.height - 1) / 2 - y)
        views.activate(number)
        views.show(number, state)
        return True

    @staticmethod
    def _lies_along(state: ViewportState, drawing: Drawing) -> bool:
        """Whether a plane parallel to the one shown holds the whole drawing."""
        return all(
            abs(dot(subtract(point, drawing.centre), state.normal)) < 0.5 or state.kind is PlaneKind.STACK
            for point in drawing.points
        ) and (state.kind is not PlaneKind.STACK or drawing.plane == "stack")

    def _drawings(self) -> tuple[Drawing, ...]:
        return self._store.drawings if self.sketch is None else (*self._store.drawings, self.sketch)


def _at_image(drawing: Drawing, places: Places) -> Drawing:
    """The drawing in the stack that its image is in now; as it is where that is not here."""
    computed = drawing.stack.endswith("-")
    frame = (drawing.source.frame or 1) - 1
    found = places.find(drawing.source.sop_instance_uid, frame, computed=computed)
    if found is None:
        return drawing
    stack, k = found
    points = drawing.points
    if not stack.positioned and drawing.points_px:
        # a space of its own, in which images stand one behind the other
        left, top = stack.corner(k)
        points = tuple(pixel_place(stack, k, (x - left, y - top)) for x, y in drawing.points_px)
    return replace(drawing, stack=stack.key, space=stack.space, points=points)


def scales_of(drawings: Drawings) -> Scales:
    """The calibrations among drawings, by SOP Instance UID; the newest holds."""
    return {
        drawing.source.sop_instance_uid: ReaderScale(drawing.known_mm, (drawing.points[0], drawing.points[1]))
        for drawing in drawings
        if drawing.known_mm > 0 and drawing.kind == "length" and distance(*drawing.points) > 0
    }


def _pixel(found: object) -> PixelPoint:
    x, y = found[:2]  # type: ignore[index]
    return float(x), float(y)

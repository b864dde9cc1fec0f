"""The presentation states of a case: read in the background, offered for the images they name, the newest first.

None is applied by itself: the reader chooses one, and its name stands in the corner as long as it is in force.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from psygnal import Signal

from workstation.dicom.geometry import FrameRef
from workstation.dicom.instance import Instance
from workstation.dicom.presentation_state import KINDS, PresentationState, read_presentation_state
from workstation.errors import WorkstationError
from workstation.imaging.presented import full_range, in_image_values
from workstation.imaging.voi import Voi
from workstation.imaging.volume import SliceTransform, transform_of
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.viewing.loading import Deliver, Fetch
from workstation.viewing.stacks import ShownStack

logger = logging.getLogger(__name__)


class Presentations:
    """All presentation states of the study and its priors. Asked, and told, on the main thread."""

    changed = Signal()
    """Some more of them are there."""

    def __init__(self, fetch: Fetch, workers: Workers, deliver: Deliver) -> None:
        self._fetch = fetch
        self._workers = workers
        self._deliver = deliver
        self._states: dict[str, PresentationState] = {}
        self._asked: set[str] = set()
        self._closed = False
        self.unreadable: set[str] = set()
        """Studies with a state that could not be read."""

    def add(self, instances: Sequence[Instance]) -> None:
        """Read the states among some instances."""
        for instance in instances:
            uid = instance.sop_instance_uid
            if instance.sop_class_uid in KINDS and uid not in self._asked:
                self._asked.add(uid)
                self._workers.submit(Lane.INTERACTIVE, lambda one=instance: self._read(one))  # type: ignore[misc]

    def close(self) -> None:
        self._closed = True
        self._states = {}

    def get(self, uid: str) -> PresentationState | None:
        return self._states.get(uid)

    def offered(self, stack: ShownStack, k: int) -> tuple[PresentationState, ...]:
        """The states made for image `k`, the newest first; with those that can't be applied."""
        ref = stack.stack.frames[k]
        found = [one for one in self._states.values() if _covers(one, ref)]
        if ref.instance.mosaic is not None:
            # its graphics and areas are places of the stored image
            whole = _("a presentation state of the whole mosaic, not of its slices")
            found = [replace(one, refusal=one.refusal or whole) for one in found]
        return tuple(sorted(found, key=lambda one: (one.created, one.sop_instance_uid), reverse=True))

    def in_force(self, uid: str, stack: ShownStack, k: int) -> PresentationState | None:
        """The state chosen for a viewport, if it can be applied and is made for image `k`."""
        state, ref = self._states.get(uid), stack.stack.frames[k]
        if state is None or state.refusal or ref.instance.mosaic is not None or not _covers(state, ref):
            return None
        return state

    def _read(self, instance: Instance) -> None:
        """On a worker: one state."""
        if self._closed:
            return
        state: PresentationState | None = None
        try:
            state = read_presentation_state(self._fetch(instance.sop_instance_uid))
        except WorkstationError:
            logger.warning("a presentation state could not be read")
        self._deliver(lambda: self._take(instance, state))

    def _take(self, instance: Instance, state: PresentationState | None) -> None:
        if self._closed:
            return
        if state is None:
            self.unreadable.add(instance.study_uid)
        else:
            self._states[state.sop_instance_uid] = state
        self.changed.emit()


def _covers(state: PresentationState, ref: FrameRef) -> bool:
    """Whether a state is made for a frame; what names the one frame of a mosaic names all its tiles."""
    return state.covers(ref.instance.sop_instance_uid, 0 if ref.instance.mosaic is not None else ref.frame)


def greys_of(state: PresentationState, stack: ShownStack, k: int) -> tuple[Voi, ...]:
    """The greys of a state over the modality values of image `k`, its first first; () where they can't be had."""
    ref = stack.stack.frames[k]
    pixels = ref.instance.pixels
    if stack.computed or pixels is None or pixels.colour or pixels.float_bits:
        return ()
    own = transform_of(ref)
    stored = SliceTransform(state.slope, state.intercept, state.modality_table)
    chosen = state.voi_for(ref.instance.sop_instance_uid, ref.frame)
    vois: tuple[Voi, ...] = () if chosen is None else (*chosen.tables, *chosen.windows)
    if not vois:
        vois = (full_range(stored, pixels.stored_range),)
    found = (in_image_values(voi, stored, own, pixels.stored_range, state.presentation_table) for voi in vois)
    return tuple(voi for voi in found if voi is not None)

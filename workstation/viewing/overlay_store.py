"""Bits of overlay planes and presentation states, read from the archive when an image that has them is shown.

Few images have any: nothing is read before it is asked for, and what was read is kept as long as the case is open.
"""

import logging
from collections.abc import Callable

from psygnal import Signal

from workstation.dicom.instance import Instance
from workstation.dicom.overlays import OverlayBits, overlay_bits
from workstation.errors import WorkstationError
from workstation.jobs import Lane, Workers
from workstation.viewing.loading import Deliver, Fetch
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState

logger = logging.getLogger(__name__)

Planes = tuple[OverlayBits, ...]


class OverlayStore:
    """Overlay bits by image and frame. Asked, and told, on the main thread."""

    arrived = Signal(str)
    """The planes of the image with this SOP Instance UID are there, or have failed."""

    def __init__(self, fetch: Fetch, workers: Workers, deliver: Deliver) -> None:
        self._fetch = fetch
        self._workers = workers
        self._deliver = deliver
        self._found: dict[tuple[str, int], Planes] = {}
        self._asked: set[tuple[str, int]] = set()
        self._closed = False
        self.failures: set[str] = set()
        """Images with a plane that could not be read."""

    def planes(self, stack: ShownStack, state: ViewportState) -> Planes:
        """The planes over the image a viewport shows, as far as they are there; asking begins to read them."""
        ref = stack.stack.frames[state.index]
        instance, frame = ref.instance, ref.frame
        if not instance.overlays or not state.overlays or state.kind is not PlaneKind.STACK:
            return ()
        key = instance.sop_instance_uid, frame
        if key not in self._asked:
            self._asked.add(key)
            self._workers.submit(Lane.INTERACTIVE, lambda: self._read(instance, frame))
        return self._found.get(key, ())

    def close(self) -> None:
        self._closed = True
        self._found = {}

    def _read(self, instance: Instance, frame: int) -> None:
        """On a worker: all planes of one frame, the broken ones left out."""
        if self._closed:
            return
        found, failed = read_planes(instance, frame, self._fetch)

        def take() -> None:
            if self._closed:
                return
            self._found[instance.sop_instance_uid, frame] = found
            if failed:
                self.failures.add(instance.sop_instance_uid)
            self.arrived.emit(instance.sop_instance_uid)

        self._deliver(take)


def read_planes(instance: Instance, frame: int, fetch: Callable[[str], bytes]) -> tuple[Planes, bool]:
    """The planes of one frame, and whether any of them could not be read."""
    found: list[OverlayBits] = []
    failed = False
    data: bytes | None = None
    for plane in instance.overlays:
        try:
            data = fetch(instance.sop_instance_uid) if data is None else data
            read = overlay_bits(instance, data, plane, frame)
        except WorkstationError:
            logger.warning("an overlay plane could not be read")
            failed = True
            continue
        if read is not None:
            found.append(read)
    return tuple(found), failed

"""Pixels of a stack, nearest slice first: fetched, decoded and put in their place while the reader already looks.

A stack that is a volume fills one `Volume`; the images of any other stack, and of one with uneven steps, are volumes of
one slice each, so that one way of making pictures serves all. Work goes to the DECODING lane a few frames at a time, so
that a jump to another slice is answered by the next frame and not by the end of a queue. Of a stack that memory has no
room for, the images around the one looked at are held, each for itself.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from workstation.dicom.decoder_processes import DecoderLost
from workstation.dicom.geometry import FrameRef
from workstation.dicom.instance import Instance
from workstation.dicom.part10 import inflated_once
from workstation.dicom.pixels import decode_frame, decode_mosaic
from workstation.errors import UnreadableObject, WorkstationError
from workstation.imaging.filling import Filling, filling_of
from workstation.imaging.volume import Volume
from workstation.jobs import Lane, Workers
from workstation.language import _
from workstation.viewing.stacks import ShownStack

logger = logging.getLogger(__name__)

Fetch = Callable[[str], bytes]
Deliver = Callable[[Callable[[], None]], None]
"""Runs something on the main thread, soon; called from any thread."""

# frames of one stack decoded at once or waiting for a thread
_IN_FLIGHT = Lane.DECODING.threads + 1
# frames of one object that may crash a decoder or make it hang, for seconds each, before the others are not tried
_MOST_LOST = 3
# images held of a stack that memory has no room for, however large they are
_LEAST_HELD = 4


class StackLoader:
    """Loads one stack. All but the decoding happens on the main thread; so do its signals.

    `room` is how many bytes its pixels may take; None: as many as they need. `made` are images that are decoded
    already, each a full volume of one slice in its place; `filling` is an empty one for the stack, made beforehand.
    """

    arrived = Signal()
    """Some more images are there, or have failed; several arrivals may be told in one."""

    def __init__(
        self,
        stack: ShownStack,
        fetch: Fetch,
        workers: Workers,
        deliver: Deliver,
        room: int | None = None,
        made: Mapping[int, Volume] | None = None,
        filling: Filling | None = None,
    ) -> None:
        self.stack = stack
        needed = stack.nbytes
        self.most_bytes = needed if room is None else min(needed, room)
        self.capacity = stack.count
        """How many images are held at once."""
        if self.most_bytes < needed:
            self.capacity = max(self.most_bytes * stack.count // needed, min(_LEAST_HELD, stack.count))
        self._fetch = fetch
        self._workers = workers
        self._deliver = deliver
        self._wanted = stack.count // 2
        self._pending = np.ones(stack.count, dtype=bool)
        self._loaded = np.zeros(stack.count, dtype=bool)
        self._in_flight = 0
        self._active = False
        self._closed = False
        self._lock = threading.Lock()
        self._last: tuple[str, bytes] = ("", b"")
        self._mosaic: tuple[str, NDArray[Any]] | None = None
        self._lost: dict[str, list[DecoderLost]] = {}
        self.failures: dict[int, str] = {}
        whole = stack.is_volume and not self.partly
        self._filling = (filling or filling_of(stack.stack)) if whole else None
        self.volume: Volume | None = self._filling.volume if self._filling is not None else None
        self._images: dict[int, Volume] = {}
        self._made: dict[int, Volume] = {}
        """Images made before that are to go into the volume, and are shown until they are in it."""
        self._adopt(made or {})

    @property
    def loaded(self) -> NDArray[np.bool_]:
        """Which images are there, one flag an image."""
        return self._loaded

    @property
    def loaded_count(self) -> int:
        return int(np.count_nonzero(self._loaded))

    @property
    def partly(self) -> bool:
        """Whether memory has room for a part of the images only; there is no volume then."""
        return self.capacity < self.stack.count

    @property
    def held_bytes(self) -> int:
        """The memory that its pixels take now."""
        sheets = sum(image.nbytes for image in (*self._images.values(), *self._made.values()))
        return sheets + (self.volume.nbytes if self.volume is not None else 0)

    @property
    def complete(self) -> bool:
        return self.loaded_count == self.stack.count

    @property
    def finished(self) -> bool:
        """Whether nothing more will come: each image is there or has failed, of those that there is room for."""
        if self.partly:
            return not self._in_flight and not self._waiting().size
        return self.loaded_count + len(self.failures) == self.stack.count

    def source(self, k: int) -> Volume | None:
        """What image `k` is drawn from; None before it is there."""
        return self._images.get(k, self.volume) if self._loaded[k] else self._made.get(k)

    def planes(self, k: int) -> Volume | None:
        """What planes through the stack are drawn from; None before image `k` is there."""
        if self.volume is None:
            return self.source(k)
        return self.volume if self._loaded[k] else None

    def index(self, k: int) -> int:
        """The plane that image `k` is in its source."""
        alone = self.volume is None or self.stack.stack.uneven or k in self._made
        return 0 if alone else self.stack.stack.index_of(k)

    def sheets(self) -> dict[int, Volume]:
        """The images that are there each for itself, by number."""
        return {**self._images, **self._made}

    def want(self, k: int) -> None:
        """The slice looked at: its neighbours come next."""
        self._wanted = k
        if self.partly:
            self._feed()

    def _adopt(self, made: Mapping[int, Volume]) -> None:
        if self._filling is not None:
            self._made.update(made)
            return
        self._images.update(made)
        for k in made:
            self._loaded[k], self._pending[k] = True, False
        self._make_room()

    def start(self) -> None:
        self._active = True
        self._feed()

    def close(self) -> None:
        """Nothing more is asked for; what runs is let run out and dropped."""
        self._closed = True

    def _feed(self) -> None:
        while self._active and not self._closed and self._in_flight < _IN_FLIGHT:
            waiting = self._waiting()
            if not waiting.size:
                return
            k = int(waiting[np.argmin(np.abs(waiting - self._wanted))])
            self._pending[k] = False
            self._in_flight += 1
            self._workers.submit(Lane.DECODING, lambda k=k: self._load(k))  # type: ignore[misc]

    def _waiting(self) -> NDArray[np.intp]:
        """The images still to be loaded, of those that there is room for."""
        first = min(max(self._wanted - self.capacity // 2, 0), self.stack.count - self.capacity)
        return np.flatnonzero(self._pending[first : first + self.capacity]) + first

    def _make_room(self) -> None:
        """Let go of what lies farthest from the slice looked at."""
        while self.partly and len(self._images) > self.capacity:
            k = max(self._images, key=lambda k: abs(k - self._wanted))
            del self._images[k]
            self._loaded[k], self._pending[k] = False, True

    def _load(self, k: int) -> None:
        """On a worker: one image, and its news for the main thread."""
        if self._closed:
            return
        failure, source = "", None
        try:
            source = self._decoded(k)
        except WorkstationError as error:
            failure = str(error)
        except Exception:
            logger.exception("image %d of a stack could not be decoded", k + 1)
            failure = _("this image can't be read")
        self._deliver(lambda: self._take(k, source, failure))

    def _decoded(self, k: int) -> Volume:
        made = self._made.get(k)
        if self._filling is not None and made is not None:
            return self._filling.take(k, made)
        stored = self._stored(self.stack.stack.frames[k])
        if self._filling is not None:
            return self._filling.put(k, stored)
        sheet = sheet_of(self.stack, k)
        sheet.put(0, stored)
        return sheet

    def _stored(self, ref: FrameRef) -> NDArray[Any]:
        """A frame's values; a mosaic is decoded once for all its tiles."""
        instance, mosaic = ref.instance, ref.instance.mosaic
        if mosaic is None:
            return self._tried(instance, ref.frame)
        with self._lock:
            if self._mosaic is None or self._mosaic[0] != instance.sop_instance_uid:
                data = self._fetch(instance.sop_instance_uid)
                self._mosaic = instance.sop_instance_uid, decode_mosaic(instance, data)
            return mosaic.cut(self._mosaic[1], ref.frame)

    def _tried(self, instance: Instance, frame: int) -> NDArray[Any]:
        """A frame's values; not tried when others of its object have cost a decoder each."""
        lost = self._lost.setdefault(instance.sop_instance_uid, [])
        if len(lost) >= _MOST_LOST:
            reason = _("not tried: {reason}, on several images of this object").format(reason=lost[0].detail)
            raise UnreadableObject(lost[0].title, reason)
        try:
            return decode_frame(instance, self._bytes(instance), frame)
        except DecoderLost as error:
            lost.append(error)
            raise

    def _bytes(self, instance: Instance) -> bytes:
        """The object, inflated where it is deflated, kept while the frames of a multi-frame one are decoded."""
        uid = instance.sop_instance_uid
        if instance.number_of_frames == 1:
            return self._fetch(uid)
        with self._lock:
            if self._last[0] != uid:
                self._last = (uid, inflated_once(self._fetch(uid), instance.transfer_syntax_uid))
            return self._last[1]

    def _take(self, k: int, source: Volume | None, failure: str) -> None:
        """On the main thread: image `k` is there, or has failed."""
        self._in_flight -= 1
        if self._closed:
            return
        self._made.pop(k, None)
        if source is None:
            self.failures[k] = failure
        else:
            if source is not self.volume:
                self._images[k] = source
            self._loaded[k] = True
            self._make_room()
        self._feed()
        if self.finished:
            self._last, self._mosaic = ("", b""), None
        self.arrived.emit()


def sheet_of(stack: ShownStack, k: int) -> Volume:
    """An empty volume for image `k` alone."""
    return Volume.of_stack(stack.stack.alone(k, stack.matrix(k)))

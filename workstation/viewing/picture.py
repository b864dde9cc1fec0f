"""Pictures: a frozen request that captured all it needs, a frozen answer with the request's id.

A picture is two things, sampling and lookup. The samples of a viewport are kept, so that a window drag redoes only the
lookup. Each viewport has at most one picture in work and one waiting; a newer request takes the place of the waiting
one, so that answers come in order and none is older than the last shown.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.presentation_state import PresentationState
from workstation.imaging.labels import Tint, painted
from workstation.imaging.reslice import Resliced, reslice
from workstation.imaging.voi import Voi, auto_window, to_grey
from workstation.imaging.volume import Volume
from workstation.jobs import Lane, Workers
from workstation.viewing.appearance import Planes, appearance_of
from workstation.viewing.loading import Deliver
from workstation.viewing.overlaid import Drawn, Overlaid
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PictureRequest:
    """What to draw. `version` changes whenever the pixels behind the plane do; `voi` None: make one from the pixels."""

    id: int
    viewport: int
    state: ViewportState
    source: Volume | None = field(repr=False)
    version: int
    voi: Voi | None
    inverted: bool
    overlaid: Overlaid = field(default=Overlaid(), repr=False)
    tints: tuple[Tint, ...] = ()
    """Labels to paint over the picture."""

    @property
    def sampling_key(self) -> tuple[Any, ...]:
        """Equal keys mean equal samples."""
        state = self.state
        return (
            0 if self.source is None else self.source.serial,
            self.version,
            state.plane,
            state.slab,
            state.interpolation,
        )


def request_for(
    stack: ShownStack,
    state: ViewportState,
    source: Volume | None,
    *,
    request_id: int = 0,
    viewport: int = 0,
    presentation: PresentationState | None = None,
    planes: Planes = (),
    tints: tuple[Tint, ...] = (),
) -> PictureRequest:
    """What to ask for, so that a state of a stack is shown; `source` is what it is drawn from (`StackLoader`).

    `presentation` is the presentation state in force for the image, `planes` are its overlay planes, `tints`
    labels over it.
    """
    # an acquired image is whole once it is there; a reformat changes with each slice that arrives
    version = source.version if source is not None and state.kind is not PlaneKind.STACK else 0
    look = appearance_of(stack, state, presentation, planes)
    return PictureRequest(request_id, viewport, state, source, version, look.voi, look.inverted, look.overlaid, tints)


@dataclass(frozen=True)
class Picture:
    """An answer: 8-bit grey (h, w) or RGB (h, w, 3), C-contiguous, and the request whose state it shows.

    `missing` says that the image is not there yet; the picture is then black.
    """

    request: PictureRequest
    pixels: NDArray[np.uint8] = field(repr=False)
    voi: Voi | None
    missing: bool = False
    seconds: float = 0.0
    tint: NDArray[np.uint8] | None = field(default=None, repr=False)
    """The labels over it, premultiplied RGBA of the picture's size."""
    marks: NDArray[np.uint8] | None = field(default=None, repr=False)
    """Where overlay planes have a bit (`overlaid.GRAPHIC`, `REGION`), of the picture's size."""

    @property
    def state(self) -> ViewportState:
        return self.request.state


@dataclass(frozen=True)
class Samples:
    """The sampled values of one plane, and the layers over them, kept for the next lookup."""

    key: tuple[Any, ...]
    resliced: Resliced
    drawn: Drawn = field(default_factory=lambda: Drawn(Overlaid()))


def develop(request: PictureRequest, kept: Samples | None) -> tuple[Picture, Samples | None]:
    """The picture of a request, by the samples kept from the last one where they still hold."""
    began = time.perf_counter()
    state, source = request.state, request.source
    if source is None:
        blank = np.zeros((state.height, state.width), np.uint8)
        return Picture(request, blank, request.voi, missing=True), None
    if kept is not None and kept.key == request.sampling_key:
        samples = kept
    else:
        samples = Samples(request.sampling_key, reslice(source, state.plane, state.slab, state.interpolation))
    drawn = kept.drawn if kept is not None and kept.drawn.holds(request.overlaid, state.height, state.width) else None
    samples = replace(samples, drawn=drawn or request.overlaid.drawn(state.height, state.width))
    values, inside = samples.resliced.values, samples.resliced.inside
    if source.is_colour:
        voi, pixels = None, _colour(values, inside)
    else:
        voi = request.voi or auto_window(values, ~inside)
        pixels = to_grey(values, voi, request.inverted)
        # black outside, also when inverted; a product is many times quicker than indexing by a mask
        np.multiply(pixels, inside, out=pixels)
    tint = painted(request.tints, state.plane) if request.tints else None
    samples.drawn.cover(pixels)
    return Picture(
        request, pixels, voi, seconds=time.perf_counter() - began, tint=tint, marks=samples.drawn.marks
    ), samples


def _colour(values: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """8-bit RGB, black outside."""
    eight = values.astype(np.uint8) if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
    eight[~inside] = 0
    return np.ascontiguousarray(eight)


class _Tray:
    """What one viewport has in work."""

    def __init__(self) -> None:
        self.busy = False
        self.waiting: tuple[PictureRequest, Callable[[Picture], None]] | None = None
        self.samples: Samples | None = None


class Darkroom:
    """Develops the pictures of all viewports on the INTERACTIVE lane. Called, and answers, on the main thread."""

    def __init__(self, workers: Workers, deliver: Deliver) -> None:
        self._workers = workers
        self._deliver = deliver
        self._trays: dict[int, _Tray] = {}
        self._closed = False

    def ask(self, request: PictureRequest, ready: Callable[[Picture], None]) -> None:
        """Have the picture made; `ready` gets it unless a newer request comes before work on it begins."""
        tray = self._trays.setdefault(request.viewport, _Tray())
        if tray.busy:
            tray.waiting = (request, ready)
        else:
            self._start(tray, request, ready)

    def forget(self) -> None:
        """Drop what waits and all kept samples."""
        for tray in self._trays.values():
            tray.waiting = None
            tray.samples = None
        self._trays = {}

    def close(self) -> None:
        self._closed = True
        self.forget()

    def _start(self, tray: _Tray, request: PictureRequest, ready: Callable[[Picture], None]) -> None:
        tray.busy = True
        kept = tray.samples

        def work() -> None:
            picture, samples = None, None
            try:
                picture, samples = develop(request, kept)
            except Exception:
                logger.exception("a picture could not be made")
            self._deliver(lambda: self._done(tray, picture, samples, ready))

        self._workers.submit(Lane.INTERACTIVE, work)

    def _done(
        self, tray: _Tray, picture: Picture | None, samples: Samples | None, ready: Callable[[Picture], None]
    ) -> None:
        tray.busy = False
        if self._closed:
            return
        tray.samples = samples
        waiting, tray.waiting = tray.waiting, None
        if waiting is not None:
            self._start(tray, *waiting)
        if picture is not None:
            ready(picture)

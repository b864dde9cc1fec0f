"""The pictures of the strip, made one after the other in the background."""

import logging
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from workstation.errors import WorkstationError
from workstation.jobs import Lane, Workers
from workstation.ui.viewer.strip import PICTURE, Strip
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.stacks import ShownStack
from workstation.viewing.thumbnails import thumbnail

log = logging.getLogger(__name__)


class ThumbnailMaking:
    """Makes what a strip lacks. All but the pictures themselves happens on the main thread."""

    def __init__(self, strip: Strip, workers: Workers) -> None:
        self._strip = strip
        self._workers = workers
        self._session: ReadingSession | None = None
        self._futures: list[Future[NDArray[np.uint8]]] = []
        self._final: set[ShownStack] = set()
        """Stacks whose picture is made, or asked for, and will not change."""

    def stop(self) -> None:
        """The case is put away."""
        for future in self._futures:
            future.cancel()
        self._session, self._futures, self._final = None, [], set()

    def make(self, session: ReadingSession, post: Callable[[Callable[[], None]], None]) -> None:
        """Those that lack; of a series that came while it was looked at its middle too, once that is known."""
        self._session = session
        for stack in session.case.stacks:
            card = self._strip.cards.get(stack.key)
            if card is None or (card.picture is not None and (stack.awaited is not None or stack in self._final)):
                continue
            if stack.awaited is None:
                self._final.add(stack)
            self._futures.append(self._ask(session, stack, post))

    def _ask(
        self, session: ReadingSession, stack: ShownStack, post: Callable[[Callable[[], None]], None]
    ) -> Future[NDArray[np.uint8]]:
        def show(pixels: NDArray[np.uint8]) -> None:
            card = self._strip.cards.get(stack.key)
            if card is not None and self._session is session:
                card.set_picture(pixels)

        def work() -> NDArray[np.uint8]:
            pixels = thumbnail(stack, session.case.fetch, 2 * PICTURE)
            post(lambda: show(pixels))
            return pixels

        def ended(future: Future[NDArray[np.uint8]]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None and not isinstance(error, WorkstationError):
                log.error("a thumbnail could not be made", exc_info=error)

        future = self._workers.submit(Lane.THUMBNAILS, work)
        future.add_done_callback(ended)
        return future

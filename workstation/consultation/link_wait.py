"""Waiting for a link that broke: longer with each failure in a row, and for a sign-in without an end."""

import threading
from collections.abc import Callable

from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded

_FIRST_S, _LONGEST_S = 5.0, 300.0


class LinkWait:
    """Whether to wait for the link; `wake` is called, from a thread of its own, when it is worth a try."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._failures = 0
        self._timer: threading.Timer | None = None
        self.waits = False

    def failed(self, error: Exception) -> None:
        """The link failed by this. After a lost sign-in somebody has to sign in: trying might lock the account."""
        self._failures += 1
        self.waits = True
        self.close()
        if isinstance(error, SignInNeeded):
            return
        wait = min(_FIRST_S * 2 ** (self._failures - 1), _LONGEST_S)
        if isinstance(error, ServerRefused) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        self._timer = threading.Timer(wait, self._try)
        self._timer.daemon = True
        self._timer.start()

    def works(self) -> None:
        """The server answered."""
        self._failures = 0
        self.waits = False
        self.close()

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _try(self) -> None:
        self.waits = False
        self._wake()


def passes(error: Exception) -> bool:
    """Whether the same may well succeed later, with nobody doing anything but waiting or signing in."""
    if isinstance(error, ServerRefused):
        return error.status in (408, 425, 429) or error.status >= 500
    # an answer that is none is a cut one, or a portal's on the way
    return isinstance(error, LinkDown | SignInNeeded | MalformedAnswer)

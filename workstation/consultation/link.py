"""The desk's link to its server: signed in when it is first needed, and anew after it broke."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workstation.errors import CaseUnavailable, LinkDown, SignInNeeded
from workstation.iris.wire import Wire
from workstation.iris.workitems import Workitems
from workstation.language import _

Connect = Callable[[], Wire]


class Link:
    """A wire that exists, a way to sign in to one, or None: offline. Thread-safe."""

    def __init__(self, way: Wire | Connect | None) -> None:
        self._way = way
        self._wire: Wire | None = None
        self._lock = threading.Lock()

    @contextmanager
    def wire(self) -> Iterator[Wire]:
        """The wire for one piece of work; raises LinkDown when there is none, and what signing in raises."""
        with self._lock:
            if self._wire is None:
                if self._way is None:
                    raise LinkDown(_("The desk is offline"), advice=_("Set up a server, or work with what is here."))
                self._wire = self._way if isinstance(self._way, Wire) else self._way()
            wire = self._wire
        try:
            yield wire
        except (LinkDown, SignInNeeded):
            with self._lock:
                self._wire = None
            raise

    @contextmanager
    def workitems(self) -> Iterator[Workitems]:
        """The worklist service for a case that came from one; raises CaseUnavailable when the server has none."""
        with self.wire() as wire:
            if wire.workitems is None:
                raise CaseUnavailable(
                    _("This server has no such case"), wire.profile.name, _("It came from another server.")
                )
            yield wire.workitems

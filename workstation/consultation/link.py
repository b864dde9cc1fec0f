"""The desk's links to its servers: each signed in when it is first needed, and anew after it broke.

One server is in use; a case or a conclusion of another names its own. Nothing of one server goes to another.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workstation.errors import CaseUnavailable, LinkDown, SignInNeeded
from workstation.iris.wire import Wire
from workstation.iris.workitems import Workitems
from workstation.language import _

Connect = Callable[[str], Wire]
"""Signs in to the server of that name; "" is the one in use."""


class Link:
    """A wire that exists, a way to sign in to servers by name, or None: offline. Thread-safe."""

    def __init__(self, way: Wire | Connect | None, in_use: str = "") -> None:
        self._way = way
        self._wires: dict[str, Wire] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self.in_use = in_use or (way.profile.name if isinstance(way, Wire) else "")

    @contextmanager
    def wire(self, server: str = "") -> Iterator[Wire]:
        """The wire to a server, "" the one in use, for one piece of work.

        Raises LinkDown when there is none, and what signing in raises.
        """
        name = server or self.in_use
        with self._lock_of(name):
            wire = self._wires.get(name)
            if wire is None:
                wire = self._wires[name] = self._connect(name)
        try:
            yield wire
        except (LinkDown, SignInNeeded):
            with self._lock:
                if self._wires.get(name) is wire:
                    del self._wires[name]
            raise

    @contextmanager
    def workitems(self, server: str = "") -> Iterator[Workitems]:
        """The worklist service for a case that came from one; raises CaseUnavailable when the server has none."""
        with self.wire(server) as wire:
            if wire.workitems is None:
                raise CaseUnavailable(
                    _("This server has no such case"), wire.profile.name, _("It came from another server.")
                )
            yield wire.workitems

    def leave(self, server: str) -> None:
        """Let a wire go: whoever needs one next signs in anew."""
        with self._lock:
            self._wires.pop(server, None)

    def _connect(self, name: str) -> Wire:
        way = self._way
        if way is None:
            raise LinkDown(_("The desk is offline"), advice=_("Set up a server, or work with what is here."))
        if not isinstance(way, Wire):
            return way(name)
        if name != self.in_use:
            raise not_set_up(name)
        return way

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())


def not_set_up(server: str) -> LinkDown:
    """The error for something that waits for a server which the settings have no more."""
    return LinkDown(
        _("The server {server} is not set up on this desk").format(server=server),
        advice=_("Add it to the settings again under this name; what waits for it goes then."),
    )

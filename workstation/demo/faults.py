"""Switches that make the embedded IRIS misbehave on purpose, and the middleware that carries them out.

Tests set them on the object or over a loopback `POST /faults`. Paths are shell patterns on the path below the server's
root, as in `*/series/*`; a fault with `times` ends by itself.
"""

import asyncio
import fnmatch
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workstation.demo.store import DuplicatePolicy

OUT_OF_RESOURCES = 0xA700


@dataclass
class _Rule:
    """Where a fault applies; `left` None: until cleared."""

    path: str
    method: str
    left: int | None

    def take(self, method: str, path: str) -> bool:
        if self.left == 0 or not fnmatch.fnmatchcase(path, self.path) or self.method not in ("*", method):
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass(frozen=True)
class _Forced:
    rule: _Rule
    status: int
    retry_after: int | None


@dataclass(frozen=True)
class _Stream:
    rule: _Rule
    after: int
    stall: bool


@dataclass(frozen=True)
class _Refusal:
    rule: _Rule
    parts: frozenset[int]
    reason: int


class Faults:
    """What is wrong with the server at the moment; nothing at first. Safe to set from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.clear()

    def clear(self) -> None:
        """Be well again; a stalled answer goes on."""
        with self._lock:
            self.latency = 0.0
            self.paging_cap = 100
            self.empty_search = 200
            self.duplicates = DuplicatePolicy.KEEP_OLD
            self.lost: set[str] = set()
            self._forced: list[_Forced] = []
            self._streams: list[_Stream] = []
            self._refusals: list[_Refusal] = []
            self._released.set()
            self._released = threading.Event()

    def force(
        self, status: int, path: str = "*", times: int | None = 1, method: str = "*", retry_after: int | None = None
    ) -> None:
        """Answer `status` (with Retry-After in seconds) instead of doing what was asked."""
        with self._lock:
            self._forced.append(_Forced(_Rule(path, method, times), status, retry_after))

    def stall(self, after: int, path: str = "*", times: int | None = 1, method: str = "*") -> None:
        """Send `after` bytes of the answer's body, then nothing, with the connection open, until `clear`."""
        with self._lock:
            self._streams.append(_Stream(_Rule(path, method, times), after, stall=True))

    def cut(self, after: int, path: str = "*", times: int | None = 1, method: str = "*") -> None:
        """Send `after` bytes of the answer's body, then close the connection."""
        with self._lock:
            self._streams.append(_Stream(_Rule(path, method, times), after, stall=False))

    def partial_stow(self, parts: Iterable[int], reason: int = OUT_OF_RESOURCES, times: int | None = 1) -> None:
        """Refuse the parts at these places (from 0) of a STOW request, with this failure reason."""
        with self._lock:
            self._refusals.append(_Refusal(_Rule("*", "*", times), frozenset(parts), reason))

    def load(self, wish: Mapping[str, Any]) -> None:
        """Set faults from JSON, as `POST /faults` brings it; raises ValueError for a name that there is none of.

        Simple names take a value: latency, paging_cap, empty_search, duplicates, lost (a list of workitem UIDs).
        status, stall, cut and partial_stow take the arguments of `force`, `stall`, `cut` and `partial_stow`, or a
        list of such objects.
        """
        calls = {"status": self.force, "stall": self.stall, "cut": self.cut, "partial_stow": self.partial_stow}
        try:
            for name, value in wish.items():
                if name in calls:
                    for arguments in value if isinstance(value, list) else [value]:
                        calls[name](**arguments)  # type: ignore[operator]
                elif name == "latency":
                    self.latency = float(value)
                elif name == "paging_cap":
                    self.paging_cap = int(value)
                elif name == "empty_search" and value in (200, 204):
                    self.empty_search = value
                elif name == "duplicates":
                    self.duplicates = DuplicatePolicy(value)
                elif name == "lost":
                    self.lost = set(value)
                else:
                    raise ValueError(f"no such fault: {name}")
        except TypeError as error:
            raise ValueError(f"wrong arguments: {error}") from error

    def forced(self, method: str, path: str) -> tuple[int, int | None] | None:
        """The status to answer this request with and its Retry-After, or None. Counts the request."""
        with self._lock:
            for fault in self._forced:
                if fault.rule.take(method, path):
                    return fault.status, fault.retry_after
        return None

    def stream(self, method: str, path: str) -> tuple[int, threading.Event | None] | None:
        """After how many bytes this answer breaks: cut, or stalled until the event. Counts the request."""
        with self._lock:
            for fault in self._streams:
                if fault.rule.take(method, path):
                    return fault.after, self._released if fault.stall else None
        return None

    def refused_parts(self) -> tuple[frozenset[int], int]:
        """The places of parts to refuse in this STOW request, and the reason. Counts the request."""
        with self._lock:
            for fault in self._refusals:
                if fault.rule.take("POST", "*"):
                    return fault.parts, fault.reason
        return frozenset(), 0


class _CutOff(Exception):
    """Ends the application's answer in its middle."""


class FaultyServer:
    """ASGI middleware: the application behind it, with the faults of the moment in front."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path == "/faults":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if self._faults.latency > 0:
            await asyncio.sleep(self._faults.latency)
        forced = self._faults.forced(method, path)
        if forced is not None:
            await drain(receive)
            await _answer(send, *forced)
            return
        broken = self._faults.stream(method, path)
        if broken is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, _breaking(send, *broken))
        except* _CutOff:
            # an answer that is not complete makes the server close the connection
            pass


def _breaking(send: Send, after: int, released: threading.Event | None) -> Send:
    left = after

    async def broken(message: Message) -> None:
        nonlocal left
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or left < 0 or len(body) <= left:
            left -= len(body) if left >= 0 else 0
            await send(message)
            return
        await send({**message, "body": body[:left], "more_body": True})
        rest, left = body[left:], -1
        if released is None:
            raise _CutOff
        while not released.is_set():
            await asyncio.sleep(0.02)
        await send({**message, "body": rest})

    return broken


async def drain(receive: Receive) -> None:
    """Take the rest of a request's body, so that a client that is still sending can read the answer."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _answer(send: Send, status: int, retry_after: int | None) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"0")]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="IRIS", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})

"""A line that fails on purpose: a proxy in front of a real server, one exchange a connection.

Faults are set by rule (a pattern of the request line, how often) and told by plain values, so that a seed can make
them. What no rule names passes untouched. Bytes count from the first of the status line.
"""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 16384


@dataclass(frozen=True)
class Head:
    """The head of an HTTP message: its first line, its header lines, and the bytes that came behind it."""

    line: str
    headers: tuple[str, ...]
    rest: bytes = field(repr=False)

    def value(self, name: str) -> str:
        for header in self.headers:
            found, _colon, value = header.partition(":")
            if found.strip().lower() == name.lower():
                return value.strip()
        return ""


class Fault:
    """What is done with one exchange; the default carries it faithfully."""

    def request(self, line: "Line", onward: socket.socket, head: Head) -> None:
        """Send the request on; ConnectionError ends the exchange."""
        onward.sendall(_without_keep_alive(head) + head.rest)
        left = int(head.value("Content-Length") or 0) - len(head.rest)
        while left > 0 and (piece := line.client.recv(min(left, _PIECE))):
            left -= len(piece)
            onward.sendall(piece)

    def answer(self, line: "Line", pieces: Iterator[bytes]) -> None:
        """Send the answer back, piece by piece."""
        for piece in pieces:
            line.client.sendall(piece)


@dataclass
class Line:
    """The client's side of an exchange; `released` is set when stalled exchanges may go on."""

    client: socket.socket
    released: threading.Event

    def reset(self) -> None:
        """End with an RST instead of an orderly close."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass
class Cut(Fault):
    """`after` bytes of the answer, then the connection is closed, or reset."""

    after: int
    reset: bool = False

    def answer(self, line: Line, pieces: Iterator[bytes]) -> None:
        for piece in _first(pieces, self.after):
            line.client.sendall(piece)
        if self.reset:
            line.reset()


@dataclass
class CutRequest(Fault):
    """`after` bytes of the request reach the server, then both connections are closed."""

    after: int

    def request(self, line: Line, onward: socket.socket, head: Head) -> None:
        left = self.after
        sent = (_without_keep_alive(head) + head.rest)[:left]
        onward.sendall(sent)
        left -= len(sent)
        while left > 0 and (piece := line.client.recv(min(left, _PIECE))):
            left -= len(piece)
            onward.sendall(piece)
        raise ConnectionError("cut")


@dataclass
class Stall(Fault):
    """`after` bytes of the answer, then nothing, with the connection open, until the proxy is released."""

    after: int

    def answer(self, line: Line, pieces: Iterator[bytes]) -> None:
        for piece in _first(pieces, self.after):
            line.client.sendall(piece)
        line.released.wait(60)


@dataclass
class Slow(Fault):
    """The answer at `rate` bytes a second, in small pieces."""

    rate: int

    def answer(self, line: Line, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            for at in range(0, len(piece), 2048):
                line.client.sendall(piece[at : at + 2048])
                time.sleep(2048 / self.rate)


class Drop(Fault):
    """The server gets the request and does it; its answer never arrives."""

    def answer(self, line: Line, pieces: Iterator[bytes]) -> None:
        for _piece in pieces:
            pass


@dataclass
class Say(Fault):
    """Bytes of the proxy's own for an answer; the server is not asked."""

    data: bytes = field(repr=False)

    def request(self, line: Line, onward: socket.socket, head: Head) -> None:
        left = int(head.value("Content-Length") or 0) - len(head.rest)
        while left > 0 and (piece := line.client.recv(min(left, _PIECE))):
            left -= len(piece)
        line.client.sendall(self.data)
        raise ConnectionError("answered")


@dataclass
class Alter(Fault):
    """The whole answer, as `change(head, body)` makes it anew from status line, headers and plain body."""

    change: Callable[[Head, bytes], bytes]

    def answer(self, line: Line, pieces: Iterator[bytes]) -> None:
        head, body = split(b"".join(pieces))
        line.client.sendall(self.change(head, body))


@dataclass
class _Rule:
    fault: Fault
    pattern: re.Pattern[str]
    left: int | None

    def take(self, line: str) -> bool:
        if self.left == 0 or not self.pattern.search(line):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class FaultyProxy:
    """A proxy before `host:port`; `asked` are the request lines that came, `hit` those that met a fault."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._open: set[socket.socket] = set()
        self.port = 0
        self.asked: list[str] = []
        self.hit: list[str] = []
        # False: each connection is closed without a word, as by a firewall that forgets those that rest
        self.tells_close = True

    def set(self, fault: Fault, pattern: str = "", times: int | None = 1) -> None:
        """From now on, the next `times` requests whose line matches meet this fault; None: until `clear`."""
        with self._lock:
            self._rules.append(_Rule(fault, re.compile(pattern), times))

    def clear(self) -> None:
        """Be a good line again; what was stalled ends."""
        with self._lock:
            self._rules.clear()
            self._released.set()
            self._released = threading.Event()
            self.asked.clear()
            self.hit.clear()
            self.tells_close = True

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def die(self) -> None:
        """Refuse every connection from now on and reset those that are open, as a proxy does that is killed."""
        listener, thread = self._listener, self._thread
        if listener is None or thread is None:
            return
        self._listener = None
        # a close alone wakes nobody who waits in accept
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        with self._lock:
            open_now = list(self._open)
        for connection in open_now:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client, suppress(OSError):
                client.settimeout(60)
                self._exchange(client)
        finally:
            with self._lock:
                self._open.discard(client)

    def _exchange(self, client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = client.recv(_PIECE)
            if not piece:
                return
            data += piece
        head, rest = split(data)
        head = Head(head.line, head.headers, rest)
        with self._lock:
            self.asked.append(head.line)
            rule = next((rule for rule in self._rules if rule.take(head.line)), None)
            if rule is not None:
                self.hit.append(head.line)
            line = Line(client, self._released)
        fault = rule.fault if rule else Fault()
        with socket.create_connection(self._server, 60) as onward:
            fault.request(line, onward, head)
            fault.answer(line, _closing(onward) if self.tells_close else _pieces(onward))


@contextmanager
def faulty_proxy(url: str) -> Iterator[FaultyProxy]:
    """A proxy before the server of an http address, on a free port of the loopback interface."""
    host, _colon, port = url.split("//", 1)[1].split("/", 1)[0].partition(":")
    proxy = FaultyProxy(host, int(port))
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.clear()
        proxy.die()


def split(message: bytes) -> tuple[Head, bytes]:
    """Head and body of a whole message; a chunked body (RFC 9112 7.1) is put together."""
    text, _empty, body = message.partition(b"\r\n\r\n")
    line, *headers = text.decode("latin-1").split("\r\n")
    head = Head(line, tuple(headers), b"")
    if head.value("Transfer-Encoding").lower() != "chunked":
        return head, body
    whole = b""
    while body:
        size, _line, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        whole, body = whole + body[:length], body[length + 2 :]
    return head, whole


def http(
    body: bytes = b"", status: str = "200 OK", content_type: str = "application/dicom+json", extra: str = ""
) -> bytes:
    """A whole HTTP answer; `extra` are header lines, each with its line end."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}"
    return head.encode("latin-1") + b"Connection: close\r\n\r\n" + body


def _pieces(source: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            yield piece


def _closing(source: socket.socket) -> Iterator[bytes]:
    """The answer with the word in its head that the connection ends with it; not every server repeats it."""
    message = b""
    pieces = _pieces(source)
    while b"\r\n\r\n" not in message and (piece := next(pieces, b"")):
        message += piece
    text, empty, rest = message.partition(b"\r\n\r\n")
    if not empty:
        yield message
        return
    line, *headers = text.decode("latin-1").split("\r\n")
    yield _without_keep_alive(Head(line, tuple(headers), b"")) + rest
    yield from pieces


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        if len(piece) >= size:
            yield piece[:size]
            return
        size -= len(piece)
        yield piece


def _without_keep_alive(head: Head) -> bytes:
    """The head as bytes, asking the server to close when it has answered: so an answer ends where its bytes end."""
    kept = [header for header in head.headers if not header.lower().startswith("connection:")]
    return "\r\n".join([head.line, *kept, "Connection: close", "", ""]).encode("latin-1")

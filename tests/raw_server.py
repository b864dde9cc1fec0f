"""A server of raw sockets that answers with given bytes: what no well-behaved server would send."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What a client sent: request line, headers with lower-case names, body."""

    line: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


# an answer: bytes to send before the connection is closed, or something that talks by itself
Answer = bytes | Callable[[socket.socket, Request], None]


@dataclass
class RawServer:
    """`answers` are given in turn, the last one again and again; `requests` are those that came."""

    url: str
    answers: list[Answer]
    requests: list[Request]
    released: threading.Event


@contextmanager
def raw_server(*answers: Answer) -> Iterator[RawServer]:
    """A server on a free port of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}", list(answers), [], threading.Event())
        stopping = threading.Event()

        def serve() -> None:
            while True:
                connection, _address = listener.accept()
                with connection:
                    if stopping.is_set():
                        return
                    connection.settimeout(20)
                    try:
                        _one(connection, server)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, name="raw-server", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stopping.set()
            server.released.set()
            with socket.create_connection(listener.getsockname()):
                thread.join(10)


def http(body: bytes, content_type: str = "application/dicom+json", status: str = "200 OK", extra: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def _one(connection: socket.socket, server: RawServer) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return
        received += piece
    head, _separator, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _colon, value in (field.partition(":") for field in fields)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    request = Request(line, headers, body)
    server.requests.append(request)
    answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
    if callable(answer):
        answer(connection, request)
    else:
        connection.sendall(answer)

"""The embedded IRIS's own reader and writer of multipart/related bodies (RFC 2046, RFC 2387).

The reader takes a body in pieces of any size and never holds more than one piece and a delimiter, so that a series of
any length can be stored; the writer only makes the lines around the parts, whose bytes are streamed from files.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

HEADER_LIMIT = 16_384
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class BrokenMultipart(ValueError):
    """A body that is not what its Content-Type says."""


class PartSink(Protocol):
    """Takes the bytes of one part as they come."""

    def write(self, data: bytes, /) -> object: ...

    def finish(self) -> None: ...


class _Place(Enum):
    DELIMITER = "delimiter"
    AFTER_DELIMITER = "after delimiter"
    HEADERS = "headers"
    BODY = "body"
    EPILOGUE = "epilogue"


class MultipartReader:
    """Cuts a body into parts: `feed` it, then `close`. `open_part` gets a part's headers and returns its sink."""

    def __init__(self, boundary: str, open_part: Callable[[Mapping[str, str]], PartSink]) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise BrokenMultipart("no usable boundary")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._open_part = open_part
        self._sink: PartSink | None = None
        self._place = _Place.DELIMITER
        self._skip = 0
        # the first delimiter may stand at the very start, without a line before it
        self._held = b"\r\n"

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body. Raises BrokenMultipart."""
        held = self._held + data if self._held else data
        while held:
            before = (self._place, len(held))
            held = self._step(held)
            if (self._place, len(held)) == before:
                break
        self._held = held

    def close(self) -> None:
        """The body is over. Raises BrokenMultipart when the closing delimiter never came."""
        if self._place is not _Place.EPILOGUE:
            raise BrokenMultipart("the closing delimiter is missing")

    def _step(self, held: bytes) -> bytes:
        """Consume what can be consumed at this place; return the rest."""
        if self._place is _Place.EPILOGUE:
            return b""
        if self._place is _Place.AFTER_DELIMITER:
            return self._after_delimiter(held)
        if self._place is _Place.HEADERS:
            return self._headers(held)
        return self._up_to_delimiter(held)

    def _up_to_delimiter(self, held: bytes) -> bytes:
        found = held.find(self._delimiter)
        if found < 0:
            keep = min(len(held), len(self._delimiter) - 1)
            self._write(held[: len(held) - keep])
            return held[len(held) - keep :]
        self._write(held[:found])
        if self._sink is not None:
            self._sink.finish()
            self._sink = None
        self._place = _Place.AFTER_DELIMITER
        return held[found + len(self._delimiter) :]

    def _write(self, data: bytes) -> None:
        if self._sink is None or not data:
            return
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        if data:
            self._sink.write(data)

    def _after_delimiter(self, held: bytes) -> bytes:
        if held.startswith(b"--"):
            self._place = _Place.EPILOGUE
            return b""
        end = held.find(b"\r\n")
        if end < 0:
            if len(held) > HEADER_LIMIT:
                raise BrokenMultipart("a delimiter line without an end")
            return held
        if held[:end].strip(b" \t"):
            raise BrokenMultipart("text after a delimiter")
        self._place = _Place.HEADERS
        # keep the line end, so that a part without headers is seen as one
        return held[end:]

    def _headers(self, held: bytes) -> bytes:
        end = held.find(b"\r\n\r\n")
        if end < 0:
            if len(held) > HEADER_LIMIT:
                raise BrokenMultipart("the headers of a part have no end")
            return held
        headers: dict[str, str] = {}
        for line in held[:end].split(b"\r\n"):
            if not line:
                continue
            name, colon, value = line.partition(b":")
            if not colon:
                raise BrokenMultipart("a header line without a colon")
            headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        self._sink = self._open_part(headers)
        self._place = _Place.BODY
        # the delimiter of an empty part may begin with the line end of the headers' blank line: search from there
        self._skip = 2
        return held[end + 2 :]


@dataclass(frozen=True)
class MultipartWriter:
    """The lines around the parts of an answer; parts are counted so that the whole length is known beforehand."""

    root_type: str
    boundary: str

    @classmethod
    def new(cls, root_type: str) -> "MultipartWriter":
        """A writer for parts of `root_type`, with a boundary that no part can hold by chance."""
        return cls(root_type, f"iris-{secrets.token_hex(16)}")

    @property
    def content_type(self) -> str:
        """The Content-Type of the whole, its parameters quoted (RFC 2387 §3.1, RFC 2045 §5.1)."""
        return f'multipart/related; type="{self.root_type}"; boundary="{self.boundary}"'

    def head(self, headers: Mapping[str, str], first: bool) -> bytes:
        """What stands before a part's bytes."""
        lines = [("" if first else "\r\n") + f"--{self.boundary}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def tail(self) -> bytes:
        """What stands after the last part's bytes."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """`type/subtype; name=value; name="quoted value"` → (lower-case type, parameters with lower-case names)."""
    pieces = split_outside_quotes(value, ";")
    parameters: dict[str, str] = {}
    for piece in pieces[1:]:
        name, equals, content = piece.partition("=")
        if equals:
            content = content.strip()
            if len(content) >= 2 and content.startswith('"') and content.endswith('"'):
                content = re.sub(r"\\(.)", r"\1", content[1:-1])
            parameters[name.strip().lower()] = content
    return pieces[0].strip().lower(), parameters


def split_outside_quotes(value: str, separator: str) -> list[str]:
    """Split at `separator`, but not inside quoted strings."""
    pieces, start, quoted, escaped = [], 0, False, False
    for index, character in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            pieces.append(value[start:index])
            start = index + 1
    pieces.append(value[start:])
    return pieces

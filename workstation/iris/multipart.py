"""A streaming reader of multipart/related bodies (RFC 2046, PS3.18 8.6.1.2): one part in memory at a time.

Servers differ: a quoted or bare boundary, a preamble, parts with or without Content-Length (and a wrong one), a
missing closing boundary. What arrived whole is handed out before the error is raised.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from workstation.errors import LinkDown, MalformedAnswer
from workstation.language import _

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))', re.IGNORECASE)
# small, since what comes behind a part is copied once more; what is known to be a body is read in large pieces
_CHUNK = 1 << 15
_LARGE = 1 << 20
_HEADER_LIMIT = 1 << 16
# a part longer than this can't be an instance (PS3.5 lengths are 32 bits); such a Content-Length is not believed
_LENGTH_LIMIT = 1 << 32


@dataclass(frozen=True)
class Part:
    """One part: its headers, names in lower case, and its body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def boundary_of(content_type: str) -> bytes:
    """The boundary named by a Content-Type header; raises MalformedAnswer when it names none."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise _broken(_("a multipart answer without boundary"))
    quoted, bare = found.groups()
    return (re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare).encode("latin-1", "replace")


def read_parts(read: Callable[[int], bytes], boundary: bytes) -> Iterator[Part]:
    """The parts of the body that `read(size)` gives piece by piece (b"" at its end), in order.

    Raises MalformedAnswer when the body breaks its own format or ends without the closing boundary, and whatever
    `read` raises; a part known to be whole is always handed out first.
    """
    reader = _Reader(read, boundary)
    reader.skip_preamble()
    while not reader.at_closing():
        headers = reader.headers()
        yield Part(headers, reader.body(_content_length(headers)))


class _Reader:
    """The stream, with what was read but not yet used.

    The end of the stream, orderly or not, is noted and told only by who needs more, so that a whole part before it
    is never lost.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        # the delimiter of the first part may open the body, with no line end before it
        self._buffer = bytearray(b"\r\n")
        self._cut: LinkDown | None = None

    def skip_preamble(self) -> None:
        """Go behind the first delimiter."""
        while (at := self._find(0)) < 0:
            # keep what may be the beginning of a delimiter
            del self._buffer[: max(0, len(self._buffer) - len(self._delimiter))]
            if not self._more():
                raise self._ended(_("no boundary in a multipart answer"))
        del self._buffer[: at + len(self._delimiter)]

    def at_closing(self) -> bool:
        """Read the rest of a delimiter line; True when the delimiter was the closing one."""
        while len(self._buffer) < 2:
            if not self._more():
                raise self._ended(_("the closing boundary is missing"))
        if self._buffer.startswith(b"--"):
            return True
        if self._line().strip():
            raise _broken(_("a boundary line that goes on"))
        return False

    def headers(self) -> dict[str, str]:
        """The headers of a part, up to the empty line."""
        headers: dict[str, str] = {}
        name = ""
        size = 0
        while line := self._line():
            size += len(line)
            if size > _HEADER_LIMIT:
                raise _broken(_("the headers of a part have no end"))
            text = line.decode("utf-8", "replace")
            if text[0] in " \t" and name:
                headers[name] += " " + text.strip()
                continue
            name, _colon, value = text.partition(":")
            name = name.strip().lower()
            headers[name] = value.strip()
        return headers

    def body(self, length: int | None) -> bytes:
        """The part's body; goes behind the delimiter that ends it."""
        if length is not None:
            body = self._take(length)
            while len(self._buffer) < len(self._delimiter) + 2 and self._more():
                pass
            if len(body) == length:
                if self._buffer.startswith(self._delimiter) and self._is_delimiter(0):
                    del self._buffer[: len(self._delimiter)]
                    return body
                if not self._buffer.strip(b"\r\n"):
                    self._buffer.clear()
                    return body
            # the length is wrong, or the stream ended early: look for the delimiter instead
            self._buffer[:0] = body
        start = 0
        while (at := self._find(start)) < 0:
            start = max(0, len(self._buffer) - len(self._delimiter))
            if not self._more():
                raise self._ended(_("the answer ends in the middle of a part"))
        body = bytes(self._buffer[:at])
        del self._buffer[: at + len(self._delimiter)]
        return body

    def _take(self, size: int) -> bytes:
        """`size` bytes, or fewer at the end of the stream."""
        pieces = [bytes(self._buffer[:size])]
        del self._buffer[:size]
        missing = size - len(pieces[0])
        while missing and (piece := self._next(min(missing, _LARGE))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _find(self, start: int) -> int:
        """Where a delimiter begins, at or behind `start`; -1 when none is known to be there yet."""
        at = self._buffer.find(self._delimiter, start)
        while at >= 0 and not self._is_delimiter(at):
            at = self._buffer.find(self._delimiter, at + 1)
        return at

    def _is_delimiter(self, at: int) -> bool:
        """Whether the match at `at` is more than the beginning of a longer line."""
        end = at + len(self._delimiter)
        while len(self._buffer) < end + 2 and self._more():
            pass
        follows = bytes(self._buffer[end : end + 2])
        return follows in (b"", b"-", b"--") or follows[:1] in b"\r\n \t"

    def _line(self) -> bytes:
        start = 0
        while (at := self._buffer.find(b"\n", start)) < 0:
            if len(self._buffer) > _HEADER_LIMIT:
                raise _broken(_("the headers of a part have no end"))
            start = len(self._buffer)
            if not self._more():
                raise self._ended(_("the answer ends in the headers of a part"))
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        return line.removesuffix(b"\r")

    def _more(self) -> bool:
        piece = self._next(_CHUNK)
        self._buffer += piece
        return bool(piece)

    def _next(self, size: int) -> bytes:
        if self._cut:
            return b""
        try:
            return self._read(size)
        except LinkDown as cut:
            self._cut = cut
            return b""

    def _ended(self, what: str) -> Exception:
        return self._cut or _broken(what)


def _content_length(headers: Mapping[str, str]) -> int | None:
    value = headers.get("content-length", "")
    if not value.isascii() or not value.isdigit():
        return None
    length = int(value)
    return length if length < _LENGTH_LIMIT else None


def _broken(what: str) -> MalformedAnswer:
    return MalformedAnswer(_("The server's answer can't be read"), what)

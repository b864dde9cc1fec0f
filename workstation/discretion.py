"""What the program keeps to itself when it fails: no dump of its memory, no values in a log or a traceback.

Texts of exceptions and of other libraries quote what they were given, and that may be a patient's: of those, the log
has their kind and place alone. What our own log calls say is theirs to answer for.
"""

import ctypes
import errno
import faulthandler
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from workstation.errors import WorkstationError
from workstation.language import _

log = logging.getLogger(__name__)

_ROOM = __name__.partition(".")[0]
# Linux, prctl(2); Windows, WerSetFlags
_SET_DUMPABLE, _NO_HEAP = 4, 1
_SHORT, _LONG = "%(levelname)s %(name)s: %(message)s", "%(asctime)s %(levelname)s %(name)s: %(message)s"


def keep_to_itself() -> None:
    """Forbid dumps of this process, and tell its mistakes on standard error by kind and place."""
    forbid_dumps()
    logging.raiseExceptions = False
    warnings.showwarning = _warned
    sys.excepthook = _mistaken
    threading.excepthook = lambda told: _mistaken(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _mistaken(told.exc_type, told.exc_value, told.exc_traceback)
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            # of a crash in C: files, lines and functions, no values
            faulthandler.enable(sys.stderr)
        handler = logging.StreamHandler()
        handler.setLevel(logging.ERROR)
        handler.setFormatter(DiscreetFormatter(_SHORT))
        logging.getLogger().addHandler(handler)


def forbid_dumps() -> None:
    """A crash leaves no core file, and no other program of this user reads the memory; for children call it again."""
    if sys.platform == "win32":
        ctypes.windll.kernel32.WerSetFlags(_NO_HEAP)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # the limit is not asked by a kernel that hands dumps to a program
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def log_to(path: Path) -> None:
    """Write everything that is logged into a file as well. Raises WorkstationError when it can't be written."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise WorkstationError(_("The log can't be written"), f"{path.name}: {error.strerror}") from error
    handler.setFormatter(DiscreetFormatter(_LONG))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)


class DiscreetFormatter(logging.Formatter):
    """Other libraries' records by their place, exceptions by kind and frames."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, with the frames of its exception below."""
        if record.name.partition(".")[0] != _ROOM:
            record = logging.makeLogRecord(
                record.__dict__ | {"msg": f"at {record.filename}:{record.lineno}", "args": ()}
            )
        # another handler may have left the text of the exception with the record
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is that of logging
        """The exception and its causes; texts only of the world's errors, which hold no values."""
        return "\n".join(_told(ei[1])) if ei[1] is not None else ""

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name is that of logging
        """Nothing: lines of source say no more than the place."""
        return ""


def _told(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        kind = f"{type(chain).__module__}.{type(chain).__qualname__}"
        if isinstance(chain, WorkstationError):
            kind += f": {chain.title}"
        elif isinstance(chain, OSError) and chain.errno is not None:
            kind += f": {errno.errorcode.get(chain.errno, '')}"
        yield kind
        for frame, line in traceback.walk_tb(chain.__traceback__):
            place = "/".join(Path(frame.f_code.co_filename).parts[-3:])
            yield f"  {place}:{line} {frame.f_code.co_name}"
        if isinstance(chain, BaseExceptionGroup):
            for one in chain.exceptions:
                yield from _told(one)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def _mistaken(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    if error is not None:
        log.critical("the program made a mistake", exc_info=(kind, error, trace))


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.debug("%s at %s:%d", category.__name__, Path(filename).name, lineno)

"""Files that a kill at any moment leaves either old or new, and one writer at a time in a folder."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workstation.errors import DiskFull
from workstation.language import _

if sys.platform != "win32":
    import fcntl


def write_durably(path: Path, content: bytes, replace: bool = True) -> bool:
    """Write by temporary file, fsync, rename; without `replace`, False when the file is there already.

    Raises DiskFull, OSError.
    """
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace or not _linked(temporary, path):
            temporary.replace(path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(_("The disk is full"), path.name, _("Free some room and try again.")) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def flush_folder(folder: Path) -> None:
    """Make names that were added to a folder, or taken from it, durable."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Keep other programs from changing the same file in between; on Windows an archive is one program's anyway."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _linked(temporary: Path, path: Path) -> bool:
    """Give the file its name only if the name is free: of two programs that start at once, one key wins.

    Raises FileExistsError when it is taken; False on a file system without hard links.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP):
            return False
        raise
    return True

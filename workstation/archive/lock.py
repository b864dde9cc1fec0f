"""Who has the archive open: programs share a lock on one file, and the first one in is alone with it for a moment."""

import os
import sys
from pathlib import Path

from workstation.errors import ArchiveLocked
from workstation.language import _

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderLock:
    """A lock on the archive's folder, freed by the operating system however the program ends."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)

    def alone(self) -> bool:
        """Take the lock whole, if nobody else has a part in it; whether that worked.

        Windows has no shared locks: there the archive is one program's at a time, and ArchiveLocked is raised.
        """
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if sys.platform == "win32":
                raise ArchiveLocked(
                    _("Another program has the archive open"), advice=_("Close it, or use that one.")
                ) from error
            return False
        return True

    def share(self) -> None:
        """Let others in; waits while somebody is alone with the archive."""
        if sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        os.close(self._descriptor)

"""Shredding a whole archive: the key first, so that no copy of the files opens any more, then the files.

Also for an archive that nobody can open. A kill in between leaves files without a key; the same call finishes.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from workstation import secrets
from workstation.archive.lock import FolderLock
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.language import _


@dataclass(frozen=True)
class Destroyed:
    """What went: the number of files, and whether the keyring is known to keep nothing of the key."""

    files: int
    keyring: bool


def destroy(data_dir: Path) -> Destroyed:
    """Shred the key of a data folder, then its archive and passwords; the settings stay.

    Raises ArchiveLocked while a program has the archive open, WorkstationError when files can't be deleted.
    """
    folder = data_dir / "archive"
    try:
        lock = FolderLock(folder / "lock") if folder.is_dir() else None
        try:
            if lock is not None and not lock.alone():
                raise ArchiveLocked(_("Another program has the archive open"), advice=_("Close it and try again."))
            keyring = secrets.destroy_key(data_dir)
        finally:
            if lock is not None:
                lock.close()
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
        if folder.is_dir():
            shutil.rmtree(folder)
        (data_dir / secrets.PASSWORDS_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise WorkstationError(
            _("Not everything could be deleted"),
            error.strerror or type(error).__name__,
            _("Check the rights on the data folder and say it again."),
        ) from error
    return Destroyed(len(files), keyring)

"""The readers of one desk: each has a data folder with an archive and a key of their own.

The first one's is the desk's folder itself; those who joined lie under `readers/`, in folders named at random. What the
chooser shows is the name that each gave: `shown_as` in their settings, readable by everybody at this computer account.
"""

import os
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from workstation import secrets
from workstation import settings as settings_file
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.language import _
from workstation.settings import Settings

_FOLDER = "readers"
_LONGEST = 40


@dataclass(frozen=True)
class DeskReader:
    """One of them: the data folder, and the name to choose by ("" for a first reader who gave none)."""

    folder: Path
    name: str

    @property
    def label(self) -> str:
        return self.name or _("First reader")


def readers(desk: Path) -> tuple[DeskReader, ...]:
    """All readers of a desk, the first one first, the others by name. A folder without settings is nobody's."""
    joined = [
        DeskReader(folder, settings_file.load(folder).shown_as)
        for folder in (desk / _FOLDER).glob("*")
        if (folder / "settings.toml").exists()
    ]
    first = DeskReader(desk, settings_file.load(desk).shown_as)
    return (first, *sorted(joined, key=lambda reader: _folded(reader.name)))


def named(desk: Path, name: str) -> DeskReader:
    """The reader of that name, however it is cased. Raises WorkstationError when there is none."""
    for reader in readers(desk):
        if _folded(name) in (_folded(reader.name), _folded(reader.label)):
            return reader
    known = ", ".join(reader.label for reader in readers(desk))
    raise WorkstationError(
        _("No reader of this name works at this desk"), advice=_("Known are: {names}").format(names=known)
    )


def is_shared(data_dir: Path) -> bool:
    """Whether several readers use the desk that this data folder belongs to: then no key may be in the keyring."""
    return data_dir.parent.name == _FOLDER or any((data_dir / _FOLDER).glob("*/settings.toml"))


def desk_of(data_dir: Path) -> Path:
    """The folder of the whole desk that a reader's data folder belongs to."""
    return data_dir.parent.parent if data_dir.parent.name == _FOLDER else data_dir


def add(desk: Path, name: str) -> DeskReader:
    """Make room for another reader, who chooses a passphrase at the first start; servers are taken over.

    Raises WorkstationError when the name is empty, too long or taken, and ArchiveLocked while the first reader's
    archive opens by the keyring, which is one for all who share a computer account.
    """
    if secrets.key_state(desk).wrap == "keyring":
        raise ArchiveLocked(
            _("The archive of this desk opens by the keyring"),
            _("which every reader at this computer account would share"),
            _("Set a passphrase for it first (`archive passphrase`, or Security in the window)."),
        )
    folder = desk / _FOLDER / os.urandom(4).hex()
    pattern = settings_file.load(desk)
    servers = tuple(replace(server, user="") for server in pattern.servers)
    folder.parent.mkdir(parents=True, exist_ok=True)
    settings_file.save(
        Settings(
            folder, language=pattern.language, theme=pattern.theme, servers=servers, shown_as=_fit(desk, name.strip())
        )
    )
    return DeskReader(folder, name.strip())


def rename(desk: Path, reader: DeskReader, name: str) -> DeskReader:
    """Give a reader another name to choose by. Raises WorkstationError as `add` does."""
    fit = _fit(desk, name.strip(), reader)
    settings_file.save(replace(settings_file.load(reader.folder), shown_as=fit))
    return DeskReader(reader.folder, fit)


def _fit(desk: Path, name: str, own: DeskReader | None = None) -> str:
    taken = {_folded(text) for one in readers(desk) if one != own for text in (one.name, one.label)}
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise WorkstationError(
            _("This name can't be used"), advice=_("Take one of at most {count} characters.").format(count=_LONGEST)
        )
    if _folded(name) in taken:
        raise WorkstationError(_("Another reader of this desk has this name"), advice=_("Choose another one."))
    return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()

"""The composition root: builds each object once, by plain constructor calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from workstation import language, secrets
from workstation.archive.archive import Archive
from workstation.archive.guard import Guard
from workstation.consultation.desk import Desk
from workstation.consultation.door import Door, secret_names
from workstation.consultation.readers import is_shared
from workstation.dicom import decoder_processes
from workstation.dicom.parsing import parse_instance
from workstation.dicom.undeclared_text import NAMES, known_encoding
from workstation.errors import WorkstationError
from workstation.jobs import Workers
from workstation.language import _
from workstation.settings import Settings


@dataclass(frozen=True)
class Application:
    """What a command or the window works with."""

    settings: Settings
    archive: Archive
    desk: Desk
    workers: Workers
    door: Door
    guard: Guard


@contextmanager
def application(
    settings: Settings,
    *,
    passphrase: Callable[[], str] | None = None,
    password: str | None = None,
    key: bytes | None = None,
) -> Iterator[Application]:
    """Open the desk whose data lie in `settings.data_dir`, and close it in order.

    `passphrase` opens the archive where no keyring answers; `key` is the master key of who has it already. `password`
    is that of the server; None takes the one that is remembered. Without a server, or with one that doesn't answer, the
    desk is offline and everything held is there.
    """
    language.set_language(settings.language)
    shared = is_shared(settings.data_dir)
    if key is None:
        key = secrets.open_key(settings.data_dir, passphrase, wrap="passphrase" if shared else "auto")
    parse = partial(parse_instance, text_encoding=_text_encoding(settings))
    with Archive.open(settings.data_dir, key, parse=parse) as archive, decoder_processes.opened():
        door = Door(settings, key, password, archive.database)
        reader = settings.reader
        who = reader.code or reader.name
        guard = Guard(archive.database, settings.data_dir, key, who, secret_names(settings), shared=shared)
        workers = Workers()
        desk = Desk(archive, door.link if settings.servers else None, settings, workers)
        try:
            yield Application(settings, archive, desk, workers, door, guard)
        finally:
            desk.fetching.close()
            workers.close()


def _text_encoding(settings: Settings) -> str:
    """The codec that the server's park writes by, or none. Raises WorkstationError for one that is not known."""
    named = settings.server.text_encoding if settings.servers else ""
    try:
        return known_encoding(named) if named else ""
    except LookupError:
        known = ", ".join(NAMES.values())
        raise WorkstationError(
            _("The settings can't be read"), "settings.toml: text_encoding", _("Known are: {names}").format(names=known)
        ) from None

"""The composition root: builds each object once, by plain constructor calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from workstation import language, secrets
from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.database import Database
from workstation.consultation.desk import Desk
from workstation.dicom import decoder_processes
from workstation.dicom.parsing import parse_instance
from workstation.dicom.undeclared_text import NAMES, known_encoding
from workstation.errors import SignInNeeded, WorkstationError
from workstation.iris.wire import Wire, connect
from workstation.jobs import Workers
from workstation.language import _
from workstation.settings import ServerProfile, Settings


@dataclass(frozen=True)
class Application:
    """What a command or the window works with."""

    settings: Settings
    archive: Archive
    desk: Desk
    workers: Workers
    sign_in: Callable[[str], None]


@contextmanager
def application(
    settings: Settings, *, passphrase: Callable[[], str] | None = None, password: str | None = None
) -> Iterator[Application]:
    """Open the desk whose data lie in `settings.data_dir`, and close it in order.

    `passphrase` opens the archive where no keyring answers. `password` is that of the server; None takes the one that
    is remembered. Without a server, or with one that doesn't answer, the desk is offline and everything held is there.
    """
    language.set_language(settings.language)
    key = secrets.open_key(settings.data_dir, passphrase)
    parse = partial(parse_instance, text_encoding=_text_encoding(settings))
    with Archive.open(settings.data_dir, key, parse=parse) as archive, decoder_processes.opened():
        door = _Door(settings, key, password, archive.database)
        desk = Desk(archive, door.link if settings.servers else None, settings)
        workers = Workers()
        try:
            yield Application(settings, archive, desk, workers, door.sign_in)
        finally:
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


class _Door:
    """The way to IRIS: the password that was given, or else the one that is remembered."""

    def __init__(self, settings: Settings, key: bytes, given: str | None, database: Database) -> None:
        self._database = database
        self._said = ""
        self._settings = settings
        self._key = key
        self._given = given

    def link(self) -> Wire:
        """Connect; called when the link is first needed and again after it broke."""
        profile, password = self._settings.server, self._given
        if password is None:
            password = secrets.password(profile.name, data_dir=self._settings.data_dir, key=self._key)
        if password is None and profile.user:
            raise SignInNeeded(_("The password for {server} is not known").format(server=profile.name))
        return self._connect(profile, password or "")

    def sign_in(self, password: str) -> None:
        """Try a password and remember it. Raises what connecting raises, and forgets it then."""
        profile = self._settings.server
        self._connect(profile, password)
        self._given = password
        secrets.remember_password(profile.name, password, data_dir=self._settings.data_dir, key=self._key)

    def _connect(self, profile: ServerProfile, password: str) -> Wire:
        """Sign in, with an entry in the audit chain; a refusal met again and again is one entry."""
        try:
            wire = connect(profile, password)
        except SignInNeeded:
            self._say("sign-in failed", profile, once=True)
            raise
        self._say("signed in", profile)
        return wire

    def _say(self, event: str, profile: ServerProfile, *, once: bool = False) -> None:
        if once and self._said == event:
            return
        self._said = event
        reader = self._settings.reader
        with self._database.transaction() as cursor:
            audit.record(cursor, reader.code or reader.name or profile.user, event, "", {"server": profile.name})

"""The way to IRIS: signs the desk in by what was given or is remembered, and has each sign-in in the audit chain."""

from workstation import secrets
from workstation.archive import audit
from workstation.archive.database import Database
from workstation.errors import SignInNeeded
from workstation.iris.wire import Wire, connect
from workstation.language import _
from workstation.settings import ServerProfile, Settings


class Door:
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

"""The ways to the servers of a desk: signs in by what was given or is remembered; each sign-in is in the audit chain.

A password, a token and the password of a client certificate are remembered for each server by its name, in the keyring
or sealed by the archive's key. What signs in to one server is never tried at another.
"""

import threading
from collections.abc import Callable

from workstation import secrets
from workstation.archive import audit
from workstation.archive.database import Database
from workstation.consultation.link import not_set_up
from workstation.errors import SignInNeeded
from workstation.iris.oidc import Tokens
from workstation.iris.wire import Wire, connect
from workstation.jobs import Cancellation
from workstation.language import _
from workstation.settings import ServerProfile, Settings

_CERTIFICATE, _TOKEN = "certificate", "refresh token"


class Remembered:
    """One secret of a server: where a password, a refresh token or the password of a certificate is kept."""

    def __init__(self, settings: Settings, key: bytes, profile: ServerProfile, kind: str = "") -> None:
        self._name = _secret_name(profile, kind)
        self._data_dir = settings.data_dir
        self._key = key

    def load(self) -> str | None:
        """The secret, or None. Raises ArchiveLocked."""
        return secrets.password(self._name, data_dir=self._data_dir, key=self._key)

    def store(self, secret: str) -> None:
        """Keep it durably. Raises ArchiveLocked, DiskFull."""
        secrets.remember_password(self._name, secret, data_dir=self._data_dir, key=self._key)

    def forget(self) -> None:
        """Keep it no longer."""
        secrets.forget_password(self._name, data_dir=self._data_dir, key=self._key)


def secret_names(settings: Settings) -> list[str]:
    """The names under which secrets of the servers may be kept: they move when the archive's key does."""
    return [_secret_name(profile, kind) for profile in settings.servers for kind in ("", _CERTIFICATE, _TOKEN)]


def _secret_name(profile: ServerProfile, kind: str) -> str:
    return f"{profile.name} ({kind})" if kind else profile.name


def certificate_password(settings: Settings, key: bytes, profile: ServerProfile) -> Remembered:
    """Where the password of a server's client certificate is kept."""
    return Remembered(settings, key, profile, _CERTIFICATE)


def refresh_token(settings: Settings, key: bytes, profile: ServerProfile) -> Remembered:
    """Where the refresh token of a server is kept."""
    return Remembered(settings, key, profile, _TOKEN)


class Door:
    """Thread-safe. `given` is the password of the server in use; without it the remembered one is tried."""

    def __init__(self, settings: Settings, key: bytes, given: str | None, database: Database) -> None:
        self._database = database
        self._settings = settings
        self._key = key
        self._given = {settings.server.name: given} if settings.servers and given is not None else {}
        self._said: dict[str, str] = {}
        self._known_as: dict[str, str] = {}
        self._tokens: dict[str, Tokens] = {}
        self._lock = threading.Lock()

    def link(self, server: str) -> Wire:
        """Connect to a server, "" the one in use; called when its link is first needed and again after it broke.

        Raises LinkDown also when the settings have no such server, SignInNeeded, and what connecting raises.
        """
        profile = self.profile(server)
        if profile.signs_in_by_browser:
            return self._connect(profile, "")
        password = self._given.get(profile.name)
        if password is None:
            password = Remembered(self._settings, self._key, profile).load()
        if password is None and profile.user:
            raise SignInNeeded(_("The password for {server} is not known").format(server=profile.name))
        return self._connect(profile, password or "")

    def profile(self, server: str) -> ServerProfile:
        """How a server is set up, "" the one in use. Raises LinkDown when it is not."""
        if not server:
            return self._settings.server
        found = next((one for one in self._settings.servers if one.name == server), None)
        if found is None:
            raise not_set_up(server)
        return found

    def sign_in(self, server: str, password: str) -> None:
        """Try a password and remember it. Raises what connecting raises, and forgets it then."""
        profile = self.profile(server)
        self._connect(profile, password)
        self._given[profile.name] = password
        Remembered(self._settings, self._key, profile).store(password)

    def sign_in_by_browser(self, server: str, open_page: Callable[[str], object], cancellation: Cancellation) -> str:
        """Let the reader sign in in the browser; `open_page` opens it at an address. Whom the provider names then.

        Raises SignInNeeded, Cancelled, LinkDown and what connecting raises.
        """
        profile = self.profile(server)
        try:
            who = self._tokens_of(profile).sign_in(open_page, cancellation)
        except SignInNeeded:
            self._say("sign-in failed", profile, once=True)
            raise
        self._known_as[profile.name] = who
        self._connect(profile, "")
        return who

    def sign_out(self, server: str) -> bool:
        """Forget what signs in to a server; whether its provider was told and took note. Raises LinkDown when not."""
        profile = self.profile(server)
        self._given.pop(profile.name, None)
        Remembered(self._settings, self._key, profile).forget()
        self._say("signed out", profile)
        return profile.signs_in_by_browser and self._tokens_of(profile).sign_out()

    def _tokens_of(self, profile: ServerProfile) -> Tokens:
        with self._lock:
            found = self._tokens.get(profile.name)
            if found is None:
                found = Tokens(profile, refresh_token(self._settings, self._key, profile))
                self._tokens[profile.name] = found
            return found

    def _connect(self, profile: ServerProfile, password: str) -> Wire:
        """Sign in, with an entry in the audit chain; a refusal met again and again is one entry."""
        tokens = self._tokens_of(profile) if profile.signs_in_by_browser else None
        certificate = ""
        if profile.client_certificate_file:
            certificate = certificate_password(self._settings, self._key, profile).load() or ""
        try:
            wire = connect(profile, password, tokens, certificate)
        except SignInNeeded:
            self._say("sign-in failed", profile, once=True)
            raise
        self._say("signed in", profile)
        return wire

    def _say(self, event: str, profile: ServerProfile, *, once: bool = False) -> None:
        if once and self._said.get(profile.name) == event:
            return
        self._said[profile.name] = event
        reader = self._settings.reader
        who = reader.code or reader.name or profile.user or self._known_as.get(profile.name, "")
        with self._database.transaction() as cursor:
            audit.record(cursor, who, event, "", {"server": profile.name})

"""The composition root: builds each object once, by plain constructor calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workstation import language, secrets
from workstation.archive.archive import Archive
from workstation.consultation.desk import Desk
from workstation.errors import SignInNeeded
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
    with Archive.open(settings.data_dir, key) as archive:
        workers = Workers()
        try:
            yield Application(settings, archive, Desk(archive, _link(settings, key, password), settings), workers)
        finally:
            workers.close()


def _link(settings: Settings, key: bytes, given: str | None) -> Callable[[], Wire] | None:
    """The way to IRIS, taken when it is first needed and again after it broke; None without a server."""
    if not settings.servers:
        return None
    profile: ServerProfile = settings.server

    def link() -> Wire:
        password = secrets.password(profile.name, data_dir=settings.data_dir, key=key) if given is None else given
        if password is None and profile.user:
            raise SignInNeeded(_("The password for {server} is not known").format(server=profile.name))
        return connect(profile, password or "")

    return link

"""The keyring of the operating system, with the right word for each way in which it can fail."""

from contextlib import suppress
from typing import Any

from workstation.errors import ArchiveLocked
from workstation.language import _
from workstation.secrets.wrapping import SERVICE


def keyring_in_use() -> str | None:
    """The name of the keyring that answers and is fit for secrets, or None. Nothing is written into it."""
    keyring = backend()
    if keyring is None:
        return None
    try:
        keyring.get_password(SERVICE, "archive")
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return None
    return str(keyring.get_keyring().name)


def has_keyring() -> bool:
    """Whether a keyring fit for secrets is installed; whether it answers is only known when it is asked."""
    return backend() is not None


def backend() -> Any:
    """The keyring module when a backend fit for secrets answers, else None; one that writes plain files is not."""
    import keyring

    try:
        return keyring if keyring.get_keyring().priority >= 1 else None
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return None


def store(name: str, secret: str) -> bool:
    """Whether the keyring has taken the secret; read back, because a backend may drop it silently."""
    keyring = backend()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, name, secret)
        return bool(keyring.get_password(SERVICE, name) == secret)
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return False


def fetch(name: str) -> str | None:
    """What the keyring keeps under a name; None when it keeps nothing, or doesn't answer."""
    try:
        return fetch_or_say(name)
    except ArchiveLocked:
        return None


def fetch_or_say(name: str) -> str | None:
    """What the keyring keeps under a name, or None. Raises ArchiveLocked when it is gone, locked or fails."""
    keyring = backend()
    if keyring is None:
        raise no_keyring(_("Unlock the keyring of the desktop, or use the recovery key."))
    try:
        kept = keyring.get_password(SERVICE, name)
    except keyring.errors.KeyringLocked as error:
        raise ArchiveLocked(
            _("The keyring is locked"),
            advice=_("Unlock it in the desktop session and try again, or use the recovery key."),
        ) from error
    except (keyring.errors.KeyringError, OSError, RuntimeError) as error:
        raise ArchiveLocked(
            _("The keyring does not answer"),
            type(error).__name__,
            _("Start the keyring service of the desktop and try again, or use the recovery key."),
        ) from error
    return None if kept is None else str(kept)


def forget(name: str) -> bool:
    """Take a secret out; whether the keyring is known not to keep it any more."""
    keyring = backend()
    if keyring is None:
        return False
    try:
        with suppress(keyring.errors.PasswordDeleteError):
            keyring.delete_password(SERVICE, name)
        return bool(keyring.get_password(SERVICE, name) is None)
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return False


def no_keyring(advice: str = "") -> ArchiveLocked:
    """The error for a computer without a keyring fit for secrets."""
    return ArchiveLocked(
        _("No keyring answers on this computer"),
        advice=advice or _("Unlock the keyring of the desktop, or start with a passphrase."),
    )

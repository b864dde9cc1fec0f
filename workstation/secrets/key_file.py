"""The archive's master key: 32 random bytes, and `key.json` in the data folder, which says how they are had.

They are in the keyring of the operating system, or wrapped by a passphrase; the recovery key may wrap them once more.
A change writes the file anew and whole: a kill at any moment leaves the old way in, or the new one.
"""

import hmac
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag

from workstation.durable import flush_folder, one_writer, write_durably
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.language import _
from workstation.secrets import system_keyring
from workstation.secrets.recovery_code import read_code
from workstation.secrets.strength import must_be_strong
from workstation.secrets.wrapping import check_of, unwrap, wrap

KEY_FILE = "key.json"
_RECOVERY = "key.json recovery"

Wrap = Literal["auto", "keyring", "passphrase"]


@dataclass(frozen=True)
class KeyState:
    """What a key file says without any secret: `wrap` is "none" where there is no key yet."""

    wrap: Literal["none", "keyring", "passphrase"]
    has_recovery: bool = False
    has_desk_passphrase: bool = False

    @property
    def can_lock(self) -> bool:
        """Whether the reader has a word by which a locked desk opens again."""
        return self.wrap == "passphrase" or self.has_desk_passphrase


def key_state(data_dir: Path) -> KeyState:
    """How the key of a data folder is had. Raises ArchiveLocked when the file can't be used, or is missing."""
    if not (data_dir / KEY_FILE).exists():
        if (data_dir / "archive").exists():
            raise _missing()
        return KeyState("none")
    record = read_record(data_dir)
    return KeyState(record["wrap"], "recovery" in record, "unlock" in record)


def open_key(data_dir: Path, passphrase: Callable[[], str] | None = None, *, wrap: Wrap = "auto") -> bytes:
    """The master key of the data folder, 32 bytes; made at first use.

    `passphrase` is asked only where it is needed. `wrap` says where a new key goes; `auto` is the keyring, or the
    passphrase where no keyring answers. Raises ArchiveLocked on a wrong passphrase (WrongPassphrase), or when nothing
    can give the key; WorkstationError when the passphrase of a new key is too weak.
    """
    if key_state(data_dir).wrap != "none":
        return _unlock(data_dir, passphrase)
    if wrap == "keyring" or (wrap == "auto" and system_keyring.backend() is not None):
        return create_key(data_dir, None)
    if passphrase is None:
        raise system_keyring.no_keyring()
    # of two programs that start at once, the second opens what the first has made
    word = passphrase()
    return create_key(data_dir, word, lambda: word)


def create_key(data_dir: Path, passphrase: str | None, again: Callable[[], str] | None = None) -> bytes:
    """Make the key of a new data folder: under the passphrase, or in the keyring for None.

    If another program has made it meanwhile, that one is opened, by the passphrase that `again` gives. Raises
    ArchiveLocked, and WorkstationError when the passphrase is too weak.
    """
    if passphrase is not None:
        must_be_strong(passphrase)
    key, name = os.urandom(32), os.urandom(8).hex()
    data_dir.mkdir(parents=True, exist_ok=True)
    record = {"format": 1, "id": name, "check": b64encode(check_of(key)).decode()} | _way_in(key, name, passphrase)
    if not write_durably(data_dir / KEY_FILE, json.dumps(record).encode(), replace=False):
        return _unlock(data_dir, again)
    return key


def rewrap_key(data_dir: Path, key: bytes, passphrase: str | None) -> None:
    """Keep the same master key under a new passphrase, or in the keyring for None. What it seals is not touched.

    Raises WorkstationError when the passphrase is too weak, ArchiveLocked when no keyring answers.
    """
    if passphrase is not None:
        must_be_strong(passphrase)
    with one_writer(data_dir):
        old = read_record(data_dir)
        name = old.get("id") or os.urandom(8).hex()
        # a desk passphrase is for the keyring's way alone
        staying = ("format", "check", "recovery", *(() if passphrase else ("unlock",)))
        kept: dict[str, Any] = {field: old[field] for field in staying if field in old} | {"id": name}
        if passphrase is None:
            # the name first: an entry that a kill leaves behind in the keyring goes at the next opening
            _write(data_dir, old | {"id": name, "leaving": old["wrap"] == "passphrase"})
            _write(data_dir, kept | _way_in(key, name, None))
            return
        new = kept | _way_in(key, name, passphrase)
        if old["wrap"] == "keyring" or old.get("leaving"):
            _write(data_dir, new | {"leaving": True})
            _leave_keyring(data_dir)
        else:
            _write(data_dir, new)


def set_recovery_code(data_dir: Path, key: bytes, code: str) -> None:
    """Let a recovery key (`recovery_code.new_code`) open the archive; the one before opens nothing any more."""
    wrapped = wrap(key, read_code(code), _RECOVERY)
    with one_writer(data_dir):
        _write(data_dir, read_record(data_dir) | {"recovery": wrapped})


def recover_key(data_dir: Path, code: str) -> bytes:
    """The master key by its recovery key. Raises ArchiveLocked: there is none, mistyped (which group), another's."""
    record = read_record(data_dir)
    if "recovery" not in record:
        raise ArchiveLocked(_("This archive has no recovery key"), advice=_("It opens in its usual way only."))
    typed = read_code(code)
    try:
        key = unwrap(record["recovery"], typed, _RECOVERY)
    except InvalidTag:
        raise WrongPassphrase(
            _("This is not the recovery key of this archive"),
            advice=_("A newer one may have been made since: look for the paper with the later date."),
        ) from None
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable() from error
    _must_be_this_archives(key, record)
    return key


def needs_passphrase(data_dir: Path) -> bool:
    """Whether the master key of the folder is there and wrapped by a passphrase."""
    return (data_dir / KEY_FILE).exists() and read_record(data_dir)["wrap"] == "passphrase"


def destroy_key(data_dir: Path) -> bool:
    """Shred the key: its entry in the keyring, then the file. Whether the keyring is known to keep nothing of it.

    A file that can't be used goes too. Harmless when repeated.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        return True
    with one_writer(data_dir):
        try:
            record = read_record(data_dir)
        except ArchiveLocked:
            record = {}
        in_keyring = record.get("wrap") == "keyring" or record.get("leaving")
        forgotten = not in_keyring or system_keyring.forget(f"archive {record['id']}")
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        flush_folder(data_dir)
    return forgotten


def read_record(data_dir: Path) -> dict[str, Any]:
    """What the key file says. Raises ArchiveLocked when it can't be used."""
    try:
        record = json.loads((data_dir / KEY_FILE).read_bytes())
        if record["format"] != 1 or record["wrap"] not in ("keyring", "passphrase"):
            raise ValueError("unknown format")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unusable() from error
    return dict(record)


def change_record(data_dir: Path, name: str, value: str | None) -> None:
    """Write one value of the key file, or take it out for None; the rest stays."""
    with one_writer(data_dir):
        record = read_record(data_dir)
        record.pop(name, None)
        _write(data_dir, record if value is None else record | {name: value})


def _unlock(data_dir: Path, passphrase: Callable[[], str] | None) -> bytes:
    record = read_record(data_dir)
    try:
        if record["wrap"] == "keyring":
            kept = system_keyring.fetch_or_say(f"archive {record['id']}")
            if kept is None:
                raise ArchiveLocked(
                    _("The keyring does not hold the archive's key"),
                    advice=_("Sign in to the computer as the user who made the archive, or use the recovery key."),
                )
            key = b64decode(kept)
        else:
            if passphrase is None:
                raise ArchiveLocked(_("The archive needs its passphrase"))
            key = unwrap(record, passphrase(), KEY_FILE)
        _must_be_this_archives(key, record)
    except InvalidTag:
        raise WrongPassphrase(_("The passphrase is wrong"), advice=_("Try again; nothing is lost.")) from None
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable() from error
    if record.get("leaving"):
        with one_writer(data_dir):
            _leave_keyring(data_dir)
    return key


def _leave_keyring(data_dir: Path) -> None:
    """Take the entry out that the passphrase has replaced; if that fails now, the next opening does it."""
    record = read_record(data_dir)
    if record.pop("leaving", False) and system_keyring.forget(f"archive {record['id']}"):
        _write(data_dir, record)


def _way_in(key: bytes, name: str, passphrase: str | None) -> dict[str, Any]:
    if passphrase is not None:
        return {"wrap": "passphrase"} | wrap(key, passphrase, KEY_FILE)
    if not system_keyring.store(f"archive {name}", b64encode(key).decode()):
        raise system_keyring.no_keyring()
    return {"wrap": "keyring"}


def _must_be_this_archives(key: bytes, record: dict[str, Any]) -> None:
    if not hmac.compare_digest(check_of(key), b64decode(record["check"])):
        raise ArchiveLocked(
            _("The key of the keyring is not this archive's"),
            advice=_("Check that the key file and the archive belong together, or use the recovery key."),
        )


def _write(data_dir: Path, record: dict[str, Any]) -> None:
    write_durably(data_dir / KEY_FILE, json.dumps(record).encode())


def _missing() -> ArchiveLocked:
    return ArchiveLocked(
        _("The archive's key file is missing"),
        KEY_FILE,
        _("Put it back from a copy; without it the archive can't be opened."),
    )


def _unusable() -> ArchiveLocked:
    return ArchiveLocked(_("The archive's key file can't be used"), KEY_FILE, _("Put it back from a copy."))

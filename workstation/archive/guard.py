"""Who may use the open archive: locks and unlocks the desk, changes passphrases, makes recovery keys.

Each deed and each wrong attempt is in the audit chain; from there the growing delays come, so that closing the program
ends none. What is typed is checked by scrypt: call these off the main thread.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from workstation import secrets
from workstation.archive import audit
from workstation.archive.database import Database
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.language import _, ngettext

Reason = Literal["key", "idle", "screen", "sleep", "start"]

_FREE_TRIES = 3
_LONGEST_S = 300.0


def delay_after(wrong: int) -> float:
    """Seconds to wait after so many wrong attempts in a row: none after two, then 2, 4, 8 … 300."""
    return 0.0 if wrong < _FREE_TRIES else min(2.0 ** (wrong - _FREE_TRIES + 1), _LONGEST_S)


class Guard:
    """Holds the master key of one open archive, in the name of its reader."""

    def __init__(
        self, database: Database, data_dir: Path, key: bytes, who: str, kept: Sequence[str], *, shared: bool
    ) -> None:
        """`kept` are the names of servers' secrets, which move with the key; `shared`: a desk of several readers."""
        self._database = database
        self._data_dir = data_dir
        self._key = key
        self._who = who
        self._kept = tuple(kept)
        self.is_shared = shared

    @property
    def state(self) -> secrets.KeyState:
        """How the archive is opened now. Raises ArchiveLocked when the key file can't be used."""
        return secrets.key_state(self._data_dir)

    def record(self, event: str, **detail: str | int) -> None:
        """An entry of the audit chain about the program itself."""
        with self._database.transaction() as cursor:
            audit.record(cursor, self._who, event, "", detail)

    def lock(self, reason: Reason) -> None:
        """The desk was locked."""
        self.record("archive locked", reason=reason)

    def unlock(self, typed: str) -> None:
        """Let the reader in again. Raises what `check` raises."""
        self.check(typed)
        self.record("archive unlocked")

    def check(self, typed: str) -> None:
        """Whether this is the passphrase, or the desk passphrase where the keyring opens the archive.

        Raises WrongPassphrase, ArchiveLocked when it is too soon after wrong attempts or there is nothing to compare.
        """
        wait = self.wait()
        if wait > 0:
            raise too_soon(wait)
        try:
            if self.state.wrap == "passphrase":
                secrets.open_key(self._data_dir, lambda: typed)
            else:
                secrets.check_desk_passphrase(self._data_dir, self._key, typed)
        except WrongPassphrase:
            self.record("unlock failed")
            raise

    def wait(self) -> float:
        """Seconds until the next attempt is allowed."""
        with self._database.read() as cursor:
            wrong, last = cursor.execute(
                """SELECT count(*), max(at) FROM audit WHERE event = 'unlock failed' AND sequence >
                coalesce((SELECT max(sequence) FROM audit WHERE event IN ('archive unlocked', 'passphrase changed',
                'desk passphrase set', 'recovery key made', 'recovery key used')), 0)"""
            ).fetchone()
        if not last:
            return 0.0
        delay = delay_after(wrong)
        passed = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
        # a clock that was set back must not lock the reader out for longer
        return max(delay - passed, 0.0) if passed >= 0 else delay

    def change_passphrase(self, old: str, new: str | None) -> None:
        """Put the key under a new passphrase, or into the keyring for None; passwords of servers go along.

        Raises what `prove` raises, WorkstationError on a weak passphrase, ArchiveLocked when no keyring answers or
        readers share this desk.
        """
        self.prove(old)
        self.rewrap(new)

    def rewrap(self, new: str | None) -> None:
        """The same for who has just opened the archive and needn't prove it again."""
        if new is None and self.is_shared:
            raise ArchiveLocked(
                _("Several readers share this desk"),
                advice=_("The keyring is one for all of them: keep a passphrase each."),
            )
        passwords = {
            name: found
            for name in self._kept
            if (found := secrets.password(name, data_dir=self._data_dir, key=self._key)) is not None
        }
        if new is not None:
            # sealed before the key leaves the keyring, and taken out of the keyring behind it
            for name, password in passwords.items():
                secrets.remember_password(name, password, data_dir=self._data_dir, key=self._key, sealed=True)
        was = self.state.wrap
        secrets.rewrap_key(self._data_dir, self._key, new)
        for name, password in passwords.items():
            if new is None:
                secrets.remember_password(name, password, data_dir=self._data_dir, key=self._key)
            elif was == "keyring":
                secrets.forget_password(name)
        self.record("passphrase changed", wrap="keyring" if new is None else "passphrase")

    def set_desk_passphrase(self, old: str, new: str | None) -> None:
        """Set the word that unlocks the desk where the keyring opens the archive, or take it away for None."""
        self.prove(old)
        secrets.set_desk_passphrase(self._data_dir, self._key, new)
        self.record("desk passphrase removed" if new is None else "desk passphrase set")

    def keep_recovery_key(self, code: str) -> None:
        """Let a new recovery key (`secrets.new_code`) open the archive, in place of any before."""
        secrets.set_recovery_code(self._data_dir, self._key, code)
        self.record("recovery key made")

    def prove(self, typed: str) -> None:
        """As `check`, but there may be nothing to compare: a keyring without a desk passphrase."""
        if self.state.can_lock:
            self.check(typed)


def too_soon(seconds: float) -> ArchiveLocked:
    """The error for an attempt within the delay."""
    wait = max(1, round(seconds))
    return ArchiveLocked(
        _("Too many wrong attempts"),
        advice=ngettext("Try again in {count} second.", "Try again in {count} seconds.", wait).format(count=wait),
    )

"""The secrets of a desk: the archive's master key and the passwords of servers.

The master key is 32 random bytes. It is kept in the keyring of the operating system, or wrapped by a passphrase
(scrypt, AES-256-GCM); `key.json` in the data folder says which, and holds the wrapped key in the second case. Nothing
here writes a key or a password in the clear. `keyring` is imported here alone, at first use.
"""

import errno
import hashlib
import hmac
import json
import os
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.errors import ArchiveLocked, DiskFull
from workstation.language import _

_SERVICE = "iris-workstation"
_KEY_FILE = "key.json"
_PASSWORDS_FILE = "passwords.sealed"
_SCRYPT_N = 2**16
_SCRYPT_LIMIT = 2**20

Wrap = Literal["auto", "keyring", "passphrase"]


def open_key(data_dir: Path, passphrase: Callable[[], str] | None = None, *, wrap: Wrap = "auto") -> bytes:
    """The master key of the data folder, 32 bytes; made at first use.

    `passphrase` is asked only where it is needed. `wrap` says where a new key goes; `auto` is the keyring, or the
    passphrase where no keyring answers. Raises ArchiveLocked on a wrong passphrase, or when nothing can give the key.
    """
    path = data_dir / _KEY_FILE
    if path.exists():
        return _unlock(path, passphrase)
    if (data_dir / "archive").exists():
        raise ArchiveLocked(
            _("The archive's key file is missing"),
            _KEY_FILE,
            _("Put it back from a copy; without it the archive can't be opened."),
        )
    key = os.urandom(32)
    data_dir.mkdir(parents=True, exist_ok=True)
    if wrap == "keyring" or (wrap == "auto" and _keyring() is not None):
        record = _wrap_by_keyring(key)
    elif passphrase is not None:
        record = _wrap_by_passphrase(key, passphrase())
    else:
        raise _no_keyring()
    if not _write_durably(path, json.dumps(record).encode(), replace=False):
        return _unlock(path, passphrase)
    return key


def rewrap_key(data_dir: Path, key: bytes, passphrase: str | None) -> None:
    """Keep the same master key under a new passphrase, or in the keyring for None. What it seals is not touched."""
    path = data_dir / _KEY_FILE
    old = _record(path)
    _write_durably(
        path, json.dumps(_wrap_by_keyring(key) if passphrase is None else _wrap_by_passphrase(key, passphrase)).encode()
    )
    if old["wrap"] == "keyring":
        _forget_in_keyring(f"archive {old['id']}")


def needs_passphrase(data_dir: Path) -> bool:
    """Whether the master key of the folder is there and wrapped by a passphrase."""
    path = data_dir / _KEY_FILE
    return path.exists() and bool(_record(path)["wrap"] == "passphrase")


def derive_key(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, made from the master key; knowing it tells nothing of the others."""
    return hmac.digest(key, f"{_SERVICE}: {purpose}".encode(), "sha256")


def stretched(passphrase: str, salt: bytes, power: int, block: int, parallel: int) -> bytes:
    """A key of 32 bytes from a passphrase by scrypt, N = 2**power (RFC 7914); slow on purpose."""
    return _stretch(passphrase, salt, 2**power, block, parallel)


def remember_password(
    profile_name: str, password: str, *, data_dir: Path | None = None, key: bytes | None = None
) -> None:
    """Keep the password of a server profile in the keyring.

    Where no keyring answers, in a file of `data_dir` sealed by the master key, if both are given. Raises ArchiveLocked
    when there is neither.
    """
    if _store_in_keyring(f"server {profile_name}", password):
        return
    if data_dir is None or key is None:
        raise _no_keyring()
    passwords = _sealed_passwords(data_dir, key)
    passwords[profile_name] = password
    nonce = os.urandom(12)
    cipher = AESGCM(derive_key(key, "passwords"))
    sealed = cipher.encrypt(nonce, json.dumps(passwords, ensure_ascii=False).encode(), _PASSWORDS_FILE.encode())
    data_dir.mkdir(parents=True, exist_ok=True)
    _write_durably(data_dir / _PASSWORDS_FILE, nonce + sealed)


def password(profile_name: str, *, data_dir: Path | None = None, key: bytes | None = None) -> str | None:
    """The password kept for a server profile, or None. Raises ArchiveLocked when the sealed file is not of this key."""
    kept = _from_keyring(f"server {profile_name}")
    if kept is None and data_dir is not None and key is not None:
        kept = _sealed_passwords(data_dir, key).get(profile_name)
    return kept


def keyring_in_use() -> str | None:
    """The name of the keyring that answers and is fit for secrets, or None. Nothing is written into it."""
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        keyring.get_password(_SERVICE, "archive")
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return None
    return str(keyring.get_keyring().name)


def _unlock(path: Path, passphrase: Callable[[], str] | None) -> bytes:
    record = _record(path)
    try:
        if record["wrap"] == "keyring":
            if _keyring() is None:
                raise _no_keyring()
            kept = _from_keyring(f"archive {record['id']}")
            if kept is None:
                raise ArchiveLocked(
                    _("The keyring does not hold the archive's key"),
                    advice=_("Unlock the keyring, or sign in to the computer as the user who made the archive."),
                )
            key = b64decode(kept)
        else:
            if passphrase is None:
                raise ArchiveLocked(_("The archive needs its passphrase"))
            key = _unwrap(record, passphrase())
        if not hmac.compare_digest(_check(key), b64decode(record["check"])):
            raise ArchiveLocked(
                _("The key of the keyring is not this archive's"),
                advice=_("Check that the key file and the archive belong together."),
            )
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable_key_file() from error
    return key


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
        if record["format"] != 1 or record["wrap"] not in ("keyring", "passphrase"):
            raise ValueError("unknown format")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unusable_key_file() from error
    return dict(record)


def _unusable_key_file() -> ArchiveLocked:
    return ArchiveLocked(_("The archive's key file can't be used"), _KEY_FILE, _("Put it back from a copy."))


def _wrap_by_keyring(key: bytes) -> dict[str, Any]:
    name = os.urandom(8).hex()
    if not _store_in_keyring(f"archive {name}", b64encode(key).decode()):
        raise _no_keyring()
    return {"format": 1, "wrap": "keyring", "id": name, "check": b64encode(_check(key)).decode()}


def _wrap_by_passphrase(key: bytes, passphrase: str) -> dict[str, Any]:
    if not passphrase:
        raise ArchiveLocked(_("The passphrase is empty"), advice=_("Choose one that nobody can guess."))
    salt, nonce = os.urandom(16), os.urandom(12)
    record = {"format": 1, "wrap": "passphrase", "n": _SCRYPT_N, "r": 8, "p": 1}
    wrapping = _stretch(passphrase, salt, _SCRYPT_N, 8, 1)
    binary = {"salt": salt, "nonce": nonce, "wrapped": AESGCM(wrapping).encrypt(nonce, key, _KEY_FILE.encode())}
    return record | {name: b64encode(value).decode() for name, value in (binary | {"check": _check(key)}).items()}


def _unwrap(record: dict[str, Any], passphrase: str) -> bytes:
    n, r, p = int(record["n"]), int(record["r"]), int(record["p"])
    if not (2**14 <= n <= _SCRYPT_LIMIT and 1 <= r <= 16 and 1 <= p <= 4):
        raise ValueError("scrypt parameters out of bounds")
    wrapping = _stretch(passphrase, b64decode(record["salt"]), n, r, p)
    try:
        return AESGCM(wrapping).decrypt(b64decode(record["nonce"]), b64decode(record["wrapped"]), _KEY_FILE.encode())
    except InvalidTag:
        raise ArchiveLocked(_("The passphrase is wrong"), advice=_("Try again; nothing is lost.")) from None


def _stretch(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # one form of the letters, whatever keyboard typed them
    typed = unicodedata.normalize("NFKC", passphrase).encode()
    return hashlib.scrypt(typed, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def _check(key: bytes) -> bytes:
    return derive_key(key, "check")[:16]


def _no_keyring() -> ArchiveLocked:
    return ArchiveLocked(
        _("No keyring answers on this computer"),
        advice=_("Unlock the keyring of the desktop, or start with a passphrase."),
    )


def _keyring() -> Any:
    """The keyring module when a backend fit for secrets answers, else None; one that writes plain files is not."""
    import keyring

    return keyring if keyring.get_keyring().priority >= 1 else None


def _store_in_keyring(name: str, secret: str) -> bool:
    """Whether the keyring has taken the secret; read back, because a backend may drop it silently."""
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, name, secret)
        return bool(keyring.get_password(_SERVICE, name) == secret)
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return False


def _from_keyring(name: str) -> str | None:
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        kept = keyring.get_password(_SERVICE, name)
    except (keyring.errors.KeyringError, OSError, RuntimeError):
        return None
    return None if kept is None else str(kept)


def _forget_in_keyring(name: str) -> None:
    keyring = _keyring()
    if keyring is not None:
        with suppress(keyring.errors.KeyringError, OSError, RuntimeError):
            keyring.delete_password(_SERVICE, name)


def _sealed_passwords(data_dir: Path, key: bytes) -> dict[str, str]:
    path = data_dir / _PASSWORDS_FILE
    if not path.exists():
        return {}
    sealed = path.read_bytes()
    try:
        plain = AESGCM(derive_key(key, "passwords")).decrypt(sealed[:12], sealed[12:], _PASSWORDS_FILE.encode())
    except (InvalidTag, ValueError) as error:
        raise ArchiveLocked(
            _("The file of passwords does not open with this key"),
            _PASSWORDS_FILE,
            _("Remove it and type the passwords again."),
        ) from error
    return dict(json.loads(plain))


def _linked(temporary: Path, path: Path) -> bool:
    """Give the file its name only if the name is free: of two programs that start at once, one key wins.

    Raises FileExistsError when it is taken; False on a file system without hard links.
    """
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP):
            return False
        raise
    return True


def _write_durably(path: Path, content: bytes, replace: bool = True) -> bool:
    """Write by temporary file, fsync, rename; without `replace`, False when the file is there already."""
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace or not _linked(temporary, path):
            temporary.replace(path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(_("The disk is full"), path.name, _("Free some room and try again.")) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return True

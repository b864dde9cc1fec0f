"""The passwords of servers: where the archive's key is, they are too.

In the keyring, or in a file sealed by the master key where no keyring answers or a passphrase opens the archive:
readers who share an account of the computer share its keyring, and nothing of one may open for another.
"""

import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.durable import one_writer, write_durably
from workstation.errors import ArchiveLocked
from workstation.language import _
from workstation.secrets import system_keyring
from workstation.secrets.key_file import needs_passphrase
from workstation.secrets.wrapping import derive_key

PASSWORDS_FILE = "passwords.sealed"


def remember_password(
    profile_name: str,
    password: str,
    *,
    data_dir: Path | None = None,
    key: bytes | None = None,
    sealed: bool = False,
) -> None:
    """Keep the password of a server profile in the keyring, or in the sealed file of `data_dir`; `sealed`: there alone.

    Raises ArchiveLocked when no keyring answers and `data_dir` and `key` are not given.
    """
    if not sealed and _in_keyring(data_dir) and system_keyring.store(f"server {profile_name}", password):
        return
    if data_dir is None or key is None:
        raise system_keyring.no_keyring()
    data_dir.mkdir(parents=True, exist_ok=True)
    with one_writer(data_dir):
        _seal(data_dir, key, _sealed(data_dir, key) | {profile_name: password})


def password(profile_name: str, *, data_dir: Path | None = None, key: bytes | None = None) -> str | None:
    """The password kept for a server profile, or None. Raises ArchiveLocked when the sealed file is not of this key."""
    kept = system_keyring.fetch(f"server {profile_name}") if _in_keyring(data_dir) else None
    if kept is None and data_dir is not None and key is not None:
        kept = _sealed(data_dir, key).get(profile_name)
    return kept


def forget_password(profile_name: str, *, data_dir: Path | None = None, key: bytes | None = None) -> None:
    """Take the password of a server profile out of wherever it is kept."""
    if _in_keyring(data_dir):
        system_keyring.forget(f"server {profile_name}")
    if data_dir is not None and key is not None and (data_dir / PASSWORDS_FILE).exists():
        with one_writer(data_dir):
            passwords = _sealed(data_dir, key)
            if passwords.pop(profile_name, None) is not None:
                _seal(data_dir, key, passwords)


def _in_keyring(data_dir: Path | None) -> bool:
    return data_dir is None or not needs_passphrase(data_dir)


def _seal(data_dir: Path, key: bytes, passwords: dict[str, str]) -> None:
    nonce = os.urandom(12)
    cipher = AESGCM(derive_key(key, "passwords"))
    sealed = cipher.encrypt(nonce, json.dumps(passwords, ensure_ascii=False).encode(), PASSWORDS_FILE.encode())
    write_durably(data_dir / PASSWORDS_FILE, nonce + sealed)


def _sealed(data_dir: Path, key: bytes) -> dict[str, str]:
    path = data_dir / PASSWORDS_FILE
    if not path.exists():
        return {}
    sealed = path.read_bytes()
    try:
        plain = AESGCM(derive_key(key, "passwords")).decrypt(sealed[:12], sealed[12:], PASSWORDS_FILE.encode())
    except (InvalidTag, ValueError) as error:
        raise ArchiveLocked(
            _("The file of passwords does not open with this key"),
            PASSWORDS_FILE,
            _("Remove it and type the passwords again."),
        ) from error
    return dict(json.loads(plain))

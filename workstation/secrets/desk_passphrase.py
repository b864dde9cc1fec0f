"""The desk passphrase: unlocks a locked window where the keyring, and so no passphrase, opens the archive.

Its scrypt hash lies in the key file, sealed by the master key: a copy of the file is no ground for guessing.
"""

import hmac
import os
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.language import _
from workstation.secrets.key_file import change_record, read_record
from workstation.secrets.strength import SHORTEST_AT_DESK, must_be_strong
from workstation.secrets.wrapping import derive_key, stretched

_NAME = "unlock"
_POWER, _BLOCK, _PARALLEL = 15, 8, 1


def set_desk_passphrase(data_dir: Path, key: bytes, typed: str | None) -> None:
    """Keep the desk passphrase, or take it away for None. Raises WorkstationError when it is too weak."""
    if typed is None:
        change_record(data_dir, _NAME, None)
        return
    must_be_strong(typed, SHORTEST_AT_DESK)
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = salt + stretched(typed, salt, _POWER, _BLOCK, _PARALLEL)
    sealed = nonce + AESGCM(derive_key(key, "desk passphrase")).encrypt(nonce, plain, _NAME.encode())
    change_record(data_dir, _NAME, b64encode(sealed).decode())


def check_desk_passphrase(data_dir: Path, key: bytes, typed: str) -> None:
    """Raises WrongPassphrase when it is another, ArchiveLocked when there is none or the key file can't be used."""
    try:
        sealed = b64decode(read_record(data_dir)[_NAME])
        plain = AESGCM(derive_key(key, "desk passphrase")).decrypt(sealed[:12], sealed[12:], _NAME.encode())
    except (KeyError, ValueError, InvalidTag) as error:
        raise ArchiveLocked(
            _("No desk passphrase is set"), advice=_("Close the program and start it again; nothing is lost.")
        ) from error
    if not hmac.compare_digest(stretched(typed, plain[:16], _POWER, _BLOCK, _PARALLEL), plain[16:]):
        raise WrongPassphrase(_("The desk passphrase is wrong"), advice=_("Try again; nothing is lost."))

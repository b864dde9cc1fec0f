"""The secrets of a desk: the archive's master key, its recovery key, and the passwords of servers.

Nothing here writes a key or a password in the clear.
`keyring` is imported in this room alone, at first use; it knows no other room.
"""

from workstation.secrets.desk_passphrase import check_desk_passphrase, set_desk_passphrase
from workstation.secrets.key_file import (
    KeyState,
    Wrap,
    create_key,
    destroy_key,
    key_state,
    needs_passphrase,
    open_key,
    recover_key,
    rewrap_key,
    set_recovery_code,
)
from workstation.secrets.passwords import PASSWORDS_FILE, forget_password, password, remember_password
from workstation.secrets.recovery_code import new_code
from workstation.secrets.strength import SHORTEST, must_be_strong
from workstation.secrets.system_keyring import has_keyring, keyring_in_use
from workstation.secrets.wrapping import derive_key, stretched

__all__ = [
    "PASSWORDS_FILE",
    "SHORTEST",
    "KeyState",
    "Wrap",
    "check_desk_passphrase",
    "create_key",
    "derive_key",
    "destroy_key",
    "forget_password",
    "has_keyring",
    "key_state",
    "keyring_in_use",
    "must_be_strong",
    "needs_passphrase",
    "new_code",
    "open_key",
    "password",
    "recover_key",
    "remember_password",
    "rewrap_key",
    "set_desk_passphrase",
    "set_recovery_code",
    "stretched",
]

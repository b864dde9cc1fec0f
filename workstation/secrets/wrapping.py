"""Keys from keys and keys from passphrases: HMAC-SHA-256 to derive, scrypt and AES-256-GCM to wrap."""

import hashlib
import hmac
import os
import unicodedata
from base64 import b64decode, b64encode
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SERVICE = "iris-workstation"
SCRYPT_N = 2**16
_SCRYPT_LIMIT = 2**20


def derive_key(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, made from the master key; knowing it tells nothing of the others."""
    return hmac.digest(key, f"{SERVICE}: {purpose}".encode(), "sha256")


def stretched(passphrase: str, salt: bytes, power: int, block: int, parallel: int) -> bytes:
    """A key of 32 bytes from a passphrase by scrypt, N = 2**power (RFC 7914); slow on purpose."""
    return _stretch(passphrase, salt, 2**power, block, parallel)


def check_of(key: bytes) -> bytes:
    """16 bytes that tell whether a key is this one, and nothing of it."""
    return derive_key(key, "check")[:16]


def wrap(key: bytes, passphrase: str, bound_to: str) -> dict[str, Any]:
    """The key under a passphrase, as values for JSON; `bound_to` names the place where it may be opened."""
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_stretch(passphrase, salt, SCRYPT_N, 8, 1)).encrypt(nonce, key, bound_to.encode())
    binary = {"salt": salt, "nonce": nonce, "wrapped": sealed}
    return {"n": SCRYPT_N, "r": 8, "p": 1} | {name: b64encode(value).decode() for name, value in binary.items()}


def unwrap(record: dict[str, Any], passphrase: str, bound_to: str) -> bytes:
    """What `wrap` wrapped. Raises InvalidTag for another passphrase, KeyError, ValueError, TypeError for no record."""
    n, r, p = int(record["n"]), int(record["r"]), int(record["p"])
    if not (2**14 <= n <= _SCRYPT_LIMIT and 1 <= r <= 16 and 1 <= p <= 4):
        raise ValueError("scrypt parameters out of bounds")
    cipher = AESGCM(_stretch(passphrase, b64decode(record["salt"]), n, r, p))
    return cipher.decrypt(b64decode(record["nonce"]), b64decode(record["wrapped"]), bound_to.encode())


def _stretch(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # one form of the letters, whatever keyboard typed them
    typed = unicodedata.normalize("NFKC", passphrase).encode()
    return hashlib.scrypt(typed, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)

"""Identities on tokens: smart cards, USB keys and HSMs, through the PKCS#11 library of their maker.

The private key never leaves the token. A PIN is sent once for each time it was typed: cards lock themselves after a few
wrong ones, so nothing here tries again.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from workstation.errors import IdentityUnusable
from workstation.language import N_, _
from workstation.signing.identity import Identity, must_be_usable, unusable

if TYPE_CHECKING:
    from pkcs11 import Session, Token

SCHEME = "pkcs11:"

# a PKCS#11 library is one instance a process, and looking for tokens anew ends its sessions: one use at a time
_one_use = threading.RLock()
_libraries: dict[str, Any] = {}

# DigestInfo of SHA-256 up to the hash, RFC 8017 section 9.2 note 1
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

_LOCKED = N_("the PIN is locked")
_PIN_STATES = (
    ("USER_PIN_LOCKED", _LOCKED),
    ("USER_PIN_FINAL_TRY", N_("one try is left before the PIN is locked")),
    ("USER_PIN_COUNT_LOW", N_("few tries are left before the PIN is locked")),
    ("USER_PIN_TO_BE_CHANGED", N_("the PIN has to be changed first")),
)


@dataclass(frozen=True)
class TokenAddress:
    """Where an identity lies: the PKCS#11 library, the token's label or serial number, the key's ID or label.

    Written as a PKCS#11 URI (RFC 7512): `pkcs11:token=Reader%201;id=%01?module-path=/usr/lib/libcard.so`. What is left
    empty may be any.
    """

    module: str
    token: str = ""
    serial: str = ""
    key_id: bytes = b""
    key_label: str = ""

    @classmethod
    def parse(cls, uri: str) -> "TokenAddress":
        """Raises IdentityUnusable when it is none, or names no library."""
        path, _mark, query = uri.removeprefix(SCHEME).partition("?")
        parts = dict(part.partition("=")[::2] for part in path.split(";") if part)
        module = dict(parse_qsl(query.replace("+", "%2B"))).get("module-path", "")
        if not uri.startswith(SCHEME) or not module:
            raise unusable(_("the address of the token names no PKCS#11 library (module-path)"))
        return cls(
            module,
            token=unquote(parts.get("token", "")),
            serial=unquote(parts.get("serial", "")),
            key_id=unquote_to_bytes(parts.get("id", "")),
            key_label=unquote(parts.get("object", "")),
        )

    def __str__(self) -> str:
        named = (("token", self.token), ("serial", self.serial), ("object", self.key_label))
        parts = [f"{name}={quote(value)}" for name, value in named if value]
        if self.key_id:
            parts.append("id=" + "".join(f"%{byte:02X}" for byte in self.key_id))
        return f"{SCHEME}{';'.join(parts)}?module-path={quote(self.module)}"


@dataclass(frozen=True)
class TokenIdentity:
    """A certificate found on a token, readable without a PIN; `trouble` says what the token says of its PIN."""

    address: TokenAddress
    certificate: x509.Certificate
    trouble: str


def find_identities(module: str) -> list[TokenIdentity]:
    """The certificates on all tokens that a PKCS#11 library sees. Raises IdentityUnusable when it can't be used."""
    from pkcs11 import Attribute, ObjectClass, PKCS11Error

    found = []
    with _one_use, _named_errors():
        for token in _tokens(module):
            with token.open() as session:
                for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
                    certificate = _certificate(one)
                    if certificate is None or _is_authority(certificate):
                        continue
                    try:
                        key_id = bytes(one[Attribute.ID])
                    except (PKCS11Error, KeyError):
                        key_id = b""
                    address = TokenAddress(module, token.label, _text(token.serial), key_id)
                    found.append(TokenIdentity(address, certificate, _pin_state(token)))
    return found


@contextmanager
def open_token(address: TokenAddress, pin: str) -> Iterator[Identity]:
    """The identity on a token, usable within the block; logged out afterwards. An empty `pin` is for a reader's pad.

    Raises IdentityUnusable: library, token, certificate or key not there, the PIN wrong (with what the token says of
    the tries left) or locked, the token pulled out.
    """
    from pkcs11 import Attribute, ObjectClass, PKCS11Error

    with _one_use:
        with _named_errors():
            session = _logged_in(_the_token(address), pin)
        try:
            with _named_errors():
                stored = session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
                certificates = [one for one in map(_certificate, stored) if one is not None]
                key, certificate = _the_key(session, address, certificates)
            must_be_usable(certificate)
            chain = tuple(one for one in certificates if _is_authority(one))
            yield Identity(certificate, chain, key.key_length // 8, _signing(key, pin))
        finally:
            with suppress(PKCS11Error):
                session.close()


def _signing(key: Any, pin: str) -> Callable[[bytes], bytes]:
    """RSASSA-PKCS1-v1_5 with SHA-256 on the token: whole, or where it only pads, over a DigestInfo made here."""
    from pkcs11 import Mechanism
    from pkcs11.exceptions import MechanismInvalid

    # a key that wants its PIN for each signature is given the one that was right a moment ago
    again = {"pin": pin} if _asks_each_time(key) else {}

    def sign(payload: bytes) -> bytes:
        with _named_errors():
            try:
                return bytes(key.sign(payload, mechanism=Mechanism.SHA256_RSA_PKCS, **again))
            except MechanismInvalid:
                digest = _SHA256_INFO + hashlib.sha256(payload).digest()
                return bytes(key.sign(digest, mechanism=Mechanism.RSA_PKCS, **again))

    return sign


def _asks_each_time(key: Any) -> bool:
    from pkcs11 import Attribute, PKCS11Error

    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except (PKCS11Error, KeyError):
        return False


def _the_key(
    session: "Session", address: TokenAddress, certificates: Sequence[x509.Certificate]
) -> tuple[Any, x509.Certificate]:
    """The private key that the address means with its certificate, the one valid longest where it leaves a choice."""
    from pkcs11 import Attribute, KeyType, ObjectClass

    wanted: dict[Any, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: KeyType.RSA}
    if address.key_id:
        wanted[Attribute.ID] = address.key_id
    if address.key_label:
        wanted[Attribute.LABEL] = address.key_label
    pairs = [
        (key, certificate)
        for key in session.get_objects(wanted)
        for certificate in certificates
        if _modulus(certificate) == int.from_bytes(key[Attribute.MODULUS], "big")
    ]
    if not pairs:
        raise unusable(_("the token holds no RSA key with its certificate"))
    return max(pairs, key=lambda pair: pair[1].not_valid_after_utc)


def _modulus(certificate: x509.Certificate) -> int | None:
    public = certificate.public_key()
    return public.public_numbers().n if isinstance(public, rsa.RSAPublicKey) else None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _certificate(stored: Any) -> x509.Certificate | None:
    from pkcs11 import Attribute

    try:
        return x509.load_der_x509_certificate(bytes(stored[Attribute.VALUE]))
    except ValueError:
        return None


def _tokens(module: str) -> "list[Token]":
    from pkcs11 import TokenFlag

    tokens = [slot.get_token() for slot in _library(module).get_slots(token_present=True)]
    # an empty slot of a software token shows a token that was never set up
    return [token for token in tokens if token.flags & TokenFlag.TOKEN_INITIALIZED]


def _library(module: str) -> Any:
    """The library of that path, told to look anew: a card may have been put in since it was loaded."""
    import pkcs11

    try:
        if module in _libraries:
            _libraries[module].reinitialize()
        else:
            _libraries[module] = pkcs11.lib(module)
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise unusable(_("its PKCS#11 library can't be loaded")) from error
    return _libraries[module]


def _the_token(address: TokenAddress) -> "Token":
    for token in _tokens(address.module):
        if address.token in ("", token.label) and address.serial in ("", _text(token.serial)):
            return token
    raise _absent()


def _logged_in(token: "Token", pin: str) -> "Session":
    from pkcs11 import PROTECTED_AUTH, TokenFlag
    from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, PinLocked

    pad = bool(token.flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH)
    if not pin and not pad:
        raise IdentityUnusable(_("The identity can't be opened"), _("the PIN is empty; it was not tried"))
    if _pin_state(token) != _LOCKED:
        try:
            return token.open(user_pin=pin or PROTECTED_AUTH)
        except (PinIncorrect, PinInvalid, PinLenRange):
            state = _pin_state(token.slot.get_token())
        except PinLocked:
            state = _LOCKED
        if state != _LOCKED:
            said = ", ".join(part for part in (_("wrong PIN"), state and _(state)) if part)
            raise IdentityUnusable(_("The identity can't be opened"), said, _("It is not tried again by itself."))
    raise IdentityUnusable(_("The identity can't be opened"), _(_LOCKED), _("Ask who issued the token to unlock it."))


def _pin_state(token: "Token") -> str:
    """What the token says of its PIN, in English (`N_`); "" when nothing is wrong with it."""
    from pkcs11 import TokenFlag

    return next((said for flag, said in _PIN_STATES if token.flags & TokenFlag[flag]), "")


def _absent() -> IdentityUnusable:
    return IdentityUnusable(
        _("The identity can't be opened"), _("the token is not there"), _("Put it in and try again.")
    )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


@contextmanager
def _named_errors() -> Iterator[None]:
    """The library's error codes as IdentityUnusable; only their names are told, never a value."""
    from pkcs11 import exceptions

    try:
        yield
    except (
        exceptions.DeviceRemoved, exceptions.TokenNotPresent, exceptions.SessionHandleInvalid, exceptions.SessionClosed,
        exceptions.ObjectHandleInvalid, exceptions.KeyHandleInvalid,
    ) as error:  # fmt: skip
        raise _absent() from error
    except (exceptions.PKCS11Error, RuntimeError) as error:
        raise unusable(_("the token answers with {error}").format(error=type(error).__name__)) from error

"""The client certificate of a server profile (mutual TLS): a PEM pair, or a PKCS#12 file with its password.

A key is never written anywhere in the clear: OpenSSL takes it from a file only, so one from PKCS#12 passes through a
private file that is sealed by a random password and gone again at once.
"""

import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from workstation.errors import WorkstationError
from workstation.language import _
from workstation.settings import ServerProfile

_PRIVATE_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate with its chain and its key, which belong together."""

    certificate: x509.Certificate
    chain: bytes = field(repr=False)
    key: serialization.pkcs12.PKCS12PrivateKeyTypes = field(repr=False)


def present(context: ssl.SSLContext, profile: ServerProfile, password: str) -> None:
    """Let a context show the profile's certificate. Raises what `read` raises."""
    read_certificate = read(profile, password)
    seal = secrets.token_bytes(32).hex()
    sealed = read_certificate.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(seal.encode()),
    )
    descriptor, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(read_certificate.chain + sealed)
        context.load_cert_chain(name, password=seal)
    except ssl.SSLError as error:
        raise _unusable(profile, _("OpenSSL can't use it")) from error
    finally:
        Path(name).unlink(missing_ok=True)


def read(profile: ServerProfile, password: str) -> ClientCertificate:
    """The certificate of the profile's files.

    Raises WorkstationError that says which file is wrong and in what: missing, no certificate, password, key.
    """
    content = _bytes(profile, profile.client_certificate_file)
    secret = password.encode() or None
    if b"-----BEGIN" not in content:
        return _from_pkcs12(profile, content, secret)
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _unusable(profile, _("{file} holds no certificate").format(file=_name(profile))) from error
    pem = content
    if profile.client_key_file:
        pem = _bytes(profile, profile.client_key_file)
    if _PRIVATE_KEY not in pem:
        raise _unusable(profile, _("its private key is missing"), _("Name the file of the key in client_key_file."))
    try:
        key = serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN", _before_key(pem)) :], secret)
    except (ValueError, TypeError) as error:
        raise _wrong_password(profile) from error
    return _matching(profile, certificates, key)


def _before_key(pem: bytes) -> int:
    """Where the armour line of the private key begins: certificates may stand before it."""
    return max(pem.rfind(b"-----BEGIN", 0, pem.index(_PRIVATE_KEY) + len(_PRIVATE_KEY)), 0)


def _from_pkcs12(profile: ServerProfile, content: bytes, secret: bytes | None) -> ClientCertificate:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, secret)
    except ValueError as error:
        if content[:1] == b"\x30":  # a DER sequence, as PKCS#12 is
            raise _wrong_password(profile) from error
        raise _unusable(profile, _("{file} holds no certificate").format(file=_name(profile))) from error
    if certificate is None or key is None:
        raise _unusable(profile, _("its private key is missing"), _("Export it anew, with its key."))
    return _matching(profile, [certificate, *others], key)


def _matching(profile: ServerProfile, chain: list[x509.Certificate], key: object) -> ClientCertificate:
    own = getattr(key, "public_key", None)
    public = chain[0].public_key()
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if own is None or own().public_bytes(*form) != public.public_bytes(*form):
        raise _unusable(profile, _("certificate and key don't belong together"), _("Name both of one pair."))
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    return ClientCertificate(chain[0], pem, key)  # type: ignore[arg-type]


def _bytes(profile: ServerProfile, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _unusable(
            profile,
            _("{file} can't be read").format(file=Path(path).name),
            _("Put in the medium that holds it, or mend the path in the settings."),
        ) from error


def _name(profile: ServerProfile) -> str:
    return Path(profile.client_certificate_file).name


def _wrong_password(profile: ServerProfile) -> WorkstationError:
    return _unusable(
        profile,
        _("the password of its key is wrong or not known"),
        _("Give it once: iris-workstation server certificate-password."),
    )


def _unusable(profile: ServerProfile, what: str, advice: str = "") -> WorkstationError:
    return WorkstationError(
        _("The client certificate can't be used"), f"{profile.name}, {what}", advice or _("Check the settings.")
    )

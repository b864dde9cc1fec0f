"""Who signs: an identity is a certificate and a way to sign, so that a token can stand where a PKCS#12 file stands now.

A private key stays in memory for as long as its `Identity` lives; neither it nor a password is stored or logged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from workstation.errors import IdentityUnusable
from workstation.language import _

_MINIMUM_BITS = 2048


@dataclass(frozen=True)
class Identity:
    """A signer: `certificate`, the certificates between it and the root (`chain`), and the signing itself.

    `signature_size` is that of a signature in bytes.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    signature_size: int
    _sign: Callable[[bytes], bytes] = field(repr=False)

    @property
    def subject(self) -> str:
        """The name in the certificate."""
        return subject_name(self.certificate)

    @property
    def organisation(self) -> str:
        """The organisation in the certificate, or nothing."""
        return _named(self.certificate, NameOID.ORGANIZATION_NAME)

    @property
    def code(self) -> str:
        """The number that the certificate's issuer knows the signer by (serialNumber of the subject), or nothing."""
        return _named(self.certificate, NameOID.SERIAL_NUMBER)

    @property
    def authority_pem(self) -> str:
        """Whom others have to trust, PEM: the root that came with the key, or the highest certificate that did."""
        issued = {one.subject: one for one in self.chain}
        highest = self.certificate
        for _step in self.chain:
            highest = issued.get(highest.issuer, highest)
        return highest.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def certificate_der(self) -> bytes:
        """The certificate, X.509, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def certificates_pem(self) -> str:
        """The certificate and its chain, PEM: what others need to verify."""
        pem = [one.public_bytes(serialization.Encoding.PEM).decode() for one in (self.certificate, *self.chain)]
        return "".join(pem)

    def sign(self, payload: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 over `payload`. Raises IdentityUnusable once the certificate has expired."""
        check_validity(self.certificate)
        return self._sign(payload)


def load_pkcs12(path: Path | str, password: str) -> Identity:
    """Open a PKCS#12 file (`.p12`, `.pfx`). Raises IdentityUnusable, with what is wrong in one line."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unusable(_("the file can't be read")) from error
    if not data.startswith(b"\x30"):
        raise unusable(_("the file is no PKCS#12 file"))
    try:
        # UTF-8, as OpenSSL and we write it
        key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode())
    except ValueError as error:
        raise IdentityUnusable(
            _("The identity can't be opened"),
            _("wrong password, or the file is damaged"),
            _("Check the keyboard layout and enter the password again."),
        ) from error
    if key is None or certificate is None:
        raise unusable(_("the file holds no private key with its certificate"))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _no_fit()
    if certificate.public_key() != key.public_key():
        raise unusable(_("key and certificate don't belong together"))
    rsa_key = key
    must_be_usable(certificate)

    def sign(payload: bytes) -> bytes:
        return rsa_key.sign(payload, padding.PKCS1v15(), hashes.SHA256())

    return Identity(certificate, tuple(others), rsa_key.key_size // 8, sign)


def must_be_usable(certificate: x509.Certificate) -> None:
    """Raise IdentityUnusable unless the certificate is for signatures by an RSA key that is long enough, and valid."""
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < _MINIMUM_BITS:
        raise _no_fit()
    if not may_sign(certificate):
        raise unusable(_("its certificate is not for signatures"))
    check_validity(certificate)


def check_validity(certificate: x509.Certificate, now: datetime | None = None) -> None:
    """Raise IdentityUnusable when the certificate isn't valid yet or has expired."""
    moment = now or datetime.now(UTC)
    if moment < certificate.not_valid_before_utc:
        begin = certificate.not_valid_before_utc.strftime("%Y-%m-%d %H:%M")
        raise unusable(_("its certificate is not valid before {begin} UTC").format(begin=begin))
    if moment > certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc.strftime("%Y-%m-%d")
        raise IdentityUnusable(
            _("The identity can't be used"),
            _("its certificate expired on {end}").format(end=end),
            _("Ask for a new certificate; what you have written is kept."),
        )


def subject_name(certificate: x509.Certificate) -> str:
    """The common name, or the whole subject where there is none."""
    return _named(certificate, NameOID.COMMON_NAME) or certificate.subject.rfc4514_string()


def _named(certificate: x509.Certificate, what: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(what)
    return str(found[0].value) if found else ""


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether the certificate's key usage allows signatures over documents; one that says nothing allows all."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _no_fit() -> IdentityUnusable:
    return unusable(_("the key is no RSA key of at least {bits} bits").format(bits=_MINIMUM_BITS))


def unusable(detail: str) -> IdentityUnusable:
    """The refusal of an identity that was found, and why."""
    return IdentityUnusable(_("The identity can't be used"), detail)

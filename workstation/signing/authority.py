"""A small certificate authority: makes the identities of the demo and of tests.

In the field a reader's certificate comes from the hospital's own authority; this one exists so that signing and its
verification by other programs can be shown and tested without one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

KEY_BITS = 3072
AUTHORITY_DAYS = 3650
READER_DAYS = 730
# a certificate made just now must hold on a machine whose clock is a little behind
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class ReaderSubject:
    """Who a certificate is for; `name` is a DICOM PN (`Family^Given^Middle`), `code` the reader's own number."""

    name: str
    organisation: str
    code: str
    country: str = "RU"

    @property
    def common_name(self) -> str:
        """The name as one writes it: family name first, no carets."""
        return " ".join(part for part in self.name.split("^") if part)


@dataclass(frozen=True)
class Authority:
    """A root certificate with its key, which signs readers' certificates."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @classmethod
    def create(
        cls, common_name: str, organisation: str, country: str = "RU", now: datetime | None = None
    ) -> "Authority":
        """Make a new key and a self-signed root certificate, valid for ten years."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, country),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        start = (now or datetime.now(UTC)) - CLOCK_SKEW
        public = key.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @property
    def pem(self) -> bytes:
        """The root certificate, PEM: the file that others verify against."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, reader: ReaderSubject, password: str, valid_from: datetime | None = None, days: int = READER_DAYS
    ) -> bytes:
        """A new key and certificate for `reader` with this root, as PKCS#12 bytes sealed by `password`.

        The certificate may sign and commit to contents (digitalSignature, nonRepudiation) and nothing else.
        `valid_from` is timezone-aware, by default a little before now.
        """
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        start = valid_from or datetime.now(UTC) - CLOCK_SKEW
        family, *given = [part for part in reader.name.split("^") if part]
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, reader.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, reader.organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, reader.common_name),
            x509.NameAttribute(NameOID.SURNAME, family),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, reader.code),
        ]
        if given:
            attributes.append(x509.NameAttribute(NameOID.GIVEN_NAME, " ".join(given)))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return pkcs12.serialize_key_and_certificates(
            reader.common_name.encode(),
            key,
            certificate,
            [self.certificate],
            serialization.BestAvailableEncryption(password.encode()),
        )


def _usage(
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """Key usage with the named bits; nonRepudiation is `content_commitment` (RFC 5280 §4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

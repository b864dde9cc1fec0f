"""Opening an identity wherever it lies: a PKCS#12 file, or a key on a token by its PKCS#11 address."""

from collections.abc import Iterator
from contextlib import contextmanager

from workstation.signing.identity import Identity, load_pkcs12
from workstation.signing.token import SCHEME, TokenAddress, open_token


@contextmanager
def open_identity(where: str, secret: str) -> Iterator[Identity]:
    """The identity of a file, or of an address `pkcs11:…`, by its password or PIN; usable within the block.

    Raises IdentityUnusable. The secret is tried once.
    """
    if where.startswith(SCHEME):
        with open_token(TokenAddress.parse(where), secret) as identity:
            yield identity
    else:
        yield load_pkcs12(where, secret)

"""A token in software: SoftHSM2 with its files in a folder of the test, filled by `softhsm2-util`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN, SO_PIN = "2468", "13579"


@dataclass(frozen=True)
class SoftToken:
    """Where the tokens lie, and how to reach them; `folder` taken away is a token pulled out."""

    folder: Path
    module: str = MODULE

    def initialise(self, label: str) -> None:
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN],
            check=True,
            capture_output=True,
        )

    def put(self, label: str, key_id: str, identity: bytes, password: str, *, authorities: bool = True) -> None:
        """Bring key and certificates of a PKCS#12 identity onto the token."""
        import pkcs11
        from pkcs11.util.rsa import decode_rsa_private_key
        from pkcs11.util.x509 import decode_x509_certificate

        key, certificate, others = pkcs12.load_key_and_certificates(identity, password.encode())
        assert key is not None
        assert certificate is not None
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        library = pkcs11.lib(self.module)
        library.reinitialize()
        with library.get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
            attributes = {pkcs11.Attribute.ID: bytes.fromhex(key_id), pkcs11.Attribute.TOKEN: True}
            session.create_object({**decode_rsa_private_key(plain), **attributes})
            for one in (certificate, *(others if authorities else ())):
                der = one.public_bytes(serialization.Encoding.DER)
                own = attributes if one is certificate else {pkcs11.Attribute.TOKEN: True}
                session.create_object({**decode_x509_certificate(der), **own})


@pytest.fixture
def soft_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    """SoftHSM2 with no token yet."""
    folder = tmp_path / "tokens"
    folder.mkdir()
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    return SoftToken(folder)

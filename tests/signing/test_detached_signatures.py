"""Signatures beside a file (CAdES, CMS), judged by openssl; GOST by OpenSSL's engine as a provider outside."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.timestamp_authority import TimestampAuthority
from workstation.errors import IdentityUnusable, UnreadableObject
from workstation.signing.authority import Authority
from workstation.signing.cades import sign_detached, verify_detached
from workstation.signing.identity import Identity
from workstation.signing.provider import sign_by_command
from workstation.signing.timestamps import Timestamps
from workstation.signing.verification import verify

GOST = """
openssl_conf = conf
[conf]
engines = engines
[engines]
gost = gost
[gost]
engine_id = gost
default_algorithms = ALL
[req]
distinguished_name = name
[name]
"""


@pytest.fixture(scope="module")
def signature(plain_pdf: bytes, identity: Identity) -> bytes:
    return sign_detached(plain_pdf, identity)


def openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | ({"OPENSSL_CONF": str(folder / "gost.cnf")} if (folder / "gost.cnf").exists() else {})
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False, env=environment)


def judged(folder: Path, signature: bytes, data: bytes, root: bytes) -> bool:
    (folder / "file").write_bytes(data)
    (folder / "file.p7s").write_bytes(signature)
    (folder / "ca.pem").write_bytes(root)
    named = ("-in", "file.p7s", "-inform", "DER", "-content", "file", "-CAfile", "ca.pem", "-out", "/dev/null")
    return openssl(folder, "cms", "-verify", "-cades", "-binary", "-purpose", "any", *named).returncode == 0


@pytest.mark.oracle
def test_openssl_accepts_a_detached_signature_as_cades(
    signature: bytes, plain_pdf: bytes, authority: Authority, tmp_path: Path
) -> None:
    assert judged(tmp_path, signature, plain_pdf, authority.pem)
    found = verify(signature, [authority.certificate], plain_pdf)
    assert (found.valid, found.signer, found.proved) == (True, "Петрова Анна Сергеевна", None)


@pytest.mark.oracle
def test_a_changed_byte_of_the_file_is_seen_by_both(
    signature: bytes, plain_pdf: bytes, authority: Authority, tmp_path: Path
) -> None:
    changed = plain_pdf[:-9] + b"x" + plain_pdf[-8:]
    assert not judged(tmp_path, signature, changed, authority.pem)
    found = verify(signature, [authority.certificate], changed)
    assert (found.valid, found.problems) == (False, ("the content was changed after signing",))


def test_a_timestamp_is_found_in_it(plain_pdf: bytes, identity: Identity, authority: Authority, tmp_path: Path) -> None:
    stamped = sign_detached(plain_pdf, identity, Timestamps(TimestampAuthority(authority, tmp_path).answer))
    assert verify_detached(stamped, plain_pdf, [authority.certificate]).proved is not None


@pytest.mark.oracle
def test_a_signature_by_openssl_is_checked_attached_and_detached(
    plain_pdf: bytes, identity_file: Path, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(plain_pdf)
    (tmp_path / "pass").write_text("пароль", encoding="utf-8")
    opened = ("pkcs12", "-in", str(identity_file), "-passin", "file:pass", "-nodes", "-out", "reader.pem")
    assert openssl(tmp_path, *opened).returncode == 0
    signing = ("cms", "-sign", "-binary", "-in", "file", "-signer", "reader.pem", "-outform")
    assert openssl(tmp_path, *signing, "DER", "-out", "detached").returncode == 0
    assert openssl(tmp_path, *signing, "PEM", "-nodetach", "-out", "attached").returncode == 0
    detached, attached = (tmp_path / "detached").read_bytes(), (tmp_path / "attached").read_bytes()
    assert verify(detached, [authority.certificate], plain_pdf).valid
    assert verify(attached, [authority.certificate]).valid
    assert verify(attached, []).problems == ("the certificate is not trusted: it does not lead to a trusted authority",)
    with pytest.raises(UnreadableObject, match="is not there"):
        verify(detached, [authority.certificate])


@pytest.fixture
def gost(tmp_path: Path) -> str:
    """A command that signs by GOST R 34.10-2012, as a provider's program would."""
    (tmp_path / "gost.cnf").write_text(GOST)
    making = ("-newkey", "gost2012_256", "-pkeyopt", "paramset:A", "-nodes", "-keyout", "key.pem", "-out", "cert.pem")
    made = openssl(tmp_path, "req", "-x509", *making, "-subj", "/CN=GOST reader", "-md_gost12_256")
    assert made.returncode == 0, made.stderr
    signing = (
        "cms -sign -binary -in {input} -signer cert.pem -inkey key.pem -outform DER -out {output} -md md_gost12_256"
    )
    return f"sh -c 'cd {tmp_path}; OPENSSL_CONF=gost.cnf exec openssl {signing}'"


@pytest.mark.oracle
def test_a_provider_outside_signs_by_gost_and_openssl_accepts_it(gost: str, plain_pdf: bytes, tmp_path: Path) -> None:
    signature = sign_by_command(gost, plain_pdf)
    (tmp_path / "file").write_bytes(plain_pdf)
    (tmp_path / "file.p7s").write_bytes(signature)
    named = ("-in", "file.p7s", "-inform", "DER", "-content", "file", "-CAfile", "cert.pem", "-out", "/dev/null")
    assert openssl(tmp_path, "cms", "-verify", "-binary", *named).returncode == 0
    found = verify(signature, [], plain_pdf)
    assert (found.valid, found.problems) == (
        False,
        ("it is a GOST signature: check it with a certified program",),
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/absent/program {input}", "can't be started"),
        ("false", "status 1"),
        ("true", "wrote nothing"),
        ("cp {input} {output}", "no signature"),
        ("sh -c 'cat {output", "can't be started"),
        ("cp {other} {output}", "can't be started"),
    ],
)
def test_a_provider_that_fails_is_said_in_one_line(command: str, said: str, plain_pdf: bytes) -> None:
    with pytest.raises(IdentityUnusable) as caught:
        sign_by_command(command, plain_pdf)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_provider_reads_the_document_from_memory_and_leaves_no_file(
    plain_pdf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = tmp_path / "seen"
    with pytest.raises(IdentityUnusable):
        sign_by_command(f"sh -c 'cat {{input}} > {seen}; find {tmp_path} -type f >> {seen}; exit 1'", plain_pdf)
    assert seen.read_bytes() == plain_pdf + f"{seen}\n".encode()
    assert [one.name for one in tmp_path.iterdir()] == ["seen"]

"""The master key and the passwords: in the keyring, under a passphrase, never in the clear."""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from workstation import secrets
from workstation.errors import ArchiveLocked, WorkstationError
from workstation.secrets import wrapping


class MemoryKeyring(KeyringBackend):
    """A keyring that keeps what it is given; locked, it answers nothing."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class PlainFileKeyring(MemoryKeyring):
    """Stands for the backends that write secrets to plain files: their priority is below 1."""

    priority = 0.5  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture(params=[fail.Keyring, null.Keyring, PlainFileKeyring])
def none(request: pytest.FixtureRequest) -> Iterator[None]:
    """No keyring that could be trusted with a secret."""
    before = keyring.get_keyring()
    keyring.set_keyring(request.param())
    yield
    keyring.set_keyring(before)


def never() -> str:
    raise AssertionError("nobody should be asked for a passphrase")


def test_a_key_is_made_once_and_kept_in_the_keyring(tmp_path: Path, memory: MemoryKeyring) -> None:
    key = secrets.open_key(tmp_path, never)
    assert len(key) == 32
    assert secrets.open_key(tmp_path, never) == key
    assert secrets.open_key(tmp_path / "another", never) != key
    assert not secrets.needs_passphrase(tmp_path)
    content = (tmp_path / "key.json").read_bytes()
    assert b64encode(key) not in content
    assert key.hex().encode() not in content


def test_without_a_keyring_a_passphrase_wraps_the_key(tmp_path: Path, none: None) -> None:
    key = secrets.open_key(tmp_path, lambda: "верная лошадь")
    assert secrets.needs_passphrase(tmp_path)
    assert secrets.open_key(tmp_path, lambda: "верная лошадь") == key
    for wrong in ("верная лошадь ", "", "another"):
        with pytest.raises(ArchiveLocked, match="passphrase is wrong"):
            secrets.open_key(tmp_path, lambda wrong=wrong: wrong)
    with pytest.raises(ArchiveLocked, match="needs its passphrase"):
        secrets.open_key(tmp_path)


def test_the_passphrase_may_be_chosen_though_a_keyring_answers(tmp_path: Path, memory: MemoryKeyring) -> None:
    key = secrets.open_key(tmp_path, lambda: "one two three", wrap="passphrase")
    assert memory.kept == {}
    assert secrets.open_key(tmp_path, lambda: "one two three") == key


def test_one_passphrase_in_two_forms_of_its_letters_is_one(tmp_path: Path, none: None) -> None:
    key = secrets.open_key(tmp_path, lambda: "Крепкий тихий чаи\u0306")
    assert secrets.open_key(tmp_path, lambda: "Крепкий тихий чай") == key


def test_an_empty_passphrase_makes_no_key(tmp_path: Path, none: None) -> None:
    with pytest.raises(WorkstationError, match="empty"):
        secrets.open_key(tmp_path, lambda: "")
    assert not (tmp_path / "key.json").exists()


def test_nothing_to_keep_a_key_with_is_told(tmp_path: Path, none: None) -> None:
    with pytest.raises(ArchiveLocked, match="keyring"):
        secrets.open_key(tmp_path)


def test_a_keyring_that_is_locked_or_gone_or_lost_the_key_is_told(tmp_path: Path, memory: MemoryKeyring) -> None:
    secrets.open_key(tmp_path)
    memory.locked = True
    with pytest.raises(ArchiveLocked, match="keyring"):
        secrets.open_key(tmp_path)
    memory.locked = False
    memory.kept.clear()
    with pytest.raises(ArchiveLocked, match="does not hold"):
        secrets.open_key(tmp_path)
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(ArchiveLocked, match="No keyring answers"):
        secrets.open_key(tmp_path)


def test_a_key_that_is_not_this_archives_is_refused(tmp_path: Path, memory: MemoryKeyring) -> None:
    secrets.open_key(tmp_path)
    (name,) = memory.kept
    memory.kept[name] = b64encode(bytes(32)).decode()
    with pytest.raises(ArchiveLocked, match="not this archive's"):
        secrets.open_key(tmp_path)
    memory.kept[name] = "%%%"
    with pytest.raises(ArchiveLocked):
        secrets.open_key(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        json.dumps({"format": 2, "wrap": "keyring"}).encode(),
        json.dumps({"format": 1, "wrap": "passphrase"}).encode(),
        json.dumps({"format": 1, "wrap": "passphrase", "n": 2**30, "r": 8, "p": 1}).encode(),
    ],
)
def test_a_spoilt_key_file_is_told_and_not_replaced(tmp_path: Path, none: None, content: bytes) -> None:
    (tmp_path / "key.json").write_bytes(content)
    with pytest.raises(ArchiveLocked, match=r"key\.json"):
        secrets.open_key(tmp_path, lambda: "x")
    assert (tmp_path / "key.json").read_bytes() == content


def test_no_new_key_is_made_beside_an_archive_that_lost_its_key_file(tmp_path: Path, none: None) -> None:
    (tmp_path / "archive").mkdir()
    with pytest.raises(ArchiveLocked, match="key file is missing"):
        secrets.open_key(tmp_path, never)


def test_the_key_stays_the_same_when_it_is_wrapped_anew(tmp_path: Path, memory: MemoryKeyring) -> None:
    key = secrets.open_key(tmp_path)
    secrets.rewrap_key(tmp_path, key, "first passphrase")
    assert memory.kept == {}
    secrets.rewrap_key(tmp_path, key, "second passphrase")
    with pytest.raises(ArchiveLocked):
        secrets.open_key(tmp_path, lambda: "first passphrase")
    assert secrets.open_key(tmp_path, lambda: "second passphrase") == key
    secrets.rewrap_key(tmp_path, key, None)
    assert secrets.open_key(tmp_path, never) == key


def test_of_two_programs_that_start_at_once_one_key_wins(
    tmp_path: Path, none: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: list[bytes] = []

    def ask() -> str:
        if not other:
            other.append(b"")
            other[0] = secrets.open_key(tmp_path, lambda: "shared words")
        return "shared words"

    assert secrets.open_key(tmp_path, ask) == other[0]
    assert secrets.open_key(tmp_path, lambda: "shared words") == other[0]
    assert [path.name for path in tmp_path.iterdir()] == ["key.json"]


def test_derived_keys_differ_by_purpose_and_from_the_master_key() -> None:
    key = bytes(32)
    derived = {secrets.derive_key(key, purpose) for purpose in ("database", "passwords", "object 1")}
    assert len(derived | {key}) == 4
    assert secrets.derive_key(key, "database") == secrets.derive_key(key, "database")


def test_passwords_live_in_the_keyring(tmp_path: Path, memory: MemoryKeyring) -> None:
    secrets.remember_password("ЕРИС", "пароль")
    assert secrets.password("ЕРИС") == "пароль"
    assert secrets.password("another") is None
    assert list(tmp_path.iterdir()) == []


def test_passwords_live_in_a_sealed_file_where_no_keyring_answers(tmp_path: Path, none: None) -> None:
    key = bytes(32)
    with pytest.raises(ArchiveLocked):
        secrets.remember_password("ЕРИС", "пароль")
    assert secrets.password("ЕРИС", data_dir=tmp_path, key=key) is None
    secrets.remember_password("ЕРИС", "пароль", data_dir=tmp_path, key=key)
    secrets.remember_password("second", "word", data_dir=tmp_path, key=key)
    assert secrets.password("ЕРИС", data_dir=tmp_path, key=key) == "пароль"
    assert secrets.password("second", data_dir=tmp_path, key=key) == "word"
    (path,) = tmp_path.iterdir()
    assert "пароль".encode() not in path.read_bytes()
    assert "ЕРИС".encode() not in path.read_bytes()
    with pytest.raises(ArchiveLocked):
        secrets.password("ЕРИС", data_dir=tmp_path, key=b"x" * 32)


def test_a_locked_keyring_sends_passwords_to_the_sealed_file(tmp_path: Path, memory: MemoryKeyring) -> None:
    memory.locked = True
    secrets.remember_password("ЕРИС", "пароль", data_dir=tmp_path, key=bytes(32))
    memory.locked = False
    assert secrets.password("ЕРИС", data_dir=tmp_path, key=bytes(32)) == "пароль"


def test_importing_secrets_loads_no_keyring() -> None:
    script = "import sys, workstation.secrets; assert 'keyring' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)

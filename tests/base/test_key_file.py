"""The key file changes whole or not at all: kills, keyrings that fail halfway, two who write at once, shredding."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from workstation import secrets
from workstation.archive.destruction import destroy
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.secrets import wrapping

CODE = secrets.new_code()


class Killed(BaseException):
    """Stands for the end of the process at a moment of the test's choice."""


class Ring(KeyringBackend):
    """A keyring that keeps what it is given, raises what it is told to, and can end the process behind a deed."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.raises: Exception | None = None
        self.killed_after = ""

    def _did(self, deed: str) -> None:
        if self.killed_after == deed:
            raise Killed

    def get_password(self, service: str, username: str) -> str | None:
        if self.raises:
            raise self.raises
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.raises:
            raise self.raises
        self.kept[service, username] = password
        self._did("set")

    def delete_password(self, service: str, username: str) -> None:
        if self.raises:
            raise self.raises
        self._did("before delete")
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def killed_at_random(folder: Path, seed: int) -> None:
    """Change passphrases in a process of its own, kill it, and open the archive by one of the last two."""
    chance = random.Random(seed)
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_rewrap.py")), str(folder), str(seed), CODE],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
    )
    assert child.stdout is not None
    spoken = [child.stdout.readline().strip()]
    time.sleep(chance.uniform(0, 0.4))
    child.send_signal(signal.SIGKILL)
    spoken += [line.strip() for line in child.stdout]
    child.wait()
    child.stdout.close()
    tried = ["the first of many words", *spoken][-2:]
    opened = []
    for passphrase in tried:
        try:
            opened.append(secrets.open_key(folder, lambda passphrase=passphrase: passphrase))
        except WrongPassphrase:
            continue
    assert len(opened) == 1, tried
    assert "recovery" not in json.loads((folder / "key.json").read_text()) or (
        secrets.recover_key(folder, CODE) == opened[0]
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
def test_a_kill_while_the_passphrase_changes_leaves_the_old_or_the_new(tmp_path: Path, seed: int) -> None:
    secrets.open_key(tmp_path, lambda: "the first of many words", wrap="passphrase")
    killed_at_random(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 300))
@pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL")
def test_a_kill_while_the_passphrase_changes_in_full(tmp_path: Path, seed: int) -> None:
    secrets.open_key(tmp_path, lambda: "the first of many words", wrap="passphrase")
    killed_at_random(tmp_path, seed)


def test_a_kill_before_the_keyring_forgets_is_made_up_for_at_the_next_opening(tmp_path: Path, ring: Ring) -> None:
    key = secrets.open_key(tmp_path)
    ring.killed_after = "before delete"
    with pytest.raises(Killed):
        secrets.rewrap_key(tmp_path, key, "words in place of the keyring")
    assert len(ring.kept) == 1
    ring.killed_after = ""
    assert secrets.open_key(tmp_path, lambda: "words in place of the keyring") == key
    assert ring.kept == {}
    assert "leaving" not in json.loads((tmp_path / "key.json").read_text())


def test_a_kill_behind_the_keyrings_entry_leaves_the_passphrase_and_no_second_entry(tmp_path: Path, ring: Ring) -> None:
    key = secrets.open_key(tmp_path, lambda: "words before the keyring", wrap="passphrase")
    ring.killed_after = "set"
    with pytest.raises(Killed):
        secrets.rewrap_key(tmp_path, key, None)
    ring.killed_after = ""
    assert secrets.open_key(tmp_path, lambda: "words before the keyring") == key
    secrets.rewrap_key(tmp_path, key, None)
    assert len(ring.kept) == 1
    assert secrets.open_key(tmp_path) == key


def test_an_entry_that_a_kill_left_in_the_keyring_is_shredded_with_the_archive(tmp_path: Path, ring: Ring) -> None:
    key = secrets.open_key(tmp_path, lambda: "words before the keyring", wrap="passphrase")
    ring.killed_after = "set"
    with pytest.raises(Killed):
        secrets.rewrap_key(tmp_path, key, None)
    ring.killed_after = ""
    assert len(ring.kept) == 1
    assert secrets.destroy_key(tmp_path)
    assert ring.kept == {}


def test_two_changes_at_once_both_count(tmp_path: Path) -> None:
    key = secrets.open_key(tmp_path, lambda: "the first of many words", wrap="passphrase")
    for number in range(10):
        word, code = f"words of round {number}", secrets.new_code()
        changes = [
            threading.Thread(target=secrets.rewrap_key, args=(tmp_path, key, word)),
            threading.Thread(target=secrets.set_recovery_code, args=(tmp_path, key, code)),
        ]
        for change in changes:
            change.start()
        for change in changes:
            change.join()
        assert secrets.open_key(tmp_path, lambda word=word: word) == key
        assert secrets.recover_key(tmp_path, code) == key


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (keyring.errors.KeyringLocked("locked"), "The keyring is locked.*Unlock it"),
        (keyring.errors.InitError("gone"), "The keyring does not answer: InitError.*Start the keyring service"),
        (RuntimeError("no bus"), "The keyring does not answer: RuntimeError"),
        (OSError("no socket"), "The keyring does not answer: OSError"),
    ],
)
def test_each_way_in_which_a_keyring_fails_has_its_words(
    tmp_path: Path, ring: Ring, error: Exception, words: str
) -> None:
    key = secrets.open_key(tmp_path)
    code = secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, code)
    ring.raises = error
    with pytest.raises(ArchiveLocked, match=words):
        secrets.open_key(tmp_path)
    # and the recovery key is a way in whatever the keyring does
    assert secrets.recover_key(tmp_path, code) == key
    secrets.rewrap_key(tmp_path, key, "words in place of the keyring")
    assert secrets.open_key(tmp_path, lambda: "words in place of the keyring") == key
    # the entry goes as soon as the keyring answers again
    assert len(ring.kept) == 1
    ring.raises = None
    secrets.open_key(tmp_path, lambda: "words in place of the keyring")
    assert ring.kept == {}


def test_a_keyring_that_is_gone_another_or_empty_has_its_words(tmp_path: Path, ring: Ring) -> None:
    secrets.open_key(tmp_path)
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(ArchiveLocked, match=r"No keyring answers.*use the recovery key"):
        secrets.open_key(tmp_path)
    keyring.set_keyring(Ring())
    with pytest.raises(ArchiveLocked, match=r"does not hold the archive's key.*user who made the archive"):
        secrets.open_key(tmp_path)
    keyring.set_keyring(ring)
    (name,) = ring.kept
    ring.kept[name] = "A" * 43 + "="
    with pytest.raises(ArchiveLocked, match="not this archive's"):
        secrets.open_key(tmp_path)


def test_a_file_of_before_recovery_keys_opens_and_takes_one(tmp_path: Path) -> None:
    key = secrets.open_key(tmp_path, lambda: "the first of many words", wrap="passphrase")
    record = json.loads((tmp_path / "key.json").read_text())
    del record["id"]
    (tmp_path / "key.json").write_text(json.dumps(record))
    assert secrets.open_key(tmp_path, lambda: "the first of many words") == key
    secrets.set_recovery_code(tmp_path, key, CODE)
    secrets.rewrap_key(tmp_path, key, None)
    assert secrets.open_key(tmp_path) == key == secrets.recover_key(tmp_path, CODE)


def test_passwords_are_where_the_key_is(tmp_path: Path, ring: Ring) -> None:
    key = secrets.open_key(tmp_path, lambda: "the first of many words", wrap="passphrase")
    other = secrets.open_key(tmp_path / "other", lambda: "the words of another", wrap="passphrase")
    secrets.remember_password("IRIS", "пароль", data_dir=tmp_path, key=key)
    assert ring.kept == {}
    assert secrets.password("IRIS", data_dir=tmp_path, key=key) == "пароль"
    assert secrets.password("IRIS", data_dir=tmp_path / "other", key=other) is None
    secrets.forget_password("IRIS", data_dir=tmp_path, key=key)
    assert secrets.password("IRIS", data_dir=tmp_path, key=key) is None


def test_a_destroyed_archive_leaves_no_key_and_no_file(tmp_path: Path, ring: Ring) -> None:
    secrets.open_key(tmp_path)
    (tmp_path / "archive" / "objects").mkdir(parents=True)
    (tmp_path / "archive" / "objects" / "sealed").write_bytes(b"sealed")
    (tmp_path / "passwords.sealed").write_bytes(b"sealed")
    (tmp_path / "settings.toml").write_text("")
    done = destroy(tmp_path)
    assert (done.files, done.keyring) == (2, True)  # with the lock's file
    assert [path.name for path in tmp_path.iterdir()] == ["settings.toml"]
    assert ring.kept == {}
    assert destroy(tmp_path).files == 0


def test_a_destruction_that_was_killed_is_finished_by_another(tmp_path: Path) -> None:
    secrets.open_key(tmp_path)
    (tmp_path / "archive").mkdir()
    secrets.destroy_key(tmp_path)
    with pytest.raises(ArchiveLocked, match="key file is missing"):
        secrets.open_key(tmp_path)
    destroy(tmp_path)
    assert len(secrets.open_key(tmp_path)) == 32

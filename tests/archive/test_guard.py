"""The guard of an open archive: what its changes take along, and two readers' programs at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from workstation import secrets
from workstation.app import application
from workstation.archive import audit
from workstation.consultation import readers
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.secrets import wrapping
from workstation.settings import ServerProfile, Settings

SERVER = ServerProfile("IRIS", "https://iris.example/dicom-web", user="petrova")
# what the ways to a server keep: password, token, password of the certificate
KEPT = ("IRIS", "IRIS (refresh token)", "IRIS (certificate)")


class Ring(KeyringBackend):
    """A keyring that keeps what it is given."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_secrets_of_servers_leave_the_keyring_with_the_key_and_come_back_with_it(tmp_path: Path, ring: Ring) -> None:
    settings = Settings(tmp_path, language="en", servers=(SERVER,))
    with application(settings) as opened:
        key = secrets.open_key(tmp_path)
        for name in KEPT:
            secrets.remember_password(name, f"secret of {name}", data_dir=tmp_path, key=key)
        assert len(ring.kept) == 4
        opened.guard.change_passphrase("", "words in place of the keyring")
        assert ring.kept == {}
        for name in KEPT:
            assert secrets.password(name, data_dir=tmp_path, key=key) == f"secret of {name}"
        with pytest.raises(WrongPassphrase):
            opened.guard.change_passphrase("not these words, surely", None)
        opened.guard.change_passphrase("words in place of the keyring", None)
        assert len(ring.kept) == 4
        assert {secrets.password(name) for name in KEPT} == {f"secret of {name}" for name in KEPT}
        with opened.archive.database.read() as cursor:
            events = [(entry.event, entry.detail.get("wrap")) for entry in audit.entries(cursor)]
    assert events == [
        ("passphrase changed", "passphrase"), ("unlock failed", None), ("passphrase changed", "keyring")
    ]  # fmt: skip


def test_programs_of_two_readers_run_side_by_side_and_share_no_secret(tmp_path: Path, ring: Ring) -> None:
    first = Settings(tmp_path, language="en", servers=(SERVER,))
    secrets.create_key(tmp_path, "words of the first reader")
    folder = readers.add(tmp_path, "Night").folder
    second = replace(first, data_dir=folder)
    with (
        application(first, passphrase=lambda: "words of the first reader") as one,
        application(second, passphrase=lambda: "words of the night reader") as two,
    ):
        assert ring.kept == {}
        for opened, word in ((one, "of the first"), (two, "of the night")):
            opened.guard.record("program started")
            key = secrets.open_key(
                opened.settings.data_dir,
                lambda opened=opened: f"words of the {'first' if opened is one else 'night'} reader",
            )
            secrets.remember_password("IRIS", word, data_dir=opened.settings.data_dir, key=key)
            assert secrets.password("IRIS", data_dir=opened.settings.data_dir, key=key) == word
        two.guard.change_passphrase("words of the night reader", "other words of the night")
        one.guard.check("words of the first reader")
        with pytest.raises(WrongPassphrase):
            one.guard.check("other words of the night")
        with pytest.raises(ArchiveLocked, match="Several readers share this desk"):
            two.guard.change_passphrase("other words of the night", None)
        for opened, count in ((one, 2), (two, 2)):
            with opened.archive.database.read() as cursor:
                assert len(audit.entries(cursor)) == count

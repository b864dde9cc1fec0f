"""The way in: first start, passphrase, recovery key, several readers, and a keyring that doesn't give the key."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QPushButton

from workstation import language, secrets
from workstation import settings as settings_file
from workstation.consultation import readers
from workstation.errors import ArchiveLocked, WrongPassphrase
from workstation.jobs import Workers
from workstation.secrets import wrapping
from workstation.settings import ServerProfile, Settings
from workstation.ui.background import Background
from workstation.ui.card import CardPage
from workstation.ui.entry import EntryWindow
from workstation.ui.entry_pages import ChooserPage, NamePage, RecoverPage, SetUpPage, TroublePage, UnlockPage
from workstation.ui.recovery import RecoveryKeyPage

PASSPHRASE = "четыре слова без связи"

Until = Callable[..., None]
Page = TypeVar("Page", bound=CardPage)


class Ring(KeyringBackend):
    """A keyring that keeps what it is given, or raises what it is told to."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.raises: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.raises:
            raise self.raises
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    before, spoken = keyring.get_keyring(), language.current_language()
    keyring.set_keyring(fail.Keyring())
    language.set_language("en")
    yield
    keyring.set_keyring(before)
    language.set_language(spoken)


class Door:
    """The entry window and hands on it."""

    def __init__(self, desk: Path, until: Until) -> None:
        self._until = until
        self._workers = Workers()
        self._background = Background(self._workers)
        self.window = EntryWindow(desk, self._background)
        self.window.begin(None)

    def page(self, kind: type[Page]) -> Page:
        self._until(lambda: isinstance(self.window.page, kind))
        shown = self.window.page
        assert isinstance(shown, kind)
        return shown

    def type(self, page: CardPage, *texts: str) -> None:
        """One text a field, each with Enter: the last one goes on."""
        self._until(lambda: page.is_ready)
        fields = [field for field in page.findChildren(QLineEdit) if field.isVisible()]
        for field in fields:
            field.clear()
        for field, text in zip(fields, texts, strict=True):
            field.setText(text)
            QTest.keyClick(field, Qt.Key.Key_Return)

    def press(self, page: CardPage, text: str) -> None:
        (button,) = [one for one in page.findChildren(QPushButton) if one.text() == text]
        button.click()

    def says(self, page: CardPage, text: str) -> None:
        self._until(lambda: text in page.message)

    def entered(self) -> tuple[Path, bytes]:
        self._until(lambda: self.window.entered is not None)
        assert self.window.entered is not None
        return self.window.entered.folder, self.window.entered.key

    def close(self) -> None:
        self._background.close()
        self.window.close()
        self.window.deleteLater()
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self._workers.close()


@pytest.fixture
def come(tmp_path: Path, app: QApplication, until: Until) -> Iterator[Callable[[], Door]]:
    doors: list[Door] = []

    def come() -> Door:
        doors.append(Door(tmp_path, until))
        return doors[-1]

    yield come
    for door in doors:
        door.close()


def test_a_first_start_seals_the_archive_and_gives_a_recovery_key(
    come: Callable[[], Door], tmp_path: Path, until: Until
) -> None:
    door = come()
    page = door.page(SetUpPage)
    assert page.focusWidget() is page.findChildren(QLineEdit)[0]
    door.type(page, "short", "short")
    door.says(page, "shorter than 12 characters")
    door.type(page, PASSPHRASE, "another of them")
    door.says(page, "The two passphrases differ")
    assert not (tmp_path / "key.json").exists()
    door.type(page, PASSPHRASE, PASSPHRASE)
    paper = door.page(RecoveryKeyPage)
    assert paper.primary is not None
    assert not paper.primary.isEnabled()
    paper.done.setChecked(True)
    paper.primary.click()
    folder, key = door.entered()
    assert folder == tmp_path
    assert secrets.open_key(folder, lambda: PASSPHRASE) == key == secrets.recover_key(folder, paper.code)


def test_a_recovery_key_that_nobody_noted_is_none(come: Callable[[], Door], tmp_path: Path) -> None:
    door = come()
    door.type(door.page(SetUpPage), PASSPHRASE, PASSPHRASE)
    door.press(door.page(RecoveryKeyPage), "Not now")
    door.entered()
    assert not secrets.key_state(tmp_path).has_recovery


def test_wrong_passphrases_are_said_and_make_the_next_one_wait(come: Callable[[], Door], tmp_path: Path) -> None:
    key = secrets.create_key(tmp_path, PASSPHRASE)
    door = come()
    page = door.page(UnlockPage)
    for _wrong in range(2):
        door.type(page, "not this one, surely")
        door.says(page, "The passphrase is wrong")
    door.type(page, "not this one, surely")
    door.says(page, "Try again in")
    door.type(page, PASSPHRASE)
    assert door.entered() == (tmp_path, key)
    assert door.window.entered is not None
    assert door.window.entered.wrong_attempts == 3


def test_a_forgotten_passphrase_is_set_anew_by_the_recovery_key(come: Callable[[], Door], tmp_path: Path) -> None:
    key, code = secrets.create_key(tmp_path, PASSPHRASE), secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, code)
    door = come()
    door.press(door.page(UnlockPage), "Forgotten? Use the recovery key")
    page = door.page(RecoverPage)
    door.type(page, code[:-1] + ("0" if code[-1] != "0" else "1"), "new words to open it", "new words to open it")
    door.says(page, "mistyped: group 7 of 7")
    door.type(page, secrets.new_code(), "new words to open it", "new words to open it")
    door.says(page, "not the recovery key of this archive")
    door.type(page, code, "short", "short")
    door.says(page, "shorter than 12")
    door.type(page, code.lower(), "new words to open it", "new words to open it")
    assert door.entered() == (tmp_path, key)
    assert door.window.entered is not None
    assert door.window.entered.new_passphrase == "new words to open it"


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (keyring.errors.KeyringLocked("x"), "The keyring is locked"),
        (None, "The keyring does not hold the archive's key"),
    ],
)
def test_a_keyring_that_gives_no_key_is_told_with_ways_out(
    come: Callable[[], Door], tmp_path: Path, error: Exception | None, title: str
) -> None:
    ring = Ring()
    keyring.set_keyring(ring)
    key, code = secrets.create_key(tmp_path, None), secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, code)
    kept = dict(ring.kept)
    ring.raises = error
    ring.kept.clear()
    door = come()
    page = door.page(TroublePage)
    assert page.title.text() == title
    door.press(page, "Use the recovery key")
    door.press(door.page(RecoverPage), "Back")
    page = door.page(TroublePage)
    ring.raises = None
    ring.kept.update(kept)
    door.press(page, "Try again")
    assert door.entered() == (tmp_path, key)


def test_a_keyring_that_answers_opens_without_a_question(come: Callable[[], Door], tmp_path: Path) -> None:
    keyring.set_keyring(Ring())
    key = secrets.create_key(tmp_path, None)
    door = come()
    assert door.entered() == (tmp_path, key)
    assert not door.window.isVisible()


def test_readers_of_one_desk_choose_themselves_and_another_joins(
    come: Callable[[], Door], tmp_path: Path, until: Until
) -> None:
    settings_file.save(
        Settings(tmp_path, shown_as="Day", servers=(ServerProfile("IRIS", "https://iris.example", user="day"),))
    )
    first = secrets.create_key(tmp_path, PASSPHRASE)
    night = readers.add(tmp_path, "Night")
    door = come()
    names = door.page(ChooserPage).findChild(QListWidget)
    assert isinstance(names, QListWidget)
    assert [names.item(row).text() for row in range(names.count())] == ["Day", "Night"]
    until(names.hasFocus)
    QTest.keyClick(names, Qt.Key.Key_Down)
    QTest.keyClick(names, Qt.Key.Key_Return)
    door.type(door.page(SetUpPage), "words of the night shift", "words of the night shift")
    door.press(door.page(RecoveryKeyPage), "Not now")
    folder, key = door.entered()
    assert folder == night.folder
    assert key != first
    with pytest.raises(WrongPassphrase):
        secrets.open_key(folder, lambda: PASSPHRASE)
    assert [(server.name, server.user) for server in settings_file.load(folder).servers] == [("IRIS", "")]
    another = come()
    another.press(another.page(ChooserPage), "Add a reader…")
    page = another.page(NamePage)
    another.type(page, "night")
    another.says(page, "has this name")
    another.type(page, "Holidays")
    another.page(SetUpPage)
    assert [reader.name for reader in readers.readers(tmp_path)] == ["Day", "Holidays", "Night"]


def test_nobody_joins_an_archive_that_opens_by_the_keyring_of_all(tmp_path: Path) -> None:
    keyring.set_keyring(Ring())
    key = secrets.create_key(tmp_path, None)
    with pytest.raises(ArchiveLocked, match="every reader at this computer account would share"):
        readers.add(tmp_path, "Night")
    secrets.rewrap_key(tmp_path, key, PASSPHRASE)
    assert readers.add(tmp_path, "Night").folder.parent == tmp_path / "readers"
    assert readers.is_shared(tmp_path)

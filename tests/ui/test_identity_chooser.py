"""Choosing who signs: files by their name, tokens by whom they belong to and until when."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit

from tests.soft_token import MODULE, SoftToken, soft_token
from workstation.jobs import Workers
from workstation.signing.authority import Authority, ReaderSubject
from workstation.signing.opening import open_identity
from workstation.ui.background import Background
from workstation.ui.reading.identity_chooser import IdentityChooser

__all__ = ["soft_token"]

READER = "Петрова^Анна^Сергеевна"


@pytest.fixture
def choose(app: QApplication) -> Iterator[Callable[[str], IdentityChooser]]:
    workers, made = Workers(), []

    def make(identity: str) -> IdentityChooser:
        chooser = IdentityChooser(Background(workers), identity, MODULE)
        made.append(chooser)
        return chooser

    yield make
    workers.close()
    for chooser in made:
        chooser.deleteLater()


def offered(chooser: IdentityChooser) -> list[str]:
    (box,) = chooser.findChildren(QComboBox)
    return [box.itemText(number) for number in range(box.count())]


def said(chooser: IdentityChooser) -> str:
    (label,) = chooser.findChildren(QLabel)
    return label.text()


def secret(chooser: IdentityChooser) -> QLineEdit:
    return next(one for one in chooser.findChildren(QLineEdit) if one.accessibleName() == "Password of the identity")


def test_the_reader_s_own_token_is_found_and_chosen_among_others(
    choose: Callable[[str], IdentityChooser],
    soft_token: SoftToken,
    authority: Authority,
    until: Callable[..., None],
) -> None:
    for label, name, days in (("Card A", "Сидоров^Олег", 400), ("Card B", "Petrova^Anna", 12)):
        soft_token.initialise(label)
        subject = ReaderSubject(name, "Центр", label[-1])
        started = datetime.now(UTC) - timedelta(hours=1)
        soft_token.put(label, "01", authority.issue(subject, "x", started, days), "x")
    chooser = choose("")
    assert not secret(chooser).isEnabled()
    chooser.look(READER)
    until(lambda: len(offered(chooser)) == 2)
    assert offered(chooser) == ["Petrova Anna", "Сидоров Олег"]
    assert chooser.identity.startswith("pkcs11:token=Card%20B;")
    assert secret(chooser).placeholderText() == "PIN of the token"
    assert said(chooser) == "Card B: the certificate ends in 11 days"
    secret(chooser).setText("2468")
    with open_identity(chooser.identity, chooser.take_secret()) as identity:
        assert identity.subject == "Petrova Anna"
    assert secret(chooser).text() == ""


def test_a_file_of_the_settings_stays_chosen_when_tokens_are_found(
    choose: Callable[[str], IdentityChooser], soft_token: SoftToken, authority: Authority, until: Callable[..., None]
) -> None:
    soft_token.initialise("Card")
    soft_token.put("Card", "01", authority.issue(ReaderSubject(READER, "Центр", "R"), "x"), "x")
    chooser = choose("/media/keys/reader.p12")
    assert offered(chooser) == ["reader.p12"]
    chooser.look(READER)
    until(lambda: len(offered(chooser)) == 2)
    assert chooser.identity == "/media/keys/reader.p12"
    assert secret(chooser).placeholderText() == "Password of the identity"


def test_a_token_taken_out_goes_from_the_list(
    choose: Callable[[str], IdentityChooser], soft_token: SoftToken, authority: Authority, until: Callable[..., None]
) -> None:
    soft_token.initialise("Card")
    soft_token.put("Card", "01", authority.issue(ReaderSubject(READER, "Центр", "R"), "x"), "x")
    chooser = choose("reader.p12")
    chooser.look(READER)
    until(lambda: len(offered(chooser)) == 2)
    for path in list(soft_token.folder.iterdir()):
        path.rename(soft_token.folder.parent / path.name)
    chooser.look(READER)
    until(lambda: len(offered(chooser)) == 1)
    assert offered(chooser) == ["reader.p12"]

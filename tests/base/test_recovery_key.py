"""The recovery key: what it opens, which slips of the pen it notices, and which passphrases are refused as weak."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail

from workstation import secrets
from workstation.errors import ArchiveLocked, WorkstationError, WrongPassphrase
from workstation.secrets import wrapping
from workstation.secrets.recovery_code import ALPHABET, read_code
from workstation.secrets.strength import SHORTEST_AT_DESK, weakness


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fast scrypt, and no keyring of whoever runs the tests."""
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


def refused(code: str) -> bool:
    try:
        read_code(code)
    except ArchiveLocked:
        return True
    return False


def test_a_recovery_key_is_seven_groups_of_characters_that_nobody_confuses() -> None:
    codes = {secrets.new_code() for _one in range(200)}
    assert len(codes) == 200
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [5] * 7
        assert not set(code) & set("ILOU")
        assert read_code(code) == code
    # four of each five are free: 28 characters of 5 bits
    assert len(ALPHABET) == 32
    seen = [{code[place] for code in codes} for place in range(41) if (place + 1) % 6 and (place + 2) % 6]
    assert len(seen) == 28
    assert all(len(characters) > 25 for characters in seen)


def test_every_single_wrong_character_and_every_swap_of_two_is_noticed() -> None:
    code = secrets.new_code()
    places = [place for place, character in enumerate(code) if character != "-"]
    for place in places:
        for other in set(ALPHABET) - {code[place]}:
            assert refused(code[:place] + other + code[place + 1 :])
    for one, two in itertools.combinations(places, 2):
        if one // 6 == two // 6 and code[one] != code[two]:
            swapped = list(code)
            swapped[one], swapped[two] = code[two], code[one]
            assert refused("".join(swapped))
    groups = code.split("-")
    for one, two in itertools.combinations(range(7), 2):
        if groups[one] != groups[two]:
            exchanged = list(groups)
            exchanged[one], exchanged[two] = groups[two], groups[one]
            assert refused("-".join(exchanged))


def test_the_group_with_the_slip_is_named() -> None:
    groups = secrets.new_code().split("-")
    groups[3] = groups[3][:-1] + next(one for one in ALPHABET if one != groups[3][-1])
    with pytest.raises(ArchiveLocked, match="group 4 of 7"):
        read_code("-".join(groups))
    with pytest.raises(ArchiveLocked, match="30 characters in place of 35"):
        read_code(secrets.new_code()[:-6])


@pytest.mark.parametrize("change", [str.lower, lambda code: code.replace("-", " "), lambda code: code.replace("-", "")])
def test_it_is_read_however_it_is_spaced_and_cased(change: object) -> None:
    code = secrets.new_code()
    assert callable(change)
    assert read_code(f" {change(code)}\n") == code


def test_letters_of_the_same_shape_are_read_as_ours() -> None:
    latin, alike = "0110ABEKMHPCTXY3", "OILОАВЕКМНРСТХУЗ"
    for _one in range(50):
        code = secrets.new_code()
        for ours, theirs in zip(latin, alike, strict=True):
            assert read_code(code.replace(ours, theirs)) == code


def test_a_recovery_key_opens_the_archive_whose_passphrase_is_forgotten(tmp_path: Path) -> None:
    key = secrets.open_key(tmp_path, lambda: "long forgotten words")
    with pytest.raises(ArchiveLocked, match="no recovery key"):
        secrets.recover_key(tmp_path, secrets.new_code())
    code = secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, code)
    assert secrets.recover_key(tmp_path, code.lower()) == key
    with pytest.raises(WrongPassphrase, match="not the recovery key of this archive"):
        secrets.recover_key(tmp_path, secrets.new_code())
    secrets.rewrap_key(tmp_path, key, "new words for the same key")
    assert secrets.recover_key(tmp_path, code) == key
    assert secrets.open_key(tmp_path, lambda: "new words for the same key") == key
    later = secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, later)
    assert secrets.recover_key(tmp_path, later) == key
    with pytest.raises(WrongPassphrase):
        secrets.recover_key(tmp_path, code)


def test_no_recovery_key_stands_in_the_key_file(tmp_path: Path) -> None:
    key = secrets.open_key(tmp_path, lambda: "long forgotten words")
    code = secrets.new_code()
    secrets.set_recovery_code(tmp_path, key, code)
    content = (tmp_path / "key.json").read_text(encoding="utf-8")
    assert not any(group in content for group in code.split("-"))
    assert key.hex() not in content


@pytest.mark.parametrize(
    ("weak", "why"),
    [
        ("", "empty"),
        ("elevenchars", "shorter than 12"),
        ("aaaaaaaaaaaaaaa", "too few different"),
        ("Herbst7Herbst7Herbst7", "over and over"),
        ("qwertyuiop12345", "row of keys"),
        ("йцукенгшщзхъ", "row of keys"),
        ("abcdefghijklmnop", "row of keys"),
        ("Password 2024!!", "everybody tries"),
        ("пароль12345678", "everybody tries"),
        ("Админ.Пароль.1", "everybody tries"),
    ],
)
def test_a_weak_passphrase_is_refused_with_its_reason(tmp_path: Path, weak: str, why: str) -> None:
    with pytest.raises(WorkstationError, match=why):
        secrets.open_key(tmp_path, lambda: weak)
    assert not (tmp_path / "key.json").exists()
    key = secrets.open_key(tmp_path, lambda: "четыре слова без связи")
    before = (tmp_path / "key.json").read_bytes()
    with pytest.raises(WorkstationError, match=why):
        secrets.rewrap_key(tmp_path, key, weak)
    assert (tmp_path / "key.json").read_bytes() == before


@pytest.mark.parametrize(
    "strong", ["correct horse battery", "четыре слова без связи", "tr0ub4dor & 3 cats", "a passphrase"]
)
def test_words_that_belong_to_nobody_are_strong_enough(strong: str) -> None:
    assert weakness(strong) == ""


def test_a_desk_passphrase_may_be_shorter_but_no_row_of_digits() -> None:
    assert weakness("407193", SHORTEST_AT_DESK) == ""
    for weak in ("40719", "111111", "123456", "654321", "121212"):
        assert weakness(weak, SHORTEST_AT_DESK)


def test_a_desk_passphrase_is_checked_and_its_hash_is_sealed(tmp_path: Path) -> None:
    key = secrets.open_key(tmp_path, lambda: "четыре слова без связи")
    with pytest.raises(ArchiveLocked, match="No desk passphrase is set"):
        secrets.check_desk_passphrase(tmp_path, key, "407193")
    secrets.set_desk_passphrase(tmp_path, key, "407193")
    assert secrets.key_state(tmp_path).has_desk_passphrase
    secrets.check_desk_passphrase(tmp_path, key, "407193")
    with pytest.raises(WrongPassphrase):
        secrets.check_desk_passphrase(tmp_path, key, "407194")
    # without the master key there is nothing to guess by
    with pytest.raises(ArchiveLocked, match="No desk passphrase"):
        secrets.check_desk_passphrase(tmp_path, bytes(32), "407193")
    secrets.set_desk_passphrase(tmp_path, key, None)
    assert not secrets.key_state(tmp_path).has_desk_passphrase

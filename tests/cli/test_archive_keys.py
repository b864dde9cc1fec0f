"""Passphrase, recovery key, several readers and shredding, as commands."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail

from workstation import cli, language
from workstation.secrets import wrapping

Run = Callable[..., Any]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run("archive", …)` runs a command in this process, without a keyring."""
    monkeypatch.setattr(wrapping, "SCRYPT_N", 2**14)
    before, spoken = keyring.get_keyring(), language.current_language()
    keyring.set_keyring(fail.Keyring())

    def start(*words: str | Path) -> Done:
        status = cli.run([str(word) for word in words])
        said = capsys.readouterr()
        return Done(status, said.out, said.err)

    yield start
    keyring.set_keyring(before)
    language.set_language(spoken)


@pytest.fixture
def words(tmp_path: Path) -> Callable[[str], Path]:
    """A file with a secret."""

    def words(secret: str) -> Path:
        path = tmp_path / f"{abs(hash(secret))}.txt"
        path.write_text(f"{secret}\n", encoding="utf-8")
        return path

    return words


def status(run: Run, data: Path, passphrase: Path, *more: str) -> Any:
    return run(
        "--language", "en", "--data", data, *more, "--passphrase-file", passphrase, "archive", "status", "--json"
    )


def test_a_passphrase_is_changed_and_the_old_one_opens_nothing_any_more(
    run: Run, words: Callable[[str], Path], tmp_path: Path
) -> None:
    data, old, new = tmp_path / "desk", words("the words until today"), words("слова с этого дня")
    assert status(run, data, old).returncode == 0
    options = ("--language", "en", "--data", data, "--passphrase-file", old, "archive", "passphrase")
    weak = run(*options, "--new-passphrase-file", words("short"))
    assert (weak.returncode, "shorter than 12 characters" in weak.stderr) == (1, True)
    assert status(run, data, old).returncode == 0
    assert run(*options, "--new-passphrase-file", new).returncode == 0
    refused = status(run, data, old)
    assert (refused.returncode, refused.stderr.strip()) == (
        1, "iris-workstation: The passphrase is wrong. Try again; nothing is lost."
    )  # fmt: skip
    assert status(run, data, new).returncode == 0
    listed = run("--data", data, "--passphrase-file", new, "audit", "--list", "--json").stdout
    assert "passphrase changed" in listed
    no_keyring = run("--language", "en", "--data", data, "--passphrase-file", new, "archive", "passphrase", "--keyring")
    assert (no_keyring.returncode, "No keyring answers" in no_keyring.stderr) == (1, True)
    assert status(run, data, new).returncode == 0


def test_a_recovery_key_sets_a_new_passphrase(run: Run, words: Callable[[str], Path], tmp_path: Path) -> None:
    data, lost, new = tmp_path / "desk", words("words soon forgotten"), words("words set by recovery")
    made = run("--language", "en", "--data", data, "--passphrase-file", lost, "archive", "recovery-key", "--json")
    code = json.loads(made.stdout)["recovery_key"]
    recover = ("--language", "en", "--data", data, "archive", "recover", "--new-passphrase-file", new)
    typo = run(*recover, "--recovery-key-file", words(code[:-1] + ("0" if code[-1] != "0" else "1")))
    assert (typo.returncode, "mistyped: group 7 of 7" in typo.stderr) == (1, True)
    assert run(*recover, "--recovery-key-file", words(code.lower().replace("-", " "))).returncode == 0
    assert status(run, data, new).returncode == 0
    assert status(run, data, lost).returncode == 1
    assert "recovery key used" in run("--data", data, "--passphrase-file", new, "audit", "--list").stdout


def test_readers_of_one_desk_have_archives_that_dont_open_for_each_other(
    run: Run, words: Callable[[str], Path], tmp_path: Path
) -> None:
    data, first, second = tmp_path / "desk", words("words of the first one"), words("words of the second one")
    assert status(run, data, first).returncode == 0
    added = run("--language", "en", "--data", data, "reader", "add", "Ночная смена", "--json")
    folder = Path(json.loads(added.stdout)["readers"][0]["folder"])
    again = run("--language", "en", "--data", data, "reader", "add", "НОЧНАЯ смена")
    assert (again.returncode, "has this name" in again.stderr) == (1, True)
    assert status(run, data, second, "--reader", "ночная смена").returncode == 0
    assert (folder / "archive" / "index.db").exists()
    assert status(run, data, first).returncode == 0
    assert status(run, data, first, "--reader", "ночная смена").returncode == 1
    assert status(run, data, second).returncode == 1
    listed = run("--language", "en", "--data", data, "reader", "list", "--json")
    assert [one["name"] for one in json.loads(listed.stdout)["readers"]] == ["", "Ночная смена"]
    renamed = run("--language", "en", "--data", data, "reader", "rename", "First reader", "Дневная смена")
    assert renamed.returncode == 0
    assert status(run, data, first, "--reader", "дневная смена").returncode == 0
    unknown = status(run, data, first, "--reader", "nobody")
    assert (unknown.returncode, "Known are: Дневная смена, Ночная смена" in unknown.stderr) == (1, True)


def test_an_archive_is_destroyed_only_on_a_word_and_without_its_passphrase(
    run: Run, words: Callable[[str], Path], tmp_path: Path
) -> None:
    data = tmp_path / "desk"
    assert status(run, data, words("words that will be lost")).returncode == 0
    silent = run("--language", "en", "--data", data, "archive", "destroy")
    assert (silent.returncode, "Nothing was destroyed" in silent.stderr) == (1, True)
    assert (data / "key.json").exists()
    done = run("--language", "en", "--data", data, "archive", "destroy", "--yes")
    assert (done.returncode, done.stdout.startswith("Destroyed")) == (0, True)
    assert not (data / "key.json").exists()
    assert not (data / "archive").exists()

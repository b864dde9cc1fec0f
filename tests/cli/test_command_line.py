"""The command line itself: help, wrong usage, the demonstration's server, identities, and windows without a display."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workstation import cli, language
from workstation.cli import COMMANDS
from workstation.cli.desk import chosen_settings


@pytest.fixture
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For the tests that stay in this process."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    before = language.current_language()
    yield
    language.set_language(before)


def test_help_lists_every_command(run: Callable[..., Any]) -> None:
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for name, _purpose in COMMANDS:
        assert name in result.stdout


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("name", [name for name, _purpose in COMMANDS])
def test_help_of_a_command_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run([name, "--help"])
    assert ended.value.code == 0
    assert f"iris-workstation {name}" in capsys.readouterr().out.partition("Example:\n")[2].replace(
        "--language en ", ""
    )


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("words", [["--language", "ru", "verify"], ["--language=ru", "pull"]])
def test_the_language_asked_for_rules_the_help_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.run([*words, "--help"])
    assert "Пример:\n" in capsys.readouterr().out


def test_wrong_usage_is_status_2(run: Callable[..., Any]) -> None:
    result = run("pull")
    assert result.returncode == 2
    assert result.stderr.startswith("usage: iris-workstation pull")
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    "words",
    [["no-such-command"], ["verify"], ["tour"], ["--language", "xx"], ["worklist", "--no-such-option"], ["--data"]],
)
def test_every_wrong_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: iris-workstation")


@pytest.mark.parametrize(
    "words",
    [
        ["--url", "https://iris.example", "--user", "reader"],
        ["--url", "https://iris.example", "--user", "reader", "worklist"],
        ["worklist", "--url", "https://iris.example", "--user", "reader"],
        ["--user", "reader", "worklist", "--url", "https://iris.example"],
    ],
)
def test_the_server_may_be_named_before_the_command_behind_it_and_without_one(words: list[str], tmp_path: Path) -> None:
    options = cli.parsed(["--data", str(tmp_path), *words])
    (profile,) = chosen_settings(options).servers
    assert (profile.dicomweb_url, profile.user, options.password_file) == ("https://iris.example", "reader", None)


def test_a_window_without_a_display_is_one_line(run: Callable[..., Any], tmp_path: Path) -> None:
    for words in ([], ["demo"]):
        result = run("--data", tmp_path / "desk", *words)
        assert result.returncode == 1
        assert result.stderr.splitlines()[0].startswith("iris-workstation: There is no display")


def test_an_identity_with_another_password_is_one_line(
    run: Callable[..., Any], site: Any, identity_file: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("not this one\n", encoding="utf-8")
    identity = ["--identity", identity_file, "--identity-password-file", wrong]
    result = run("--data", tmp_path / "desk", "tour", tmp_path / "out", *site.server(), *identity)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("iris-workstation: ")]
    assert "password" in line
    assert "not this one" not in result.stderr


def test_a_reader_of_the_output_that_has_seen_enough_is_no_fault(child_environment: dict[str, str]) -> None:
    nobody_reads, out = os.pipe()
    os.close(nobody_reads)
    command = [sys.executable, "-m", "workstation", "self-test"]
    with os.fdopen(out, "wb") as closed:
        result = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, env=child_environment, check=False)
    assert (result.returncode, result.stderr) == (1, b"")


def test_the_program_starts_no_toolkit_for_a_command_without_a_window(tmp_path: Path) -> None:
    asked = (
        "import sys; from workstation.cli import run; run(['verify', 'absent.dcm']); print('PySide6' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.stdout.strip() == "False"

"""`worklist` and `pull` against the embedded IRIS; what the world refuses is one clear line and status 1."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workstation.cli.desk import profile_of
from workstation.errors import WorkstationError


def refused(result: Any, *words: str) -> str:
    """The one line of a refusal, after the marks of progress."""
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("iris-workstation: ")
    for word in words:
        assert word in lines[0]
    return str(lines[0])


def test_the_worklist_names_the_case(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    result = run(*desk, "worklist", *site.server())
    assert (result.returncode, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    assert "Смирнова Ольга" in line
    assert "HIGH" in line
    assert "CT" in line


def test_the_worklist_as_json_is_one_object_a_line(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    result = run(*desk, "worklist", *site.server(), "--json")
    (case,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert case["study"] == site.study_uid
    assert case["patient"] == "Смирнова^Ольга"
    assert case["state"] == "requested"
    assert case["kind"] == "first"


def test_a_pulled_study_is_whole_sealed_and_not_fetched_twice(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    result = run(*desk, "pull", *site.server(), "--study", site.study_uid, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "study": site.study_uid,
        "expected": site.images,
        "received": site.images,
        "priors": 1,
    }
    held = [path for path in (tmp_path / "desk" / "archive" / "objects").rglob("*") if path.is_file()]
    assert len(held) == site.images + 2
    everything = b"".join(path.read_bytes() for path in (tmp_path / "desk").rglob("*") if path.is_file())
    assert "Смирнова".encode() not in everything
    assert site.study_uid.encode() not in everything

    again = run(*desk, "pull", *site.server(), "--study", site.study_uid)
    assert again.returncode == 0
    assert again.stdout.strip() == "4 of 4 images, 1 earlier studies"
    assert {path for path in (tmp_path / "desk" / "archive" / "objects").rglob("*") if path.is_file()} == set(held)


def test_a_server_that_is_down_is_one_line(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = run(*desk, "worklist", "--url", f"http://127.0.0.1:{port}/dicom-web")
    refused(result, "No connection to the server", "127.0.0.1")


def test_a_wrong_password_is_one_line_without_the_password(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("не тот пароль\n", encoding="utf-8")
    result = run(*desk, "worklist", "--url", site.iris.url, "--user", site.iris.user, "--password-file", wrong)
    assert "не тот" not in refused(result, "The server wants you to sign in", "HTTP 401")


def test_a_user_without_a_password_is_one_line(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    refused(run(*desk, "worklist", "--url", site.iris.url, "--user", site.iris.user), "The password for 127.0.0.1")


def test_an_unknown_study_is_one_line(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    result = run(*desk, "pull", *site.server(), "--study", "1.2.3.4.5")
    refused(result, "The worklist has no such study", "1.2.3.4.5")


def test_a_wrong_passphrase_is_one_line_and_harms_nothing(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    assert run(*desk, "worklist", *site.server()).returncode == 0
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("another\n", encoding="utf-8")
    result = run(*desk, "--passphrase-file", wrong, "worklist", *site.server())
    refused(result, "The passphrase is wrong")
    assert run(*desk, "worklist", *site.server()).returncode == 0


def test_without_keyring_and_passphrase_it_says_what_to_give(
    run: Callable[..., Any], site: Any, tmp_path: Path
) -> None:
    refused(run("--data", tmp_path / "desk", "worklist", *site.server()), "--passphrase-file")


def test_what_is_no_web_address_is_one_line(run: Callable[..., Any], desk: list[str]) -> None:
    refused(run(*desk, "worklist", "--url", "iris.example/dicom-web"), "This is no web address")


@pytest.mark.parametrize("url", ["ftp://iris.example", "http://", "https:///dicom-web", ""])
def test_nor_are_these_web_addresses(url: str) -> None:
    with pytest.raises(WorkstationError):
        profile_of(url, "reader")


def test_a_new_desk_speaks_russian(run: Callable[..., Any], site: Any, tmp_path: Path) -> None:
    result = run("--data", tmp_path / "desk", "--passphrase-file", site.passphrase_file, "worklist")
    refused(result, "Нет связи с сервером")


def test_no_server_at_all_is_one_line(run: Callable[..., Any], site: Any, desk: list[str]) -> None:
    refused(run(*desk, "worklist"), "The desk is offline")


def test_a_secret_that_can_not_be_read_names_its_file(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    result = run(*desk, "worklist", "--url", site.iris.url, "--password-file", tmp_path / "absent.txt")
    refused(result, "absent.txt")


def test_settings_that_can_not_be_read_name_their_file(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text("language = \n", encoding="utf-8")
    refused(run(*desk, "worklist", *site.server()), "settings.toml")


def test_the_server_of_the_settings_is_used(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text(
        f'language = "en"\n[[servers]]\nname = "IRIS"\ndicomweb_url = "{site.iris.url}"\nuser = "{site.iris.user}"\n',
        encoding="utf-8",
    )
    result = run(*desk, "worklist", "--password-file", site.password_file, "--json")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1), result.stderr

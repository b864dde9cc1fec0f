"""`doctor` as an administrator runs it: a desk with and without what it needs, and the words for each fault."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workstation.cli import desk_checks, doctor
from workstation.cli.trial_object import trial_object
from workstation.iris.finding import Finding, State
from workstation.iris.service_checks import SERVICES
from workstation.language import set_language
from workstation.settings import Settings


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def rows(result: Any) -> dict[str, dict[str, Any]]:
    """The lines of --json by their checks."""
    assert result.stderr == ""
    return {row["check"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_a_desk_that_works_has_no_failure(
    run: Callable[..., Any], site: Any, desk: list[str], child_environment: dict[str, str]
) -> None:
    assert run(*desk, "worklist", *site.server()).returncode == 0
    child_environment["QT_QPA_PLATFORM"] = "offscreen"
    result = run(*desk, "doctor", *site.server())
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "Server 127.0.0.1"
    assert "This computer" in lines
    assert "FAILED" not in result.stdout
    for words in ("database opens; studies: 0", "transfer syntaxes decoded: 21", "Qt offscreen"):
        assert words in " ".join(result.stdout.split())
    assert site.iris.password not in result.stdout
    assert "Смирнова" not in result.stdout
    assert site.study_uid not in result.stdout
    for line in lines:
        if line.startswith("  warning"):
            assert "keyring" in line


def test_a_stopped_server_in_russian_is_status_1_and_this_computer_is_checked_still(
    run: Callable[..., Any], site: Any, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = run("--data", tmp_path / "desk", "doctor", "--url", f"http://127.0.0.1:{port}/dicom-web")
    assert (result.returncode, result.stderr) == (1, "")
    told = " ".join(result.stdout.split())
    assert f"ОШИБКА соединение 127.0.0.1:{port} отвергает соединение" in told
    assert "-> Запустите сервер или исправьте порт в адресе." in result.stdout
    assert "хранилище ключей Хранилище ключей на этом компьютере не отвечает" in told
    assert not (tmp_path / "desk").exists()


def test_json_is_one_object_a_check_in_words_that_do_not_change(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("не тот\n", encoding="utf-8")
    options = ("--url", site.iris.url, "--user", site.iris.user, "--password-file", wrong)
    english = run(*desk, "doctor", *options, "--json")
    russian = run(*desk, "--language", "ru", "doctor", *options, "--json")
    assert (english.returncode, russian.returncode) == (1, 1)
    told = rows(english)
    assert {name: row["state"] for name, row in rows(russian).items()} == {n: row["state"] for n, row in told.items()}
    assert told["sign-in"] == {
        "server": "127.0.0.1",
        "check": "sign-in",
        "state": "failed",
        "found": "the server refuses reader with this password (HTTP 401)",
        "advice": "Check the user name and the password, and that the server takes HTTP Basic sign-in.",
    }
    assert told["disk"]["server"] is None
    assert told["database"]["state"] == "not checked"
    assert "не тот" not in english.stdout + russian.stdout


def test_every_server_of_the_settings_is_checked_with_its_own_password(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text(
        f'language = "en"\nidentity_file = "{tmp_path / "reader.p12"}"\n'
        f'[[servers]]\nname = "first"\ndicomweb_url = "{site.iris.url}"\nuser = "{site.iris.user}"\n'
        f'[[servers]]\nname = "second"\ndicomweb_url = "{site.iris.url}"\nuser = "{site.iris.user}"\n',
        encoding="utf-8",
    )
    result = run(*desk, "doctor", "--password-file", site.password_file, "--json")
    told = {(row["server"], row["check"]): row for row in map(json.loads, result.stdout.splitlines())}
    assert result.returncode == 1
    assert told["first", "sign-in"]["state"] == "ok"
    assert told["second", "sign-in"]["found"] == f"no password of {site.iris.user} is known"
    assert told[None, "identity"]["found"] == "reader.p12 can't be read"


def test_settings_that_can_not_be_read_are_a_finding(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text("language = \n", encoding="utf-8")
    told = rows(run(*desk, "doctor", *site.server(), "--json"))
    assert told["settings"]["state"] == "failed"
    assert "settings.toml" in told["settings"]["found"]
    assert told["search"]["state"] == "ok"


def test_the_database_says_which_secret_it_lacks(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    assert run(*desk, "worklist", *site.server()).returncode == 0
    data = tmp_path / "desk"
    absent = desk_checks.archive_key(data, None)
    assert isinstance(absent, Finding)
    assert (absent.state, "--passphrase-file" in absent.found) == (State.NOT_CHECKED, True)
    wrong = desk_checks.archive_key(data, lambda: "another")
    assert isinstance(wrong, Finding)
    assert (wrong.state, wrong.found) == (State.FAILED, "The passphrase is wrong")
    key = desk_checks.archive_key(data, lambda: "пароль архива")
    assert isinstance(key, bytes)
    assert desk_checks._database(data, key).state is State.OK
    assert desk_checks._database(data, b"\0" * 32).state is State.FAILED
    (data / "key.json").unlink()
    lost = desk_checks.archive_key(data, lambda: "пароль архива")
    assert isinstance(lost, Finding)
    assert lost.found.startswith("The archive's key file is missing")
    assert not (data / "key.json").exists()


def test_a_key_in_a_keyring_that_does_not_answer_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring.backends.fail

    monkeypatch.setattr("keyring.get_keyring", keyring.backends.fail.Keyring)
    record = {"format": 1, "wrap": "keyring", "id": "1", "check": "AAAA"}
    (tmp_path / "key.json").write_text(json.dumps(record), encoding="utf-8")
    found = desk_checks.archive_key(tmp_path, None)
    assert isinstance(found, Finding)
    assert (found.state, found.found) == (State.FAILED, "No keyring answers on this computer")
    assert found.advice == "Unlock the keyring of the desktop, or use the recovery key."
    assert desk_checks._keyring().state is State.WARNING
    set_language("ru")
    assert desk_checks._keyring().found == "Хранилище ключей на этом компьютере не отвечает"


@pytest.fixture
def unprivileged_folder() -> Iterator[Path]:
    """A folder that this process can't write to; root gives up its rights for the while."""
    if os.name != "posix":
        pytest.skip("rights of POSIX")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_a_read_only_data_folder_is_named(unprivileged_folder: Path) -> None:
    for folder in (unprivileged_folder, unprivileged_folder / "desk" / "of a reader"):
        told = next(desk_checks._check_folder(folder))
        assert (told.state, told.found) == (State.FAILED, f"nothing can be written to {unprivileged_folder}")
        assert "--data" in told.advice
    set_language("ru")
    assert next(desk_checks._check_folder(unprivileged_folder)).found == f"в {unprivileged_folder} нельзя писать"


def test_a_data_folder_below_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert next(desk_checks._check_folder(tmp_path / "file" / "desk")).state is State.FAILED


@pytest.mark.parametrize(("free", "state"), [(9e8, State.FAILED), (9e9, State.WARNING), (2e10, State.OK)])
def test_a_disk_that_fills_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, state: State) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=int(free))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert desk_checks._free(tmp_path).state is state


def test_an_identity_is_looked_at_without_its_password(identity_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "reader.p12"
    shutil.copyfile(identity_file, path)
    path.chmod(0o600)
    assert desk_checks._identity(str(path)) == Finding("identity", State.OK, "reader.p12 is there")
    path.chmod(0o644)
    assert desk_checks._identity(str(path)).state is State.WARNING
    path.write_text("-----BEGIN PRIVATE KEY-----")
    assert desk_checks._identity(str(path)).found == "reader.p12 is no PKCS#12 file"
    assert desk_checks._identity("").state is State.NOT_CHECKED


def test_a_display_that_qt_can_not_use_does_not_end_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nosuch")
    found = desk_checks._display()
    assert (found.state, "Qt" in found.advice) == (State.FAILED, True)


def test_decoders_that_are_lost_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from workstation.cli import self_test

    def lost() -> str:
        raise ImportError("no such codec")

    monkeypatch.setattr(self_test, "CHECKS", (("pictures", lost),))
    assert desk_checks._decoders().found == "not every picture decodes (ImportError: no such codec)"


def test_every_check_has_a_name_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_decoders", "_display"):
        monkeypatch.setattr(desk_checks, name, lambda: Finding("display", State.OK, ""))
    settings = Settings(tmp_path)
    made = [one.check for one in desk_checks.examine_desk(settings, desk_checks.archive_key(tmp_path, None))]
    assert {*made, *SERVICES, "decoders"} <= set(doctor.CHECKS)


@pytest.mark.oracle
def test_dciodvfy_finds_no_error_in_the_object_that_is_stored(tmp_path: Path) -> None:
    if not shutil.which("dciodvfy"):
        pytest.skip("dicom3tools is not installed")
    (tmp_path / "trial.dcm").write_bytes(trial_object().data)
    checked = subprocess.run(["dciodvfy", "-new", tmp_path / "trial.dcm"], capture_output=True, check=False)
    assert [line for line in checked.stderr.decode().splitlines() if line.startswith("Error")] == []

"""`audit`: the record of a delivered case listed without its patient, checked, and caught when it was forged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workstation import cli, secrets
from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.demo.server import EmbeddedIris

PASSPHRASE = "верный пароль"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A desk's data folder with four entries in its record."""
    data = tmp_path / "desk"
    (tmp_path / "passphrase.txt").write_text(PASSPHRASE, encoding="utf-8")
    with Archive.open(data, secrets.open_key(data, lambda: PASSPHRASE)) as archive:
        for event in ("case claimed", "case opened", "case measured", "conclusion signed"):
            with archive.database.transaction() as cursor:
                audit.record(cursor, "R-0815", event, "1.2.826.0.1.5")
    return data


@pytest.fixture
def command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """`command("--list")` runs it on the desk; its status and what it printed."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

    def run(*words: str) -> tuple[int, str, str]:
        before = ["--language", "en", "--data", str(folder), "--passphrase-file", str(tmp_path / "passphrase.txt")]
        status = cli.run([*before, "audit", *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_list_says_who_did_what_to_which_case(command: Callable[..., Any]) -> None:
    status, out, _err = command("--list", "--json")
    assert status == 0
    entries = [json.loads(line) for line in out.splitlines()][:4]
    assert [(one["entry"], one["event"], one["who"], one["subject"]) for one in entries] == [
        (1, "case claimed", "R-0815", "1.2.826.0.1.5"),
        (2, "case opened", "R-0815", "1.2.826.0.1.5"),
        (3, "case measured", "R-0815", "1.2.826.0.1.5"),
        (4, "conclusion signed", "R-0815", "1.2.826.0.1.5"),
    ]
    status, out, _err = command("--list")
    assert "case opened" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("forgery", "number"),
    [
        ("UPDATE audit SET who = 'R-0001' WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 3", 3),
        # two entries that changed places
        (
            """UPDATE audit SET sequence = CASE sequence WHEN 2 THEN -3 ELSE -2 END WHERE sequence IN (2, 3);
            UPDATE audit SET sequence = -sequence WHERE sequence < 0""",
            2,
        ),
    ],
)
def test_a_changed_or_removed_entry_is_named_by_its_number(
    command: Callable[..., Any], folder: Path, forgery: str, number: int
) -> None:
    status, out, _err = command("--verify")
    assert status == 0
    assert out.startswith("Whole")
    with (
        Archive.open(folder, secrets.open_key(folder, lambda: PASSPHRASE)) as archive,
        archive.database.transaction() as cursor,
    ):
        cursor.execute("DROP TRIGGER audit_keeps_its_entries")
        cursor.execute("DROP TRIGGER audit_loses_no_entries")
        for statement in forgery.split(";"):
            cursor.execute(statement)
    status, out, _err = command("--verify")
    assert status == 1
    assert f"BROKEN at entry {number}" in out
    assert json.loads(command("--verify", "--json")[1])["broken_at"] == number


def test_a_case_without_delivery_has_no_receipt(command: Callable[..., Any]) -> None:
    status, out, err = command("--receipt", "1.2.3")
    assert (status, out) == (1, "")
    assert "No delivered conclusion" in err


def test_a_file_that_is_no_receipt_is_refused(command: Callable[..., Any], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"package_uid": "1.2"}', encoding="utf-8")
    status, _out, err = command("--verify", "--kept", str(other))
    assert status == 1
    assert "no receipt" in err


def test_a_failed_and_a_good_sign_in_are_events(command: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("не тот", encoding="utf-8")
    with EmbeddedIris(tmp_path / "iris") as iris:
        (tmp_path / "right.txt").write_text(iris.password, encoding="utf-8")
        before = ["--language", "en", "--data", str(folder), "--passphrase-file", str(tmp_path / "passphrase.txt")]
        for name, status in (("wrong.txt", 1), ("right.txt", 0)):
            server = ["--url", iris.url, "--user", iris.user, "--password-file", str(tmp_path / name)]
            assert cli.run([*before, "worklist", *server]) == status
        entries = [json.loads(line) for line in command("--list", "--json")[1].splitlines() if line.startswith("{")][4:]
        assert [(one["event"], one["who"]) for one in entries] == [
            ("sign-in failed", iris.user),
            ("signed in", iris.user),
        ]


def test_the_record_is_written_into_a_file_of_its_reader_alone(command: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    status, out, _err = command("--export", str(path))
    assert (status, out) == (0, "4 entries written\n")
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.glob("audit.log*")] == ["audit.log"]


def test_an_audit_server_that_is_not_set_up_is_said(command: Callable[..., Any]) -> None:
    status, out, err = command("--export", "syslog")
    assert (status, out) == (1, "")
    assert "no address of an audit server" in err

"""Servers of a desk on the command line: set up, chosen, signed in to and out of; one clear message for a bad value."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.cli.conftest import environment
from workstation import settings as settings_file
from workstation.demo.oidc import CLIENT_ID

DICOMWEB = "dicomweb_url=https://north.example/dicom-web/"


@pytest.fixture
def desk(tmp_path: Path, site: Any) -> list[str]:
    return ["--data", str(tmp_path / "desk"), "--passphrase-file", str(site.passphrase_file), "--language", "en"]


def test_servers_are_added_changed_chosen_and_removed(run: Callable[..., Any], desk: list[str], tmp_path: Path) -> None:
    def kept() -> list[tuple[str, str, str]]:
        return [(one.name, one.dicomweb_url, one.user) for one in settings_file.load(tmp_path / "desk").servers]

    assert run(*desk, "server", "add", "North", DICOMWEB).returncode == 0
    assert (
        run(*desk, "server", "add", "South", "dicomweb_url=http://127.0.0.1:8042/dicom-web", "user=reader").returncode
        == 0
    )
    assert run(*desk, "server", "use", "South").returncode == 0
    assert run(*desk, "server", "set", "North", "user=петрова", "stall_timeout_s=12.5").returncode == 0
    assert kept() == [
        ("South", "http://127.0.0.1:8042/dicom-web", "reader"),
        ("North", "https://north.example/dicom-web", "петрова"),
    ]
    assert settings_file.load(tmp_path / "desk").servers[1].stall_timeout_s == 12.5
    listed = run(*desk, "server", "list").stdout.splitlines()
    assert [line[:7] for line in listed] == ["* South", "  North"]
    assert run(*desk, "server", "remove", "South").returncode == 0
    assert [name for name, _url, _user in kept()] == ["North"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["dicomweb_url=north.example"], "North: dicomweb_url is no web address"),
        (["dicomweb_url=https://reader:secret@north.example"], "North: dicomweb_url is no web address"),
        ([DICOMWEB, "stall_timeout_s=soon"], "North: stall_timeout_s is no number of seconds"),
        ([DICOMWEB, "stall_timeout_s=0"], "North: stall_timeout_s is no number of seconds"),
        ([DICOMWEB, "aet=longer than sixteen"], "North: aet is no AE title"),
        ([DICOMWEB, "oidc_issuer=https://login.example"], "North: oidc_client_id is missing"),
        ([DICOMWEB, "oidc_client_id=x", "oidc_token_url=https://login.example/token"], "these go together"),
        ([DICOMWEB, "pasword=x"], "There is no such value of a server: pasword"),
        (["user=reader"], "North: dicomweb_url is missing"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it_and_changes_nothing(
    run: Callable[..., Any], desk: list[str], tmp_path: Path, values: list[str], said: str
) -> None:
    refused = run(*desk, "server", "add", "North", *values)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "secret" not in refused.stderr
    assert not (tmp_path / "desk" / "settings.toml").exists()


def test_a_bad_value_in_the_file_is_named_too(run: Callable[..., Any], desk: list[str], tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "settings.toml").write_text(
        '[[servers]]\nname = "North"\ndicomweb_url = "https://n.example"\nconnect_timeout_s = "ten"\n', encoding="utf-8"
    )
    refused = run(*desk, "server", "list")
    assert refused.returncode == 1
    assert "settings.toml: North: connect_timeout_s is no number of seconds" in refused.stderr


def test_a_server_that_is_not_there_is_named_with_those_that_are(run: Callable[..., Any], desk: list[str]) -> None:
    run(*desk, "server", "add", "North", DICOMWEB)
    for command in (("server", "use", "South"), ("worklist", "--server", "South"), ("server", "remove", "South")):
        refused = run(*desk, *command)
        assert (refused.returncode, refused.stderr) == (
            1,
            "iris-workstation: There is no such server: South. Servers of this desk: North.\n",
        )


def test_a_browser_signs_in_for_all_later_commands_and_signing_out_ends_it(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    values = (f"dicomweb_url={site.iris.url}", f"oidc_issuer={site.iris.issuer}", f"oidc_client_id={CLIENT_ID}")
    assert run(*desk, "server", "add", "IRIS", *values).returncode == 0
    stranger = run(*desk, "worklist")
    assert (stranger.returncode, "You are not signed in to IRIS" in stranger.stderr) == (1, True)

    command = [sys.executable, "-m", "workstation", *desk, "sign-in", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
    ) as signing_in:
        assert signing_in.stdout is not None
        assert "another can't come back here" in signing_in.stdout.readline()
        address = signing_in.stdout.readline().strip()
        assert re.match(rf"{re.escape(site.iris.issuer)}/authorize\?.*code_challenge_method=S256", address)
        form = {"username": site.iris.user, "password": site.iris.password}
        page = requests.post(address, form, timeout=20)
        out, complaints = signing_in.communicate(timeout=30)
    assert (signing_in.returncode, out, complaints) == (0, f"Signed in to IRIS as {site.iris.user}\n", "")
    assert "You may close this page" in page.content.decode()

    listed = run(*desk, "worklist")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1)
    events = run(*desk, "audit", "--list").stdout
    assert "signed in" in events

    assert run(*desk, "sign-out").stdout == "Signed out of IRIS\n"
    assert run(*desk, "worklist").returncode == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "desk").rglob("*") if path.is_file())
    assert site.iris.password.encode() not in kept


def test_a_server_named_on_the_command_line_serves_this_command_alone(
    run: Callable[..., Any], site: Any, desk: list[str], tmp_path: Path
) -> None:
    run(*desk, "server", "add", "North", DICOMWEB)
    run(*desk, "server", "add", "IRIS", f"dicomweb_url={site.iris.url}", f"user={site.iris.user}")
    signed_in = run(*desk, "sign-in", "--server", "IRIS", "--password-file", str(site.password_file))
    assert (signed_in.returncode, signed_in.stdout) == (0, "Signed in to IRIS\n")
    listed = run(*desk, "worklist", "--server", "IRIS")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1)
    assert settings_file.load(tmp_path / "desk").server.name == "North"
    assert run(*desk, "sign-out", "--server", "IRIS").returncode == 0
    assert "password for IRIS is not known" in run(*desk, "worklist", "--server", "IRIS").stderr

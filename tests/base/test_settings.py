"""Settings: what is saved is what is loaded, and a spoilt file is told."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from workstation import settings
from workstation.errors import WorkstationError
from workstation.settings import Reader, ServerProfile, Settings

FULL = Settings(
    data_dir=Path("/nowhere"),
    language="en",
    theme="light",
    servers=(
        ServerProfile("ЕРИС", "https://iris.example/dicomweb", "https://iris.example", 'o"neil', ca_file="C:\\ca.pem"),
        ServerProfile("Orthanc", "http://localhost:8042/dicom-web", stall_timeout_s=5.5),
    ),
    reader=Reader("Петров^Иван", "ГКБ № 1\tлучевая\nдиагностика", "123"),
    identity_file="C:/ключи/врач.p12",
    archive_limit_gb=250.0,
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    full = replace(FULL, data_dir=tmp_path / "new" / "folder")
    settings.save(full)
    assert settings.load(full.data_dir) == full
    assert [path.name for path in full.data_dir.iterdir()] == ["settings.toml"]


def test_any_character_survives(tmp_path: Path) -> None:
    odd = Settings(data_dir=tmp_path, identity_file="a".join(map(chr, (*range(128), 0x85, 0x2028, 0x1F600))))
    settings.save(odd)
    assert settings.load(tmp_path) == odd


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path) == Settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "language = ",
        'language = "fr"',
        "servers = 5",
        '[[servers]]\nname = "x"',
        '[[servers]]\nname = "x"\ndicomweb_url = "y"\nsurprise = 1',
        "reader = 1",
    ],
)
def test_a_spoilt_file_is_told_in_one_line_by_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.toml").write_text(content, encoding="utf-8")
    with pytest.raises(WorkstationError, match=r"settings\.toml") as caught:
        settings.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorkstationError):
        settings.load(tmp_path)


def test_keys_of_a_newer_program_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('theme = "light"\nlater = 1\n', encoding="utf-8")
    assert settings.load(tmp_path).theme == "light"


def test_no_server_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkstationError, match="No server"):
        _ = Settings(data_dir=tmp_path).server
    assert FULL.server.name == "ЕРИС"


def test_work_items_may_have_a_root_of_their_own() -> None:
    assert FULL.servers[0].workitems_root == "https://iris.example"
    assert FULL.servers[1].workitems_root == "http://localhost:8042/dicom-web"


def test_the_data_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_WORKSTATION_DATA", str(tmp_path))
    assert settings.default_data_dir() == tmp_path
    monkeypatch.delenv("IRIS_WORKSTATION_DATA")
    assert settings.default_data_dir().name == "iris-workstation"


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Settings(data_dir=tmp_path, theme="light")
    settings.save(first)

    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises((OSError, WorkstationError)):
        settings.save(replace(first, theme="dark"))
    assert settings.load(tmp_path) == first

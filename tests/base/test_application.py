"""The composition root: what is opened with the desk and closed with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from workstation.app import application
from workstation.cli.specimens import specimen
from workstation.dicom.decoder_processes import DecoderProcesses
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import decode_frame
from workstation.errors import WorkstationError
from workstation.settings import ServerProfile, Settings


def test_a_desk_decodes_compressed_frames_apart_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    plain = DecoderProcesses.decode

    def counted(self: DecoderProcesses, syntax: str, decoder: str, stream: object) -> object:
        asked.append(syntax)
        return plain(self, syntax, decoder, stream)  # type: ignore[arg-type]

    monkeypatch.setattr(DecoderProcesses, "decode", counted)
    native, compressed = specimen("1.2.840.10008.1.2.1")[0], specimen("1.2.840.10008.1.2.4.80")[0]
    with application(Settings(tmp_path, language="en"), passphrase=lambda: "a passphrase"):
        decode_frame(parse_instance(native), native)
        assert asked == []
        decode_frame(parse_instance(compressed), compressed)
        assert asked == ["1.2.840.10008.1.2.4.80"]
    decode_frame(parse_instance(compressed), compressed)
    assert len(asked) == 1


def test_an_encoding_of_texts_that_nobody_knows_is_named_with_those_that_are(tmp_path: Path) -> None:
    server = ServerProfile("IRIS", "https://iris.example/dicom-web", text_encoding="windows-1251")
    with application(Settings(tmp_path, language="en", servers=(server,)), passphrase=lambda: "a passphrase"):
        pass
    wrong = Settings(tmp_path, language="en", servers=(replace(server, text_encoding="EBCDIC-7"),))
    with (
        pytest.raises(WorkstationError, match=r"text_encoding.*Windows-1251, KOI8-R"),
        application(wrong, passphrase=lambda: "a passphrase"),
    ):
        pass

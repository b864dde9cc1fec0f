"""The self-test passes here, and sees what is broken."""

import argparse
import io
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pydicom
import pytest

from workstation.cli import self_test
from workstation.cli.self_test import CHECKS
from workstation.cli.specimens import specimen
from workstation.dicom import decoder_processes, decoders
from workstation.dicom.decoders import Codestream, Decoder
from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES


def test_an_installation_that_works_passes_every_check(run: Callable[..., Any]) -> None:
    result = run("self-test")
    assert result.returncode == 0, result.stdout
    assert result.stderr == ""
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [f"ok      {name}" for name, _ in CHECKS]


@pytest.mark.parametrize("uid", SUPPORTED_TRANSFER_SYNTAXES)
def test_the_specimens_are_what_they_say(uid: str) -> None:
    data, values = specimen(uid)
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.file_meta.TransferSyntaxUID == uid
    assert (dataset.Rows, dataset.Columns) == values.shape
    assert int(values.max()) < 1 << dataset.BitsStored


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders that a test puts into the table are not in the table of a child process."""
    monkeypatch.setattr(decoder_processes, "opened", lambda _count: nullcontext())


@pytest.mark.usefixtures("in_this_process")
def test_a_missing_decoder_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(stream: Codestream) -> np.ndarray[Any, Any]:
        raise ImportError("no such codec")

    syntax = "1.2.840.10008.1.2.4.80"
    monkeypatch.setitem(decoders.DECODERS, syntax, (Decoder("lost", missing),))
    monkeypatch.setattr(
        self_test, "CHECKS", [check for check in CHECKS if check[0] in ("pictures", "report templates")]
    )
    assert self_test.run(argparse.Namespace(only=None)) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("ok      report templates")
    assert told[1].startswith("FAILED  pictures")
    assert "no such codec" in told[1]


@pytest.mark.usefixtures("in_this_process")
def test_a_decoder_that_gives_other_values_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    syntax = "1.2.840.10008.1.2.5"
    wrong = Decoder("zeros", lambda stream: np.zeros(stream.shape, np.uint16))
    monkeypatch.setitem(decoders.DECODERS, syntax, (wrong,))
    with pytest.raises(self_test.Unfit, match=r"1\.2\.840\.10008\.1\.2\.5: zeros"):
        dict(CHECKS)["pictures"]()

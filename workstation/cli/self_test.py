"""`iris-workstation self-test`: does this installation decode, draw, seal and sign? The frozen one is asked too."""

import argparse
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workstation.errors import WorkstationError
from workstation.language import LANGUAGES, _, current_language, set_language

EXAMPLE = "iris-workstation self-test"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    parser.epilog = f"{_('Example')}:\n  {EXAMPLE}"


def run(options: argparse.Namespace) -> int:
    """Print a line a check; status 1 when any fails."""
    failed = 0
    for name, check in CHECKS:
        try:
            said = check()
        except (WorkstationError, AssertionError, ImportError, OSError, ValueError) as error:
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}")
        else:
            print(f"ok      {name}: {said}")
    return 1 if failed else 0


def _catalogues() -> str:
    before = current_language()
    for code in LANGUAGES:
        set_language(code)
        _("Worklist")
    set_language(before)
    return ", ".join(LANGUAGES)


def _templates() -> str:
    from workstation.reporting.template import load_templates

    return str(len(load_templates()))


def _codecs() -> str:
    """Each compressed transfer syntax of the phantoms, made and decoded again without a change."""
    import imagecodecs

    ramp = (np.arange(64 * 64, dtype=np.uint16) % 4096).reshape(64, 64)
    pairs: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "JPEG lossless": (lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12), imagecodecs.ljpeg_decode),
        "JPEG-LS": (imagecodecs.jpegls_encode, imagecodecs.jpegls_decode),
        "JPEG 2000": (lambda a: imagecodecs.jpeg2k_encode(a, level=0, codecformat="j2k"), imagecodecs.jpeg2k_decode),
        "HTJ2K": (imagecodecs.htj2k_encode, imagecodecs.htj2k_decode),
    }
    for name, (encode, decode) in pairs.items():
        if not np.array_equal(decode(encode(ramp)), ramp):
            raise ValueError(name)
    return ", ".join(pairs)


def _reslice() -> str:
    import vtkmodules.vtkImagingCore
    from vtkmodules.vtkCommonCore import vtkVersion

    assert vtkmodules.vtkImagingCore.vtkImageReslice is not None
    return f"VTK {vtkVersion.GetVTKVersion()}"


def _seal() -> str:
    from workstation.archive.archive import Archive

    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder), os.urandom(32)):
        assert (Path(folder) / "archive").exists()
    return "SQLCipher, AES-256-GCM"


def _sign() -> str:
    from workstation.signing.authority import Authority, ReaderSubject
    from workstation.signing.identity import load_pkcs12

    authority = Authority.create("self-test", "self-test")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reader.p12"
        path.write_bytes(authority.issue(ReaderSubject("Test^Self", "self-test", "0"), "secret"))
        identity = load_pkcs12(path, "secret")
    return f"PKCS#12, {identity.subject}, {datetime.now(UTC):%Y-%m-%d}"


def _window() -> str:
    from workstation.ui.application import qt_application

    app = qt_application()
    return f"Qt {app.platformName()}, {app.font().family()}"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("languages", _catalogues),
    ("report templates", _templates),
    ("codecs", _codecs),
    ("pictures", _reslice),
    ("sealed archive", _seal),
    ("signing", _sign),
    ("window", _window),
)

"""What is on a medium: what can't be read is said, and never passed over."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from workstation.archive.media import sources
from workstation.errors import UnreadableObject


def test_a_folder_that_can_not_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "IMAGES" / "B").mkdir(parents=True)
    (tmp_path / "IMAGES" / "1").write_bytes(bytes(128) + b"DICM")
    real = os.scandir

    def scratched(path: Any) -> Any:
        if Path(path).name == "B":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scratched)
    whole, scratch = sources([tmp_path], lambda: "")
    assert whole.read() == bytes(128) + b"DICM"
    assert scratch.name == str(tmp_path / "IMAGES" / "B")
    with pytest.raises(UnreadableObject, match="Input/output error"):
        scratch.read()

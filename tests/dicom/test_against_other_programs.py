"""Values of real images against GDCM, dcmtk and pydicom: the fast part of the conformance statement's table."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

ROOT = Path(__file__).resolve().parents[2]


def compared(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """A run of the comparison, as its user would start it."""
    command = [sys.executable, "-m", "benchmarks.conformance", *(str(path) for path in paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.oracle
def test_every_image_among_pydicoms_own_files_is_equal_or_unreadable_to_all() -> None:
    found = get_testdata_file("CT_small.dcm")
    assert found is not None
    files = [path for path in sorted(Path(found).parent.iterdir()) if path.is_file() and path.stat().st_size < 300_000]
    done = compared(*files)
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stderr
    # kinds that must be among them, or the test would pass on an empty folder
    for kind in (
        "RLE Lossless | RGB, 32 of 32",
        "JPEG 2000 (.91)",
        "JPEG-LS Lossy (.81)",
        "YBR_FULL_422",
        "1 of 1 bits",
    ):
        assert kind in done.stdout


@pytest.mark.oracle
def test_every_image_of_the_shared_files_is_equal_or_unreadable_to_all(shared_data: Path) -> None:
    folders = [shared_data / name for name in ("transfer_syntaxes_ct", "encapsulated_fragments", "nasty")]
    done = compared(*folders)
    assert done.returncode == 0, done.stderr
    assert "JPEG Extended (.51)" in done.stdout


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (
            "real = rendering.modality_values; rendering.modality_values = lambda *given: real(*given) + 1",
            "differs by 1",
        ),
        ("rendering.parse_instance = lambda data: (_ for _ in ()).throw(UnreadableObject('no'))", "but GDCM reads"),
    ],
)
def test_a_wrong_value_and_a_wrong_refusal_are_told(mistake: str, told: str) -> None:
    found = get_testdata_file("CT_small.dcm")
    program = "\n".join(
        (
            "import sys",
            "from benchmarks import conformance",
            "from workstation.cli import rendering",
            "from workstation.errors import UnreadableObject",
            mistake,
            "sys.exit(conformance.main([sys.argv[1]]))",
        )
    )
    command = [sys.executable, "-c", program, str(found)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "WRONG" in done.stderr
    assert told in done.stderr

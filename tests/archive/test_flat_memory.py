"""Memory while a study of any size is pulled: what a slice, a group and a queue take, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.archive.generated_server import STUDY, generated_server

ROOT = Path(__file__).resolve().parents[2]
# MB over an idle process; two groups being sealed, the queue before them and pydicom's reading
ALLOWED_MB = 300


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("series", "slices"),
    [
        pytest.param(2, 950, id="1 GB"),
        pytest.param(20, 1000, id="10 GB", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_memory_stays_flat_while_gigabytes_are_pulled(series: int, slices: int, tmp_path: Path) -> None:
    peaks = []
    # a study a tenth as long beside it: what grows is seen, whatever the program itself takes
    for count in (slices // 10, slices):
        folder = tmp_path / str(count)
        with generated_server(series, count) as url:
            done = subprocess.run(
                [sys.executable, str(Path(__file__).with_name("large_pull.py")), url, STUDY, str(folder)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr[-2000:]
        idle, peak, received, expected, size = map(float, done.stdout.split())
        assert received == expected == series * count
        assert size > series * count * 512 * 512 * 2
        peaks.append(peak - idle)
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
    assert peaks[1] < ALLOWED_MB, peaks
    # an Instance kept for each slice of 10 GB would be 100 MB
    assert peaks[1] < peaks[0] + 80, peaks

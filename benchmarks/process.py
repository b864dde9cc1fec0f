"""A whole process of the workstation: how soon its worklist is usable, and how much memory an open study takes.

`python -m benchmarks.process FOLDER [open]` is that process; it prints what it has reached, a line each.
"""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figure

IMPORTS = "import PySide6.QtWidgets, numpy, pydicom, sqlcipher3, vtkmodules.vtkImagingCore"


def measure(folder: Path, voxel_bytes: int, repeat: int) -> list[Figure]:
    """Figures of processes on the archive in `folder`."""
    starts, imports = [], []
    for _run in range(repeat):
        began = perf_counter()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        imports.append((perf_counter() - began) * 1000)
        began = perf_counter()
        with subprocess.Popen(_command(folder), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            starts.append((perf_counter() - began) * 1000)
            assert line == "usable\n", line
            process.stdout.read()
    told = subprocess.run([*_command(folder), "open"], check=True, capture_output=True, text=True).stdout.split()
    idle, opened, closed = (float(told[told.index(word) + 1]) for word in ("idle", "opened", "closed"))
    volume = voxel_bytes / 1e6
    return [
        Figure(
            "start of the process → worklist painted", tuple(starts), 1500, "ms", "median", "its imports alone",
            tuple(imports),
        ),
        Figure("memory, PSS, worklist only", (idle,), None, "MB"),
        Figure("memory, PSS, study open", (opened,), 500, "MB"),
        Figure("memory, PSS, study closed again", (closed,), None, "MB"),
        Figure(
            "memory that closing the study frees", (opened - closed,), round(1.3 * volume), "MB", "median",
            "its voxels", (volume,),
        ),
    ]  # fmt: skip


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.process", str(folder)]


def pss() -> float:
    """Proportional set size of this process in MB; 0 where the system doesn't tell."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:"))


def main(folder: Path, open_study: bool) -> None:
    """Start as the desktop does, on an archive that is there."""
    from benchmarks.hands import opened_bench
    from benchmarks.server import case_of

    with opened_bench(folder, None) as bench:
        table = bench.window.worklist.model
        bench.wait(lambda: table.rowCount() > 0)
        bench.rest(0)
        print("usable", flush=True)
        if open_study:
            bench.rest(500)
            print("idle", pss())
            bench.open(case_of(bench))
            for _step in range(20):
                bench.viewer.run("slice.next")
                bench.settle()
            print("opened", pss())
            bench.close_case()
            bench.rest(500)
            print("closed", pss())


if __name__ == "__main__":
    main(Path(sys.argv[1]), "open" in sys.argv[2:])

"""`make bench`: figures beside their peers, as a table and JSON. Takes about ten minutes."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path
from time import perf_counter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; exit status 0 whatever the figures are, 1 when a picture was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures there; without it they follow the table"
    )
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--side", type=int, default=512, help="rows and columns of a slice")
    parser.add_argument("--repeat", type=int, default=5, help="how often each long deed is timed")
    parser.add_argument("--steps", type=int, default=40, help="how often each quick deed is timed")
    parser.add_argument("--workitems", type=int, default=100_000, help="how long the worklist is")
    parser.add_argument("--instances", type=int, default=1_000_000, help="how many instances the index gets")
    parser.add_argument("--no-server", action="store_true", help="leave out what needs Debian's Orthanc")
    options = parser.parse_args(arguments)
    from benchmarks.hands import WrongPicture
    from benchmarks.run import run

    with tempfile.TemporaryDirectory(prefix="iris-benchmarks-") as folder:
        began = perf_counter()
        try:
            report = run(Path(folder), machine(), options)
        except WrongPicture as wrong:
            print(f"a wrong picture was painted: {wrong}", file=sys.stderr)
            return 1
        took = perf_counter() - began
    print(report.table())
    print(f"\n{took:.0f} s in all. Medians; a ratio below 1 is quicker than the peer.")
    if options.json:
        options.json.write_text(report.json(), encoding="utf-8")
    else:
        print(report.json())
    return 0


def machine() -> str:
    """The machine in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, Qt on {os.environ['QT_QPA_PLATFORM']}, drawing on the CPU"
    )


if __name__ == "__main__":
    sys.exit(main())

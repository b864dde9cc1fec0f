"""A process that pulls a study: `python large_pull.py URL STUDY FOLDER` prints its memory before and at most."""

import sys
from pathlib import Path

from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.dicom.parsing import get_ready_to_parse
from workstation.iris.wire import connect
from workstation.settings import ServerProfile


def resident(field: str) -> float:
    """Memory of this process in MB: `VmRSS` now, `VmHWM` at most so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:"))


def main(url: str, study: str, folder: Path) -> None:
    """Open an archive, pull, and tell."""
    get_ready_to_parse()
    wire = connect(ServerProfile("generated", url), "")
    with Archive.open(folder, bytes(32)) as archive:
        idle = resident("VmRSS")
        ledger = Retrieval(archive, wire.dicomweb).pull_study(study)
        print(idle, resident("VmHWM"), ledger.received, ledger.expected, archive.size())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))

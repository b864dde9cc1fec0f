"""Run as a program by `test_archive_care`: removals that are killed at random moments, each checked after a new start.

Arguments: a folder and the number of seeds. Removal and check are processes of their own. One line of JSON a seed.
"""

import importlib.util
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from workstation.archive.archive import Archive
from workstation.archive.inspection import inspect

KEY = b"k" * 32
STUDIES, COUNT = 6, 12


def load_fake() -> Any:
    spec = importlib.util.spec_from_file_location("fake_iris", Path(__file__).with_name("fake_iris.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_iris"] = module
    spec.loader.exec_module(module)
    return module


def fill(folder: Path, fake: Any) -> None:
    with Archive.open(folder, KEY) as archive:
        for study in range(STUDIES):
            archive.store([fake.part10(number, study=f"1.2.{study + 1}") for number in range(COUNT)])


def remove(folder: Path, ready: Path) -> None:
    with Archive.open(folder, KEY) as archive:
        ready.touch()
        for study in range(STUDIES):
            archive.remove(f"1.2.{study + 1}", "reader", "asked")


def check(folder: Path) -> dict[str, Any]:
    with Archive.open(folder, KEY) as archive:
        held = [study.instances for study in archive.studies()]
        with archive.database.read() as cursor:
            notes = cursor.execute("SELECT count(*) FROM discarded_objects").fetchone()[0]
            entries = cursor.execute("SELECT count(*) FROM audit").fetchone()[0]
            removed = cursor.execute("SELECT count(*) FROM removed_studies").fetchone()[0]
        files = sum(path.is_file() for path in (folder / "archive" / "objects").rglob("*"))
        sound = inspect(archive).sound
    return {"held": held, "notes": notes, "entries": entries, "removed": removed, "files": files, "sound": sound}


def fork(work: Any) -> int:
    process = os.fork()
    if process == 0:
        work()
        os._exit(0)
    return process


def main(root: Path, seeds: int) -> None:
    fake = load_fake()
    for seed in range(seeds):
        chance = random.Random(seed)
        folder, answer, ready = root / str(seed), root / f"{seed}.json", root / f"{seed}.ready"
        os.waitpid(fork(lambda folder=folder: fill(folder, fake)), 0)
        process = fork(lambda folder=folder, ready=ready: remove(folder, ready))
        while not ready.exists():
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.06))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.waitpid(fork(lambda folder=folder, answer=answer: answer.write_text(json.dumps(check(folder)))), 0)
        print(answer.read_text(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""Run as a program by `test_retrieval_killed`: pulls that are killed at random moments, each checked and resumed.

Arguments: a folder and the number of seeds. Each pull, check and resumption is a process of its own, forked from this
one, which never starts a thread or opens an archive itself. Prints one line of JSON a seed.
"""

import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workstation.archive.archive import Archive
from workstation.archive.ledger import study_ledger
from workstation.archive.retrieval import Retrieval

KEY = b"k" * 32
COUNT, SERIES = 20, 2
EXIT_OK = 0


def load_fake() -> Any:
    spec = importlib.util.spec_from_file_location("fake_iris", Path(__file__).with_name("fake_iris.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_iris"] = module
    spec.loader.exec_module(module)
    return module


def fork(work: Callable[[], Any], answer: Path | None = None) -> int:
    process = os.fork()
    if process == 0:
        result = work()
        if answer is not None:
            answer.write_text(json.dumps(result))
        os._exit(EXIT_OK)
    return process


def wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def pull(folder: Path, iris: Any) -> None:
    with Archive.open(folder, KEY) as archive:
        Retrieval(archive, iris).pull_study(iris.study)


def check_and_resume(folder: Path, iris: Any) -> dict[str, Any]:
    """What a start after the kill finds, and what the resumed pull asks for."""
    with Archive.open(folder, KEY) as archive:
        before = study_ledger(archive.database, iris.study)
        held = {i.sop_instance_uid for i in archive.instances()}
        whole = all(archive.get(uid) == iris.all[uid] for uid in held)
        files = [p.name for p in (folder / "archive" / "objects").rglob("*") if p.is_file()]
        incoming = len(list((folder / "archive" / "incoming").iterdir()))
        after = Retrieval(archive, iris).pull_study(iris.study)
        return {
            "held": len(held),
            "received": before.received,
            "whole": whole,
            "files": len(files),
            "incoming": incoming,
            "asked_again": len(held & set(iris.singles)),
            "complete": after.complete,
            "all": all(archive.get(uid) == data for uid, data in iris.all.items()),
        }


def main(root: Path, seeds: int) -> None:
    fake = load_fake()
    iris = fake.FakeIris(count=COUNT, series=SERIES, rows=128)
    iris.study = fake.STUDY
    answer = root / "answer.json"
    for seed in range(seeds):
        chance = random.Random(seed)
        folder = root / str(seed)
        iris.pause_s = 0.003
        process = fork(lambda folder=folder: pull(folder, iris))
        time.sleep(chance.uniform(0.0, 0.3))
        os.kill(process, signal.SIGKILL)
        killed = wait(process) == -signal.SIGKILL
        iris.pause_s = 0
        assert wait(fork(lambda folder=folder: check_and_resume(folder, iris), answer)) == EXIT_OK
        print(json.dumps(json.loads(answer.read_text()) | {"killed": killed}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

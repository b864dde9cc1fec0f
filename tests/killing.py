"""Work that is killed at a random moment: for programs of their own that fork, since a test process has threads.

`killed` forks the work, waits until it says that it has begun, and kills it some time later. The parent never opens
an archive: what it would inherit to its children is what a fork is for.
"""

import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def forked(work: Callable[[], Any], answer: Path | None = None) -> int:
    """Start the work in a process of its own, its result as JSON in `answer`; the process."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        result = work()
        if answer is not None:
            answer.write_text(json.dumps(result), encoding="utf-8")
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may go up into the code of the parent
        traceback.print_exc()
    os._exit(status)


def ended(process: int) -> int:
    """Wait for a process; its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def done(work: Callable[[], Any], answer: Path) -> Any:
    """Do the work in a process of its own, to its end; its result."""
    code = ended(forked(work, answer))
    if code:
        raise RuntimeError(f"the work ended with {code}")
    return json.loads(answer.read_text(encoding="utf-8"))


def killed(work: Callable[[Path], Any], begun: Path, chance: random.Random, longest_s: float) -> bool:
    """Do the work, and kill it within `longest_s` of the moment when it touched `begun`; False when it was quicker."""
    process = forked(lambda: work(begun))
    while not begun.exists():
        ended_early = os.waitpid(process, os.WNOHANG)
        if ended_early[0]:
            raise RuntimeError(f"the work ended before it began: {ended_early[1]}")
        time.sleep(0.0005)
    time.sleep(chance.uniform(0.0, longest_s))
    os.kill(process, signal.SIGKILL)
    return ended(process) == -signal.SIGKILL

"""How much memory pixels may take: a budget in bytes from the machine's own, and what is let go of to keep to it.

What is on the screen is pinned. Of the rest the least recently seen goes first and is loaded again when it is shown.
A stack that doesn't fit beside what is pinned gets a part of it: the images around the one looked at.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LEAST_BYTES = 512 << 20
# a machine that tells nothing
_SMALL_MACHINE = 4 << 30
_NO_LIMIT = 1 << 60


def machine_budget(root: Path = Path("/")) -> int:
    """Half of the memory that this process may use, in bytes, and at least 512 MB; `root` is for tests."""
    limits = [physical_memory(), *_cgroup_limits(root)]
    return max(min(limits) // 2, LEAST_BYTES)


def physical_memory() -> int:
    """The machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _windows_memory()


def _windows_memory() -> int:
    import ctypes

    class _Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("others", ctypes.c_ulonglong * 6),
        )

    kernel = getattr(ctypes, "windll", None)
    status = _Status(length=ctypes.sizeof(_Status))
    if kernel is None or not kernel.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return _SMALL_MACHINE
    return int(status.total)


def _cgroup_limits(root: Path) -> Iterable[int]:
    """The limits of the control group that this process is in, versions 2 and 1, and of the groups around it."""
    groups = [""]
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
        groups += [line.split(":", 2)[2].lstrip("/") for line in lines if line.count(":") >= 2]
    except (OSError, UnicodeDecodeError):
        pass
    for group in groups:
        places = [group, *(str(parent) for parent in Path(group).parents)] if group else [""]
        for place in places:
            for file in (f"sys/fs/cgroup/{place}/memory.max", f"sys/fs/cgroup/memory/{place}/memory.limit_in_bytes"):
                try:
                    limit = int((root / file).read_text(encoding="ascii"))
                except (OSError, ValueError):
                    continue
                if 0 < limit < _NO_LIMIT:
                    yield limit


def room_for(
    wanted: int, limit: int, held: Mapping[str, int], pinned: Iterable[str], release: Callable[[str], None]
) -> int:
    """How many bytes a stack of `wanted` bytes may take, after letting go of what has to go.

    `held` has the bytes of the stacks that are there, the least recently seen first. Where it doesn't fit beside the
    pinned ones it gets half of what they leave, so that a second one like it finds room too.
    """
    kept = set(pinned)
    free = limit - sum(held.values())
    for key, size in list(held.items()):
        if free >= wanted:
            break
        if key not in kept:
            release(key)
            free += size
    return wanted if free >= wanted else max(free // 2, limit // 16)

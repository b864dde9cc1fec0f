"""Decoders that crash, hang, eat memory or are left behind: each costs one frame and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from workstation.cli.specimens import specimen
from workstation.dicom import decoder_processes
from workstation.dicom.decoder_processes import DecoderProcesses
from workstation.dicom.decoders import Codestream
from workstation.dicom.instance import PixelDescription
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES, decode_frame_named
from workstation.errors import UnreadableObject

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and /proc")

ROOT = Path(__file__).resolve().parents[2]
SHORT = PixelDescription(1, "MONOCHROME2", 16, 16, 15, False)
# a decoder process with decoders that no library has: what a hostile frame does to a real one
HOSTILE = """
import ctypes, os, sys, time
sys.path.insert(0, {root!r})
import numpy as np
from workstation.dicom import decoder_child, decoders
from workstation.dicom.decoders import Decoder

def hog(stream):
    held = []
    for _ in range(24):
        held.append(np.empty(1 << 24, np.float64))
    return held[0]

def hang(stream):
    ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock, as a loop in a library may

def noisy(stream):
    os.write(1, b"warning: odd marker" * 100)
    print("warning", flush=True)
    return good(stream)

def good(stream):
    return np.frombuffer(stream.data, np.uint16).reshape(stream.rows, stream.columns)

decoders.DECODERS["hostile"] = tuple(Decoder(*pair) for pair in (
    ("crash", lambda stream: ctypes.string_at(0)), ("abort", lambda stream: os.abort()), ("hang", hang),
    ("hog", hog), ("good", good), ("noisy", noisy), ("odd", lambda stream: 1 / 0),
    ("huge", lambda stream: np.zeros((4096, 4096, 8), np.uint16)),
))
decoder_child.serve()
"""
COMMAND = (sys.executable, "-c", HOSTILE.format(root=str(ROOT)))


def frame(value: int = 7, side: int = 8) -> Codestream:
    return Codestream(np.full((side, side), value, np.uint16).tobytes(), side, side, SHORT)


def children_of(pid: int) -> list[int]:
    """Of all its threads."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            found += [int(child) for child in path.read_text().split()]
    return found


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecoderProcesses]:
    monkeypatch.setattr(decoder_processes, "_SECONDS", 2.0)
    decoder_processes._request.cache_clear()
    made = DecoderProcesses(2, COMMAND)
    yield made
    made.close()


def good(pool: DecoderProcesses, value: int) -> bool:
    return bool((pool.decode("hostile", "good", frame(value)) == value).all())


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [("crash", "crashed"), ("abort", "crashed"), ("hang", "took too long"), ("hog", "needed too much memory")],
)
def test_a_frame_that_ruins_its_decoder_is_refused_alone(pool: DecoderProcesses, decoder: str, reason: str) -> None:
    assert good(pool, 3)
    begun = time.monotonic()
    with pytest.raises(UnreadableObject, match=f"^The picture can't be decoded: {decoder} {reason}$"):
        pool.decode("hostile", decoder, frame())
    assert time.monotonic() - begun < 5
    assert all(good(pool, value) for value in range(4))


@pytest.mark.parametrize(("decoder", "reason"), [("hang", "took too long"), ("hog", "needed too much memory")])
def test_who_promises_a_huge_frame_gets_no_more_for_a_few_bytes(
    pool: DecoderProcesses, decoder: str, reason: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableObject, match=reason):
        pool.decode("hostile", decoder, Codestream(bytes(200), 20_000, 20_000, SHORT))
    assert time.monotonic() - begun < 5


def test_every_child_may_be_lost_in_turn(pool: DecoderProcesses) -> None:
    for value in range(5):
        with pytest.raises(UnreadableObject, match="crashed"):
            pool.decode("hostile", "crash", frame())
        assert good(pool, value)


def test_a_child_that_was_lost_while_idle_costs_no_frame(pool: DecoderProcesses) -> None:
    assert good(pool, 1)
    for child in children_of(os.getpid()):
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert good(pool, 2)


def test_what_a_decoder_prints_gets_not_among_the_answers(pool: DecoderProcesses) -> None:
    assert (pool.decode("hostile", "noisy", frame(9)) == 9).all()
    assert good(pool, 4)


def test_a_decoders_own_reason_is_kept_and_a_picture_beyond_its_frame_refused(pool: DecoderProcesses) -> None:
    with pytest.raises(RuntimeError, match="division by zero"):
        pool.decode("hostile", "odd", frame())
    with pytest.raises(RuntimeError, match=r"\(4096, 4096, 8\)"):
        pool.decode("hostile", "huge", frame())


def test_all_transfer_syntaxes_decode_alike_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {uid: decode_frame_named(parse_instance(specimen(uid)[0]), specimen(uid)[0]) for uid in
                SUPPORTED_TRANSFER_SYNTAXES}  # fmt: skip
    with decoder_processes.opened(1):
        for uid, (values, name) in expected.items():
            data = specimen(uid)[0]
            apart, same_name = decode_frame_named(parse_instance(data), data)
            assert same_name == name
            assert apart.dtype == values.dtype
            np.testing.assert_array_equal(apart, values)


def test_a_child_is_small(pool: DecoderProcesses) -> None:
    others = set(children_of(os.getpid()))
    with decoder_processes.opened(1):
        data = specimen("1.2.840.10008.1.2.4.80")[0]
        decode_frame_named(parse_instance(data), data)
        (child,) = set(children_of(os.getpid())) - others
        told = Path(f"/proc/{child}/smaps_rollup").read_text()
        kilobytes = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pss:"))
    assert kilobytes < 40_000


PARENT = """
import sys, threading
sys.path.insert(0, {root!r})
import numpy as np
from workstation.dicom import decoder_processes
from workstation.dicom.decoder_processes import DecoderProcesses
from workstation.dicom.decoders import Codestream
from workstation.dicom.instance import PixelDescription
decoder_processes._SECONDS = 2.0
pool = DecoderProcesses(2, {command!r})
stream = Codestream(bytes(128), 8, 8, PixelDescription(1, "MONOCHROME2", 16, 16, 15, False))
pool.decode("hostile", "good", stream)
threading.Thread(target=pool.decode, args=("hostile", "hang", stream), daemon=True).start()
pool.decode("hostile", "good", stream)
print("busy", flush=True)
threading.Event().wait()
"""


def test_no_child_outlives_a_killed_parent() -> None:
    code = PARENT.format(root=str(ROOT), command=COMMAND)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"busy\n"
        children = children_of(parent.pid)
        assert len(children) == 2
        parent.kill()
    until = time.monotonic() + 8
    while any(map(running, children)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(running, children))


def test_a_closed_pool_leaves_no_child_and_refuses() -> None:
    others = set(children_of(os.getpid()))
    made = DecoderProcesses(2, COMMAND)
    assert good(made, 1)
    made.close()
    with pytest.raises(UnreadableObject, match="the program is closing"):
        good(made, 1)
    until = time.monotonic() + 5
    while set(children_of(os.getpid())) - others and time.monotonic() < until:
        time.sleep(0.02)
    assert set(children_of(os.getpid())) <= others

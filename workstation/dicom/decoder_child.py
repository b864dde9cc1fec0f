"""The process that decodes compressed frames: reads requests from its standard input, answers on its standard output.

It exists to be lost: a decoder that crashes, hangs or eats memory on a hostile frame takes this process with it and
nothing else. It imports no more than the decoders, so that four of them are cheap, and writes nothing to any disk.
"""

import faulthandler
import json
import mmap
import os
import signal
import struct
import sys
from contextlib import suppress
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

from workstation.dicom import decoders
from workstation.discretion import forbid_dumps

ARGUMENT = "--decoder-process"
"""The only argument of the program when it is started to be a decoder process."""

TIMED_OUT = 1
"""The exit status when a frame took too long: it is that of faulthandler's watchdog."""

HEAD = struct.Struct("<IQ")
"""What a request and an answer begin with: the length of their JSON, the length of the bytes behind it."""

MEMORY = "IRIS_DECODER_MEMORY"
"""The environment variable with the descriptor of the memory that is shared with the parent, where there is one: bytes
that fit in it stand there, and not behind the JSON."""

_START_SECONDS = 60
_SPARE_BYTES = 1 << 30
# the slowest decoder on a slow machine; the emptiest picture that is one
_BYTES_A_SECOND = 250_000
_MOST_COMPRESSED = 200


def serve() -> int:
    """Answer requests until there are no more: the parent has closed the pipe, or is gone.

    Only standard error is left of the standard streams: what a decoder prints must not get among the answers.
    """
    forbid_dumps()
    with open(os.devnull, "r+b", buffering=0) as nothing, suppress(BrokenPipeError):
        # the watchdog is a thread of C: it ends the process whatever the decoder does, and also when nobody waits
        faulthandler.dump_traceback_later(_START_SECONDS, exit=True, file=nothing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
        shared = _shared_memory()
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
        import imagecodecs

        # the first frame of a study is waited for: the commonest codecs are loaded now
        for name in ("jpeg8_decode", "jpegls_decode", "jpeg2k_decode"):
            getattr(imagecodecs, name)
        mapped = _mapped_bytes()
        _send(answers, {"ready": True})
        faulthandler.cancel_dump_traceback_later()
        while head := requests.read(HEAD.size):
            described, length = HEAD.unpack(head)
            request = _parsed(requests.read(described))
            data = shared[:length].tobytes() if length <= len(shared) else requests.read(length)
            faulthandler.dump_traceback_later(_seconds(request, length), exit=True, file=nothing)
            _limit_memory(mapped, _bytes(request, length))
            answer, samples = _answer(request, data)
            faulthandler.cancel_dump_traceback_later()
            _send(answers, answer, samples, shared)
            del data, samples
    return 0


def _seconds(request: dict[str, Any], length: int) -> float:
    """What is allowed for a huge frame, when there are the bytes of one: who promises much must bring something."""
    most, least = float(request["seconds"]), float(request["least_seconds"])
    return min(most, max(least, length / _BYTES_A_SECOND))


def _bytes(request: dict[str, Any], length: int) -> int:
    """The same for memory."""
    need: int = request["bytes"]
    return min(need, max(_SPARE_BYTES, length * _MOST_COMPRESSED))


@lru_cache(maxsize=64)
def _parsed(request: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(request)
    parsed["pixels"] = SimpleNamespace(**parsed["pixels"])
    return parsed


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], "decoders.Samples | None"]:
    stream = decoders.Codestream(data, request["rows"], request["columns"], request["pixels"])
    try:
        chosen = next(one for one in decoders.DECODERS[request["syntax"]] if one.name == request["decoder"])
        samples = np.ascontiguousarray(chosen.decode(stream))
    except MemoryError:
        return {"memory": True}, None
    except Exception as error:  # noqa: BLE001 - told to the parent, which refuses the frame
        return {"error": " ".join(str(error).split())[:200] or type(error).__name__}, None
    if samples.nbytes > request["bytes"] or samples.dtype.kind not in "iuf":
        return {"error": f"{samples.dtype} {samples.shape}"}, None
    return {"dtype": samples.dtype.str, "shape": samples.shape}, samples


def _send(
    answers: BinaryIO,
    answer: dict[str, Any],
    samples: "decoders.Samples | None" = None,
    shared: "decoders.Samples | None" = None,
) -> None:
    described = json.dumps(answer).encode()
    rest = samples.data.cast("B") if samples is not None and samples.size else memoryview(b"")
    length = len(rest)
    if shared is not None and length <= len(shared):
        shared[:length] = rest
        rest = rest[:0]
    head = memoryview(HEAD.pack(len(described), length) + described)
    for part in (head, rest):
        while part:
            part = part[answers.write(part) :]


def _shared_memory() -> "decoders.Samples":
    """The memory shared with the parent, as bytes; empty where there is none."""
    descriptor = os.environ.pop(MEMORY, "")
    if not descriptor:
        return np.empty(0, np.uint8)
    with os.fdopen(int(descriptor), "r+b") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)


def _mapped_bytes() -> int | None:
    """The address space in use; None where the system doesn't tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _limit_memory(mapped: int | None, need: int) -> None:
    """What a decoder may take from now on: what the frame needs and a gibibyte. Only Linux keeps to such a limit."""
    if mapped is None or sys.platform != "linux":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = mapped + need + _SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

"""Decoders kept apart from the program: each compressed frame is decoded in one of a few child processes.

A decoder that crashes, hangs or eats memory costs that one frame: it is refused with a reason, the child is replaced,
everything else goes on. Frames travel by pipe, or in memory without a name that ends with the two processes sharing it:
nothing of a patient lies on a disk or outlives a kill. Without `opened()`, frames are decoded in the process itself.
"""

import json
import logging
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

import workstation
from workstation.dicom.decoder_child import ARGUMENT, HEAD, MEMORY, TIMED_OUT
from workstation.dicom.decoders import Codestream, Decoder, Samples
from workstation.dicom.instance import PixelDescription
from workstation.errors import UnreadableObject
from workstation.language import _

logger = logging.getLogger(__name__)

_SECONDS = 5.0
_SAMPLES_A_SECOND = 5_000_000
# int32 planes, their transform and the copy that is handed over: what the hungriest decoder takes for a sample
_BYTES_A_SAMPLE = 12
_PIPE_BYTES = 1 << 20
# a mammogram; what was never written takes no memory
_SHARED_BYTES = 1 << 24
_AFTER_SECONDS = 1.5
_FOR_CHILDREN = {
    # one frame is one thread's work; idle pools of threads would cost memory in each child
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # glibc would hand a frame's memory back after each frame, and fault it in anew for the next
    "MALLOC_MMAP_THRESHOLD_": str(1 << 23),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 23),
}


def child_command() -> tuple[str, ...]:
    """The command line of a decoder process: the frozen program itself, or the interpreter with the package."""
    if getattr(sys, "frozen", False):
        return (sys.executable, ARGUMENT)
    return (sys.executable, "-P", "-m", "workstation", ARGUMENT)


class DecoderLost(UnreadableObject):
    """A frame on which a decoder crashed, hung or took too much memory: the next of its object may well do the same."""


class DecoderProcesses:
    """A pool of decoder processes, for any thread. Children start in the background, and anew when one is lost."""

    def __init__(self, count: int | None = None, command: tuple[str, ...] | None = None) -> None:
        self._most = count or min(os.cpu_count() or 1, 4)
        self._command = command or child_command()
        self._idle: list[_Child] = []
        self._alive = 0
        self._closed = False
        self._changed = threading.Condition()

    def start(self, after: float = 0.0) -> None:
        """Start the children in the background, in so many seconds or as soon as a frame is there."""
        threading.Thread(target=self._fill, args=(after,), name="decoder-processes", daemon=True).start()

    def decode(self, syntax: str, decoder: str, stream: Codestream) -> Samples:
        """What the decoder of that name makes of a code stream.

        Raises RuntimeError with the decoder's own reason, and UnreadableObject when it crashed, took too long or
        needed too much memory.
        """
        request = _request(syntax, decoder, stream.rows, stream.columns, stream.pixels)
        while True:
            child = self._taken()
            try:
                answer, decoded = child.ask(request, stream.data)
            except _NotTaken:
                # it was gone before it saw the frame
                self._lost(child)
                continue
            except (OSError, EOFError):
                raise _refusal(decoder, self._lost(child)) from None
            except BaseException:
                self._lost(child)
                raise
            self._give_back(child)
            if "memory" in answer:
                raise _lost(_("{decoder} needed too much memory").format(decoder=decoder))
            if decoded is None:
                raise RuntimeError(answer.get("error", ""))
            return decoded

    def close(self) -> None:
        """End all children; frames that are being decoded are refused."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for child in idle:
            self._lost(child)

    def _fill(self, after: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._alive > 0, after)
        while True:
            with self._changed:
                if self._closed or self._alive >= self._most:
                    return
                self._alive += 1
            try:
                self._give_back(self._started())
            except UnreadableObject:
                logger.warning("a decoder process does not start")
                return

    def _started(self) -> "_Child":
        """A new child, already counted as alive."""
        try:
            return _Child(self._command)
        except (OSError, EOFError) as error:
            with self._changed:
                self._alive -= 1
                self._changed.notify()
            raise _unreadable(_("no decoder process starts")) from error

    def _taken(self) -> "_Child":
        with self._changed:
            while not self._closed and not self._idle and self._alive >= self._most:
                self._changed.wait()
            if self._closed:
                raise _unreadable(_("the program is closing"))
            if self._idle:
                return self._idle.pop()
            self._alive += 1
            self._changed.notify_all()
        return self._started()

    def _give_back(self, child: "_Child") -> None:
        with self._changed:
            if not self._closed:
                self._idle.append(child)
                self._changed.notify()
                return
        self._lost(child)

    def _lost(self, child: "_Child") -> int:
        """End a child and start another one in its place; the exit status, negative for a signal."""
        status = child.end()
        with self._changed:
            self._alive -= 1
            self._changed.notify()
            closed = self._closed
        if not closed:
            self.start()
        return status


class _NotTaken(Exception):
    """The child was gone before it had the whole request."""


class _Child:
    """One decoder process. Raises OSError or EOFError when it doesn't start."""

    def __init__(self, command: tuple[str, ...]) -> None:
        package = str(Path(workstation.__file__).resolve().parents[1])
        path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
        descriptor, self._shared = _shared_memory()
        environment = {**os.environ, **_FOR_CHILDREN, "PYTHONPATH": path}
        try:
            self._process = self._started(command, environment, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        for pipe in (self._requests, self._answers):
            _widen(pipe)
        try:
            self._answer()
        except BaseException:
            self.end()
            raise

    def _started(
        self, command: tuple[str, ...], environment: dict[str, str], descriptor: int | None
    ) -> "subprocess.Popen[bytes]":
        if descriptor is not None:
            environment[MEMORY] = str(descriptor)
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            pass_fds=() if descriptor is None else (descriptor,),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def ask(self, request: bytes, data: bytes) -> tuple[dict[str, Any], Samples | None]:
        """The answer to a request, with the samples when there are some; EOFError when the child is gone."""
        head = HEAD.pack(len(request), len(data)) + request
        if len(data) <= len(self._shared):
            self._shared[: len(data)] = np.frombuffer(data, np.uint8)
            data = b""
        try:
            for part in (head, data):
                rest = memoryview(part)
                while rest:
                    rest = rest[self._requests.write(rest) :]
        except OSError:
            raise _NotTaken from None
        return self._answer()

    def _answer(self) -> tuple[dict[str, Any], Samples | None]:
        head = bytearray(HEAD.size)
        self._read(memoryview(head))
        described, length = HEAD.unpack(head)
        text = bytearray(described)
        self._read(memoryview(text))
        answer: dict[str, Any] = json.loads(text)
        if "shape" not in answer:
            return answer, None
        samples: Samples = np.empty(answer["shape"], np.dtype(answer["dtype"]))
        if samples.nbytes != length:
            raise EOFError
        if length and length <= len(self._shared):
            np.copyto(samples.reshape(-1).view(np.uint8), self._shared[:length])
        elif length:
            self._read(samples.data.cast("B"))
        return answer, samples

    def _read(self, into: memoryview) -> None:
        while into:
            count = self._answers.readinto(into)  # type: ignore[attr-defined]  # a raw pipe has it
            if not count:
                raise EOFError
            into = into[count:]

    def end(self) -> int:
        """Kill it if it still runs; the exit status."""
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()
        try:
            # one that has just crashed ends by itself, and only then says how
            return self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@lru_cache(maxsize=64)
def _request(syntax: str, decoder: str, rows: int, columns: int, pixels: PixelDescription) -> bytes:
    """What is asked for, as JSON; the frames of a series ask for the same."""
    samples = rows * columns * pixels.samples_per_pixel
    request = {
        "syntax": syntax,
        "decoder": decoder,
        "rows": rows,
        "columns": columns,
        "pixels": asdict(pixels),
        "least_seconds": _SECONDS,
        "seconds": max(_SECONDS, samples / _SAMPLES_A_SECOND),
        "bytes": samples * _BYTES_A_SAMPLE,
    }
    return json.dumps(request).encode()


def _shared_memory() -> tuple[int | None, Samples]:
    """Memory to share with a child, and its descriptor; empty and None where the system has none without a name."""
    if sys.platform == "linux":
        with suppress(OSError):
            descriptor = os.memfd_create("frame")
            try:
                os.truncate(descriptor, _SHARED_BYTES)
                return descriptor, np.frombuffer(mmap.mmap(descriptor, _SHARED_BYTES), np.uint8)
            except BaseException:
                os.close(descriptor)
                raise
    return None, np.empty(0, np.uint8)


def _widen(pipe: IO[bytes]) -> None:
    """A pipe that takes a frame at once saves a dozen changes between the two processes."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _unreadable(detail: str) -> UnreadableObject:
    return UnreadableObject(_("The picture can't be decoded"), detail)


def _lost(detail: str) -> DecoderLost:
    return DecoderLost(_("The picture can't be decoded"), detail)


def _refusal(decoder: str, status: int) -> DecoderLost:
    if status == TIMED_OUT:
        return _lost(_("{decoder} took too long").format(decoder=decoder))
    return _lost(_("{decoder} crashed").format(decoder=decoder))


_open: DecoderProcesses | None = None


@contextmanager
def opened(count: int | None = None) -> Iterator[None]:
    """Decode in child processes while the block runs, in all threads.

    They start in the background when the first frame comes, or a little later than the program, whose start is busy.
    """
    global _open
    if _open is not None:
        yield
        return
    _open = pool = DecoderProcesses(count)
    pool.start(_AFTER_SECONDS)
    try:
        yield
    finally:
        _open = None
        pool.close()


def decode(syntax: str, decoder: Decoder, stream: Codestream) -> Samples:
    """A code stream decoded in a child process, or in this one where none are opened; raises as the decoder does."""
    pool = _open
    return decoder.decode(stream) if pool is None else pool.decode(syntax, decoder.name, stream)

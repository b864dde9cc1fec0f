"""Objects with bytes flipped, cut, put in, moved and lengths changed: always a value or one clear line.

What is mutated are pydicom's own files and a file of each transfer syntax; some changes hit anywhere, others hit where
the structure is: a length, a VR, a value, a tag.
"""

import struct
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workstation.cli.specimens import specimen
from workstation.dicom import decoder_processes
from workstation.dicom.geometry import build_stacks
from workstation.dicom.parsing import parse_instance
from workstation.dicom.pixels import SUPPORTED_TRANSFER_SYNTAXES, decode_frame
from workstation.errors import WorkstationError

LARGEST = 150_000
LENGTHS = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
VRS = (b"SQ", b"UN", b"OB", b"US", b"DS", b"UI", b"FD", b"AT", b"UT", b"\0\0", b"ZZ")


def _seeds() -> list[bytes]:
    folder = Path(pydicom.__file__).parent / "data"
    found = [path.read_bytes() for path in sorted(folder.rglob("*.dcm")) if path.stat().st_size <= LARGEST]
    return found + [specimen(uid)[0] for uid in SUPPORTED_TRANSFER_SYNTAXES]


SEEDS = _seeds()
_heads: dict[int, list[int]] = {}


def heads(seed: int) -> list[int]:
    """Where elements of explicit VR begin, also those in sequences; a few are no elements, which does no harm."""
    if seed not in _heads:
        data = SEEDS[seed]
        found = []
        at = 132
        while at + 8 <= min(len(data), 20_000):
            if data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper() and data[at + 1] < 0x80:
                found.append(at)
                at += 8
            else:
                at += 2
        _heads[seed] = found or [132]
    return _heads[seed]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A seed with one to six changes."""
    seed = draw(st.integers(0, len(SEEDS) - 1))
    data = bytearray(SEEDS[seed])
    for _ in range(draw(st.integers(1, 6))):
        if len(data) < 16:
            break
        kind = draw(st.sampled_from(("flip", "cut", "insert", "delete", "copy", "length", "vr", "value", "tag")))
        # most of what matters stands at the front; pixel data are long
        near = draw(st.booleans())
        at = draw(st.integers(0, min(len(data), 4000) - 1 if near else len(data) - 1))
        head = draw(st.sampled_from(heads(seed)))
        if kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=12))
        elif kind == "delete":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "copy":
            data[at:at] = data[head : head + draw(st.integers(8, 400))]
        elif head + 12 <= len(data):
            if kind == "length":
                length = draw(st.sampled_from(LENGTHS))
                if data[head + 4 : head + 6] in (b"SQ", b"OB", b"OW", b"UN", b"UT"):
                    data[head + 8 : head + 12] = struct.pack("<I", length)
                else:
                    data[head + 6 : head + 8] = struct.pack("<H", length & 0xFFFF)
            elif kind == "vr":
                data[head + 4 : head + 6] = draw(st.sampled_from(VRS))
            elif kind == "tag":
                data[head : head + 4] = draw(st.binary(min_size=4, max_size=4))
            else:
                value = draw(st.binary(min_size=1, max_size=4))
                data[head + 8 : head + 8 + len(value)] = value
    return bytes(data)


STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def kilobytes(name: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))


@pytest.fixture(scope="module", autouse=True)
def most_memory() -> Iterator[int]:
    """What the process took at the start, in kB; its peak counts from there."""
    if CLEAR.exists():
        CLEAR.write_text("5")
    with decoder_processes.opened(1):
        yield kilobytes("VmRSS") if STATUS.exists() else 0


def _read(data: bytes) -> None:
    """All that opening an image does with a file; whatever else than a WorkstationError comes out of it is a fault."""
    begun, said = time.thread_time(), "read"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            instance = parse_instance(data)
            build_stacks([instance])
            for frame in sorted({0, instance.number_of_frames // 2, instance.number_of_frames - 1}):
                values = decode_frame(instance, data, frame)
                assert values.shape[:2] == (instance.rows, instance.columns)
    except WorkstationError as error:
        said = str(error)
    assert said.strip()
    assert "\n" not in said
    assert len(said) < 600
    assert time.thread_time() - begun < 5


QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@settings(max_examples=500, deadline=None, derandomize=True, database=None, suppress_health_check=QUIET)
@given(mutants())
def test_a_mutated_object_is_read_or_refused(data: bytes) -> None:
    _read(data)


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, database=None, suppress_health_check=QUIET)
@given(mutants())
def test_twenty_thousand_mutated_objects_are_read_or_refused(data: bytes) -> None:
    _read(data)


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=QUIET)
@given(st.binary(max_size=600), st.sampled_from((b"", bytes(128) + b"DICM", b"\x08\x00\x05\x00CS\n\0ISO_IR 100")))
def test_noise_is_refused(noise: bytes, front: bytes) -> None:
    _read(front + noise)


@pytest.mark.skipif(not CLEAR.exists(), reason="the peak is Linux's to tell")
def test_all_this_takes_no_gigabyte(most_memory: int) -> None:
    """More than there was before, of everything above."""
    assert kilobytes("VmHWM") - most_memory < 1 << 20

"""A sealed case that ends too early is noticed wherever it ends; a full disk leaves no part of a case behind."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workstation.archive import parcel
from workstation.archive.parcel import Parcel
from workstation.errors import UnreadableObject, WorkstationError

PASSPHRASE = "трость под зонтом 17"
HEADER = 8 + 2 + 3 + 16
CHUNK = 1 << 20
SEALED_CHUNK = 4 + CHUNK + 16
# with its length of eight bytes before it, such an object fills a chunk to its last byte
FULL = CHUNK - 8


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "_SCRYPT", (14, 8, 1))


def sealed(path: Path, objects: list[bytes]) -> bytes:
    with Parcel(path, PASSPHRASE) as made:
        for data in objects:
            made.add(data)
        made.finish()
        made.publish()
    return path.read_bytes()


def opened(data: bytes) -> Iterator[bytes]:
    return parcel.objects(io.BytesIO(data), PASSPHRASE)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_case_cut_exactly_between_two_objects_is_noticed(tmp_path: Path, left: int) -> None:
    objects = [bytes([number]) * FULL for number in range(3)]
    data = sealed(tmp_path / "case.iris", objects)
    assert len(data) == HEADER + 3 * SEALED_CHUNK
    assert list(opened(data)) == objects
    found = opened(data[: HEADER + left * SEALED_CHUNK])
    assert [next(found) for _object in range(left)] == objects[:left]
    with pytest.raises(UnreadableObject, match="cut short"):
        next(found)


def test_a_chunk_that_is_called_the_last_one_is_noticed(tmp_path: Path) -> None:
    data = bytearray(sealed(tmp_path / "case.iris", [bytes(FULL), bytes(FULL)])[: HEADER + SEALED_CHUNK])
    data[HEADER] |= 0x80
    with pytest.raises(UnreadableObject):
        list(opened(bytes(data)))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As a disk with so much room: writing beyond it fails in the system."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [10, HEADER + 100, HEADER + SEALED_CHUNK + 3, HEADER + SEALED_CHUNK + 5000])
def test_a_full_disk_is_said_and_no_part_of_the_case_is_left(tmp_path: Path, room: int) -> None:
    with largest_file(room), pytest.raises(WorkstationError, match="can't be written"):
        sealed(tmp_path / "case.iris", [bytes(FULL), bytes(FULL)])
    assert list(tmp_path.iterdir()) == []

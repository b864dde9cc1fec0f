"""The sealed files: one for each DICOM object, AES-256-GCM, under a name that says nothing.

A file is a header (magic, 16 random bytes, length of the plain bytes) and the object in chunks of 1 MiB, each with its
tag, so that long objects need no long buffers. The key of a file is made from the key of its study and the random
bytes, so no nonce (the number of the chunk) is ever used twice with a key. Every chunk is bound to the header, the SOP
Instance UID and the name of the file: one that was cut, moved or put in place of another does not open.

Writing goes by groups: sealed into `incoming/`, flushed to disk together, entered in the index by the caller, then
renamed into `objects/`. After a crash the index says which of the files left in `incoming/` count (`recover`).
"""

import os
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.archive.database import disk_unusable, named_disk_errors
from workstation.errors import ArchiveDamaged
from workstation.language import _
from workstation.secrets import derive_key

_HEADER = struct.Struct(">8s16sQ")
_MAGIC = b"IRISOBJ1"
_CHUNK = 1 << 20
_TAG = 16
_FLUSH_THREADS = 4


class ObjectStore:
    """The folder of sealed files. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.incoming_folder = folder / "incoming"
        self._objects = folder / "objects"
        self.incoming_folder.mkdir(parents=True, exist_ok=True)
        self._objects.mkdir(parents=True, exist_ok=True)
        self._buffers = threading.local()
        self._flushers = ThreadPoolExecutor(_FLUSH_THREADS, thread_name_prefix="flush")

    def close(self) -> None:
        self._flushers.shutdown()

    def group(self) -> "Group":
        """A group of objects to be written together; a context manager."""
        return Group(self, self._flushers)

    def read(self, name: str, key: bytes, sop_uid: str) -> bytes:
        """The plain bytes of a file. Raises ArchiveDamaged when it is missing or is not what was sealed."""
        try:
            with self._open(name) as file:
                return self._unseal(file, name, key, sop_uid)
        except FileNotFoundError as error:
            raise _damaged(_("an object is missing")) from error
        except OSError as error:
            raise disk_unusable() from error
        except (InvalidTag, struct.error, ValueError) as error:
            raise _damaged(_("an object was changed or cut short")) from error

    def remove(self, names: Iterable[str]) -> list[str]:
        """Delete files that the index no longer names; those that are gone for good when this returns."""
        gone, folders = [], set()
        for name in names:
            # one that another program has open can't go on Windows: the next start tries again
            with suppress(OSError):
                for path in (self.path(name), self.incoming(name)):
                    if path.exists():
                        path.unlink(missing_ok=True)
                        folders.add(path.parent)
                gone.append(name)
        for folder in folders:
            _flush_folder(folder)
        return gone

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name, whatever is in it."""
        return self.path(name).exists() or self.incoming(name).exists()

    def names(self) -> Iterator[str]:
        """The names of all files that are in their places."""
        for folder in sorted(self._objects.iterdir()):
            yield from (path.name for path in folder.iterdir())

    def recover(self, counts: Callable[[str], bool]) -> None:
        """Finish what a crash left behind: files that `counts` (the index has them) go to their place, others go."""
        for path in sorted(self.incoming_folder.iterdir()):
            if counts(path.name):
                self.settle(path.name)
            else:
                path.unlink()

    def path(self, name: str) -> Path:
        return self._objects / name[:1] / name

    def incoming(self, name: str) -> Path:
        return self.incoming_folder / name

    def settle(self, name: str) -> None:
        """Move a file that the index names from `incoming/` to its place."""
        place = self.path(name)
        try:
            self.incoming(name).rename(place)
        except FileNotFoundError:
            place.parent.mkdir(exist_ok=True)
            self.incoming(name).rename(place)

    def _open(self, name: str) -> FileIO:
        # a file on its way is in incoming, and may have arrived by the time it is looked for there
        for path in (self.path(name), self.incoming(name)):
            with suppress(FileNotFoundError):
                return FileIO(path)
        return FileIO(self.path(name))

    def buffer(self) -> bytearray:
        """A buffer for one sealed chunk, reused by this thread: fresh memory costs more than the cipher."""
        held: bytearray | None = getattr(self._buffers, "chunk", None)
        if held is None:
            held = self._buffers.chunk = bytearray(_CHUNK + _TAG)
        return held

    def _unseal(self, file: FileIO, name: str, key: bytes, sop_uid: str) -> bytes:
        header = file.read(_HEADER.size)
        magic, salt, size = _HEADER.unpack(header)
        chunks = max(1, -(-size // _CHUNK))
        if magic != _MAGIC or os.fstat(file.fileno()).st_size != _HEADER.size + size + chunks * _TAG:
            raise ValueError("not a sealed object of this length")
        cipher, bound = _cipher(key, salt), _bound(header, sop_uid, name)
        view = memoryview(self.buffer())
        if chunks == 1:
            return cipher.decrypt(_nonce(0), _fill(file, view[: size + _TAG]), bound)
        plain = bytearray(size)
        out = memoryview(plain)
        for number in range(chunks):
            part = out[number * _CHUNK : (number + 1) * _CHUNK]
            cipher.decrypt_into(_nonce(number), _fill(file, view[: len(part) + _TAG]), bound, part)
        return bytes(plain)


class Group:
    """Objects written together: `add` each, `flush`, enter them in the index, `settle` the ones that were entered.

    What was not settled when the block ends is deleted.
    """

    def __init__(self, store: ObjectStore, flushers: ThreadPoolExecutor) -> None:
        self._store = store
        self._flushers = flushers
        self._open: list[FileIO] = []
        self._written: set[str] = set()

    def __enter__(self) -> "Group":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for name in self._written:
            # what a failing disk keeps goes with the next start
            with suppress(OSError):
                self._store.incoming(name).unlink(missing_ok=True)

    def add(self, key: bytes, sop_uid: str, data: bytes) -> str:
        """Seal an object with the key of its study into a new file; its name. Raises DiskFull."""
        name = new_name()
        salt = os.urandom(16)
        header = _HEADER.pack(_MAGIC, salt, len(data))
        cipher, bound = _cipher(key, salt), _bound(header, sop_uid, name)
        sealed = memoryview(self._store.buffer())
        plain = memoryview(data)
        with named_disk_errors():
            file = FileIO(self._store.incoming(name), "x", opener=_private)
            self._written.add(name)
            self._open.append(file)
            write_all(file, header)
            for number in range(max(1, -(-len(data) // _CHUNK))):
                part = plain[number * _CHUNK : (number + 1) * _CHUNK]
                cipher.encrypt_into(_nonce(number), part, bound, sealed[: len(part) + _TAG])
                write_all(file, sealed[: len(part) + _TAG])
        return name

    def flush(self) -> None:
        """Bring the files and their names to disk. Raises DiskFull."""
        with named_disk_errors():
            # several at once: the disk's own queue makes one flush of them
            for _done in self._flushers.map(os.fsync, self._open):
                pass
            self._close()
            _flush_folder(self._store.incoming_folder)

    def settle(self, names: Iterable[str]) -> None:
        """The index names these files: they go to their places."""
        kept = list(names)
        self._written.difference_update(kept)
        for name in kept:
            # where it lies it is found as well, and the next start tries again
            with suppress(OSError):
                self._store.settle(name)

    def _close(self) -> None:
        while self._open:
            self._open.pop().close()


def new_name() -> str:
    """A name for a file, 32 hexadecimal digits: one by chance for its folder, the time in ms, the rest by chance.

    Names in the order in which they come fill the index of names page by page; wholly random ones, in an index of a
    million, would touch a page each.
    """
    chance = os.urandom(11).hex()
    return f"{chance[0]}{time.time_ns() // 1_000_000:011x}{chance[2:]}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write everything; a disk that fills up in between raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _fill(file: FileIO, view: memoryview) -> memoryview:
    filled = 0
    while filled < len(view):
        count = file.readinto(view[filled:])
        if not count:
            raise ValueError("cut short")
        filled += count
    return view


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(derive_key(key, f"object {salt.hex()}"))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(header: bytes, sop_uid: str, name: str) -> bytes:
    return header + f"{sop_uid}\0{name}".encode()


def _damaged(what: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        _("The archive is damaged"), what, _("`iris-workstation archive verify --repair` fetches it anew.")
    )

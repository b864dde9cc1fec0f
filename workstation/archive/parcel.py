"""A case on its way to another workstation: one file, its objects sealed under a passphrase.

A file is a header (magic, version, parameters and salt of scrypt) and chunks of at most 1 MiB by AES-256-GCM. The key
is made from passphrase and salt, so each file has its own; the number of the chunk is its nonce, and header and whether
it is the last are bound to it: a chunk that was changed, moved, left out or cut off at the end is noticed. Within stand
the objects, each behind its length. Neither side ever holds more than one object, and nothing is on disk in the clear.
"""

import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workstation.errors import UnreadableObject, WorkstationError
from workstation.language import _
from workstation.secrets import stretched

MAGIC = b"IRISCASE"
_VERSION = 1
# magic, version, log2 of scrypt's N, r, p, salt
_HEADER = struct.Struct(">8sHBBB16s")
_SCRYPT = (17, 8, 1)
# length of the sealed chunk; its highest bit marks the last one
_CHUNK_HEAD = struct.Struct(">I")
_LAST = 1 << 31
_OBJECT_HEAD = struct.Struct(">Q")
_CHUNK = 1 << 20
_TAG = 16
SHORTEST_PASSPHRASE = 12


class Parcel:
    """A file being written beside its place; a context manager that leaves nothing behind unless `publish`ed.

    Raises WorkstationError when the place is taken, the passphrase is too short, or the disk refuses.
    """

    def __init__(self, path: Path, passphrase: str) -> None:
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise WorkstationError(
                _("The passphrase is too short"),
                advice=_("It guards the case outside: take at least {count} characters.").format(
                    count=SHORTEST_PASSPHRASE
                ),
            )
        salt = os.urandom(16)
        self._path = path
        self._part = beside(path)
        self._header = _HEADER.pack(MAGIC, _VERSION, *_SCRYPT, salt)
        self._cipher = AESGCM(stretched(passphrase, salt, *_SCRYPT))
        self._waiting = bytearray()
        self._number = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> "Parcel":
        try:
            self._file = open(self._part, "xb", opener=_private)
            self._file.write(self._header)
        except OSError as error:
            raise unwritable(error) from error
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            # a full disk refuses once more what still waits in the file's buffer
            with suppress(OSError):
                self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def add(self, data: bytes) -> None:
        """Seal one object behind those before."""
        self._put(_OBJECT_HEAD.pack(len(data)))
        for at in range(0, len(data), _CHUNK):
            self._put(memoryview(data)[at : at + _CHUNK])

    def finish(self) -> None:
        """Seal the end and bring the file to disk, still under the hidden name."""
        self._seal(bytes(self._waiting), last=True)
        assert self._file is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise unwritable(error) from error

    def publish(self) -> None:
        """Give the finished file its name."""
        try:
            if self._path.exists():
                raise WorkstationError(_("The file exists already"), self._path.name)
            self._part.rename(self._path)
        except OSError as error:
            raise unwritable(error) from error

    def _put(self, data: bytes | memoryview) -> None:
        self._waiting += data
        while len(self._waiting) > _CHUNK:
            self._seal(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]

    def _seal(self, plain: bytes, *, last: bool) -> None:
        assert self._file is not None
        head = _CHUNK_HEAD.pack((len(plain) + _TAG) | (_LAST if last else 0))
        sealed = self._cipher.encrypt(self._number.to_bytes(12, "big"), plain, self._header + head)
        self._number += 1
        try:
            self._file.write(head)
            self._file.write(sealed)
        except OSError as error:
            raise unwritable(error) from error


def objects(file: BinaryIO, passphrase: str) -> Iterator[bytes]:
    """The objects of a file, one after the other; each was authenticated before it is handed out.

    Raises UnreadableObject on a wrong passphrase and on a file that was changed or cut short: what came before is good.
    """
    plain = _chunks(file, passphrase)
    held = bytearray()
    ended = False
    while True:
        while not ended and len(held) < _OBJECT_HEAD.size:
            ended = _take(plain, held)
        if ended and not held:
            return
        if len(held) < _OBJECT_HEAD.size:
            raise _cut()
        (size,) = _OBJECT_HEAD.unpack_from(held)
        del held[: _OBJECT_HEAD.size]
        while not ended and len(held) < size:
            ended = _take(plain, held)
        if len(held) < size:
            raise _cut()
        data = bytes(memoryview(held)[:size])
        del held[:size]
        yield data


def _take(plain: Iterator[bytes], held: bytearray) -> bool:
    """Add the next chunk; whether there was none."""
    chunk = next(plain, None)
    held += chunk or b""
    return chunk is None


def _chunks(file: BinaryIO, passphrase: str) -> Iterator[bytes]:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise _cut()
    magic, version, power, block, parallel, salt = _HEADER.unpack(header)
    if magic != MAGIC or version != _VERSION or not (14 <= power <= 20 and 1 <= block <= 16 and 1 <= parallel <= 4):
        raise UnreadableObject(
            _("The sealed case can't be opened"), _("a newer version wrote it"), _("Update the workstation.")
        )
    cipher = AESGCM(stretched(passphrase, salt, power, block, parallel))
    number, last = 0, False
    while not last:
        head = file.read(_CHUNK_HEAD.size)
        if len(head) < _CHUNK_HEAD.size:
            raise _cut()
        (length,) = _CHUNK_HEAD.unpack(head)
        last, length = bool(length & _LAST), length & ~_LAST
        if not _TAG <= length <= _CHUNK + _TAG:
            raise _cut()
        try:
            plain = cipher.decrypt(number.to_bytes(12, "big"), file.read(length), header + head)
        except InvalidTag:
            if number == 0:
                raise UnreadableObject(
                    _("The sealed case can't be opened"), _("the passphrase is wrong, or the file was changed")
                ) from None
            raise _cut() from None
        number += 1
        yield plain
    if file.read(1):
        raise _cut()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)


def _cut() -> UnreadableObject:
    return UnreadableObject(
        _("The sealed case is damaged"), _("it was changed or cut short"), _("Have it exported and sent again.")
    )


def beside(path: Path) -> Path:
    """A hidden name beside a place for what isn't whole yet; what a killed export of the same name left there goes.

    Raises WorkstationError when the place is taken.
    """
    if path.exists():
        raise WorkstationError(_("The file exists already"), path.name)
    head, tail = f".{path.name}.", ".part"
    with suppress(OSError):
        for left in path.absolute().parent.iterdir():
            if left.name.startswith(head) and left.name.endswith(tail):
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink()
    return path.with_name(f"{head}{os.urandom(4).hex()}{tail}")


def unwritable(error: OSError) -> WorkstationError:
    """What a disk that refuses is to the user."""
    return WorkstationError(_("The file can't be written"), error.strerror or type(error).__name__)

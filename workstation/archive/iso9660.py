"""Images of discs read in place: the files of an ISO 9660 volume (ECMA-119), by its primary descriptor.

Extensions only give files other names (Joliet, Rock Ridge), so they are not read: the names that a DICOMDIR uses are
those of the standard itself. Every number of the image is checked against its size before it is used.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from workstation.errors import UnreadableObject
from workstation.language import _

_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_MOST_DESCRIPTORS = 64
_PRIMARY, _END = 1, 255
_MARK, _UDF_MARKS = b"CD001", (b"NSR02", b"NSR03")
_EXTENDED = b"BEA01"
# an image with more is made to keep us busy
_MOST_FILES, _DEEPEST, _LARGEST_FOLDERS = 200_000, 32, 256 << 20
_FOLDER, _MORE_EXTENTS = 0x02, 0x80
# length, extended attribute sectors, location, size, flags, length of the name
_RECORD = struct.Struct("<BBI4xI4x7xBBBH2xB")


@dataclass(frozen=True)
class DiscFile:
    """A file of an image: the parts of its path, its size, and where its pieces stand (offset, length)."""

    path: tuple[str, ...]
    size: int
    extents: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Kind:
    """What a file begins like: an image of a disc in ISO 9660, in UDF, in both or in neither."""

    iso: bool
    udf: bool


def kind_of(file: BinaryIO) -> Kind:
    """Which file systems a file has descriptors of."""
    iso = udf = False
    for number in range(_MOST_DESCRIPTORS):
        file.seek((_FIRST_DESCRIPTOR + number) * _SECTOR + 1)
        mark = file.read(5)
        iso = iso or (mark == _MARK and number == 0)
        udf = udf or mark in _UDF_MARKS
        if mark not in (_MARK, _EXTENDED, *_UDF_MARKS):
            break
    return Kind(iso, udf)


def files_of(file: BinaryIO) -> Iterator[DiscFile]:
    """All files below the root of an image. Raises UnreadableObject where the image is broken; OSError."""
    end = file.seek(0, 2)
    block, root = _root(file)
    waiting: list[tuple[tuple[str, ...], int, int]] = [((), *root)]
    seen: set[int] = set()
    count = spent = 0
    while waiting:
        path, location, size = waiting.pop()
        spent += size
        if location in seen or len(path) > _DEEPEST or spent > _LARGEST_FOLDERS:
            raise _damaged(_("its folders lie within each other"))
        seen.add(location)
        pieces: list[tuple[int, int]] = []
        folders = []
        for name, at, length, flags in _records(_bytes(file, location * block, size, end)):
            count += 1
            if count > _MOST_FILES:
                raise _damaged(_("it promises more than it can hold"))
            if flags & _FOLDER:
                folders.append(((*path, name), at, length))
                continue
            if length and at * block + length > end:
                raise _damaged(_("it ends early"))
            pieces.append((at * block, length))
            if not flags & _MORE_EXTENTS:
                yield DiscFile((*path, name), sum(length for _at, length in pieces), tuple(pieces))
                pieces = []
        waiting += reversed(folders)


def read_file(file: BinaryIO, found: DiscFile, most: int | None = None) -> bytes:
    """The bytes of one file, or the first `most` of them. Raises UnreadableObject, OSError."""
    data = bytearray()
    left = found.size if most is None else min(most, found.size)
    for at, length in found.extents:
        file.seek(at)
        wanted = min(length, left)
        piece = file.read(wanted)
        if len(piece) < wanted:
            raise _damaged(_("it ends early"))
        data += piece
        left -= wanted
    return bytes(data)


def _root(file: BinaryIO) -> tuple[int, tuple[int, int]]:
    for number in range(_MOST_DESCRIPTORS):
        file.seek((_FIRST_DESCRIPTOR + number) * _SECTOR)
        sector = file.read(_SECTOR)
        if len(sector) < _SECTOR or sector[1:6] != _MARK or sector[0] == _END:
            break
        if sector[0] == _PRIMARY:
            (block,) = struct.unpack_from("<H", sector, 128)
            _length, _attributes, location, size, *_rest = _RECORD.unpack_from(sector, 156)
            if block not in (512, 1024, _SECTOR):
                break
            return block, (location, size)
    raise _damaged(_("it has no table of contents"))


def _bytes(file: BinaryIO, at: int, length: int, end: int) -> bytes:
    if at + length > end:
        raise _damaged(_("it ends early"))
    file.seek(at)
    return file.read(length)


def _records(folder: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, location, size and flags of the entries of a folder, itself and its parent left out."""
    at = 0
    while at + _RECORD.size <= len(folder):
        length, attributes, location, size, flags, unit, gap, _volume, name_length = _RECORD.unpack_from(folder, at)
        if length == 0:
            # records don't cross sectors
            at = (at // _SECTOR + 1) * _SECTOR
            continue
        name = folder[at + _RECORD.size : at + _RECORD.size + name_length]
        if length < _RECORD.size + name_length or len(name) < name_length:
            raise _damaged(_("an entry of its table of contents is cut short"))
        at += length
        if name in (b"\0", b"\1", b""):
            continue
        if unit or gap:
            raise _damaged(_("its files are interleaved"))
        said = name.decode("latin-1").split(";", 1)[0].rstrip(".")
        yield said, location + attributes, size, flags


def _damaged(detail: str) -> UnreadableObject:
    return UnreadableObject(_("The image of a disc can't be read"), detail)

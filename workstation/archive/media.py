"""What is on a medium: files and folders with all below them, ZIP archives, and sealed cases of other workstations.

Everything is found by walking; nothing is unpacked to disk, and no name within an archive ever becomes a path. Each
object is read when it is asked for, so that a medium of any size costs one object at a time.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from workstation.archive import parcel
from workstation.errors import UnreadableObject
from workstation.language import _

_ISO_MARK = (0x8001, b"CD001")
_LARGEST = 4 << 30
# an archive that promises more than this is made to fill memory: scans shrink by less than a tenth of it
_MOST_ENTRIES = 200_000
_MOST_GROWTH = 100
_FREE_GROWTH = 1 << 30
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class Source:
    """One object that may be DICOM: how to name it to the user, and how to get its bytes.

    `read` raises UnreadableObject, and returns None for a file that is something else entirely. `named` says that the
    user named it, so that a file which isn't DICOM is a mistake and no bystander.
    """

    name: str
    read: Callable[[], bytes | None] = field(repr=False)
    named: bool = False


def sources(paths: Iterable[Path], passphrase: Callable[[], str]) -> Iterator[Source]:
    """All that the paths hold, folders in order of names. `passphrase` is asked when a sealed case is met."""
    for path in paths:
        if path.is_dir():
            closed: list[OSError] = []
            for folder, folders, files in os.walk(path, onerror=closed.append):
                folders.sort()
                for name in sorted(files):
                    yield from _of_file(Path(folder) / name, passphrase, named=False)
            for error in closed:
                # a folder that can't be listed may hold half of the study
                yield _unreadable(str(error.filename), error)
        else:
            yield from _of_file(path, passphrase, named=True)


def _of_file(path: Path, passphrase: Callable[[], str], *, named: bool) -> Iterator[Source]:
    try:
        if not path.is_file():
            # a pipe or a device would wait for ever
            raise UnreadableObject(_("The file can't be read"), _("there is no such file"))
        with path.open("rb") as file:
            start = file.read(132)
            file.seek(_ISO_MARK[0])
            image = file.read(5) == _ISO_MARK[1] and start[128:] != b"DICM"
    except OSError as error:
        yield _unreadable(str(path), error)
        return
    except UnreadableObject as error:
        yield _refused(str(path), error)
        return
    if start.startswith(parcel.MAGIC):
        yield from _of_parcel(path, passphrase)
    elif start.startswith(b"PK\x03\x04") and start[128:] != b"DICM":
        yield from _of_zip(path, named=named)
    elif image:
        yield _refused(
            str(path),
            UnreadableObject(
                _("Images of discs are not read"), advice=_("Mount it, and import the folder where it is mounted.")
            ),
        )
    else:
        yield Source(str(path), lambda: _read(path, start), named)


def _read(path: Path, start: bytes) -> bytes | None:
    if not _may_be_dicom(start):
        return None
    try:
        if path.stat().st_size > _LARGEST:
            raise _too_large()
        return path.read_bytes()
    except OSError as error:
        raise UnreadableObject(_("The file can't be read"), error.strerror or "") from error


def _may_be_dicom(start: bytes) -> bool:
    """Whether it has the prefix of Part 10, or begins like a data set without one."""
    return start[128:132] == b"DICM" or start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x08")


def _of_parcel(path: Path, passphrase: Callable[[], str]) -> Iterator[Source]:
    number = 0
    try:
        with path.open("rb") as file:
            for data in parcel.objects(file, passphrase()):
                number += 1
                yield Source(f"{path}/{number}", lambda data=data: data, named=True)  # type: ignore[misc]
    except UnreadableObject as error:
        yield _refused(str(path), error)
    except OSError as error:
        yield _unreadable(str(path), error)


def _of_zip(path: Path, *, named: bool) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            grown = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_ENTRIES or grown > _MOST_GROWTH * path.stat().st_size + _FREE_GROWTH:
                raise UnreadableObject(_("The ZIP archive is not opened"), _("it promises more than it can hold"))
            for entry in entries:
                shown = "".join(letter if letter.isprintable() else "?" for letter in entry.filename)[:200]
                yield Source(f"{path}/{shown}", lambda entry=entry: _unzipped(archive, entry))  # type: ignore[misc]
    except UnreadableObject as error:
        yield _refused(str(path), error)
    except _BROKEN_ZIP as error:
        if isinstance(error, zipfile.BadZipFile) and not named:
            # what only begins like one, beside the scans
            return
        yield _refused(str(path), _damaged_zip())


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    if entry.flag_bits & 1:
        raise UnreadableObject(_("The ZIP archive is not opened"), _("it is locked by a password"))
    if entry.file_size > _LARGEST:
        raise _too_large()
    try:
        with archive.open(entry) as file:
            start = file.read(132)
            if start.startswith(b"PK\x03\x04") and start[128:] != b"DICM":
                raise UnreadableObject(_("The ZIP archive is not opened"), _("it lies within another one"))
            return start + _rest(file, entry.file_size) if _may_be_dicom(start) else None
    except _BROKEN_ZIP as error:
        raise _damaged_zip() from error


def _rest(file: IO[bytes], size: int) -> bytes:
    rest = file.read(size + 1)
    if len(rest) > size:
        raise UnreadableObject(_("The ZIP archive is not opened"), _("it promises more than it can hold"))
    return rest


def _damaged_zip() -> UnreadableObject:
    return UnreadableObject(_("The ZIP archive is damaged"))


def _too_large() -> UnreadableObject:
    return UnreadableObject(_("The file is too large for an object"))


def _unreadable(name: str, error: OSError) -> Source:
    return _refused(name, UnreadableObject(_("The file can't be read"), error.strerror or ""))


def _refused(name: str, error: UnreadableObject) -> Source:
    def refuse() -> bytes | None:
        raise error

    return Source(name, refuse, named=True)

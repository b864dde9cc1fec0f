"""What is on a medium: files and folders with all below them, ZIP archives, images of discs, and sealed cases.

Everything is found by walking, and what a DICOMDIR names besides is missed aloud. Nothing is unpacked to disk, and no
name within an archive ever becomes a path. Each object is read when it is asked for, so that a medium of any size costs
one object at a time.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from workstation.archive import iso9660, parcel
from workstation.errors import UnreadableObject
from workstation.language import _, ngettext

_DIRECTORY = "dicomdir"
_SAID = 3
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


Placed = tuple[tuple[str, ...], Source]
"""A source and the parts of its path within the folder, archive or image that was asked for."""


def sources(paths: Iterable[Path], passphrase: Callable[[], str]) -> Iterator[Source]:
    """All that the paths hold, folders in order of names. `passphrase` is asked when a sealed case is met."""
    for path in paths:
        if path.is_dir():
            yield from _with_what_is_missing(_of_folder(path, passphrase))
        elif path.name.casefold() == _DIRECTORY and path.is_file():
            # who names the directory means the medium
            yield from _with_what_is_missing(_of_folder(path.absolute().parent, passphrase))
        else:
            yield from _of_file(path, passphrase, named=True)


def _of_folder(path: Path, passphrase: Callable[[], str]) -> Iterator[Placed]:
    closed: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=closed.append):
        folders.sort()
        place = Path(folder).relative_to(path).parts
        for name in sorted(files):
            for source in _of_file(Path(folder) / name, passphrase, named=False):
                yield (*place, name), source
    for error in closed:
        # a folder that can't be listed may hold half of the study
        yield (), _unreadable(str(error.filename), error)


def _with_what_is_missing(found: Iterable[Placed]) -> Iterator[Source]:
    """What is found, and then for each DICOMDIR among it how many of the files that it names are not there."""
    seen: set[tuple[str, ...]] = set()
    directories: list[tuple[Source, list[tuple[str, ...]]]] = []
    for place, source in found:
        seen.add(_plain(place))
        if place and _plain(place)[-1] == _DIRECTORY:
            try:
                directories.append((source, [(*place[:-1], *parts) for parts in _named_by(source)]))
            except UnreadableObject as error:
                yield _refused(source.name, error)
                continue
        yield source
    for source, named in directories:
        missing = [place for place in named if _plain(place) not in seen]
        if missing:
            yield _refused(source.name, _missing(missing))


def _named_by(directory: Source) -> list[tuple[str, ...]]:
    # pydicom is loaded when a medium is met, not with the program
    from workstation.dicom.media_directory import referenced_files

    data = directory.read()
    return referenced_files(data) if data else []


def _missing(files: list[tuple[str, ...]]) -> UnreadableObject:
    shown = ", ".join("/".join(_printable(part) for part in parts) for parts in files[:_SAID])
    count = ngettext("{count} file is not there", "{count} files are not there", len(files)).format(count=len(files))
    return UnreadableObject(
        _("The directory of the medium names more than it holds"),
        f"{count}: {shown}{' …' if len(files) > _SAID else ''}",
        _("Have the medium made once more."),
    )


def _plain(place: tuple[str, ...]) -> tuple[str, ...]:
    """Names as they compare: media change capitals, and add versions and dots."""
    return tuple(part.split(";", 1)[0].rstrip(".").casefold() for part in place)


def _of_file(path: Path, passphrase: Callable[[], str], *, named: bool) -> Iterator[Source]:
    try:
        if not path.is_file():
            # a pipe or a device would wait for ever
            raise UnreadableObject(_("The file can't be read"), _("there is no such file"))
        with path.open("rb") as file:
            start = file.read(132)
            dicom = start[128:] == b"DICM"
            image = iso9660.Kind(False, False) if dicom else iso9660.kind_of(file)
    except OSError as error:
        yield _unreadable(str(path), error)
        return
    except UnreadableObject as error:
        yield _refused(str(path), error)
        return
    if start.startswith(parcel.MAGIC):
        yield from _of_parcel(path, passphrase)
    elif start.startswith(b"PK\x03\x04") and not dicom:
        yield from _with_what_is_missing(_of_zip(path))
    elif image.iso or image.udf:
        yield from _with_what_is_missing(_of_image(path, image))
    else:
        yield Source(str(path), lambda: _read(path, start), named)


def _of_image(path: Path, kind: iso9660.Kind) -> Iterator[Placed]:
    count = 0
    try:
        with path.open("rb") as file:
            for found in iso9660.files_of(file) if kind.iso else ():
                count += 1
                shown = "/".join(_printable(part) for part in found.path)
                yield found.path, Source(f"{path}/{shown}", lambda found=found: _of_disc(file, found))  # type: ignore[misc]
        if kind.udf and count <= 1:
            # a disc in UDF alone has a file for old readers at most
            raise UnreadableObject(
                _("Images of discs in UDF are not read"),
                advice=_("Mount it, and import the folder where it is mounted."),
            )
    except UnreadableObject as error:
        yield (), _refused(str(path), error)
    except OSError as error:
        yield (), _unreadable(str(path), error)


def _of_disc(file: BinaryIO, found: iso9660.DiscFile) -> bytes | None:
    if found.size > _LARGEST:
        raise _too_large()
    try:
        return iso9660.read_file(file, found) if _may_be_dicom(iso9660.read_file(file, found, 132)) else None
    except OSError as error:
        raise UnreadableObject(_("The file can't be read"), error.strerror or "") from error


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


def _of_zip(path: Path) -> Iterator[Placed]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            grown = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_ENTRIES or grown > _MOST_GROWTH * path.stat().st_size + _FREE_GROWTH:
                raise UnreadableObject(_("The ZIP archive is not opened"), _("it promises more than it can hold"))
            for entry in entries:
                name = f"{path}/{_printable(entry.filename)}"
                place = tuple(part for part in entry.filename.split("/") if part)
                yield place, Source(name, lambda entry=entry: _unzipped(archive, entry))  # type: ignore[misc]
    except UnreadableObject as error:
        yield (), _refused(str(path), error)
    except _BROKEN_ZIP:
        yield (), _refused(str(path), _damaged_zip())


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:200]


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

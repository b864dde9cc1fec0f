"""Anonymous objects on their way out: a folder or a ZIP archive with a DICOMDIR, named by numbers.

It grows beside its place under a hidden name, and gets its own when all of it is on the disk.
"""

import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from workstation.archive.parcel import beside, unwritable
from workstation.dicom.deidentification import Anonymous
from workstation.dicom.media_directory import MediaDirectory
from workstation.errors import WorkstationError
from workstation.language import _

_FOLDER = "IMAGES"


class FileSet:
    """A context manager that leaves nothing behind unless `publish`ed. A path that ends in .zip becomes an archive.

    Raises WorkstationError when the place is taken, or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = beside(path)
        self._directory = MediaDirectory()
        self._series: dict[tuple[str, str], tuple[int, int]] = {}
        self._studies: dict[str, int] = {}
        self._count: dict[tuple[str, str], int] = {}
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> Self:
        try:
            if self._path.suffix.lower() == ".zip":
                self._archive = zipfile.ZipFile(self._part, "x")
            else:
                self._part.mkdir(mode=0o700)
        except OSError as error:
            raise unwritable(error) from error
        return self

    def __exit__(self, *_error: object) -> None:
        if self._archive is not None:
            with suppress(OSError, ValueError):
                self._archive.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
        else:
            shutil.rmtree(self._part, ignore_errors=True)

    def add(self, one: Anonymous) -> None:
        """Write one object and enter it in the directory."""
        study, series = str(one.dataset.StudyInstanceUID), str(one.dataset.SeriesInstanceUID)
        place = (study, series)
        study_number = self._studies.setdefault(study, len(self._studies) + 1)
        self._series.setdefault(place, (study_number, sum(known[0] == study for known in self._series) + 1))
        self._count[place] = self._count.get(place, 0) + 1
        study_number, series_number = self._series[place]
        file_id = (_FOLDER, f"S{study_number:05}", f"E{series_number:05}", f"I{self._count[place]:06}")
        self._write(file_id, one.data)
        self._directory.add(one.dataset, file_id)

    def finish(self) -> None:
        """Write the directory and bring all to disk, still under the hidden name."""
        self._write(("DICOMDIR",), self._directory.encode())
        try:
            if self._archive is not None:
                self._archive.close()
                _flush(self._part)
            else:
                for folder, _folders, files in os.walk(self._part):
                    for name in files:
                        _flush(Path(folder) / name)
        except OSError as error:
            raise unwritable(error) from error

    def publish(self) -> None:
        """Give it its name."""
        try:
            if self._path.exists():
                raise WorkstationError(_("The file exists already"), self._path.name)
            self._part.rename(self._path)
        except OSError as error:
            raise unwritable(error) from error

    def _write(self, file_id: tuple[str, ...], data: bytes) -> None:
        try:
            if self._archive is not None:
                # of a fixed time: when a file was made is nobody's business
                self._archive.writestr(zipfile.ZipInfo("/".join(file_id)), data)
            else:
                path = self._part.joinpath(*file_id)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        except OSError as error:
            raise unwritable(error) from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What is on a medium: what can't be read is said, and never passed over."""

import errno
import io
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests import tiny_instances
from workstation.archive import iso9660
from workstation.archive.media import Source, sources
from workstation.dicom.media_directory import MediaDirectory
from workstation.errors import UnreadableObject


def found(*paths: Path) -> Iterator[Source]:
    return sources(paths, lambda: "")


def read_all(paths: Iterator[Source]) -> tuple[list[bytes], list[str]]:
    """The objects, and what was said of the rest."""
    good, bad = [], []
    for source in paths:
        try:
            data = source.read()
        except UnreadableObject as error:
            bad.append(f"{Path(source.name).name}: {error}")
        else:
            if data is not None and b"1.2.840.10008.1.3.10" not in data[:512]:
                good.append(data)
    return good, bad


@pytest.fixture(scope="module")
def slices() -> list[bytes]:
    return tiny_instances.ct_series(3)


def directory(objects: list[bytes]) -> bytes:
    """A DICOMDIR that names an object each as DICOM/S1/I1 and so on."""
    made = MediaDirectory()
    for number, data in enumerate(objects, 1):
        made.add(pydicom.dcmread(io.BytesIO(data)), ("DICOM", "S1", f"I{number}"))
    return made.encode()


def disc(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    """An image of a disc as another program makes it."""
    pycdlib = pytest.importorskip("pycdlib")
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, **options)
    made: set[str] = set()
    for name, data in files.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/" + "/".join(parts[:depth])
            if folder not in made:
                extra = {"rr_name": parts[depth - 1].lower()} if "rock_ridge" in options else {}
                extra |= {"joliet_path": folder.lower()} if options.get("joliet") else {}
                image.add_directory(folder, **extra)
                made.add(folder)
        extra = {"rr_name": parts[-1].lower()} if "rock_ridge" in options else {}
        extra |= {"joliet_path": f"/{name.lower()}"} if options.get("joliet") else {}
        image.add_fp(io.BytesIO(data), len(data), f"/{name}.;1", **extra)
    image.write(str(path))
    image.close()
    return path


def test_a_folder_that_can_not_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "IMAGES" / "B").mkdir(parents=True)
    (tmp_path / "IMAGES" / "1").write_bytes(bytes(128) + b"DICM")
    real = os.scandir

    def scratched(path: Any) -> Any:
        if Path(path).name == "B":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scratched)
    whole, scratch = found(tmp_path)
    assert whole.read() == bytes(128) + b"DICM"
    assert scratch.name == str(tmp_path / "IMAGES" / "B")
    with pytest.raises(UnreadableObject, match="Input/output error"):
        scratch.read()


def test_what_a_directory_names_and_the_medium_lacks_is_said(tmp_path: Path, slices: list[bytes]) -> None:
    (tmp_path / "dicom" / "s1").mkdir(parents=True)
    (tmp_path / "DICOMDIR").write_bytes(directory(slices))
    # a file system of another kind has other capitals
    (tmp_path / "dicom" / "s1" / "i1").write_bytes(slices[0])
    (tmp_path / "extra").write_bytes(slices[2])
    for named in (tmp_path, tmp_path / "DICOMDIR"):
        good, bad = read_all(found(named))
        assert sorted(good) == sorted([slices[0], slices[2]])
        (said,) = bad
        assert said.startswith("DICOMDIR: The directory of the medium names more than it holds: 2 files are not there")
        assert "DICOM/S1/I2, DICOM/S1/I3" in said


def test_a_directory_that_is_damaged_costs_nothing_but_itself(tmp_path: Path, slices: list[bytes]) -> None:
    (tmp_path / "DICOMDIR").write_bytes(directory(slices)[:-30])
    (tmp_path / "1").write_bytes(slices[0])
    good, bad = read_all(found(tmp_path))
    assert good == [slices[0]]
    assert [said.split(":")[0] for said in bad] == ["DICOMDIR"]


def test_a_damaged_zip_archive_among_others_is_said(tmp_path: Path, slices: list[bytes]) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("1", slices[0])
    (tmp_path / "a.zip").write_bytes((tmp_path / "b.zip").read_bytes()[:-30])
    good, bad = read_all(found(tmp_path))
    assert good == [slices[0]]
    assert bad == ["a.zip: The ZIP archive is damaged"]


def test_a_zip_archive_lacking_what_its_directory_names_is_said(tmp_path: Path, slices: list[bytes]) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("CD/DICOMDIR", directory(slices))
        archive.writestr("CD/DICOM/S1/I1", slices[0])
        archive.writestr("CD/DICOM/S1/I3", slices[2])
    good, bad = read_all(found(tmp_path / "b.zip"))
    assert sorted(good) == sorted([slices[0], slices[2]])
    (said,) = bad
    assert "1 file is not there: CD/DICOM/S1/I2" in said


@pytest.mark.parametrize("options", [{}, {"joliet": 3}, {"rock_ridge": "1.09"}, {"udf": "2.60"}])
def test_an_image_of_a_disc_is_read_in_place(tmp_path: Path, slices: list[bytes], options: dict[str, Any]) -> None:
    files = {"DICOMDIR": directory(slices), "README": b"viewer"}
    files |= {f"DICOM/S1/I{number}": data for number, data in enumerate(slices, 1)}
    image = disc(tmp_path / "disc.iso", files, **options)
    good, bad = read_all(found(image))
    assert (sorted(good), bad) == (sorted(slices), [])
    assert [path.name for path in tmp_path.iterdir()] == ["disc.iso"]
    del files["DICOM/S1/I2"]
    _good, (said,) = read_all(found(disc(tmp_path / "lacks.iso", files, **options)))
    assert "1 file is not there: DICOM/S1/I2" in said


def test_a_disc_in_udf_alone_is_said(tmp_path: Path) -> None:
    marks = b"\0BEA01\1".ljust(2048, b"\0") + b"\0NSR03\1".ljust(2048, b"\0") + b"\0TEA01\1".ljust(2048, b"\0")
    (tmp_path / "disc.iso").write_bytes(bytes(0x8000) + marks)
    good, bad = read_all(found(tmp_path / "disc.iso"))
    assert good == []
    assert "UDF" in bad[0]
    assert "Mount it" in bad[0]


def test_an_image_cut_short_gives_what_is_whole_and_says_the_rest(tmp_path: Path, slices: list[bytes]) -> None:
    image = disc(tmp_path / "disc.iso", {f"I{number}": data for number, data in enumerate(slices, 1)})
    with image.open("r+b") as file:
        last = max(at + length for one in iso9660.files_of(file) for at, length in one.extents)
        file.truncate(last - 100)
    good, bad = read_all(found(image))
    assert len(good) == 2
    assert bad == ["disc.iso: The image of a disc can't be read: it ends early"]


def test_a_folder_that_lies_within_itself_ends_in_words(tmp_path: Path, slices: list[bytes]) -> None:
    image = disc(tmp_path / "disc.iso", {"A/I1": slices[0], "I2": slices[1]})
    data = bytearray(image.read_bytes())
    # ECMA-119 8.4.18, 9.1: the record of the root in the primary descriptor, and that of A in the root
    root = data[0x8000 + 156 + 2 : 0x8000 + 156 + 10]
    start = int.from_bytes(root[:4], "little") * 2048
    record = data.index(b"\x01A", start) - 32
    data[record + 2 : record + 10] = root
    image.write_bytes(data)
    good, bad = read_all(found(image))
    assert good == [slices[1]]
    assert bad == ["disc.iso: The image of a disc can't be read: its folders lie within each other"]


@pytest.mark.parametrize("seeds", [200, pytest.param(5000, marks=pytest.mark.long)])
def test_an_image_with_any_byte_changed_ends_in_objects_or_in_words(
    tmp_path: Path, slices: list[bytes], seeds: int
) -> None:
    whole = disc(tmp_path / "disc.iso", {"A/B/I1": slices[0], "A/I2": slices[1]}, joliet=3).read_bytes()
    # volume descriptors, path tables and folders: where the structure is
    structure = whole.index(slices[0][128:600]) - 128
    for seed in range(seeds):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _change in range(chance.choice((1, 2, 8))):
            data[chance.randrange(0x8000, structure)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        good: list[bytes] = []
        try:
            file = io.BytesIO(data)
            good += [iso9660.read_file(file, one) for one in iso9660.files_of(file)]
        except UnreadableObject:
            continue
        assert sum(map(len, good)) <= 3 * len(whole), seed

"""The study in the archive to a full volume, by transfer syntax, beside what others take for its plain files.

Others read files that are neither sealed nor checked. Every volume is compared with what was encoded, ours and theirs.
"""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.figures import Figure
from benchmarks.hands import KEY, WrongPicture
from benchmarks.peers import pydicom_by, pydicom_volume, simple_itk_volume
from benchmarks.server import FolderServer
from benchmarks.waves import STUDY, WaveSeries, stored_slice, write_series
from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.jobs import Workers, silent
from workstation.viewing.open_case import OpenCase

Volume = NDArray[Any]
Peer = Callable[[Sequence[Path]], tuple[float, Volume]]

# so many of a series' images differ: encoding takes longer than all the rest
_DIFFERENT = 20


@dataclass(frozen=True)
class Codec:
    """A transfer syntax. `part` of the slices are read, `aim` is in ms for 300 slices of 512²."""

    name: str
    syntax: str
    encode: Callable[[NDArray[np.uint16]], bytes] | None
    peers: tuple[tuple[str, Peer], ...]
    aim: float
    part: float = 1.0


def _codecs() -> tuple[Codec, ...]:
    import imagecodecs

    def plugin(name: str) -> Peer:
        return lambda files: pydicom_by(name, files)

    itk: tuple[str, Peer] = ("SimpleITK, plain files", simple_itk_volume)
    gdcm: tuple[str, Peer] = ("pydicom with GDCM, plain files", plugin("gdcm"))
    pylibjpeg: tuple[str, Peer] = ("pydicom with pylibjpeg, plain files", plugin("pylibjpeg"))
    ljpeg, jpegls, jpeg2k, htj2k = (
        getattr(imagecodecs, f"{name}_encode") for name in ("ljpeg", "jpegls", "jpeg2k", "htj2k")
    )
    return (
        Codec("explicit LE", ExplicitVRLittleEndian, None, (("pydicom, plain files", pydicom_volume), itk), 200),
        Codec("JPEG lossless", "1.2.840.10008.1.2.4.70", lambda a: bytes(ljpeg(a)), (gdcm, itk), 750),
        Codec("JPEG-LS", "1.2.840.10008.1.2.4.80", lambda a: bytes(jpegls(a)), (gdcm, itk), 1000, 0.5),
        Codec(
            "JPEG 2000", "1.2.840.10008.1.2.4.90",
            lambda a: bytes(jpeg2k(a, codecformat="j2k", reversible=True, level=0)), (pylibjpeg, gdcm, itk), 5000, 0.2,
        ),
        Codec("HTJ2K", "1.2.840.10008.1.2.4.201", lambda a: bytes(htj2k(a)), (pylibjpeg,), 5000, 0.2),
    )  # fmt: skip


def measure(folder: Path, slices: int, side: int, repeat: int) -> list[Figure]:
    """A row for each transfer syntax and peer. `folder` is filled."""
    figures: list[Figure] = []
    for codec in _codecs():
        count = max(int(slices * codec.part), 8)
        place = folder / codec.syntax
        (place / "files").mkdir(parents=True)
        series = write_series(
            place / "files", count, side, syntax=codec.syntax, encode=codec.encode, different=_DIFFERENT
        )
        sealed(series, place / "desk")
        figures += _rows(codec, series, place / "desk", min(repeat, 3))
    return figures


def sealed(series: WaveSeries, desk: Path) -> None:
    """The series in an archive."""
    desk.mkdir()
    with Archive.open(desk, KEY) as archive:
        Retrieval(archive, FolderServer(series).wire.dicomweb).pull_study(STUDY, silent)


def _rows(codec: Codec, series: WaveSeries, desk: Path, repeat: int) -> list[Figure]:
    truth = _truth(series, noisy=codec.encode is not None)
    # decoders start with the first frame, files come into the cache
    volume_from(desk)
    ours, first = [], []
    theirs: dict[str, list[float]] = {name: [] for name, _read in codec.peers}
    for _run in range(repeat):
        one, whole, volume = volume_from(desk)
        _compare(codec, "the workstation", volume, truth)
        ours.append(whole)
        first.append(one)
        for name, read in codec.peers:
            took, volume = read(series.files)
            _compare(codec, name, volume, truth)
            theirs[name].append(took)
    work = f"archive → volume, {codec.name}, {len(series.files)} × {series.side}²"
    aim = codec.aim * len(series.files) * series.side**2 / (300 * 512**2)
    rows = [
        Figure(work if n == 0 else "same", tuple(ours), round(aim) if n == 0 else None, peer=name, theirs=tuple(taken))
        for n, (name, taken) in enumerate(theirs.items())
    ]
    return [*rows, Figure(f"first slice there, {codec.name}", tuple(first))]


def volume_from(desk: Path) -> tuple[float, float, Volume]:
    """Milliseconds from stacked headers to the first slice and to the full volume, by the window's own loader."""
    news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    workers = Workers()
    with Archive.open(desk, KEY) as archive:
        case = OpenCase(archive.instances(STUDY), (), archive.get, workers, news.put)
        began = perf_counter()
        loader = case.loader(case.stacks[0].key)
        first = 0.0
        while not loader.finished:
            news.get(timeout=60)()
            first = first or (perf_counter() - began) * 1000
        took = (perf_counter() - began) * 1000
        assert loader.volume is not None
        volume = loader.volume.array
        case.close()
        workers.close()
    return first, took, volume


def _truth(series: WaveSeries, noisy: bool) -> Volume:
    made = []
    for number in range(min(_DIFFERENT, len(series.files))):
        stored = stored_slice(series, number).astype(np.int32)
        if noisy:
            stored += np.random.default_rng(number).integers(0, 16, stored.shape, np.uint16)
        made.append(stored - 1024)
    return np.array(made).astype(np.int16)


def _compare(codec: Codec, who: str, volume: Volume, truth: Volume) -> None:
    for k in (0, len(volume) // 2, len(volume) - 1):
        if not np.array_equal(volume[k], truth[k % len(truth)]):
            raise WrongPicture(f"{codec.name}: slice {k} of {who}")

"""A study on a server: the raw transfer, the pull into the sealed archive, and opening it in the window."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any, cast

from benchmarks.figures import Figure
from benchmarks.hands import KEY, Bench, opened_bench
from benchmarks.waves import PATIENT, SERIES, STUDY, WaveSeries
from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.consultation.case import CaseFilter
from workstation.dicom.content import StudyHeader
from workstation.iris.dicomweb import ACCEPT_INSTANCES, DicomWeb
from workstation.iris.entries import InstanceEntry, SeriesEntry, StudyEntry
from workstation.iris.wire import Wire, connect
from workstation.jobs import Cancellation, Progress
from workstation.settings import ServerProfile

# OHIF 3.13 drawing on the CPU, in another run on this kind of machine
OHIF_FIRST, OHIF_ALL = 670.0, 5000.0


def starter() -> ModuleType:
    """The tests' starter of Debian's Orthanc."""
    path = Path(__file__).parents[1] / "tests/orthanc.py"
    spec = importlib.util.spec_from_file_location("orthanc", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["orthanc"] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def orthanc_with(series: WaveSeries, folder: Path) -> Iterator[Any]:
    """An Orthanc that holds the series."""
    with starter().running_orthanc(folder) as orthanc:
        for file in series.files:
            orthanc.upload(file.read_bytes())
        yield orthanc


def measure(orthanc: Any, series: WaveSeries, folder: Path, repeat: int) -> list[Figure]:
    """All figures that need the server. `folder` is for archives, each thrown away."""
    profile = ServerProfile("orthanc", orthanc.dicomweb_url, user=orthanc.user)
    wire = connect(profile, orthanc.password)
    curl, to_disk, files, floor, first, pulled = [], [], [], [], [], []
    _transfer_by_curl(orthanc, series)
    for _run in range(repeat):
        curl.append(_transfer_by_curl(orthanc, series))
        with tempfile.TemporaryDirectory(dir=folder) as data:
            to_disk.append(_transfer_by_curl(orthanc, series, Path(data) / "series"))
        with tempfile.TemporaryDirectory(dir=folder) as data:
            files.append(_dicomweb_client_to_files(orthanc, Path(data), len(series.files)))
        floor.append(_transfer(wire, series))
        one, whole = _pull(wire, series, folder)
        first.append(one)
        pulled.append(whole)
    seen, usable, away, work = zip(*(_open(wire, folder) for _run in range(repeat)), strict=True)
    peer, ours = "curl > /dev/null", "our transfer, nothing stored"
    disk, client = "curl -o file", "dicomweb-client + files"
    mb = f"{series.size / 1e6:.0f} MB"
    return [
        Figure(f"transfer {mb} from Orthanc, parts taken apart", tuple(floor), None, "ms", "median", peer, tuple(curl)),
        Figure("pull into the sealed archive, first instance durable", tuple(first), 50),
        Figure("pull into the sealed archive, all durable", tuple(pulled), 600, "ms", "median", peer, tuple(curl)),
        Figure("same", tuple(pulled), 2 * median(to_disk), "ms", "median", disk, tuple(to_disk)),
        Figure("same", tuple(pulled), None, "ms", "median", client, tuple(files)),
        Figure("same", tuple(pulled), None, "ms", "median", ours, tuple(floor)),
        Figure(
            "open from Orthanc → first picture painted",
            seen,
            round(OHIF_FIRST / 3),
            "ms",
            "median",
            peer,
            tuple(curl),
        ),
        Figure("open from Orthanc → all slices usable", usable, 1000, "ms", "median", peer, tuple(curl)),
        Figure("main thread away from its events while a case comes", away, 50, "ms", "most"),
        Figure("its own work at a stretch in that time", work, 50, "ms", "most"),
    ]


def _transfer_by_curl(orthanc: Any, series: WaveSeries, file: Path = Path("/dev/null")) -> float:
    """The raw answer to nowhere, or to a file as the archive would have it: durable."""
    url = f"{orthanc.dicomweb_url}/studies/{STUDY}/series/{SERIES}"
    command = [
        "curl",
        "-sS",
        "--fail",
        "-o",
        str(file),
        "-w",
        "%{size_download}",
        "-H",
        f"Accept: {ACCEPT_INSTANCES}",
    ]
    began = perf_counter()
    # the password stays out of the process list
    done = subprocess.run(
        [*command, "-K", "-", url],
        input=f'user = "{orthanc.user}:{orthanc.password}"',
        capture_output=True,
        text=True,
        check=True,
    )
    if file.is_file():
        with file.open("rb+") as written:
            os.fsync(written.fileno())
    took = (perf_counter() - began) * 1000
    assert int(done.stdout) > series.size
    return took


def _dicomweb_client_to_files(orthanc: Any, folder: Path, count: int) -> float:
    """Another client, as one would use it: retrieve the series, write each data set to a file, nothing flushed."""
    from dicomweb_client.api import DICOMwebClient
    from dicomweb_client.session_utils import create_session_from_user_pass

    session = create_session_from_user_pass(orthanc.user, orthanc.password)
    session.auth = (orthanc.user.encode(), orthanc.password.encode())
    web = DICOMwebClient(orthanc.dicomweb_url, session=session)
    began = perf_counter()
    for dataset in web.retrieve_series(STUDY, SERIES, media_types=(("application/dicom", "*"),)):
        dataset.save_as(folder / dataset.SOPInstanceUID)
    took = (perf_counter() - began) * 1000
    assert len(list(folder.iterdir())) == count
    return took


def _transfer(wire: Wire, series: WaveSeries) -> float:
    began = perf_counter()
    size = sum(len(data) for data in wire.dicomweb.retrieve_series(STUDY, SERIES))
    took = (perf_counter() - began) * 1000
    assert size == series.size
    return took


def _pull(wire: Wire, series: WaveSeries, folder: Path) -> tuple[float, float]:
    first = 0.0

    def report(progress: Progress) -> None:
        nonlocal first
        if progress.done and not first:
            first = (perf_counter() - began) * 1000

    with tempfile.TemporaryDirectory(dir=folder) as data, Archive.open(Path(data), KEY) as archive:
        began = perf_counter()
        ledger = Retrieval(archive, wire.dicomweb).pull_study(STUDY, report)
        took = (perf_counter() - began) * 1000
        assert ledger.received == len(series.files)
    return first or took, took


def _open(wire: Wire, folder: Path) -> tuple[float, float, float, float]:
    """Milliseconds to the first picture and to all, the main thread's longest absence meanwhile, and longest work."""
    with tempfile.TemporaryDirectory(dir=folder) as data, opened_bench(Path(data), wire) as bench:
        bench.desk.refresh(Cancellation())
        case_uid = case_of(bench)
        bench.rest()
        with bench.watched():
            first, everything = bench.open(case_uid)
        return first, everything, bench.longest_block, bench.longest_work


def case_of(bench: Bench) -> str:
    """The one case on the desk."""
    (case,) = bench.desk.page(CaseFilter(states=None), 0, 2)
    return case.case_uid


def fill(wire: Wire, folder: Path) -> None:
    """Pull the case into the archive of `folder`, as the window does."""
    with opened_bench(folder, wire) as bench:
        bench.desk.refresh(Cancellation())
        bench.open(case_of(bench))


class FolderServer:
    """The series' files as a server that takes no time, for runs without Orthanc: what a desk asks of DICOMweb."""

    def __init__(self, series: WaveSeries) -> None:
        self._files = {f"{SERIES}.{number + 1}": file for number, file in enumerate(series.files)}

    @property
    def wire(self) -> Wire:
        return Wire(ServerProfile("files", "http://localhost/dicom-web"), cast(DicomWeb, self), None)

    def search_studies(self, filters: Mapping[str, str], limit: int | None = None) -> Iterator[StudyEntry]:
        yield StudyEntry(STUDY, PATIENT, StudyHeader(STUDY, "20260105"), ("CT",), 1, len(self._files))

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]:
        yield SeriesEntry(STUDY, SERIES, "CT", 1, "", instance_count=len(self._files))

    def search_instances(self, study_uid: str, series_uid: str) -> Iterator[InstanceEntry]:
        for number, uid in enumerate(self._files):
            yield InstanceEntry(STUDY, SERIES, uid, number=number + 1)

    def retrieve_series(
        self, study_uid: str, series_uid: str, cancellation: Cancellation | None = None
    ) -> Iterator[bytes]:
        for file in self._files.values():
            yield file.read_bytes()

    def retrieve_instance(
        self, study_uid: str, series_uid: str, sop_instance_uid: str, cancellation: Cancellation | None = None
    ) -> bytes:
        return self._files[sop_instance_uid].read_bytes()

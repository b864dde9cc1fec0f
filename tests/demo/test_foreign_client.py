"""`dicomweb-client`, which we did not write, on the embedded IRIS: everything it can, without a special case."""

import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import generate_uid

from workstation.archive.archive import Archive
from workstation.archive.retrieval import Retrieval
from workstation.demo.server import EmbeddedIris
from workstation.iris.wire import connect
from workstation.settings import ServerProfile

STUDY, SERIES = "1.2.3", "1.2.3.1"


@pytest.fixture
def foreign(iris: EmbeddedIris) -> Iterator[DICOMwebClient]:
    """The foreign client, signed in."""
    with requests.Session() as session:
        session.auth = (iris.user, iris.password)
        session.trust_env = False
        yield DICOMwebClient(iris.url, session=session)


@pytest.fixture
def slices(foreign: DICOMwebClient, make_object: Callable[..., bytes]) -> list[pydicom.Dataset]:
    """A study of five slices, stored by the foreign client."""
    made = [
        pydicom.dcmread(io.BytesIO(make_object(SOPInstanceUID=f"1.2.3.1.{number}", InstanceNumber=number)))
        for number in range(1, 6)
    ]
    answer = foreign.store_instances(made)
    assert len(answer.ReferencedSOPSequence) == 5
    assert "FailedSOPSequence" not in answer
    return made


def same(one: pydicom.Dataset, other: pydicom.Dataset) -> bool:
    return bool(one == other) and one.PixelData == other.PixelData


def test_it_stores_and_retrieves_study_series_and_instance(
    foreign: DICOMwebClient, slices: list[pydicom.Dataset]
) -> None:
    for found in (
        foreign.retrieve_study(STUDY),
        foreign.retrieve_series(STUDY, SERIES),
        list(foreign.iter_study(STUDY)),
        list(foreign.iter_series(STUDY, SERIES)),
    ):
        assert [str(one.SOPInstanceUID) for one in found] == [f"1.2.3.1.{number}" for number in range(1, 6)]
        assert all(same(one, other) for one, other in zip(found, slices, strict=True))
    assert same(foreign.retrieve_instance(STUDY, SERIES, "1.2.3.1.3"), slices[2])
    every = foreign.retrieve_instance(STUDY, SERIES, "1.2.3.1.3", media_types=(("application/dicom", "*"),))
    assert every.file_meta.TransferSyntaxUID == slices[2].file_meta.TransferSyntaxUID


def test_it_stores_into_a_named_study_and_hears_of_an_object_that_is_of_another(
    foreign: DICOMwebClient, make_object: Callable[..., bytes]
) -> None:
    of_another = pydicom.dcmread(io.BytesIO(make_object(StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1")))
    mine = pydicom.dcmread(io.BytesIO(make_object()))
    answer = foreign.store_instances([mine], study_instance_uid=STUDY)
    assert answer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == mine.SOPInstanceUID
    with pytest.raises(requests.HTTPError, match="409"):
        foreign.store_instances([of_another], study_instance_uid=STUDY)


def test_it_searches_on_every_level(foreign: DICOMwebClient, slices: list[pydicom.Dataset]) -> None:
    (study,) = foreign.search_for_studies(search_filters={"PatientID": "77-*"}, fields=["StudyDescription"])
    assert study["0020000D"]["Value"] == [STUDY]
    assert study["00081030"]["Value"] == ["КТ органов грудной клетки"]
    (named,) = foreign.search_for_studies(search_filters={"PatientName": "Петров"}, fuzzymatching=True)
    assert named["00100010"]["Value"][0]["Alphabetic"] == "Петров^Иван^Сергеевич"
    assert foreign.search_for_studies(search_filters={"PatientID": "none"}) == []
    (series,) = foreign.search_for_series(STUDY, search_filters={"Modality": "CT"})
    assert series["0020000E"]["Value"] == [SERIES]
    assert len(foreign.search_for_series()) == 1
    found = foreign.search_for_instances(STUDY, SERIES, limit=2, offset=1)
    assert [one["00080018"]["Value"][0] for one in found] == ["1.2.3.1.2", "1.2.3.1.3"]
    assert len(foreign.search_for_instances(STUDY)) == len(foreign.search_for_instances()) == 5


def test_it_pages_through_more_than_the_server_gives_at_once(
    foreign: DICOMwebClient, iris: EmbeddedIris, slices: list[pydicom.Dataset]
) -> None:
    iris.faults.paging_cap = 2
    found = foreign.search_for_instances(STUDY, SERIES, get_remaining=True)
    assert len({one["00080018"]["Value"][0] for one in found}) == 5


def test_it_reads_metadata_and_what_they_only_point_to(
    foreign: DICOMwebClient, make_object: Callable[..., bytes]
) -> None:
    stored = pydicom.dcmread(io.BytesIO(make_object(SOPInstanceUID="1.2.3.1.1")))
    profile = bytes(range(256)) * 8
    stored.ICCProfile = profile
    foreign.store_instances([stored])
    for metadata in (
        foreign.retrieve_study_metadata(STUDY)[0],
        foreign.retrieve_series_metadata(STUDY, SERIES)[0],
        foreign.retrieve_instance_metadata(STUDY, SERIES, "1.2.3.1.1"),
    ):
        assert metadata["00080018"]["Value"] == ["1.2.3.1.1"]
        header = pydicom.Dataset.from_json(metadata, bulk_data_uri_handler=lambda _uri: b"")
        assert header.PatientName == stored.PatientName
        assert "BulkDataURI" in metadata["7FE00010"]
        assert foreign.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"]) == [stored.PixelData]
        assert foreign.retrieve_bulkdata(metadata["00282000"]["BulkDataURI"]) == [profile]


def test_it_retrieves_frames_as_they_are_stored(foreign: DICOMwebClient, make_object: Callable[..., bytes]) -> None:
    frames = [np.full((8, 8), number, "<i2").tobytes() for number in range(1, 5)]
    foreign.store_instances(
        [
            pydicom.dcmread(
                io.BytesIO(make_object(SOPInstanceUID="1.2.3.1.9", NumberOfFrames=4, PixelData=b"".join(frames)))
            )
        ]
    )
    assert foreign.retrieve_instance_frames(STUDY, SERIES, "1.2.3.1.9", [1, 2, 3]) == frames[:3]
    assert foreign.retrieve_instance_frames(STUDY, SERIES, "1.2.3.1.9", [4]) == frames[3:]
    assert list(foreign.iter_instance_frames(STUDY, SERIES, "1.2.3.1.9", [2, 4])) == [frames[1], frames[3]]
    octets = (("application/octet-stream", "*"), ("application/octet-stream", "1.2.840.10008.1.2.1"))
    for wish in octets:
        assert foreign.retrieve_instance_frames(STUDY, SERIES, "1.2.3.1.9", [3], media_types=(wish,)) == [frames[2]]
    with pytest.raises(requests.HTTPError, match="404"):
        foreign.retrieve_instance_frames(STUDY, SERIES, "1.2.3.1.9", [5])


def test_it_retrieves_pictures(foreign: DICOMwebClient, slices: list[pydicom.Dataset]) -> None:
    png = foreign.retrieve_instance_rendered(STUDY, SERIES, "1.2.3.1.2", media_types=("image/png",))
    jpeg = foreign.retrieve_instance_frames_rendered(STUDY, SERIES, "1.2.3.1.2", [1], media_types=("image/jpeg",))
    shaped = foreign.retrieve_instance_rendered(
        STUDY, SERIES, "1.2.3.1.2", media_types=("image/jpeg",), params={"quality": 50, "viewport": "4,4"}
    )
    assert png.startswith(b"\x89PNG")
    assert jpeg.startswith(b"\xff\xd8")
    assert shaped.startswith(b"\xff\xd8")


def test_it_speaks_of_what_is_not_there_by_its_own_errors(foreign: DICOMwebClient) -> None:
    for ask in (
        lambda: foreign.retrieve_study("1.2.404"),
        lambda: foreign.retrieve_instance("1.2.404", "1.2.404.1", "1.2.404.1.1"),
        lambda: foreign.retrieve_series_metadata("1.2.404", "1.2.404.1"),
    ):
        with pytest.raises(requests.HTTPError, match="404"):
            ask()


ELSEWHERE = """
import sys
import requests
from dicomweb_client.api import DICOMwebClient
url, password = sys.argv[1], sys.stdin.readline().strip()
session = requests.Session()
session.auth, session.trust_env = ("reader", password), False
client = DICOMwebClient(url, session=session)
seen = 0
for turn in range(20):
    studies = client.search_for_studies()
    assert studies, "no studies"
    seen += len(client.retrieve_series("1.2.3", "1.2.3.1"))
print(seen)
session.close()
"""


def test_a_second_process_uses_the_server_while_the_workstation_does(
    iris: EmbeddedIris, foreign: DICOMwebClient, slices: list[pydicom.Dataset], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", ELSEWHERE, iris.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as elsewhere:
        assert elsewhere.stdin is not None
        assert elsewhere.stdout is not None
        elsewhere.stdin.write(iris.password + "\n")
        elsewhere.stdin.close()
        # the workstation pulls again and again, and others store meanwhile
        wire = connect(ServerProfile("iris", iris.url, user=iris.user), iris.password)
        stop = threading.Event()
        pulled = 0

        def store_more() -> None:
            while not stop.is_set():
                again = pydicom.dcmread(io.BytesIO(_bytes(slices[0])))
                again.StudyInstanceUID, again.SeriesInstanceUID = "1.2.8", "1.2.8.1"
                again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                foreign.store_instances([again])

        storing = threading.Thread(target=store_more)
        storing.start()
        try:
            while elsewhere.poll() is None:
                with Archive.open(tmp_path / str(pulled), bytes(32)) as archive:
                    ledger = Retrieval(archive, wire.dicomweb).pull_study(STUDY)
                    assert (ledger.complete, ledger.received) == (True, 5)
                pulled += 1
        finally:
            stop.set()
            storing.join()
        assert elsewhere.stdout.read().split() == ["100"]
        assert elsewhere.wait() == 0
    assert pulled > 1


def _bytes(dataset: pydicom.Dataset) -> bytes:
    stream: Any = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return bytes(stream.getvalue())

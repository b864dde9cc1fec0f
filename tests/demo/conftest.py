"""Small DICOM objects and a running embedded IRIS for its tests; nothing here uses the workstation's own client."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from workstation.demo.server import EmbeddedIris

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def part10(**values: Any) -> bytes:
    """A small CT image as Part 10 bytes; `values` replace or add attributes by keyword, None removes one."""
    rows = int(values.pop("Rows", 8))
    pixels = (np.arange(rows * rows) % 4096).astype("<i2").reshape(rows, rows)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = values.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    attributes: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "PatientName": "Петров^Иван^Сергеевич",
        "PatientID": "77-000123",
        "IssuerOfPatientID": "EMIAS",
        "PatientBirthDate": "19600215",
        "PatientSex": "M",
        "StudyDate": "20260110",
        "StudyTime": "101530",
        "StudyID": "S1",
        "StudyDescription": "КТ органов грудной клетки",
        "AccessionNumber": "A100",
        "ReferringPhysicianName": "",
        "Modality": "CT",
        "SeriesNumber": 2,
        "SeriesDescription": "Лёгкие",
        "InstanceNumber": 1,
        "BodyPartExamined": "CHEST",
        "Rows": rows,
        "Columns": rows,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "WindowCenter": -600,
        "WindowWidth": 1500,
    }
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword, value in (attributes | values).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" not in values:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
    if "SOPInstanceUID" in dataset:
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def multipart_body(parts: list[bytes], boundary: str = "cut", part_type: str = "application/dicom") -> bytes:
    """A multipart/related body as another program would write it."""
    pieces = [f"--{boundary}\r\nContent-Type: {part_type}\r\n\r\n".encode() + part + b"\r\n" for part in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


class Client:
    """A bare HTTP client with the server's address and password."""

    def __init__(self, iris: EmbeddedIris) -> None:
        self.iris = iris
        self.http = requests.Session()
        self.http.auth = (iris.user, iris.password)
        self.http.trust_env = False

    def get(self, path: str, accept: str = "application/dicom+json", **more: Any) -> requests.Response:
        headers = {"Accept": accept} | more.pop("headers", {})
        return self.http.get(self.iris.url + path, headers=headers, timeout=more.pop("timeout", 20), **more)

    def store(self, parts: list[bytes], path: str = "/studies", **more: Any) -> requests.Response:
        headers = {
            "Content-Type": 'multipart/related; type="application/dicom"; boundary="cut"',
            "Accept": "application/dicom+json",
        }
        body = more.pop("body", None) or multipart_body(parts)
        return self.http.post(self.iris.url + path, data=body, headers=headers | more.pop("headers", {}), timeout=20)

    def send(self, method: str, path: str, dataset: Any) -> requests.Response:
        headers = {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"}
        return self.http.request(method, self.iris.url + path, json=dataset, headers=headers, timeout=20)

    def close(self) -> None:
        self.http.close()


@pytest.fixture(scope="session")
def make_object() -> Callable[..., bytes]:
    return part10


@pytest.fixture(scope="session")
def make_body() -> Callable[..., bytes]:
    return multipart_body


@pytest.fixture(scope="module")
def connect() -> Iterator[Callable[[EmbeddedIris], Client]]:
    """Connects bare clients, closed at the end."""
    clients: list[Client] = []

    def connect_to(iris: EmbeddedIris) -> Client:
        clients.append(Client(iris))
        return clients[-1]

    yield connect_to
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def running_iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedIris]:
    """One server for a file's tests."""
    with EmbeddedIris(tmp_path_factory.mktemp("iris")) as running:
        yield running


@pytest.fixture
def iris(running_iris: EmbeddedIris) -> Iterator[EmbeddedIris]:
    """The server, empty and well."""
    yield running_iris
    running_iris.faults.clear()
    with running_iris.store.transaction() as db:
        for table in ("studies", "series", "instances", "workitems", "facts"):
            db.execute(f"DELETE FROM {table}")


@pytest.fixture
def client(iris: EmbeddedIris, connect: Callable[[EmbeddedIris], Client]) -> Client:
    return connect(iris)

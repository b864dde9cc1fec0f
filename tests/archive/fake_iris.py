"""A server in memory with faults to switch on, and the objects it serves."""

import io
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workstation.dicom.content import Patient, StudyHeader
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused
from workstation.iris.entries import InstanceEntry, SeriesEntry, StudyEntry
from workstation.jobs import Cancellation

PATIENT = Patient("Кузнецова^Мария^Павловна", "77-004711", "EMIAS", "19550314", "F")
STUDY = "1.2.826.0.1.3680043.8.498.71"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def part10(
    number: int, *, study: str = STUDY, series: str = "1", rows: int = 32, seed: int = 0, **values: Any
) -> bytes:
    """A CT slice with noise for pixels; the same arguments give the same bytes. `values` replace attributes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CT_IMAGE
    meta.MediaStorageSOPInstanceUID = f"{study}.{series}.{number}"
    dataset = Dataset()
    dataset.file_meta = meta
    attributes: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": f"{study}.{series}.{number}",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.{series}",
        "PatientName": PATIENT.name,
        "PatientID": PATIENT.patient_id,
        "IssuerOfPatientID": PATIENT.issuer,
        "PatientBirthDate": PATIENT.birth_date,
        "PatientSex": PATIENT.sex,
        "StudyDate": "20250611",
        "StudyDescription": "КТ органов грудной клетки",
        "Modality": "CT",
        "SeriesNumber": int(series),
        "InstanceNumber": number,
        "ImagePositionPatient": [0, 0, number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
        "Rows": rows,
        "Columns": rows,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": np.random.default_rng([number, seed]).integers(0, 65536, (rows, rows), dtype="<u2").tobytes(),
    }
    for keyword, value in (attributes | values).items():
        setattr(dataset, keyword, value)
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


class FakeIris:
    """Serves one study of `series` × `count` slices. Attributes are its fault switches; `requests` counts.

    `cut_after`: series number → whole instances before the stream breaks; `broken`: the same, by malformed multipart;
    `absent`: SOP UIDs listed and not to be had; `not_in_stream`: only to be had singly; `replaced`: SOP UID → what is
    sent for it; `announced`: series number → the count told, None for no count; `down`: nothing answers.
    """

    def __init__(
        self, count: int = 6, series: int = 1, rows: int = 32, modality: Mapping[str, str] | None = None
    ) -> None:
        self.modality = dict(modality or {})
        self.objects = {
            str(s): {
                f"{STUDY}.{s}.{n}": part10(n, series=str(s), rows=rows, Modality=self.modality.get(str(s), "CT"))
                for n in range(1, count + 1)
            }
            for s in range(1, series + 1)
        }
        self.cut_after: dict[str, int] = {}
        self.broken: dict[str, int] = {}
        self.absent: set[str] = set()
        self.not_in_stream: set[str] = set()
        self.replaced: dict[str, bytes] = {}
        self.unlisted: set[str] = set()
        self.announced: dict[str, int | None] = {}
        self.twice = False
        self.down = False
        self.pause_s = 0.0
        self.requests: Counter[str] = Counter()

    @property
    def all(self) -> dict[str, bytes]:
        return {uid: data for series in self.objects.values() for uid, data in series.items()}

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]:
        self._ask("series")
        for number, objects in self.objects.items():
            yield SeriesEntry(
                study_uid,
                f"{study_uid}.{number}",
                self.modality.get(number, "CT"),
                int(number),
                "Thorax",
                instance_count=self.announced.get(number, len(objects)),
            )

    def search_instances(self, study_uid: str, series_uid: str) -> Iterator[InstanceEntry]:
        self._ask("instances")
        for n, uid in enumerate(self.objects[series_uid.rpartition(".")[2]], 1):
            if uid not in self.unlisted:
                yield InstanceEntry(study_uid, series_uid, uid, CT_IMAGE, n)

    def retrieve_series(
        self, study_uid: str, series_uid: str, cancellation: Cancellation | None = None
    ) -> Iterator[bytes]:
        self._ask("stream")
        number = series_uid.rpartition(".")[2]
        for n, (uid, data) in enumerate(self.objects[number].items()):
            if n == self.cut_after.get(number):
                raise LinkDown("cut")
            if n == self.broken.get(number):
                raise MalformedAnswer("broken multipart")
            if uid in self.absent | self.not_in_stream:
                continue
            time.sleep(self.pause_s)
            yield self.replaced.get(uid, data)
            if self.twice:
                yield self.replaced.get(uid, data)

    def retrieve_instance(
        self, study_uid: str, series_uid: str, sop_instance_uid: str, cancellation: Cancellation | None = None
    ) -> bytes:
        self._ask(f"single {sop_instance_uid}")
        if sop_instance_uid in self.absent:
            raise ServerRefused("no", status=404)
        time.sleep(self.pause_s)
        return self.replaced.get(sop_instance_uid, self.all[sop_instance_uid])

    @property
    def singles(self) -> list[str]:
        """SOP UIDs that were asked for singly."""
        return [name.removeprefix("single ") for name in self.requests.elements() if name.startswith("single ")]

    def _ask(self, what: str) -> None:
        if self.down:
            raise LinkDown("down")
        self.requests[what] += 1


class FakeStudies:
    """A search that gives the studies it was made with."""

    def __init__(self, *entries: StudyEntry) -> None:
        self.entries = entries
        self.filters: list[Mapping[str, str]] = []

    def search_studies(self, filters: Mapping[str, str], limit: int | None = None) -> Iterator[StudyEntry]:
        self.filters.append(filters)
        return iter(self.entries)

    def search_series(self, study_uid: str) -> Iterator[SeriesEntry]:
        yield SeriesEntry(study_uid, f"{study_uid}.1", "SR")


def study(uid: str, day: str, modalities: tuple[str, ...], description: str, patient: Patient = PATIENT) -> StudyEntry:
    """A study as a search gives it."""
    return StudyEntry(uid, patient, StudyHeader(uid, study_date=day, description=description), modalities)

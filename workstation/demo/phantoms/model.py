"""The values of the phantom set: whose they are, what they show, where their files lie."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workstation.dicom.content import Patient, StudyHeader

NAMESPACE = uuid.UUID("5f3cf5ae-0b6e-4e0e-9d0a-7d1c3b1f6a52")


def uid(*parts: object) -> str:
    """A UID under 2.25 (PS3.5 B.2), the same for the same parts."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, parts))).int}"


@dataclass(frozen=True)
class Hospital:
    """Where pictures are taken: its name and its machines' station name."""

    name: str
    station: str
    manufacturer: str
    machine: str
    serial: str


@dataclass(frozen=True)
class Visit:
    """One study of one person, before any picture exists; `date`, `time` as DICOM DA and TM."""

    key: str
    patient: Patient
    date: str
    time: str
    modality: str
    description: str
    protocol: str
    hospital: Hospital
    region: str = "CHEST"
    role: str = "current"
    prior_of: str = ""
    referring: str = ""
    accession: str = ""
    size_m: float = 1.70
    weight_kg: float = 74.0
    comment: str = ""

    @property
    def study_uid(self) -> str:
        return uid(self.key, "study")


@dataclass(frozen=True)
class PhantomSeries:
    """One series as it lies on disk, files in order of InstanceNumber."""

    series_uid: str
    number: int
    modality: str
    description: str
    transfer_syntax_uid: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class PhantomStudy:
    """One study as it lies on disk. `truth` is what truth.json says of it; only tests and people read it."""

    visit: Visit
    series: tuple[PhantomSeries, ...]
    truth: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        return self.visit.key

    @property
    def patient(self) -> Patient:
        return self.visit.patient

    @property
    def study_uid(self) -> str:
        return self.visit.study_uid

    @property
    def date(self) -> str:
        return self.visit.date

    @property
    def time(self) -> str:
        return self.visit.time

    @property
    def modality(self) -> str:
        return self.visit.modality

    @property
    def region(self) -> str:
        return self.visit.region

    @property
    def description(self) -> str:
        return self.visit.description

    @property
    def accession(self) -> str:
        return self.visit.accession

    @property
    def role(self) -> str:
        """`current`, or `prior` of the study `visit.prior_of`."""
        return self.visit.role

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for series in self.series for file in series.files)

    @property
    def header(self) -> StudyHeader:
        v = self.visit
        return StudyHeader(
            study_uid=v.study_uid, study_date=v.date, study_time=v.time, study_id=v.accession, accession=v.accession,
            description=v.description, referring_physician=v.referring, modality=v.modality,
        )  # fmt: skip


@dataclass(frozen=True)
class PhantomSet:
    """All phantoms of one folder."""

    folder: Path
    studies: tuple[PhantomStudy, ...]

    def study(self, key: str) -> PhantomStudy:
        """Raises KeyError for a key that isn't in the set."""
        for study in self.studies:
            if study.key == key:
                return study
        raise KeyError(key)

    def priors_of(self, key: str) -> tuple[PhantomStudy, ...]:
        return tuple(study for study in self.studies if study.visit.prior_of == key)

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for study in self.studies for file in study.files)

    @property
    def current(self) -> tuple[PhantomStudy, ...]:
        return tuple(study for study in self.studies if study.role == "current")


@dataclass(frozen=True)
class Made:
    """What a maker leaves behind."""

    series: tuple[PhantomSeries, ...]
    truth: dict[str, Any]


Step = Callable[[], None]
"""Called by a maker after each unit of work; raises when the work shall stop."""


@dataclass(frozen=True)
class Phantom:
    """One line of the catalogue. `make(visit, folder, scale, step)` writes the files; `units` is its share of work.

    A scale below 1 makes the same phantom with fewer, larger voxels, for quick tests.
    """

    visit: Visit
    units: int
    make: Callable[[Visit, Path, float, Step], Made]

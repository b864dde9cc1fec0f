"""What a search answers, as frozen plain values: studies, series, instances (PS3.18 10.6.3)."""

from dataclasses import dataclass

from workstation.dicom.content import Patient, StudyHeader
from workstation.iris.json_model import Dataset, integer, text, texts


@dataclass(frozen=True)
class StudyEntry:
    """A study as the server lists it; counts are None where the server doesn't say."""

    study_uid: str
    patient: Patient
    study: StudyHeader
    modalities: tuple[str, ...] = ()
    series_count: int | None = None
    instance_count: int | None = None
    body_part: str = ""


@dataclass(frozen=True)
class SeriesEntry:
    """A series as the server lists it."""

    study_uid: str
    series_uid: str
    modality: str = ""
    number: int | None = None
    description: str = ""
    body_part: str = ""
    instance_count: int | None = None


@dataclass(frozen=True)
class InstanceEntry:
    """An instance as the server lists it; `number_of_frames` is 1 where the server doesn't say."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str = ""
    number: int | None = None
    number_of_frames: int = 1


# what is asked for by name, beside what a server gives anyway
STUDY_FIELDS = ("00081030", "00080061", "00201206", "00201208", "00080050", "00100021", "00180015", "00080090")
SERIES_FIELDS = ("0008103E", "00200011", "00201209", "00180015")
INSTANCE_FIELDS = ("00080016", "00200013", "00280008")


def patient_of(dataset: Dataset) -> Patient:
    """The patient of a JSON data set."""
    return Patient(
        name=text(dataset, "00100010"),
        patient_id=text(dataset, "00100020"),
        issuer=text(dataset, "00100021"),
        birth_date=text(dataset, "00100030"),
        sex=text(dataset, "00100040"),
    )


def study_entry(dataset: Dataset) -> StudyEntry:
    modalities = texts(dataset, "00080061") or texts(dataset, "00080060")
    study_uid = text(dataset, "0020000D")
    return StudyEntry(
        study_uid=study_uid,
        patient=patient_of(dataset),
        study=StudyHeader(
            study_uid=study_uid,
            study_date=text(dataset, "00080020"),
            study_time=text(dataset, "00080030"),
            study_id=text(dataset, "00200010"),
            accession=text(dataset, "00080050"),
            description=text(dataset, "00081030"),
            referring_physician=text(dataset, "00080090"),
            modality=modalities[0] if modalities else "",
        ),
        modalities=modalities,
        series_count=integer(dataset, "00201206"),
        instance_count=integer(dataset, "00201208"),
        body_part=text(dataset, "00180015"),
    )


def series_entry(dataset: Dataset, study_uid: str) -> SeriesEntry:
    return SeriesEntry(
        study_uid=study_uid,
        series_uid=text(dataset, "0020000E"),
        modality=text(dataset, "00080060"),
        number=integer(dataset, "00200011"),
        description=text(dataset, "0008103E"),
        body_part=text(dataset, "00180015"),
        instance_count=_count(dataset, "00201209"),
    )


def _count(dataset: Dataset, tag: str) -> int | None:
    """A count of what exists, so at least one; any other is none."""
    count = integer(dataset, tag)
    return count if count and count > 0 else None


def instance_entry(dataset: Dataset, study_uid: str, series_uid: str) -> InstanceEntry:
    return InstanceEntry(
        study_uid=study_uid,
        series_uid=series_uid,
        sop_instance_uid=text(dataset, "00080018"),
        sop_class_uid=text(dataset, "00080016"),
        number=integer(dataset, "00200013"),
        number_of_frames=integer(dataset, "00280008") or 1,
    )

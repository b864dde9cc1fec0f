"""The index: what is known of each object held, as rows; functions for use inside a transaction."""

import os
from dataclasses import dataclass
from typing import Any, Literal

from workstation.archive.database import Cursor, now
from workstation.dicom.content import Patient, StudyHeader
from workstation.dicom.instance import Instance
from workstation.errors import UnreadableObject


@dataclass(frozen=True)
class Stored:
    """What became of an object: `new`, `held` already, or a `collision`: other bytes under a UID that is held.

    On a collision the first bytes are kept, and `instance` is theirs.
    """

    instance: Instance
    outcome: Literal["new", "held", "collision"]
    size: int


@dataclass(frozen=True)
class Refused:
    """Bytes that are no usable DICOM object, and why."""

    error: UnreadableObject
    size: int


@dataclass(frozen=True)
class Foreign(Refused):
    """An object of another study than the one that was asked for."""


@dataclass(frozen=True)
class HeldStudy:
    """A study of which objects are held: its values as the first object stored has them."""

    patient: Patient
    study: StudyHeader
    modalities: tuple[str, ...]
    instances: int
    size: int


@dataclass
class Arrived:
    """An object on its way in; `name` is its file's, empty while it has none."""

    instance: Instance
    data: bytes
    sha256: bytes
    name: str = ""


def enter(cursor: Cursor, item: Arrived) -> Stored:
    """Enter an object in the index, or find that its UID is there."""
    instance = item.instance
    size = len(item.data)
    row = one(cursor, "SELECT sha256, instance_json FROM instances WHERE sop_uid = ?", instance.sop_instance_uid)
    if row is not None and row["sha256"] == item.sha256:
        return Stored(instance, "held", size)
    if row is not None:
        cursor.execute(
            "INSERT OR IGNORE INTO collisions VALUES (?, ?, ?, ?)",
            (instance.sop_instance_uid, item.sha256, size, now()),
        )
        return Stored(Instance.from_json(row["instance_json"]), "collision", size)
    cursor.execute(
        "INSERT OR IGNORE INTO series VALUES (?, ?, ?, ?, ?)",
        (
            instance.series_uid,
            instance.study_uid,
            instance.modality,
            instance.series_number,
            instance.series_description,
        ),
    )
    cursor.execute(
        "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            instance.sop_instance_uid,
            instance.study_uid,
            instance.series_uid,
            instance.sop_class_uid,
            instance.instance_number,
            size,
            item.sha256,
            item.name,
            now(),
            instance.to_json(),
        ),
    )
    return Stored(instance, "new", size)


@dataclass(frozen=True)
class Removed:
    """A study whose objects were taken out of the archive: how many, and of how many bytes."""

    study_uid: str
    objects: int
    size: int


def take_out(cursor: Cursor, study_uid: str, reason: str) -> Removed:
    """Delete a study with its key; its files are noted for deletion. Raises KeyError when it isn't held.

    What the server listed stays on the ledger, so that the study is known to be incomplete here.
    """
    count = one(cursor, "SELECT objects, size FROM studies WHERE study_uid = ?", study_uid)
    if count is None:
        raise KeyError(study_uid)
    removed = Removed(study_uid, *count)
    for statement in (
        "INSERT INTO discarded_objects SELECT object_name FROM instances WHERE study_uid = ?",
        "DELETE FROM collisions WHERE sop_uid IN (SELECT sop_uid FROM instances WHERE study_uid = ?)",
        "DELETE FROM documents WHERE study_uid = ?",
        "DELETE FROM instances WHERE study_uid = ?",
        "DELETE FROM series WHERE study_uid = ?",
        "DELETE FROM studies WHERE study_uid = ?",
    ):
        cursor.execute(statement, (study_uid,))
    cursor.execute(
        "INSERT OR REPLACE INTO removed_studies VALUES (?, ?, ?, ?, ?)",
        (study_uid, now(), reason, removed.objects, removed.size),
    )
    return removed


def enter_study(cursor: Cursor, instance: Instance) -> None:
    patient, study = instance.patient, instance.study
    cursor.execute("DELETE FROM removed_studies WHERE study_uid = ?", (instance.study_uid,))
    cursor.execute(
        """INSERT OR IGNORE INTO studies (study_uid, seal_key, patient_id, issuer, patient_name, birth_date, sex,
        study_date, study_time, accession, description, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            instance.study_uid,
            os.urandom(32),
            *identity_of(patient),
            patient.name,
            patient.birth_date,
            patient.sex,
            study.study_date,
            study.study_time,
            study.accession,
            study.description,
            now(),
        ),
    )


def identity_of(patient: Patient) -> tuple[str, str]:
    return patient.patient_id, patient.issuer


def one(cursor: Cursor, sql: str, value: str) -> Any:
    return cursor.execute(sql, (value,)).fetchone()


def held_study(row: Any) -> HeldStudy:
    modalities = tuple(sorted(set((row["modalities"] or "").split(",")) - {""}))
    return HeldStudy(
        Patient(row["patient_name"], row["patient_id"], row["issuer"], row["birth_date"], row["sex"]),
        StudyHeader(
            study_uid=row["study_uid"],
            study_date=row["study_date"],
            study_time=row["study_time"],
            accession=row["accession"],
            description=row["description"],
        ),
        modalities,
        row["objects"],
        row["size"],
    )

"""What is here of a case, read from the archive: images, ledgers, priors with their reason, report texts."""

from collections.abc import Iterable, Mapping, Sequence

from workstation.archive.archive import Archive
from workstation.archive.identity import contradictions
from workstation.archive.ledger import study_ledger
from workstation.archive.priors import remembered
from workstation.consultation.case import CaseContents, CaseRow, PriorStudy
from workstation.consultation.covering import is_blind_study, uncovered
from workstation.dicom.content import ReportText
from workstation.dicom.instance import Instance
from workstation.dicom.rejections import in_sight
from workstation.errors import UnreadableObject

_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
# of the SR classes, those that aren't reports to read: key objects, measurements of devices and programs
_NO_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.67")


def read_contents(archive: Archive, case: CaseRow) -> CaseContents:
    """The contents of a case, as far as they are here and not covered; nothing is asked of the server."""
    held = archive.instances(study_uid=case.study_uid)
    with archive.database.read() as cursor:
        study = uncovered(cursor, case.study_uid, held)
        blind = is_blind_study(cursor, case.study_uid)
    priors = []
    for prior in remembered(archive.database, case.case_uid):
        earlier = archive.instances(study_uid=prior.study.study_uid)
        with archive.database.read() as cursor:
            instances = uncovered(cursor, prior.study.study_uid, earlier)
        priors.append(
            PriorStudy(
                header=prior.study.study,
                instances=instances,
                reason=prior.reason,
                doubt=", ".join(dict.fromkeys(filter(None, (*prior.doubt.split(", "), *_against(case, instances))))),
                reports=tuple(_reports(archive, in_sight(instances))),
                ledger=study_ledger(archive.database, prior.study.study_uid),
            )
        )
    return CaseContents(
        study=study,
        ledger=study_ledger(archive.database, case.study_uid),
        priors=tuple(priors),
        first_report=next(iter(_reports(archive, others_documents(archive, case, study))), None),
        doubt=", ".join(_against(case, study)),
        blind=blind,
        covered=len(held) - len(study),
    )


def merge_values(case: CaseRow, contents: CaseContents) -> Mapping[str, str]:
    """What a template may take from the case, by the names of `reporting.merge_names`; dates are `YYYYMMDD`."""
    header = contents.header
    prior = max(contents.priors, key=lambda one: one.header.study_date, default=None)
    thickness = _thickness(contents.in_sight)
    return {
        "patient.age": "" if case.age_at_study is None else str(case.age_at_study),
        "patient.sex": case.patient.sex,
        "study.date": header.study_date if header else case.study_date,
        "study.description": (header.description if header else "") or case.study_description,
        "study.modality": case.modality,
        "study.region": case.region,
        "study.accession": case.accession,
        "series.slice_thickness_mm": "" if thickness is None else f"{thickness:g}",
        "prior.date": prior.header.study_date if prior else "",
        "prior.description": prior.header.description if prior else "",
        "order.question": case.question,
        "order.history": case.history,
    }


def others_documents(archive: Archive, case: CaseRow, study: Sequence[Instance]) -> list[Instance]:
    """The reports among the objects of the study that weren't signed here for the case, structured ones before PDF."""
    own = _own_documents(archive, case.case_uid)
    return _documents(instance for instance in in_sight(study) if instance.sop_instance_uid not in own)


def _documents(instances: Iterable[Instance]) -> list[Instance]:
    documents = [one for one in instances if _is_report(one)]
    documents.sort(key=lambda one: (one.sop_class_uid == _PDF_CLASS, one.series_number or 0, one.instance_number or 0))
    return documents


def _reports(archive: Archive, instances: Iterable[Instance]) -> list[ReportText]:
    """The texts of the reports among the instances, structured ones before PDF; the unreadable are left out."""
    # at first use: pydicom is the longest import of the start
    from workstation.dicom.documents import read_report

    found = []
    for document in _documents(instances):
        try:
            found.append(read_report(archive.get(document.sop_instance_uid)))
        except UnreadableObject:
            continue
    return found


def _is_report(instance: Instance) -> bool:
    sop_class = instance.sop_class_uid
    return sop_class == _PDF_CLASS or (sop_class.startswith(_SR_CLASSES) and sop_class not in _NO_REPORTS)


def _own_documents(archive: Archive, case_uid: str) -> set[str]:
    with archive.database.read() as cursor:
        rows = cursor.execute(
            "SELECT sop_uid FROM package_objects JOIN packages USING (package_uid) WHERE case_uid = ?", (case_uid,)
        ).fetchall()
    return {row[0] for row in rows}


def _against(case: CaseRow, instances: Iterable[Instance]) -> tuple[str, ...]:
    """What in the images that count speaks against their being of the patient of the case."""
    patients = dict.fromkeys(instance.patient for instance in in_sight(tuple(instances)))
    return tuple(dict.fromkeys(why for patient in patients for why in contradictions(case.patient, patient)))


def _thickness(instances: Iterable[Instance]) -> float | None:
    """The thinnest slice of the study, mm."""
    return min((f.slice_thickness for i in instances for f in i.frames if f.slice_thickness), default=None)

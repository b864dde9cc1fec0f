"""The demonstration worklist: one workitem for each current phantom study, with priors and first reports as inputs.

Attributes are those of PS3.4 table CC.2.5-3. What the standard has no attribute for stands in the Scheduled Processing
Parameters (0074,1210) as content items of scheme 99IRIS: READING_KIND (a code, FIRST or SECOND), QUESTION, HISTORY and
SENDER (texts). Addresses are stored without the server's root, which is put in when they are handed out.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from pydicom.dataset import Dataset

from workstation.demo.deadlines import put_times
from workstation.demo.headers import Json
from workstation.demo.identities import READER
from workstation.demo.phantoms.model import PhantomSet, PhantomStudy
from workstation.demo.procedure_steps import Outcome, ProcedureSteps
from workstation.demo.reports import demo_uid, first_report, old_report
from workstation.demo.scenarios import OLD_REPORTS, PROCEDURES, Scenario, scenario_of
from workstation.demo.store import Store, StoredInstance
from workstation.demo.worklist import ADDRESS
from workstation.dicom.content import Code, ImageReference, Order

OURS = "99IRIS"
INTERPRETATION = Code("110005", "DCM", "Interpretation")
KINDS = {"first": Code("FIRST", OURS, "Первичное чтение"), "second": Code("SECOND", OURS, "Второе мнение")}
# SOP classes of CR and DX, CT and MR pictures begin so
IMAGES = ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4")
# a request lives three days beyond its deadline
EXPIRY_MINUTES = 3 * 24 * 60


def workitem_uid(study: PhantomStudy) -> str:
    """The workitem's UID, the same whenever the demonstration is prepared anew."""
    return demo_uid(study.study_uid, "workitem")


def build_worklist(store: Store, phantoms: PhantomSet, folder: Path, now: datetime) -> int:
    """Write the reports into `folder`, store them, and create what is missing of the worklist; returns its length.

    The phantoms' own files must be in the store already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = ProcedureSteps(store)
    for study in phantoms.studies:
        if study.role == "prior" and study.key in OLD_REPORTS:
            _keep(store, folder / f"{study.key}-report.dcm", old_report(study, OLD_REPORTS[study.key]))
    created = 0
    for study in phantoms.current:
        scenario = scenario_of(study.key, study.modality)
        if scenario.first_report is not None:
            evidence = [_reference(instance) for instance in store.instances(study.study_uid)]
            images = [reference for reference in evidence if reference.sop_class_uid.startswith(IMAGES)]
            written = _taken(study) + timedelta(hours=2)
            documents = first_report(study, order_of(study, scenario), scenario.first_report, images, written)
            for name, document in zip(("report", "report-pdf"), documents, strict=True):
                _keep(store, folder / f"{study.key}-{name}.dcm", document)
        dataset, due = workitem(store, study, phantoms.priors_of(study.key), scenario, now)
        outcome = steps.create(workitem_uid(study), dataset, json.dumps(due))
        if outcome not in (Outcome.DONE, Outcome.DUPLICATE):
            raise ValueError(f"the demonstration worklist is no worklist: {outcome.text}")
        created += 1
    return created


def order_of(study: PhantomStudy, scenario: Scenario) -> Order:
    """The hospital's order for a study."""
    return Order(
        placer_order=f"P{study.accession}",
        filler_order=f"F{study.accession}",
        procedure_id=f"RP{study.accession}"[:16],
        procedure_description=PROCEDURES[scenario.family][1],
        reason=scenario.diagnosis,
    )


def workitem(
    store: Store, study: PhantomStudy, priors: Sequence[PhantomStudy], scenario: Scenario, now: datetime
) -> tuple[Json, dict[str, float]]:
    """The workitem in DICOM JSON, and its times in minutes from `now`."""
    patient, order = study.patient, order_of(study, scenario)
    kind = "second" if scenario.first_report else "first"
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.ProcedureStepState = "SCHEDULED"
    item.InputReadinessState = "READY"
    item.ScheduledProcedureStepPriority = scenario.priority
    item.WorklistLabel = scenario.queue
    item.ProcedureStepLabel = KINDS[kind].meaning
    item.CommentsOnTheScheduledProcedureStep = scenario.question
    item.ScheduledWorkitemCodeSequence = [code_item(INTERPRETATION)]
    item.ScheduledProcessingParametersSequence = [
        _coded_parameter(Code("READING_KIND", OURS, "Вид чтения"), KINDS[kind]),
        _text_parameter(Code("QUESTION", OURS, "Вопрос"), scenario.question),
        _text_parameter(Code("HISTORY", OURS, "Анамнез"), scenario.history),
        _text_parameter(Code("SENDER", OURS, "Направившая организация"), study.visit.hospital.name),
    ]
    item.ScheduledStationNameCodeSequence = []
    item.ScheduledStationClassCodeSequence = []
    item.ScheduledStationGeographicLocationCodeSequence = []
    item.ScheduledHumanPerformersSequence = [_reader()] if scenario.assigned else []
    item.StudyInstanceUID = study.study_uid
    item.PatientName, item.PatientID, item.IssuerOfPatientID = patient.name, patient.patient_id, patient.issuer
    item.PatientBirthDate, item.PatientSex = patient.birth_date, patient.sex
    item.AdmissionID = ""
    item.AdmittingDiagnosesDescription = scenario.diagnosis
    number, _space, name = scenario.diagnosis.partition(" ")
    item.AdmittingDiagnosesCodeSequence = [code_item(Code(number, "I10", name))]
    item.ReferencedRequestSequence = [_request(study, order, scenario)]
    item.ProcedureStepProgressInformationSequence = []
    item.UnifiedProcedureStepPerformedProcedureSequence = []
    item.InputInformationSequence = [
        _input(series) for one in (study, *priors) for series in _by_series(store.instances(one.study_uid))
    ]
    content: Json = item.to_json_dict()
    due = {
        "ScheduledProcedureStepStartDateTime": min(float(scenario.due), 0.0) - 30,
        "ExpectedCompletionDateTime": float(scenario.due),
        "ScheduledProcedureStepExpirationDateTime": float(scenario.due + EXPIRY_MINUTES),
    }
    put_times(content, due, now)
    return content, due


def code_item(code: Code) -> Dataset:
    """The item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _coded_parameter(concept: Code, value: Code) -> Dataset:
    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence = [code_item(concept)]
    item.ConceptCodeSequence = [code_item(value)]
    return item


def _text_parameter(concept: Code, value: str) -> Dataset:
    item = Dataset()
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = [code_item(concept)]
    item.TextValue = value
    return item


def _reader() -> Dataset:
    item = Dataset()
    item.HumanPerformerCodeSequence = [code_item(Code(READER.code, OURS, READER.common_name))]
    item.HumanPerformerName = READER.name
    item.HumanPerformerOrganization = READER.organisation
    return item


def _request(study: PhantomStudy, order: Order, scenario: Scenario) -> Dataset:
    """The order; date, modality and body part of its study are extra (type 3), so that a list can show them."""
    number, name = PROCEDURES[scenario.family]
    item = Dataset()
    item.StudyInstanceUID = study.study_uid
    item.AccessionNumber = study.accession
    item.StudyDate, item.Modality, item.BodyPartExamined = study.date, study.modality, study.region
    item.PlacerOrderNumberImagingServiceRequest = order.placer_order
    item.FillerOrderNumberImagingServiceRequest = order.filler_order
    item.RequestedProcedureID = order.procedure_id
    item.RequestedProcedureDescription = order.procedure_description
    item.RequestedProcedureCodeSequence = [code_item(Code(number, "804N", name))]
    item.ReasonForTheRequestedProcedure = order.reason
    item.RequestingPhysician = study.visit.referring
    item.RequestingService = scenario.service
    return item


def _input(instances: Sequence[StoredInstance]) -> Dataset:
    """One series as input (PS3.4 table CC.2.5-2c), its instances named and where to get it."""
    first = instances[0]
    place = Dataset()
    place.RetrieveURL = f"{ADDRESS}/studies/{first.study_uid}/series/{first.series_uid}"
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID, item.SeriesInstanceUID = first.study_uid, first.series_uid
    item.ReferencedSOPSequence = []
    for instance in instances:
        reference = Dataset()
        reference.ReferencedSOPClassUID = instance.sop_class_uid
        reference.ReferencedSOPInstanceUID = instance.sop_uid
        item.ReferencedSOPSequence.append(reference)
    item.WADORSRetrievalSequence = [place]
    return item


def _by_series(instances: Sequence[StoredInstance]) -> list[list[StoredInstance]]:
    return [list(group) for _uid, group in groupby(instances, key=lambda instance: instance.series_uid)]


def _reference(instance: StoredInstance) -> ImageReference:
    return ImageReference(instance.study_uid, instance.series_uid, instance.sop_class_uid, instance.sop_uid)


def _taken(study: PhantomStudy) -> datetime:
    """When the pictures were taken; the phantoms' hospitals keep Moscow time."""
    text = study.date + (study.visit.time or "120000")[:6].ljust(6, "0")
    return datetime.strptime(text + "+0300", "%Y%m%d%H%M%S%z")


def _keep(store: Store, path: Path, document: bytes) -> None:
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_bytes(document)
        draft.replace(path)
    store.ingest([path])

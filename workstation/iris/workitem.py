"""A consultation as the worklist holds it: a Unified Procedure Step (PS3.4 CC) read into plain values, and written.

What the kind of reading, the question and the history are is told by content items of the Scheduled Processing
Parameters (0074,1210), found by the codes below.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from workstation.dicom.content import Code, ImageReference, Observer, Order, Patient
from workstation.iris.entries import patient_of
from workstation.iris.json_model import (
    Dataset,
    code,
    code_element,
    element,
    first_item,
    items,
    text,
)

Role = Literal["study", "prior", "first_report"]
Kind = Literal["first", "second"]

INTERPRETATION = Code("110005", "DCM", "Interpretation")
REPORT_VERIFICATION = Code("110007", "DCM", "Report Verification")

# codes of content items, in any scheme: ours first, then what others are seen to use
_KIND_CODES = ("READING_KIND", "KIND")
_QUESTION_CODES = ("QUESTION", "121062", "55753-8")
_HISTORY_CODES = ("HISTORY", "11329-0", "121060", "121110")
_SENDER_CODES = ("SENDER", "121009", "121010")
_SECOND_WORDS = ("second", "втор")

# documents among the inputs: SR storage classes, and encapsulated PDF
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"


@dataclass(frozen=True)
class InputReference:
    """One piece of the Input Information: an instance, or a whole study or series where the UIDs below are empty."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    retrieve_url: str
    role: Role


@dataclass(frozen=True)
class Workitem:
    """One consultation; times are timezone-aware, None where the server gives none.

    `other_ids` are other numbers of the patient, each with its issuer: Other Patient IDs Sequence (0010,1002).
    """

    uid: str
    state: str
    kind: Kind
    priority: str
    label: str
    task: str
    scheduled_at: datetime | None
    deadline: datetime | None
    expiry: datetime | None
    modified_at: datetime | None
    reader_code: str
    reader_name: str
    patient: Patient
    order: Order
    accession: str
    study_uid: str
    study_date: str
    modality: str
    body_part: str
    requested_procedure: str
    sender: str
    question: str
    history: str
    input_ready: bool
    inputs: tuple[InputReference, ...]
    outputs: tuple[str, ...] = ()
    other_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What was done: when, by whom, on which station, and the documents that resulted."""

    started_at: datetime
    ended_at: datetime
    station_name: str
    performer: Observer | None
    outputs: tuple[ImageReference, ...]
    workitem_code: Code = INTERPRETATION


def read_workitem(dataset: Dataset) -> Workitem:
    """The workitem in a JSON data set; tolerant of everything absent."""
    request = first_item(dataset, "0040A370")
    performer = first_item(dataset, "00404034")
    performer_code = code(performer, "00404009")
    parameters = items(dataset, "00741210")
    zone = text(dataset, "00080201")
    study_uid = text(request, "0020000D") or text(dataset, "0020000D")
    if not study_uid:
        study_uid = next((text(item, "0020000D") for item in items(dataset, "00404021")), "")
    procedure = code(request, "00321064")
    return Workitem(
        uid=text(dataset, "00080018"),
        state=text(dataset, "00741000"),
        kind=_kind(dataset, parameters),
        priority=text(dataset, "00741200") or "MEDIUM",
        label=text(dataset, "00741202"),
        task=text(dataset, "00741204"),
        scheduled_at=read_moment(text(dataset, "00404005"), zone),
        deadline=read_moment(text(dataset, "00404011"), zone),
        expiry=read_moment(text(dataset, "00404008"), zone),
        modified_at=read_moment(text(dataset, "00404010"), zone),
        reader_code=performer_code.value if performer_code else "",
        reader_name=text(performer, "00404037"),
        patient=patient_of(dataset),
        order=Order(
            placer_order=text(request, "00402016"),
            filler_order=text(request, "00402017"),
            procedure_id=text(request, "00401001"),
            procedure_description=text(request, "00321060") or (procedure.meaning if procedure else ""),
            reason=text(request, "00401002"),
        ),
        accession=text(request, "00080050") or text(dataset, "00080050"),
        study_uid=study_uid,
        study_date=text(request, "00080020") or text(dataset, "00080020"),
        modality=text(request, "00080060") or text(dataset, "00080060"),
        body_part=text(request, "00180015") or text(dataset, "00180015"),
        requested_procedure=text(request, "00321060") or (procedure.meaning if procedure else ""),
        sender=_parameter(parameters, _SENDER_CODES)
        or text(request, "00321033")
        or text(dataset, "00080080")
        or text(request, "00321032"),
        question=_parameter(parameters, _QUESTION_CODES) or text(request, "00401002"),
        history=_parameter(parameters, _HISTORY_CODES) or text(dataset, "001021B0") or text(dataset, "00081080"),
        input_ready=text(dataset, "00404041") == "READY",
        inputs=tuple(_inputs(dataset, study_uid)),
        outputs=tuple(_outputs(dataset)),
        other_ids=tuple(
            (number, text(item, "00100021"))
            for item in items(dataset, "00101002")
            if (number := text(item, "00100020"))
        ),
    )


def performed_procedure(outcome: Outcome, retrieve_root: str) -> dict[str, Any]:
    """The UPS Performed Procedure Sequence (0074,1216) that must be there before COMPLETED (PS3.4 CC.2.1.3)."""
    procedure: dict[str, Any] = {
        "00404050": element("DT", write_moment(outcome.started_at)),
        "00404051": element("DT", write_moment(outcome.ended_at)),
        "00404028": code_element(Code(outcome.station_name, "L", outcome.station_name)),
        "00404019": code_element(outcome.workitem_code),
        "00404033": element("SQ", *_output_items(outcome.outputs, retrieve_root)),
    }
    if outcome.performer:
        procedure["00404035"] = element(
            "SQ",
            {
                "00404009": code_element(outcome.performer.code),
                "00404036": element("LO", outcome.performer.organisation),
                "00404037": element("PN", outcome.performer.name),
            },
        )
    return {"00741216": element("SQ", procedure)}


def cancellation(reason: Code, explanation: str, moment: datetime) -> dict[str, Any]:
    """The Procedure Step Progress Information (0074,1002) of a case given back, with its coded reason."""
    progress = {
        "00404052": element("DT", write_moment(moment)),
        "0074100E": code_element(reason),
    }
    if explanation:
        progress["00741238"] = element("LT", explanation)
    return {"00741002": element("SQ", progress)}


def read_moment(value: str, zone: str = "") -> datetime | None:
    """A DT value as an aware datetime; `zone` (±HHMM) holds where the value has none, this machine's zone last."""
    digits, sign, offset = value.partition("+") if "+" in value else value.partition("-")
    if not sign:
        sign, offset = (zone[:1], zone[1:]) if len(zone) == 5 else ("", "")
    digits = digits.partition(".")[0]
    if len(digits) < 8:
        return None
    try:
        moment = datetime.strptime(digits.ljust(14, "0")[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - given its zone below
        if sign:
            minutes = int(offset[:2]) * 60 + int(offset[2:4] or 0)
            return moment.replace(tzinfo=timezone(timedelta(minutes=-minutes if sign == "-" else minutes)))
        return moment.astimezone()
    except ValueError:
        return None


def write_moment(moment: datetime) -> str:
    """A DT value in UTC, offset included."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def _kind(dataset: Dataset, parameters: list[Dataset]) -> Kind:
    named = _parameter(parameters, _KIND_CODES).lower()
    return "second" if named.startswith(_SECOND_WORDS) else "first"


def _parameter(parameters: list[Dataset], wanted: tuple[str, ...]) -> str:
    """The value of the content item whose concept has one of these code values: its text, or its code's meaning."""
    found = []
    for item in parameters:
        concept = code(item, "0040A043")
        if concept and concept.value in wanted:
            coded = code(item, "0040A168")
            value = text(item, "0040A160") or (coded.value if coded else "") or text(item, "0040A123")
            found.append((wanted.index(concept.value), value))
    found.sort(key=lambda pair: pair[0])
    return "\n".join(value for rank, value in found if value and rank == found[0][0])


def _inputs(dataset: Dataset, study_uid: str) -> list[InputReference]:
    found: list[InputReference] = []
    for item in items(dataset, "00404021"):
        study = text(item, "0020000D")
        url = text(first_item(item, "0040E025"), "00081190") or text(item, "00081190")
        instances = items(item, "00081199") or [{}]
        for instance in instances:
            sop_class = text(instance, "00081150")
            if study != study_uid:
                role: Role = "prior"
            elif sop_class.startswith(_SR_CLASSES) or sop_class == _PDF_CLASS:
                role = "first_report"
            else:
                role = "study"
            found.append(
                InputReference(study, text(item, "0020000E"), sop_class, text(instance, "00081155"), url, role)
            )
    return found


def _outputs(dataset: Dataset) -> list[str]:
    return [
        text(instance, "00081155")
        for procedure in items(dataset, "00741216")
        for item in items(procedure, "00404033")
        for instance in items(item, "00081199")
    ]


def _output_items(outputs: tuple[ImageReference, ...], retrieve_root: str) -> list[dict[str, Any]]:
    series: dict[tuple[str, str], list[ImageReference]] = {}
    for output in outputs:
        series.setdefault((output.study_uid, output.series_uid), []).append(output)
    return [
        {
            "0040E020": element("CS", "DICOM"),
            "0020000D": element("UI", study_uid),
            "0020000E": element("UI", series_uid),
            "00081199": element(
                "SQ",
                *(
                    {
                        "00081150": element("UI", one.sop_class_uid),
                        "00081155": element("UI", one.sop_instance_uid),
                    }
                    for one in members
                ),
            ),
            "0040E025": element(
                "SQ", {"00081190": element("UR", f"{retrieve_root}/studies/{study_uid}/series/{series_uid}")}
            ),
        }
        for (study_uid, series_uid), members in series.items()
    ]

"""Entries of the audit chain as DICOM audit messages (PS3.15 A.5): what an audit server or an inspector reads.

A patient is named by the ID alone, and only in the messages whose tables in A.5.3 ask for it; studies by their UID.
Codes are of DCM (CID 400 to 405); the event in our own words is a type code of 99IRIS.
"""

import base64
import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from workstation.archive.audit import Entry
from workstation.archive.database import Cursor

Code = tuple[str, str, str]
# what XML 1.0 can't say (2.2); an identifier of others may hold it
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Kind:
    """`event` (CID 400), action (C, R, U, D, E), outcome (0 success, 4 minor failure, 8 serious failure)."""

    event: Code
    action: str
    type_code: Code | None = None
    outcome: str = "0"


_ACTIVITY = ("110100", "DCM", "Application Activity")
_ACCESSED = ("110103", "DCM", "DICOM Instances Accessed")
_TRANSFERRED = ("110104", "DCM", "DICOM Instances Transferred")
_DELETED = ("110105", "DCM", "DICOM Study Deleted")
_EXPORT = ("110106", "DCM", "Export")
_IMPORT = ("110107", "DCM", "Import")
_ORDER = ("110109", "DCM", "Order Record")
_SECURITY = ("110113", "DCM", "Security Alert")
_AUTHENTICATION = ("110114", "DCM", "User Authentication")
_START = ("110120", "DCM", "Application Start")
_STOP = ("110121", "DCM", "Application Stop")
_LOGIN = ("110122", "DCM", "Login")
_LOGOUT = ("110123", "DCM", "Logout")
_RESTRICTED = ("110132", "DCM", "Use of Restricted Function")
_USER_SECURITY = ("110137", "DCM", "User Security Attributes Changed")

_KINDS = {
    "program started": _Kind(_ACTIVITY, "E", _START),
    "program ended": _Kind(_ACTIVITY, "E", _STOP),
    "signed in": _Kind(_AUTHENTICATION, "E", _LOGIN),
    "sign-in failed": _Kind(_AUTHENTICATION, "E", _LOGIN, "4"),
    "signed out": _Kind(_AUTHENTICATION, "E", _LOGOUT),
    "archive unlocked": _Kind(_AUTHENTICATION, "E", _LOGIN),
    "archive locked": _Kind(_AUTHENTICATION, "E", _LOGOUT),
    "unlock failed": _Kind(_AUTHENTICATION, "E", _LOGIN, "4"),
    "passphrase changed": _Kind(_SECURITY, "E", _USER_SECURITY),
    "desk passphrase set": _Kind(_SECURITY, "E", _USER_SECURITY),
    "desk passphrase removed": _Kind(_SECURITY, "E", _USER_SECURITY),
    "recovery key made": _Kind(_SECURITY, "E", _USER_SECURITY),
    "recovery key used": _Kind(_SECURITY, "E", _RESTRICTED),
    "case opened": _Kind(_ACCESSED, "R"),
    "case viewed": _Kind(_ACCESSED, "R"),
    "case measured": _Kind(_ACCESSED, "R"),
    "impression locked": _Kind(_ACCESSED, "C"),
    "conclusion signed": _Kind(_ACCESSED, "C"),
    "conclusion delivered": _Kind(_TRANSFERRED, "C"),
    "conclusion refused": _Kind(_TRANSFERRED, "C", outcome="4"),
    "study removed": _Kind(_DELETED, "D"),
    "study pinned": _Kind(_ACCESSED, "U"),
    "study unpinned": _Kind(_ACCESSED, "U"),
    "object fetched anew": _Kind(_ACCESSED, "U"),
    "study exported": _Kind(_EXPORT, "R"),
    "study import begun": _Kind(_IMPORT, "C"),
    "study imported": _Kind(_IMPORT, "C"),
}
# claimed, returned, lost, sent again: what happens to the order
_OTHER = _Kind(_ORDER, "U")
# of no case: what only a user of this desk may do
_UNKNOWN = _Kind(_SECURITY, "E", _RESTRICTED)
# events of the machine are no patient's
_IMPERSONAL = (_ACTIVITY, _AUTHENTICATION, _SECURITY)
_SOURCE, _DESTINATION = ("110153", "DCM", "Source Role ID"), ("110152", "DCM", "Destination Role ID")
_MEDIA = {
    _EXPORT: ("110154", "DCM", "Destination Media"),
    _IMPORT: ("110155", "DCM", "Source Media"),
}
_FILE = ("110037", "DCM", "URI")
# "form" of an export, and what the standard calls it
_FORMS = {"sealed": "Encrypted", "anonymous": "Anonymized"}
_APPLICATION = ("110150", "DCM", "Application")
_LAUNCHER = ("110151", "DCM", "Application Launcher")
# RFC 3881 numbers its own codes
_STUDY_ID = ("110180", "DCM", "Study Instance UID")
_PATIENT_ID = ("2", "RFC-3881", "Patient Number")
_INTERFACE = ("1", "RFC-3881", "End-user interface")
_WORKITEM = ("workitem", "99IRIS", "Workitem UID")


@dataclass(frozen=True)
class Station:
    """The program that made the messages: its name (AE title), the machine's name, the server it delivers to."""

    name: str
    host: str
    server: str = ""


@dataclass(frozen=True)
class Matter:
    """What an entry is about: case, study, patient, and the SOP classes concerned with the number of instances."""

    case_uid: str = ""
    study_uid: str = ""
    patient_id: str = ""
    classes: tuple[tuple[str, int], ...] = ()


def matter_of(cursor: Cursor, entry: Entry) -> Matter:
    """What is known here of an entry's case or study."""
    subject = entry.subject
    if not subject:
        return Matter()
    case = cursor.execute("SELECT study_uid, patient_id FROM cases WHERE case_uid = ?", (subject,)).fetchone()
    if case is None:
        # a study that was removed is known by its case
        study = cursor.execute(
            """SELECT patient_id FROM studies WHERE study_uid = :study
            UNION ALL SELECT patient_id FROM cases WHERE study_uid = :study LIMIT 1""",
            {"study": subject},
        ).fetchone()
        classes = _classes(cursor, "instances", "study_uid", subject)
        return Matter(study_uid=subject, patient_id=study["patient_id"] if study else "", classes=classes)
    table, name, uid = "instances", "study_uid", case["study_uid"]
    if "package" in entry.detail:
        table, name, uid = "package_objects", "package_uid", entry.detail["package"]
    return Matter(subject, case["study_uid"], case["patient_id"], _classes(cursor, table, name, str(uid)))


def _classes(cursor: Cursor, table: str, column: str, uid: str) -> tuple[tuple[str, int], ...]:
    rows = cursor.execute(
        f"SELECT sop_class_uid, count(*) FROM {table} WHERE {column} = ? GROUP BY sop_class_uid ORDER BY 1", (uid,)
    ).fetchall()
    return tuple((row[0], row[1]) for row in rows)


def audit_message(entry: Entry, matter: Matter, station: Station) -> str:
    """One entry as an XML document without line breaks."""
    kind = _KINDS.get(entry.event, _OTHER if matter.case_uid else _UNKNOWN)
    root = ET.Element("AuditMessage")
    event = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=entry.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=kind.outcome,
    )
    _code(event, "EventID", kind.event)
    if kind.type_code:
        _code(event, "EventTypeCode", kind.type_code)
    _code(event, "EventTypeCode", (entry.event.replace(" ", "-"), "99IRIS", entry.event))
    _participants(root, entry, kind, station)
    source = ET.SubElement(root, "AuditSourceIdentification", AuditSourceID=f"{station.name}@{station.host}")
    _code(source, "AuditSourceTypeCode", _INTERFACE)
    if kind.event not in _IMPERSONAL:
        _objects(root, entry, kind, matter)
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", ET.tostring(root, encoding="unicode"))


def _participants(root: ET.Element, entry: Entry, kind: _Kind, station: Station) -> None:
    user = entry.who or "-"
    if kind.event == _ACTIVITY:
        _participant(root, station.name, False, _APPLICATION, station.host)
        _participant(root, user, True, _LAUNCHER)
    elif kind.event == _TRANSFERRED:
        _participant(root, station.name, False, _SOURCE, station.host)
        _participant(root, station.server or "-", False, _DESTINATION)
        _participant(root, user, True)
    elif kind.event in _MEDIA:
        _participant(root, user, True, _SOURCE if kind.event == _EXPORT else _DESTINATION, station.host)
        medium = _participant(root, "-", False, _MEDIA[kind.event])
        _code(ET.SubElement(medium, "MediaIdentifier"), "MediaType", _FILE)
    else:
        _participant(root, user, True, None, station.host)


def _participant(root: ET.Element, user: str, requestor: bool, role: Code | None = None, host: str = "") -> ET.Element:
    # type 1: a machine's name
    place = {"NetworkAccessPointID": host, "NetworkAccessPointTypeCode": "1"} if host else {}
    element = ET.SubElement(
        root, "ActiveParticipant", {"UserID": user, "UserIsRequestor": str(requestor).lower(), **place}
    )
    if role:
        _code(element, "RoleIDCode", role)
    return element


def _objects(root: ET.Element, entry: Entry, kind: _Kind, matter: Matter) -> None:
    chain = base64.b64encode(entry.digest).decode()
    if matter.study_uid and kind.event != _ORDER:
        study = _object(root, matter.study_uid, "2", "3", _STUDY_ID)
        ET.SubElement(study, "ParticipantObjectDetail", type="SHA-256 of the audit chain", value=chain)
        if matter.classes:
            description = ET.SubElement(study, "ParticipantObjectDescription")
            for uid, count in matter.classes:
                ET.SubElement(description, "SOPClass", UID=uid, NumberOfInstances=str(count))
            form = _FORMS.get(str(entry.detail.get("form", "")))
            if form:
                ET.SubElement(description, form).text = "true"
    if matter.case_uid:
        case = _object(root, matter.case_uid, "2", "20", _WORKITEM)
        if kind.event == _ORDER:
            ET.SubElement(case, "ParticipantObjectDetail", type="SHA-256 of the audit chain", value=chain)
    if matter.patient_id:
        _object(root, matter.patient_id, "1", "1", _PATIENT_ID)


def _object(root: ET.Element, uid: str, kind: str, role: str, id_type: Code) -> ET.Element:
    element = ET.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=uid,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(element, "ParticipantObjectIDTypeCode", id_type)
    # A.5.1 insists on a name and A.5.2 leaves it to us: what kind of object it is, and no patient's name
    ET.SubElement(element, "ParticipantObjectName").text = id_type[2]
    return element


def _code(parent: ET.Element, name: str, code: Code) -> None:
    value, scheme, meaning = code
    ET.SubElement(parent, name, {"csd-code": value, "codeSystemName": scheme, "originalText": meaning})

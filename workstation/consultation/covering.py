"""What of a study is covered while a second opinion on it is not formed yet: what others made of its images.

Reports, PDF, key objects, presentation states, segmentations, and pictures made no earlier than the first report. Dose
reports and rejection notes say nothing of the findings; what was signed here is the reader's own.
"""

from collections.abc import Sequence

from workstation.archive.database import Cursor
from workstation.consultation.case import CaseKind
from workstation.consultation.states import BLIND_STATES
from workstation.dicom.instance import Instance
from workstation.language import _

_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")
# key objects and measurements are reports here; presentation states, segmentations, fibres, maps, contours are findings
_FINDINGS = (
    *_REPORTS,
    "1.2.840.10008.5.1.4.1.1.11.",
    "1.2.840.10008.5.1.4.1.1.66.",
    "1.2.840.10008.5.1.4.1.1.481.3",
)
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_DOSE = tuple(f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (67, 68, 73, 76))
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def is_blind_study(cursor: Cursor, study_uid: str) -> bool:
    """Whether a second opinion on the study waits for the reader's own impression."""
    marks = ", ".join("?" * len(BLIND_STATES))
    row = cursor.execute(
        f"SELECT 1 FROM cases WHERE study_uid = ? AND kind = ? AND state IN ({marks}) LIMIT 1",
        (study_uid, CaseKind.SECOND_OPINION.value, *(state.value for state in BLIND_STATES)),
    ).fetchone()
    return row is not None


def uncovered(cursor: Cursor, study_uid: str, instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """What of the objects of a study may be seen now, in their order: all of it unless an opinion on it is blind."""
    if not is_blind_study(cursor, study_uid):
        return tuple(instances)
    own = {row[0] for row in cursor.execute(
        """SELECT sop_uid FROM package_objects JOIN packages USING (package_uid) JOIN cases USING (case_uid)
        WHERE cases.study_uid = ?""", (study_uid,))}  # fmt: skip
    named = {row[0] for row in cursor.execute(
        """SELECT sop_uid FROM case_inputs JOIN cases USING (case_uid)
        WHERE cases.study_uid = ? AND role = 'first_report' AND sop_uid != ''""", (study_uid,))}  # fmt: skip
    others = [one for one in instances if one.sop_instance_uid not in own]
    first = min((made for one in others if _is_report(one) and (made := _made(one))), default="")
    hidden = named | {one.sop_instance_uid for one in others if _is_finding(one) or _is_result(one, first)}
    return tuple(one for one in instances if one.sop_instance_uid not in hidden)


def covered_words() -> str:
    """What is said wherever something is covered."""
    return _("The first report is covered until you lock your impression.")


def _is_report(instance: Instance) -> bool:
    sop_class = instance.sop_class_uid
    return sop_class.startswith(_REPORTS) and sop_class not in _DOSE and instance.rejection is None


def _is_finding(instance: Instance) -> bool:
    if instance.rejection is not None or instance.sop_class_uid in _DOSE:
        return False
    return instance.sop_class_uid.startswith(_FINDINGS) or instance.sop_class_uid == _PARAMETRIC_MAP


def _is_result(instance: Instance, first: str) -> bool:
    """A picture that was computed or captured with the first report or after it."""
    captured = instance.sop_class_uid.startswith(_SECONDARY_CAPTURE)
    derived = instance.image_type[:1] == ("DERIVED",)
    return bool(first) and (captured or derived) and _made(instance) >= first


def _made(instance: Instance) -> str:
    """When an object was made, so that text order is time order; "" where it doesn't say."""
    for date, time in ((instance.content_date, instance.content_time), (instance.series_date, instance.series_time)):
        if date:
            return date + time
    return ""

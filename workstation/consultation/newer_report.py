"""Whether others reported on a study after its conclusion was made: asked before the conclusion goes out.

What counts is what the reader could have seen: a verified report that wasn't here when the conclusion was signed, and
that the order doesn't name. No clock but this desk's own is trusted for that.
"""

from workstation.archive.database import Cursor
from workstation.consultation.outbox import Package
from workstation.errors import ServerRefused, UnreadableObject, WorkstationError
from workstation.iris.dicomweb import DicomWeb
from workstation.jobs import Cancellation
from workstation.language import _


class NewerReport(WorkstationError):
    """A verified report that the reader hasn't seen is on the study; `reports` are their SOP Instance UIDs."""

    def __init__(self, reports: tuple[str, ...], date: str) -> None:
        super().__init__(
            _("Others have reported on this study meanwhile"),
            f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else "",
            _("Nothing was sent. Read the report on the server, then send the conclusion beside it, or keep it here."),
        )
        self.reports = reports


def known_reports(cursor: Cursor, package: Package) -> set[str]:
    """SOP Instance UIDs of what the reader could see, or what this desk sent."""
    signed_at = package.signed_at.isoformat(timespec="milliseconds")
    here = cursor.execute(
        "SELECT sop_uid FROM instances WHERE study_uid = ? AND stored_at <= ?", (package.study_uid, signed_at)
    ).fetchall()
    named = cursor.execute("SELECT sop_uid FROM case_inputs WHERE case_uid = ?", (package.case_uid,)).fetchall()
    ours = cursor.execute(
        "SELECT o.sop_uid FROM package_objects o JOIN packages p USING (package_uid) WHERE p.study_uid = ?",
        (package.study_uid,),
    ).fetchall()
    return {row[0] for row in (*here, *named, *ours)} | package.beside


def must_be_newest(web: DicomWeb, study_uid: str, known: set[str], cancellation: Cancellation) -> None:
    """Raise NewerReport when the server has a verified report that isn't known; and what searching raises."""
    from workstation.dicom.documents import read_report

    found: dict[str, str] = {}
    for series in web.search_series(study_uid):
        if series.modality != "SR":
            continue
        for entry in web.search_instances(study_uid, series.series_uid):
            cancellation.check()
            if entry.sop_instance_uid in known:
                continue
            try:
                report = read_report(web.retrieve_instance(study_uid, series.series_uid, entry.sop_instance_uid))
            except UnreadableObject:
                continue
            except ServerRefused as refused:
                if refused.status in (404, 410):
                    continue
                raise
            if report.verified:
                found[entry.sop_instance_uid] = report.date
    if found:
        raise NewerReport(tuple(sorted(found)), max(found.values()))

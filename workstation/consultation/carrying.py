"""Studies that come and go without a server: taken in from media, and sealed for another workstation.

An imported study stands in the worklist as a case for viewing only, unless it is there already. Both deeds are in the
audit chain, each study for itself.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.importing import Imported, StudyCounts, take_in
from workstation.archive.media import Source
from workstation.archive.parcel import Parcel
from workstation.consultation.cases import add_imported
from workstation.errors import NothingToShow
from workstation.iris.entries import StudyEntry
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import _
from workstation.settings import Reader


class Carrying:
    """Imports and exports of one reader."""

    def __init__(self, archive: Archive, reader: Reader) -> None:
        self._archive = archive
        self._who = reader.code or reader.name

    def take_in(
        self,
        found: Iterable[Source],
        tell: Callable[[Imported], object],
        report: Report = silent,
        cancellation: Cancellation | None = None,
    ) -> dict[str, StudyCounts]:
        """Store what is found; counts by Study Instance UID. Raises Cancelled, DiskFull; what came before stays."""
        counts: dict[str, StudyCounts] = {}
        try:
            take_in(self._archive, found, counts, tell, report, cancellation)
        finally:
            # also what was stored before an end too early can be opened, and is on record
            self._enter(counts)
        return counts

    def export_sealed(
        self,
        study_uid: str,
        path: Path,
        passphrase: str,
        report: Report = silent,
        cancellation: Cancellation | None = None,
    ) -> int:
        """Write all of a study that is here into a file that only the passphrase opens; how many objects that are.

        Raises NothingToShow when nothing of it is here, ArchiveDamaged, Cancelled, WorkstationError (`Parcel`); then
        there is no file.
        """
        cancellation = cancellation or Cancellation()
        uids = [instance.sop_instance_uid for instance in self._archive.instances(study_uid)]
        if not uids:
            raise NothingToShow(_("The archive holds nothing of this study"), study_uid)
        with Parcel(path, passphrase) as parcel:
            for done, uid in enumerate(uids):
                cancellation.check()
                report(Progress(done, len(uids), _("Exporting")))
                parcel.add(self._archive.get(uid))
            with self._archive.database.transaction() as cursor:
                audit.record(cursor, self._who, "study exported", study_uid, {"objects": len(uids), "form": "sealed"})
                parcel.finish()
        report(Progress(len(uids), len(uids), _("Exporting")))
        return len(uids)

    def _enter(self, counts: dict[str, StudyCounts]) -> None:
        if not counts:
            return
        held = {study.study.study_uid: study for study in self._archive.studies()}
        with self._archive.database.transaction() as cursor:
            for uid, count in counts.items():
                study = held.get(uid)
                if study is None:
                    # removed by another program meanwhile
                    continue
                add_imported(cursor, StudyEntry(uid, study.patient, study.study, study.modalities))
                detail = {"new": count.new, "held": count.held, "collisions": count.collisions}
                audit.record(cursor, self._who, "study imported", uid, detail)

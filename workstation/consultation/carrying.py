"""Studies that come and go without a server: taken in from media, sealed for another workstation, or made anonymous.

An imported study stands in the worklist as a case for viewing only, unless it is there already. Each deed is in the
audit chain, each study for itself: what leaves is on record before its file has a name, and whole on the disk by then.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.database import Cursor
from workstation.archive.importing import Imported, StudyCounts, take_in
from workstation.archive.index import Refused, Stored
from workstation.archive.media import Source
from workstation.archive.parcel import Parcel
from workstation.consultation.imported import enter_imported
from workstation.errors import NothingToShow
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import _, ngettext
from workstation.settings import Reader


@dataclass(frozen=True)
class AnonymousWish:
    """`characteristics` keeps age, sex, size, weight; `pictures_checked`: a reader looked for text in the pictures."""

    characteristics: bool = False
    pictures_checked: bool = False


@dataclass(frozen=True)
class LeftOutObjects:
    """Objects that stayed here for one reason; `visible` when a look at the pictures could clear them."""

    reason: str
    element: str
    visible: bool
    count: int

    def text(self) -> str:
        """How many and why, in the language of the program."""
        said = ngettext("{count} object left out", "{count} objects left out", self.count).format(count=self.count)
        return f"{said}: {_(self.reason).format(element=self.element)}"


@dataclass(frozen=True)
class AnonymousExport:
    """What an anonymous export wrote: objects, what was left out, and slices from which a face could be made."""

    objects: int
    left_out: tuple[LeftOutObjects, ...]
    faces: int


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
        """Store what is found; counts by Study Instance UID. Raises Cancelled, DiskFull; what came before stays.

        A study has its case, its pin and its entry in the audit chain from its first object on: nothing that ends the
        import, or clears the archive meanwhile, leaves it without them.
        """
        counts: dict[str, StudyCounts] = {}
        begun: set[str] = set()

        def along(cursor: Cursor, results: Sequence[Stored | Refused]) -> None:
            for result in results:
                if isinstance(result, Stored) and result.instance.study_uid not in begun:
                    begun.add(result.instance.study_uid)
                    enter_imported(cursor, result.instance.study_uid)
                    audit.record(cursor, self._who, "study import begun", result.instance.study_uid)

        try:
            take_in(self._archive, found, counts, tell, report, cancellation, along)
        finally:
            with self._archive.database.transaction() as cursor:
                for uid, count in counts.items():
                    # what came later may say more of it: the first object may have been a report
                    enter_imported(cursor, uid)
                    detail = {"new": count.new, "held": count.held, "collisions": count.collisions}
                    audit.record(cursor, self._who, "study imported", uid, detail)
        return counts

    def export_sealed(
        self,
        study_uids: Sequence[str],
        path: Path,
        passphrase: str,
        report: Report = silent,
        cancellation: Cancellation | None = None,
    ) -> int:
        """Write all of the studies that is here into a file that only the passphrase opens; how many objects that are.

        Raises NothingToShow when nothing of one is here, ArchiveDamaged, Cancelled, WorkstationError (`Parcel`); then
        there is no file.
        """
        cancellation = cancellation or Cancellation()
        uids = self._objects_of(study_uids)
        with Parcel(path, passphrase) as parcel:
            for done, (uid, _study) in enumerate(uids):
                cancellation.check()
                report(Progress(done, len(uids), _("Exporting")))
                parcel.add(self._archive.get(uid))
            parcel.finish()
            self._record_export(Counter(study for _uid, study in uids), {"form": "sealed"})
            parcel.publish()
        report(Progress(len(uids), len(uids), _("Exporting")))
        return len(uids)

    def export_anonymous(
        self,
        study_uids: Sequence[str],
        path: Path,
        wish: AnonymousWish,
        report: Report = silent,
        cancellation: Cancellation | None = None,
    ) -> AnonymousExport:
        """Write the studies without their patients into a folder or a ZIP archive with a DICOMDIR, for teaching.

        Studies of one call keep their intervals and references. Raises NothingToShow when nothing of one is here or
        may go, ArchiveDamaged, Cancelled, WorkstationError (`FileSet`); then nothing is written.
        """
        from workstation.archive.file_set import FileSet
        from workstation.dicom.deidentification import Deidentifier, LeftOut

        cancellation = cancellation or Cancellation()
        uids = self._objects_of(study_uids)
        # forgotten with this call: nobody can link two exports, or find the old UIDs by trying
        deidentifier = Deidentifier(
            os.urandom(32), characteristics=wish.characteristics, pictures_checked=wish.pictures_checked
        )
        patients = {one.study.study_uid: one.patient for one in self._archive.studies()}
        left: Counter[tuple[str, str, bool]] = Counter()
        gone: Counter[str] = Counter()
        faces = 0
        with FileSet(path) as file_set:
            for done, (uid, study) in enumerate(uids):
                cancellation.check()
                report(Progress(done, len(uids), _("Exporting")))
                made = deidentifier.take(self._archive.get(uid), patients[study])
                if isinstance(made, LeftOut):
                    left[made.reason, made.element, made.visible] += 1
                    continue
                file_set.add(made)
                gone[study] += 1
                faces += made.face
            left_out = tuple(LeftOutObjects(*why, count) for why, count in left.most_common())
            if not gone:
                raise NothingToShow(
                    _("Nothing of it can be exported anonymously"), "; ".join(one.text() for one in left_out)
                )
            file_set.finish()
            detail: dict[str, str | int | float] = {"form": "anonymous"}
            if wish.pictures_checked:
                detail["pictures"] = "checked by the reader"
            self._record_export(gone, detail)
            file_set.publish()
        report(Progress(len(uids), len(uids), _("Exporting")))
        return AnonymousExport(gone.total(), left_out, faces)

    def _objects_of(self, study_uids: Sequence[str]) -> list[tuple[str, str]]:
        """SOP and Study Instance UID of all that is held of the studies, study by study."""
        found = []
        for study_uid in dict.fromkeys(study_uids):
            held = [(one.sop_instance_uid, study_uid) for one in self._archive.instances(study_uid)]
            if not held:
                raise NothingToShow(_("The archive holds nothing of this study"), study_uid)
            found += held
        return found

    def _record_export(self, objects: Counter[str], detail: Mapping[str, str | int | float]) -> None:
        with self._archive.database.transaction() as cursor:
            for study_uid, count in objects.items():
                audit.record(cursor, self._who, "study exported", study_uid, {**detail, "objects": count})

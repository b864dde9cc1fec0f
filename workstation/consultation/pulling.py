"""What a desk brings from the server into the archive: a study, its patient's earlier studies, or their reports alone.

All of it waits for the network and goes on where it broke. Who pulls what and when is decided by `fetching`.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from workstation.archive.archive import Archive
from workstation.archive.ledger import StudyLedger
from workstation.archive.priors import Prior, find_priors, rated, remember
from workstation.archive.retrieval import Admit, Retrieval, at_once
from workstation.consultation.case import CaseRow
from workstation.consultation.cases import Cases, adopt_images, read_case, server_of_study
from workstation.consultation.link import Link
from workstation.consultation.prefetching import Plan, rules
from workstation.errors import ArchiveDamaged, CaseUnavailable, MalformedAnswer, ServerRefused
from workstation.iris.wire import Wire
from workstation.jobs import Cancellation, Report, silent
from workstation.language import _


class Pulling:
    """Pulls for one archive over one link. Blocking; thread-safe."""

    def __init__(self, archive: Archive, link: Link) -> None:
        self._archive = archive
        self._link = link
        self._cases = Cases(archive.database)

    def case(self, case_uid: str) -> CaseRow:
        """One case; raises KeyError when there is none."""
        return self._cases.get(case_uid)

    @property
    def in_use(self) -> str:
        """The name of the server in use."""
        return self._link.in_use

    def server(self, study_uid: str, case_uid: str) -> str:
        """The name of the server from which a study is to be had; without a study, that of the case."""
        if not study_uid:
            return self.case(case_uid).server or self.in_use
        with self._archive.database.read() as cursor:
            return server_of_study(cursor, study_uid) or self.in_use

    def study(
        self,
        study_uid: str,
        report: Report = silent,
        cancellation: Cancellation | None = None,
        *,
        documents_only: bool = False,
        admit: Admit = at_once,
    ) -> StudyLedger:
        """Bring what lacks of a study, or of its reports alone. Raises what `Retrieval.pull_study` raises."""
        with self._archive.database.read() as cursor:
            server = server_of_study(cursor, study_uid)
        with self._link.wire(server) as wire:
            retrieval = Retrieval(self._archive, wire.dicomweb)
            pull = retrieval.pull_documents if documents_only else retrieval.pull_study
            return pull(study_uid, report, cancellation or Cancellation(), admit=admit)

    def plan(self, next_cases: int, with_pictures: int, searched: Collection[str]) -> Plan:
        """What the rules of fetching ahead name now; nothing is asked of the server."""
        return rules(self._archive.database, next_cases, with_pictures, searched, self._link.in_use)

    def adopt(self, case_uid: str) -> CaseRow:
        """In archive mode: the case as its images tell it."""
        case = self._cases.get(case_uid)
        image = next(iter(self._archive.instances(study_uid=case.study_uid)), None) if case.origin == "study" else None
        if image is None:
            return case
        with self._archive.database.transaction() as cursor:
            adopt_images(cursor, case_uid, image)
            return read_case(cursor, case_uid)

    def search(self, case_uid: str) -> list[Prior]:
        """Earlier studies of the patient: those the server finds, and those the order names; kept with the case."""
        case = self._cases.get(case_uid)
        if case.origin == "import":
            return []
        with self._link.wire(case.server) as wire:
            priors = self._find(wire, case)
        with self._archive.database.transaction() as cursor:
            remember(cursor, case_uid, priors)
        return priors

    def _find(self, wire: Wire, case: CaseRow) -> list[Prior]:
        region = f"{case.region} {case.study_description}"
        priors = find_priors(
            wire.dicomweb,
            case.patient,
            case.study_uid,
            study_date=case.study_date,
            modality=case.modality,
            region=region,
            other_ids=self._other_ids(wire, case),
        )
        named = dict.fromkeys(one.study_uid for one in self._cases.inputs(case.case_uid) if one.role == "prior")
        known = {prior.study.study_uid for prior in priors}
        for study_uid in named:
            if study_uid not in known:
                entries = wire.dicomweb.search_studies({"StudyInstanceUID": study_uid})
                priors += [
                    rated(wire.dicomweb, case.patient, entry, case.study_date, case.modality, region)
                    for entry in entries
                    if entry.study_uid == study_uid
                ]
        # whoever ordered the reading knows best
        first = [_ordered(prior) for prior in priors if prior.study.study_uid in named]
        return first + [prior for prior in priors if prior.study.study_uid not in named]

    def _other_ids(self, wire: Wire, case: CaseRow) -> list[tuple[str, str]]:
        """Other numbers of the patient, each with its issuer: those that the order states, and those of the images."""
        # at first use: pydicom is the longest import of the start
        from workstation.dicom.other_ids import other_patient_ids

        found: list[tuple[str, str]] = []
        if case.origin == "workitem" and wire.workitems is not None:
            with suppress(ServerRefused, CaseUnavailable, MalformedAnswer):
                found += wire.workitems.get(case.case_uid).other_ids
        image = next(iter(self._archive.instances(study_uid=case.study_uid)), None)
        if image is not None:
            with suppress(KeyError, ArchiveDamaged):
                found += other_patient_ids(self._archive.get(image.sop_instance_uid))
        return found


def _ordered(prior: Prior) -> Prior:
    reason = f"{_('named in the order')}, {prior.reason}"
    return replace(prior, score=1.0, reason=reason)

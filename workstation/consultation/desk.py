"""The desk: everything a reader does with cases, as one façade for the window, the command line and the tour.

Methods marked *network* wait for the server and belong on a worker; all others read and write the archive alone, so
they work offline. Nothing here keeps state of its own: every deed is durable when its method returns.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.identity import doubts
from workstation.archive.priors import Prior, find_priors, remember
from workstation.archive.retrieval import Retrieval
from workstation.consultation import package
from workstation.consultation.case import CaseContents, CaseFilter, CaseRow
from workstation.consultation.cases import Cases, adopt_images, apply, read_case, set_reader
from workstation.consultation.claims import begin_claim, find_claim, settle_claim
from workstation.consultation.contents import merge_values, read_contents
from workstation.consultation.delivery import deliver_due
from workstation.consultation.drafts import Drafts, save_draft
from workstation.consultation.outbox import Outbox, OutboxRow, enqueue, requeue
from workstation.consultation.package import Prepared
from workstation.consultation.signed import must_verify, sealed_objects
from workstation.consultation.states import WRITING_STATES, CaseEvent, CaseState
from workstation.consultation.submission import Submission
from workstation.dicom.content import Code, KeyImage, Measurement
from workstation.errors import CaseUnavailable, LinkDown, SignInNeeded
from workstation.iris.wire import Wire
from workstation.jobs import Cancellation, Progress, Report, silent
from workstation.language import N_, _
from workstation.reporting.form import Form
from workstation.reporting.template import Template
from workstation.settings import Settings
from workstation.signing.identity import Identity

# coded reasons to give a case back, in a scheme of our own; CID 9300 has none that fit
RETURN_REASONS = {
    "not_enough_images": N_("Not enough images"),
    "poor_quality": N_("Poor quality"),
    "no_history": N_("No history"),
    "wrong_patient": N_("Wrong patient"),
    "not_my_specialty": N_("Not my specialty"),
}
_SCHEME = "99IRIS"
_CLAIM_TRIES = 2


@dataclass(frozen=True)
class DeskSummary:
    """What the status bar tells: cases held and not signed yet, bytes of the archive, packages not delivered."""

    held: int
    archive_bytes: int
    outbox: int


class Desk:
    """One reader's desk on one archive. Thread-safe.

    `wire` is the server, or a function that signs in to it and is called when the link is first needed and again
    after it broke; None is offline.
    """

    def __init__(self, archive: Archive, wire: Wire | Callable[[], Wire] | None, settings: Settings) -> None:
        self._archive = archive
        self._database = archive.database
        self._connect = wire
        self._wire: Wire | None = None
        self._settings = settings
        self._cases = Cases(archive.database)
        self._drafts = Drafts(archive.database)
        self._outbox = Outbox(archive.database)
        self._connecting = threading.Lock()
        self._delivering = threading.Lock()

    # the worklist

    def refresh(self, cancellation: Cancellation) -> int:
        """*Network.* Bring the worklist up to date; how many cases the server has. Held cases are not disturbed.

        In archive mode the list of studies is the worklist.
        """
        with _Link(self) as wire:
            if wire.workitems is None:
                count = self._cases.merge_studies(_until(cancellation, wire.dicomweb.search_studies({})))
            else:
                label = wire.profile.worklist_label
                count = self._cases.merge_workitems(
                    _until(cancellation, wire.workitems.search(state="SCHEDULED", label=label))
                )
                self._review_claims(wire, cancellation)
        self._outbox.resume_paused()
        return count

    def count(self, filter: CaseFilter) -> int:  # noqa: A002 - the word for it
        """How many cases match."""
        return self._cases.count(filter)

    def page(self, filter: CaseFilter, offset: int, limit: int) -> list[CaseRow]:  # noqa: A002
        """The matching cases from `offset` on, most urgent first."""
        return self._cases.page(filter, offset, limit)

    def case(self, case_uid: str) -> CaseRow:
        """One case; raises KeyError when there is none."""
        return self._cases.get(case_uid)

    def summary(self) -> DeskSummary:
        """Numbers for the status bar."""
        return DeskSummary(
            held=len(self._cases.in_states(WRITING_STATES)),
            archive_bytes=sum(study.size for study in self._archive.studies()),
            outbox=self._outbox.undelivered(),
        )

    # taking a case, and giving it back

    def claim(self, case_uid: str) -> CaseRow:
        """*Network.* Take the case. The Transaction UID is stored first, so a lost answer is asked for again.

        A case already ours is returned as it is. Raises CaseUnavailable when it is someone else's or not ready, and
        LinkDown when no answer came: then the case stays `claiming` until the next try or refresh.
        """
        case = self._cases.get(case_uid)
        if case.state not in (CaseState.REQUESTED, CaseState.CLAIMING):
            return case
        if not case.input_ready:
            raise CaseUnavailable(_("The case is not ready yet"), advice=_("Its images are still being collected."))
        if case.origin == "study":
            return self._claim_locally(case_uid)
        with self._database.transaction() as cursor:
            claim = begin_claim(cursor, case_uid)
            apply(cursor, case_uid, CaseEvent.CLAIM)
        for attempt in range(_CLAIM_TRIES):
            try:
                with _Link(self) as wire:
                    if wire.workitems is None:
                        raise CaseUnavailable(_("This server has no such case"), wire.profile.name)
                    wire.workitems.claim(case_uid, claim.transaction_uid)
                break
            except LinkDown:
                if attempt + 1 == _CLAIM_TRIES:
                    raise
            except CaseUnavailable:
                self._lose(case_uid)
                raise
        return self._hold(case_uid)

    def return_case(self, case_uid: str, reason_code: str, text: str = "") -> None:
        """*Network.* Give the case back, which is final: the workitem is cancelled with a coded reason.

        `reason_code` is one of RETURN_REASONS. Raises CaseUnavailable when the case isn't ours to return.
        """
        if reason_code not in RETURN_REASONS:
            raise ValueError(f"no such reason: {reason_code}")
        case = self._cases.get(case_uid)
        if not case.is_writable:
            raise CaseUnavailable(_("The case can't be returned"), advice=_("It is not held, or already signed."))
        if case.origin == "workitem":
            with self._database.read() as cursor:
                claim = find_claim(cursor, case_uid)
            if claim is None:
                raise CaseUnavailable(_("The case can't be returned"), advice=_("It is not held, or already signed."))
            with _Link(self) as wire:
                if wire.workitems is None:
                    raise CaseUnavailable(_("This server has no such case"), wire.profile.name)
                reason = Code(reason_code, _SCHEME, RETURN_REASONS[reason_code])
                wire.workitems.cancel(case_uid, claim.transaction_uid, reason, text)
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, CaseEvent.RETURN)
            settle_claim(cursor, case_uid, "RETURNED", reason_code)
            audit.record(cursor, self._who, "case returned", case_uid, {"reason": reason_code})

    # reading

    def pull(self, case_uid: str, report: Report = silent, cancellation: Cancellation | None = None) -> CaseRow:
        """*Network.* Bring the study, then its priors with their reports, into the archive; resumable at any point."""
        cancellation = cancellation or Cancellation()
        case = self._cases.get(case_uid)
        with _Link(self) as wire:
            retrieval = Retrieval(self._archive, wire.dicomweb)
            retrieval.pull_study(case.study_uid, report, cancellation)
            case = self._adopt(case)
            priors = self._find_priors(wire, case)
            for prior in priors:
                cancellation.check()
                retrieval.pull_study(prior.study.study_uid, _named(report, prior.study.study.study_date), cancellation)
        return self._cases.get(case_uid)

    def begin_reading(self, case_uid: str) -> CaseRow:
        """Note that a held case is being read; any other stays as it is, for viewing only."""
        case = self._cases.get(case_uid)
        if not case.is_writable:
            return case
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, CaseEvent.OPEN)
            audit.record(cursor, self._who, "case opened", case_uid)
            return read_case(cursor, case_uid)

    def contents(self, case_uid: str) -> CaseContents:
        """What is here of the case."""
        return read_contents(self._archive, self._cases.get(case_uid))

    def merge_values(self, case: CaseRow, contents: CaseContents) -> Mapping[str, str]:
        """What a template may take from the case, by the names of `reporting.merge_names`."""
        return merge_values(case, contents)

    def fetch(self, sop_uid: str) -> bytes:
        """The Part 10 bytes of an instance; raises KeyError when it isn't here, ArchiveDamaged."""
        return self._archive.get(sop_uid)

    # writing

    def draft(self, case_uid: str) -> dict[str, Any]:
        """What was written so far, by part: "form", "measurements", "key_images", "view"."""
        return self._drafts.load(case_uid)

    def save_draft(self, case_uid: str, part: str, payload: Any) -> None:
        """Save one part, a JSON value; raises CaseUnavailable when the case isn't ours to write."""
        with self._database.transaction() as cursor:
            self._must_be_writable(read_case(cursor, case_uid))
            apply(cursor, case_uid, CaseEvent.OPEN, *(() if part == "view" else (CaseEvent.DRAFT,)))
            save_draft(cursor, case_uid, part, payload)

    def prepare(
        self,
        case_uid: str,
        form: Form,
        template: Template,
        measurements: Sequence[Measurement],
        key_images: Sequence[KeyImage],
    ) -> Prepared:
        """Make the documents as they would be signed; raises FormIncomplete."""
        servers = self._settings.servers
        return package.prepare(
            self._cases.get(case_uid),
            self.contents(case_uid),
            template,
            form,
            measurements,
            key_images,
            self._settings.reader,
            station_name=servers[0].aet if servers else "",
        )

    def sign(self, case_uid: str, prepared: Prepared, identity: Identity) -> None:
        """Sign, and put the package into the outbox; from here its bytes are only carried.

        Raises IdentityUnusable, and CaseUnavailable when the case isn't ours or is signed already.
        """
        self._must_be_writable(self._cases.get(case_uid))
        signed = package.sign(prepared, identity)
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            self._must_be_writable(case)
            apply(cursor, case_uid, CaseEvent.OPEN, CaseEvent.DRAFT, CaseEvent.SIGN, CaseEvent.QUEUE)
            package_uid = enqueue(
                cursor,
                case_uid,
                case.study_uid,
                sealed_objects(signed),
                title=prepared.conclusion.title.meaning,
                signer=signed.signer,
                certificates=signed.certificates,
            )
            audit.record(cursor, self._who, "conclusion signed", case_uid, {"package": package_uid})

    # the outbox

    def outbox(self) -> list[OutboxRow]:
        """All packages, the newest first."""
        return self._outbox.rows()

    def waiting(self) -> int:
        """How many packages may be tried now."""
        return len(self._outbox.due())

    def deliver(self, report: Report = silent, cancellation: Cancellation | None = None) -> int:
        """*Network.* Deliver what is due; how many packages arrived, were read back, compared and verified.

        Failures become states of their packages. Raises LinkDown when there is no link at all, Cancelled, DiskFull.
        """
        with self._delivering, _Link(self) as wire:
            submission = Submission(self._database, wire, self._settings.reader, must_verify)
            return deliver_due(self._database, submission, self._who, report, cancellation or Cancellation())

    def send_again(self, case_uid: str) -> None:
        """On the reader's word: a refused conclusion is tried again, one of a lost case goes as unsolicited opinion."""
        package_uid = self._outbox.of_case(case_uid)
        if package_uid is None:
            raise CaseUnavailable(_("The case has no signed conclusion"))
        with self._database.transaction() as cursor:
            lost = read_case(cursor, case_uid).state is CaseState.LOST
            apply(cursor, case_uid, CaseEvent.QUEUE)
            requeue(cursor, package_uid, unsolicited=lost)
            audit.record(cursor, self._who, "sent as unsolicited opinion" if lost else "sent again", case_uid)

    # the parts

    @property
    def _who(self) -> str:
        reader = self._settings.reader
        return reader.code or reader.name

    def _must_be_writable(self, case: CaseRow) -> None:
        if not case.is_writable:
            raise CaseUnavailable(
                _("The case is for viewing only"), advice=_("It is not held by you, or already signed.")
            )

    def _adopt(self, case: CaseRow) -> CaseRow:
        """In archive mode: the case as its images tell it."""
        image = next(iter(self._archive.instances(study_uid=case.study_uid)), None) if case.origin == "study" else None
        if image is None:
            return case
        with self._database.transaction() as cursor:
            adopt_images(cursor, case.case_uid, image)
            return read_case(cursor, case.case_uid)

    def _find_priors(self, wire: Wire, case: CaseRow) -> list[Prior]:
        """Earlier studies of the patient: those the server finds, and those the order names; kept with the case."""
        priors = find_priors(
            wire.dicomweb,
            case.patient,
            case.study_uid,
            study_date=case.study_date,
            modality=case.modality,
            region=case.region or case.study_description,
        )
        known = {prior.study.study_uid for prior in priors}
        named = dict.fromkeys(one.study_uid for one in self._cases.inputs(case.case_uid) if one.role == "prior")
        for study_uid in named:
            if study_uid not in known:
                for entry in wire.dicomweb.search_studies({"StudyInstanceUID": study_uid}):
                    doubt = ", ".join(doubts(case.patient, entry.patient))
                    priors.append(Prior(entry, 1.0, _("named in the order"), doubt=doubt))
        with self._database.transaction() as cursor:
            remember(cursor, case.case_uid, priors)
        return priors

    def _claim_locally(self, case_uid: str) -> CaseRow:
        with self._database.transaction() as cursor:
            begin_claim(cursor, case_uid)
            apply(cursor, case_uid, CaseEvent.CLAIM)
        return self._hold(case_uid)

    def _hold(self, case_uid: str) -> CaseRow:
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, CaseEvent.HOLD)
            settle_claim(cursor, case_uid, "HELD")
            set_reader(cursor, case_uid, self._settings.reader.name)
            audit.record(cursor, self._who, "case claimed", case_uid)
            return read_case(cursor, case_uid)

    def _lose(self, case_uid: str) -> None:
        with self._database.transaction() as cursor:
            apply(cursor, case_uid, CaseEvent.LOSE)
            settle_claim(cursor, case_uid, "LOST")
            audit.record(cursor, self._who, "case lost", case_uid)

    def _review_claims(self, wire: Wire, cancellation: Cancellation) -> None:
        """Ask after the cases we hold or were taking: an answer may have been lost, or the case withdrawn."""
        if wire.workitems is None:
            return
        for case_uid in self._cases.in_states((CaseState.CLAIMING, *WRITING_STATES)):
            cancellation.check()
            case = self._cases.get(case_uid)
            if case.origin == "study":
                continue
            try:
                if case.state is CaseState.CLAIMING:
                    self.claim(case_uid)
                elif wire.workitems.get(case_uid).state != "IN PROGRESS":
                    self._lose(case_uid)
            except CaseUnavailable:
                if self._cases.get(case_uid).state is not CaseState.LOST:
                    self._lose(case_uid)

    def _connected(self) -> Wire:
        with self._connecting:
            if self._wire is None:
                if self._connect is None:
                    raise LinkDown(_("The desk is offline"), advice=_("Set up a server, or work with what is here."))
                self._wire = self._connect if isinstance(self._connect, Wire) else self._connect()
            return self._wire

    def _disconnect(self) -> None:
        with self._connecting:
            self._wire = None


class _Link:
    """The wire of a desk for one piece of work; signed in anew after it broke."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> Wire:
        return self._desk._connected()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LinkDown | SignInNeeded):
            self._desk._disconnect()


def _until(cancellation: Cancellation, found: Any) -> Any:
    for one in found:
        cancellation.check()
        yield one


def _named(report: Report, date: str) -> Report:
    def named(progress: Progress) -> None:
        report(Progress(progress.done, progress.total, _("Prior {date}: {text}").format(date=date, text=progress.text)))

    return named

"""The desk: everything a reader does with cases, as one façade for the window, the command line and the tour.

Methods marked *network* wait for the server and belong on a worker; all others read and write the archive alone, so
they work offline. Nothing here keeps state of its own: every deed is durable when its method returns.
"""

import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.archive.database import Cursor
from workstation.archive.ledger import study_ledger
from workstation.consultation import package
from workstation.consultation.audit_export import AuditExport
from workstation.consultation.audit_messages import Station
from workstation.consultation.carrying import Carrying
from workstation.consultation.case import Arrivals, CaseContents, CaseFilter, CaseRow, CaseView
from workstation.consultation.cases import Cases, adopt_server, apply, read_case
from workstation.consultation.claiming import Claiming
from workstation.consultation.contents import merge_values, read_contents
from workstation.consultation.covering import uncovered
from workstation.consultation.deciding import Deciding
from workstation.consultation.delivery import deliver_due, no_way_noted
from workstation.consultation.drafts import Drafts, draft_part, save_draft
from workstation.consultation.exposure import dose_of_study
from workstation.consultation.fetching import Fetching
from workstation.consultation.keeping import Keeping, note_opened
from workstation.consultation.link import Connect, Link
from workstation.consultation.outbox import Outbox, OutboxRow, SealedObject, enqueue
from workstation.consultation.package import Prepared
from workstation.consultation.polling import Polling, Wanted, until
from workstation.consultation.pulling import Pulling
from workstation.consultation.receipt import Receipt, receipts
from workstation.consultation.second_opinion import SecondOpinions, must_not_be_blind, writing_events
from workstation.consultation.signed import must_verify, sealed_objects, timestamps_of
from workstation.consultation.states import WRITING_STATES, CaseEvent
from workstation.consultation.submission import Submission
from workstation.dicom.content import KeyImage, Measurement
from workstation.errors import (
    CaseUnavailable,
    LinkDown,
    MalformedAnswer,
    ServerRefused,
    SignInNeeded,
    WorkstationError,
)
from workstation.iris.syslog import SyslogServer
from workstation.iris.wire import Wire
from workstation.jobs import Cancellation, Report, Workers, silent
from workstation.language import _
from workstation.reporting.form import Form
from workstation.reporting.template import Template
from workstation.settings import ServerProfile, Settings
from workstation.settings import load as load_settings
from workstation.settings import save as save_settings
from workstation.signing.identity import Identity


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

    def __init__(
        self, archive: Archive, wire: Wire | Connect | None, settings: Settings, workers: Workers | None = None
    ) -> None:
        self._archive = archive
        self._database = archive.database
        self._link = Link(wire, settings.server.name if settings.servers else "")
        self.keeping = Keeping(archive, self._link, settings)
        self.carrying = Carrying(archive, settings.reader)
        self.fetching = Fetching(Pulling(archive, self._link), self.keeping, workers or Workers(), settings)
        self._settings = settings
        self._cases = Cases(archive.database, self._link.in_use)
        if self._link.in_use:
            with archive.database.transaction() as cursor:
                adopt_server(cursor, self._link.in_use)
        self._drafts = Drafts(archive.database)
        self.second_opinions = SecondOpinions(archive, settings.reader)
        self._outbox = Outbox(archive.database)
        self.deciding = Deciding(archive.database, settings.reader)
        self._claiming = Claiming(archive.database, self._link, settings.reader)
        self._delivering = threading.Lock()
        self._sending_audit = threading.Lock()

    # the servers

    @property
    def settings(self) -> Settings:
        """The settings of the desk; the first server is the one in use."""
        return self._settings

    def use_server(self, name: str) -> None:
        """Work with another server of the settings from now on, and at the next start.

        Cases that are held and conclusions that wait stay with the server that they came from. Raises WorkstationError
        when there is no such server, or the settings can't be written.
        """
        self._settings = self._settings.using(name)
        self._link.in_use = self._cases.server = name
        save_settings(load_settings(self._settings.data_dir).using(name))

    def leave(self, server: str) -> None:
        """Hold no connection to a server any longer; the next need signs in anew."""
        self._link.leave(server)

    # the worklist

    def refresh(self, cancellation: Cancellation, report: Report = silent, asked: bool = False) -> int:
        """*Network.* Bring the worklist up to date; how many cases of it are free. Held cases are not disturbed.

        In archive mode the list of studies is the worklist. `asked`: on the reader's word (`polling`).
        """
        with self._link.wire() as wire:
            if wire.workitems is None:
                count = self._cases.merge_studies(until(cancellation, wire.dicomweb.search_studies({})))
            else:
                wanted = Wanted(wire.profile.worklist_label, self._settings.reader.code)
                polling = Polling(self._database, self._cases, wire.profile.name, wanted)
                count = polling.refresh(wire.workitems, report, cancellation, asked)
                self._claiming.review(wire.workitems, self._cases.server, cancellation)
            self._outbox.link_works(self._cases.server)
            self._outbox.resume_paused(self._cases.server)
        return count

    def count(self, filter: CaseFilter) -> int:  # noqa: A002 - the word for it
        """How many cases match."""
        return self._cases.count(filter)

    def page(self, filter: CaseFilter, offset: int, limit: int) -> list[CaseRow]:  # noqa: A002
        """The matching cases from `offset` on, most urgent first."""
        return self._cases.page(filter, offset, limit)

    def view(
        self,
        filter: CaseFilter,  # noqa: A002
        first: int,
        page: int,
        keep: Sequence[tuple[str, int]] = (),
        find: str = "",
    ) -> CaseView:
        """Two pages around row `first`, read at one moment; `keep` holds cases in their places (`Cases.view`)."""
        return self._cases.view(filter, first, page, keep, find)

    def case(self, case_uid: str) -> CaseRow:
        """One case; raises KeyError when there is none."""
        return self._cases.get(case_uid)

    def summary(self) -> DeskSummary:
        """Numbers for the status bar."""
        return DeskSummary(
            held=len(self._cases.in_states(WRITING_STATES)),
            archive_bytes=self._archive.size(),
            outbox=self._outbox.undelivered(),
        )

    # taking a case, and giving it back

    def claim(self, case_uid: str) -> CaseRow:
        """*Network.* Take the case. The Transaction UID is stored first, so a lost answer is asked for again.

        A case already ours is returned as it is. Raises CaseUnavailable when it is someone else's or not ready, and
        LinkDown when no answer came: then the case stays `claiming` until the next try or refresh.
        """
        return self._claiming.claim(case_uid)

    def return_case(self, case_uid: str, reason_code: str, text: str = "") -> None:
        """*Network.* Give the case back, which is final: the workitem is cancelled with a coded reason.

        `reason_code` is one of `claiming.RETURN_REASONS`. Raises CaseUnavailable when the case isn't ours to return.
        """
        self._claiming.give_back(case_uid, reason_code, text)

    # reading

    def begin_reading(self, case_uid: str) -> CaseRow:
        """Note that a held case is being read; any other stays as it is, for viewing only."""
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            if case.is_writable:
                apply(cursor, case_uid, CaseEvent.OPEN)
            note_opened(cursor, case_uid)
            audit.record(cursor, self._who, "case opened" if case.is_writable else "case viewed", case_uid)
            return read_case(cursor, case_uid)

    def contents(self, case_uid: str) -> CaseContents:
        """What is here of the case."""
        return read_contents(self._archive, self._cases.get(case_uid))

    def arrivals(self, study_uid: str, after: int = 0) -> Arrivals:
        """What of a study has come since the mark `after`; of one that still comes, again and again."""
        ledger = study_ledger(self._database, study_uid)
        instances, mark = self._archive.arrivals(study_uid, after)
        with self._database.read() as cursor:
            return Arrivals(uncovered(cursor, study_uid, instances), ledger, mark)

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
        if part == "impression":
            raise ValueError("an impression is locked, not saved")
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            self._must_be_writable(case)
            apply(cursor, case_uid, *((CaseEvent.OPEN,) if part == "view" else writing_events(case)))
            if part == "measurements":
                self._note_measuring(cursor, case_uid, payload)
            save_draft(cursor, case_uid, part, payload)

    def prepare(
        self,
        case_uid: str,
        form: Form,
        template: Template,
        measurements: Sequence[Measurement],
        key_images: Sequence[KeyImage],
        opinion: str = "",
    ) -> Prepared:
        """Make the documents as they would be signed; raises FormIncomplete, also while a second opinion is blind.

        `opinion` is the second opinion as it stands on the screen; "" takes the saved one.
        """
        case = self._cases.get(case_uid)
        must_not_be_blind(case)
        servers = [one for one in self._settings.servers if one.name == case.server] or self._settings.servers
        contents = self.contents(case_uid)
        return package.prepare(
            case,
            contents,
            template,
            form,
            measurements,
            key_images,
            self._settings.reader,
            station_name=servers[0].aet if servers else "",
            dose=dose_of_study(contents, self.fetch, template.language),
            closing=self.second_opinions.sections(case, template.language, opinion),
        )

    def sign(self, case_uid: str, prepared: Prepared, identity: Identity) -> None:
        """*Network, if any.* Sign, and put the package into the outbox; from here its bytes are only carried.

        Timestamps are had from the authority of the settings if it answers. Raises IdentityUnusable, and
        CaseUnavailable when the case isn't ours or is signed already.
        """
        self._must_be_writable(self._cases.get(case_uid))
        signed = package.sign(prepared, identity, timestamps_of(self._settings))
        with self._database.transaction() as cursor:
            case = read_case(cursor, case_uid)
            self._must_be_writable(case)
            must_not_be_blind(case)
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

    def hurry(self) -> None:
        """On the reader's word: what waits for its next try may be tried now."""
        self._outbox.hurry()

    def deliver(self, report: Report = silent, cancellation: Cancellation | None = None) -> int:
        """*Network.* Deliver what is due; how many packages arrived, were read back, compared and verified.

        Failures become states of their packages. Raises LinkDown and SignInNeeded when there is no way in at all,
        Cancelled, DiskFull.
        """
        delivered = 0
        trouble: WorkstationError | None = None
        with self._delivering:
            # each conclusion goes to the server of its case, whichever is in use
            for server in self._outbox.servers_due() or [self._link.in_use]:
                try:
                    with no_way_noted(self._database, server), self._link.wire(server) as wire:
                        self._outbox.link_works(server)
                        submission = Submission(self._database, wire, self._settings.reader, must_verify)
                        delivered += deliver_due(
                            self._database, submission, self._who, report, cancellation or Cancellation(), server
                        )
                except (LinkDown, SignInNeeded, ServerRefused, MalformedAnswer) as error:
                    trouble = trouble or error
        if trouble is not None:
            raise trouble
        return delivered

    def send_audit(self, cancellation: Cancellation | None = None) -> int:
        """*Network.* Send the audit server of the settings what it hasn't got yet; how many entries went.

        One call at a time: another returns 0 at once. Raises LinkDown when it can't be reached: what is left goes with
        the next call.
        """
        settings = self._settings
        server = SyslogServer.at(settings.audit_server, settings.audit_ca_file, settings.audit_certificate_file)
        if not self._sending_audit.acquire(blocking=False):
            return 0
        try:
            return self.audit_export().send(server, cancellation or Cancellation())
        finally:
            self._sending_audit.release()

    def audit_export(self) -> AuditExport:
        """The audit chain as DICOM audit messages, in the name of this station."""
        servers = self._settings.servers
        profile = servers[0] if servers else ServerProfile("", "")
        station = Station(profile.aet, socket.gethostname() or "-", profile.name)
        return AuditExport(self._database, station)

    def receipts(self, case_uid: str = "") -> list[Receipt]:
        """The receipts of delivered conclusions, of one case or of all, the newest first."""
        with self._database.read() as cursor:
            return receipts(cursor, case_uid)

    def documents(self, case_uid: str) -> tuple[SealedObject, ...]:
        """The signed documents of the case in sending order, final bytes; empty before it is signed."""
        package_uid = self._outbox.of_case(case_uid)
        return self._outbox.load(package_uid).objects if package_uid else ()

    # the parts

    @property
    def _who(self) -> str:
        reader = self._settings.reader
        return reader.code or reader.name

    def _note_measuring(self, cursor: Cursor, case_uid: str, payload: Any) -> None:
        """A measurement made or taken away is an event; one that was only moved or renamed is none."""
        count = _drawings(payload)
        if count != _drawings(draft_part(cursor, case_uid, "measurements")):
            audit.record(cursor, self._who, "case measured", case_uid, {"measurements": count})

    def _must_be_writable(self, case: CaseRow) -> None:
        if not case.is_writable:
            raise CaseUnavailable(
                _("The case is for viewing only"), advice=_("It is not held by you, or already signed.")
            )


def _drawings(payload: Any) -> int:
    """How many measurements a saved part holds: a draft is kept whatever it is, so nothing is presumed of it."""
    drawings = payload.get("drawings") if isinstance(payload, dict) else payload
    return len(drawings) if isinstance(drawings, list) else 0

"""Delivering one package: store it, read every object back, compare, verify, complete the workitem.

Each step is durable before the next begins and may be done twice without harm, so a kill at any point resumes. What
the server says of a store is noted, but only bytes read back count. Nothing is rebuilt or signed again.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from workstation.archive.database import Database
from workstation.consultation.cases import apply, read_case
from workstation.consultation.claims import find_claim, settle_claim
from workstation.consultation.newer_report import known_reports, must_be_newest
from workstation.consultation.outbox import Outbox, Package, SealedObject, advance
from workstation.consultation.package_states import PackageEvent
from workstation.consultation.receipt import keep_receipt
from workstation.consultation.states import CaseEvent
from workstation.dicom.content import Code, Observer
from workstation.errors import CaseUnavailable, MalformedAnswer, ServerRefused, WorkstationError
from workstation.iris.store import StoreFailure
from workstation.iris.wire import Wire
from workstation.iris.workitem import Outcome
from workstation.jobs import Cancellation
from workstation.language import N_, _
from workstation.settings import Reader

Verify = Callable[[bytes, Package], None]

RETRYABLE = (408, 425, 429, 500, 502, 503, 504)
_GONE = (404, 410)
# the whole was refused, yet a part of it may have been stored
_IN_PART = (400, 409)


class NotTaken(WorkstationError):
    """The documents can't be delivered as they are, and trying again won't help."""


class Collision(NotTaken):
    """Other bytes lie under one of our UIDs: only new UIDs and a new signature help."""


class NotThereYet(WorkstationError):
    """The server said it stored an object and hasn't it: to be sent again later."""


class Submission:
    """Delivers packages through one wire; `verify` is given the conclusion, the last object, and raises
    WorkstationError when its signature doesn't hold.
    """

    def __init__(self, database: Database, wire: Wire, reader: Reader, verify: Verify) -> None:
        self._database = database
        self._outbox = Outbox(database)
        self._wire = wire
        self._reader = reader
        self._verify = verify

    def deliver(self, package_uid: str, cancellation: Cancellation) -> None:
        """Carry the package on from where it stands to the end.

        Raises what the wire raises, CaseUnavailable when the case is no longer ours, NewerReport when others were
        first, NotTaken, Collision and NotThereYet; the package then stands where it stood.
        """
        package = self._outbox.load(package_uid)
        if package.state in ("queued", "sending"):
            self._must_be_ours(package)
            self._must_be_newest(package, cancellation)
            if package.state == "queued":
                self._advance(package, PackageEvent.SEND, N_("Being sent"))
            self._send(package, cancellation)
            self._advance(package, PackageEvent.STORE, N_("Stored by the server"), CaseEvent.STORE)
            package = self._outbox.load(package_uid)
        if package.state == "stored":
            self._confirm(package, cancellation)
            self._advance(package, PackageEvent.CONFIRM, N_("Read back, compared and verified"), CaseEvent.CONFIRM)
            package = self._outbox.load(package_uid)
        cancellation.check()
        if package.state == "confirmed":
            self._complete(package)

    def _must_be_ours(self, package: Package) -> None:
        """Before anything goes out: a case lost while the link was down is the reader's to decide."""
        key = self._transaction_uid(package)
        if self._wire.workitems and key and not self._wire.workitems.probe(package.case_uid, key):
            raise CaseUnavailable(
                _("The case is no longer ours"),
                advice=_("Nothing was sent. Send it as an unsolicited opinion, or keep it."),
            )

    def _must_be_newest(self, package: Package, cancellation: Cancellation) -> None:
        """Before anything goes out: where others were first, the reader decides. An unsolicited opinion is decided."""
        if package.unsolicited or any(one.confirmed for one in package.objects):
            return
        if package.state == "sending" and any(self._is_there(one) for one in package.objects):
            # too late: an earlier try got through, its answer did not
            return
        with self._database.read() as cursor:
            known = known_reports(cursor, package)
        try:
            must_be_newest(self._wire.dicomweb, package.study_uid, known, cancellation)
        except (ServerRefused, MalformedAnswer) as error:
            # a server that can't be searched must not keep a conclusion back
            if isinstance(error, ServerRefused) and error.status in RETRYABLE:
                raise

    def _send(self, package: Package, cancellation: Cancellation) -> None:
        waiting = [one for one in package.objects if not one.confirmed]
        if not waiting:
            return
        try:
            failed = self._store(package, waiting)
        except ServerRefused as refused:
            if refused.status in _IN_PART and all(self._is_there(one) for one in waiting):
                return
            if refused.status != 413 or len(waiting) == 1:
                raise
            failed = {}
            for one in waiting:
                cancellation.check()
                failed |= self._store(package, [one])
        for one in waiting:
            # a server may call a duplicate a failure; what counts is what it holds
            failure = failed.get(one.sop_instance_uid)
            if failure is None or self._is_there(one):
                continue
            if failure.passing:
                raise NotThereYet(_("The server can't take a document now"), failure.text)
            raise NotTaken(_("The server doesn't take a document"), failure.text)

    def _store(self, package: Package, objects: Sequence[SealedObject]) -> dict[str, StoreFailure]:
        """Send objects in one request; what the server says against each, by UID."""
        answer = self._wire.dicomweb.store(package.study_uid, [one.data for one in objects])
        said = dict.fromkeys(answer.stored, "stored")
        said |= {note.sop_instance_uid: f"stored, {note.text}" for note in answer.warnings}
        failed = {failure.sop_instance_uid: failure for failure in answer.failed}
        self._outbox.answered(package.package_uid, said | {uid: failure.text for uid, failure in failed.items()})
        # a failure without UID is about one of those not said to be stored: all of them are looked for
        nameless = failed.pop("", None)
        if nameless:
            failed |= {one.sop_instance_uid: nameless for one in objects if one.sop_instance_uid not in said}
        if answer.status >= 300:
            silent = [
                one.sop_instance_uid for one in objects if one.sop_instance_uid not in said.keys() | failed.keys()
            ]
            failed |= {uid: StoreFailure(uid, 0, f"HTTP {answer.status}") for uid in silent}
        return failed

    def _is_there(self, one: SealedObject) -> bool:
        """Whether the server holds exactly these bytes; False when it has none. Raises Collision."""
        try:
            data = self._wire.dicomweb.retrieve_instance(one.study_uid, one.series_uid, one.sop_instance_uid)
        except ServerRefused as refused:
            if refused.status in _GONE:
                return False
            raise
        if hashlib.sha256(data).digest() == one.sha256:
            return True
        from workstation.dicom.sameness import Sameness, compare

        same = compare(one.data, data)
        if same is Sameness.RECODED:
            raise NotTaken(
                _("The server gives the document back in other bytes"),
                _("the content is the same, its encoding is not"),
                _("Whoever runs the server must switch off transcoding for what it stores. Then send it again."),
            )
        if same is Sameness.UNREADABLE:
            raise NotThereYet(_("The server gives back a document that can't be read"))
        raise Collision(
            _("UID collision"),
            _("the server holds another document under a UID of this one"),
            _("The conclusion must be signed anew with new UIDs."),
        )

    def _confirm(self, package: Package, cancellation: Cancellation) -> None:
        for one in package.objects:
            if one.confirmed:
                continue
            cancellation.check()
            if not self._is_there(one):
                # sent again from the start; what is there already does no harm
                self._advance(
                    package, PackageEvent.MISS, N_("The server has lost a document; to be sent again"), CaseEvent.QUEUE
                )
                raise NotThereYet(_("The server hasn't got a document that it said it stored"))
            if one is package.objects[-1]:
                self._must_verify(one, package)
            self._outbox.confirmed(package.package_uid, one.sop_instance_uid)

    def _must_verify(self, conclusion: SealedObject, package: Package) -> None:
        try:
            self._verify(conclusion.data, package)
        except WorkstationError as error:
            raise NotTaken(_("The signature of the conclusion doesn't hold"), error.detail or error.title) from error

    def _complete(self, package: Package) -> None:
        key = self._transaction_uid(package)
        if self._wire.workitems and key:
            self._wire.workitems.complete(package.case_uid, key, self._outcome(package))
        with self._database.transaction() as cursor:
            advance(cursor, package.package_uid, PackageEvent.DELIVER, N_("Delivered"))
            apply(cursor, package.case_uid, CaseEvent.LINK, CaseEvent.FINISH)
            if not package.unsolicited:
                settle_claim(cursor, package.case_uid, "COMPLETED")
            keep_receipt(
                cursor,
                package.package_uid,
                self._reader.code or self._reader.name,
                server=self._wire.profile.name,
                server_url=self._wire.profile.dicomweb_url,
                workitem=package.case_uid if key else "",
            )

    def _transaction_uid(self, package: Package) -> str:
        """The key to the case's workitem; empty when there is none to complete."""
        if package.unsolicited:
            return ""
        with self._database.read() as cursor:
            if read_case(cursor, package.case_uid).origin == "study":
                return ""
            claim = find_claim(cursor, package.case_uid)
        if not self._wire.workitems or not claim:
            raise CaseUnavailable(
                _("This server has no such case"), self._wire.profile.name, _("It came from another server.")
            )
        return claim.transaction_uid

    def _outcome(self, package: Package) -> Outcome:
        with self._database.read() as cursor:
            claim = find_claim(cursor, package.case_uid)
        started = datetime.fromisoformat(claim.requested_at) if claim else package.signed_at
        reader = self._reader
        performer = None
        if reader.name:
            code = Code(reader.code or reader.name, reader.code_scheme, reader.name)
            performer = Observer(reader.name, reader.organisation, code)
        return Outcome(
            started_at=min(started, package.signed_at),
            ended_at=package.signed_at,
            station_name=self._wire.profile.aet,
            performer=performer,
            outputs=tuple(one.reference for one in package.objects),
        )

    def _advance(self, package: Package, event: PackageEvent, text: str, *events: CaseEvent) -> None:
        """Package and case change together."""
        with self._database.transaction() as cursor:
            advance(cursor, package.package_uid, event, text)
            if events:
                apply(cursor, package.case_uid, *events)

"""A signed conclusion on a desk whose line to the embedded IRIS can fail, and what must be true at the end.

The server is asked over a line of its own, which never fails.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import tiny_instances
from tests.consultation.conftest import READER, filled, general, post_workitem
from tests.faulty_proxy import FaultyProxy
from workstation.archive import audit
from workstation.archive.archive import Archive
from workstation.consultation.desk import Desk
from workstation.consultation.outbox import Outbox, OutboxRow, Package
from workstation.consultation.receipt import unvouched
from workstation.consultation.states import CaseState
from workstation.demo.server import EmbeddedIris
from workstation.dicom.uids import new_uid
from workstation.errors import LinkDown, MalformedAnswer, ServerRefused, SignInNeeded
from workstation.iris.wire import Wire, connect
from workstation.jobs import Cancellation, Workers
from workstation.settings import ServerProfile, Settings
from workstation.signing.identity import Identity

KEY = bytes(range(32))

# request lines of a delivery, as the faults name them
PROBE = r"POST \S+/workitems/"
SEARCH = r"GET \S+/series\?"
STORE = r"POST \S+/studies/"
READ_BACK = r"GET \S+/instances/[\d.]+ "
STATE = r"PUT \S+/workitems/"

OF_THE_PATIENT = ("Смирнова", "Ольга", "77-1", "19700115", "LPU-7", "инфильтративных")
SLICES = 2


@dataclass
class Post:
    """A desk with one case, its server, and the line between them; a desk opened anew is a program started anew."""

    iris: EmbeddedIris
    proxy: FaultyProxy
    identity: Identity
    folder: Path
    case_uid: str = ""
    study_uid: str = ""
    told: list[str] = field(default_factory=list)
    stall_s: float = 3.0
    workers: Workers = field(default_factory=Workers)

    @property
    def profile(self) -> ServerProfile:
        url = f"http://127.0.0.1:{self.proxy.port}{self.iris.url.removeprefix(self.iris.root)}"
        return ServerProfile("iris", url, user=self.iris.user, connect_timeout_s=2.0, stall_timeout_s=self.stall_s)

    def direct(self) -> Wire:
        """The server, by a good line."""
        return connect(ServerProfile("iris", self.iris.url, user=self.iris.user), self.iris.password)

    def archive(self) -> Archive:
        return Archive.open(self.folder, KEY)

    def desk(self, archive: Archive, *, good_line: bool = False) -> Desk:
        settings = Settings(self.folder, language="en", servers=(self.profile,), reader=READER)
        if good_line:
            return Desk(archive, lambda *_server: self.direct(), settings, self.workers)
        return Desk(archive, lambda *_server: connect(self.profile, self.iris.password), settings, self.workers)

    def order(self, **changes: Any) -> None:
        """A new study at the server, and the order to read it."""
        self.study_uid = new_uid()
        self.direct().dicomweb.store(self.study_uid, tiny_instances.ct_series(SLICES, study_uid=self.study_uid))
        self.case_uid = post_workitem(self.iris, self.study_uid, **changes)

    def read(self, desk: Desk) -> None:
        """Claim the case, bring its study alone, open it."""
        desk.refresh(Cancellation())
        desk.claim(self.case_uid)
        desk.fetching.want(self.study_uid, case_uid=self.case_uid).result(60)
        desk.begin_reading(self.case_uid)

    def sign(self, desk: Desk) -> None:
        """Write the report of a case that is open, and sign it."""
        template = general()
        form = filled(template)
        desk.save_draft(self.case_uid, "form", form.to_json())
        desk.sign(self.case_uid, desk.prepare(self.case_uid, form, template, (), ()), self.identity)

    def signed(self, archive: Archive) -> Desk:
        """A desk with the case read and signed; nothing sent."""
        self.order()
        desk = self.desk(archive, good_line=True)
        self.read(desk)
        self.sign(desk)
        return self.desk(archive)

    def deliver(self, desk: Desk) -> int:
        """One try, as the window does it: what goes wrong is told, not raised."""
        try:
            sent = desk.deliver()
        except (LinkDown, SignInNeeded, ServerRefused, MalformedAnswer) as error:
            self.told.append(str(error))
            sent = 0
        row = self.row(desk)
        if row.last_error:
            self.told.append(row.last_error)
        return sent

    def deliver_at_last(self, desk: Desk, tries: int = 12) -> int:
        """Try again and again, as time would; how many tries it took."""
        for number in range(1, tries + 1):
            desk.hurry()
            if self.deliver(desk):
                return number
        raise AssertionError(f"not delivered in {tries} tries: {self.told}")

    def row(self, desk: Desk) -> OutboxRow:
        """The newest package of the case."""
        return next(row for row in desk.outbox() if row.case_uid == self.case_uid)

    def package(self, archive: Archive) -> Package:
        package_uid = Outbox(archive.database).of_case(self.case_uid)
        assert package_uid
        return Outbox(archive.database).load(package_uid)

    def held_by_server(self) -> dict[str, str]:
        """SHA-256 by SOP Instance UID of everything the server has of the study."""
        web = self.direct().dicomweb
        found: dict[str, str] = {}
        for series in web.search_series(self.study_uid):
            for entry in web.search_instances(self.study_uid, series.series_uid):
                assert entry.sop_instance_uid not in found
                data = web.retrieve_instance(self.study_uid, series.series_uid, entry.sop_instance_uid)
                found[entry.sop_instance_uid] = hashlib.sha256(data).hexdigest()
        return found

    def assert_nothing_sent(self) -> None:
        assert len(self.held_by_server()) == SLICES

    def assert_delivered_once(self, archive: Archive, signed: OutboxRow) -> None:
        """As without a fault: the very bytes that were signed are there, once; the order is completed with them."""
        desk = self.desk(archive)
        row = self.row(desk)
        assert (row.state, row.objects, row.last_error) == ("delivered", signed.objects, "")
        assert desk.case(self.case_uid).state is CaseState.DONE
        held = self.held_by_server()
        assert {uid: held.get(uid) for _role, uid, _sha in signed.objects} == {
            uid: sha256 for _role, uid, sha256 in signed.objects
        }
        assert len(held) == SLICES + len(signed.objects)
        workitems = self.direct().workitems
        assert workitems is not None
        item = workitems.get(self.case_uid)
        assert (item.state, item.outputs) == ("COMPLETED", tuple(uid for _role, uid, _sha256 in signed.objects))
        assert archive.strays() == []
        (receipt,) = desk.receipts(self.case_uid)
        assert [(one.sop_instance_uid, one.sha256) for one in receipt.objects] == [
            (uid, sha256) for _role, uid, sha256 in signed.objects
        ]
        with archive.database.read() as cursor:
            assert unvouched(audit.entries(cursor), [receipt]) == []
        self.assert_told_clearly()

    def assert_told_clearly(self) -> None:
        """What was told on the way is one line each, and nothing of the patient's."""
        for text in self.told:
            assert text
            assert "\n" not in text
            assert not any(word in text for word in OF_THE_PATIENT), text


def with_body(change: Callable[[bytes], bytes]) -> Callable[[Any, bytes], bytes]:
    """For `Alter`: the same answer with another body."""

    def changed(head: Any, body: bytes) -> bytes:
        new = change(body)
        kept = [
            line
            for line in head.headers
            if line.lower().partition(":")[0] not in ("content-length", "transfer-encoding", "connection")
        ]
        lines = [head.line, *kept, f"Content-Length: {len(new)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + new

    return changed

"""The window of a desk: the three places and what passes between them."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer

from workstation.archive.index import Removed
from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.desk import Desk
from workstation.dicom.parsing import get_ready_to_parse
from workstation.errors import CaseUnavailable, LinkDown, SignInNeeded, WorkstationError
from workstation.jobs import Cancellation, Lane, Report, Workers
from workstation.language import _, ngettext
from workstation.reporting.template import load_templates
from workstation.settings import Settings
from workstation.ui import texts
from workstation.ui.background import Background
from workstation.ui.outbox.page import OutboxPage
from workstation.ui.reading.page import ReadingPage
from workstation.ui.shell import Place, Shell
from workstation.ui.status import Status, format_size
from workstation.ui.viewer.panel import ViewerPanel
from workstation.ui.worklist.page import WorklistPage

WORKLIST, READING, OUTBOX = range(3)
_IDLE_MS = 1500


def _get_ready() -> None:
    """What the first case needs and the start does not."""
    get_ready_to_parse()
    load_templates()


def _made_room(removed: list[Removed]) -> str:
    count, size = len(removed), format_size(sum(one.size for one in removed))
    told = ngettext(
        "The archive was full: {count} study was removed ({size}). It is fetched again when it is opened.",
        "The archive was full: {count} studies were removed ({size}). They are fetched again when they are opened.",
        count,
    )
    return told.format(count=count, size=size)


class DeskWindow(QObject):
    """Builds the pages and carries the reader from the worklist through reading to the outbox."""

    def __init__(
        self, desk: Desk, workers: Workers, settings: Settings, sign_in: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        self._desk = desk
        self._try_password = sign_in
        self._settings = settings
        self._link = "unknown"
        self._opening = ""
        self.background = Background(workers)
        self.worklist = WorklistPage(desk, self.background)
        self.reading = ReadingPage(desk, self.background, ViewerPanel(workers), settings.identity_file)
        self.outbox = OutboxPage(desk, self.background)
        self.shell = Shell(
            (
                Place(_("Worklist"), "mdi6.format-list-bulleted", "F2", self.worklist),
                Place(_("Reading"), "mdi6.radiology-box-outline", "F3", self.reading),
                Place(_("Outbox"), "mdi6.tray-arrow-up", "F4", self.outbox),
            ),
            self.background,
        )
        self.worklist.open_requested.connect(self.open_case)
        self.worklist.refresh_requested.connect(self.refresh)
        self.reading.trouble.connect(self.shell.messages.show_error)
        self.reading.signed.connect(self._signed)
        self.reading.returned.connect(self._returned)
        self.outbox.deliver_requested.connect(self.send_now)
        self.outbox.decided.connect(self.deliver)
        self.outbox.reopened.connect(self._reopened)
        self.outbox.counted.connect(lambda count: self.shell.set_badge(OUTBOX, count))
        self.shell.closing.connect(self.close)
        self.shell.sign_in.given.connect(self._sign_in)
        self._poll = QTimer(self)
        self._poll.setInterval(int(settings.poll_seconds * 1000))
        self._poll.timeout.connect(self.refresh)
        self._poll.timeout.connect(self.deliver)
        if settings.audit_server:
            self._poll.timeout.connect(self.send_audit)
        self._show_status()

    @property
    def link(self) -> str:
        """What is known of the link: "unknown" until IRIS was asked, then "online" or "offline"."""
        return self._link

    def start(self) -> None:
        """Ask IRIS for the worklist and send what waits, now and from time to time."""
        self.refresh()
        self.deliver()
        self._poll.start()
        # what the first case will want, once the worklist is usable
        QTimer.singleShot(_IDLE_MS, self, lambda: self.background.run(Lane.PREFETCH, _get_ready, lambda _done: None))

    def close(self) -> None:
        """Stop asking; what is under way is cancelled."""
        self._poll.stop()
        self.reading.viewer.close_case()
        self.background.close()

    def refresh(self) -> None:
        """Bring the worklist up to date. A dead link is a state, told in the status bar, and no error."""

        def done(_count: int) -> None:
            self._link = "online"
            self._changed()

        if self.shell.sign_in.isVisible():
            # the same password again and again would lock the account
            return
        self.background.run(Lane.RETRIEVAL, lambda: self._desk.refresh(Cancellation()), done, self._refused)

    def _refused(self, error: WorkstationError) -> None:
        self._link = "offline"
        if isinstance(error, SignInNeeded) and self._try_password is not None:
            self.shell.sign_in.ask(self._settings.server.name, error)
        elif not isinstance(error, LinkDown):
            self.shell.messages.show_error(error)
        self._changed()

    def _sign_in(self, password: str) -> None:
        """A password was typed: try it, and go on where the sign-in was missing."""
        attempt = self._try_password
        if attempt is None:
            return

        def done(_none: None) -> None:
            self.shell.sign_in.hide()
            self.refresh()
            self.deliver()

        self.background.run(Lane.RETRIEVAL, lambda: attempt(password), done, self._refused)

    def open_case(self, case_uid: str) -> None:
        """Claim a case if it is free, fetch what lacks, and open it for reading."""
        if self.reading.case is not None and self.reading.case.case_uid == case_uid:
            self.shell.go(READING)
            return
        self._opening = case_uid

        def claim() -> tuple[CaseRow, WorkstationError | None]:
            try:
                return self._desk.claim(case_uid), None
            except (CaseUnavailable, LinkDown) as error:
                return self._desk.case(case_uid), error

        def claimed(answer: tuple[CaseRow, WorkstationError | None]) -> None:
            case, error = answer
            if error is not None:
                self.shell.messages.show_error(error)
            if self._opening != case_uid:
                return
            if case.is_complete_here:
                self._show_case(case_uid)
            else:
                self.reading.show_waiting(case)
                self.shell.go(READING)
                self._pull(case)
            self._changed()

        self.background.run(Lane.RETRIEVAL, claim, claimed, priority=-1)

    def _pull(self, case: CaseRow) -> None:
        """Fetch the study, open it, and go on with the priors behind the reader's back."""
        title = _("Images of {patient}").format(patient=texts.person_name(case.patient.name))

        def study(report: Report, cancellation: Cancellation) -> CaseRow:
            return self._desk.pull_study(case.case_uid, report, cancellation)

        def priors(report: Report, cancellation: Cancellation) -> tuple[CaseRow, CaseContents, list[Removed]]:
            row = self._desk.pull_priors(case.case_uid, report, cancellation)
            removed = self._desk.keeping.trim(case.case_uid, cancellation)
            return row, self._desk.contents(case.case_uid), removed

        def complete(answer: tuple[CaseRow, CaseContents, list[Removed]]) -> None:
            row, contents, removed = answer
            self.reading.add_priors(row, contents)
            if removed:
                self.shell.messages.show_note(_made_room(removed))
            self._changed()

        def opened(row: CaseRow) -> None:
            self._changed()
            self._show_case(row.case_uid, lambda: self.background.start(title, Lane.RETRIEVAL, priors, complete))

        def failed(error: WorkstationError) -> None:
            self.shell.messages.show_error(error)
            self._changed()
            self._show_case(case.case_uid)

        self.background.start(title, Lane.RETRIEVAL, study, opened, failed)

    def _changed(self) -> None:
        """What is here, or whose a case is, has changed: worklist and status bar say so."""
        self.worklist.model.reload()
        self._show_status()

    def _show_case(self, case_uid: str, then: Callable[[], object] | None = None) -> None:
        """Open what is here of a case, if the reader still waits for it; `then` goes on once it is open."""
        if self._opening != case_uid:
            return

        def read() -> tuple[CaseRow, CaseContents, dict[str, Any], bool]:
            # parsed once a run, and better here than on the main thread
            load_templates()
            row = self._desk.begin_reading(case_uid)
            return row, self._desk.contents(case_uid), self._desk.draft(case_uid), row.is_writable

        def show(answer: tuple[CaseRow, CaseContents, dict[str, Any], bool]) -> None:
            if self._opening != case_uid:
                return
            self._opening = ""
            case, contents, draft, writable = answer
            if not any(instance.has_pixels for instance in contents.study):
                self.reading.close_case()
                self.shell.messages.show_error(
                    WorkstationError(
                        _("No image of this study is here"),
                        advice=_("Try again when the link is up, or return the case."),
                    )
                )
                return
            self.reading.open_case(case, contents, draft, writable)
            self.shell.go(READING)
            if then is not None:
                then()

        self.background.run(Lane.INTERACTIVE, read, show)

    def send_now(self) -> None:
        """Try everything that waits, also what was to be tried later."""
        self.background.run(Lane.SUBMISSION, self._desk.hurry, lambda _none: self.deliver())

    def deliver(self) -> None:
        """Send what is due in the outbox."""

        def done(_sent: int) -> None:
            self.outbox.reload()
            self._changed()

        def deliver(report: Report, cancellation: Cancellation) -> int:
            return self._desk.deliver(report, cancellation)

        def counted(waiting: int) -> None:
            if waiting and not self.shell.sign_in.isVisible():
                self.background.start(_("Sending conclusions"), Lane.SUBMISSION, deliver, done, failed)

        def failed(_error: WorkstationError) -> None:
            self.outbox.reload()

        self.background.run(Lane.SUBMISSION, self._desk.waiting, counted)

    def send_audit(self) -> None:
        """Send the audit server what it hasn't got yet; when it is out of reach that goes with a later poll, unsaid."""

        def failed(error: WorkstationError) -> None:
            if not isinstance(error, LinkDown):
                self.shell.messages.show_error(error)

        self.background.run(Lane.PREFETCH, self._desk.send_audit, lambda _sent: None, failed)

    def _signed(self, _case_uid: str) -> None:
        self.outbox.reload()
        self.shell.go(OUTBOX)
        self.deliver()

    def _reopened(self, case_uid: str) -> None:
        """A refused conclusion is written anew: what may still be open of its case is for viewing only."""
        self.reading.close_case()
        self.open_case(case_uid)

    def _returned(self, _case_uid: str) -> None:
        self.worklist.model.reload()
        self.shell.go(WORKLIST)

    def _show_status(self) -> None:
        settings, link = self._settings, self._link

        def read() -> Status:
            summary = self._desk.summary()
            return Status(
                link=link,
                server=settings.servers[0].name if settings.servers else "",
                reader=texts.person_name(settings.reader.name),
                held=summary.held,
                archive_bytes=summary.archive_bytes,
                archive_limit_bytes=int(settings.archive_limit_gb * 1e9),
                outbox=summary.outbox,
            )

        self.background.run(Lane.INTERACTIVE, read, self.shell.show_status, priority=5)

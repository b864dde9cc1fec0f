"""The window of a desk: the three places and what passes between them."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from workstation.consultation.desk import Desk
from workstation.consultation.door import Door
from workstation.dicom.parsing import get_ready_to_parse
from workstation.errors import LinkDown, SignInNeeded, WorkstationError
from workstation.jobs import Cancellation, Lane, Report, Workers
from workstation.language import _
from workstation.reporting.template import load_templates
from workstation.settings import Settings
from workstation.ui import texts
from workstation.ui.ahead import Ahead
from workstation.ui.background import Background
from workstation.ui.exchange import Exchange
from workstation.ui.opening import Opening
from workstation.ui.outbox.page import OutboxPage
from workstation.ui.reading.page import ReadingPage
from workstation.ui.servers import Servers
from workstation.ui.shell import Place, Shell
from workstation.ui.status import Status
from workstation.ui.viewer.panel import ViewerPanel
from workstation.ui.worklist.page import WorklistPage
from workstation.ui.worklist.refreshing import Refreshing

WORKLIST, READING, OUTBOX = range(3)
_IDLE_MS = 1500


def _get_ready(data_folder: Path) -> None:
    """What the first case needs and the start does not."""
    get_ready_to_parse()
    load_templates(data_folder)


class DeskWindow(QObject):
    """Builds the pages and carries the reader from the worklist through reading to the outbox."""

    def __init__(self, desk: Desk, workers: Workers, settings: Settings, door: Door | None = None) -> None:
        super().__init__()
        self._desk = desk
        self._settings = settings
        self._link = "unknown"
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
        self.exchange = Exchange(desk, self.background, self.worklist, self.shell)
        self._refreshing = Refreshing(desk, self.background, self.worklist.model)
        self._refreshing.done.connect(self._refreshed)
        self._refreshing.failed.connect(self._refused)
        self.worklist.refresh_requested.connect(lambda: self.refresh(asked=True))
        self.opening = Opening(desk, self.background, self.reading)
        self.opening.shown.connect(lambda: self.shell.go(READING))
        self.opening.changed.connect(self._changed)
        self.opening.trouble.connect(self.shell.messages.show_error)
        self.opening.noted.connect(self.shell.messages.show_note)
        self.opening.healed.connect(self.shell.messages.hide)
        self.ahead = Ahead(desk.fetching, self.shell.status.ahead)
        self.ahead.changed.connect(self._changed)
        self.reading.refresh_requested.connect(self.refresh)
        self.reading.trouble.connect(self.shell.messages.show_error)
        self.reading.signed.connect(self._signed)
        self.reading.returned.connect(self._returned)
        self.reading.uncovered.connect(self.opening.reopen)
        self.outbox.deliver_requested.connect(self.send_now)
        self.outbox.decided.connect(self.deliver)
        self.outbox.reopened.connect(self._reopened)
        self.outbox.counted.connect(lambda count: self.shell.set_badge(OUTBOX, count))
        self.shell.closing.connect(self.close)
        self._trouble = ""
        self.servers = Servers(desk, door, self.background, self.shell)
        self.servers.signed_in.connect(self._signed_in)
        self.servers.switched.connect(self._switched)
        self.servers.failed.connect(self._refused)
        self._poll = QTimer(self)
        self._poll.setInterval(int(settings.poll_seconds * 1000))
        self._poll.timeout.connect(lambda: self.refresh())
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
        ready = partial(_get_ready, self._desk.settings.data_dir)
        QTimer.singleShot(_IDLE_MS, self, lambda: self.background.run(Lane.PREFETCH, ready, lambda _done: None))

    def close(self) -> None:
        """Stop asking; what is under way is cancelled."""
        self._poll.stop()
        self._refreshing.stop()
        self.opening.close()
        self.ahead.close()
        self.reading.viewer.close_case()
        self.background.close()

    def refresh(self, asked: bool = False) -> None:
        """Bring the worklist up to date. A dead link is a state, told in the status bar, and no error."""
        # the same password again and again would lock the account
        if self.shell.sign_in.isHidden():
            self._refreshing.start(asked)

    def _refreshed(self) -> None:
        self._link, self._trouble = "online", ""
        # what waits for the link goes on
        self._desk.fetching.plan_ahead()
        self._changed()
        self.deliver()

    def _refused(self, error: WorkstationError) -> None:
        self._link = "offline"
        known, self._trouble = self._trouble, str(error)
        if isinstance(error, SignInNeeded) and self.servers.ask(error):
            pass
        elif not isinstance(error, LinkDown) or (error.advice and str(error) != known):
            # a dead link is a state; one that somebody has to mend is told once
            self.shell.messages.show_error(error)
        self._changed()

    def _signed_in(self) -> None:
        """Go on where the sign-in was missing."""
        self.refresh()
        self.deliver()

    def _switched(self) -> None:
        self._link, self._trouble = "unknown", ""
        self._changed()
        self.refresh()
        self.deliver()

    def open_case(self, case_uid: str) -> None:
        """Claim a case if it is free, fetch what lacks, and open it for reading."""
        self.opening.open(case_uid)

    def _changed(self) -> None:
        """What is here, or whose a case is, has changed: worklist and status bar say so."""
        self.worklist.model.reload()
        self._show_status()

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
            if waiting and self.shell.sign_in.isHidden():
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

    def _returned(self, case_uid: str) -> None:
        self.opening.forget(case_uid)
        self.worklist.model.reload()
        self.shell.go(WORKLIST)

    def _show_status(self) -> None:
        settings, link, trouble = self._desk.settings, self._link, self._trouble

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
                trouble=trouble,
            )

        self.background.run(Lane.INTERACTIVE, read, self.shell.show_status, priority=5)

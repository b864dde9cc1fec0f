"""The main job, step by step: worklist, claim, read beside the prior, measure, report, sign, deliver.

Each step looks at what is already done, so that a tour which was killed anywhere goes on without losing or doubling
anything: a case that is signed is not opened again, a length that is in the draft is not drawn again.
"""

from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QListWidget, QPlainTextEdit, QWidget

from workstation.consultation.case import CaseFilter, CaseRow
from workstation.consultation.desk import Desk
from workstation.consultation.outbox import OutboxRow
from workstation.dicom.content import Measurement
from workstation.errors import CaseUnavailable, LinkDown, WorkstationError
from workstation.language import _, current_language, number_text
from workstation.ui.tour.eye import Spot
from workstation.ui.tour.hands import Hands
from workstation.ui.tour.reader import Measured, PictureReader
from workstation.ui.tour.transcript import Transcript
from workstation.ui.window import DeskWindow

W = TypeVar("W", bound=QWidget)

TRIES = 3
"""How often a delivery may fail before the tour gives up."""
LARGEST_FINDING = 40.0
"""Millimetres. A longer length is that of the body, drawn where no finding was seen: it is none of a finding's size."""


@dataclass(frozen=True)
class Plan:
    """What the tour reads. `main` and `tilted` are texts for the worklist's search; "" takes the first case."""

    main: str = ""
    tilted: str = ""
    template: str = ""
    identity_password: str = ""


class Tour:
    """One run through the main job."""

    def __init__(self, desk: Desk, window: DeskWindow, plan: Plan, transcript: Transcript) -> None:
        self._desk = desk
        self._window = window
        self._plan = plan
        self._transcript = transcript
        self._folder = transcript.folder
        self._hands = Hands(window.shell)
        self._read = PictureReader(window.reading.viewer, self._hands)

    def run(self) -> CaseRow:
        """All steps; the case that was signed and delivered. Raises WorkstationError."""
        self.worklist()
        if self._plan.tilted:
            self.tilted()
        case = self._chosen(self._plan.main)
        if self._desk_has_signed(case.case_uid):
            self._hands.press("F4")
        else:
            self.open(case)
            self.measure(case)
            self.report()
            self.sign(case)
        self.deliver(case)
        return self._desk.case(case.case_uid)

    # the worklist

    def worklist(self) -> None:
        """Wait for IRIS's list."""
        step = self._transcript.begin("worklist")
        shell = self._window.shell
        shell.show()
        shell.activateWindow()
        self._window.start()
        worklist = self._window.worklist
        self._hands.wait(
            lambda: (
                self._window.link != "unknown" and worklist.model.rowCount() == self._desk.count(worklist.model.filter)
            ),
            _("for the worklist"),
            self._refusal,
        )
        # the side panel fills when the cursor rests
        self._hands.rest(0.5)
        self._picture("worklist")
        step.end(cases=self._window.worklist.model.rowCount())

    def _chosen(self, text: str) -> CaseRow:
        """The case the text names in any state, or the first that is open."""
        wanted = CaseFilter(text=text, states=None if text else "open")
        found = self._desk.page(wanted, 0, 1)
        if not found:
            raise CaseUnavailable(_("The server has no such study on its list"), text)
        return found[0]

    def _desk_has_signed(self, case_uid: str) -> bool:
        return any(row.case_uid == case_uid for row in self._desk.outbox())

    def open(self, case: CaseRow) -> None:
        """Search for the case, press Enter, wait for the first picture and then for all of them."""
        step = self._transcript.begin("open")
        worklist, reading = self._window.worklist, self._window.reading
        self._hands.press("F2")
        search = self._named(worklist, QLineEdit, _("Search"))
        states = self._named(worklist, QComboBox, _("State"))
        self._choose(states, _("All"))
        self._hands.press("Ctrl+F", worklist)
        self._hands.press("Ctrl+A", search)
        self._hands.type(case.study_uid, search)
        self._hands.wait(
            lambda: (
                worklist.selected is not None
                and worklist.selected.case_uid == case.case_uid
                and worklist.model.rowCount() == 1
            ),
            _("for the case in the list"),
        )
        table = worklist.focusProxy()
        assert table is not None
        table.setFocus()
        self._hands.press("Return", table)
        self._hands.wait(
            lambda: (
                reading.case is not None
                and reading.case.case_uid == case.case_uid
                and reading.viewer.session is not None
            ),
            _("for the case to open"),
            self._refusal,
        )
        self._read.settle()
        first = step.seconds
        self._hands.wait(lambda: not self._window.background.activities, _("for the earlier studies"))
        self._read.load()
        row = self._desk.case(case.case_uid)
        contents = self._desk.contents(case.case_uid)
        step.end(
            case=row.case_uid,
            study=row.study_uid,
            case_state=row.state.value,
            first_picture_s=first,
            expected=row.expected,
            received=row.received,
            priors=[
                {"study": prior.header.study_uid, "expected": prior.ledger.expected, "received": prior.ledger.received}
                for prior in contents.priors
            ],
        )

    # pictures

    def tilted(self) -> None:
        """Measure the nodule of the CT with a tilted gantry on its sagittal plane; the case stays open as a draft."""
        case = self._chosen(self._plan.tilted)
        drawn = self._lengths(case.case_uid, "sagittal")
        if drawn:
            self._transcript.begin("tilted").end(plane="sagittal", length_mm=drawn[0], case=case.case_uid, kept=True)
            return
        self.open(case)
        step = self._transcript.begin("tilted")
        canvas = self._read.canvas()
        self._read.start_over()
        spot = self._read.find_lesion()
        if spot is None:
            raise WorkstationError(_("No finding is to be seen in the tilted CT"))
        self._read.bring_to_middle(self._read.centred(spot))
        self._hands.press("M", canvas)
        self._read.settle()
        self._read.point_at(self._read.spot_near(*self._crossing(0), spot, 0), 0)
        x, y = self._crossing(2)
        sagittal = self._read.go_close(self._read.spot_near(x, y, spot, 2), 2)
        measured = self._read.measure_spot(sagittal, 2)
        self._picture("tilted")
        self._hands.press("M", self._read.canvas(2))
        self._read.settle()
        self._kept(case.case_uid, "measurements")
        step.end(
            plane=measured.plane, length_mm=measured.millimetres, spacing=measured.spacing_source, case=case.case_uid
        )

    def _crossing(self, number: int) -> tuple[float, float]:
        """Where the reference lines of the other planes cross in a viewport."""
        session = self._window.reading.viewer.session
        assert session is not None
        return session.reformats.crosshair_pixel(number)

    def measure(self, case: CaseRow) -> None:
        """Find the lesion, measure it by clicks on its edges, sample it, mark a key image, look at three planes."""
        step = self._transcript.begin("measure")
        canvas = self._read.canvas()
        kept = self._window.reading.viewer.session
        assert kept is not None
        drawn = kept.store.measurements()
        spot: Spot | None = None
        earlier: Measured | None = None
        self._read.start_over()
        if not drawn:
            spot = self._read.find_lesion()
            if spot is not None:
                spot = self._read.widest_slice(spot)
                self._picture("reading")
                spot = self._read.go_close(spot)
                measured = self._read.measure_spot(spot)
                earlier = self._read.measure_prior(spot)
                self._read.draw_ellipse(spot)
            else:
                self._picture("reading")
                measured = self._read.measure_body()
        else:
            first = drawn[0]
            measured = Measured(first.tracking_uid, first.primary.value, first.spacing_source, first.anchor.plane)
            self._picture("reading")
        if not kept.key_images.images:
            self._hands.press("K", canvas)
        if kept.reformats.possible:
            if spot is not None:
                self._read.bring_to_middle(spot)
            self._hands.press("M", canvas)
            self._read.settle()
            self._picture("mpr")
            self._hands.press("M", self._read.canvas())
            self._read.settle()
        else:
            self._picture("mpr")
        self._kept(case.case_uid, "measurements", "key_images")
        step.end(
            plane=measured.plane,
            length_mm=measured.millimetres,
            spacing=measured.spacing_source,
            found="spot" if spot is not None else "kept" if drawn else "body",
            prior_length_mm=None if earlier is None else earlier.millimetres,
        )

    def _lengths(self, case_uid: str, plane: str) -> list[float]:
        """Lengths drawn on a plane that the draft of a case holds."""
        session_json = self._desk.draft(case_uid).get("measurements")
        if not session_json:
            return []
        return [
            float(each["quantities"][0]["value"])
            for each in session_json.get("drawings", [])
            if each.get("kind") == "length" and each.get("plane") == plane
        ]

    def _kept(self, case_uid: str, *parts: str) -> None:
        """Wait until the draft is on disk."""
        self._hands.wait(lambda: all(self._desk.draft(case_uid).get(part) for part in parts), _("for the draft"))

    # the report

    def report(self) -> None:
        """Put the finding's length into the report, take the normal answers, answer what the form still asks for."""
        step = self._transcript.begin("report")
        report, viewer = self._window.reading.report, self._window.reading.viewer
        if self._plan.template:
            self._choose(self._named(report, QComboBox, _("Template")), data=self._plan.template)
        session = viewer.session
        assert session is not None
        form = report.form()
        linked = {link.tracking_uid for links in form.links.values() for link in links}
        self._read.canvas().setFocus()
        self._hands.press("F6")
        self._hands.press("Alt+Shift+N")
        self._hands.press("F6")
        findings = self._findings(session.store.measurements())
        for measurement in findings:
            new = measurement.tracking_uid not in linked
            if measurement.study_date == findings[-1].study_date and new:
                viewer.show_measurement(measurement.tracking_uid)
                self._hands.press("Return")
                self._read.settle()
        self._hands.press("F6")
        self._picture("report")
        asked = 0
        while asked < 60:
            self._hands.press("Ctrl+Return")
            self._hands.wait(lambda: not self._window.reading.is_preparing, _("for the document"))
            if self._window.reading.is_signing:
                break
            asked += 1
            self._answer(report, session.store.measurements())
        self._hands.wait(lambda: self._window.reading.is_signing, _("for the document"))
        step.end(template=report.template().identifier, asked=asked)

    def _answer(self, report: QWidget, measurements: tuple[Measurement, ...]) -> None:
        """Answer the field that the form put the cursor into."""
        field = QApplication.focusWidget()
        wanted = self._comparison(measurements).get(field.objectName()) if field is not None else None
        if isinstance(field, QComboBox) and wanted is not None and field.findData(wanted) >= 0:
            self._choose(field, data=wanted)
        elif isinstance(field, QComboBox | QListWidget):
            self._hands.press("Down", field)
        elif isinstance(field, QCheckBox):
            self._hands.press("Space", field)
        elif isinstance(field, QPlainTextEdit):
            self._hands.type(self._impression(measurements), field)
        elif isinstance(field, QLineEdit):
            self._hands.type("1", field)
        self._hands.rest(0.1)

    @staticmethod
    def _findings(measurements: tuple[Measurement, ...]) -> list[Measurement]:
        """The lengths of findings, the earliest study first."""
        lengths = [each for each in measurements if each.kind == "length" and each.primary.value <= LARGEST_FINDING]
        return sorted(lengths, key=lambda each: each.study_date)

    def _comparison(self, measurements: tuple[Measurement, ...]) -> dict[str, str]:
        """What a form is told of the prior: whether the finding has grown by more than can be measured.

        Where it was not measured in two studies nothing was compared.
        """
        findings = self._findings(measurements)
        if not findings or findings[0].study_date == findings[-1].study_date:
            return {"comparison_study": "skipped"}
        growth = findings[-1].primary.value - findings[0].primary.value
        return {"comparison_study": "prior", "change": "worse" if growth > 2 else "better" if growth < -2 else "stable"}

    def _impression(self, measurements: tuple[Measurement, ...]) -> str:
        """A sentence that says what was measured, and no more."""
        findings = self._findings(measurements)
        size = number_text(findings[-1].primary.value) if findings else ""
        if current_language() == "ru":
            return f"Учебное заключение. Измерено: {size} мм." if size else "Учебное заключение."
        return f"Demonstration report. Measured: {size} mm." if size else "Demonstration report."

    # signing and delivery

    def sign(self, case: CaseRow) -> None:
        """Look at the document, type the password, sign; the package is in the outbox before this ends."""
        step = self._transcript.begin("sign")
        signing = self._window.reading.signing
        self._hands.wait(lambda: signing.pages_shown > 0 or bool(signing.error_shown), _("for the pages"))
        self._picture("sign")
        password = self._named(signing, QLineEdit, _("Password of the identity"))
        password.setFocus()
        self._hands.type(self._plan.identity_password, password)
        self._hands.press("Return", password)
        self._hands.wait(
            lambda: self._desk_has_signed(case.case_uid) or bool(signing.error_shown), _("for the signature")
        )
        if signing.error_shown:
            raise WorkstationError(signing.error_shown)
        step.end(case=case.case_uid)

    def deliver(self, case: CaseRow) -> None:
        """Wait until the package is stored, read back, compared, verified, and the workitem completed."""
        step = self._transcript.begin("deliver")
        failed = self._package(case.case_uid).attempts

        def ended() -> bool:
            package = self._package(case.case_uid)
            return package.state in ("delivered", "refused", "held", "paused") or package.attempts >= failed + TRIES

        self._hands.wait(ended, _("for IRIS"), self._refusal)
        package = self._package(case.case_uid)
        if package.state != "delivered":
            raise WorkstationError(_("The conclusion was not delivered"), package.last_error)
        self._hands.press("F4")
        self._window.outbox.reload()
        self._hands.rest(0.6)
        self._picture("outbox")
        row = self._desk.case(case.case_uid)
        step.end(
            case_state=row.state.value,
            package=package.package_uid,
            documents=[{"role": role, "uid": uid, "sha256": digest} for role, uid, digest in package.objects],
        )

    def _package(self, case_uid: str) -> OutboxRow:
        return next(row for row in self._desk.outbox() if row.case_uid == case_uid)

    # small things

    def _refusal(self) -> WorkstationError | None:
        """What a reader would see who waits for the server in vain: a message in the window, or the lost link."""
        messages = self._window.shell.messages
        if messages.isVisible():
            return WorkstationError(messages.text)
        if self._window.link == "offline":
            return LinkDown(
                _("The server doesn't answer"), advice=_("Start the tour again when it does: it goes on from here.")
            )
        return None

    def _picture(self, name: str) -> None:
        """A screenshot of the window, as it stands."""
        self._hands.rest(0.05)
        if not self._window.shell.grab().save(str(self._folder / f"{name}.png")):
            raise WorkstationError(_("The picture can't be written"), f"{name}.png")

    @staticmethod
    def _named(page: QWidget, kind: type[W], name: str) -> W:
        """The widget of a page by its accessible name, as a screen reader would find it."""
        return next(widget for widget in page.findChildren(kind) if widget.accessibleName() == name)

    def _choose(self, box: QComboBox, text: str = "", data: str = "") -> None:
        """Go through a choice by keys until it stands at the wanted entry."""
        wanted = box.findText(text) if text else box.findData(data)
        box.setFocus()
        while box.currentIndex() != wanted:
            self._hands.press("Down" if box.currentIndex() < wanted else "Up", box)

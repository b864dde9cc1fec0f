"""The reading place: opens a case, carries findings between viewer and report, keeps the draft, signs.

The page is a small machine of three faces: nothing open, reading, signing. Each change of the report, the graphics or
the view is saved at once as a part of the case's draft; opening the case again brings all of it back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from workstation.consultation.case import CaseContents, CaseRow, PriorStudy
from workstation.consultation.desk import Desk
from workstation.consultation.package import Prepared
from workstation.consultation.second_opinion import blind_trouble
from workstation.dicom.content import KeyImage, Measurement
from workstation.errors import WorkstationError
from workstation.jobs import Lane, Progress
from workstation.language import _
from workstation.reporting.form import Form
from workstation.reporting.template import load_templates
from workstation.signing.opening import open_identity
from workstation.ui import theme
from workstation.ui.background import Background
from workstation.ui.reading.band import CaseBand
from workstation.ui.reading.second_opinion import SecondOpinionSide
from workstation.ui.reading.signing import SigningView
from workstation.ui.report.panel import ReportPanel
from workstation.ui.viewer.panel import ViewerPanel
from workstation.viewing.growth import Awaiting

EMPTY, READING, SIGNING = range(3)
# how long the form waits for the first picture at most
_REPORT_MS = 1500


class ReadingPage(QWidget):
    """One open case. `signed` and `returned` carry its UID once the outbox or IRIS has it."""

    signed = Signal(str)
    returned = Signal(str)
    refresh_requested = Signal()
    opened = Signal(str)
    trouble = Signal(object)
    uncovered = Signal(str)
    """The UID of a second opinion whose impression was locked: there is more to see of it now."""

    def __init__(self, desk: Desk, background: Background, viewer: ViewerPanel, identity_file: str) -> None:
        super().__init__()
        self._desk = desk
        self._background = background
        self._case: CaseRow | None = None
        self._prepared: Prepared | None = None
        self._preparing = False
        self._progress: Progress | None = None
        """How far the study is on its way; None once nothing more comes."""
        self._contents: CaseContents | None = None
        self._pending: Callable[[], None] | None = None
        """Makes the form of the case that is open, as long as that is not done."""
        self._key_images: tuple[KeyImage, ...] = ()
        self._measurements: tuple[Measurement, ...] = ()
        self.band = CaseBand(self)
        self.viewer = viewer
        self.report = ReportPanel(self)
        self.second = SecondOpinionSide(desk, background, self)
        self.signing = SigningView(background, identity_file, desk.settings.token_library, self)
        self._empty = QLabel(_("No case is open.\nChoose one in the worklist and press Enter."), self)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self._empty, "muted")

        self._middle = QStackedWidget(self)
        self._middle.addWidget(viewer)
        self._middle.addWidget(self.second.view)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(self._middle)
        split.addWidget(self._right_side())
        split.setStretchFactor(0, 1)
        split.setCollapsible(0, False)
        split.setSizes([860, 400])
        reading = QWidget(self)
        column = QVBoxLayout(reading)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.band)
        column.addWidget(split, 1)
        self._faces = QStackedWidget(self)
        for face in (self._empty, reading, self.signing):
            self._faces.addWidget(face)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._faces)
        self._connect()

    def _right_side(self) -> QWidget:
        """The report, below what is to be known of a second opinion."""
        side = QFrame(self)
        theme.set_role(side, "panel")
        card = QHBoxLayout()
        card.setContentsMargins(12, 10, 13, 0)
        card.addWidget(self.second.card)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(card)
        column.addWidget(self.report, 1)
        return side

    def _connect(self) -> None:
        self.second.comparing_changed.connect(self._show_comparison)
        self.second.lock_wanted.connect(self._lock)
        self.second.uncovered.connect(self.uncovered)
        self.second.saved.connect(self._save)
        self.second.trouble.connect(self.trouble)
        self.second.view.sign_requested.connect(self.prepare)
        self.viewer.painted.connect(self._painted)
        self.viewer.measurements_changed.connect(self._measurements_changed)
        self.viewer.key_images_changed.connect(self._key_images_changed)
        self.viewer.view_changed.connect(partial(self._save, "view"))
        self.viewer.insert_into_report.connect(self.report.link_measurement)
        self.report.form_changed.connect(self._form_changed)
        self.report.finding_activated.connect(self.viewer.show_measurement)
        self.report.sign_requested.connect(self.prepare)
        self.band.return_requested.connect(self._return)
        self.signing.confirmed.connect(self._sign)
        self.signing.withdrawn.connect(partial(self._show_face, READING))
        keys = (("F6", self._other_side), ("F5", self.refresh_requested.emit), ("F7", self.second.toggle))
        for key, deed in keys:
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(deed)

    def _show_comparison(self, comparing: bool) -> None:
        self._middle.setCurrentIndex(int(comparing))
        if self.is_reading:
            self._in_the_middle.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lock(self) -> None:
        if self._case is not None and self._pending is None:
            self.second.lock(self.report.template(), self.report.form(), self._measurements)

    def _other_side(self) -> None:
        """The keys go from the pictures to the report, or back."""
        focused = QApplication.focusWidget()
        if focused is not None and self.report.isAncestorOf(focused):
            self._in_the_middle.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            # who goes to the form gets it, however many pictures are awaited
            self._make_report()
            self.report.take_focus()

    @property
    def case(self) -> CaseRow | None:
        """The case that is open."""
        return self._case

    @property
    def is_preparing(self) -> bool:
        """Whether the document is being made."""
        return self._preparing

    @property
    def is_signing(self) -> bool:
        return self._faces.currentIndex() == SIGNING

    @property
    def _in_the_middle(self) -> QWidget:
        return self.second.view if self.second.is_comparing else self.viewer

    @property
    def is_reading(self) -> bool:
        return self._faces.currentIndex() == READING

    def show_waiting(self, case: CaseRow) -> None:
        """Name the case whose images are on the way."""
        self._close()
        self._empty.setText(_("The images are on their way…"))
        self._case = case

    def open_case(
        self,
        case: CaseRow,
        contents: CaseContents,
        draft: dict[str, Any],
        writable: bool,
        awaited: Awaiting | None = None,
    ) -> None:
        """Show a case with what was drafted for it; without a claim it is for viewing only.

        `awaited`: the series of its study that still come; None where nothing more will.
        """
        self._close()
        self._case = case
        self.band.show_case(case, contents)
        self.band.set_returnable(writable)
        self._contents = contents
        self.second.show_case(case, contents, draft, writable=writable)
        self._pending = partial(self._show_report, draft, writable)
        if awaited is None:
            self._make_report()
        else:
            # making a form takes longer than a picture: it comes behind the first one
            self.report.clear()
            QTimer.singleShot(_REPORT_MS, self, self._make_report)
        self.viewer.open_case(
            contents.study,
            offered_priors(contents, coming=awaited is not None),
            self._desk.fetch,
            draft.get("measurements"),
            draft.get("key_images"),
            draft.get("view"),
            awaited,
        )
        self._show_face(READING)
        self.opened.emit(case.case_uid)

    def _painted(self) -> None:
        if self._pending is not None and self.viewer.is_settled():
            QTimer.singleShot(0, self, self._make_report)

    def _make_report(self) -> None:
        """Make the form of the open case, unless it is there."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending()

    def _show_report(self, draft: dict[str, Any], writable: bool) -> None:
        case, contents = self._case, self._contents
        if case is None or contents is None:
            return
        form = Form.from_json(draft["form"]) if draft.get("form") else None
        templates = load_templates(self._desk.settings.data_dir)
        self.report.set_case(self._desk.merge_values(case, contents), templates, form, in_pieces=True)
        self.report.setEnabled(writable)
        if self.viewer.session is not None:
            self.report.set_measurements(self._measurements)
        self._tell_own()

    def show_progress(self, progress: Progress) -> None:
        """How far the study of the open case is on its way."""
        self._progress = progress
        self.band.show_progress(progress)
        self.signing.show_coming(progress)

    def update_case(self, case: CaseRow, contents: CaseContents, *, coming: bool, study: bool) -> None:
        """More of the open case is here: the form hears of it, and earlier studies are offered.

        `coming`: whether more is on its way; of the earlier studies only those that are whole are offered then.
        `study`: whether more of the study itself is.
        """
        if self._case is None or self._case.case_uid != case.case_uid or self.viewer.session is None:
            return
        self._case, self._contents = case, contents
        self.band.show_case(case, contents)
        if study and self._progress is not None:
            self.band.show_progress(self._progress)
        elif self._progress is not None:
            self.signing.show_arrived()
            self._progress = None
        self.report.set_case_values(self._desk.merge_values(case, contents))
        self.viewer.add_priors(offered_priors(contents, coming=coming))

    def close_case(self) -> None:
        """Put the case away; its draft stays."""
        self._close()
        self._empty.setText(_("No case is open.\nChoose one in the worklist and press Enter."))

    def _close(self) -> None:
        if self._case is not None:
            self.viewer.close_case()
        self.second.close()
        self._case = None
        self._prepared = None
        self._progress = None
        self._pending = None
        self._contents = None
        self._measurements, self._key_images = (), ()
        self._show_face(EMPTY)

    def _show_face(self, face: int) -> None:
        self._faces.setCurrentIndex(face)
        self.setFocusProxy({EMPTY: self._empty, READING: self.viewer, SIGNING: self.signing}[face])

    def _save(self, part: str, payload: Any) -> None:
        case = self._case
        if case is None:
            return
        self._background.run(
            Lane.SUBMISSION,
            lambda: self._desk.save_draft(case.case_uid, part, payload),
            lambda _none: None,
            priority=-1,
        )

    def _form_changed(self, form: Form) -> None:
        self._save("form", form.to_json())
        self._tell_own()

    def _tell_own(self) -> None:
        self.second.show_own(self.report.template(), self.report.form(), self._measurements)

    def _measurements_changed(self, measurements: tuple[Measurement, ...]) -> None:
        self._measurements = measurements
        self.report.set_measurements(measurements)
        self._save("measurements", self.viewer.measurements_json())

    def _key_images_changed(self, key_images: tuple[KeyImage, ...]) -> None:
        self._key_images = key_images
        self._save("key_images", self.viewer.key_images_json())

    def prepare(self) -> None:
        """Make the document and show it, or show in the form what is still missing."""
        case = self._case
        if case is None or self._preparing:
            return
        if self.second.is_blind:
            self.trouble.emit(blind_trouble())
            return
        if self.report.show_problems() or self.second.refuses():
            return
        form, template = self.report.form(), self.report.template()
        measurements, key_images = self._measurements, self._key_images
        opinion = self.second.opinion_json
        self._preparing = True

        def make() -> Prepared:
            # the opinion's own save may still wait behind the network
            return self._desk.prepare(case.case_uid, form, template, measurements, key_images, opinion)

        def show(prepared: Prepared) -> None:
            self._preparing = False
            if self._case is None or self._case.case_uid != case.case_uid:
                return
            self._prepared = prepared
            self._show_face(SIGNING)
            self.signing.show_prepared(case, prepared)
            if self._progress is not None:
                self.signing.show_coming(self._progress)
            self.signing.setFocus()

        def failed(error: WorkstationError) -> None:
            self._preparing = False
            self.trouble.emit(error)

        self._background.run(
            Lane.INTERACTIVE,
            make,
            show,
            failed,
        )

    def _sign(self, where: str, secret: str) -> None:
        case, prepared = self._case, self._prepared
        if case is None or prepared is None:
            return

        def sign() -> None:
            with open_identity(where, secret) as identity:
                self._desk.sign(case.case_uid, prepared, identity)

        def done(_none: None) -> None:
            self.close_case()
            self.signed.emit(case.case_uid)

        self._background.run(Lane.INTERACTIVE, sign, done, self.signing.show_error)

    def _return(self, code: str, words: str) -> None:
        case = self._case
        if case is None:
            return

        def done(_none: None) -> None:
            self.close_case()
            self.returned.emit(case.case_uid)

        self._background.run(
            Lane.SUBMISSION, lambda: self._desk.return_case(case.case_uid, code, words), done, self.trouble.emit
        )


def offered_priors(contents: CaseContents, *, coming: bool) -> tuple[PriorStudy, ...]:
    """The earlier studies to offer: while more is on its way, those that are whole."""
    return tuple(prior for prior in contents.priors if not coming or prior.ledger.complete)

"""What is known of the case under the cursor: question, history, order, earlier studies and their reports."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workstation.consultation.case import CaseContents, CaseRow
from workstation.consultation.covering import covered_words
from workstation.consultation.desk import Desk
from workstation.jobs import Lane
from workstation.language import _, ngettext
from workstation.ui import texts, theme
from workstation.ui.background import Background


class CasePanel(QFrame):
    """Follows the cursor of the worklist; reads the case's contents when the cursor rests."""

    open_requested = Signal(str)

    def __init__(self, desk: Desk, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        self._desk = desk
        self._background = background
        self._case: CaseRow | None = None
        self.setMinimumWidth(300)
        self._body = QVBoxLayout()
        self._body.setContentsMargins(16, 14, 16, 14)
        self._body.setSpacing(6)
        inside = QWidget(self)
        inside.setLayout(self._body)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        self._open = QPushButton(_("Open case"), self)
        self._open.setToolTip(_("Claim the case, fetch what lacks and read (Enter)"))
        theme.set_role(self._open, "primary")
        self._open.clicked.connect(self._ask_open)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 14)
        outer.addWidget(scroll, 1)
        foot = self.foot = QVBoxLayout()
        foot.setContentsMargins(16, 0, 16, 0)
        foot.addWidget(self._open)
        outer.addLayout(foot)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self._case = None
        self._empty_body()
        self._open.setEnabled(False)

    def show_case(self, case: CaseRow) -> None:
        """Show a case; its earlier studies follow as soon as they are read."""
        if case == self._case:
            return
        self._case = case
        self._open.setEnabled(True)
        self._fill(case, None)

        def show(contents: CaseContents) -> None:
            if self._case == case:
                self._fill(case, contents)

        self._background.run(Lane.THUMBNAILS, lambda: self._desk.contents(case.case_uid), show)

    def _ask_open(self) -> None:
        if self._case is not None:
            self.open_requested.emit(self._case.case_uid)

    def _empty_body(self) -> None:
        while self._body.count():
            item = self._body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()

    def _fill(self, case: CaseRow, contents: CaseContents | None) -> None:
        self._empty_body()
        self._line(texts.person_name(case.patient.name), "title")
        born = texts.short_date(case.patient.birth_date)
        self._line(
            "  ·  ".join(
                part
                for part in (texts.sex_and_age(case.patient.sex, case.age_at_study), born, case.patient.patient_id)
                if part
            ),
            "muted",
        )
        self._heading(_("Question"))
        self._line(case.question or _("None was given."))
        if case.history:
            self._heading(_("History"))
            self._line(case.history)
        self._heading(_("Order"))
        self._facts(
            (
                (_("Kind"), texts.worded(texts.KINDS, case.kind.value)),
                (_("Study"), case.study_description),
                (_("Date"), texts.short_date(case.study_date)),
                (_("Accession"), case.accession),
                (_("Sender"), case.sender),
                (_("Queue"), case.label),
                (_("Deadline"), texts.short_time(case.deadline)),
                (_("Here"), _here(case)),
            )
        )
        if contents is not None:
            self._earlier(contents)
        self._body.addStretch(1)

    def _earlier(self, contents: CaseContents) -> None:
        self._heading(_("Earlier studies"))
        if not contents.priors:
            self._line(_("None is here yet; they come with the case."), "muted")
        for prior in contents.priors:
            count = sum(1 for instance in prior.instances if instance.has_pixels)
            self._line(
                f"{texts.short_date(prior.header.study_date)}  {prior.header.modality}  {prior.header.description}"
            )
            if prior.doubt:
                self._line(prior.doubt, "error")
            images = ngettext("{count} image", "{count} images", count).format(count=count)
            self._line(f"{prior.reason} · {images}", "muted")
            for report in prior.reports:
                for _heading, text in report.sections:
                    self._line(text)
        if contents.covered or (contents.blind and self._case is not None and self._case.has_first_report):
            self._heading(_("First report"))
            self._line(covered_words(), "muted")
        elif contents.first_report is not None:
            self._heading(_("First report"))
            for _heading, text in contents.first_report.sections:
                self._line(text)

    def _heading(self, text: str) -> None:
        self._body.addSpacing(8)
        self._line(text, "heading")

    def _line(self, text: str, role: str = "") -> None:
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if role:
            theme.set_role(label, role)
        self._body.addWidget(label)

    def _facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        block = QWidget(self)
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate((name, value) for name, value in facts if value):
            left, right = QLabel(name, block), QLabel(value, block)
            theme.set_role(left, "muted")
            right.setWordWrap(True)
            right.setTextFormat(Qt.TextFormat.PlainText)
            grid.addWidget(left, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(right, row, 1)
        self._body.addWidget(block)


def _here(case: CaseRow) -> str:
    if case.removed_at:
        return _("No longer here: removed to make room. They are fetched again when the case is opened.")
    if not case.expected and not case.received:
        return _("None yet; they come with the case.")
    if not case.expected:
        return ngettext("{count} here", "{count} here", case.received).format(count=case.received)
    return _("{received} of {expected}").format(received=case.received, expected=case.expected)

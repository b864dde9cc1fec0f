"""The second opinion of the open case: the card above the form, the comparison in the place of the pictures, the lock.

What it needs of the form it is told; what it learns from the desk it reads on a worker.
"""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from workstation.consultation.case import CaseContents, CaseKind, CaseRow
from workstation.consultation.desk import Desk
from workstation.consultation.first_report import FirstReport
from workstation.consultation.second_opinion import Impression, is_blind
from workstation.dicom.content import Measurement
from workstation.errors import WorkstationError
from workstation.jobs import Lane
from workstation.reporting.comparison import passages_of
from workstation.reporting.form import Form
from workstation.reporting.opinion import Opinion, opinion_problems, questions_of
from workstation.reporting.structure import Template
from workstation.ui.background import Background
from workstation.ui.reading.blind import BlindCard
from workstation.ui.reading.comparison import ComparisonView


class SecondOpinionSide(QObject):
    """`comparing_changed`: the comparison is wanted, or the pictures; `uncovered` carries the UID of a locked case."""

    comparing_changed = Signal(bool)
    uncovered = Signal(str)
    lock_wanted = Signal()
    saved = Signal(str, object)
    trouble = Signal(object)

    def __init__(self, desk: Desk, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._background = background
        self.card = BlindCard(parent)
        self.view = ComparisonView(parent)
        self.is_comparing = False
        self._case: CaseRow | None = None
        self._first: FirstReport | None = None
        self._impression: Impression | None = None
        self._own: tuple[Template, Form, Sequence[Measurement]] | None = None
        self._locking = False
        self.card.lock_requested.connect(self.lock_wanted)
        self.card.compare_requested.connect(self.toggle)
        self.view.left.connect(self.toggle)
        self.view.opinion_changed.connect(lambda opinion: self.saved.emit("opinion", opinion.to_json()))

    @property
    def opinion_json(self) -> str:
        """What is said of both reports now; "" where no impression is locked."""
        return "" if self._impression is None else self.view.opinion.opinion.to_json()

    @property
    def is_blind(self) -> bool:
        """Whether the open case waits for the reader's own impression."""
        return self._case is not None and is_blind(self._case)

    def show_case(self, case: CaseRow, contents: CaseContents, draft: dict[str, Any], *, writable: bool) -> None:
        """Another case is open; of a first reading nothing is shown here."""
        self.close()
        if case.kind is not CaseKind.SECOND_OPINION:
            return
        self._case = case
        opinion = Opinion.from_json(draft["opinion"]) if draft.get("opinion") else Opinion()
        self.view.show_case(questions_of(case.question), opinion)
        self.view.opinion.setEnabled(writable)
        if is_blind(case):
            self.card.show_covered(contents.covered, writable=writable)
        else:
            self._read(case)

    def close(self) -> None:
        """No case is open."""
        self._case, self._first, self._impression, self._own = None, None, None, None
        self._locking = False
        self.card.hide()
        self._compare(False)

    def show_own(self, template: Template, form: Form, measurements: Sequence[Measurement]) -> None:
        """What the form says now."""
        self._own = (template, form, measurements)
        if self.is_comparing:
            self._show_reports()

    def toggle(self) -> None:
        """On F7 and the buttons: lock what is still open; then go to the comparison, or back to the pictures."""
        if self._case is None:
            return
        if self.is_blind:
            self.lock_wanted.emit()
        elif self._impression is not None:
            self._compare(not self.is_comparing)

    def lock(self, template: Template, form: Form, measurements: Sequence[Measurement]) -> None:
        """Lock what the form says; the case is then to be opened anew, with all that was covered."""
        case = self._case
        if case is None or self._locking:
            return
        self._locking = True

        def done(_impression: Impression) -> None:
            self._locking = False
            self.uncovered.emit(case.case_uid)

        def failed(error: WorkstationError) -> None:
            self._locking = False
            self.trouble.emit(error)

        # the lane of the saves: what was typed last is saved before
        self._background.run(
            Lane.SUBMISSION,
            lambda: self._desk.second_opinions.lock(case.case_uid, template, form, measurements),
            done,
            failed,
        )

    def refuses(self) -> bool:
        """Whether the opinion stands against signing: then it is shown, with what it lacks marked in place."""
        if self._case is None or self.is_blind or self._impression is None:
            return False
        found = opinion_problems(self.view.opinion.opinion, questions_of(self._case.question))
        if found:
            self._compare(True)
            self.view.show_problems(found)
        return bool(found)

    def _read(self, case: CaseRow) -> None:
        def read() -> tuple[Impression | None, FirstReport | None]:
            opinions = self._desk.second_opinions
            return opinions.impression(case.case_uid), opinions.first_report(case.case_uid)

        def show(answer: tuple[Impression | None, FirstReport | None]) -> None:
            if self._case is None or self._case.case_uid != case.case_uid:
                return
            self._impression, self._first = answer
            if self._impression is not None:
                self.card.show_locked(self._impression.locked_at, comparing=self.is_comparing)

        self._background.run(Lane.INTERACTIVE, read, show)

    def _show_reports(self) -> None:
        if self._impression is not None and self._own is not None:
            self.view.show_reports(self._first, self._impression, passages_of(*self._own))

    def _compare(self, comparing: bool) -> None:
        if comparing:
            self._show_reports()
        if comparing != self.is_comparing:
            self.is_comparing = comparing
            self.comparing_changed.emit(comparing)
        self.card.compare.setChecked(comparing)

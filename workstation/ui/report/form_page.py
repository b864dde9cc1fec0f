"""The form of one template: its sections one below the other. Built once, shown for each case that uses it.

A large one takes some hundred milliseconds, so it is made in pieces while the pictures go on.
"""

import time
from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workstation.dicom.content import Measurement
from workstation.reporting.form import Form
from workstation.reporting.structure import Template, TemplateSection
from workstation.reporting.validation import Problem
from workstation.reporting.visibility import Visible
from workstation.ui.report.rows import FieldRow
from workstation.ui.report.sections import SectionBox


class FormPage(QWidget):
    """Rows and sections by id; what happens in them comes out as signals of the page. A new one is empty: `make` it."""

    answered = Signal(str, object)
    focused = Signal(str)
    finding_activated = Signal(str)
    finding_accepted = Signal(str, str)
    finding_removed = Signal(str, str)
    normal_wanted = Signal(str)
    folded = Signal(str)

    def __init__(self, template: Template, parent: QWidget) -> None:
        super().__init__(parent)
        # what is made is laid out once, when all of it is there
        self.hide()
        self._template = template
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 2, 8)
        self._column.setSpacing(6)
        self._tops: list[SectionBox] = []
        self.boxes: dict[str, SectionBox] = {}
        self.rows: dict[str, FieldRow] = {}
        self._pieces = self._make()
        self.is_made = False
        """Whether all of it is there."""

    def make(self, seconds: float = float("inf")) -> bool:
        """Make more of it, for about so long; whether all of it is there."""
        until = time.perf_counter() + seconds
        while not self.is_made and time.perf_counter() < until:
            self.is_made = next(self._pieces, None) is None
        return self.is_made

    def _make(self) -> Iterator[QWidget]:
        for section in self._template.sections:
            top = SectionBox(section, self._template.language, self)
            top.normal_wanted.connect(self.normal_wanted)
            top.folded.connect(self.folded)
            self._tops.append(top)
            self._column.addWidget(top)
            self.boxes[section.section_id] = top
            yield _polished(top)
            for piece in top.pieces():
                if isinstance(piece, SectionBox):
                    self.boxes[piece.section.section_id] = piece
                else:
                    self.rows[piece.field.field_id] = piece
                    self._connect(piece)
                yield _polished(piece)
        self._column.addStretch(1)

    def _connect(self, row: FieldRow) -> None:
        row.answered.connect(self.answered)
        row.focused.connect(self.focused)
        row.finding_activated.connect(self.finding_activated)
        row.finding_accepted.connect(self.finding_accepted)
        row.finding_removed.connect(self.finding_removed)

    def show_form(
        self,
        form: Form,
        visible: Visible,
        text: Callable[[TemplateSection], str],
        measurements: Mapping[str, Measurement] | None,
        problems: Mapping[str, Problem],
    ) -> None:
        """Show answers, findings and problems; `text` says a folded section, `problems` are by field id."""
        for top in self._tops:
            top.show_visible(visible, text)
        for field_id, row in self.rows.items():
            row.show_form(form, measurements)
            row.show_problem(problems.get(field_id))

    def unfold(self, field_id: str) -> FieldRow | None:
        """The row of a field, with its sections open."""
        row = self.rows.get(field_id)
        if row is not None:
            for box in self.boxes.values():
                if box.is_folded and box.isAncestorOf(row):
                    box.fold(False)
            self._column.activate()
        return row

    def section_at(self, widget: QWidget) -> str:
        """The innermost section that holds the widget, "" for none."""
        holding = [name for name, box in self.boxes.items() if any(row.isAncestorOf(widget) for row in box.rows)]
        return holding[-1] if holding else ""

    def step(self, widget: QWidget, direction: int) -> None:
        """Give the keys to the first field of the next (1) or previous (-1) section that shows."""
        names = [name for name, box in self.boxes.items() if box.rows and box.isVisible() and not box.is_folded]
        here = self.section_at(widget)
        target = names.index(here) + direction if here in names else 0
        if 0 <= target < len(names):
            row = next((row for row in self.boxes[names[target]].rows if not row.isHidden()), None)
            if row is not None:
                row.take_focus()


def _polished(piece: QWidget) -> QWidget:
    """The piece in the style that it is shown in, which would else be worked out for all of them when they show."""
    piece.ensurePolished()
    for widget in piece.findChildren(QWidget):
        widget.ensurePolished()
    return piece

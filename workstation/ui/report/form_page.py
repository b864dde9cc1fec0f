"""The form of one template: its sections one below the other. Built once, shown for each case that uses it."""

from collections.abc import Callable, Mapping

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
    """Rows and sections by id; what happens in them comes out as signals of the page."""

    answered = Signal(str, object)
    focused = Signal(str)
    finding_activated = Signal(str)
    finding_accepted = Signal(str, str)
    finding_removed = Signal(str, str)
    normal_wanted = Signal(str)
    folded = Signal(str)

    def __init__(self, template: Template) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 2, 8)
        self._column.setSpacing(6)
        tops = [SectionBox(section, template.language) for section in template.sections]
        self._tops = tops
        self.boxes = {box.section.section_id: box for top in tops for box in top.all_boxes()}
        self.rows: dict[str, FieldRow] = {row.field.field_id: row for top in tops for row in top.all_rows()}
        for top in tops:
            top.normal_wanted.connect(self.normal_wanted)
            top.folded.connect(self.folded)
            self._column.addWidget(top)
        self._column.addStretch(1)
        for row in self.rows.values():
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

"""The report panel: question, template, form, findings, and the way to the signature.

It holds a `Form` and replaces it at each edit; outside learns of it by `form_changed`. Measurements come in from the
viewer; a click on one in the form goes back there. Nothing here reads or writes anything. The `Form` is whole at once;
its widgets may come a little later, and who needs one of them before makes them all.

Keys: Tab and Enter go to the next field, Ctrl+Up and Ctrl+Down to the next section, Alt+N gives the section's normal
answers, Alt+Shift+N those of all sections, Ctrl+Enter signs.
"""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workstation.dicom.content import Measurement
from workstation.language import _, current_language, ngettext
from workstation.reporting.findings import by_uid
from workstation.reporting.form import Form
from workstation.reporting.linking import link_measurement
from workstation.reporting.merge import (
    carry_over,
    follow,
    merge_case,
    merge_findings,
    start_form,
    take_all_normal,
    take_measurement,
    take_normal,
)
from workstation.reporting.narrative import section_text
from workstation.reporting.structure import Template, TemplateSection
from workstation.reporting.template import template_for
from workstation.reporting.validation import Problem, problems, prohibits
from workstation.reporting.visibility import visible
from workstation.ui import theme
from workstation.ui.report.editors import Chooser, Value
from workstation.ui.report.form_page import FormPage
from workstation.ui.report.request import RequestCard
from workstation.ui.report.rows import FieldRow, required_hint

# how long a piece of the form may keep the pictures waiting
_PIECE_S = 0.008
_SCROLL_BAR = 13  # its width and the column's right margin, so that everything ends on one line


class ReportPanel(QWidget):
    """`form_changed` carries the new Form, `finding_activated` a TrackingUID."""

    form_changed = Signal(object)
    finding_activated = Signal(str)
    sign_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._templates: tuple[Template, ...] = ()
        self._template: Template | None = None
        self._form: Form | None = None
        self._case_values: Mapping[str, str] = {}
        self._measurements: tuple[Measurement, ...] | None = None  # not told yet
        self._pages: dict[str, FormPage] = {}
        self._last_field = ""
        self._checked = False
        self._doubts_shown: frozenset[tuple[str, str]] = frozenset()
        self._build()
        self._shortcuts()

    # what is shown

    def set_case(
        self,
        case_values: Mapping[str, str],
        templates: Sequence[Template],
        form: Form | None,
        *,
        in_pieces: bool = False,
    ) -> None:
        """Show a case: what templates may take from it, the templates there are, and the saved form if any.

        `in_pieces`: a page that was never shown is made between other events, and shows as soon as it is whole.

        Without a form the template is chosen by `study.modality`, `study.region` and `study.description`, in the
        language of the program.
        """
        self._case_values = case_values
        self._templates = tuple(templates)
        self._measurements = None
        self._request.show_case(case_values)
        known = {template.identifier: template for template in templates}
        template = known.get(form.template_id) if form else None
        if template is None:
            template = template_for(
                case_values.get("study.modality", ""),
                case_values.get("study.region", ""),
                current_language(),
                procedure=case_values.get("study.description", ""),
                templates=templates,
            )
        self._fill_chooser(template)
        if form is None:
            form = start_form(template, case_values)
        elif form.template_id == template.identifier:
            form = merge_case(template, form, case_values)
        else:
            form = carry_over(form, template, case_values)
        self._show_template(template, form, in_pieces=in_pieces)

    def clear(self) -> None:
        """Show nothing, as long as the next case's form is not made."""
        self._template, self._form, self._measurements = None, None, None
        self._show_page(None)
        self.setEnabled(False)

    def set_case_values(self, case_values: Mapping[str, str]) -> None:
        """More became known of the case, e.g. a prior came: fields nobody typed into follow."""
        self._case_values = case_values
        if self._template is not None and self._form is not None:
            self._take(merge_case(self._template, self._form, case_values))

    @property
    def is_made(self) -> bool:
        """Whether the form that is to be seen is there."""
        return self._template is not None and self._page(self._template).is_made

    def form(self) -> Form:
        """The form as it stands. Only while a case is shown."""
        assert self._form is not None, "no case is shown"
        return self._form

    def template(self) -> Template:
        """The template in use. Only while a case is shown."""
        assert self._template is not None, "no case is shown"
        return self._template

    def set_measurements(self, measurements: Sequence[Measurement]) -> None:
        """The graphics as they are now: linked fields follow, typed ones and lost ones are marked."""
        self._measurements = tuple(measurements)
        if self._template is not None and self._form is not None:
            self._take(merge_findings(self._template, self._form, measurements))

    def link_measurement(self, measurement: Measurement, field_id: str | None = None) -> str:
        """Put a measurement into the field, the one the reader was in, or the first free place; its id, "" for none."""
        if self._template is None or self._form is None:
            return ""
        self._measurements = tuple({**by_uid(self._measurements or ()), measurement.tracking_uid: measurement}.values())
        wanted = field_id or self._free_last_field()
        form, taken = link_measurement(self._template, self._form, measurement, wanted)
        if taken:
            self._last_field = ""
            self._take(form)
            self._reveal(taken)
        return taken

    def take_focus(self) -> None:
        """Give the keys to the field the reader was in last, or to the first."""
        if self._template is None:
            return
        rows = self._whole_page(self._template).rows
        row = rows.get(self._last_field) or next((row for row in rows.values() if not row.isHidden()), None)
        if row is not None:
            row.take_focus()

    def show_problems(self) -> bool:
        """Show what is wrong, in place, and go to the first; whether it stands against signing.

        What only asks (ALERT) stands against it once: the same doubts, seen and left, are the reader's decision.
        """
        if self._template is None or self._form is None:
            return True
        found = problems(self._template, self._form, self._measurements)
        self._checked = True
        doubts = frozenset((problem.field_id, problem.rule) for problem in found)
        refused = prohibits(found) or not doubts <= self._doubts_shown
        self._doubts_shown = frozenset() if prohibits(found) else doubts
        self._refresh()
        if refused and found:
            first = next((each for each in found if prohibits((each,))), found[0])
            self._go_to(first.field_id)
        return refused

    # building

    def _build(self) -> None:
        theme.set_role(self, "panel")
        self._request = RequestCard(self)
        self._chooser = Chooser(self)
        self._chooser.setObjectName("template")
        self._chooser.setAccessibleName(_("Template"))
        self._chooser.activated.connect(self._chosen)
        all_normal = QPushButton(_("All normal"), self)
        all_normal.setObjectName("all-normal")
        all_normal.setToolTip(_("Normal answers in every empty field (Alt+Shift+N)"))
        all_normal.clicked.connect(self.take_all_normal)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # nothing jumps when it grows
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._sheet = QWidget()
        self._pages_column = QVBoxLayout(self._sheet)
        self._pages_column.setContentsMargins(0, 0, 0, 0)
        self._scroll.setWidget(self._sheet)
        self._making = QTimer(self, interval=0)
        self._making.timeout.connect(self._make_more)
        self._status = QLabel("", self)
        self._status.setWordWrap(True)
        self._sign = QPushButton(_("Sign…"), self)
        self._sign.setObjectName("sign")
        self._sign.setToolTip(_("Ctrl+Enter"))
        theme.set_role(self._sign, "primary")
        self._sign.clicked.connect(self.sign_requested)

        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self._chooser, 1)
        top.addWidget(all_normal)
        bottom = QHBoxLayout()
        bottom.setSpacing(10)
        bottom.addWidget(self._status, 1)
        bottom.addWidget(self._sign)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 10, 0, 10)
        outer.setSpacing(8)
        question = QHBoxLayout()
        question.addWidget(self._request)
        for line in (question, top):
            line.setContentsMargins(0, 0, _SCROLL_BAR, 0)
            outer.addLayout(line)
        outer.addWidget(self._scroll, 1)
        bottom.setContentsMargins(0, 0, _SCROLL_BAR, 0)
        outer.addLayout(bottom)
        self.setMinimumWidth(340)

    def _shortcuts(self) -> None:
        for keys, action in (
            ("Ctrl+Return", self._sign.click),
            ("Ctrl+Enter", self._sign.click),
            ("Alt+N", self._take_section_normal),
            ("Alt+Shift+N", self.take_all_normal),
            ("Ctrl+Down", lambda: self._step(1)),
            ("Ctrl+Up", lambda: self._step(-1)),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _fill_chooser(self, chosen: Template) -> None:
        self._chooser.clear()
        own = current_language()
        for template in sorted(self._templates, key=lambda each: (each.language != own, each.title)):
            title = template.title if template.language == own else f"{template.title} ({template.language})"
            self._chooser.addItem(title, template.identifier)
        self._chooser.setCurrentIndex(self._chooser.findData(chosen.identifier))

    def _show_template(self, template: Template, form: Form, *, in_pieces: bool = False) -> None:
        self._template, self._form = template, form
        self._checked, self._doubts_shown, self._last_field = False, frozenset(), ""
        if in_pieces and not self._page(template).is_made:
            self._show_page(None)
            self._refresh()
            self._making.start()
        else:
            self._whole_page(template)
            self._refresh()
        self._scroll.verticalScrollBar().setValue(0)

    def _make_more(self) -> None:
        """The next piece of the page that is to be seen; the last ones are what stands in it, and the showing."""
        if self._template is None:
            self._making.stop()
            return
        page = self._page(self._template)
        if page.is_made:
            self._whole_page(self._template)
        elif page.make(_PIECE_S):
            self._refresh()

    def _whole_page(self, template: Template) -> FormPage:
        """The template's page, made and on the screen."""
        page = self._page(template)
        if not page.is_made:
            page.make()
            self._refresh()
        self._making.stop()
        self._show_page(page)
        return page

    def _show_page(self, shown: FormPage | None) -> None:
        for page in self._pages.values():
            if page.isHidden() is (page is shown):
                page.setVisible(page is shown)

    def _page(self, template: Template) -> FormPage:
        """The template's page, kept for the next case: building one takes longer than a screen frame."""
        page = self._pages.get(template.identifier)
        if page is None:
            page = self._pages[template.identifier] = FormPage(template, self._sheet)
            self._pages_column.addWidget(page)
            page.answered.connect(self._answered)
            page.focused.connect(self._focused)
            page.finding_activated.connect(self.finding_activated)
            page.finding_accepted.connect(self._accept)
            page.finding_removed.connect(self._remove)
            page.normal_wanted.connect(self._take_normal)
            page.folded.connect(self._refresh)
        return page

    # edits

    def take_all_normal(self) -> None:
        """Normal answers in every empty field; in impression and recommendations only if all findings are normal."""
        if self._template is not None and self._form is not None:
            self._take(take_all_normal(self._template, self._form))

    def _answered(self, field_id: str, value: Value) -> None:
        if self._template is not None and self._form is not None:
            self._take(self._form.answer(field_id, value))

    def _take_normal(self, section_id: str) -> None:
        if self._template is not None and self._form is not None:
            box = self._whole_page(self._template).boxes.get(section_id)
            if box is not None:
                self._take(take_normal(self._template, self._form, box.section))

    def _take_section_normal(self) -> None:
        if self._template is not None:
            self._take_normal(self._whole_page(self._template).section_at(self._keys_at()))

    def _accept(self, field_id: str, uid: str) -> None:
        measurement = by_uid(self._measurements or ()).get(uid)
        if measurement is not None and self._template is not None and self._form is not None:
            self._take(take_measurement(self._form, self._template.fields[field_id], measurement))

    def _remove(self, field_id: str, uid: str) -> None:
        if self._form is not None:
            self._take(self._form.unlink(field_id, uid))

    def _chosen(self) -> None:
        identifier = self._chooser.currentData()
        template = next((each for each in self._templates if each.identifier == identifier), None)
        if template is None or self._form is None or template is self._template:
            return
        form = carry_over(self._form, template, self._case_values)
        self._show_template(template, form)
        self.form_changed.emit(form)

    def _take(self, form: Form) -> None:
        if self._template is not None:
            form = follow(self._template, form)
        if form == self._form:
            self._refresh()
            return
        self._form = form
        self._refresh()
        self.form_changed.emit(form)

    # showing

    def _refresh(self) -> None:
        template, form = self._template, self._form
        if template is None or form is None:
            return
        measurements = by_uid(self._measurements or ())
        shown = visible(template, form)

        def text(section: TemplateSection) -> str:
            return section_text(template, form, section, measurements)

        found = problems(template, form, self._measurements)
        first: dict[str, Problem] = {}
        for problem in found:
            if self._checked or problem.rule != "missing":
                first.setdefault(problem.field_id, problem)
        known = None if self._measurements is None else measurements
        page = self._page(template)
        if page.is_made:
            page.show_form(form, shown, text, known, first)
        self._show_status(found)

    def _show_status(self, found: Sequence[Problem]) -> None:
        refusing = sum(prohibits((problem,)) for problem in found)
        asking = len(found) - refusing
        if refusing:
            words = ngettext("{count} field must be answered", "{count} fields must be answered", refusing)
            theme.set_role(self._status, "error" if self._checked else "muted")
            self._status.setText(words.format(count=refusing))
            self._status.setToolTip(required_hint())
        elif asking:
            words = ngettext("{count} field is open", "{count} fields are open", asking)
            theme.set_role(self._status, "warning" if self._checked else "muted")
            self._status.setText(words.format(count=asking))
        else:
            theme.set_role(self._status, "good")
            self._status.setText(_("Complete"))
        doubts = frozenset((problem.field_id, problem.rule) for problem in found)
        anyway = self._checked and not refusing and bool(asking) and doubts <= self._doubts_shown
        self._sign.setText(_("Sign anyway…") if anyway else _("Sign…"))

    # where the reader is

    def _focused(self, field_id: str) -> None:
        self._last_field = field_id
        self._reveal(field_id)

    def _free_last_field(self) -> str | None:
        """The field the reader was in last, unless it holds the one measurement it can."""
        if self._template is None or self._form is None or not self._last_field:
            return None
        field = self._template.fields.get(self._last_field)
        if field is None or (field.links != "many" and self._form.values(field.field_id)):
            return None
        return field.field_id

    def _go_to(self, field_id: str) -> None:
        row = self._reveal(field_id)
        if row is not None:
            row.take_focus()

    def _reveal(self, field_id: str) -> FieldRow | None:
        row = self._whole_page(self._template).unfold(field_id) if self._template is not None else None
        if row is not None:
            self._scroll.ensureWidgetVisible(row, 0, 32)
        return row

    def _keys_at(self) -> QWidget:
        focused: QWidget | None = self.focusWidget()
        return self if focused is None else focused

    def _step(self, direction: int) -> None:
        if self._template is not None:
            self._whole_page(self._template).step(self._keys_at(), direction)

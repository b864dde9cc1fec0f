"""One field of the form: label, editor, the findings in it, and what is wrong with it, in place."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workstation.dicom.content import Measurement
from workstation.language import _, current_language
from workstation.reporting.form import Form, Link
from workstation.reporting.structure import Completion, Field, FieldKind, Language
from workstation.reporting.validation import Problem, link_state
from workstation.ui import theme
from workstation.ui.report.chips import FindingChip
from workstation.ui.report.editors import Value, make_editor
from workstation.ui.report.flow import FlowLayout

_LABEL_WIDTH = 124
_WIDE = (FieldKind.PARAGRAPH, FieldKind.CHOICES)


class FieldRow(QWidget):
    """Signals carry the field's id first."""

    answered = Signal(str, object)
    focused = Signal(str)
    finding_activated = Signal(str)
    finding_accepted = Signal(str, str)
    finding_removed = Signal(str, str)

    def __init__(self, field: Field, language: Language, parent: QWidget, *, titled: bool = True) -> None:
        super().__init__(parent)
        self.field = field
        self._chips_shown: tuple[object, ...] = ()
        self.editor = make_editor(field, language, self)
        self.editor.answered.connect(self._edited)
        target = self.editor.target()
        target.setObjectName(field.field_id)
        target.setAccessibleName(field.label)
        target.installEventFilter(self)
        self._label = QLabel(_marked(field), self)
        self._label.setWordWrap(True)
        self._label.setBuddy(target)
        theme.set_role(self._label, "muted")
        self._message = QLabel("", self)
        self._message.setWordWrap(True)
        self._message.hide()
        self._chips = QWidget(self)
        self._flow = FlowLayout(self._chips, spacing=5)
        self._chips.hide()
        self._lay_out(titled)

    def _lay_out(self, titled: bool) -> None:
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(3)
        for widget in (self.editor, self._chips, self._message):
            right.addWidget(widget)
        if self.field.kind in _WIDE:
            column = QVBoxLayout(self)
            column.setContentsMargins(0, 3, 0, 3)
            column.setSpacing(3)
            column.addWidget(self._label)
            column.addLayout(right)
            self._label.setVisible(titled)
            return
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 1, 0, 1)
        row.setSpacing(8)
        self._label.setFixedWidth(_LABEL_WIDTH)
        row.addWidget(self._label, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(right, 1)

    def show_form(self, form: Form, measurements: Mapping[str, Measurement] | None) -> None:
        """Show the field's answer and findings; `measurements` None as long as nobody has told them."""
        answer = form.answers.get(self.field.field_id)
        self.editor.show_answer(answer.value if answer else "")
        links = form.links.get(self.field.field_id, ()) if measurements is not None else ()
        shown = tuple((link, (measurements or {}).get(link.tracking_uid)) for link in links)
        if shown != self._chips_shown:
            self._chips_shown = shown
            self._show_chips(shown)

    def show_problem(self, problem: Problem | None) -> None:
        """Say what is wrong below the field, or take it back."""
        self.editor.set_invalid(problem is not None and problem.action is Completion.PROHIBIT)
        text = "" if problem is None else problem.message
        if text == self._message.text() and bool(text) is not self._message.isHidden():
            return
        if problem is not None:
            theme.set_role(self._message, "error" if problem.action is Completion.PROHIBIT else "warning")
        self._message.setText(text[:1].upper() + text[1:])
        self._message.setVisible(bool(text))

    def take_focus(self) -> None:
        """Give the keys to the editor."""
        self.editor.target().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusIn:
            self.focused.emit(self.field.field_id)
        return super().eventFilter(watched, event)

    def _edited(self, value: Value) -> None:
        self.answered.emit(self.field.field_id, value)

    def _show_chips(self, shown: tuple[tuple[Link, Measurement | None], ...]) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        language: Language = "ru" if current_language() == "ru" else "en"
        for link, measurement in shown:
            chip = FindingChip(link.tracking_uid, measurement, link_state(link, measurement), language)
            chip.activated.connect(self.finding_activated)
            chip.accepted.connect(lambda uid: self.finding_accepted.emit(self.field.field_id, uid))
            chip.removed.connect(lambda uid: self.finding_removed.emit(self.field.field_id, uid))
            self._flow.addWidget(chip)
        self._chips.setVisible(bool(shown))


def _marked(field: Field) -> str:
    """The label; a dot marks what must be answered, without needing colour."""
    if field.completion is Completion.PROHIBIT:
        return f"{field.label}\N{NO-BREAK SPACE}•"
    return field.label


def required_hint() -> str:
    """What the dot means."""
    return _("• must be answered")

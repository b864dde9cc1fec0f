"""One small widget for each kind of answer.

Each has `answered`, a signal with the new value (a text, or a tuple of choices), and `show_answer`, which never emits.
"""

from PySide6.QtCore import QPointF, QRegularExpression, QSignalBlocker, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegularExpressionValidator,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from workstation.language import _
from workstation.reporting.structure import Field, FieldKind, Language
from workstation.reporting.wording import unit_text
from workstation.ui import theme
from workstation.ui.report.flow import FlowLayout

Value = str | tuple[str, ...]


class LineEditor(QLineEdit):
    """A short text, a date or a time. Enter goes on to the next field."""

    answered = Signal(object)

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self.setPlaceholderText(field.placeholder)
        self.textEdited.connect(lambda text: self.answered.emit(text))

    def show_answer(self, value: Value) -> None:
        """Show the text."""
        text = value if isinstance(value, str) else ", ".join(value)
        if text != self.text():
            self.setText(text)
            self.setCursorPosition(0)

    def set_invalid(self, invalid: bool) -> None:
        """Mark or unmark the field."""
        _mark(self, invalid)

    def target(self) -> QWidget:
        """Itself."""
        return self

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.focusNextChild()
            return
        super().keyPressEvent(event)


class NumberEditor(QWidget):
    """A number with its unit; comma and point are the same."""

    answered = Signal(object)

    def __init__(self, field: Field, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self._line = LineEditor(field, self)
        self._line.setMaximumWidth(92)
        self._line.setValidator(QRegularExpressionValidator(QRegularExpression(r"[-+−]?\d*[.,]?\d*"), self._line))
        self._line.answered.connect(self.answered)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(7)
        row.addWidget(self._line)
        unit = QLabel(unit_text(field.units, language), self)
        theme.set_role(unit, "muted")
        row.addWidget(unit)
        row.addStretch(1)
        self._comma = language == "ru"
        self.setFocusProxy(self._line)

    def show_answer(self, value: Value) -> None:
        """Show the number with the decimal sign of the report's language."""
        text = value if isinstance(value, str) else ""
        if not self._line.hasFocus():
            text = text.replace(".", ",") if self._comma else text.replace(",", ".")
        self._line.show_answer(text)

    def set_invalid(self, invalid: bool) -> None:
        """Mark or unmark the field."""
        self._line.set_invalid(invalid)

    def target(self) -> QWidget:
        """The line."""
        return self._line


class ParagraphEditor(QPlainTextEdit):
    """A text of several lines, as high as its text. Tab leaves it."""

    answered = Signal(object)

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines = 3 if field.links == "many" and field.normal is not None else 1
        self.setPlaceholderText(field.placeholder)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if field.completion.value == "PROHIBIT":
            self._lines = 3
        self.textChanged.connect(self._changed)
        self._fit()

    def show_answer(self, value: Value) -> None:
        """Show the text; the cursor stays when it is the same."""
        text = value if isinstance(value, str) else ", ".join(value)
        if text != self.toPlainText():
            with QSignalBlocker(self):
                self.setPlainText(text)
            self._fit()

    def set_invalid(self, invalid: bool) -> None:
        """Mark or unmark the field."""
        _mark(self, invalid)

    def target(self) -> QWidget:
        """Itself."""
        return self

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the panel scrolls, never a field

    def _changed(self) -> None:
        self._fit()
        self.answered.emit(self.toPlainText())

    def _fit(self) -> None:
        # QPlainTextDocumentLayout counts lines, not pixels
        lines = max(self._lines, round(self.document().size().height()))
        height = lines * self.fontMetrics().lineSpacing() + 2 * round(self.document().documentMargin()) + 12
        if height != self.height():
            self.setFixedHeight(height)


class Chooser(QComboBox):
    """A list that opens, as narrow as its place; the wheel scrolls past it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # scrolling past must not change an answer

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        # a style sheet that restyles the list takes the arrow away
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.current().muted), 1.4))
        x, y = self.width() - 15.0, self.height() / 2 - 1.5
        painter.drawPolyline([QPointF(x - 4, y), QPointF(x, y + 4), QPointF(x + 4, y)])
        painter.end()


class ChoiceEditor(Chooser):
    """One of a list. Letters and arrows choose, Delete takes the answer back."""

    answered = Signal(object)

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self.addItem("", "")
        for option in field.options:
            self.addItem(option.label, option.value)
        self.currentIndexChanged.connect(lambda _index: self.answered.emit(self.currentData()))

    def show_answer(self, value: Value) -> None:
        """Show the choice; one that isn't on the list is shown as it is."""
        text = value if isinstance(value, str) else ",".join(value)
        index = self.findData(text)
        with QSignalBlocker(self):
            if index < 0:
                self.addItem(text, text)
                index = self.count() - 1
            self.setCurrentIndex(index)

    def set_invalid(self, invalid: bool) -> None:
        """Mark or unmark the list."""
        _mark(self, invalid)

    def target(self) -> QWidget:
        """Itself."""
        return self

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.setCurrentIndex(0)
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.focusNextChild()
            return
        super().keyPressEvent(event)


class ChoicesEditor(QFrame):
    """Several of a list, as buttons that stay down."""

    answered = Signal(object)

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        flow = FlowLayout(self, spacing=5)
        self._buttons: dict[str, QPushButton] = {}
        for option in field.options:
            button = QPushButton(option.label, self)
            button.setCheckable(True)
            button.setProperty("compact", True)
            button.clicked.connect(self._clicked)
            flow.addWidget(button)
            self._buttons[option.value] = button
        self.setFocusProxy(self.target())

    def show_answer(self, value: Value) -> None:
        """Press the buttons of the choices."""
        values = value if isinstance(value, tuple) else (value,)
        for name, button in self._buttons.items():
            button.setChecked(name in values)

    def set_invalid(self, invalid: bool) -> None:
        """Nothing to mark: the message below says it."""

    def target(self) -> QWidget:
        """The first button."""
        return next(iter(self._buttons.values()))

    def _clicked(self) -> None:
        self.answered.emit(tuple(name for name, button in self._buttons.items() if button.isChecked()))


class CheckEditor(QCheckBox):
    """Yes or not said."""

    answered = Signal(object)

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(_("Yes"), parent)
        self.setAccessibleName(field.label)
        self.clicked.connect(lambda on: self.answered.emit("true" if on else ""))

    def show_answer(self, value: Value) -> None:
        """Set the mark."""
        self.setChecked(value == "true")

    def set_invalid(self, invalid: bool) -> None:
        """Nothing to mark: the message below says it."""

    def target(self) -> QWidget:
        """Itself."""
        return self


AnyEditor = LineEditor | NumberEditor | ParagraphEditor | ChoiceEditor | ChoicesEditor | CheckEditor


def make_editor(field: Field, language: Language, parent: QWidget) -> AnyEditor:
    """The widget for a field of this kind."""
    match field.kind:
        case FieldKind.NUMBER:
            return NumberEditor(field, language, parent)
        case FieldKind.PARAGRAPH:
            return ParagraphEditor(field, parent)
        case FieldKind.CHOICE:
            return ChoiceEditor(field, parent)
        case FieldKind.CHOICES:
            return ChoicesEditor(field, parent)
        case FieldKind.CHECKBOX:
            return CheckEditor(field, parent)
    return LineEditor(field, parent)


def _mark(widget: QWidget, invalid: bool) -> None:
    if bool(widget.property("invalid")) is not invalid:
        widget.setProperty("invalid", invalid)
        widget.style().unpolish(widget)
        widget.style().polish(widget)

"""What was asked, at the top of the report: the question, and the history below it. Folds away."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QToolButton, QVBoxLayout, QWidget

from workstation.language import _
from workstation.ui import theme


class RequestCard(QFrame):
    """Question and history of the case; hidden when there is neither."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        theme.set_role(self, "card")
        self._title = QToolButton(self)
        self._title.setText(_("Question"))
        self._title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._title.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._title.setStyleSheet(
            "QToolButton { border: none; background: transparent; padding: 3px 0; font-weight: 600; }"
        )
        self._title.clicked.connect(self._toggle)
        self.question = _text(self)
        self.history = _text(self)
        theme.set_role(self.history, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 5, 10, 9)
        column.setSpacing(4)
        for widget in (self._title, self.question, self.history):
            column.addWidget(widget)
        self._folded = False
        self._values: Mapping[str, str] = {}
        self._show()

    def show_case(self, case_values: Mapping[str, str]) -> None:
        """Show `order.question` and `order.history`."""
        self._values = case_values
        self._show()

    def _toggle(self) -> None:
        self._folded = not self._folded
        self._show()

    def _show(self) -> None:
        asked, history = (self._values.get(name, "").strip() for name in ("order.question", "order.history"))
        self.question.setText(asked)
        self.history.setText(history)
        self.question.setHidden(self._folded or not asked)
        self.history.setHidden(self._folded or not history)
        self.setHidden(not (asked or history))
        self._title.setIcon(
            theme.icon("mdi6.chevron-right" if self._folded else "mdi6.chevron-down", theme.current().muted)
        )


def _text(parent: QWidget) -> QLabel:
    label = QLabel("", parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label

"""What the expert says of both reports: an answer to each question, the RADPEER score, and its comment."""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from workstation.language import _
from workstation.reporting.opinion import COMMENTED, RADPEER, Opinion
from workstation.reporting.validation import Problem
from workstation.ui import theme

_LINES = 2
_SCORE_WIDTH = 52


class OpinionBox(QFrame):
    """Holds an `Opinion`; `changed` carries the new one at each edit."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._opinion = Opinion()
        self._questions: tuple[str, ...] = ()
        self._answers: list[QPlainTextEdit] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._asked = QWidget(self)
        self._column.addWidget(self._asked)
        self._column.addWidget(self._heading(_("RADPEER score")))
        self._missing = self._line("", "error")
        self._missing.hide()
        self._scores = QButtonGroup(self)
        for number, (score, (words, significance)) in enumerate(RADPEER.items()):
            said = ". ".join(_(part) for part in (words, significance) if part)
            button = QRadioButton(score, self)
            button.setAccessibleName(f"RADPEER {score}")
            button.setAccessibleDescription(said)
            button.setFixedWidth(_SCORE_WIDTH)
            self._scores.addButton(button, number)
            row = QHBoxLayout()
            row.setSpacing(4)
            meaning = QLabel(said, self)
            meaning.setWordWrap(True)
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(meaning, 1)
            self._column.addLayout(row)
        self._scores.idClicked.connect(lambda number: self._take(replace(self._opinion, radpeer=list(RADPEER)[number])))
        self._comment_title = self._line(_("Comment"))
        self.comment = self._editor(_("Comment"))
        self.comment.textChanged.connect(lambda: self._take(replace(self._opinion, comment=self.comment.toPlainText())))
        self._column.addWidget(self.comment)

    def show_case(self, questions: Sequence[str], opinion: Opinion) -> None:
        """Show the questions of a case and what was said of it."""
        self._questions = tuple(questions)
        self._opinion = opinion
        asked = QWidget(self)
        column = QVBoxLayout(asked)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._answers = []
        if questions:
            column.addWidget(self._heading(_("Answers to the questions")))
        for question in questions:
            title = QLabel(question, asked)
            title.setWordWrap(True)
            title.setTextFormat(Qt.TextFormat.PlainText)
            editor = self._editor(question)
            editor.setPlainText(opinion.answer_to(question))
            editor.textChanged.connect(lambda editor=editor, question=question: self._answered(editor, question))
            column.addWidget(title)
            column.addWidget(editor)
            self._answers.append(editor)
        self._column.replaceWidget(self._asked, asked)
        self._asked.deleteLater()
        self._asked = asked
        self._scores.setExclusive(False)
        for button, score in zip(self._scores.buttons(), RADPEER, strict=True):
            button.setChecked(score == opinion.radpeer)
        self._scores.setExclusive(True)
        self.comment.blockSignals(True)
        self.comment.setPlainText(opinion.comment)
        self.comment.blockSignals(False)
        self.setFocusProxy(self._answers[0] if self._answers else self._scores.buttons()[0])
        self.show_problems(())
        self._show_comment()

    @property
    def opinion(self) -> Opinion:
        """What is said now."""
        return self._opinion

    def show_problems(self, found: Sequence[Problem]) -> QWidget | None:
        """Mark what lacks, in place; the first widget that wants something."""
        wanting = {problem.field_id: problem for problem in found}
        answers = [_mark(editor, wanting.get(f"answer:{number}")) for number, editor in enumerate(self._answers)]
        score = wanting.get("radpeer")
        self._missing.setText(score.message if score else "")
        self._missing.setVisible(score is not None)
        scores = self._scores.buttons()[0] if score is not None else None
        comment = _mark(self.comment, wanting.get("comment"))
        return next((one for one in (*answers, scores, comment) if one is not None), None)

    def _answered(self, editor: QPlainTextEdit, question: str) -> None:
        _mark(editor, None)
        self._take(self._opinion.answer(question, editor.toPlainText()))

    def _take(self, opinion: Opinion) -> None:
        self._opinion = opinion
        if opinion.radpeer:
            self._missing.hide()
        _mark(self.comment, None)
        self._show_comment()
        self.changed.emit(opinion)

    def _show_comment(self) -> None:
        needed = self._opinion.radpeer in COMMENTED
        self._comment_title.setText(_("Comment (needed for 2b and worse)") if needed else _("Comment"))

    def _heading(self, text: str) -> QLabel:
        label = QLabel(text, self)
        theme.set_role(label, "heading")
        return label

    def _line(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text, self)
        label.setWordWrap(True)
        if role:
            theme.set_role(label, role)
        self._column.addWidget(label)
        return label

    def _editor(self, name: str) -> QPlainTextEdit:
        editor = QPlainTextEdit(self)
        editor.setAccessibleName(name)
        editor.setTabChangesFocus(True)
        editor.setFixedHeight(editor.fontMetrics().lineSpacing() * _LINES + 20)
        return editor


def _mark(editor: QPlainTextEdit, problem: Problem | None) -> QWidget | None:
    """Show a problem on an editor, or take it away; the editor where there is one."""
    wrong = "true" if problem is not None else "false"
    if editor.property("invalid") != wrong:
        editor.setProperty("invalid", wrong)
        editor.style().unpolish(editor)
        editor.style().polish(editor)
    editor.setPlaceholderText(problem.message if problem is not None else "")
    return editor if problem is not None else None

"""The first report beside one's own, field by field, and below it what the expert says of both.

It stands in the place of the pictures, so that the form stays beside it and what is changed there is compared at once.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workstation.consultation.first_report import FirstReport
from workstation.consultation.second_opinion import Impression
from workstation.language import N_, _
from workstation.reporting.comparison import Mark, Passage, compare
from workstation.reporting.opinion import Opinion
from workstation.reporting.validation import Problem
from workstation.ui import texts, theme
from workstation.ui.reading.opinion_box import OpinionBox

MARKS = {
    Mark.AGREES: (N_("agrees"), "good"),
    Mark.CONTRADICTS: (N_("contradicts"), "error"),
    Mark.ADDED: (N_("added"), "warning"),
    Mark.ONLY_FIRST: (N_("only in the first"), "warning"),
    Mark.UNMARKED: ("", ""),
}
_FIRST, _MARK, _OWN = range(3)


class ComparisonView(QFrame):
    """`left`: back to the pictures; `opinion_changed` carries the Opinion as it is; `sign_requested`: Ctrl+Enter."""

    left = Signal()
    opinion_changed = Signal(object)
    sign_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        title = QLabel(_("First report and your own"), self)
        theme.set_role(title, "title")
        self._about = QLabel(self)
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setWordWrap(True)
        theme.set_role(self._about, "muted")
        back = QPushButton(_("Back to the pictures"), self)
        back.setToolTip("F7")
        back.clicked.connect(self.left)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(back)
        self.opinion = OpinionBox(self)
        self.opinion.changed.connect(self.opinion_changed)
        self._fields = QWidget(self)
        self._shown: tuple[object, ...] = ()
        inside = QWidget(self)
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 8, 8)
        self._column.setSpacing(14)
        self._column.addWidget(self._fields)
        self._column.addWidget(self.opinion)
        self._column.addStretch(1)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 10, 10)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(self._about)
        outer.addWidget(self._scroll, 1)
        self.setFocusProxy(self.opinion)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(self.sign_requested)

    def show_case(self, questions: Sequence[str], opinion: Opinion) -> None:
        """Another case: its questions, and what was said of it before."""
        self._shown = ()
        self.opinion.show_case(questions, opinion)
        self._scroll.verticalScrollBar().setValue(0)

    def show_reports(self, first: FirstReport | None, impression: Impression, own: Sequence[Passage]) -> None:
        """Both reports as they are now; what was locked stands beside what has changed since."""
        if self._shown == (first, impression, tuple(own)):
            return
        self._shown = (first, impression, tuple(own))
        self._about.setText(_about(first, impression))
        fields = QWidget(self)
        self._fill(fields, first.passages if first else (), impression, own)
        self._column.replaceWidget(self._fields, fields)
        self._fields.deleteLater()
        self._fields = fields

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Mark in place what the opinion lacks, and go to the first."""
        widget = self.opinion.show_problems(found)
        if widget is not None:
            self._scroll.ensureWidgetVisible(widget, 0, 60)
            widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def text(self) -> str:
        """What the comparison says, for whoever can't see it."""
        return "\n".join(label.text() for label in self._fields.findChildren(QLabel))

    def _fill(self, fields: QWidget, first: Sequence[Passage], impression: Impression, own: Sequence[Passage]) -> None:
        grid = QGridLayout(fields)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(_FIRST, 1)
        grid.setColumnStretch(_OWN, 1)
        grid.setColumnMinimumWidth(_MARK, 112)
        grid.addWidget(_label(fields, _("First report"), "muted"), 0, _FIRST)
        grid.addWidget(_label(fields, _("Your report"), "muted"), 0, _OWN)
        row = 1
        locked = {field.heading: field for field in compare((), impression.passages)}
        for field in compare(first, own):
            grid.addWidget(_rule(fields), row, 0, 1, 3)
            grid.addWidget(_label(fields, field.title, "heading"), row + 1, 0, 1, 3)
            row += 2
            for pair in field.pairs:
                word, role = MARKS[pair.mark]
                top = Qt.AlignmentFlag.AlignTop
                grid.addWidget(_label(fields, pair.first or "–", "" if pair.first else "muted"), row, _FIRST, top)
                grid.addWidget(_label(fields, _(word) if word else "", role), row, _MARK, top)
                grid.addWidget(_label(fields, pair.own or "–", "" if pair.own else "muted"), row, _OWN, top)
                row += 1
            before = locked.pop(field.heading, None)
            now = [pair.own for pair in field.pairs if pair.own]
            then = [pair.own for pair in before.pairs] if before else []
            if sorted(now) != sorted(then):
                at = _("As locked: {text}").format(text=" ".join(then) or "–")
                grid.addWidget(_label(fields, at, "muted"), row, _OWN)
                row += 1
        for before in locked.values():
            text = " ".join(pair.own for pair in before.pairs)
            grid.addWidget(_label(fields, before.title, "heading"), row, 0, 1, 3)
            grid.addWidget(_label(fields, _("As locked: {text}").format(text=text), "muted"), row + 1, _OWN)
            row += 2


def _about(first: FirstReport | None, impression: Impression) -> str:
    locked = _("Your impression was locked {time}.").format(time=texts.short_time(impression.locked_at))
    if first is None:
        return _("No first report is here.") + " " + locked
    facts = (first.title, texts.short_date(first.date), texts.person_name(first.author))
    named = ", ".join(fact for fact in facts if fact)
    said = [f"{named}.", locked]
    if not first.passages:
        said.append(_("The first report is a PDF: read it among the documents of the study, beside the pictures."))
    else:
        said.append(_("Marks go by the words alone and need both reports in one language; the judgement is yours."))
    return " ".join(said)


def _label(parent: QWidget, text: str, role: str = "") -> QLabel:
    label = QLabel(text, parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        theme.set_role(label, role)
    return label


def _rule(parent: QWidget) -> QFrame:
    rule = QFrame(parent)
    rule.setFixedHeight(1)
    theme.set_role(rule, "rule")
    return rule

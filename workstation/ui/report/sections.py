"""A section of the form: a heading that folds, the normal text on a key, rows and inner sections."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from workstation.language import _
from workstation.reporting.structure import Field, Language, TemplateSection
from workstation.reporting.visibility import Visible
from workstation.ui import theme
from workstation.ui.report.rows import FieldRow


class SectionBox(QFrame):
    """Signals carry the section's id. Folded, it shows the text its answers make.

    A new one has its heading alone; `pieces` makes what is in it. Each widget is made in its place: one that is moved
    into the page gets font, colours and style anew, with all that it holds.
    """

    normal_wanted = Signal(str)
    folded = Signal(str)

    def __init__(self, section: TemplateSection, language: Language, parent: QWidget) -> None:
        super().__init__(parent)
        self.section = section
        self._language = language
        self.rows: list[FieldRow] = []
        self.boxes: list[SectionBox] = []
        self._summary = QLabel("", self)
        self._summary.setWordWrap(True)
        self._summary.hide()
        theme.set_role(self._summary, "muted")
        self._body = QWidget(self)
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*_MARGINS[min(section.level, 3)])
        outer.setSpacing(4)
        outer.addLayout(self._header())
        outer.addWidget(self._summary)
        outer.addWidget(self._body)
        theme.set_role(self, "card" if section.level == 2 else "plain")

    def pieces(self) -> "Iterator[SectionBox | FieldRow]":
        """Make what is in the section, piece by piece in the order of the page: each box and row once it is in it."""
        for part in self.section.content:
            if isinstance(part, Field):
                row = FieldRow(part, self._language, self._body, titled=part.label != self.section.title)
                self.rows.append(row)
                self._column.addWidget(row)
                yield row
            else:
                box = SectionBox(part, self._language, self._body)
                box.normal_wanted.connect(self.normal_wanted)
                box.folded.connect(self.folded)
                self.boxes.append(box)
                self._column.addWidget(box)
                yield box
                yield from box.pieces()

    def _header(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        self._title = QToolButton(self)
        self._title.setText(self.section.title)
        self._title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        size = theme.FONT_POINT_SIZE + (1.5 if self.section.level == 1 else 0)
        # a font set on the widget is lost to the program's style sheet
        self._title.setStyleSheet(
            f"QToolButton {{ border: none; background: transparent; padding: 3px 0; font: 600 {size}pt; }}"
        )
        self._title.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._title.clicked.connect(self.toggle)
        row.addWidget(self._title)
        row.addStretch(1)
        if self.section.level < 3 and any(field.normal is not None for field in self._normal_fields()):
            normal = QToolButton(self)
            normal.setObjectName("normal")
            normal.setText(_("Normal"))
            normal.setToolTip(_("Normal answers in the empty fields of this section (Alt+N)"))
            normal.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            theme.set_role(normal, "quiet")
            normal.clicked.connect(lambda: self.normal_wanted.emit(self.section.section_id))
            row.addWidget(normal)
        self._show_arrow()
        return row

    def _normal_fields(self) -> Iterator[Field]:
        return self.section.all_fields() if self.section.level > 1 or not self.section.sections else iter(())

    @property
    def is_folded(self) -> bool:
        """Whether only the heading and the text show."""
        return self._body.isHidden()

    def toggle(self) -> None:
        """Fold or unfold."""
        self.fold(not self.is_folded)

    def fold(self, folded: bool) -> None:
        """Fold or unfold."""
        if folded is self.is_folded:
            return
        self._body.setHidden(folded)
        self._show_arrow()
        self.folded.emit(self.section.section_id)

    def show_visible(self, visible: Visible, text: Callable[[TemplateSection], str]) -> None:
        """Show what is to be shown; `text` gives the text of a section, asked for only where it is folded."""
        _hide(self, self.section.section_id not in visible.sections)
        for row in self.rows:
            _hide(row, row.field.field_id not in visible.fields)
        for box in self.boxes:
            box.show_visible(visible, text)
        said = text(self.section) if self.is_folded else ""
        self._summary.setText(said)
        self._summary.setHidden(not said)

    def _show_arrow(self) -> None:
        name = "mdi6.chevron-right" if self.is_folded else "mdi6.chevron-down"
        self._title.setIcon(theme.icon(name, theme.current().muted))


def _hide(widget: QWidget, hidden: bool) -> None:
    if widget.isHidden() is not hidden:  # even a call that changes nothing lays the page out again
        widget.setHidden(hidden)


# left, top, right, bottom by level: the heading's own space, the card's padding, a nodule set in
_MARGINS = {1: (0, 8, 0, 2), 2: (10, 5, 10, 9), 3: (10, 2, 0, 4)}

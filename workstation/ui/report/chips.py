"""A measurement in a field: its number as a button that leads to the picture, its state, and the way out."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from workstation.dicom.content import Measurement
from workstation.language import _
from workstation.reporting.findings import chip_text
from workstation.reporting.structure import Language
from workstation.ui import theme


class FindingChip(QFrame):
    """`state` is one of `validation.link_state`: current, changed, gone."""

    activated = Signal(str)
    accepted = Signal(str)
    removed = Signal(str)

    def __init__(self, uid: str, measurement: Measurement | None, state: str, language: Language) -> None:
        super().__init__()
        colors = {"changed": theme.current().warning, "gone": theme.current().danger}
        color = colors.get(state, theme.current().accent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.face = _KeyButton()
        self.face.setObjectName("finding")
        self.face.setText(chip_text(measurement, language) if measurement else _("deleted measurement"))
        self.face.setIcon(theme.icon("mdi6.ruler", color))
        self.face.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.face.setToolTip(_("Show in the picture (Enter); take out (Delete)"))
        self.face.clicked.connect(lambda: self.activated.emit(uid))
        self.face.deleted.connect(lambda: self.removed.emit(uid))
        row.addWidget(self.face)
        if state == "changed":
            row.addWidget(
                self._small("mdi6.update", _("The measurement has changed: take its number"), self.accepted, uid)
            )
        row.addWidget(self._small("mdi6.close", _("Take out of the report"), self.removed, uid))

    def _small(self, icon: str, tip: str, signal: object, uid: str) -> QWidget:
        button = QToolButton()
        theme.set_role(button, "quiet")
        button.setIcon(theme.icon(icon, theme.current().muted))
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: signal.emit(uid))  # type: ignore[attr-defined] # a bound signal
        return button


class _KeyButton(QToolButton):
    deleted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.deleted.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

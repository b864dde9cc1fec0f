"""The viewer's toolbar, made from the command table: an icon each, its title and key in the tooltip."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from workstation.language import _
from workstation.ui import theme
from workstation.ui.viewer.keys import key_text
from workstation.viewing.commands import BY_ID, Command
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.viewport import VoiChoice

_GROUPS = (
    tuple(f"tool.{name}" for name in ("window", "pan", "zoom", "scroll", "length", "ellipse", "crosshair", "rotate")),
    ("view.reset", "view.invert", "view.turn", "view.flip", "view.slab"),
    ("layout.1x1", "layout.1x2", "layout.2x2", "layout.mpr", "link.toggle"),
    ("key_image.take", "measurement.report", "measurement.delete", "edit.undo", "edit.redo"),
)


class Toolbar(QFrame):
    """Buttons that run commands, and the menu of windows. `run` gives the command's id."""

    run = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        self._session: ReadingSession | None = None
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(2)
        for group in _GROUPS:
            if self.buttons:
                row.addWidget(self._rule())
            for name in group:
                row.addWidget(self._button(BY_ID[name]))
            if group is _GROUPS[0]:
                row.addWidget(self._rule())
                row.addWidget(self._windows())
        row.addStretch(1)

    def _rule(self) -> QWidget:
        rule = QFrame(self)
        rule.setFixedSize(1, 22)
        rule.setStyleSheet(f"background: {theme.current().line};")
        holder = QWidget(self)
        around = QHBoxLayout(holder)
        around.setContentsMargins(4, 0, 4, 0)
        around.addWidget(rule)
        return holder

    def _button(self, command: Command) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(theme.icon(command.icon))
        button.setIconSize(QSize(20, 20))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setCheckable(command.checked is not None)
        title = _(command.title)
        button.setToolTip(f"{title}  ({key_text(command)})")
        button.setAccessibleName(title)
        button.clicked.connect(partial(self._clicked, command.id))
        theme.set_role(button, "quiet")
        self.buttons[command.id] = button
        return button

    def _windows(self) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(theme.icon("mdi6.tune-variant"))
        button.setIconSize(QSize(20, 20))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolTip(_("Windows  (1 to 9)"))
        button.setAccessibleName(_("Windows"))
        button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        theme.set_role(button, "quiet")
        menu = QMenu(button)
        menu.aboutToShow.connect(partial(self._fill, menu))
        button.setMenu(menu)
        return button

    def _fill(self, menu: QMenu) -> None:
        """Presets of the active stack, all alternatives of its file by name, and a window made from the pixels."""
        menu.clear()
        session = self._session
        stack = None if session is None else session.views.stack(session.views.active)
        if session is None or stack is None:
            return
        number = session.views.active
        for preset in session.presets:
            if preset.fits(stack):
                text = f"{_(preset.title)}\t{preset.key}"
                menu.addAction(text, partial(session.move.apply_preset, number, preset))
        menu.addSeparator()
        for at, offered in enumerate(stack.alternatives(session.views.current.state.index)):
            text = offered.name or _("From the file, {number}").format(number=at + 1)
            choice = VoiChoice("file", offered.name, None, at)
            menu.addAction(text, partial(session.move.choose_voi, number, choice))
        menu.addAction(_("Automatic"), partial(session.move.choose_voi, number, VoiChoice("auto")))

    def _clicked(self, name: str, _checked: bool = False) -> None:
        self.run.emit(name)
        self.refresh()

    def set_session(self, session: ReadingSession | None) -> None:
        self._session = session
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now and what is in force."""
        session = self._session
        for name, button in self.buttons.items():
            command = BY_ID[name]
            button.setEnabled(session is not None and command.enabled(session))
            if command.checked is not None:
                button.setChecked(session is not None and command.checked(session))

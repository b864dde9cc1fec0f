"""The viewer's toolbar, made from the command table: an icon each, its title and key in the tooltip.

Where the place is too narrow, the last buttons go into a menu at the end.
"""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from workstation.language import _
from workstation.ui import theme
from workstation.ui.viewer.keys import key_text
from workstation.ui.viewer.viewport_menu import fill_greys
from workstation.viewing.commands import BY_ID, Command
from workstation.viewing.reading_session import ReadingSession

# the windows menu stands after the first tools
_GROUPS = (
    tuple(f"tool.{name}" for name in ("window", "pan", "zoom", "scroll", "crosshair", "rotate")),
    tuple(f"tool.{name}" for name in ("length", "ellipse", "polygon", "angle", "cobb", "point")),
    ("layout.mpr", "layout.1x1", "layout.1x2", "layout.2x2", "link.toggle"),
    ("key_image.take", "document.next", "layers.toggle", "measurement.report", "edit.undo"),
    (
        "view.reset",
        "view.invert",
        "view.flip",
        "view.turn",
        "view.slab",
        "view.presentation",
        "view.overlays",
        "view.shutter",
    ),
    ("measurement.calibrate", "measurement.delete", "edit.redo"),
)
_SPACING = 1


class Toolbar(QFrame):
    """Buttons that run commands, and the menu of windows. `run` gives the command's id."""

    run = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "panel")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._session: ReadingSession | None = None
        self.buttons: dict[str, QToolButton] = {}
        self._row: list[QWidget] = []
        for group in _GROUPS:
            if self._row:
                self._row.append(self._rule())
            self._row += [self._button(BY_ID[name]) for name in group]
            if group is _GROUPS[0]:
                self._row += [self._rule(), self._menu("mdi6.tune-variant", _("Windows  (1 to 9)"), self._fill_windows)]
        self._more = self._menu("mdi6.dots-horizontal", _("More"), self._fill_more)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 4, 6, 4)
        row.setSpacing(_SPACING)
        for widget in (*self._row, self._more):
            row.addWidget(widget)
        row.addStretch(1)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many buttons as there is room for, from the left."""
        room = self.width() - 12
        widths = [widget.sizeHint().width() + _SPACING for widget in self._row]
        crowded = sum(widths) > room
        if crowded:
            room -= self._more.sizeHint().width() + _SPACING
        for widget, width in zip(self._row, widths, strict=True):
            room -= width
            widget.setVisible(room >= 0)
        self._more.setVisible(crowded)
        layout = self.layout()
        if layout is not None:
            # not when events come to it: the next paint may come first, to buttons without a width
            layout.activate()

    def _rule(self) -> QWidget:
        rule = QFrame(self)
        rule.setFixedSize(1, 22)
        rule.setStyleSheet(f"background: {theme.current().line};")
        holder = QWidget(self)
        around = QHBoxLayout(holder)
        around.setContentsMargins(3, 0, 3, 0)
        around.addWidget(rule)
        return holder

    def _plain(self, icon: str, title: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(theme.icon(icon))
        button.setIconSize(QSize(20, 20))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setToolTip(tip)
        button.setAccessibleName(title)
        theme.set_role(button, "quiet")
        return button

    def _button(self, command: Command) -> QToolButton:
        title = _(command.title)
        button = self._plain(command.icon, title, f"{title}  ({key_text(command)})")
        button.setCheckable(command.checked is not None)
        button.clicked.connect(partial(self._clicked, command.id))
        self.buttons[command.id] = button
        return button

    def _menu(self, icon: str, title: str, fill: Callable[[QMenu], None]) -> QToolButton:
        button = self._plain(icon, title, title)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        menu = QMenu(button)
        menu.aboutToShow.connect(partial(fill, menu))
        button.setMenu(menu)
        return button

    def _fill_windows(self, menu: QMenu) -> None:
        """Presets of the active stack, all alternatives of its file by name, and a window made from the pixels."""
        menu.clear()
        if self._session is not None:
            fill_greys(menu, self._session, self._session.views.active)

    def _fill_more(self, menu: QMenu) -> None:
        """What found no room."""
        menu.clear()
        for name, button in self.buttons.items():
            if button.isHidden():
                command = BY_ID[name]
                action = QAction(button.icon(), f"{_(command.title)}\t{key_text(command)}", menu)
                action.setEnabled(button.isEnabled())
                action.triggered.connect(partial(self._clicked, name))
                menu.addAction(action)

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

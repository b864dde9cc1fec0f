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

# grey values and place; measuring; layouts and planes; into the report; the picture; what only some cases have
_GROUPS = (
    tuple(f"tool.{name}" for name in ("window", "pan", "zoom", "scroll")),
    tuple(f"tool.{name}" for name in ("length", "ellipse", "polygon", "angle", "cobb", "point")),
    ("layout.1x1", "layout.1x2", "layout.2x2", "link.toggle", "layout.mpr", "tool.crosshair", "tool.rotate"),
    ("key_image.take", "measurement.report", "edit.undo"),
    ("document.next", "layers.toggle", "view.subtraction", "view.presentation", "view.overlays", "view.shutter"),
    ("view.reset", "view.invert", "view.flip", "view.turn", "view.slab", "view.cubic"),
    ("measurement.calibrate", "measurement.delete", "edit.redo"),
)
_ON_DEMAND = frozenset(_GROUPS[4])
"""Without a use in most cases: they are there only where they have one, so that the others stand in peace."""

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
        self._offered: frozenset[str] = frozenset()
        for group in _GROUPS:
            if self._row and not _ON_DEMAND.issuperset(group):
                self._row.append(self._rule())
            self._row += [self._button(BY_ID[name]) for name in group]
            if group is _GROUPS[0]:
                # windows are chosen beside the tool that draws them
                menu = self._menu("mdi6.tune-variant", _("Windows  (1 to 9)"), self._fill_windows)
                self._row.insert(1, menu)
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
        self._fit()

    def _wanted(self, name: str) -> bool:
        session = self._session
        return name not in _ON_DEMAND or (session is not None and BY_ID[name].enabled(session))

    def _fit(self) -> None:
        """Show as many buttons as there is room for, from the left."""
        unwanted = {button for name, button in self.buttons.items() if not self._wanted(name)}
        room = self.width() - 12
        widths = [0 if widget in unwanted else widget.sizeHint().width() + _SPACING for widget in self._row]
        crowded = sum(widths) > room
        if crowded:
            room -= self._more.sizeHint().width() + _SPACING
        for widget, width in zip(self._row, widths, strict=True):
            room -= width
            widget.setVisible(room >= 0 and widget not in unwanted)
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
        for group in _GROUPS:
            hidden = [name for name in group if self.buttons[name].isHidden() and self._wanted(name)]
            if hidden and not menu.isEmpty():
                menu.addSeparator()
            for name in hidden:
                button, command = self.buttons[name], BY_ID[name]
                action = QAction(button.icon(), f"{_(command.title)}\t{key_text(command)}", menu)
                action.setEnabled(button.isEnabled())
                action.setCheckable(button.isCheckable())
                action.setChecked(button.isChecked())
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
        wanted = frozenset(filter(self._wanted, _ON_DEMAND))
        for name, button in self.buttons.items():
            command = BY_ID[name]
            button.setEnabled(session is not None and command.enabled(session))
            if command.checked is not None:
                button.setChecked(session is not None and command.checked(session))
        if wanted != self._offered:
            self._offered = wanted
            self._fit()

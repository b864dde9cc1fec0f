"""The shell: three places (Worklist, Reading, Outbox), one key each, and a status bar that tells the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.errors import WorkstationError
from workstation.language import _
from workstation.ui import theme
from workstation.ui.background import Background
from workstation.ui.sign_in import SignInStrip
from workstation.ui.status import Status, StatusBar


@dataclass(frozen=True)
class Place:
    """One page of the shell: its name, icon, key and widget."""

    name: str
    icon: str
    key: str
    page: QWidget


class MessageStrip(QFrame):
    """One line in place instead of a box in the way: what happened and what to do, until it is dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "band-warning")
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        dismiss = QToolButton(self)
        dismiss.setIcon(theme.icon("mdi6.close"))
        dismiss.setToolTip(_("Dismiss"))
        dismiss.setAccessibleName(_("Dismiss"))
        dismiss.clicked.connect(self.hide)
        theme.set_role(dismiss, "quiet")
        sign = QLabel(self)
        sign.setPixmap(theme.icon("mdi6.alert-outline", theme.current().warning).pixmap(QSize(20, 20)))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.addWidget(sign)
        layout.addWidget(self._text, 1)
        layout.addWidget(dismiss)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_error(self, error: WorkstationError) -> None:
        """Show the world's refusal: its title, where, and what to do."""
        self.show_note(str(error))

    def show_note(self, text: str) -> None:
        """Show what happened without the reader's doing."""
        self._text.setText(text)
        self.show()


class Shell(QMainWindow):
    """The main window: holds pages it knows nothing about."""

    closing = Signal()

    def __init__(self, places: Sequence[Place], background: Background) -> None:
        super().__init__()
        self.setWindowTitle("IRIS Workstation")
        self.setMinimumSize(1100, 700)
        self.resize(1280, 800)
        self._places = list(places)
        self._buttons = QButtonGroup(self)
        self._buttons.setExclusive(True)
        self._stack = QStackedWidget(self)
        self.messages = MessageStrip(self)
        self.sign_in = SignInStrip(self)
        self.status = StatusBar(background, self)
        background.trouble.connect(self.messages.show_error)

        content = QVBoxLayout()
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        content.addWidget(self.sign_in)
        content.addWidget(self.messages)
        content.addWidget(self._stack, 1)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.rail = self._rail()
        row.addWidget(self.rail)
        row.addLayout(content, 1)
        body = QWidget(self)
        outer = QVBoxLayout(body)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(row, 1)
        outer.addWidget(self.status)
        self._cover = QStackedWidget(self)
        self._cover.addWidget(body)
        self._veil = QStackedWidget(self)
        self._veil.addWidget(self._cover)
        self.setCentralWidget(self._veil)
        self.go(0)

    def _rail(self) -> QFrame:
        rail = QFrame(self)
        theme.set_role(rail, "rail")
        layout = QVBoxLayout(rail)
        layout.setContentsMargins(6, 10, 6, 10)
        layout.setSpacing(6)
        names = [place.name for place in self._places] + [_("Security")]
        width = max(self.fontMetrics().horizontalAdvance(name) for name in names) + 22
        for number, place in enumerate(self._places):
            button = QToolButton(rail)
            button.setText(place.name)
            button.setIcon(theme.icon(place.icon))
            button.setIconSize(QSize(26, 26))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setCheckable(True)
            button.setFixedWidth(width)
            button.setToolTip(f"{place.name} ({place.key})")
            button.setAccessibleName(place.name)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._buttons.addButton(button, number)
            layout.addWidget(button)
            self._stack.addWidget(place.page)
            # the rail's: behind a cover no key leads anywhere
            shortcut = QShortcut(QKeySequence(place.key), rail)
            shortcut.activated.connect(lambda number=number: self.go(number))
        layout.addStretch(1)
        self.menu = QMenu(rail)
        self._menu_button = QToolButton(rail)
        self._menu_button.setText(_("Security"))
        self._menu_button.setIcon(theme.icon("mdi6.shield-lock-outline"))
        self._menu_button.setIconSize(QSize(26, 26))
        self._menu_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu_button.setMenu(self.menu)
        self._menu_button.setFixedWidth(width)
        self._menu_button.setAccessibleName(_("Security"))
        self._menu_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self._menu_button.hide()
        layout.addWidget(self._menu_button)
        self._buttons.idClicked.connect(self.go)
        return rail

    def offer(self, text: str, icon: str, keys: str, chosen: Callable[[], None]) -> None:
        """An entry of the menu at the foot of the rail; the menu is there once it has one."""
        action = self.menu.addAction(theme.icon(icon), f"{text}\t{keys}" if keys else text)
        action.triggered.connect(lambda _checked: chosen())
        self._menu_button.show()

    def cover(self, page: QWidget) -> None:
        """Show a page in place of everything, above what covers it already."""
        self._cover.addWidget(page)
        self._cover.setCurrentWidget(page)

    def uncover(self, page: QWidget) -> None:
        """Take a cover away; what it covered is there again."""
        self._cover.removeWidget(page)
        page.setParent(None)
        self._cover.setCurrentIndex(self._cover.count() - 1)

    @property
    def covered_by(self) -> QWidget | None:
        """The page above everything, if there is one."""
        return self._cover.currentWidget() if self._cover.count() > 1 else None

    def veil(self, face: QWidget) -> None:
        """Show a face and nothing else, whatever comes behind it meanwhile."""
        self._veil.addWidget(face)
        self._veil.setCurrentWidget(face)

    def unveil(self, face: QWidget) -> None:
        """Show again what is behind the face."""
        self._veil.removeWidget(face)
        face.setParent(None)

    @property
    def place(self) -> int:
        """The number of the place that is shown."""
        return self._stack.currentIndex()

    def go(self, number: int) -> None:
        """Show a place; its page says by its focus proxy where the keys go."""
        self._stack.setCurrentIndex(number)
        self._buttons.button(number).setChecked(True)
        page = self._places[number].page
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_badge(self, number: int, count: int) -> None:
        """Write a count beside a place's name; 0 removes it."""
        place = self._places[number]
        self._buttons.button(number).setText(f"{place.name} · {count}" if count else place.name)

    def show_status(self, status: Status) -> None:
        self.status.show_status(status)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closing.emit()
        event.accept()

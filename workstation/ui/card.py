"""A page with one column in its middle: a title, what it is about, fields, one line for what went wrong, buttons.

The lock, the first start and what is asked before the archive opens look like this.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workstation.errors import WorkstationError
from workstation.language import _, ngettext
from workstation.ui import theme

Choice = TypeVar("Choice", bound=QAbstractButton)

WIDTH = 460
_ICON = QSize(44, 44)


class CardPage(QScrollArea):
    """Fields come in the order in which they are added; Enter in the last one presses the primary button."""

    def __init__(self, icon: str, title: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget(self)
        self.setWidget(body)
        self.column = QVBoxLayout()
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(8)
        held = QWidget(body)
        held.setFixedWidth(WIDTH)
        held.setLayout(self.column)
        # a little above the middle, where the eye looks first; no alignment, which would forget heights for widths
        middle = QVBoxLayout()
        middle.addStretch(2)
        middle.addWidget(held)
        middle.addStretch(3)
        outer = QHBoxLayout(body)
        outer.setContentsMargins(24, 24, 24, 24)
        outer.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(1)
        sign = QLabel(self)
        sign.setPixmap(theme.icon(icon, theme.current().accent).pixmap(_ICON))
        self.column.addWidget(sign)
        self.column.addSpacing(4)
        self.title = self.label(title, "title")
        self.text = self.label(text, "muted")
        self.text.setVisible(bool(text))
        self.column.addSpacing(8)
        self._message = QLabel(self)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setAccessibleName(_("Message"))
        theme.set_role(self._message, "error")
        # room for one line always, so that nothing jumps under the pointer
        self._message.setMinimumHeight(self._message.fontMetrics().lineSpacing() + 4)
        self.primary: QPushButton | None = None
        self._pause = QTimer(self)
        self._pause.setInterval(250)
        self._pause.timeout.connect(self._count_down)
        self._ready_at = 0.0
        self._busy = False

    def label(self, text: str, role: str = "") -> QLabel:
        """A line of text below what is there."""
        label = QLabel(text, self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            theme.set_role(label, role)
        self.column.addWidget(label)
        return label

    def field(self, name: str, secret: bool = True, entered: Callable[[], None] | None = None) -> QLineEdit:
        """A field under its name; a secret one shows dots, and its letters while the eye is open.

        `entered` is what Enter does, in place of going on to the next empty field or the primary button.
        """
        title = QLabel(name, self)
        field = QLineEdit(self)
        field.setAccessibleName(name)
        title.setBuddy(field)
        # a menu would be a window of its own above the lock
        field.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        field.setMinimumHeight(34)
        if secret:
            hide_letters(field)
        title.setVisible(bool(name))
        self.column.addWidget(title)
        self.column.addWidget(field)
        self.setFocusProxy(self.focusProxy() or field)
        field.returnPressed.connect(entered or self._entered)
        return field

    def buttons(self, primary: str, others: Sequence[QPushButton] = ()) -> QPushButton:
        """The message line and, below it, what goes on (also on Enter) and what else can be done."""
        self.column.addWidget(self._message)
        button = QPushButton(primary, self)
        theme.set_role(button, "primary")
        button.setMinimumHeight(34)
        button.setDefault(True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(button)
        for other in others:
            other.setMinimumHeight(34)
            row.addWidget(other)
        row.addStretch(1)
        self.column.addLayout(row)
        self.primary = button
        return button

    def add(self, item: QLayout | QWidget) -> None:
        """Something of another kind below what is there."""
        if isinstance(item, QWidget):
            self.column.addWidget(item)
        else:
            self.column.addLayout(item)

    @property
    def message(self) -> str:
        return self._message.text()

    def say(self, text: str, role: str = "error") -> None:
        """Write the message line."""
        theme.set_role(self._message, role)
        self._message.setText(text)

    def refuse(self, error: WorkstationError, wait: float = 0.0) -> None:
        """Say what went wrong, and take no other attempt for `wait` seconds."""
        self.set_busy(False)
        self.say(str(error))
        if wait > 0:
            self._ready_at = time.monotonic() + wait
            self._pause.start()
            self._count_down()
        field = self.focusProxy()
        if isinstance(field, QLineEdit):
            field.selectAll()
            field.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_busy(self, busy: bool) -> None:
        """While what was given is looked at, nothing else is taken."""
        self._busy = busy
        self._enable()

    @property
    def is_ready(self) -> bool:
        """Whether an attempt would be taken."""
        return not self._busy and not self._pause.isActive()

    def _count_down(self) -> None:
        left = self._ready_at - time.monotonic()
        if left <= 0:
            self._pause.stop()
            self.say("")
        else:
            count = math.ceil(left)
            wait = ngettext("Try again in {count} second.", "Try again in {count} seconds.", count)
            self.say(wait.format(count=count))
        self._enable()

    def _enable(self) -> None:
        if self.primary is not None:
            self.primary.setEnabled(self.is_ready)

    def _entered(self) -> None:
        """Enter goes to the next empty field, and from the last one on."""
        fields = [field for field in self.findChildren(QLineEdit) if field.isVisible()]
        sender = self.sender()
        behind = fields[fields.index(sender) + 1 :] if isinstance(sender, QLineEdit) and sender in fields else []
        following = next((field for field in behind if not field.text()), None)
        if following is not None:
            following.setFocus(Qt.FocusReason.TabFocusReason)
        elif self.primary is not None:
            self.primary.click()


def quiet(text: str, icon: str = "") -> QPushButton:
    """A button for what is seldom wanted."""
    button = QPushButton(text)
    if icon:
        button.setIcon(theme.icon(icon))
        button.setIconSize(theme.ICON_SIZE)
    theme.set_role(button, "quiet")
    return button


def outlined(choice: Choice) -> Choice:
    """A check box or radio button whose empty indicator can be seen on the dark page."""
    palette = choice.palette()
    palette.setColor(QPalette.ColorRole.Window, QColor(theme.current().muted))
    palette.setColor(QPalette.ColorRole.Base, QColor(theme.current().raised))
    choice.setPalette(palette)
    return choice


def hide_letters(field: QLineEdit) -> None:
    """Dots in place of letters, and an eye that shows them."""
    field.setEchoMode(QLineEdit.EchoMode.Password)
    eye = QAction(theme.icon("mdi6.eye-outline"), _("Show what is typed"), field)
    eye.setCheckable(True)

    def show(on: bool) -> None:
        field.setEchoMode(QLineEdit.EchoMode.Normal if on else QLineEdit.EchoMode.Password)
        eye.setIcon(theme.icon("mdi6.eye-off-outline" if on else "mdi6.eye-outline"))

    eye.toggled.connect(show)
    field.addAction(eye, QLineEdit.ActionPosition.TrailingPosition)

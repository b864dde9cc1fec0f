"""The status bar: link, reader, what is held, how full the archive is, the outbox, and work under way."""

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QProgressBar, QToolButton, QWidget

from workstation.jobs import Progress
from workstation.language import _, ngettext, number_text
from workstation.ui import theme
from workstation.ui.ahead import AheadIndicator
from workstation.ui.background import Activity, Background
from workstation.ui.elided import ElidedLabel


@dataclass(frozen=True)
class Status:
    """The state of the desk. `link` is "online", "offline" or "unknown", `trouble` says why; sizes are bytes."""

    link: str
    server: str
    reader: str
    held: int
    archive_bytes: int
    archive_limit_bytes: int
    outbox: int
    trouble: str = ""


def format_size(size: int) -> str:
    """A size in the unit that fits: 740 MB, 1.4 GB."""
    if size < 1e9:
        return _("{size} MB").format(size=number_text(size / 1e6, 0))
    return _("{size} GB").format(size=number_text(size / 1e9))


class StatusBar(QFrame):
    """One row at the foot of the window."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "status")
        self.server_menu = QMenu(self)
        self._link = QToolButton(self)
        self._link.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._link.setIconSize(QSize(16, 16))
        self._link.setMenu(self.server_menu)
        self._link.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._link.setAccessibleName(_("Server"))
        theme.set_role(self._link, "quiet")
        # as flat as the labels beside it
        self._link.setStyleSheet(
            "QToolButton { padding: 1px 18px 1px 0; margin: 0 }"
            "QToolButton::menu-indicator { subcontrol-origin: padding; subcontrol-position: right center; right: 2px }"
        )
        self._reader = QLabel(self)
        self._held = QLabel(self)
        self._archive = QLabel(self)
        self._outbox = QLabel(self)
        self._work = ElidedLabel(self)
        self._work.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = QProgressBar(self)
        self._bar.setFixedWidth(150)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._cancel = QToolButton(self)
        self._cancel.setIcon(theme.icon("mdi6.close"))
        self._cancel.setIconSize(QSize(14, 14))
        self._cancel.setToolTip(_("Cancel this work"))
        self._cancel.setAccessibleName(_("Cancel this work"))
        theme.set_role(self._cancel, "quiet")
        self._cancel.clicked.connect(self._cancel_first)
        for label in (self._reader, self._held, self._archive, self._outbox, self._work):
            theme.set_role(label, "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 3, 12, 3)
        layout.setSpacing(7)
        layout.addWidget(self._link)
        for label in (self._reader, self._held, self._archive, self._outbox):
            layout.addWidget(self._separator())
            layout.addWidget(label)
        layout.addStretch(1)
        self.ahead = AheadIndicator(self)
        layout.addWidget(self.ahead)
        layout.addWidget(self._work)
        layout.addWidget(self._bar)
        layout.addWidget(self._cancel)
        self.setFixedHeight(32)
        self._background = background
        background.activity_started.connect(self._follow)
        background.activity_ended.connect(lambda _activity: self._show_work())
        self._show_work()

    def _separator(self) -> QLabel:
        dot = QLabel("·", self)
        theme.set_role(dot, "muted")
        return dot

    def show_status(self, status: Status) -> None:
        """Write the state of the desk."""
        colors = theme.current()
        words, color, icon = {
            "online": (_("Online"), colors.good, "mdi6.lan-connect"),
            "offline": (_("Offline"), colors.warning, "mdi6.lan-disconnect"),
        }.get(status.link, (_("Connecting…"), colors.muted, "mdi6.lan-pending"))
        self._link.setIcon(theme.icon(icon, color))
        self._link.setText(f"{words}: {status.server}" if status.server else words)
        self._link.setToolTip(status.trouble or _("Choose the server, sign in or out"))
        self._reader.setText(status.reader or _("No reader is set up"))
        self._held.setText(ngettext("{count} case held", "{count} cases held", status.held).format(count=status.held))
        self._archive.setText(
            _("Archive {size} of {limit}").format(
                size=format_size(status.archive_bytes), limit=format_size(status.archive_limit_bytes)
            )
        )
        self._outbox.setText(
            ngettext("{count} in the outbox", "{count} in the outbox", status.outbox).format(count=status.outbox)
        )

    def _follow(self, activity: Activity) -> None:
        activity.progressed.connect(self._show_work)
        self._show_work()

    def _show_work(self, _progress: Progress | None = None) -> None:
        activities = self._background.activities
        for widget in (self._bar, self._cancel):
            widget.setVisible(bool(activities))
        if not activities:
            self._work.setText("")
            return
        first = activities[0]
        text = f"{first.title}: {first.progress.text}" if first.progress.text else first.title
        others = len(activities) - 1
        self._work.setText(f"{text} (+{others})" if others else text)
        self._bar.setRange(0, first.progress.total)
        self._bar.setValue(first.progress.done)

    def _cancel_first(self) -> None:
        if self._background.activities:
            self._background.activities[0].cancel()

"""What is fetched before it is asked for, at the foot of the window: how much, why it waits, and its pause button."""

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from workstation.consultation.fetching import Fetching
from workstation.consultation.wanted import FetchingState, HeldBack, Kind, Pull, Urgency
from workstation.language import N_, _, ngettext, number_text
from workstation.ui import theme

_WAITS = {
    HeldBack.PAUSED: N_("Fetching ahead is paused"),
    HeldBack.LINK: N_("Fetching ahead waits for the link"),
    HeldBack.HOURS: N_("Fetching ahead waits for its hours"),
    HeldBack.ROOM: N_("No room to fetch ahead"),
}


class AheadIndicator(QWidget):
    """A line of text with a button; hidden while nothing is wanted ahead."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._text = QLabel(self)
        theme.set_role(self._text, "muted")
        self.button = QToolButton(self)
        self.button.setIconSize(QSize(14, 14))
        theme.set_role(self.button, "quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._text)
        layout.addWidget(self.button)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_state(self, state: FetchingState) -> None:
        """Write what is fetched ahead, or why it waits."""
        ahead = [pull for pull in state.pulls if pull.urgency is not Urgency.OPENED]
        paused = state.held_back is HeldBack.PAUSED
        running = state.running
        # while an opened case comes, that is what the line is about
        opened = running is not None and running.urgency is Urgency.OPENED
        self.setVisible((bool(ahead) and not opened) or paused)
        studies = {pull.study_uid for pull in ahead if pull.kind is not Kind.SEARCH}
        waits = _WAITS.get(state.held_back)
        if waits is not None:
            self._text.setText(_(waits))
        elif running is not None and running.urgency is not Urgency.OPENED:
            self._text.setText(_progress(running))
        else:
            self._text.setText(_("Fetching ahead"))
        tips = [
            ngettext("{count} study is still to come.", "{count} studies are still to come.", len(studies)).format(
                count=len(studies)
            )
        ]
        if running is not None and running.urgency is not Urgency.OPENED and running.text:
            tips.append(running.text)
        if state.last_error is not None:
            tips.append(str(state.last_error))
        self.setToolTip("\n".join(tips))
        self.button.setIcon(theme.icon("mdi6.play" if paused else "mdi6.pause"))
        name = _("Go on fetching ahead") if paused else _("Pause fetching ahead")
        self.button.setToolTip(name)
        self.button.setAccessibleName(name)


class Ahead(QObject):
    """Shows the indicator what the service tells, and takes it the reader's pause; `changed` when something came."""

    changed = Signal()
    _told = Signal(object)

    def __init__(self, fetching: Fetching, indicator: AheadIndicator) -> None:
        super().__init__(indicator)
        self._fetching = fetching
        self._done = fetching.state.done
        self._told.connect(indicator.show_state)
        self._told.connect(self._note)
        self._silence = fetching.listen(self._told.emit)
        indicator.button.clicked.connect(self._turn)
        indicator.show_state(fetching.state)

    def close(self) -> None:
        """Hear nothing any more."""
        self._silence()

    def _note(self, state: FetchingState) -> None:
        done, self._done = self._done, state.done
        if done != state.done:
            self.changed.emit()

    def _turn(self) -> None:
        paused = self._fetching.state.held_back is HeldBack.PAUSED
        (self._fetching.resume if paused else self._fetching.pause)()


def _progress(pull: Pull) -> str:
    if not pull.expected:
        return _("Fetching ahead")
    percent = number_text(100 * pull.received / pull.expected, 0)
    return _("Fetching ahead: a study, {percent} %").format(percent=percent)

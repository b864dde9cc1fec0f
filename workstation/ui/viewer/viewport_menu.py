"""The menu of a viewport: every window and table by name, stored presentation states, what lies over the picture."""

from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from workstation.language import _
from workstation.ui.viewer.keys import key_text
from workstation.ui.viewer.wording import mapping_name, presentation_name, voi_name
from workstation.viewing.commands import BY_ID
from workstation.viewing.reading_session import ReadingSession
from workstation.viewing.viewport import PlaneKind, ViewportState, VoiChoice

_GROUPS = (
    ("measurement.report", "measurement.calibrate", "measurement.delete"),
    ("view.subtraction", "view.overlays", "view.shutter"),
    ("view.invert", "view.turn", "view.flip", "view.cubic", "view.reset"),
)
"""Behind greys and stored views: the selected measurement, what lies over the picture, how it stands."""


def fill_greys(menu: QMenu, session: ReadingSession, number: int) -> None:
    """Presets, the stored window of the presentation state in force, all alternatives of the file, and automatic."""
    stack, state = session.views.stack(number), session.views[number].state
    if stack is None:
        return
    choose = session.move.choose_voi
    for preset in session.presets:
        if preset.fits(stack):
            chosen = state.voi.source == "preset" and state.voi.voi == preset.window
            action = menu.addAction(
                f"{_(preset.title)}\t{preset.key}", partial(session.move.apply_preset, number, preset)
            )
            _mark(action, chosen)
    if not menu.isEmpty():
        menu.addSeparator()
    if session.views.presentation(number) is not None:
        action = menu.addAction(_("Stored window"), partial(choose, number, VoiChoice("presentation")))
        _mark(action, state.voi.source == "presentation")
    for at, offered in enumerate(stack.alternatives(state.index)):
        text = voi_name(offered.voi, offered.name) or _("From the file, {number}").format(number=at + 1)
        action = menu.addAction(text, partial(choose, number, VoiChoice("file", offered.name, None, at)))
        _mark(action, _is_file(state, at))
    action = menu.addAction(_("Automatic"), partial(choose, number, VoiChoice("auto")))
    _mark(action, state.voi.source == "auto")


def viewport_menu(session: ReadingSession, number: int) -> QMenu | None:
    """The whole menu of a viewport; None where it shows nothing."""
    stack = session.views.stack(number)
    if stack is None:
        return None
    menu = QMenu()
    if not stack.colour:
        fill_greys(menu, session, number)
    _add_values(menu, session, number)
    _add_presentations(menu, session, number)
    for group in _GROUPS:
        menu.addSeparator()
        for name in group:
            command = BY_ID[name]
            if command.enabled(session):
                action = menu.addAction(f"{_(command.title)}\t{key_text(command)}", partial(command.run, session))
                if command.checked is not None:
                    _mark(action, command.checked(session))
    return menu


def _add_values(menu: QMenu, session: ReadingSession, number: int) -> None:
    """The real-world values on offer, by name and unit, and those of the rescale."""
    stack = session.views.stack(number)
    if stack is None or not stack.mappings:
        return
    menu.addSeparator()
    for at, mapping in enumerate(stack.mappings):
        action = menu.addAction(mapping_name(mapping), partial(session.move.choose_values, number, at))
        _mark(action, stack.values == at)
    action = menu.addAction(_("Values of the rescale"), partial(session.move.choose_values, number, -1))
    _mark(action, stack.values == -1)


def _add_presentations(menu: QMenu, session: ReadingSession, number: int) -> None:
    stack, state = session.views.stack(number), session.views[number].state
    if stack is None or state.kind is not PlaneKind.STACK:
        return
    offered = session.case.presentations.offered(stack, state.index)
    if not offered:
        return
    menu.addSeparator()
    in_force = session.views.presentation(number)
    for presentation in offered:
        if presentation.refusal:
            menu.addAction(presentation.refusal).setEnabled(False)
            continue
        uid = presentation.sop_instance_uid
        action = menu.addAction(presentation_name(presentation), partial(session.move.present, number, uid))
        _mark(action, in_force is presentation)
    if in_force is not None:
        menu.addAction(_("No stored view"), partial(session.move.present, number, ""))


def _is_file(state: ViewportState, at: int) -> bool:
    return state.voi.source == "file" and state.voi.index == at


def _mark(action: QAction, chosen: bool) -> None:
    action.setCheckable(True)
    action.setChecked(chosen)

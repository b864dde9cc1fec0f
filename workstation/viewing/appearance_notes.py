"""What the reader must know about the look of a picture: greys that are not what was asked for, what is covered."""

from workstation.dicom.presentation_state import PresentationState
from workstation.imaging.voi import Window
from workstation.language import _
from workstation.viewing.open_case import OpenCase
from workstation.viewing.presentations import greys_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState


def presentation_in_force(case: OpenCase, stack: ShownStack, state: ViewportState) -> PresentationState | None:
    """The presentation state that the picture of a viewport follows."""
    if state.kind is not PlaneKind.STACK or not state.presentation:
        return None
    return case.presentations.in_force(state.presentation, stack, state.index)


def appearance_notes(case: OpenCase, stack: ShownStack, state: ViewportState) -> tuple[str, ...]:
    """Short notes for the badge, the weightiest first."""
    notes: list[str] = []
    instance = stack.instance(state.index)
    if instance.presentation_intent == "FOR PROCESSING":
        notes.append(_("for processing, not for diagnosis"))
    if stack.no_real_world:
        notes.append(_("no real-world values: {reason}").format(reason=stack.no_real_world))
    presentation = presentation_in_force(case, stack, state)
    voi = stack.voi(state.voi, state.index)
    if isinstance(voi, Window) and voi.function == "LINEAR" and voi.width < 1:
        notes.append(_("window width below 1: taken as 1"))
    if state.kind is not PlaneKind.STACK:
        return tuple(notes)
    if instance.study_uid in case.presentations.unreadable:
        notes.append(_("a stored view can't be read"))
    if presentation is not None and not stack.colour:
        if not greys_of(presentation, stack, state.index):
            notes.append(_("the stored greys can't be had"))
        elif state.voi.source != "presentation":
            notes.append(_("not the stored window"))
    area = None if presentation is None else presentation.area_for(instance.sop_instance_uid, _frame(stack, state))
    if area is not None and area.mode == "TRUE SIZE":
        notes.append(_("not in true size"))
    shutter = instance.shutter if presentation is None else presentation.shutter
    if shutter is not None:
        notes.append(_("shutter") if state.shuttered else _("shutter off"))
    drawn = presentation is not None and bool(presentation.annotations or presentation.activated)
    groups = {plane.group for plane in instance.overlays}
    if presentation is not None and state.overlays and groups - set(presentation.activated):
        notes.append(_("overlays of the image left out"))
    if not state.overlays and (instance.overlays or drawn):
        notes.append(_("graphics hidden"))
    if instance.sop_instance_uid in case.overlays.failures:
        notes.append(_("an overlay can't be read"))
    return tuple(notes)


def _frame(stack: ShownStack, state: ViewportState) -> int:
    return stack.stack.frames[state.index].frame

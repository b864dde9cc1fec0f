"""How an image looks in a viewport: its greys, its polarity, and the layers over it, by the file or a stored state.

One place where the header of the image, a presentation state and the reader's own choice meet; whoever makes a picture
asks here.
"""

from dataclasses import dataclass, replace

import numpy as np

from workstation.dicom.overlays import OverlayBits
from workstation.dicom.presentation_state import PresentationState
from workstation.imaging.voi import Voi
from workstation.viewing.overlaid import Mask, Overlaid, free_of, image_to_pixel
from workstation.viewing.presentations import greys_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import PlaneKind, ViewportState, VoiChoice

Planes = tuple[OverlayBits, ...]


@dataclass(frozen=True, eq=False)
class Appearance:
    """`voi` None: to be made from the pixels."""

    voi: Voi | None
    inverted: bool
    overlaid: Overlaid


def appearance_of(
    stack: ShownStack, state: ViewportState, presentation: PresentationState | None = None, planes: Planes = ()
) -> Appearance:
    """The look of a viewport; `presentation` is the state in force, `planes` the overlay planes of the image."""
    inverted = stack.instance(state.index).inverted
    if presentation is not None and not stack.colour:
        # its shape rules alone: with MONOCHROME1 an INVERSE state would else be inverted twice
        inverted = presentation.inverse
    overlaid = Overlaid()
    if state.kind is PlaneKind.STACK:
        overlaid = _overlaid(stack, state, presentation, planes)
    return Appearance(chosen_voi(stack, state, presentation), state.inverted != inverted, overlaid)


def chosen_voi(stack: ShownStack, state: ViewportState, presentation: PresentationState | None) -> Voi | None:
    """The greys of a viewport; None as long as they have to be made from pixels not yet seen."""
    choice = state.voi
    if choice.source != "presentation":
        return stack.voi(choice, state.index)
    greys = () if presentation is None else greys_of(presentation, stack, state.index)
    if greys:
        return greys[min(choice.index, len(greys) - 1)]
    return stack.voi(VoiChoice("file"), state.index)


def _overlaid(
    stack: ShownStack, state: ViewportState, presentation: PresentationState | None, planes: Planes
) -> Overlaid:
    instance = stack.instance(state.index)
    shutter = instance.shutter if presentation is None else presentation.shutter
    free: Mask | None = None
    if shutter is not None and state.shuttered:
        free = free_of(replace(shutter, overlay_group=None, value=None), instance.rows, instance.columns)
        if presentation is not None and shutter.overlay_group is not None:
            free = _without_bitmap(free, presentation, shutter.overlay_group)
    shown = _shown_planes(presentation, planes) if state.overlays else ()
    if free is None and not shown:
        return Overlaid()
    grey = 0 if shutter is None else shutter.grey
    return Overlaid(image_to_pixel(stack, state.index, state.plane), free, grey, shown)


def _without_bitmap(free: Mask, presentation: PresentationState, group: int) -> Mask:
    """What is free, less the set bits of a bitmap shutter."""
    bits = presentation.bitmaps.get(group)
    plane = next((one for one in presentation.planes if one.group == group), None)
    if bits is None or plane is None:
        return free
    left = free.copy()
    rows, columns = free.shape
    top, low = max(plane.top, 0), min(plane.top + plane.rows, rows)
    first, last = max(plane.left, 0), min(plane.left + plane.columns, columns)
    if top < low and first < last:
        left[top:low, first:last] &= ~bits[top - plane.top : low - plane.top, first - plane.left : last - plane.left]
    return left


def _shown_planes(presentation: PresentationState | None, planes: Planes) -> Planes:
    """The image's planes; under a presentation state those that it activates, and its own (C.11.7)."""
    if presentation is None:
        return planes
    own = tuple(
        OverlayBits(plane, np.asarray(bits))
        for plane in presentation.planes
        if plane.group in presentation.activated and (bits := presentation.bitmaps.get(plane.group)) is not None
    )
    taken = {one.plane.group for one in own}
    groups = set(presentation.activated) - taken
    return own + tuple(one for one in planes if one.plane.group in groups)

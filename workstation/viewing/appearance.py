"""How an image looks in a viewport: its greys, its polarity, and the layers over it, by the file or a stored state.

One place where the header of the image, a presentation state and the reader's own choice meet; whoever makes a picture
asks here.
"""

from dataclasses import dataclass

import numpy as np

from workstation.dicom.overlays import OverlayBits
from workstation.dicom.presentation_state import PresentationState
from workstation.imaging.voi import Voi
from workstation.viewing.overlaid import Overlaid, image_to_pixel
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
    if not state.shuttered:
        shutter = None
    shown = _shown_planes(presentation, planes) if state.overlays else ()
    if shutter is None and not shown:
        return Overlaid()
    bitmap = None
    if shutter is not None and presentation is not None:
        bitmap = _bitmap(presentation, shutter.overlay_group)
    affine = image_to_pixel(stack, state.index, state.plane)
    return Overlaid(affine, instance.rows, instance.columns, shutter, bitmap, shown)


def _bitmap(presentation: PresentationState, group: int | None) -> OverlayBits | None:
    """The bitmap of a shutter: the state's own overlay plane of that group."""
    plane = next((one for one in presentation.planes if one.group == group), None)
    bits = None if plane is None else presentation.bitmaps.get(plane.group)
    return None if plane is None or bits is None else OverlayBits(plane, bits)


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

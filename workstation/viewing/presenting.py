"""A presentation state put on a viewport: turned, mirrored, cut out and grey as it was stored (PS3.3 C.10.4, C.10.6).

The reader may then move on from there: another window, zoom or slice leaves the graphics and the shutter in force.
"""

from dataclasses import replace

import numpy as np

from workstation.dicom.presentation_state import DisplayedArea, PresentationState
from workstation.viewing.presentations import greys_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import vec
from workstation.viewing.viewport import PlaneKind, ViewportState, VoiChoice


def presented(state: ViewportState, stack: ShownStack, presentation: PresentationState) -> ViewportState:
    """The viewport with the state in force; its greys stay where those of the presentation state can't be had."""
    turns = presentation.rotation // 90
    # stored: turned, then mirrored; a viewport mirrors first, so the turn goes the other way round
    turns = -turns % 4 if presentation.flipped else turns
    right, down = stack.axes_of(PlaneKind.STACK, state.index)
    greys = greys_of(presentation, stack, state.index)
    after = replace(
        state,
        kind=PlaneKind.STACK,
        presentation=presentation.sop_instance_uid,
        right=right,
        down=down,
        turns=turns,
        flipped=presentation.flipped,
        inverted=False,
        overlays=True,
        shuttered=True,
        voi=VoiChoice("presentation") if greys else state.voi,
    )
    after = stack.fitted(replace(after, centre=stack.centre(state.index)))
    ref = stack.stack.frames[state.index]
    area = presentation.area_for(ref.instance.sop_instance_uid, ref.frame)
    whole = area is None or {area.first, area.last} == {(1, 1), (ref.instance.columns, ref.instance.rows)}
    if area is None or (whole and area.mode != "MAGNIFY"):
        return after
    return _cut_out(after, stack, area)


def unpresented(state: ViewportState, stack: ShownStack) -> ViewportState:
    """The viewport as the stack opens, at the same image."""
    right, down = stack.axes_of(state.kind, state.index)
    turns, flipped = stack.turned
    plain = replace(state, presentation="", right=right, down=down, turns=turns, flipped=flipped, inverted=False)
    return stack.fitted(replace(plain, voi=stack.first_choice()))


def area_pixels(area: DisplayedArea) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of an area in columns and rows, pixel centres at integers from 0."""
    columns, rows = sorted((area.first[0], area.last[0])), sorted((area.first[1], area.last[1]))
    return columns[0] - 1.5, rows[0] - 1.5, columns[1] - 0.5, rows[1] - 0.5


def _cut_out(state: ViewportState, stack: ShownStack, area: DisplayedArea) -> ViewportState:
    matrix = stack.matrix(state.index)
    left, top, right, bottom = area_pixels(area)
    centre = matrix @ np.array([(left + right) / 2, (top + bottom) / 2, 0.0, 1.0])
    column_mm, row_mm = np.linalg.norm(matrix[:3, 0]), np.linalg.norm(matrix[:3, 1])
    wide, high = (right - left) * float(column_mm), (bottom - top) * float(row_mm)
    if state.turns % 2:
        wide, high = high, wide
    mm = max(wide / state.width, high / state.height)
    magnification = area.magnification or 0.0
    if area.mode == "MAGNIFY" and magnification > 0:
        mm = float(column_mm) / magnification
    return replace(state, centre=vec(centre[:3]), mm_per_pixel=min(max(mm, 0.001), 50.0), fitted=False)

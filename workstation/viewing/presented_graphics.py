"""Graphics and texts of the presentation state in force, in the device pixels of a picture.

PIXEL units count from the corner of the first pixel, our pixels from their centres: half a pixel lies between (PS3.3
C.10.5.1.2). DISPLAY units are fractions of the displayed area and stay where they are when the picture is moved.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.graphic_annotations import GraphicObject, Points, TextObject
from workstation.dicom.presentation_state import PresentationState
from workstation.viewing.overlaid import image_to_pixel
from workstation.viewing.presenting import area_pixels
from workstation.viewing.stacks import ShownStack
from workstation.viewing.viewport import ViewportState

Spots = tuple[tuple[float, float], ...]
Affine = NDArray[np.float64]

_ARC = 96
_STEPS = 12


@dataclass(frozen=True)
class Stroke:
    """A line through spots, or one spot; `colour` is 8-bit RGB, None where none is recommended."""

    spots: Spots
    colour: tuple[int, ...] | None = None
    filled: bool = False


@dataclass(frozen=True)
class Label:
    """A text in its box (left, top, right, bottom), or at its anchor; `joined` by a line."""

    text: str
    colour: tuple[int, ...] | None = None
    box: tuple[float, float, float, float] | None = None
    anchor: tuple[float, float] | None = None
    joined: bool = False
    justification: str = "LEFT"


def graphics_of(
    presentation: PresentationState, stack: ShownStack, state: ViewportState
) -> tuple[tuple[Stroke, ...], tuple[Label, ...]]:
    """What a presentation state draws over the image a viewport shows, the lowest layer first."""
    ref = stack.stack.frames[state.index]
    uid, frame = ref.instance.sop_instance_uid, ref.frame
    units = {
        "PIXEL": _corner_to_pixel(stack, state),
        "DISPLAY": _fraction_to_pixel(presentation, stack, state),
    }
    colours = {layer.name: layer.colour for layer in presentation.layers}
    strokes: list[Stroke] = []
    labels: list[Label] = []
    for annotation in presentation.annotations_for(uid, frame):
        colour = colours.get(annotation.layer)
        for graphic in annotation.graphics:
            if graphic.units in units:
                strokes.append(Stroke(_carried(units[graphic.units], outline(graphic)), colour, graphic.filled))
        for text in annotation.texts:
            if text.box_units in units and text.anchor_units in units:
                labels.append(_label(text, colour, units))
    return tuple(strokes), tuple(labels)


def _corner_to_pixel(stack: ShownStack, state: ViewportState) -> Affine:
    affine = image_to_pixel(stack, state.index, state.plane)
    affine[:, 2] -= affine[:, :2] @ np.array([0.5, 0.5])
    return affine


def _fraction_to_pixel(presentation: PresentationState, stack: ShownStack, state: ViewportState) -> Affine:
    """0\\0 is the top left, 1\\1 the bottom right of the displayed area, as it fits into the viewport."""
    ref = stack.stack.frames[state.index]
    area = presentation.area_for(ref.instance.sop_instance_uid, ref.frame)
    wide, high = float(ref.instance.columns), float(ref.instance.rows)
    if area is not None:
        left, top, right, bottom = area_pixels(area)
        wide, high = right - left, bottom - top
    spacing = stack.stack.spacing
    wide, high = wide * spacing.column_mm, high * spacing.row_mm
    if presentation.rotation % 180:
        wide, high = high, wide
    scale = min(state.width / wide, state.height / high)
    wide, high = wide * scale, high * scale
    start_x, start_y = (state.width - wide) / 2 - 0.5, (state.height - high) / 2 - 0.5
    return np.array([[wide, 0.0, start_x], [0.0, high, start_y]])


def outline(graphic: GraphicObject) -> Points:
    """The points of a graphic as a line: circles, ellipses and curves in short steps, in its own units."""
    points = np.asarray(graphic.points, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, _ARC + 1)
    if graphic.kind == "CIRCLE":
        radius = float(np.hypot(*(points[1] - points[0])))
        return _points(points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    if graphic.kind == "ELLIPSE":
        centre = (points[0] + points[1]) / 2
        first, second = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
        return _points(centre + np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second)
    if graphic.kind == "INTERPOLATED" and len(points) > 2:
        return _points(_curve(points))
    return _points(points)


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Catmull-Rom curve through the points; closed when the last is the first."""
    closed = bool(np.allclose(points[0], points[-1]))
    before = points[-2] if closed else 2 * points[0] - points[1]
    after = points[1] if closed else 2 * points[-1] - points[-2]
    padded = np.concatenate([[before], points, [after]])
    t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    parts = []
    for n in range(1, len(padded) - 2):
        p0, p1, p2, p3 = padded[n - 1 : n + 3]
        parts.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.concatenate([*parts, points[-1:]])


def _points(values: NDArray[np.float64]) -> Points:
    return tuple((float(x), float(y)) for x, y in values)


def _carried(affine: Affine, points: Points) -> Spots:
    return _points(np.asarray(points) @ affine[:, :2].T + affine[:, 2])


def _label(text: TextObject, colour: tuple[int, ...] | None, units: dict[str, Affine]) -> Label:
    box = None
    if text.box:
        corners = _carried(units[text.box_units], text.box)
        (left, right), (top, bottom) = (sorted(axis) for axis in zip(*corners, strict=True))
        box = left, top, right, bottom
    anchor = _carried(units[text.anchor_units], (text.anchor,))[0] if text.anchor is not None else None
    return Label(text.text, colour, box, anchor, text.anchor_visible and box is not None, text.justification)

"""Numbers of a drawing: in mm and in the unit of the values, from the volume and never from the screen."""

import math
from dataclasses import replace

from workstation.dicom.content import Quantity
from workstation.imaging.measure import Ellipse, RegionStatistics, ellipse_on_plane, ellipse_on_slice, length_mm
from workstation.imaging.plane import Plane
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
from workstation.viewing.loading import StackLoader
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import scale, subtract, unit

# a point this near to the middle of an image, in slices, lies on it
_ON_IMAGE = 0.02


def placed(drawing: Drawing, stack: ShownStack, plane: str) -> Drawing:
    """The drawing with its source image, and its pixels there when it lies on an acquired image."""
    k = stack.nearest(drawing.centre)
    pixels = [stack.pixel_of(k, point) for point in drawing.points]
    on_image = all(abs(away) <= _ON_IMAGE * stack.slice_step for _i, _j, away in pixels)
    return replace(
        drawing,
        source=stack.reference(k),
        points_px=tuple((i + 0.5, j + 0.5) for i, j, _away in pixels) if on_image else (),
        plane="stack" if on_image else plane,
        quantities=(),
    )


def measured(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> Drawing:
    """The drawing with its numbers; without them as long as its pixels are not there."""
    source = stack.stack.spacing.source
    quantities = _length(drawing, stack) if drawing.kind == "length" else _region(drawing, stack, loader)
    return replace(drawing, quantities=quantities, spacing_source=source if stack.calibrated else "")


def _length(drawing: Drawing, stack: ShownStack) -> tuple[Quantity, ...]:
    if stack.calibrated:
        return (Quantity(drawings.LENGTH, length_mm(*drawing.points), drawings.MILLIMETRE),)
    (i0, j0), (i1, j1) = drawing.points_px
    return (Quantity(drawings.LENGTH, math.hypot(i1 - i0, j1 - j0), drawings.PIXELS),)


def _region(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> tuple[Quantity, ...]:
    statistics = region_statistics(drawing, stack, loader)
    if statistics is None:
        return ()
    value_unit = drawings.unit_code(stack.units)
    numbers = [
        Quantity(drawings.MEAN, statistics.mean, value_unit),
        Quantity(drawings.DEVIATION, statistics.sd, value_unit),
        Quantity(drawings.MINIMUM, statistics.minimum, value_unit),
        Quantity(drawings.MAXIMUM, statistics.maximum, value_unit),
    ]
    if stack.calibrated:
        numbers.append(Quantity(drawings.AREA, statistics.area_mm2, drawings.SQUARE_MILLIMETRE))
    return tuple(numbers)


def region_statistics(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> RegionStatistics | None:
    """Over the acquired pixels whose centres lie in the ellipse, or over samples of the reformat it was drawn on.

    None while the pixels are not there, for colour, and for an ellipse that holds no pixel centre.
    """
    k = stack.nearest(drawing.centre)
    volume = loader.source(k) if drawing.points_px else loader.planes(k)
    if volume is None or volume.is_colour:
        return None
    a, b, c, d = drawing.points
    ellipse = Ellipse(drawing.centre, scale(subtract(b, a), 0.5), scale(subtract(d, c), 0.5))
    if drawing.points_px:
        found = ellipse_on_slice(volume, loader.index(k), ellipse)
    else:
        right, down = unit(subtract(b, a)), unit(subtract(d, c))
        found = ellipse_on_plane(volume, Plane(drawing.centre, right, down, 1.0, 1, 1), ellipse)
    return found if found.count else None

"""Numbers of a drawing: in mm and in the unit of the values, from the volume and never from the screen."""

import math
from dataclasses import replace

from workstation.dicom import concepts
from workstation.dicom.content import Code, Quantity
from workstation.imaging import uncertainty
from workstation.imaging.figures import Ellipse, Figure, Polygon, angle_degrees, cobb_degrees
from workstation.imaging.measure import (
    RegionStatistics,
    length_mm,
    region_on_plane,
    region_on_slice,
    value_on_plane,
    value_on_slice,
)
from workstation.imaging.plane import Plane
from workstation.imaging.reslice import THIN
from workstation.imaging.volume import Volume
from workstation.language import N_
from workstation.viewing import drawings
from workstation.viewing.drawings import Drawing
from workstation.viewing.loading import StackLoader
from workstation.viewing.rulers import Ruler, Scales, ruler
from workstation.viewing.stacks import ShownStack
from workstation.viewing.vectors import Vec, middle, scale, subtract, unit
from workstation.viewing.viewport import ViewportState

CROSSED = N_("the outline crosses itself")
NO_DISTANCE = N_("no area or angle on a trace")
NO_ARM = N_("an arm has no length")
NO_VALUE = N_("no value here")

# a point this near to the middle of an image, in slices, lies on it
_ON_IMAGE = 0.02
# what a value of a series is called, by its unit; another is a pixel's value
_VALUES = {"HU": concepts.ATTENUATION, "SUVbw": concepts.SUV_BODY_WEIGHT}


def placed(drawing: Drawing, stack: ShownStack, state: ViewportState) -> Drawing:
    """The drawing with its source image, its pixels there when it lies on an acquired image, and the slab seen."""
    k = stack.nearest(drawing.centre)
    pixels = [stack.pixel_of(k, point) for point in drawing.points]
    left, top = stack.corner(k)
    on_image = all(abs(away) <= _ON_IMAGE * stack.slice_step for _i, _j, away in pixels)
    slab = state.slab if stack.is_volume and state.slab.thickness_mm > 0 else THIN
    # the values of a slab are no image's, though the graphic lies on one
    of_image = on_image and (slab == THIN or not drawing.of_values)
    return replace(
        drawing,
        source=stack.reference(k),
        points_px=tuple((left + i + 0.5, top + j + 0.5) for i, j, _away in pixels) if of_image else (),
        plane="stack" if on_image else state.kind.value,
        axes=(state.right, state.down),
        slab_mm=slab.thickness_mm,
        slab_mode=slab.mode,
        quantities=(),
        refusal="",
    )


def measured(drawing: Drawing, stack: ShownStack, loader: StackLoader, scales: Scales) -> Drawing:
    """The drawing with its numbers, or why there are none; with neither as long as its pixels are not there."""
    drawing = replace(drawing, quantities=(), refusal="", doubt="", spacing_source="", resampled_mm=0.0)
    drawing = replace(drawing, values=stack.values_name if drawing.of_values else "")
    if not drawing.whole:
        return drawing
    k = stack.nearest(drawing.centre)
    kept = ruler(stack, drawing.points, k, scales, on_image=drawing.plane == "stack")
    if drawing.kind == "point":
        return _valued(replace(drawing, spacing_source=kept.source), stack, loader)
    if kept.refusal:
        return replace(drawing, refusal=kept.refusal)
    # an angle stays what it is when all lengths are wrong alike
    scaled = drawing.kind not in ("angle", "cobb")
    drawing = replace(drawing, spacing_source=kept.source, doubt=kept.doubt if scaled else "")
    if drawing.form.region:
        return _region(drawing, kept, stack, loader)
    return _line(drawing, kept)


def _line(drawing: Drawing, kept: Ruler) -> Drawing:
    points = kept.points
    if drawing.kind == "length":
        if kept.axes is not None:
            return replace(drawing, quantities=_along_axes(kept))
        long = length_mm(*points)
        # what the reader entered has no uncertainty of ours
        own = uncertainty.of_length(points[0], points[1], kept.edges)
        wide = 0.0 if drawing.known_mm else _with_scale(own, kept, long)
        measure = drawings.MILLIMETRE if kept.in_mm else drawings.PIXELS
        return replace(drawing, quantities=(Quantity(drawings.LENGTH, long, measure, wide),))
    if kept.axes is not None:
        return replace(drawing, refusal=NO_DISTANCE)
    number = angle_degrees if drawing.kind == "angle" else cobb_degrees
    name = concepts.ANGLE if drawing.kind == "angle" else concepts.COBB_ANGLE
    degrees = number(*points)
    if math.isnan(degrees):
        return replace(drawing, refusal=NO_ARM)
    wide = uncertainty.of_number(lambda at: number(*at), points, kept.edges)
    return replace(drawing, quantities=(Quantity(name, degrees, concepts.DEGREE, wide),))


def _along_axes(kept: Ruler) -> tuple[Quantity, ...]:
    """On a trace each axis tells something of its own: how much later, how much faster."""
    assert kept.axes is not None
    way = subtract(kept.points[1], kept.points[0])
    found = []
    for number, axis in enumerate(kept.axes):
        step = float(kept.edges[number, number])
        found.append(Quantity(axis.name, abs(way[number]), axis.unit, 2 * step * math.sqrt(2 / 12)))
    return tuple(found)


def _region(drawing: Drawing, kept: Ruler, stack: ShownStack, loader: StackLoader) -> Drawing:
    figure = figure_of(drawing.kind, drawing.points)
    if isinstance(figure, Polygon) and figure.crosses_itself:
        return replace(drawing, refusal=CROSSED)
    numbers = []
    statistics = region_statistics(drawing, stack, loader)
    if statistics is not None:
        drawing = replace(drawing, resampled_mm=round(statistics.spacing_mm, 3))
        if statistics.count:
            numbers = _values(statistics, _measure(stack))
    elif not stack.colour:
        return drawing
    if kept.axes is None:
        area = _area(drawing, kept)
        # without values the area is what the graphic says
        numbers.append(area)
    return replace(drawing, quantities=tuple(numbers), refusal="" if numbers else NO_DISTANCE)


def _measure(stack: ShownStack) -> Code | None:
    """The unit of a stack's values."""
    mapping = stack.mapping
    if mapping is not None and drawings.unit_code(stack.units) is None:
        return Code(mapping.unit, "UCUM", mapping.unit_meaning or mapping.unit)
    return drawings.unit_code(stack.units)


def _values(statistics: RegionStatistics, measure: Code | None) -> list[Quantity]:
    return [
        Quantity(drawings.MEAN, statistics.mean, measure),
        Quantity(drawings.DEVIATION, statistics.sd, measure),
        Quantity(drawings.MINIMUM, statistics.minimum, measure),
        Quantity(drawings.MAXIMUM, statistics.maximum, measure),
    ]


def _area(drawing: Drawing, kept: Ruler) -> Quantity:
    figure = figure_of(drawing.kind, kept.points)
    if isinstance(figure, Polygon):
        wide = uncertainty.of_polygon(kept.points, kept.edges)
    else:
        wide = uncertainty.of_number(lambda at: figure_of("ellipse", tuple(at)).area_mm2, kept.points, kept.edges)
    measure = drawings.SQUARE_MILLIMETRE if kept.in_mm else drawings.SQUARE_PIXELS
    wide = _with_scale(wide, kept, 2 * figure.area_mm2)
    return Quantity(drawings.AREA, figure.area_mm2, measure, wide)


def _with_scale(wide: float, kept: Ruler, times: float) -> float:
    """An uncertainty with that of the scale, by which the number grows `times` its relative error; 0 when not known."""
    return 0.0 if kept.scale_error is None else math.hypot(wide, kept.scale_error * times)


def _plane(drawing: Drawing) -> Plane:
    """The plane it was drawn on, in any size: the ellipse's own axes, or right and down of the view."""
    right, down = drawing.axes
    if drawing.kind == "ellipse":
        a, b, c, d = drawing.points
        right, down = unit(subtract(b, a)), unit(subtract(d, c))
    return Plane(drawing.centre, right, down, 1.0, 1, 1)


def figure_of(kind: str, points: tuple[Vec, ...]) -> Figure:
    """The figure of a region's points."""
    if kind == "polygon":
        return Polygon(points)
    a, b, c, d = points
    return Ellipse(middle(a, b), scale(subtract(b, a), 0.5), scale(subtract(d, c), 0.5))


def _values_under(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> tuple[int, Volume | None]:
    """The image nearest to a drawing, and what its values are read from; None while it isn't there, and for colour."""
    k = stack.nearest(drawing.centre)
    volume = loader.source(k) if drawing.points_px else loader.planes(k)
    return k, None if volume is None or volume.is_colour else volume


def region_statistics(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> RegionStatistics | None:
    """Over the acquired pixels whose centres lie in the region, or over samples of its reformat or slab.

    None while the pixels are not there, and for colour.
    """
    k, volume = _values_under(drawing, stack, loader)
    if volume is None:
        return None
    figure = figure_of(drawing.kind, drawing.points)
    if drawing.points_px:
        return region_on_slice(volume, loader.index(k), figure)
    return region_on_plane(volume, _plane(drawing), figure, drawing.slab)


def _valued(drawing: Drawing, stack: ShownStack, loader: StackLoader) -> Drawing:
    k, volume = _values_under(drawing, stack, loader)
    if volume is None:
        return replace(drawing, refusal=NO_VALUE) if stack.colour else drawing
    if drawing.points_px:
        value = value_on_slice(volume, loader.index(k), drawing.points[0])
    else:
        value = value_on_plane(volume, _plane(drawing), drawing.points[0], drawing.slab)
    if value is None:
        return replace(drawing, refusal=NO_VALUE)
    name = concepts.SIGNAL_INTENSITY if stack.modality == "MR" else _VALUES.get(stack.units, concepts.PIXEL_VALUE)
    return replace(drawing, quantities=(Quantity(name, value, _measure(stack)),))

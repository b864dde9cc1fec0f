"""A measurement as the reader drew it: points in patient space, its numbers, and its plain form for JSON and reports.

Points live in the Frame of Reference of what was drawn on, so that one length shows in each plane. A stack without a
Frame of Reference is a space of its own (named by its key); its points count in mm where its spacing is known, else in
pixels.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from workstation.dicom.content import (
    Anchor,
    Code,
    GraphicType,
    ImageReference,
    Measurement,
    MeasurementKind,
    Quantity,
)
from workstation.viewing.vectors import Vec, add, distance, dot, middle, subtract, unit, vec

LENGTH = Code("410668003", "SCT", "Length")
AREA = Code("42798000", "SCT", "Area")
MEAN = Code("373098007", "SCT", "Mean")
DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MINIMUM = Code("255605001", "SCT", "Minimum")
MAXIMUM = Code("56851009", "SCT", "Maximum")

MILLIMETRE = Code("mm", "UCUM", "millimeter")
SQUARE_MILLIMETRE = Code("mm2", "UCUM", "square millimeter")
PIXELS = Code("{pixels}", "UCUM", "pixels")
_UNITS = {
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "BQML": Code("Bq/ml", "UCUM", "Becquerels/milliliter"),
    "SUVbw": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
}

_GRAPHICS: dict[MeasurementKind, GraphicType] = {"length": "POLYLINE", "ellipse": "ELLIPSE"}
HANDLE_RADIUS = 9.0
_LINE_RADIUS = 6.0


def unit_code(name: str) -> Code | None:
    """The UCUM code of a unit as the series names it; None where the unit is not known."""
    return _UNITS.get(name)


@dataclass(frozen=True)
class Drawing:
    """One graphic. `points` of a length are its ends, of an ellipse the ends of one axis, then of the other.

    `source` is the acquired image it stands on or nearest to; `points_px` are SCOORD pairs on it, empty when it was
    drawn on a reformat. `stack` is the key of the stack it was drawn on.
    """

    tracking_uid: str
    kind: MeasurementKind
    label: str
    space: str
    points: tuple[Vec, ...]
    stack: str
    source: ImageReference
    frame_of_reference_uid: str = ""
    points_px: tuple[tuple[float, float], ...] = ()
    plane: str = "stack"
    quantities: tuple[Quantity, ...] = ()
    spacing_source: str = ""
    study_date: str = ""

    @property
    def centre(self) -> Vec:
        return middle(self.points[0], self.points[1])

    @property
    def measured(self) -> bool:
        """Whether its numbers are known; not before its pixels are there."""
        return bool(self.quantities)

    def with_handle(self, handle: int, point: Vec) -> "Drawing":
        """The same graphic with one handle dragged to a point; an ellipse keeps its centre and the axes' directions."""
        if self.kind == "length":
            points = [*self.points]
            points[handle] = point
            return replace(self, points=tuple(points))
        centre, first = self.centre, handle - handle % 2
        axis = unit(subtract(self.points[first + 1], self.points[first]))
        half = max(abs(dot(subtract(point, centre), axis)), 1e-3)
        points = [*self.points]
        points[first], points[first + 1] = add(centre, axis, -half), add(centre, axis, half)
        return replace(self, points=tuple(points))

    def moved(self, by: Vec) -> "Drawing":
        """The same graphic shifted by mm."""
        return replace(self, points=tuple(add(point, by) for point in self.points))

    def to_content(self) -> Measurement:
        """What a report and the document writers take."""
        points = self.points
        points_px = self.points_px
        if self.kind == "ellipse" and distance(points[0], points[1]) < distance(points[2], points[3]):
            points, points_px = points[2:] + points[:2], points_px[2:] + points_px[:2]
        located = bool(self.frame_of_reference_uid)
        anchor = Anchor(
            image=self.source,
            graphic_type=_GRAPHICS[self.kind],
            points_px=points_px,
            frame_of_reference_uid=self.frame_of_reference_uid,
            points_mm=points if located else (),
            plane=self.plane,
        )
        return Measurement(
            tracking_uid=self.tracking_uid,
            label=self.label,
            kind=self.kind,
            anchor=anchor,
            quantities=self.quantities,
            spacing_source=self.spacing_source,
            study_date=self.study_date,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Drawing":
        """Raises KeyError, TypeError or ValueError for what `to_json` never wrote."""
        return cls(
            **{
                **plain,
                "points": tuple(vec(point) for point in plain["points"]),
                "points_px": tuple((float(x), float(y)) for x, y in plain["points_px"]),
                "source": ImageReference(**plain["source"]),
                "quantities": tuple(
                    Quantity(Code(**each["name"]), float(each["value"]), Code(**each["unit"]) if each["unit"] else None)
                    for each in plain["quantities"]
                ),
            }
        )


@dataclass(frozen=True)
class Grip:
    """What of a graphic lies under the pointer: handle number, or None for its line."""

    drawing: Drawing
    handle: int | None


def grip_at(
    drawings: list[tuple[Drawing, tuple[tuple[float, float], ...]]], x: float, y: float, ratio: float
) -> Grip | None:
    """The handle or else the line under pixel (x, y) among drawings with their points in device pixels."""
    for drawing, points in drawings:
        for number, (px, py) in enumerate(points):
            if abs(px - x) <= HANDLE_RADIUS * ratio and abs(py - y) <= HANDLE_RADIUS * ratio:
                return Grip(drawing, number)
    for drawing, points in drawings:
        away = _from_segment(points, x, y) if drawing.kind == "length" else _from_ellipse(points, x, y)
        if away <= _LINE_RADIUS * ratio:
            return Grip(drawing, None)
    return None


def _from_segment(points: tuple[tuple[float, float], ...], x: float, y: float) -> float:
    (x0, y0), (x1, y1) = points
    dx, dy = x1 - x0, y1 - y0
    square = dx * dx + dy * dy
    along = 0.0 if square == 0 else min(max(((x - x0) * dx + (y - y0) * dy) / square, 0.0), 1.0)
    return float(((x0 + along * dx - x) ** 2 + (y0 + along * dy - y) ** 2) ** 0.5)


def _from_ellipse(points: tuple[tuple[float, float], ...], x: float, y: float) -> float:
    """The distance from the outline along the ray from the centre, close enough for a pointer."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    ax, ay, bx, by = (x1 - x0) / 2, (y1 - y0) / 2, (x3 - x2) / 2, (y3 - y2) / 2
    area = ax * by - ay * bx
    if area == 0:
        return float("inf")
    u, v = ((x - cx) * by - (y - cy) * bx) / area, ((y - cy) * ax - (x - cx) * ay) / area
    radius = (u * u + v * v) ** 0.5
    length = ((x - cx) ** 2 + (y - cy) ** 2) ** 0.5
    return float("inf") if radius == 0 else abs(length - length / radius)

"""A measurement as the reader drew it: points in patient space, its numbers, and its plain form for JSON and reports.

Points live in the Frame of Reference of what was drawn on, so that one length shows in each plane. A stack without a
Frame of Reference is a space of its own (named by its key); its points count in mm where its spacing is known, else in
pixels.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from workstation.dicom import concepts
from workstation.dicom.content import (
    Anchor,
    Code,
    GraphicType,
    ImageReference,
    Measurement,
    MeasurementKind,
    Quantity,
)
from workstation.imaging.reslice import Slab, SlabMode
from workstation.viewing.vectors import Vec, add, distance, dot, middle, scale, subtract, unit, vec

LENGTH = concepts.LENGTH
AREA = concepts.AREA
MEAN = concepts.MEAN
DEVIATION = concepts.STANDARD_DEVIATION
MINIMUM = concepts.MINIMUM
MAXIMUM = concepts.MAXIMUM

MILLIMETRE = Code("mm", "UCUM", "millimeter")
SQUARE_MILLIMETRE = concepts.SQUARE_MILLIMETER
PIXELS = Code("{pixels}", "UCUM", "pixels")
SQUARE_PIXELS = Code("{pixels}2", "UCUM", "square pixels")
_UNITS = {
    "HU": concepts.HOUNSFIELD_UNIT,
    "BQML": Code("Bq/ml", "UCUM", "Becquerels/milliliter"),
    "MGML": Code("mg/ml", "UCUM", "milligram per milliliter"),
    "PCT": Code("%", "UCUM", "percent"),
    "GML": Code("g/ml", "UCUM", "gram per milliliter"),
    "SUVbw": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
}


@dataclass(frozen=True)
class Form:
    """What the points of a kind are: how many (0: as many as the reader sets), and whether they enclose values."""

    count: int
    graphic: GraphicType
    region: bool = False


FORMS: dict[MeasurementKind, Form] = {
    "length": Form(2, "POLYLINE"),
    "ellipse": Form(4, "ELLIPSE", region=True),
    "polygon": Form(0, "POLYGON", region=True),
    "angle": Form(3, "POLYLINE"),
    "cobb": Form(4, "POLYLINE"),
    "point": Form(1, "POINT"),
}


def unit_code(name: str) -> Code | None:
    """The UCUM code of a unit as the series names it; None where the unit is not known."""
    return _UNITS.get(name)


@dataclass(frozen=True)
class Drawing:
    """One graphic. `points`: the ends of a length; of an ellipse the ends of one axis, then of the other; the corners
    of an outline; an angle's end, vertex, end; the ends of the one, then of the other line of a Cobb angle.

    `source` is the acquired image it stands on or nearest to; `points_px` are SCOORD pairs on it, empty when it was
    drawn on a reformat. `stack` is the key of the stack it was drawn on, `axes` are right and down of its plane. What
    is drawn on a slab has the slab's values; `resampled_mm` is then, and on a reformat, the distance of the samples.
    `refusal` says why there are no numbers, `doubt` what speaks against the spacing; both English. `known_mm` makes a
    length the calibration of its image. `values` names the real-world values that its numbers are (`values_name`).
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
    axes: tuple[Vec, Vec] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    quantities: tuple[Quantity, ...] = ()
    spacing_source: str = ""
    study_date: str = ""
    slab_mm: float = 0.0
    slab_mode: SlabMode = "mean"
    resampled_mm: float = 0.0
    refusal: str = ""
    doubt: str = ""
    known_mm: float = 0.0
    values: str = ""

    @property
    def form(self) -> Form:
        return FORMS[self.kind]

    @property
    def of_values(self) -> bool:
        """Whether its numbers say something of pixel values."""
        return self.form.region or self.kind == "point"

    @property
    def whole(self) -> bool:
        """Whether all its points are set; an outline needs three."""
        return len(self.points) >= (self.form.count or 3)

    @property
    def slab(self) -> Slab:
        return Slab(self.slab_mm, self.slab_mode)

    @property
    def centre(self) -> Vec:
        """The middle of a line or ellipse; the mean of the points of anything else."""
        if self.kind in ("length", "ellipse") and len(self.points) > 1:
            return middle(self.points[0], self.points[1])
        total = self.points[0]
        for point in self.points[1:]:
            total = add(total, point)
        return scale(total, 1 / len(self.points))

    @property
    def measured(self) -> bool:
        """Whether its numbers are known; not before its pixels are there."""
        return bool(self.quantities)

    def with_handle(self, handle: int, point: Vec) -> "Drawing":
        """The same graphic with one handle dragged to a point; an ellipse keeps its centre and the axes' directions."""
        points = [*self.points]
        if self.kind != "ellipse":
            points[handle] = point
            return replace(self, points=tuple(points))
        centre, first = self.centre, handle - handle % 2
        axis = unit(subtract(self.points[first + 1], self.points[first]))
        half = max(abs(dot(subtract(point, centre), axis)), 1e-3)
        points[first], points[first + 1] = add(centre, axis, -half), add(centre, axis, half)
        return replace(self, points=tuple(points))

    def moved(self, by: Vec) -> "Drawing":
        """The same graphic shifted by mm."""
        return replace(self, points=tuple(add(point, by) for point in self.points))

    @property
    def remark(self) -> str:
        """What belongs beside the numbers in a document, in English; empty when there is nothing."""
        said = [self.doubt] if self.doubt else []
        if self.values:
            said.append(f"values: {self.values}")
        if self.slab_mm:
            said.append(f"on a slab of {self.slab_mm:g} mm ({self.slab_mode})")
        if self.resampled_mm:
            said.append(f"samples interpolated, {self.resampled_mm:g} mm apart")
        if self.known_mm:
            said.append(f"length of {self.known_mm:g} mm entered by the reader")
        return "; ".join(said)

    def to_content(self) -> Measurement:
        """What a report and the document writers take."""
        points, points_px, graphic = self.points, self.points_px, self.form.graphic
        if self.kind == "ellipse" and distance(points[0], points[1]) < distance(points[2], points[3]):
            points, points_px = points[2:] + points[:2], points_px[2:] + points_px[:2]
        if self.kind == "polygon":
            points, points_px = (*points, points[0]), (*points_px, *points_px[:1])
            graphic = "POLYLINE" if points_px else "POLYGON"
        located = bool(self.frame_of_reference_uid)
        anchor = Anchor(
            image=self.source,
            graphic_type=graphic,
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
            remark=self.remark,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Drawing":
        """Raises KeyError, TypeError or ValueError for what `to_json` never wrote."""
        drawing = cls(
            **{
                **plain,
                "points": tuple(vec(point) for point in plain["points"]),
                "axes": tuple(vec(axis) for axis in plain.get("axes", cls.axes)),
                "points_px": tuple((float(x), float(y)) for x, y in plain["points_px"]),
                "source": ImageReference(**plain["source"]),
                "quantities": tuple(_quantity(each) for each in plain["quantities"]),
            }
        )
        if not drawing.whole:
            raise ValueError("points are missing")
        return drawing


def _quantity(plain: dict[str, Any]) -> Quantity:
    unit_of = Code(**plain["unit"]) if plain["unit"] else None
    return Quantity(Code(**plain["name"]), float(plain["value"]), unit_of, float(plain.get("uncertainty", 0.0)))

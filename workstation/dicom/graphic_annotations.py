"""Graphics and texts of a presentation state, as stored (PS3.3 C.10.5), and the layers they lie in (C.10.7).

Coordinates stay in the units of the object: PIXEL counts from the top left corner of the first pixel, so that the
centre of that pixel is 0.5\\0.5; DISPLAY is a fraction of the displayed area.
"""

from dataclasses import dataclass

from workstation.dicom.colour import rgb_of_lab
from workstation.dicom.references import References, references_of
from workstation.dicom.text import Header

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class GraphicLayer:
    """A layer, its place from the lowest up, and the colour recommended for it, 8-bit RGB; None where there is none."""

    name: str
    order: int = 0
    colour: tuple[int, ...] | None = None
    description: str = ""


@dataclass(frozen=True)
class GraphicObject:
    """POINT, POLYLINE, INTERPOLATED, CIRCLE (centre, a point on it) or ELLIPSE (ends of major, then minor axis)."""

    kind: str
    points: Points
    units: str = "PIXEL"
    filled: bool = False


@dataclass(frozen=True)
class TextObject:
    """A text in its box (corners), or at its anchor, or both; a line joins it to a visible anchor."""

    text: str
    box: Points = ()
    box_units: str = "PIXEL"
    justification: str = "LEFT"
    anchor: tuple[float, float] | None = None
    anchor_units: str = "PIXEL"
    anchor_visible: bool = False


@dataclass(frozen=True)
class Annotation:
    """What one item puts on its images."""

    references: References
    layer: str
    graphics: tuple[GraphicObject, ...] = ()
    texts: tuple[TextObject, ...] = ()


def layers_of(header: Header) -> tuple[GraphicLayer, ...]:
    """The Graphic Layer Sequence (0070,0060), from the lowest order up."""
    layers = []
    for item in header.items(0x00700060):
        lab, grey = item.numbers(0x00700401), item.integer(0x00700066)
        rgb: tuple[int, ...] | None = None
        if len(lab) == 3:
            rgb = rgb_of_lab(int(lab[0]), int(lab[1]), int(lab[2]))
        elif len(own := item.numbers(0x00700067)) == 3:
            rgb = tuple(int(value) >> 8 for value in own)
        elif grey is not None:
            rgb = (grey >> 8,) * 3
        layers.append(GraphicLayer(item.text(0x00700002), item.integer(0x00700062) or 0, rgb, item.text(0x00700068)))
    return tuple(sorted(layers, key=lambda layer: layer.order))


def annotations_of(header: Header) -> tuple[Annotation, ...]:
    """The Graphic Annotation Sequence (0070,0001); objects without the points their kind needs are left out."""
    return tuple(
        Annotation(
            references_of(item),
            item.text(0x00700002),
            tuple(one for each in item.items(0x00700009) if (one := _graphic(each)) is not None),
            tuple(text for each in item.items(0x00700008) if (text := _text(each)) is not None),
        )
        for item in header.items(0x00700001)
    )


_LEAST = {"POINT": 1, "POLYLINE": 2, "INTERPOLATED": 2, "CIRCLE": 2, "ELLIPSE": 4}


def _pairs(values: tuple[float, ...]) -> Points:
    return tuple(zip(values[::2], values[1::2], strict=False))


def _graphic(item: Header) -> GraphicObject | None:
    kind, points = item.text(0x00700023), _pairs(item.numbers(0x00700022))
    if len(points) < _LEAST.get(kind, 1 << 30):
        return None
    return GraphicObject(kind, points, item.text(0x00700005) or "PIXEL", item.text(0x00700024) == "Y")


def _text(item: Header) -> TextObject | None:
    text = item.long_text(0x00700006).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    box = _pairs(item.numbers(0x00700010) + item.numbers(0x00700011))
    anchor = _pairs(item.numbers(0x00700014))
    if not text or (len(box) != 2 and not anchor):
        return None
    return TextObject(
        text,
        box if len(box) == 2 else (),
        item.text(0x00700003) or "PIXEL",
        item.text(0x00700012) or "LEFT",
        anchor[0] if anchor else None,
        item.text(0x00700004) or "PIXEL",
        item.text(0x00700015) == "Y",
    )

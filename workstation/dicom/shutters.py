"""Display shutters: what of an image is to be seen, the rest is covered in one grey (PS3.3 C.7.6.11, C.7.6.15).

Several shapes in one shutter leave free only what lies within all of them.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class Shutter:
    """The shapes of a shutter in pixels of the image, counted from 1 as in the header.

    `rectangle` is (left, right, upper, lower); what lies beyond these columns and rows is covered. `circle` is (row,
    column, radius in pixels along a row), `polygon` row and column of each corner in turn. `overlay_group` names the
    plane whose set bits are covered (BITMAP). `value` is the P-value of the cover, 0 black to 65535 white; None where
    none is stated.
    """

    rectangle: tuple[int, ...] | None = None
    circle: tuple[int, ...] | None = None
    polygon: tuple[int, ...] = ()
    overlay_group: int | None = None
    value: int | None = None

    @property
    def grey(self) -> int:
        """The cover's grey, 0 to 255; black where none is stated."""
        return min(max(self.value or 0, 0), 65535) >> 8


def shutter_of(header: Header) -> Shutter | None:
    """The shutter of an image or of a presentation state; None when no shape is there whole."""
    shapes = {shape.upper() for shape in header.texts(0x00181600)}
    rectangle = circle = None
    polygon: tuple[int, ...] = ()
    group = None
    if "RECTANGULAR" in shapes:
        edges = [header.integer(tag) for tag in (0x00181602, 0x00181604, 0x00181606, 0x00181608)]
        found = tuple(edge for edge in edges if edge is not None)
        rectangle = found if len(found) == 4 else None
    if "CIRCULAR" in shapes:
        centre, radius = header.numbers(0x00181610), header.integer(0x00181612)
        if len(centre) == 2 and radius is not None:
            circle = int(centre[0]), int(centre[1]), radius
    if "POLYGONAL" in shapes:
        corners = tuple(int(value) for value in header.numbers(0x00181620))
        polygon = corners if len(corners) >= 6 and len(corners) % 2 == 0 else ()
    if "BITMAP" in shapes:
        group = header.integer(0x00181623)
    if rectangle is None and circle is None and not polygon and group is None:
        return None
    return Shutter(rectangle, circle, polygon, group, header.integer(0x00181622))

"""What a viewport shows, as one frozen value: which stack, which plane through it, how large, in which greys.

Everything on the screen follows from a `ViewportState`: the picture, the letters at its edges, the scale bar, where a
measurement lies. Flips and turns are part of the view, never of the pixels, so that picture, graphics and letters
move by one matrix. Sizes are device pixels.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from workstation.imaging.plane import Plane
from workstation.imaging.reslice import THIN, Interpolation, Slab
from workstation.imaging.voi import Voi
from workstation.language import N_
from workstation.viewing.vectors import ORIGIN, Vec, add, cross, dot, negate, rotate, subtract, unit


class PlaneKind(StrEnum):
    """The plane shown: an acquired image of the stack, or a reformat through its volume."""

    STACK = "stack"
    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    OBLIQUE = "oblique"


# rightwards and downwards on the screen, LPS: the patient seen from the feet, from the front, from the left
ORTHOGONAL_AXES: dict[PlaneKind, tuple[Vec, Vec]] = {
    PlaneKind.AXIAL: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    PlaneKind.CORONAL: ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    PlaneKind.SAGITTAL: ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}


TABLE_LEFT = N_("VOI LUT left")
"""The name of a window that took the place of a table."""


@dataclass(frozen=True)
class VoiChoice:
    """How values become greys.

    `file`: alternative number `index` of each image shown; `presentation`: that of the presentation state in force;
    `auto`: made once from the pixels; `preset` and `manual`: `voi` as it stands. `name` is what the corner text says
    beside the numbers.
    """

    source: Literal["file", "presentation", "preset", "manual", "auto"]
    name: str = ""
    voi: Voi | None = None
    index: int = 0

    @property
    def elsewhere(self) -> "VoiChoice":
        """The same greys for another image, which may have had no table to leave."""
        return replace(self, name="") if self.name == TABLE_LEFT else self


@dataclass(frozen=True)
class ViewportState:
    """One viewport. `stack` "" is an empty place.

    `centre` is the point of patient space (mm, LPS) in the middle of the picture; it lies in the plane shown.
    `right` and `down` are the unit axes of the unflipped, unturned picture. `index` is the image of a STACK plane.
    `fitted` says that the picture follows the size of its place until someone zooms or pans. `presentation` is the UID
    of the presentation state chosen, `overlays` whether graphics and overlay planes are seen, `shuttered` whether
    shutters cover.
    """

    stack: str = ""
    kind: PlaneKind = PlaneKind.STACK
    index: int = 0
    centre: Vec = ORIGIN
    right: Vec = (1.0, 0.0, 0.0)
    down: Vec = (0.0, 1.0, 0.0)
    mm_per_pixel: float = 1.0
    width: int = 1
    height: int = 1
    voi: VoiChoice = VoiChoice("file")
    inverted: bool = False
    turns: int = 0
    flipped: bool = False
    slab: Slab = THIN
    interpolation: Interpolation = "linear"
    fitted: bool = True
    presentation: str = ""
    overlays: bool = True
    shuttered: bool = True

    @property
    def axes(self) -> tuple[Vec, Vec]:
        """Rightwards and downwards on the screen: mirrored left to right when flipped, then turned clockwise."""
        right, down = self.right, self.down
        if self.flipped:
            right = negate(right)
        for _quarter in range(self.turns % 4):
            right, down = negate(down), right
        return right, down

    @property
    def normal(self) -> Vec:
        """Unit normal of the plane, the same in every flip and turn."""
        return cross(self.right, self.down)

    @property
    def plane(self) -> Plane:
        right, down = self.axes
        return Plane(self.centre, right, down, self.mm_per_pixel, self.width, self.height)

    def offset_of(self, point: Vec) -> float:
        """How far the point lies from the plane, in mm along the normal."""
        return dot(subtract(point, self.centre), self.normal)

    def through(self, point: Vec) -> "ViewportState":
        """The parallel plane through the point; nothing moves within the plane."""
        return replace(self, centre=add(self.centre, self.normal, self.offset_of(point)))

    def panned(self, dx: float, dy: float) -> "ViewportState":
        """The picture moved by device pixels."""
        right, down = self.axes
        centre = add(add(self.centre, right, -dx * self.mm_per_pixel), down, -dy * self.mm_per_pixel)
        return replace(self, centre=centre, fitted=False)

    def zoomed(self, factor: float, x: float | None = None, y: float | None = None) -> "ViewportState":
        """The picture `factor` times as large; the point under pixel (x, y), or the middle, stays in place."""
        scale = min(max(self.mm_per_pixel / factor, 0.001), 50.0)
        x, y = (self.width - 1) / 2 if x is None else x, (self.height - 1) / 2 if y is None else y
        right, down = self.axes
        move = self.mm_per_pixel - scale
        centre = add(self.centre, right, (x - (self.width - 1) / 2) * move)
        centre = add(centre, down, (y - (self.height - 1) / 2) * move)
        return replace(self, centre=centre, mm_per_pixel=scale, fitted=False)

    def tilted(self, axis: Vec, radians: float, about: Vec) -> "ViewportState":
        """The plane turned about `axis` through the point `about`: an oblique reformat."""
        right, down = unit(rotate(self.right, axis, radians)), rotate(self.down, axis, radians)
        down = unit(add(down, right, -dot(down, right)))
        centre = add(about, rotate(subtract(self.centre, about), axis, radians))
        return replace(self, kind=PlaneKind.OBLIQUE, right=right, down=down, centre=centre)


def bar_length_mm(mm_per_pixel: float, wanted_pixels: float) -> float:
    """The length of a scale bar: 1, 2 or 5 times a power of ten mm, at most `wanted_pixels` long."""
    longest = mm_per_pixel * wanted_pixels
    power = 1.0
    while power * 10 <= longest:
        power *= 10
    while power > longest:
        power /= 10
    return max(step * power for step in (1, 2, 5) if step * power <= longest)

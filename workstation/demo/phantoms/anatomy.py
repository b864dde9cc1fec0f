"""Whose chest it is: tissue values, nodules, and how one person differs from the reference anatomy."""

from dataclasses import dataclass, replace

from workstation.demo.phantoms.shapes import Point

HU = {
    "air": -1000.0, "lung": -862.0, "fat": -98.0, "muscle": 52.0, "blood": 44.0, "heart muscle": 50.0, "liver": 58.0,
    "spleen": 50.0, "fluid": 12.0, "skin": 25.0, "cartilage": 110.0, "cortex": 920.0, "marrow": 170.0, "disc": 85.0,
    "gland": 30.0, "nodule": 38.0, "vessel": 44.0,
}  # fmt: skip
"""What each tissue is painted with, in Hounsfield units (without contrast)."""


@dataclass(frozen=True)
class Nodule:
    """A solid sphere in the lung: `centre` LPS mm of the study, exact `diameter` mm."""

    name: str
    centre: Point
    diameter: float
    hu: float = HU["nodule"]


@dataclass(frozen=True)
class Anatomy:
    """One person in one position: how he differs from the reference anatomy.

    LPS of the study = reference · `scale` + `shift`. `contrast` HU are added to blood.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift: Point = (0.0, 0.0, 0.0)
    heart_size: float = 1.0
    breast_mm: float = 0.0
    fat_mm: float = 0.0
    dome_mm: float = 0.0
    contrast: float = 0.0
    upright: bool = False
    nodules: tuple[Nodule, ...] = ()
    seed: int = 7

    def to_reference(self, point: Point) -> Point:
        x, y, z = ((p - s) / c for p, s, c in zip(point, self.shift, self.scale, strict=True))
        return x, y, z

    def to_study(self, point: Point) -> Point:
        x, y, z = (p * c + s for p, s, c in zip(point, self.shift, self.scale, strict=True))
        return x, y, z

    def with_nodules(self, nodules: tuple[Nodule, ...]) -> "Anatomy":
        return replace(self, nodules=nodules)

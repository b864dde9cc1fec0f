"""Paints some slices of a chest: layer by layer, what lies deeper over what lies outside, bones last."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workstation.demo.phantoms import organs as soft
from workstation.demo.phantoms.anatomy import HU, Nodule
from workstation.demo.phantoms.grid import Array, Box, Grid
from workstation.demo.phantoms.outline import Outline, spine_y
from workstation.demo.phantoms.shapes import Point, blend, coverage, tube, tube_box
from workstation.demo.phantoms.skeleton import Skeleton, bone_distance, cartilage_distance
from workstation.demo.phantoms.trees import Segments, Trees, minor, oblique

Fine = Callable[[Array, Box], Array]
"""A coarse field at the voxels of a box of the slab."""

BLADE_DISTANCE = 26.0
"""How far (mm) the scapular blades lie outside the pleura."""


@dataclass(frozen=True)
class Shapes:
    """What is the same for all slabs of a chest: fields on the coarse lattice, bones and trees."""

    outline: Outline
    organs: soft.Organs
    blade: Array
    texture: Array
    streak: Array
    bones: Skeleton
    trees: Trees
    contrast: float
    upright: bool
    breasts: bool


class Painter:
    """One slab being painted; `values` (k, j, i) HU are changed in place, `edge` mm is the width of every edge."""

    def __init__(self, shapes: Shapes, grid: Grid, values: Array, fine: Fine, edge: float) -> None:
        self._shapes, self._grid, self._values, self._fine, self._edge = shapes, grid, values, fine, edge
        nk, nj, ni = grid.shape
        self._whole: Box = (slice(0, nk), slice(0, nj), slice(0, ni))
        self._cage = fine(shapes.outline.cage, self._whole)
        self._texture = fine(shapes.texture, self._whole)
        self._blood = HU["blood"] + shapes.contrast

    def paint(self) -> None:
        self._wall()
        self._belly()
        self._mediastinum()
        for side, lung in enumerate(self._shapes.organs.lungs):
            self._lung(lung, side)
        self._vessels()
        self._airways()
        self._cartilages()
        self._bones()

    def _wall(self) -> None:
        values, edge, outline = self._values, self._edge, self._shapes.outline
        body = self._fine(self._shapes.organs.body, self._whole)
        inside = coverage(body, edge)
        blend(values, inside, HU["fat"])
        if self._shapes.breasts:
            box = self._grid.box((-150, -160, -140), (150, -40, 60))
            if box is not None:
                gland = self._fine(self._shapes.organs.gland, box)
                gland += np.float32(7) * self._fine(self._shapes.streak, box)
                share = coverage(np.minimum(gland, body[box] - 4), 9.0)
                blend(values[box], share * np.float32(0.75), HU["gland"])
        np.subtract(np.float32(1.6), body, out=body)
        inside *= coverage(body, edge)
        blend(values, inside, HU["skin"])
        share = coverage(self._fine(outline.muscle, self._whole), edge)
        blend(values, share, self._mottled(HU["muscle"], 7))
        fascia = np.abs(self._fine(outline.fascia, self._whole))
        np.subtract(np.float32(0.9), fascia, out=fascia)
        share *= coverage(fascia, edge)
        share *= np.float32(0.8)
        blend(values, share, HU["fat"])
        blend(values, coverage(self._cage - np.float32(1.0), edge), HU["fat"])

    def _mottled(self, hu: float, amount: float, box: Box | None = None) -> Array:
        return np.float32(hu) + np.float32(amount) * (self._texture if box is None else self._texture[box])

    def _belly(self) -> None:
        organs, contrast = self._shapes.organs, self._shapes.contrast
        box = self._grid.box((-200, -200, -400), (200, 200, -70))
        if box is None:
            return
        below = self._fine(self._shapes.outline.below_diaphragm, box)
        muscle = np.minimum(np.minimum(below + 0.5, 3.0 - below), self._cage[box])
        blend(self._values[box], coverage(muscle, self._edge), HU["muscle"])
        self._organ(organs.liver, (-150, -110, -260), (75, 110, -80), HU["liver"] + 0.3 * contrast)
        self._organ(organs.spleen, (40, -40, -215), (150, 110, -90), HU["spleen"] + 0.4 * contrast)
        self._organ(organs.kidneys, (-100, 10, -270), (100, 80, -140), 34.0 + 0.7 * contrast)
        self._stomach()

    def _organ(self, field: Array, low: Point, high: Point, hu: float) -> None:
        box = self._grid.box(low, high)
        if box is not None:
            blend(self._values[box], coverage(self._fine(field, box), self._edge), self._mottled(hu, 4, box))

    def _stomach(self) -> None:
        box = self._grid.box((-10, -100, -235), (130, 70, -90))
        if box is None:
            return
        values, at = self._values[box], self._grid.sub(box)
        inside = self._fine(self._shapes.organs.stomach, box)
        blend(values, coverage(inside, self._edge), HU["muscle"])
        blend(values, coverage(inside - 4, self._edge), HU["fluid"] + 18)
        # gas stands on top of the fluid: in front of it when lying, above it when standing
        level = at.z + 136 if self._shapes.upright else -30 - at.y[None, :, None] + 0 * at.z
        blend(values, coverage(np.minimum(inside - 4, level), self._edge), HU["air"] + 20)

    def _mediastinum(self) -> None:
        organs = self._shapes.organs
        wall = HU["heart muscle"] + 0.35 * self._shapes.contrast
        low, high = (-70.0, -100.0, -145.0), (120.0, 50.0, 0.0)
        self._organ(organs.heart - np.float32(3.5), low, high, 0.5 * (self._blood + wall))
        self._organ(np.minimum(organs.ventricle, organs.heart - 3.5), low, high, wall)
        self._organ(np.minimum(organs.blood, organs.heart - 4.5), low, high, self._blood)
        self._spine()
        for vessel in soft.GREAT_VESSELS:
            self._course(vessel, 0.0, self._blood)
        self._course(soft.OESOPHAGUS, 0.0, 38.0)
        self._course(soft.OESOPHAGUS, -5.0, -350.0)
        for side in (-1, 1):
            lobe = soft.Vessel("thyroid", ((side * 16, 4, 128), (side * 15, 4, 100)), (9, 7))
            self._course(lobe, 0.0, HU["muscle"] + 60)

    def _spine(self) -> None:
        box = self._grid.box((-24, 0, -300), (24, 90, 200))
        if box is None:
            return
        values, at = self._values[box], self._grid.sub(box)
        x, y, spine = at.x[None, None, :], at.y[None, :, None], spine_y(at.z)
        column = (1 - np.sqrt((x / 17.0) ** 2 + ((y - spine) / 14.0) ** 2)) * np.float32(14)
        blend(values, coverage(column, self._edge), HU["disc"])
        axis = np.sqrt(x * x + (y - spine - 20) ** 2)
        blend(values, coverage(np.float32(9.5) - axis, self._edge), 25.0)
        blend(values, coverage(np.float32(5.0) - axis, self._edge), 42.0)

    def _course(self, vessel: soft.Vessel, margin: float, hu: float) -> None:
        for n in range(len(vessel.course) - 1):
            start, end = vessel.course[n], vessel.course[n + 1]
            r0, r1 = vessel.radii[n] + margin, vessel.radii[n + 1] + margin
            box = tube_box(self._grid, start, end, max(r0, r1) + 1)
            if box is not None:
                blend(self._values[box], coverage(tube(self._grid.sub(box), start, end, r0, r1), self._edge), hu)

    def _lung(self, lung: Array, side: int) -> None:
        low, high = ((-145, -110, -185), (14, 110, 100)) if side == 0 else ((-6, -110, -185), (145, 110, 100))
        box = self._grid.box(low, high)
        if box is None:
            return
        at = self._grid.sub(box)
        x, y, z = at.x[None, None, :], at.y[None, :, None], at.z
        inside = coverage(self._fine(lung, box), self._edge)
        # blood sinks: the dependent lung is denser
        slope = np.float32(-0.12) * (z + 30) if self._shapes.upright else np.float32(0.32) * y
        parenchyma = slope + self._mottled(HU["lung"], 13, box)
        bow = np.float32(5.0) * np.sin(x / np.float32(26.0))
        wave = 2.0 * np.sin((y + z) / 21.0)
        crack = (oblique(y, z, side == 1) + wave).astype(np.float32) + bow
        fissure = coverage(np.float32(0.1) - np.abs(crack), self._edge)
        if side == 0:
            horizontal = np.abs((z - minor(y)).astype(np.float32) - bow)
            horizontal[crack > 0] = 9
            np.maximum(fissure, coverage(np.float32(0.1) - horizontal, self._edge), out=fissure)
        fissure *= np.float32(220)
        parenchyma += fissure
        blend(self._values[box], inside, parenchyma)

    def _vessels(self) -> None:
        for tree in (self._shapes.trees.arteries, self._shapes.trees.veins):
            self._brighter(tree, HU["vessel"] + self._shapes.contrast, 0.0, 0.0)

    def _brighter(self, tree: Segments, hu: float, wall: float, share: float) -> None:
        """Tubes in the lung: each voxel keeps the brighter of what it was and what the tube makes of lung."""
        low = np.float32(HU["lung"] + 10)
        rise = np.float32(hu) - low
        grid, values, edge = self._grid, self._values, self._edge
        for start, end, r0, r1 in _within(tree, grid):
            r0, r1 = r0 * (1 + share) + wall, r1 * (1 + share) + wall
            box = tube_box(grid, start, end, max(r0, r1) + 0.5 * edge)
            if box is not None:
                inside = coverage(tube(grid.sub(box), start, end, r0, r1), edge)
                inside *= rise
                inside += low
                part = values[box]
                np.maximum(part, inside, out=part)

    def _airways(self) -> None:
        tree = self._shapes.trees.airways
        self._brighter(tree, -80.0, 0.6, 0.18)
        central = [(a, b, 9.0, 9.0) for a, b in pairwise(soft.TRACHEA)]
        central += [(start, end, radius + 0.6, radius) for start, end, radius in soft.MAIN_BRONCHI]
        # all walls before any lumen, or the wall of one piece would stand across its neighbour
        for start, end, r0, r1 in central:
            box = tube_box(self._grid, start, end, max(r0, r1) + 2.4)
            if box is not None:
                wall = coverage(tube(self._grid.sub(box), start, end, r0 + 1.4, r1 + 1.4), self._edge)
                np.maximum(self._values[box], wall * 900 - 860, out=self._values[box])
        for start, end, r0, r1 in [*central, *_within(tree, self._grid)]:
            box = tube_box(self._grid, start, end, max(r0, r1) + 0.5 * self._edge)
            if box is not None:
                air = coverage(tube(self._grid.sub(box), start, end, r0, r1), self._edge)
                np.minimum(self._values[box], 60 - 1055 * air, out=self._values[box])

    def _cartilages(self) -> None:
        box = self._grid.box((-130, -130, -160), (130, 30, 75))
        if box is not None:
            distance = cartilage_distance(self._grid.sub(box), self._shapes.bones)
            blend(self._values[box], coverage(distance, self._edge), HU["cartilage"])

    def _bones(self) -> None:
        bone = bone_distance(self._grid, self._shapes.bones)
        box = self._grid.box((-190, -20, -60), (190, 130, 70))
        if box is not None:
            sheet = self._fine(self._shapes.blade, box)
            np.minimum(sheet, np.float32(2.3) - np.abs(self._cage[box] + np.float32(BLADE_DISTANCE)), out=sheet)
            np.maximum(bone[box], sheet, out=bone[box])
        near = np.flatnonzero(bone > -0.5 * self._edge)
        distance = bone.ravel()[near]
        marrow = coverage(distance - 1.5, self._edge)
        inside = HU["cortex"] + marrow * (HU["marrow"] + 30 * self._texture.ravel()[near] - HU["cortex"])
        flat = np.ascontiguousarray(self._values).ravel()
        kept = flat[near]
        blend(kept, coverage(distance, self._edge), inside)
        k, j, i = np.unravel_index(near, bone.shape)
        self._values[k, j, i] = kept


def paint_nodule(values: Array, grid: Grid, nodule: Nodule, psf_mm: float) -> None:
    """A sphere in true LPS mm: half-way between lung and nodule exactly on its surface, in every direction."""
    radius = nodule.diameter / 2
    box = tube_box(grid, nodule.centre, nodule.centre, radius + 4 * psf_mm)
    if box is not None:
        distance = tube(grid.sub(box), nodule.centre, nodule.centre, radius, radius)
        blend(values[box], _edge_response(distance, psf_mm), nodule.hu)


def _edge_response(distance: Array, sigma: float) -> Array:
    """The normal distribution function of distance / sigma (by its usual tanh approximation, good to 0.0003)."""
    u = distance * np.float32(1 / sigma)
    out: Array = 0.5 + 0.5 * np.tanh(np.float32(math.sqrt(2 / math.pi)) * (u + np.float32(0.044715) * u * u * u))
    return out


def _within(tree: Segments, grid: Grid) -> list[tuple[Point, Point, float, float]]:
    """The segments that may touch the slices of `grid`."""
    low = float(grid.z_slice.min() + grid.z_row.min()) - 8
    high = float(grid.z_slice.max() + grid.z_row.max()) + 8
    lowest, highest = np.minimum(tree.start[:, 2], tree.end[:, 2]), np.maximum(tree.start[:, 2], tree.end[:, 2])
    part = tree.where((highest > low) & (lowest < high))
    starts, ends = part.start.tolist(), part.end.tolist()
    return [
        ((a[0], a[1], a[2]), (b[0], b[1], b[2]), r0, r1)
        for a, b, r0, r1 in zip(starts, ends, part.start_radius.tolist(), part.end_radius.tolist(), strict=True)
    ]

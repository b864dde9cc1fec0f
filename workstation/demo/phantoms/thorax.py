"""The chest as Hounsfield units on any lattice: shapes and trees painted one over the other.

`Thorax(anatomy, grid).slab(first, last)` paints some slices; slabs are independent of each other, so no whole volume
is ever held, and only the box that holds the body is worked on.
"""

import numpy as np

from workstation.demo.phantoms.anatomy import HU, Anatomy
from workstation.demo.phantoms.grid import Array, Box, Coarse, Grid
from workstation.demo.phantoms.organs import organs
from workstation.demo.phantoms.outline import outline
from workstation.demo.phantoms.painter import Painter, Shapes, paint_nodule
from workstation.demo.phantoms.shapes import Point
from workstation.demo.phantoms.skeleton import blade, skeleton
from workstation.demo.phantoms.trees import Segments, Trees, trees

COARSE_MM = 3.8


class Thorax:
    """The painter of one anatomy on one lattice."""

    def __init__(self, anatomy: Anatomy, grid: Grid, psf_mm: float) -> None:
        """`psf_mm`: standard deviation of the point spread; edges are never sharper than the lattice."""
        self.anatomy = anatomy
        self._lps = grid
        self._grid = grid.mapped(anatomy.scale, anatomy.shift)
        voxel = max(grid.steps[1:])
        self._edge = max(2.4 * psf_mm, 0.9 * voxel)
        self._psf = max(psf_mm, 0.4 * voxel)
        self._coarse = Coarse(self._grid, COARSE_MM)
        at = self._coarse.grid
        shape = outline(at, anatomy.upright, anatomy.fat_mm, anatomy.dome_mm)
        random = np.random.default_rng(anatomy.seed)
        self._shapes = Shapes(
            outline=shape,
            organs=organs(at, shape, anatomy.heart_size, anatomy.breast_mm, anatomy.upright),
            blade=blade(at, shape.angle, anatomy.upright),
            texture=random.standard_normal(at.shape, np.float32),
            streak=random.standard_normal(at.shape, np.float32),
            bones=skeleton(anatomy.upright),
            trees=_visible(trees(7), anatomy, (0.55 if anatomy.upright else 0.25) * voxel),
            contrast=anatomy.contrast,
            upright=anatomy.upright,
            breasts=anatomy.breast_mm > 0,
        )

    def slab(self, first: int, last: int) -> Array:
        """HU of the slices `first` … `last` − 1, float32 (k, j, i)."""
        grid = self._grid.slices(first, last)
        values = np.full(grid.shape, HU["air"], np.float32)
        box = self._coarse.extent(self._shapes.organs.body, first, last, -6.0)
        if box is None:
            return values
        _k, rows, columns = box

        def fine(field: Array, part: Box) -> Array:
            starts = (first, rows.start, columns.start)
            k, j, i = (slice(p.start + start, p.stop + start) for p, start in zip(part, starts, strict=True))
            return self._coarse.fine(field, (k, j, i))

        inner = (slice(0, last - first), rows, columns)
        work = np.full((last - first, rows.stop - rows.start, columns.stop - columns.start), HU["air"], np.float32)
        Painter(self._shapes, grid.sub(inner), work, fine, self._edge).paint()
        values[inner] = work
        for nodule in self.anatomy.nodules:
            paint_nodule(values, self._lps.slices(first, last), nodule, self._psf)
        return values


def _visible(grown: Trees, anatomy: Anatomy, least: float) -> Trees:
    """The trees without what the lattice can't show and what would touch a nodule."""
    clear = [(anatomy.to_reference(n.centre), n.diameter / 2 + 4.0) for n in anatomy.nodules]

    def kept(tree: Segments) -> Segments:
        return _clear_of(tree.where(tree.start_radius > least), clear)

    return Trees(kept(grown.airways), kept(grown.arteries), kept(grown.veins))


def _clear_of(tree: Segments, spheres: list[tuple[Point, float]]) -> Segments:
    keep = np.ones(len(tree), bool)
    along = tree.end - tree.start
    for centre, radius in spheres:
        t = np.sum((np.asarray(centre) - tree.start) * along, axis=1) / np.maximum(np.sum(along * along, axis=1), 1e-6)
        nearest = tree.start + np.clip(t, 0, 1)[:, None] * along
        gap = np.linalg.norm(nearest - np.asarray(centre), axis=1) - np.maximum(tree.start_radius, tree.end_radius)
        keep &= gap > radius
    return tree.where(keep)

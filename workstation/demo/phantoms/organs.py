"""The soft organs of the reference anatomy: mediastinum, heart, lungs, upper abdomen, breasts.

Lungs have no shape of their own: they fill what the cage, the diaphragm and the mediastinal organs leave, as in life;
so their inner face carries the heart's notch, the aortic knob and the azygo-oesophageal recess by itself.
"""

from dataclasses import dataclass

import numpy as np

from workstation.demo.phantoms.grid import Array, Grid
from workstation.demo.phantoms.outline import Outline, spine_y
from workstation.demo.phantoms.shapes import Point, ellipsoid, smooth_max, smooth_min, tube


@dataclass(frozen=True)
class Vessel:
    """A great vessel or hollow organ: its course, a radius at each point, and what it holds."""

    name: str
    course: tuple[Point, ...]
    radii: tuple[float, ...]


GREAT_VESSELS = (
    Vessel(
        "aorta",
        ((10, -18, -50), (-8, -30, -22), (-13, -31, 2), (-6, -24, 18), (10, -8, 26), (22, 12, 25), (26, 28, 14),
         (25, 37, -4), (23, 39, -40), (19, 37, -90), (9, 31, -130), (4, 26, -190), (3, 24, -260)),
        (15, 15.5, 15.5, 14.5, 13, 12.5, 12.5, 12, 11.5, 11, 10.5, 9.5, 8.5),
    ),
    Vessel("brachiocephalic artery", ((-3, -16, 25), (-12, -10, 48), (-26, 2, 78), (-40, 4, 110)), (6.5, 6, 5, 4)),
    Vessel("left common carotid", ((9, -6, 26), (16, -2, 60), (24, 2, 110)), (4, 3.8, 3.5)),
    Vessel("left subclavian artery", ((19, 8, 26), (30, 12, 58), (46, 10, 80), (74, 2, 84)), (5, 4.8, 4.5, 4)),
    Vessel("superior vena cava", ((-20, -20, 44), (-24, -17, 10), (-25, -14, -34)), (8, 9, 10)),
    Vessel("left brachiocephalic vein", ((34, -18, 66), (16, -33, 50), (-18, -21, 40)), (5.5, 6.5, 7)),
    Vessel("right brachiocephalic vein", ((-36, -6, 74), (-26, -16, 56), (-20, -20, 42)), (5.5, 6.5, 7.5)),
    Vessel("azygos vein", ((-24, -12, 14), (-19, 14, 12), (-10, 34, 2), (-6, 38, -60), (-5, 34, -140)),
           (4.5, 4.5, 4, 3.5, 3)),
    Vessel("pulmonary trunk", ((20, -42, -42), (26, -34, -22), (22, -16, -9)), (13, 13.5, 12)),
    Vessel("right pulmonary artery", ((20, -13, -9), (2, -2, -14), (-26, 3, -18), (-40, 8, -22)), (11, 10.5, 9.5, 7.5)),
    Vessel("left pulmonary artery", ((24, -14, -8), (36, 6, -8), (47, 24, -16)), (11, 10, 8.5)),
    Vessel("right superior pulmonary vein", ((-16, -2, -38), (-38, -6, -32)), (6.5, 6)),
    Vessel("right inferior pulmonary vein", ((-18, 10, -50), (-42, 22, -54)), (6.5, 6)),
    Vessel("left superior pulmonary vein", ((24, 2, -34), (46, -6, -26)), (6.5, 6)),
    Vessel("left inferior pulmonary vein", ((26, 12, -46), (52, 26, -50)), (6.5, 6)),
    Vessel("inferior vena cava", ((-22, -6, -84), (-24, 2, -118), (-22, 12, -190), (-20, 14, -260)),
           (12, 11.5, 11, 10)),
)  # fmt: skip
OESOPHAGUS = Vessel(
    "oesophagus",
    ((2, 26, 110), (4, 29, 40), (4, 31, 0), (5, 32, -50), (10, 25, -95), (20, 10, -122), (36, 0, -130)),
    (6.5, 6.5, 6.5, 6.5, 7, 7, 7),
)
TRACHEA: tuple[Point, ...] = ((0, 4, 130), (-1, 9, 70), (-4, 15, 28), (-2, 18, 4))
MAIN_BRONCHI: tuple[tuple[Point, Point, float], ...] = (
    ((-2, 18, 3), (-24, 20, -17), 7.2),
    ((-24, 20, -17), (-34, 22, -42), 5.8),
    ((-2, 18, 3), (30, 22, -22), 6.4),
    ((30, 22, -22), (47, 24, -33), 5.8),
)
SPINE_RADII = (18.5, 15.0)


@dataclass(frozen=True)
class Organs:
    """Distance fields (mm, positive inside) on one grid; `lungs` are right and left, `body` has the breasts too."""

    lungs: tuple[Array, Array]
    heart: Array
    ventricle: Array
    blood: Array
    liver: Array
    spleen: Array
    stomach: Array
    kidneys: Array
    body: Array
    gland: Array


def _course(grid: Grid, vessel: Vessel, margin: float) -> Array:
    field = np.full(grid.shape, -200, np.float32)
    for n in range(len(vessel.course) - 1):
        part = tube(
            grid, vessel.course[n], vessel.course[n + 1], vessel.radii[n] + margin, vessel.radii[n + 1] + margin
        )
        np.maximum(field, part, out=field)
    return field


def heart_fields(grid: Grid, size: float) -> tuple[Array, Array, Array]:
    """The pericardial sac, the left ventricle's wall (outer face) and the blood of the chambers."""

    def scaled(centre: Point) -> Point:
        return 14 + (centre[0] - 14) * size, -20 + (centre[1] + 20) * size, -58 + (centre[2] + 58) * size

    def radii(r: Point) -> Point:
        return r[0] * size, r[1] * size, r[2] * size

    axis: Point = (0.74, -0.42, -0.52)
    sac = ellipsoid(grid, scaled((22, -29, -70)), radii((66, 47, 46)), axis)
    right_atrium = ellipsoid(grid, scaled((-20, -20, -58)), radii((25, 27, 38)))
    left_atrium = ellipsoid(grid, scaled((5, 9, -44)), radii((33, 17, 19)))
    outflow = ellipsoid(grid, scaled((18, -40, -48)), radii((24, 22, 26)))
    base = ellipsoid(grid, scaled((20, -28, -90)), radii((48, 37, 32)))
    heart = smooth_max(smooth_max(sac, right_atrium, 22), smooth_max(left_atrium, outflow, 14), 16)
    heart = smooth_max(heart, base, 16)
    wall = ellipsoid(grid, scaled((42, -24, -77)), radii((50, 34, 33)), axis)
    left = ellipsoid(grid, scaled((40, -22, -75)), radii((37, 21, 19)), axis)
    right = ellipsoid(grid, scaled((20, -48, -76)), radii((46, 18, 30)), axis)
    right = np.minimum(right, -3.0 - wall)
    blood = np.maximum(np.maximum(left, right), np.maximum(right_atrium - 4, left_atrium - 3))
    return heart, wall, np.maximum(blood, outflow - 9)


def organs(grid: Grid, out: Outline, heart_size: float, breast_mm: float, upright: bool) -> Organs:
    x, z = grid.x[None, None, :], grid.z
    heart, wall, blood = heart_fields(grid, heart_size)
    below = out.below_diaphragm
    heart = smooth_min(heart, -below - 1.5, 14)
    lungs = _lungs(grid, out, heart)
    cavity = smooth_min(out.cage - 1.5, below - 2.5, 5)

    liver = smooth_max(
        ellipsoid(grid, (-66, -2, -158), (92, 96, 84)), ellipsoid(grid, (2, -44, -140), (70, 44, 40)), 24
    )
    liver = smooth_min(smooth_min(liver, cavity, 8), 62 - x * 0.9 + (z + 130) * 0.25, 14)
    spine = ellipsoid(grid, (0, 48, -170), (34, 40, 120))
    liver = smooth_min(liver, -spine - 4, 12)
    spleen = smooth_min(ellipsoid(grid, (98, 34, -150), (34, 58, 42), (0.2, -0.7, -0.65)), cavity - 1, 6)
    stomach = smooth_max(
        ellipsoid(grid, (68, 6, -140), (42, 44, 36)), ellipsoid(grid, (46, -42, -178), (40, 26, 44)), 20
    )
    stomach = smooth_min(stomach, cavity - 3, 8)
    stomach = np.minimum(np.minimum(stomach, -spleen - 2), -liver - 2.5)
    kidneys = np.maximum(ellipsoid(grid, (-60, 44, -205), (30, 24, 52)), ellipsoid(grid, (60, 46, -195), (30, 24, 52)))
    if breast_mm > 0:
        breast, gland = _breasts(grid, breast_mm, upright)
        body = smooth_max(out.body, breast, 16)
    else:
        gland = np.full(grid.shape, -99, np.float32)
        body = out.body
    rest = (heart, wall, blood, liver, spleen, stomach, kidneys, body, gland)
    right, left = (lung.astype(np.float32) for lung in lungs)
    return Organs((right, left), *(field.astype(np.float32) for field in rest))


def _breasts(grid: Grid, size: float, upright: bool) -> tuple[Array, Array]:
    drop, flat = (-22.0, 1.25) if upright else (0.0, 0.85)
    breast = np.full(grid.shape, -99, np.float32)
    gland = breast.copy()
    for side in (-1, 1):
        centre: Point = (side * (72 + (0 if upright else 8)), -92.0, -42.0 + drop)
        breast = np.maximum(breast, ellipsoid(grid, centre, (58, 18 + size * flat, 56)))
        inner: Point = (side * 76, -98.0, -42.0 + drop)
        gland = np.maximum(gland, ellipsoid(grid, inner, (36, 8 + size * flat * 0.7, 34)))
    return breast, gland


def _lungs(grid: Grid, out: Outline, heart: Array) -> tuple[Array, Array]:
    x, y, z = grid.x[None, None, :], grid.y[None, :, None], grid.z
    spine = spine_y(z)
    column = np.sqrt((x / SPINE_RADII[0]) ** 2 + ((y - spine) / SPINE_RADII[1]) ** 2)
    core: Array = (1 - column) * 15 + 4.5
    arch = np.minimum(23 - np.abs(x), spine + 46 - y)
    arch = np.minimum(arch, y - spine - 2)
    core = smooth_max(core, np.minimum(arch, 30 - (y - spine)), 10)
    for vessel, margin in [(v, 2.5) for v in GREAT_VESSELS] + [(OESOPHAGUS, 2.0)]:
        core = smooth_max(core, _course(grid, vessel, margin), 9)
    airway = Vessel("trachea", TRACHEA, (12.0,) * 4)
    core = smooth_max(core, _course(grid, airway, 0.0), 9)
    for start, end, radius in MAIN_BRONCHI:
        core = smooth_max(core, tube(grid, start, end, radius + 3.5, radius + 3.5), 9)
    septum_x = 4.0 + 6.0 / (1 + np.exp((z + 10) / 12))
    half = 4.2 + 20.0 / (1 + np.exp(-(z - 46) / 9)) + 5.0 / (1 + np.exp((z + 34) / 8))
    septum = half - np.abs(x - septum_x)
    core = smooth_max(core, septum.astype(np.float32), 9)
    core = smooth_max(core, heart + 2.0, 9)
    apex = 84 - ((np.abs(x) - 38) ** 2 + 0.5 * (y - 24) ** 2) / 95 - z
    space = smooth_min(smooth_min(out.cage - 1.5, -out.below_diaphragm, 5), apex * np.float32(0.7), 8)
    lung = smooth_min(space, -core, 6)
    return np.minimum(lung, septum_x - x), np.minimum(lung, x - septum_x)

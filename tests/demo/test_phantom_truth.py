"""The written files show what truth.json says: measured with pydicom and the positions in the headers alone."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from workstation.demo.phantoms.catalogue import PHANTOMS
from workstation.demo.phantoms.ct import CtPlan, make_ct
from workstation.demo.phantoms.model import Phantom


def _phantom(key: str) -> tuple[Phantom, CtPlan]:
    phantom = next(p for p in PHANTOMS if p.visit.key == key)
    assert isinstance(phantom.make, partial)
    plan = phantom.make.args[0]
    assert isinstance(plan, CtPlan)
    return phantom, plan


def _around(plan: CtPlan, y: float, z: float, reach: float) -> CtPlan:
    """The same acquisition, only the slices within `reach` mm of a point."""
    cos, sin = plan.cosines
    at_row = z + (y - plan.centre_y - plan.anatomy.shift[1]) / cos * sin
    first = math.floor((plan.top - at_row - reach) / plan.step)
    return replace(plan, top=plan.top - first * plan.step, slices=math.ceil(2 * reach / plan.step) + 1)


class Stack:
    """A series as a stranger would read it: HU and index → LPS from the headers of its files."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        objects = [pydicom.dcmread(file) for file in files]
        first, last = objects[0], objects[-1]
        row, column = np.array(first.ImageOrientationPatient[:3]), np.array(first.ImageOrientationPatient[3:])
        position = np.array(first.ImagePositionPatient)
        step = (np.array(last.ImagePositionPatient) - position) / (len(objects) - 1)
        down, across = map(float, first.PixelSpacing)
        self.matrix = np.column_stack([step, column * down, row * across])
        self.origin = position
        self.hu = np.stack([pixel_array(ds) * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in objects])

    def at(self, points: np.ndarray) -> np.ndarray:
        """Trilinear values at LPS points (n, 3)."""
        index = np.linalg.solve(self.matrix, (points - self.origin).T)
        base = np.floor(index).astype(int)
        part = index - base
        total = np.zeros(len(points))
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod([part[n] if corner[n] else 1 - part[n] for n in range(3)], axis=0)
            total += weight * self.hu[tuple(base[n] + corner[n] for n in range(3))]
        return total

    def mean(self, centre: tuple[float, float, float], reach: float) -> float:
        line = np.linspace(-reach, reach, 7)
        cube = np.stack(np.meshgrid(line, line, line), -1).reshape(-1, 3)
        return float(self.at(cube + np.array(centre)).mean())

    def width(self, centre: tuple[float, float, float], axis: int, diameter: float) -> float:
        """Full width at half maximum along an LPS axis, the mean of a thin bundle of lines."""
        s = np.arange(-diameter, diameter + 0.01, 0.1)
        offsets = np.linspace(-0.4, 0.4, 3)
        lines = []
        for u in offsets:
            for v in offsets:
                points = np.tile(np.array(centre), (len(s), 1))
                points[:, axis] += s
                points[:, (axis + 1) % 3] += u
                points[:, (axis + 2) % 3] += v
                lines.append(self.at(points))
        profile = np.mean(lines, axis=0)
        inside = profile[np.abs(s) < diameter / 4].mean()
        outside = profile[np.abs(s) > diameter * 0.75].mean()
        above = np.flatnonzero(profile > (inside + outside) / 2)
        ends = []
        for a, b in ((above[0] - 1, above[0]), (above[-1], above[-1] + 1)):
            share = ((inside + outside) / 2 - profile[a]) / (profile[b] - profile[a])
            ends.append(s[a] + share * (s[b] - s[a]))
        return float(ends[1] - ends[0])


@pytest.mark.parametrize("key", ["ct-main", "ct-main-prior", "ct-tilt"])
def test_the_main_nodule_measures_its_true_diameter_along_all_three_axes(key: str, tmp_path: Path) -> None:
    phantom, plan = _phantom(key)
    nodule = plan.anatomy.nodules[0]
    small = _around(plan, nodule.centre[1], nodule.centre[2], nodule.diameter + 6)
    made = make_ct(small, phantom.visit, tmp_path, 1.0, lambda: None)
    stack = Stack(made.series[0].files)
    for axis in range(3):
        assert stack.width(nodule.centre, axis, nodule.diameter) == pytest.approx(nodule.diameter, abs=0.2)


def test_tissues_have_their_hounsfield_units(tmp_path: Path) -> None:
    phantom, plan = _phantom("ct-main")
    anatomy = plan.anatomy
    descending_aorta = anatomy.to_study((23.0, 39.0, -40.0))
    small = _around(plan, descending_aorta[1], descending_aorta[2], 8)
    stack = Stack(make_ct(small, phantom.visit, tmp_path, 1.0, lambda: None).series[0].files)
    assert stack.mean(descending_aorta, 4) == pytest.approx(44, abs=6)
    assert stack.mean(anatomy.to_study((40.0, 96.0, -40.0)), 2) == pytest.approx(52, abs=10)
    assert stack.mean(anatomy.to_study((158.0, -6.0, -40.0)), 2) == pytest.approx(-98, abs=10)
    assert stack.mean(anatomy.to_study((0.0, -160.0, -40.0)), 4) == pytest.approx(-1000, abs=6)
    lung = np.median(stack.hu[:, 200:300, 120:180])
    assert -900 < lung < -820


def test_the_tilted_series_moves_along_the_table_and_not_along_its_normal(tmp_path: Path) -> None:
    phantom, plan = _phantom("ct-tilt")
    made = make_ct(replace(plan, slices=4), phantom.visit, tmp_path, 0.25, lambda: None)
    objects = [pydicom.dcmread(file) for file in made.series[0].files]
    steps = np.diff([ds.ImagePositionPatient for ds in objects], axis=0)
    assert np.allclose(steps[:, :2], 0)
    column = np.array(objects[0].ImageOrientationPatient[3:])
    assert math.degrees(math.acos(abs(column[1]))) == pytest.approx(20, abs=1e-4)
    assert float(objects[0].GantryDetectorTilt) == 20
    assert len({tuple(ds.ImageOrientationPatient) for ds in objects}) == 1
    normal = np.cross(objects[0].ImageOrientationPatient[:3], column)
    assert abs(steps[0] @ normal) == pytest.approx(float(objects[0].SpacingBetweenSlices), abs=1e-3)

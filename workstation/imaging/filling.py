"""How the frames of a stack fill its volume: each its own plane, or uneven ones blended into the planes between them.

An uneven stack is a volume on a regular grid along its true, maybe sheared, step: each plane is blended linearly from
the two acquired slices it lies between, by their true distances, as soon as both are there. The slices themselves stay
as acquired. Nothing is blended across a hole: the planes in it stay empty, but for half a usual step at its ends, which
is the end slices' own extent.
"""

import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.geometry import Stack
from workstation.imaging.volume import Volume

# a plane this near to an acquired slice, as a part of the way to the next, is that slice
_EXACT = 1e-3


class Filling(Protocol):
    """Takes frames, in any order and from any thread, into a volume."""

    @property
    def volume(self) -> Volume: ...

    def put(self, number: int, stored: NDArray[Any]) -> Volume:
        """Take the stored values of frame `number`; gives back what that frame alone is drawn from."""

    def take(self, number: int, sheet: Volume) -> Volume:
        """Take frame `number` from a full volume of one slice that it was made into before."""


def filling_of(stack: Stack) -> Filling:
    """An empty volume for a stack that is one, and how to fill it."""
    return Blended(stack) if stack.uneven else Direct(stack)


class Direct:
    """Each frame is a plane of the volume."""

    def __init__(self, stack: Stack) -> None:
        self.volume = Volume.of_stack(stack)
        self._stack = stack

    def put(self, number: int, stored: NDArray[Any]) -> Volume:
        """The frame goes to its plane; it is drawn from the volume."""
        self.volume.put(self._stack.index_of(number), stored)
        return self.volume

    def take(self, number: int, sheet: Volume) -> Volume:
        """The frame goes to its plane; it is drawn from the volume."""
        self.volume.take(self._stack.index_of(number), sheet)
        return self.volume


class Blended:
    """Planes between uneven frames; each frame is kept as a sheet of its own."""

    def __init__(self, stack: Stack) -> None:
        self.volume = Volume.of_stack(stack)
        self._stack = stack
        self._sheets: dict[int, Volume] = {}
        self._lock = threading.Lock()
        self._lower, self._upper, self._weight = _neighbours(stack)
        self._waiting = self._lower >= 0

    def put(self, number: int, stored: NDArray[Any]) -> Volume:
        """The frame goes to a sheet, from which it is drawn, and the planes that waited for it alone are filled."""
        sheet = Volume.of_stack(self._stack.alone(number, self._matrix(number)))
        sheet.put(0, stored)
        return self._keep(number, sheet)

    def take(self, number: int, sheet: Volume) -> Volume:
        """The frame's sheet is kept as it is, in its place, and the planes that waited for it alone are filled."""
        return self._keep(number, sheet.moved(self._matrix(number)))

    def _keep(self, number: int, sheet: Volume) -> Volume:
        with self._lock:
            self._sheets[number] = sheet
            there = np.zeros(len(self._stack.frames), np.bool_)
            there[list(self._sheets)] = True
            ready = np.flatnonzero(self._waiting & there[self._lower] & there[self._upper])
            self._waiting[ready] = False
        for k in ready:
            self._fill(int(k))
        return sheet

    def _matrix(self, number: int) -> NDArray[np.float64]:
        volume = self.volume.ijk_to_lps
        matrix = volume.copy()
        normal = np.cross(volume[:3, 0], volume[:3, 1])
        matrix[:3, 2] = normal / np.linalg.norm(normal)
        matrix[:3, 3] += volume[:3, 2] * self._stack.place_of(number)
        return matrix

    def _fill(self, k: int) -> None:
        below, above = self._sheets[self._lower[k]], self._sheets[self._upper[k]]
        weight = np.float32(self._weight[k])
        values, padded = below.array[0], below.padding_of(0)
        if weight:
            other, more = above.array[0], above.padding_of(0)
            whole = values.dtype.kind in "iu" and other.dtype.kind in "iu"
            blend = values * (1 - weight) + other * weight
            values = np.rint(blend).astype(np.int32) if whole else blend
            padded = more if padded is None else padded if more is None else padded | more
        self.volume.put(k, values, padded)


def _neighbours(stack: Stack) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each plane the frames below and above, and the weight of the one above; −1 where nothing is to be."""
    places = np.array(stack.slice_places)
    steps = np.diff(places)
    planes = np.arange(stack.planes, dtype=np.float64)
    lower = np.clip(np.searchsorted(places, planes, side="right") - 1, 0, len(places) - 2)
    away = planes - places[lower]
    weight = np.clip(away / steps[lower], 0.0, 1.0)
    half = float(np.median(steps)) / 2
    hole = np.isin(lower, [gap.after for gap in stack.gaps])
    below = (weight < _EXACT) | (hole & (away <= half))
    above = (weight > 1 - _EXACT) | (hole & (steps[lower] - away <= half))
    upper = np.where(below, lower, lower + 1)
    lower = np.where(above & ~below, lower + 1, lower)
    weight = np.where(below | above, 0.0, weight)
    empty = hole & ~below & ~above
    return np.where(empty, -1, lower), np.where(empty, -1, upper), weight

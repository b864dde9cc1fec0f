"""A stack's frames as one array in real units, filled slice by slice from any thread and usable while partial.

Stored values become modality values when a slice is put: by its own slope and intercept, or by the Modality LUT, before
anything is stacked, measured or interpolated (PS3.3 C.11.1).
"""

import itertools
import threading
import weakref
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.geometry import FrameRef, Stack
from workstation.dicom.instance import PixelDescription
from workstation.dicom.lut import VoiTable

Matrix = NDArray[np.float64]
_INT16 = np.iinfo(np.int16)
_serials = itertools.count(1)
_bytes: "weakref.WeakKeyDictionary[Stack, int]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class SliceTransform:
    """How the stored values of one slice become modality values, and which of them are padding (inclusive range).

    Values outside of `mapped` (inclusive range) mean nothing, and count as padding.
    """

    slope: float = 1.0
    intercept: float = 0.0
    table: VoiTable | None = None
    padding: tuple[int, int] | None = None
    mapped: tuple[float, float] | None = None

    @property
    def integral(self) -> bool:
        """Whether integers stay integers."""
        return self.table is not None or (self.slope.is_integer() and self.intercept.is_integer())


IDENTITY = SliceTransform()


def transform_of(ref: FrameRef) -> SliceTransform:
    """The transform of a frame by its header. The padding range is Pixel Padding Value to Limit, in either order.

    Colour fills the 8 or 16 bits of its volume, so that white is white however many bits are stored.
    """
    instance, geometry = ref.instance, ref.geometry
    pixels = instance.pixels
    if pixels is None or pixels.photometric == "PALETTE COLOR":
        return IDENTITY
    if pixels.colour:
        return SliceTransform(2.0 ** ((8 if pixels.bits_stored <= 8 else 16) - pixels.bits_stored))
    padding = None
    if pixels.padding_value is not None:
        limit = pixels.padding_value if pixels.padding_limit is None else pixels.padding_limit
        padding = min(pixels.padding_value, limit), max(pixels.padding_value, limit)
    mapped = None if geometry.mapping is None else geometry.mapping.bounds
    return SliceTransform(geometry.slope, geometry.intercept, instance.modality_table, padding, mapped)


class Volume:
    """Voxels, shape (k, j, i) or (k, j, i, 3), and where they stand.

    `ijk_to_lps` maps voxel indices to LPS millimetres; when `is_spatial` is False there is no place in the patient, and
    it maps to the picture's own plane instead: x = column · spacing, y = row · spacing, z = slice number.
    An int16 volume turns into float32, once, when a slice doesn't fit. `serial` names the volume among all of this run.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        ijk_to_lps: Matrix,
        frame_of_reference_uid: str = "",
        units: str = "",
        *,
        transforms: Sequence[SliceTransform] = (),
        is_spatial: bool = True,
    ) -> None:
        self._array: NDArray[Any] = np.zeros(shape, dtype)
        self._loaded = np.zeros(shape[0], np.bool_)
        self._padding: NDArray[np.uint8] | None = None
        self._transforms = tuple(transforms)
        self._lock = threading.Lock()
        self._version = 0
        self._rounded = False
        self.serial = next(_serials)
        self.ijk_to_lps: Matrix = _read_only(np.array(ijk_to_lps, dtype=np.float64))
        self.lps_to_ijk: Matrix = _read_only(np.linalg.inv(self.ijk_to_lps))
        self.frame_of_reference_uid = frame_of_reference_uid
        self.units = units
        self.is_spatial = is_spatial

    @classmethod
    def of_stack(cls, stack: Stack) -> "Volume":
        """An empty volume for a stack. Frame n of the stack goes to slice `stack.index_of(n)`.

        The planes of an uneven stack take modality values, blended from its frames (`workstation.imaging.filling`).
        """
        first = stack.first
        pixels = first.pixels
        if pixels is None:
            raise ValueError("a stack of frames without pixels")
        own = [transform_of(ref) for ref in stack.frames]
        transforms = [IDENTITY] * stack.depth
        if not stack.uneven:
            for number, transform in enumerate(own):
                transforms[stack.index_of(number)] = transform
        shape, dtype = _layout(stack, pixels, own)
        spatial = stack.ijk_to_lps is not None
        matrix = stack.ijk_to_lps
        if matrix is None:
            matrix = np.diag([stack.spacing.column_mm, stack.spacing.row_mm, 1.0, 1.0])
        return cls(
            shape,
            dtype,
            matrix,
            first.frame_of_reference_uid if spatial else "",
            first.units,
            transforms=transforms,
            is_spatial=spatial,
        )

    @classmethod
    def of_array(
        cls, values: NDArray[Any], ijk_to_lps: Matrix, frame_of_reference_uid: str = "", units: str = ""
    ) -> "Volume":
        """A full volume of modality values, shape (k, j, i); int16 and float32 arrays are taken as they are."""
        volume = cls((0, 0, 0), np.int16, ijk_to_lps, frame_of_reference_uid, units)
        kept = values.dtype in (np.int16, np.float32)
        volume._array = np.ascontiguousarray(values if kept else values.astype(np.float32))
        volume._loaded = np.ones(values.shape[0], np.bool_)
        return volume

    @property
    def array(self) -> NDArray[Any]:
        """The voxels in modality units, read-only; slices that are not loaded are 0."""
        return _read_only(self._array.view())

    @property
    def shape(self) -> tuple[int, ...]:
        """(slices, rows, columns), with 3 behind when in colour."""
        return self._array.shape

    @property
    def is_colour(self) -> bool:
        """Whether voxels are RGB."""
        return self._array.ndim == 4

    @property
    def loaded(self) -> NDArray[np.bool_]:
        """Which slices are there, shape (k,), read-only and alive."""
        return _read_only(self._loaded.view())

    @property
    def complete(self) -> bool:
        """Whether all slices are there."""
        return bool(self._loaded.all())

    @property
    def padding(self) -> NDArray[np.uint8] | None:
        """255 where padding is, else 0, shape (k, j, i), read-only; None when there is none."""
        return None if self._padding is None else _read_only(self._padding.view())

    def padding_of(self, k: int) -> NDArray[np.bool_] | None:
        """Where padding is in slice `k`, shape (rows, columns); None when there is none."""
        if self._padding is None:
            return None
        mask: NDArray[np.bool_] = self._padding[k] != 0
        return mask if mask.any() else None

    @property
    def nbytes(self) -> int:
        """The memory of voxels and padding."""
        return self._array.nbytes + (0 if self._padding is None else self._padding.nbytes)

    @property
    def rounded(self) -> bool:
        """Whether stored 32-bit integers or doubles lost digits, as only some 7 of them find room in float32."""
        return self._rounded

    @property
    def version(self) -> int:
        """Counts up with each slice that is put."""
        return self._version

    def put(self, k: int, stored: NDArray[Any], padded: NDArray[np.bool_] | None = None) -> None:
        """Put the stored values of slice `k`, shape (rows, columns[, 3]); thread safe, slices in any order.

        `padded` says where padding is when that is known already, not by stored values. What is no finite number has
        no value to show or to count, and is padding too.
        """
        if stored.shape != self._array.shape[1:]:
            raise ValueError(f"slice of shape {stored.shape} in a volume of {self._array.shape[1:]}")
        transform = self._transforms[k] if self._transforms else IDENTITY
        if transform.padding is not None:
            low, high = transform.padding
            padded = (stored == low) if low == high else (stored >= low) & (stored <= high)
        if transform.mapped is not None:
            low_value, high_value = transform.mapped
            beyond = (stored < low_value) | (stored > high_value)
            padded = beyond if padded is None else padded | beyond
        if stored.dtype.kind == "f" and not np.isfinite(stored).all():
            blank = ~np.isfinite(stored)
            padded = blank if padded is None else padded | blank
            # 0 × NaN is NaN: it would spread to whatever is computed with it at no weight
            stored = np.where(blank, stored.dtype.type(0), stored)
        if padded is not None and not padded.any():
            padded = None
        self._enter(k, stored, transform, padded, _beyond_float32(stored))

    def take(self, k: int, sheet: "Volume") -> None:
        """Put the one slice of a full volume, values and padding as they are there, as slice `k`; thread safe."""
        if sheet.shape[1:] != self._array.shape[1:]:
            raise ValueError(f"slice of shape {sheet.shape[1:]} in a volume of {self._array.shape[1:]}")
        self._enter(k, sheet.array[0], IDENTITY, sheet.padding_of(0), sheet.rounded)

    def moved(self, ijk_to_lps: Matrix) -> "Volume":
        """The same voxels in another place."""
        volume = copy(self)
        volume.serial = next(_serials)
        volume.ijk_to_lps = _read_only(np.array(ijk_to_lps, dtype=np.float64))
        volume.lps_to_ijk = _read_only(np.linalg.inv(volume.ijk_to_lps))
        return volume

    def _enter(
        self, k: int, stored: NDArray[Any], transform: SliceTransform, padded: NDArray[np.bool_] | None, loses: bool
    ) -> None:
        """Write a slice, and note that it is there."""
        while True:
            array = self._array
            if not self._write(array[k], stored, transform):
                self._promote()
                continue
            with self._lock:
                # an array that was replaced meanwhile may have been copied before this slice was in it
                if self._array is not array:
                    continue
                self._rounded |= loses
                if padded is not None:
                    if self._padding is None:
                        self._padding = np.zeros(self._array.shape[:3], np.uint8)
                    self._padding[k] = padded * np.uint8(255)
                self._loaded[k] = True
                self._version += 1
                return

    @staticmethod
    def _write(target: NDArray[Any], stored: NDArray[Any], transform: SliceTransform) -> bool:
        """Write a slice into its place, without holding the lock; False when it needs more than int16."""
        if transform.table is not None:
            stored, slope, intercept = transform.table.entries_for(stored.astype(np.int64)), 1.0, 0.0
        else:
            slope, intercept = transform.slope, transform.intercept
        if target.dtype != np.int16:
            with np.errstate(over="ignore"):
                # in double: a 32-bit dose or a tiny ADC slope keeps all that float32 can hold
                exact = slope == 1.0 and intercept == 0.0
                values = stored if exact else np.multiply(stored, slope, dtype=np.float64) + intercept
                np.copyto(target, values, casting="unsafe")
            return True
        if stored.dtype.kind == "f":
            return False
        if stored.size:
            ends = [int(stored.min()) * slope + intercept, int(stored.max()) * slope + intercept]
            if min(ends) < _INT16.min or max(ends) > _INT16.max:
                return False
        if slope == 1.0:
            # sums of what was checked to fit: wrapping in int16 gives the right values for uint16 too
            np.add(stored.astype(np.int16, copy=False), np.int16(_wrap(int(intercept))), out=target)
        else:
            np.copyto(target, stored.astype(np.int32) * int(slope) + int(intercept), casting="unsafe")
        return True

    def _promote(self) -> None:
        with self._lock:
            if self._array.dtype == np.int16:
                self._array = self._array.astype(np.float32)


def stack_bytes(stack: Stack) -> int:
    """The memory that a volume of the whole stack takes at first, padding included; 0 without pixels.

    Uneven frames are kept beside the planes blended from them.
    """
    known = _bytes.get(stack)
    if known is None:
        # of thousands of frames it takes longer than the main thread may be asked for again and again
        known = _bytes[stack] = _stack_bytes(stack)
    return known


def _stack_bytes(stack: Stack) -> int:
    pixels = stack.first.pixels
    if pixels is None:
        return 0
    transforms = [transform_of(ref) for ref in stack.frames]
    shape, dtype = _layout(stack, pixels, transforms)
    padded = any(transform.padding is not None or transform.mapped is not None for transform in transforms)
    voxels = int(np.prod(shape, dtype=np.int64))
    if stack.uneven:
        voxels += voxels // stack.depth * len(stack.frames)
    return voxels * (np.dtype(dtype).itemsize + padded)


def _layout(
    stack: Stack, pixels: PixelDescription, transforms: Sequence[SliceTransform]
) -> tuple[tuple[int, ...], type[np.generic]]:
    """Shape and type of a stack's voxels as far as its headers tell."""
    shape = (stack.depth, stack.first.rows, stack.first.columns)
    if pixels.colour:
        byte = pixels.bits_stored <= 8 or pixels.photometric == "PALETTE COLOR"
        return (*shape, 3), np.uint8 if byte else np.uint16
    integral = not pixels.float_bits and all(transform.integral for transform in transforms)
    return shape, np.int16 if integral else np.float32


def _beyond_float32(stored: NDArray[Any]) -> bool:
    """Whether stored values have more digits than float32 keeps; overflow to infinity is such a loss too."""
    if stored.dtype.itemsize < 4 or stored.dtype == np.float32:
        return False
    with np.errstate(over="ignore"):
        kept = stored.astype(np.float32).astype(np.float64)
    return not np.array_equal(kept, stored, equal_nan=stored.dtype.kind == "f")


def _wrap(value: int) -> int:
    return (value + 32768) % 65536 - 32768


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array

"""What a picture is sampled from: the volume itself, or a slice at half, a quarter, … of its size.

A 3000² radiograph in an 800-pixel viewport must neither lose thin lines nor grow moiré patterns from the grid: each
pixel of a reduction is the mean of the area it covers. Averaging once and keeping the result makes panning over it as
fast as over a small image.
"""

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.volume import Volume

_KEPT = 8


@dataclass(frozen=True, eq=False)
class Source:
    """Voxels to sample, shape (k, j, i[, 3]), and 255 where among them is padding (None: nowhere)."""

    values: NDArray[Any]
    padding: NDArray[np.uint8] | None


_lock = threading.Lock()
_whole: "weakref.WeakKeyDictionary[Volume, Source]" = weakref.WeakKeyDictionary()
_reductions: "weakref.WeakKeyDictionary[Volume, dict[tuple[int, int, int], Source]]" = weakref.WeakKeyDictionary()


def whole(volume: Volume) -> Source:
    """The volume's own voxels; the same object while the volume keeps its arrays."""
    array, padding = volume.array, volume.padding
    with _lock:
        kept = _whole.get(volume)
        if kept is None or not _shared(kept.values, array) or not _shared(kept.padding, padding):
            kept = _whole[volume] = Source(array, padding)
    return kept


def _shared(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.ctypes.data == other.ctypes.data and one.dtype == other.dtype


def reduced_slice(volume: Volume, k: int, level: int) -> Source:
    """Slice `k` reduced by 2^level in rows and columns, as a volume of one slice; a rest at the edge is a smaller area.

    A reduced pixel is padding where all of its area is; others average what is real.
    """
    key = (k, level, volume.version if not volume.loaded[k] else -1)
    with _lock:
        kept = _reductions.setdefault(volume, {})
        if key in kept:
            return kept[key]
    source = _reduce(volume.array[k], volume.padding_of(k), 2**level)
    with _lock:
        kept[key] = source
        while len(kept) > _KEPT:
            del kept[next(iter(kept))]
    return source


def block_sums(image: NDArray[Any], size: int) -> NDArray[Any]:
    """Sums over blocks of size² pixels of an image (rows, columns[, 3]); blocks at the far edges may be smaller."""
    exact = image.dtype.kind in "iub" and image.dtype.itemsize <= 2 and size <= 128
    tall, wide = -(-image.shape[0] // size), -(-image.shape[1] // size)
    by_rows = np.zeros((tall, *image.shape[1:]), np.int32 if exact else np.float64)
    for offset in range(min(size, image.shape[0])):
        part = image[offset::size]
        by_rows[: len(part)] += part
    sums = np.zeros((tall, wide, *image.shape[2:]), by_rows.dtype)
    for offset in range(min(size, image.shape[1])):
        column = by_rows[:, offset::size]
        sums[:, : column.shape[1]] += column
    return sums


def _reduce(image: NDArray[Any], padding: NDArray[np.bool_] | None, size: int) -> Source:
    rows, columns = image.shape[:2]
    if padding is None:
        counts = np.outer(_extents(rows, size), _extents(columns, size)).astype(np.float64)
        sums = block_sums(image, size)
        none = None
    else:
        real = ~padding
        counts = block_sums(real, size)
        sums = block_sums(image * real, size)
        none = counts == 0
        counts[none] = 1
    mean = sums / (counts[..., None] if image.ndim == 3 else counts)
    values = (np.rint(mean) if image.dtype.kind in "iu" else mean).astype(image.dtype)
    return Source(values[None], None if none is None else (none * np.uint8(255))[None])


def _extents(length: int, size: int) -> NDArray[np.int64]:
    """The lengths of the blocks that `length` pixels fall into."""
    return np.diff(np.append(np.arange(0, length, size), length))

"""Greys of a presentation state in an image's own modality values, so that one lookup shows them (PS3.4 N.2).

A state brings its own modality LUT, VOI and presentation LUT. Where its modality values are the image's, its VOI is
taken as it stands; where they are another line through the same stored values, a window is moved along; everything
else becomes one table over all values the image can have.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from workstation.imaging.voi import Voi, VoiTable, Window, grey
from workstation.imaging.volume import SliceTransform

_MOST_ENTRIES = 1 << 16


def full_range(transform: SliceTransform, stored_range: tuple[int, int]) -> Window:
    """The window of an identity VOI: all that the modality transform can give, from black to white."""
    if transform.table is not None:
        low, high = 0.0, float((1 << transform.table.bits) - 1)
    else:
        low, high = sorted(value * transform.slope + transform.intercept for value in stored_range)
    return Window((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")


@functools.lru_cache(maxsize=64)
def in_image_values(
    voi: Voi,
    state: SliceTransform,
    image: SliceTransform,
    stored_range: tuple[int, int],
    presentation: VoiTable | None = None,
) -> Voi | None:
    """The VOI of a state, and its presentation LUT, over the image's modality values.

    None where that can't be had: the image's values come out of a table, or are fractions, and the state's are others.
    """
    same = (state.slope, state.intercept, state.table) == (image.slope, image.intercept, image.table)
    if presentation is None and same:
        return voi
    if presentation is None and isinstance(voi, Window) and state.table is None and image.table is None:
        ratio = image.slope / state.slope
        if ratio > 0:
            return voi.moved(ratio, image.intercept - state.intercept * ratio)
    return _tabled(voi, state, image, stored_range, presentation, same)


def _tabled(
    voi: Voi,
    state: SliceTransform,
    image: SliceTransform,
    stored_range: tuple[int, int],
    presentation: VoiTable | None,
    same: bool,
) -> VoiTable | None:
    if image.table is not None:
        if not same:
            return None
        values = np.arange(1 << min(image.table.bits, 16))
        return _entries(0, grey(values, voi), presentation, voi)
    if not image.integral:
        return None
    ends = sorted(int(value * image.slope + image.intercept) for value in stored_range)
    if ends[1] - ends[0] >= _MOST_ENTRIES:
        return None
    values = np.arange(ends[0], ends[1] + 1)
    stored = np.asarray((values - image.intercept) / image.slope, dtype=np.float64)
    return _entries(ends[0], grey(_modality(state, stored), voi), presentation, voi)


def _modality(transform: SliceTransform, stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stored values as the transform's modality values."""
    if transform.table is None:
        return stored * transform.slope + transform.intercept
    return transform.table.entries_for(np.rint(stored)).astype(np.float64)


def _entries(first: int, shown: NDArray[np.float64], presentation: VoiTable | None, voi: Voi) -> VoiTable:
    part = shown / 255.0
    if presentation is not None:
        own = presentation.values
        part = own[np.rint(part * (len(own) - 1)).astype(np.intp)] / ((1 << presentation.bits) - 1)
    return VoiTable.of(first, 16, np.rint(np.clip(part, 0, 1) * 65535).astype("<u2"), voi.explanation)

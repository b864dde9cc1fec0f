"""Repetitions of one anatomy told apart: which attribute leaves each position once in every part.

A series of diffusion, of echoes or of phases has several images at each position. The attribute that parts them is not
known beforehand: makers differ. So each that varies is tried, alone, then two and three together, and the one that
gives parts of equal size is preferred.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.axes import orthonormal
from workstation.dicom.slices import place_numbers
from workstation.language import _, number_text

if TYPE_CHECKING:
    from workstation.dicom.geometry import FrameRef

Codes = NDArray[np.int64]
Key = Callable[["FrameRef"], Hashable]

# parts of fewer slices on the average are no volumes: a cine of one place stays together
_LEAST_MEAN = 3
# nor are many more parts than positions repeat: one image taken again must not leave shreds
_MOST_PARTS = 2
# attributes tried in twos, and in threes
_IN_TWOS, _IN_THREES = 12, 7
_SHORT = 16


def _keys() -> tuple[tuple[str, Key], ...]:
    """The attributes in the order in which they are tried, most telling first; the last resort says what it is."""
    return (
        (_("b-value"), lambda ref: ref.geometry.b_value),
        (_("gradient direction"), lambda ref: ref.geometry.gradient),
        (_("echo time"), lambda ref: ref.geometry.echo_time),
        (_("echo"), lambda ref: ref.instance.echo_numbers),
        (_("temporal position"), lambda ref: ref.geometry.temporal_position),
        (_("cardiac phase"), lambda ref: _first(ref.geometry.cardiac_phase, ref.instance.cardiac_phase)),
        (_("trigger time"), lambda ref: ref.geometry.trigger_time),
        (_("inversion time"), lambda ref: ref.geometry.inversion_time),
        (_("flip angle"), lambda ref: ref.geometry.flip_angle),
        (_("energy window"), lambda ref: ref.geometry.energy_window),
        (_("tube voltage"), lambda ref: ref.instance.kvp),
        (_("contrast agent"), lambda ref: ref.instance.contrast_agent),
        (_("image type"), lambda ref: ref.geometry.image_type or ref.instance.image_type),
        (_("acquisition"), lambda ref: _first(ref.geometry.acquisition_number, ref.instance.acquisition_number)),
        *((_("dimension {number} =").format(number=axis + 1), _dimension(axis)) for axis in range(6)),
        (_("acquisition time"), lambda ref: (ref.instance.acquisition_date, ref.instance.acquisition_time)),
        (_("content time"), lambda ref: (ref.instance.content_date, ref.instance.content_time)),
        (_("object"), lambda ref: ref.instance.sop_instance_uid),
        (_("sequence name only"), lambda ref: ref.geometry.sequence_name),
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _dimension(axis: int) -> Key:
    def key(ref: "FrameRef") -> Hashable:
        index = ref.geometry.dimension_index
        return index[axis] if axis < len(index) else None

    return key


def parted_by_repeats(refs: list["FrameRef"]) -> list[tuple[list["FrameRef"], str]]:
    """The frames in parts without repeated positions, each with its rule and value; one part without a rule where
    positions don't repeat, or nothing parts them cleanly."""
    first = refs[0].geometry
    axes = orthonormal(first.orientation)
    if len(refs) < 2 * _LEAST_MEAN or axes is None or first.pixel_spacing is None:
        return [(refs, "")]
    positions = np.array([ref.geometry.position or (np.nan,) * 3 for ref in refs])
    if np.isnan(positions).any():
        return [(refs, "")]
    places = place_numbers(positions, axes[2], min(first.pixel_spacing), first.slice_thickness or 0.0)
    repeats = np.bincount(places)
    if repeats.max() == 1:
        return [(refs, "")]
    keys = [
        (name, key, codes)
        for name, key in _keys()
        if 1 < (codes := _codes(key(ref) for ref in refs)).max() + 1 <= len(refs) // _LEAST_MEAN
    ]
    found = _cleanest([codes for _name, _key, codes in keys], places, int(repeats.max()))
    if found is None and (by_order := _in_order(places, repeats)) is not None:
        # the numbers of images are no attribute of theirs, but where all else fails they tell the runs of a scan
        found = (len(keys),), by_order, True
        keys.append((_("order of images only"), lambda _ref: None, by_order))
    if found is None:
        return [(refs, "")]
    chosen, codes, equal = found
    parts: list[list[FrameRef]] = [[] for _number in range(int(codes.max()) + 1)]
    for ref, code in zip(refs, codes, strict=True):
        parts[code].append(ref)
    told = [keys[at][:2] for at in chosen]
    named = {name for name, _key, _codes_ in keys}
    if _("gradient direction") in dict(told) and _("b-value") in named - set(dict(told)):
        # the b-value parts no further, but is what a reader looks for
        told.insert(0, keys[0][:2])
    notes = [] if equal else [_("parts of unequal size")]
    return [
        (part, ", ".join([*(_told(name, key, part[0], number, len(parts)) for name, key in told), *notes]))
        for number, part in enumerate(parts, start=1)
    ]


def _in_order(places: Codes, repeats: Codes) -> Codes | None:
    """Parts of the frames as they are filed, where each holds each place once; None where it is not so."""
    size = len(repeats)
    if size < _LEAST_MEAN or repeats.min() != repeats.max():
        return None
    codes = np.arange(len(places)) // size
    return codes if np.unique(codes * size + places).size == len(places) else None


def _codes(values: Iterable[Hashable]) -> Codes:
    """Numbers for values, counted in the order in which they come."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _cleanest(keys: Sequence[Codes], places: Codes, most: int) -> tuple[tuple[int, ...], Codes, bool] | None:
    """Which keys together leave no position twice in a part, with the part of each frame, and whether all parts are
    of one size; equal parts go before unequal ones, then fewer parts, then fewer keys before more."""
    unequal, fewest = None, 0
    choices = [
        *combinations(range(len(keys)), 1),
        *combinations(range(min(len(keys), _IN_TWOS)), 2),
        *combinations(range(min(len(keys), _IN_THREES)), 3),
    ]
    for chosen in choices:
        codes = _together([keys[at] for at in chosen])
        parts = int(codes.max()) + 1
        if not most <= parts <= min(len(places) // _LEAST_MEAN, _MOST_PARTS * most):
            continue
        if np.unique(codes * (int(places.max()) + 1) + places).size < len(places):
            continue
        sizes = np.bincount(codes)
        if parts == most and (sizes == sizes[0]).all():
            return chosen, codes, True
        if unequal is None or parts < fewest:
            unequal, fewest = (chosen, codes, bool((sizes == sizes[0]).all())), parts
    return unequal


def _together(keys: Sequence[Codes]) -> Codes:
    if len(keys) == 1:
        return keys[0]
    combined = keys[0]
    for key in keys[1:]:
        combined = combined * (int(key.max()) + 1) + key
    _values, firsts, codes = np.unique(combined, return_index=True, return_inverse=True)
    # numbered as they come, not by value
    rank = np.empty(len(firsts), np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    numbered: Codes = rank[codes]
    return numbered


def _told(name: str, key: Key, ref: "FrameRef", number: int, count: int) -> str:
    """The rule and what this part has for it; the number of the part where that is no short value."""
    value = key(ref)
    if isinstance(value, int | float):
        return f"{name} {number_text(float(value), 2, trim=True)}"
    if isinstance(value, str) and value and len(value) <= _SHORT:
        return f"{name} {value}"
    return f"{name} {number}/{count}"

"""What parts the frames of one series into stacks, with the rule that did it.

Two steps. What changes the meaning of pixels or of places parts always. What only tells repetitions of one anatomy
apart (b-values, echoes, phases) parts where positions repeat and it leaves no repetition: it never tears a volume whose
positions don't repeat, and where nothing parts cleanly all frames stay together to be shown one by one.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.kinds import LOCALIZER, kinds_of
from workstation.dicom.repeats import parted_by_repeats
from workstation.dicom.spacing import PROJECTIONS
from workstation.language import _

if TYPE_CHECKING:
    from workstation.dicom.geometry import FrameRef

Group = tuple[list["FrameRef"], list[str]]

_SAME_COSINE = 0.002
_SAME_SPACING = 1e-4
# so many slices, fewer than two of them parallel, are a fan (radial slices, turning projections), seen as one
_FAN = 4
_MOST_CLUSTERS = 2000


def _object(ref: "FrameRef") -> Hashable:
    """Projections and cine are each a stack of their own; slices are not. A concatenation is one object."""
    instance = ref.instance
    alone = instance.modality in PROJECTIONS and ref.geometry.position is None
    whole = instance.concatenation.uid
    cine = len(instance.frames) == 1 and (instance.number_of_frames > 1 or (whole and not ref.geometry.located))
    return (whole or instance.sop_instance_uid) if alone or cine else ""


def stands_alone(ref: "FrameRef") -> bool:
    """Whether a frame's object is a stack of its own, whatever else of its series there is or will be."""
    return bool(_object(ref)) and not ref.instance.concatenation.uid


def _located(ref: "FrameRef") -> Hashable:
    return ref.geometry.located


def _matrix(ref: "FrameRef") -> Hashable:
    return ref.instance.rows, ref.instance.columns


def _samples(ref: "FrameRef") -> Hashable:
    pixels = ref.instance.pixels
    return pixels is not None and pixels.colour


def _kinds(ref: "FrameRef") -> tuple[str, ...]:
    return kinds_of(ref.geometry.image_type or ref.instance.image_type, ref.geometry.complex_component)


def _kind(ref: "FrameRef") -> Hashable:
    return tuple(kind for kind in _kinds(ref) if kind != LOCALIZER)


def _localizer(ref: "FrameRef") -> Hashable:
    return LOCALIZER in _kinds(ref)


def _frame_of_reference(ref: "FrameRef") -> Hashable:
    return ref.instance.frame_of_reference_uid


def _kernel(ref: "FrameRef") -> Hashable:
    return ref.geometry.kernel or ref.instance.kernel


def _stack_id(ref: "FrameRef") -> Hashable:
    return ref.geometry.stack_id


def _units(ref: "FrameRef") -> Hashable:
    own = ref.geometry.rescale_type
    return own if own and own != "US" else ref.instance.units


def _rules() -> tuple[tuple[str, Callable[["FrameRef"], Hashable]], ...]:
    return (
        (_("each image by itself"), _object),
        (_("localiser"), _localizer),
        (_("place in the patient"), _located),
        (_("matrix"), _matrix),
        (_("colour"), _samples),
        (_("frame of reference"), _frame_of_reference),
        (_("stack"), _stack_id),
        (_("kernel"), _kernel),
        (_("unit"), _units),
        (_("image type"), _kind),
    )


def split(refs: Sequence["FrameRef"]) -> list[tuple[list["FrameRef"], str, str]]:
    """The frames of a series in groups, each with the names of the rules that parted it from the others, and with what
    tells it from repetitions of the same anatomy (empty where there are none).

    Within a group matrix, orientation, spacing, kind and kernel are the same (but for fans, whose slices are turned
    against each other); the order of frames is kept.
    """
    groups: list[Group] = [(list(refs), [])]
    for name, key in _rules():
        groups = [part for group in groups for part in _parted(group, name, key)]
    groups = [part for group in groups for part in _clustered(group, _("orientation"), _cosines, _SAME_COSINE, _FAN)]
    groups = [part for group in groups for part in _clustered(group, _("pixel spacing"), _spacings, _SAME_SPACING)]
    return [
        (members, ", ".join([*rules, part] if part else rules), part)
        for whole, rules in groups
        for members, part in parted_by_repeats(whole)
    ]


def _parted(group: Group, name: str, key: Callable[["FrameRef"], Hashable]) -> list[Group]:
    members, rules = group
    by_key: dict[Hashable, list[FrameRef]] = {}
    for ref in members:
        by_key.setdefault(key(ref), []).append(ref)
    return [(part, [*rules, name] if len(by_key) > 1 else rules) for part in by_key.values()]


def _cosines(ref: "FrameRef") -> tuple[float, ...] | None:
    return ref.geometry.orientation


def _spacings(ref: "FrameRef") -> tuple[float, ...] | None:
    return ref.geometry.pixel_spacing


def same_orientation(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Whether direction cosines are one orientation but for rounding."""
    if one is None or other is None:
        return one is other
    return all(abs(a - b) <= _SAME_COSINE for a, b in zip(one, other, strict=True))


def _clustered(
    group: Group, name: str, value: Callable[["FrameRef"], tuple[float, ...] | None], tolerance: float, fan: int = 0
) -> list[Group]:
    """Parts whose values are near those of their first frame; all together where at least `fan` frames are a fan."""
    members, rules = group
    found = [value(ref) for ref in members]
    if len(set(found)) == 1:
        return [group]
    width = max(len(one) for one in found if one is not None)
    rows = np.array([(1.0, *one) if one is not None else (0.0,) * (width + 1) for one in found])
    labels = _clusters(rows, tolerance)
    count = int(labels.max()) + 1
    if count == 1 or (fan and len(members) >= fan and 2 * count > len(members)):
        return [group]
    parts: list[list[FrameRef]] = [[] for _number in range(count)]
    for ref, label in zip(members, labels, strict=True):
        parts[label].append(ref)
    return [(part, [*rules, name]) for part in parts]


def _clusters(rows: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """A number for each row, counted in the order of first rows: near in all columns to the first of its number."""
    labels = np.full(len(rows), -1, np.int64)
    waiting = np.arange(len(rows))
    number = 0
    while waiting.size:
        if number == _MOST_CLUSTERS:
            # no anatomy has so many: a header that lies is not to cost minutes
            _rounded, rest = np.unique(np.rint(rows[waiting] / tolerance), axis=0, return_inverse=True)
            labels[waiting] = number + rest.reshape(-1)
            break
        near = (np.abs(rows[waiting] - rows[waiting[0]]) <= tolerance).all(axis=1)
        labels[waiting[near]] = number
        waiting = waiting[~near]
        number += 1
    return labels

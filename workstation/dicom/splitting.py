"""What parts the frames of one series into stacks, with the rule that did it."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from workstation.dicom.spacing import PROJECTIONS
from workstation.language import _

if TYPE_CHECKING:
    from workstation.dicom.geometry import FrameRef

_SAME_COSINE = 0.002
_SAME_SPACING = 1e-4


def _object(ref: "FrameRef") -> Hashable:
    """Projections and cine are each a stack of their own; slices are not."""
    instance = ref.instance
    alone = instance.modality in PROJECTIONS and ref.geometry.position is None
    cine = instance.number_of_frames > 1 and len(instance.frames) == 1
    return instance.sop_instance_uid if alone or cine else ""


def _matrix(ref: "FrameRef") -> Hashable:
    return ref.instance.rows, ref.instance.columns


def _samples(ref: "FrameRef") -> Hashable:
    pixels = ref.instance.pixels
    return pixels is not None and pixels.colour


def _image_type(ref: "FrameRef") -> Hashable:
    return ref.geometry.image_type or ref.instance.image_type


def _localizer(ref: "FrameRef") -> Hashable:
    return any(value.upper() == "LOCALIZER" for value in ref.geometry.image_type or ref.instance.image_type)


def _frame_of_reference(ref: "FrameRef") -> Hashable:
    return ref.instance.frame_of_reference_uid


def _kernel(ref: "FrameRef") -> Hashable:
    return ref.instance.kernel


def _stack_id(ref: "FrameRef") -> Hashable:
    return ref.geometry.stack_id


def _units(ref: "FrameRef") -> Hashable:
    return ref.instance.units


def _rules() -> tuple[tuple[str, Callable[["FrameRef"], Hashable]], ...]:
    return (
        (_("each image by itself"), _object),
        (_("localiser"), _localizer),
        (_("matrix"), _matrix),
        (_("colour"), _samples),
        (_("frame of reference"), _frame_of_reference),
        (_("stack"), _stack_id),
        (_("kernel"), _kernel),
        (_("unit"), _units),
        (_("image type"), _image_type),
    )


def split(refs: Sequence["FrameRef"]) -> list[tuple[list["FrameRef"], str]]:
    """The frames of a series in groups, each with the names of the rules that parted it from the others.

    Within a group matrix, orientation, spacing, kind and kernel are the same; the order of frames is kept.
    """
    groups: list[tuple[list[FrameRef], list[str]]] = [(list(refs), [])]
    for name, key in _rules():
        parted: list[tuple[list[FrameRef], list[str]]] = []
        for members, rules in groups:
            by_key: dict[Hashable, list[FrameRef]] = {}
            for ref in members:
                by_key.setdefault(key(ref), []).append(ref)
            parted.extend((group, [*rules, name] if len(by_key) > 1 else rules) for group in by_key.values())
        groups = parted
    for name, close in ((_("orientation"), _same_orientation), (_("pixel spacing"), _same_spacing)):
        parted = []
        for members, rules in groups:
            clusters = _clusters(members, close)
            parted.extend((group, [*rules, name] if len(clusters) > 1 else rules) for group in clusters)
        groups = parted
    return [(members, ", ".join(rules)) for members, rules in groups]


def _clusters(refs: Sequence["FrameRef"], close: Callable[["FrameRef", "FrameRef"], bool]) -> list[list["FrameRef"]]:
    clusters: list[list[FrameRef]] = []
    for ref in refs:
        for cluster in clusters:
            if close(cluster[0], ref):
                cluster.append(ref)
                break
        else:
            clusters.append([ref])
    return clusters


def _near(one: tuple[float, ...] | None, other: tuple[float, ...] | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def _same_orientation(one: "FrameRef", other: "FrameRef") -> bool:
    return _near(one.geometry.orientation, other.geometry.orientation, _SAME_COSINE)


def _same_spacing(one: "FrameRef", other: "FrameRef") -> bool:
    return _near(one.geometry.pixel_spacing, other.geometry.pixel_spacing, _SAME_SPACING)

"""A stack in real-world values: what its Real World Value Mapping says goes before the rescale, unit and windows too.

Several mappings are a choice by name. A mapping that can't be applied whole is not applied, and the reason said.
"""

from collections.abc import Sequence
from dataclasses import replace

from workstation.dicom.frame_values import FrameGeometry
from workstation.dicom.geometry import Stack
from workstation.dicom.instance import Instance
from workstation.dicom.real_world import RealWorldMapping
from workstation.language import _

_UNITLESS = ("", "1", "{no units}", "{none}", "no units")
_NAMES = {"[hnsf'U]": "HU"}


def with_mappings(pictures: Sequence[Instance], others: Sequence[Instance]) -> list[Instance]:
    """Pictures with the mappings that objects of Real World Value Mapping Storage among the others give for them.

    Only for pictures whose rescale changes nothing: writers of such objects disagree whether their slope goes by stored
    or by rescaled values (a single SUV factor for a PET whose images have a slope each is of the latter kind).
    """
    given: dict[str, tuple[RealWorldMapping, ...]] = {}
    for other in others:
        for one in other.image_mappings:
            for uid in one.images:
                given[uid] = given.get(uid, ()) + one.mappings
    return [_given(picture, given.get(picture.sop_instance_uid, ())) for picture in pictures]


def _given(picture: Instance, mappings: tuple[RealWorldMapping, ...]) -> Instance:
    plain = all((frame.slope, frame.intercept) == (1.0, 0.0) for frame in picture.frames)
    if not mappings or not plain or picture.modality_table is not None:
        return picture
    frames = tuple(replace(frame, real_world=frame.real_world + mappings) for frame in picture.frames)
    return replace(picture, frames=frames)


def mappings_of(stack: Stack) -> tuple[RealWorldMapping, ...]:
    """The mappings of a stack's first frame that name a unit; those of colour are none."""
    pixels = stack.first.pixels
    if pixels is None or pixels.colour:
        return ()
    return tuple(one for one in stack.frames[0].geometry.real_world if one.unit not in _UNITLESS)


def in_real_world(stack: Stack, number: int = 0) -> tuple[Stack, str]:
    """The stack in the values of mapping `number` of `mappings_of`; or as it is, and why, where there is one."""
    offered = mappings_of(stack)
    if not 0 <= number < len(offered):
        return stack, ""
    chosen = offered[number]
    done: dict[str, Instance] = {}
    units = _NAMES.get(chosen.unit, chosen.unit)
    for uid, instance in stack.instances.items():
        if instance.modality_table is not None:
            return stack, _("{name}: the image has a modality LUT").format(name=chosen.name)
        read, reasons = zip(*(_read(frame, chosen) for frame in instance.frames), strict=True)
        if any(reasons):
            return stack, next(one for one in reasons if one)
        done[uid] = replace(instance, frames=tuple(read), units=units)
    return stack.read_from(done), ""


def _read(frame: FrameGeometry, chosen: RealWorldMapping) -> tuple[FrameGeometry, str]:
    """A frame in the values of its own mapping of that name; as it is, with a reason, where that can't be."""
    same = [one for one in frame.real_world if (one.name, one.unit) == (chosen.name, chosen.unit)]
    if not same:
        return frame, _("{name}: not given for all images").format(name=chosen.name)
    mapping = same[0]
    if mapping.table:
        return frame, _("{name}: given as a table").format(name=chosen.name)
    ratio = mapping.slope / frame.slope
    shift = mapping.intercept - frame.intercept * ratio
    unchanged = (mapping.slope, mapping.intercept) == (frame.slope, frame.intercept)
    if not unchanged and (ratio <= 0 or frame.voi_tables):
        return frame, _("{name}: the windows hold for other values").format(name=chosen.name)
    windows = frame.windows if unchanged else tuple(window.moved(ratio, shift) for window in frame.windows)
    read = replace(frame, slope=mapping.slope, intercept=mapping.intercept, rescale_type="", windows=windows)
    return replace(read, mapping=mapping), ""

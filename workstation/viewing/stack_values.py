"""Stacks in the values that they are read in: standardised uptake, real-world values, or those of the rescale.

Which of them is the header's to say; where it says it wrongly the rescale stays, and the stack tells why.
"""

from collections.abc import Sequence

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import Stack
from workstation.dicom.real_values import in_real_world
from workstation.dicom.suv import in_suv
from workstation.viewing.stacks import ShownStack


def shown_stacks(
    stacks: Sequence[Stack], study: StudyHeader, *, prior: bool = False, reason: str = ""
) -> list[ShownStack]:
    """Stacks of one study with stable keys, in standardised uptake or real-world values where the header allows it."""
    counted: dict[str, int] = {}
    found = []
    for stack in stacks:
        number = counted.get(stack.series_uid, 0)
        counted[stack.series_uid] = number + 1
        found.append(_shown(f"{stack.series_uid}#{number}", stack, study, prior=prior, reason=reason))
    return found


def _shown(key: str, stack: Stack, study: StudyHeader, *, prior: bool, reason: str, values: int = 0) -> ShownStack:
    """A stack in SUV where it can be, else in its real-world values number `values`, where it has such."""
    read, note = in_suv(stack)
    why = ""
    if read is stack:
        read, why = in_real_world(stack, values)
    shown = ShownStack(key, read, study, prior=prior, reason=reason, note=note)
    shown.plain, shown.no_real_world = stack, why
    shown.values = -1 if shown.mapping is None else values
    return shown


def in_values(shown: ShownStack, values: int) -> ShownStack:
    """The same stack in other ones of its `mappings`; -1 for the values of the rescale."""
    return _shown(shown.key, shown.plain, shown.study, prior=shown.prior, reason=shown.reason, values=values)

"""What rejection notes (IHE Image Object Change Management) take out of sight: set aside, said, shown on request."""

from collections.abc import Sequence
from dataclasses import dataclass

from workstation.dicom.content import StudyHeader
from workstation.dicom.instance import Instance
from workstation.dicom.key_objects import REJECTIONS
from workstation.dicom.rejections import rejected
from workstation.language import _


@dataclass(frozen=True)
class SetAside:
    """Objects of a study that one kind of note rejects."""

    code: str
    study: StudyHeader
    prior: bool
    instances: tuple[Instance, ...]

    @property
    def reason(self) -> str:
        return _(REJECTIONS[self.code])


def set_aside(
    instances: Sequence[Instance], study: StudyHeader, *, prior: bool = False
) -> tuple[list[Instance], list[SetAside]]:
    """The objects that stay in sight, and those that notes among them name, by the code of the first note that does."""
    codes = rejected(instances)
    kept = [one for one in instances if one.sop_instance_uid not in codes]
    aside = [
        SetAside(code, study, prior, named)
        for code in REJECTIONS
        if (named := tuple(one for one in instances if codes.get(one.sop_instance_uid) == code))
    ]
    return kept, aside

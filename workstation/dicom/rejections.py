"""What the rejection notes of a study take out of sight (IHE Image Object Change Management).

One rule for pictures, documents and what a conclusion says was read: an object that a note names whole is out.
"""

from collections.abc import Iterable, Sequence

from workstation.dicom.instance import Instance


def rejected(notes: Iterable[Instance]) -> dict[str, str]:
    """SOP Instance UID → code of the first note that names it (`key_objects.REJECTIONS`)."""
    codes: dict[str, str] = {}
    for note in notes:
        if note.rejection is not None:
            for uid in note.rejection.instances:
                codes.setdefault(uid, note.rejection.code)
    return codes


def in_sight(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """The objects of a study that no note among them rejects, in their order."""
    codes = rejected(instances)
    return tuple(one for one in instances if one.sop_instance_uid not in codes)

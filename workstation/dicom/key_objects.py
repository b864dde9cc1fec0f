"""Key Object Selection documents of others, read: title, words, and the objects named; rejection notes among them.

A rejection note (IHE Image Object Change Management, CID 7011) takes images out of sight, so what it names is read with
its header, before anything is shown.
"""

from dataclasses import dataclass

from workstation.dicom.content import Code
from workstation.dicom.sr_tree import Place, Report, code_in
from workstation.dicom.text import Header
from workstation.dicom.uids import KEY_OBJECT_SELECTION
from workstation.language import N_

REJECTIONS = {
    "113001": N_("rejected for quality"),
    "113037": N_("rejected for patient safety"),
    "113038": N_("wrong worklist entry: perhaps of another patient"),
    "113039": N_("kept too long: withdrawn by its archive"),
}
"""Why images are taken out of sight, by the code of the note's title (DCM)."""


@dataclass(frozen=True)
class Rejection:
    """A rejection note: the code of its title, and the SOP Instance UIDs of the objects that it takes out of sight."""

    code: str
    instances: tuple[str, ...]


@dataclass(frozen=True)
class KeyObjects:
    """What a Key Object Selection says: title, description, and what it names in its order (PS3.3 A.35.4)."""

    title: Code | None
    words: tuple[str, ...]
    places: tuple[Place, ...]


def rejection_of(header: Header) -> Rejection | None:
    """The rejection that a header is a note of; None for any other object.

    An item that names single frames rejects nothing here: an image of which parts are good stays in sight.
    """
    if header.text(0x00080016) != KEY_OBJECT_SELECTION:
        return None
    title = code_in(header, 0x0040A043)
    if title is None or title.scheme != "DCM" or title.value not in REJECTIONS:
        return None
    named = [
        sop.text(0x00081155)
        for item in header.items(0x0040A730)
        for sop in item.items(0x00081199)
        if not sop.numbers(0x00081160)
    ]
    return Rejection(title.value, tuple(dict.fromkeys(uid for uid in named if uid)))


def key_objects_of(report: Report) -> KeyObjects:
    """The selection in a tree that was read."""
    below = report.lines[1:]
    words = tuple(line.value for line in below if line.value_type == "TEXT" and line.value)
    places = tuple(place for line in below for place in line.places)
    return KeyObjects(report.lines[0].name, words, places)

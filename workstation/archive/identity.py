"""The identity guard: do two descriptions mean the same person? Doubt is told in words, never decided silently.

Names are compared loosely, because one person is written in Cyrillic here and in Latin there, in full or by initials,
in any order of the parts. A birth date or a sex counts against only where both sides state it; another number of one
issuer, or of unstated ones, only where name and birth date don't say that it is the same person.
"""

import difflib

from workstation.dicom.content import Patient
from workstation.dicom.spelling import sounds_of
from workstation.language import _

_ALIKE = 0.7


def doubts(one: Patient, other: Patient) -> tuple[str, ...]:
    """Reasons to doubt that both are one person, in words that tell no value; empty when nothing speaks against it."""
    found = contradictions(one, other)
    unstated = not (one.issuer and other.issuer)
    if unstated and not (one.birth_date and other.birth_date and one.name and other.name):
        return (*found, _("too little is stated to be sure"))
    return found


def contradictions(one: Patient, other: Patient) -> tuple[str, ...]:
    """What is stated on both sides and speaks against one person; for two that are said to be one."""
    found = []
    if one.birth_date and other.birth_date and one.birth_date != other.birth_date:
        found.append(_("another birth date"))
    if {one.sex, other.sex} == {"M", "F"}:
        found.append(_("another sex"))
    if not alike(one.name, other.name):
        found.append(_("another name"))
    agreed = bool(one.birth_date) and one.birth_date == other.birth_date and bool(one.name and other.name) and not found
    foreign = bool(one.issuer and other.issuer) and one.issuer != other.issuer
    numbered = bool(one.patient_id and other.patient_id) and one.patient_id != other.patient_id
    if numbered and not foreign and not agreed:
        found.append(_("another patient number"))
    return tuple(found)


def alike(one: str, other: str) -> bool:
    """Whether two names (DICOM PN) may be one person's; True when either is empty.

    Every part of the shorter one needs its like in the longer one; an initial is like any part that begins with it.
    """
    shorter, longer = sorted((_parts(one), _parts(other)), key=len)
    if not shorter:
        return True
    rest = list(longer)
    for part in sorted(shorter, key=len, reverse=True):
        best = max(rest, key=lambda candidate: _likeness(part, candidate))
        if _likeness(part, best) < _ALIKE:
            return False
        rest.remove(best)
    return True


def _parts(name: str) -> list[str]:
    """The parts of a name in plain Latin letters; of several representations (`=`) the first that is written."""
    written = next((group for group in name.split("=") if group.strip("^ ")), "")
    return sounds_of(written)


def _likeness(one: str, other: str) -> float:
    if len(one) == 1 or len(other) == 1:
        return float(one[0] == other[0])
    return difflib.SequenceMatcher(None, one, other).ratio()

"""What the Basic Application Level Confidentiality Profile does to each attribute (PS3.15 Table E.1-1).

The table lies in `resources/confidentiality`, as the standard has it; private attributes go without being listed.
"""

from functools import cache

from workstation.resources import resource

EDITION = "PS3.15 2026c"
# E.3.7: kept as they are with the option; what it would have cleaned (allergies, alerts …) is removed
CHARACTERISTICS = frozenset(
    {
        0x00100040,  # Patient's Sex
        0x00101010,  # Patient's Age
        0x00101020,  # Patient's Size
        0x00101030,  # Patient's Weight
        0x00102160,  # Ethnic Group
        0x001021A0,  # Smoking Status
        0x001021C0,  # Pregnancy Status
        0x00102203,  # Patient's Sex Neutered
    }
)
# E.3.6 shifts dates and times, but not those of the person
BIRTH = frozenset({0x00100030, 0x00100032})
# a repeating group is no picture without the element that the table removes, so all of it goes
_CURVES, _OVERLAYS = 0x50, 0x60


def removed_group(group: int) -> bool:
    """Whether all of a group goes: private ones, curves and overlays."""
    return group % 2 == 1 or group >> 8 in (_CURVES, _OVERLAYS)


def action_of(tag: int) -> str:
    """The action as the table writes it: D, Z, X, U, or several by what the object must have (`X/Z/D`); "" for none."""
    return _table().get(tag, "")


@cache
def _table() -> dict[int, str]:
    actions = {}
    for line in resource("confidentiality", "basic_profile.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        tag, action, _name = line.split("\t")
        if "x" not in tag:
            actions[int(tag, 16)] = action
    return actions

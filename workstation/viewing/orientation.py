"""Which way the picture lies: the letters at its edges, from geometry or from Patient Orientation.

Letters are never read from Patient Position and never kept: they are made anew for the axes shown, after every flip and
turn (PS3.3 C.7.6.1.1.1 names the letters; +x is L, +y is P, +z is H in LPS).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from workstation.viewing.vectors import Vec, negate

_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_AXES = (("L", "R"), ("P", "A"), ("H", "F"))
# below 12° off the main axis the second letter would only be noise
_SHOWN_FROM = 0.2


@dataclass(frozen=True)
class EdgeLetters:
    """Letters at the four edges of a picture; empty where nothing is known."""

    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


def direction_letters(direction: Vec) -> str:
    """The letters of a unit direction, the strongest first, at most two: `L`, `PH`."""
    parts = sorted(zip(direction, _AXES, strict=True), key=lambda part: -abs(part[0]))
    return "".join(pair[0 if value > 0 else 1] for value, pair in parts[:2] if abs(value) >= _SHOWN_FROM)


def opposite(letters: str) -> str:
    """The letters of the opposite edge; letters that have none are dropped."""
    return "".join(_OPPOSITE.get(letter, "") for letter in letters.upper())


def letters_of_axes(right: Vec, down: Vec) -> EdgeLetters:
    """The letters of a picture whose columns run along `right` and rows along `down`, both LPS."""
    return EdgeLetters(
        left=direction_letters(negate(right)),
        right=direction_letters(right),
        top=direction_letters(negate(down)),
        bottom=direction_letters(down),
    )


def letters_of_projection(patient_orientation: Sequence[str], turns: int, flipped: bool) -> EdgeLetters:
    """The letters of an image that has only Patient Orientation (0020,0020): `[towards right, towards bottom]`.

    The picture is first mirrored left to right when `flipped`, then turned clockwise by `turns` quarters.
    """
    if len(patient_orientation) != 2:
        return EdgeLetters()
    right, bottom = (str(value).upper() for value in patient_orientation)
    if flipped:
        right = opposite(right)
    for _quarter in range(turns % 4):
        right, bottom = opposite(bottom), right
    return EdgeLetters(left=opposite(right), right=right, top=opposite(bottom), bottom=bottom)

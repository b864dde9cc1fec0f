"""How a mammogram hangs: chest walls together, the armpit or the lateral side up, whatever way it was stored.

The turn and the flip come from Patient Orientation (0020,0020) alone; on which side of the picture the chest wall lies
is never assumed. A projection may be seen from either side, so a mirror image is as true as the stored one.
"""

from workstation.dicom.instance import Instance
from workstation.viewing.orientation import letters_of_projection

_FROM_ABOVE = frozenset(("CC", "XCCL", "XCCM", "FB"))


def hung(instance: Instance) -> tuple[int, bool] | None:
    """Quarter turns clockwise, and whether mirrored first, for the usual hanging; None when the header doesn't say.

    The right breast looks to the left of the screen, the left one to the right: hung side by side, R beside L, the
    chest walls meet. Seen from above the lateral side is up; from the side, the head.
    """
    mammogram = instance.mammography
    if mammogram is None or mammogram.laterality not in ("R", "L") or not mammogram.view:
        return None
    up = mammogram.laterality if mammogram.view in _FROM_ABOVE else "H"
    for turns in range(4):
        for flipped in (False, True):
            letters = letters_of_projection(instance.patient_orientation, turns, flipped)
            anterior = letters.left if mammogram.laterality == "R" else letters.right
            if anterior[:1] == "A" and letters.top[:1] == up:
                return turns, flipped
    return None

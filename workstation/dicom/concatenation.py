"""Concatenations: one enhanced object, cut into several instances (PS3.3 C.7.6.16.2.2.4).

Its frames are counted through: the instances say at which frame of the whole each begins.
"""

from dataclasses import dataclass

from workstation.dicom.text import Header


@dataclass(frozen=True)
class Concatenation:
    """`uid` names the whole (empty: none), `number` counts its instances from 1, `offset` the frames before this."""

    uid: str = ""
    number: int = 0
    offset: int = 0


WHOLE = Concatenation()


def concatenation_of(header: Header) -> Concatenation:
    """What an instance is a part of."""
    uid = header.text(0x00209161)
    if not uid:
        return WHOLE
    return Concatenation(uid, header.integer(0x00209162) or 0, header.integer(0x00209228) or 0)

"""A stream that gives up: how much reading a header may cost in all, however its elements are nested.

Eight bytes make an element, an item or a level of nesting, and each costs a parser microseconds: a small file can hold
hours of work. What real headers hold, thousands of frames with their functional groups, stays well within.
"""

from io import BytesIO

from workstation.errors import UnreadableObject
from workstation.language import _

_FEWEST_READS = 300_000
_BYTES_A_READ = 128


class Allowance:
    """The reads that are left for an object of `size` bytes; shared by all its sequences."""

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        self.left = _FEWEST_READS + size // _BYTES_A_READ

    def check(self) -> None:
        """Raise UnreadableObject once all is spent."""
        if self.left < 0:
            raise UnreadableObject(_("Damaged DICOM object"), _("its header holds too many elements"))


class MeasuredStream(BytesIO):
    """Bytes whose reads count; EOFError once the allowance is spent."""

    def __init__(self, data: bytes, allowance: Allowance) -> None:
        super().__init__(data)
        self._allowance = allowance

    def read(self, size: int | None = -1, /) -> bytes:
        allowance = self._allowance
        allowance.left -= 1
        if allowance.left < 0:
            raise EOFError
        return super().read(size)

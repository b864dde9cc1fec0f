"""The recovery key on paper: 140 random bits in seven groups of five characters, the last of each a check.

The characters are Crockford's base 32 (no I, L, O, U). A check character is a sum over GF(32) that differs from group
to group: it finds every wrong character, every two that changed places, and every two groups that did.
"""

import os
import unicodedata

from workstation.errors import ArchiveLocked
from workstation.language import _

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS = 7
_DATA = 4

# what a reader may take for one of ours, Cyrillic letters of the same shape among it
_READ_AS = str.maketrans("OILОАВЕКМНРСТХУЗ", "011" + "0ABEKMHPCTXY3")


def new_code() -> str:
    """A new recovery key, as it is printed: `XXXXX-XXXXX-…`, 35 characters in 7 groups."""
    number = int.from_bytes(os.urandom(18)) >> 4
    symbols = [(number >> 5 * place) & 31 for place in range(GROUPS * _DATA)]
    groups = [symbols[_DATA * group : _DATA * (group + 1)] for group in range(GROUPS)]
    return "-".join(
        "".join(ALPHABET[symbol] for symbol in [*data, _check(data, number)]) for number, data in enumerate(groups)
    )


def read_code(typed: str) -> str:
    """A typed recovery key as it was printed, however it is spaced and cased.

    Raises ArchiveLocked that names the group with the mistake.
    """
    text = unicodedata.normalize("NFKC", typed).upper().translate(_READ_AS)
    plain = "".join(character for character in text if not character.isspace() and character not in "-–—_.,")
    size = _DATA + 1
    groups = [plain[start : start + size] for start in range(0, len(plain), size)]
    for number, group in enumerate(groups[:GROUPS]):
        symbols = [ALPHABET.find(character) for character in group]
        if len(group) == size and (-1 in symbols or symbols[-1] != _check(symbols[:-1], number)):
            raise ArchiveLocked(
                _("The recovery key is mistyped"),
                _("group {number} of {count}").format(number=number + 1, count=GROUPS),
                _("Compare it with the paper; nothing is lost."),
            )
    if len(plain) != GROUPS * size:
        raise ArchiveLocked(
            _("The recovery key is mistyped"),
            _("it has {count} characters in place of {wanted}").format(count=len(plain), wanted=GROUPS * size),
            _("Compare it with the paper; nothing is lost."),
        )
    return "-".join(groups)


def _check(data: list[int], group: int) -> int:
    """The sum of 2^(place + 1) · symbol over GF(32), and the group's number."""
    total = group
    for place, symbol in enumerate(data):
        total ^= _times_power_of_two(symbol, place + 1)
    return total


def _times_power_of_two(symbol: int, power: int) -> int:
    for _step in range(power):
        symbol <<= 1
        if symbol & 32:
            symbol ^= 0b100101  # x^5 + x^2 + 1
    return symbol

"""Which passphrases are too weak, and why: short ones, common ones, rows of keys, one word over and over.

Length and a list of the forbidden, as NIST SP 800-63B asks; no rules about kinds of characters.
"""

import re
import unicodedata

from workstation.errors import WorkstationError
from workstation.language import _, ngettext

SHORTEST = 12
SHORTEST_AT_DESK = 6

_ROWS = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "1q2w3e4r5t6y7u8i9o0p",
    "1й2ц3у4к5е6н7г8ш9щ0з",
)
_COMMON = frozenset(
    """password passphrase passwort secret letmein welcome admin administrator iloveyou monkey dragon football master
    login qwerty iris irisworkstation workstation radiology radiologist doctor hospital moscow пароль секрет админ
    администратор любовь привет доктор врач рентген больница радиолог рентгенолог москва ерис""".split()  # noqa: SIM905
)


def must_be_strong(secret: str, shortest: int = SHORTEST) -> None:
    """Raises WorkstationError with the reason when anybody could guess it."""
    reason = weakness(secret, shortest)
    if reason:
        raise WorkstationError(
            _("The passphrase is too weak"),
            reason,
            _("Four words that don't belong together are easy to keep in mind."),
        )


def weakness(secret: str, shortest: int = SHORTEST) -> str:
    """Why a passphrase is too weak, in words; "" when it isn't."""
    typed = unicodedata.normalize("NFKC", secret)
    if not typed:
        return _("it is empty")
    if len(typed) < shortest:
        return ngettext(
            "it is shorter than {count} character", "it is shorter than {count} characters", shortest
        ).format(count=shortest)
    plain = re.sub(r"[\W_]", "", typed.casefold())
    if len(set(plain)) < min(6, shortest // 2):
        return _("it has too few different characters")
    if re.fullmatch(r"(.{1,12}?)\1+.{0,4}", plain):
        return _("it says one thing over and over")
    if _is_row(plain):
        return _("it is a row of keys")
    words = re.findall(r"[^\W\d_]+", typed.casefold())
    if words and all(word in _COMMON or _is_row(word) for word in words):
        return _("it is a word that everybody tries")
    return ""


def _is_row(plain: str) -> bool:
    """Whether all of it is made of neighbours in rows of keys or of the alphabet, three or more at a time."""
    left = plain
    while left:
        run = max(_run(left, row) for row in _ROWS)
        if run < 3:
            return False
        left = left[run:]
    return bool(plain)


def _run(text: str, row: str) -> int:
    """How many characters at the beginning of a text follow each other in the row, in either direction."""
    best = 0
    for line in (row + row, (row + row)[::-1]):
        length = 0
        while length < len(text) and text[: length + 1] in line:
            length += 1
        best = max(best, length)
    return best

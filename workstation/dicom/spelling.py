"""Words as they sound: one person is written in Cyrillic here and in Latin there, by the rules of some decade."""

import re
import unicodedata

_LATIN = str.maketrans("абвгдеёзийклмнопрстуфхцыэ", "abvgdeeziiklmnoprstufhcie") | str.maketrans(
    {"ж": "zh", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ь": "", "ю": "iu", "я": "ia"}
)
# other spellings of the same sounds in passports
_SPELLINGS = (("shch", "sh"), ("sch", "sh"), ("kh", "h"), ("ts", "c"), ("tz", "c"), ("x", "ks"), ("y", "i"), ("j", "i"))


def sounds_of(text: str) -> list[str]:
    """The words of a text in plain Latin letters, alike for the usual spellings of one word."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LATIN))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    for spelling, sound in _SPELLINGS:
        plain = plain.replace(spelling, sound)
    return re.findall(r"[^\W\d_]+", plain)

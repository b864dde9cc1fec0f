"""Texts whose Specific Character Set (0008,0005) is absent or false: which one was meant, when that is beyond doubt.

Much of the Russian park writes Windows-1251 under any label. Read as ISO_IR 144 that gives other Cyrillic letters
("Штрэютр" for "Иванова"), as ISO_IR 100 accented Latin ones. The bytes of an object are weighed as each encoding would
read them: by the frequency of letters in Russian, by the way capitals stand in a word, and by mixtures of alphabets.
What is read stays as declared unless another reading is a thousand times likelier.
"""

import codecs
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

NAMES = {"cp1251": "Windows-1251", "koi8_r": "KOI8-R", "cp866": "CP866", "iso8859_5": "ISO_IR 144", "utf_8": "UTF-8"}
"""The encodings that are recognised, as people call them."""

_ASCII_ONLY = ("iso8859", "latin_1", "latin-1")
_CYRILLIC = ("iso_ir_144", "iso8859_5")
_UTF8 = ("UTF8", "utf8", "utf_8")
# bits that the likeliest reading must be ahead of the declared one and of every other
_MARGIN_BITS = 10.0
_EXPECTED_MARGIN_BITS = 5.0
_FEWEST_LETTERS = 4
_FEWEST_UTF8 = 3
# what real text stays above; letters thrown together don't
_POOREST_BITS_A_LETTER = -6.0
# per ten thousand letters of Russian text
_FREQUENCY = {
    "о": 1097, "е": 845, "а": 801, "и": 735, "н": 670, "т": 626, "с": 547, "р": 473, "в": 454, "л": 440, "к": 349,
    "м": 321, "д": 298, "п": 281, "у": 262, "я": 201, "ы": 190, "ь": 174, "г": 170, "з": 165, "б": 159, "ч": 144,
    "й": 121, "х": 97, "ж": 94, "ш": 73, "ю": 64, "ц": 48, "щ": 36, "э": 32, "ф": 26, "ъ": 4, "ё": 15,
    # neighbours' letters, seen in names here too
    "і": 10, "ї": 4, "є": 4, "ґ": 1, "ў": 4,
}  # fmt: skip
_BITS = {letter: math.log2(count / 10000) for letter, count in _FREQUENCY.items()}
_FOREIGN_BITS, _MIXED_BITS, _CASE_BITS, _LATIN_BITS, _LATIN_WORD_BITS = -13.0, -10.0, -8.0, -6.0, -11.0
# what stands beside letters in Russian texts
_SIGNS = "№«»–—…°·±\xa0"
_VOWELS = "аеёиоуыэюяіїє"
_FEWEST_VOWELS = 0.2
# no word begins so, and no sign stands behind a vowel
_IMPOSSIBLE = re.compile(r"\b[ьъы]|[аеёиоуыэюяьъ][ьъ]")
_IMPOSSIBLE_BITS = -10.0
_WORD = re.compile(r"[^\W\d_]+")


def known_encoding(name: str) -> str:
    """The codec of `NAMES` that a person calls so (`windows-1251`, `CP1251`, `koi8-r` …); LookupError when none is."""
    found = codecs.lookup(name).name.replace("-", "_")
    if found not in NAMES:
        raise LookupError(name)
    return found


def encoding_meant(samples: Iterable[bytes], declared: tuple[str, ...], expected: str = "") -> str:
    """The Python codec that the texts of an object are really in; empty when what is declared holds or nothing is sure.

    `declared` are the codecs of Specific Character Set. Only a single byte set, or none, is ever doubted, or UTF-8 that
    is no UTF-8; texts with escape sequences never are. `expected` is the codec that the source is known to write under
    any label: half the evidence does then.
    """
    texts = [text for text in samples if not text.isascii()]
    if not texts or len(declared) != 1 or any(b"\x1b" in text for text in texts):
        return ""
    label = declared[0]
    if label not in (*_ASCII_ONLY, *_CYRILLIC, *_UTF8):
        return ""
    return _meant(b" ".join(texts), label, expected)


@lru_cache(maxsize=256)
def _meant(text: bytes, label: str, expected: str) -> str:
    as_utf8 = _decoded(text, "utf_8")
    if label in _UTF8:
        if as_utf8 is not None:
            return ""
        claimed = float("-inf")
    else:
        # text of a single byte set all but never happens to be UTF-8; two letters might
        if as_utf8 is not None and _sound_utf8(as_utf8, cyrillic=label in _CYRILLIC):
            return "utf_8"
        read = text.decode(label, "replace")
        claimed = _cyrillic_bits(read) if label in _CYRILLIC else _latin_bits(read)
    readings = {}
    for codec in ("cp1251", "koi8_r", "cp866", "iso8859_5"):
        decoded = _decoded(text, codec)
        if decoded is not None and not (codec == "iso8859_5" and label in _CYRILLIC):
            readings[codec] = (_cyrillic_bits(decoded), decoded)
    if not readings:
        return ""
    best = expected if expected in readings else max(readings, key=lambda codec: readings[codec][0])
    bits, decoded = readings.pop(best)
    letters = [letter for letter in decoded if not letter.isascii() and letter not in _SIGNS]
    if not letters or any(letter.lower() not in _BITS for letter in letters):
        return ""
    if best == expected and bits > claimed + _EXPECTED_MARGIN_BITS:
        return best
    others = max((other for other, _text in readings.values()), default=float("-inf"))
    sure = (
        len(letters) >= _FEWEST_LETTERS
        and bits >= max(claimed, others) + _MARGIN_BITS
        and bits >= _POOREST_BITS_A_LETTER * len(letters)
        # names have capitals; capitals of other alphabets are the small letters of KOI8-R
        and not decoded.islower()
        and sum(letter.lower() in _VOWELS for letter in letters) >= _FEWEST_VOWELS * len(letters)
    )
    return best if sure else ""


def _sound_utf8(text: str, *, cyrillic: bool) -> bool:
    """Whether a text that could be UTF-8 is meant so; Cyrillic capitals may pair into letters of other alphabets."""
    letters = [letter for letter in text if not letter.isascii() and letter.isalpha()]
    return len(letters) >= _FEWEST_UTF8 and (not cyrillic or all("\u0400" <= letter <= "\u04ff" for letter in letters))


def _decoded(text: bytes, codec: str) -> str | None:
    try:
        return text.decode(codec)
    except UnicodeDecodeError:
        return None


def _cyrillic_bits(text: str) -> float:
    """The logarithm of how likely letters beyond ASCII are as Russian, with fines for what no writer does."""
    bits = 0.0
    for letter in text:
        if not letter.isascii():
            bits += _BITS.get(letter.lower(), _FOREIGN_BITS)
    bits += _IMPOSSIBLE_BITS * len(_IMPOSSIBLE.findall(text.lower()))
    words = _WORD.findall(text)
    if len(words) > 1 and text.islower():
        bits += _CASE_BITS
    for word in words:
        high = [letter for letter in word if not letter.isascii()]
        if high and len(high) < len(word):
            bits += _MIXED_BITS
        # Ivanova, ivanova, IVANOVA; never iVANOVA or IvaNOva
        if high and not (word.islower() or word.isupper() or word[1:].islower()):
            bits += _CASE_BITS * sum(one.islower() and two.isupper() for one, two in pairwise(word))
            bits += _CASE_BITS
    return bits


def _latin_bits(text: str) -> float:
    """The same for accented Latin letters, which stand among plain ones: a word of accents alone is no word."""
    bits = 0.0
    for word in _WORD.findall(text):
        high = sum(not letter.isascii() for letter in word)
        bits += (_LATIN_BITS if high < len(word) else _LATIN_WORD_BITS) * high
    other = sum(not letter.isascii() and not letter.isalpha() for letter in text)
    return bits + _LATIN_WORD_BITS * other

"""A first report beside one's own: passages under their headings, sentence by sentence, with what agrees and what not.

The marks go by the words alone: sentences that share most of their words agree unless one denies, measures or places
what the other doesn't. They point the reader to places; the judgement is the reader's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from workstation.dicom.concepts import CONCLUSIONS, FINDINGS, IMPRESSIONS, RECOMMENDATIONS
from workstation.dicom.content import Measurement
from workstation.reporting.findings import by_uid
from workstation.reporting.form import Form
from workstation.reporting.narrative import narrate
from workstation.reporting.structure import Template
from workstation.reporting.visibility import visible

# what part of the shorter sentence's words have to be in the other one
_ALIKE = 0.5
_STEM = 5
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_STOP_WORDS = (
    "в во на с со и а но по из за от до к у о об для при или как мм см "
    "the a an of in on at and or to is are was with by for from there be mm cm"
)
_DENIAL_WORDS = "не нет без ни отсутствует отсутствуют no not without none absent"
_STOP = frozenset(_STOP_WORDS.split())
_DENIALS = frozenset(_DENIAL_WORDS.split())
_DENYING_STEMS = ("норма", "свобод", "unremark", "normal", "clear")
# what is not ruled out is not denied
_DOUBT = re.compile(r"\b(?:не|нельзя)\s+исключ\w*|\b(?:not|cannot|can't)\s+(?:be\s+)?(?:exclude|rule)\w*")
# the findings of which one report may say that they are there and another that they aren't
_TOPICS = (
    "очаг", "узел", "тень", "тени", "образо", "инфил", "консо", "пневмот", "выпот", "жидко", "перел", "лимфо", "тромб",
    "кровои", "nodul", "opaci", "mass", "lesio", "infil", "conso", "pneumot", "effus", "fract", "lymph", "throm",
)  # fmt: skip
_SIDES = {"прав": "right", "справ": "right", "right": "right", "лев": "left", "слев": "left", "left": "left"}
_IN_ORDER = (FINDINGS.value, IMPRESSIONS.value, CONCLUSIONS.value, RECOMMENDATIONS.value)


@dataclass(frozen=True)
class Passage:
    """The text under one heading (LOINC, "" where it has no code); `title` as the document words it."""

    heading: str
    title: str
    text: str


class Mark(Enum):
    """How two sentences stand to each other, or one that has no counterpart."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    ADDED = "added"
    ONLY_FIRST = "only first"
    UNMARKED = "unmarked"


@dataclass(frozen=True)
class Pair:
    """A sentence of the first report and the own one that speaks of the same; one of them may be empty."""

    mark: Mark
    first: str
    own: str


@dataclass(frozen=True)
class Compared:
    """One field of the comparison: a heading and its pairs, those of the first report first."""

    heading: str
    title: str
    pairs: tuple[Pair, ...]


def passages_of(template: Template, form: Form, measurements: Sequence[Measurement] = ()) -> tuple[Passage, ...]:
    """What the form says, section by section, in the order of the page; empty sections are left out."""
    shown = visible(template, form).sections
    known = by_uid(measurements)
    found = []
    for section in template.sections:
        text = "\n".join(
            sentence.text.removeprefix(f"{sentence.opens}.").strip()
            for sentence in narrate(template, form, section, known)
        ).strip()
        if text and section.section_id in shown:
            heading = section.heading or FINDINGS
            found.append(Passage(heading.value, section.title, text))
    return tuple(found)


def compare(first: Sequence[Passage], own: Sequence[Passage]) -> tuple[Compared, ...]:
    """Field by field: headings that both have stand together, conclusions with impressions; others alone.

    Reports in different alphabets stand side by side without marks.
    """
    marked = not (first and own) or _is_cyrillic(first) == _is_cyrillic(own)
    groups: dict[str, tuple[list[Passage], list[Passage]]] = {}
    for side, passages in enumerate((first, own)):
        for passage in passages:
            groups.setdefault(_field(passage), ([], []))[side].append(passage)
    order = {heading: place for place, heading in enumerate(_IN_ORDER)}
    named = sorted(groups, key=lambda heading: order.get(heading, -1))
    found = []
    for heading in named:
        theirs, ours = groups[heading]
        title = (ours or theirs)[0].title
        pair = _pairs if marked else _beside
        pairs = pair(_sentences(theirs), _sentences(ours))
        found.append(Compared(heading, title, pairs))
    return tuple(found)


def _field(passage: Passage) -> str:
    # one report says its judgement under Impressions, another under Conclusions
    return IMPRESSIONS.value if passage.heading == CONCLUSIONS.value else passage.heading or passage.title.casefold()


def _sentences(passages: Sequence[Passage]) -> list[str]:
    return [part.strip() for one in passages for part in _SENTENCE.split(one.text) if part.strip()]


def _pairs(first: list[str], own: list[str]) -> tuple[Pair, ...]:
    left = dict(enumerate(own))
    pairs = []
    for sentence in first:
        scored = [(_likeness(sentence, other), -place) for place, other in left.items()]
        score, place = max(scored, default=(0.0, 0))
        if score <= 0:
            pairs.append(Pair(Mark.ONLY_FIRST, sentence, ""))
            continue
        other = left.pop(-place)
        mark = Mark.CONTRADICTS if _contradict(sentence, other) else Mark.AGREES
        pairs.append(Pair(mark, sentence, other))
    return (*pairs, *(Pair(Mark.ADDED, "", sentence) for sentence in left.values()))


def _beside(first: list[str], own: list[str]) -> tuple[Pair, ...]:
    return tuple(Pair(Mark.UNMARKED, *pair) for pair in zip_longest(first, own, fillvalue=""))


def _is_cyrillic(passages: Sequence[Passage]) -> bool:
    letters = [letter for one in passages for letter in one.text.casefold() if letter.isalpha()]
    return 2 * sum("а" <= letter <= "я" for letter in letters) > len(letters)


def _likeness(a: str, b: str) -> float:
    """Above 0 where both speak of the same: most words in common, or one finding of which they say the opposite."""
    first, second = _stems(a), _stems(b)
    common = len(first & second) / max(min(len(first), len(second)), 1)
    if common >= _ALIKE:
        return common
    if _topics(a) & _topics(b) and _denies(a) != _denies(b):
        return common + 0.01
    return 0.0


def _contradict(a: str, b: str) -> bool:
    if _denies(a) != _denies(b):
        return True
    sides = _side(a), _side(b)
    if all(sides) and sides[0] != sides[1]:
        return True
    numbers = _numbers(a), _numbers(b)
    return all(map(bool, numbers)) and numbers[0].isdisjoint(numbers[1])


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold().replace("ё", "е")) if word not in _STOP]


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _words(text) if word not in _DENIALS and not word[0].isdigit()}


def _topics(text: str) -> set[str]:
    return {topic for word in _words(text) for topic in _TOPICS if word.startswith(topic)}


def _denies(text: str) -> bool:
    words = _words(_DOUBT.sub("", text.casefold()))
    return any(word in _DENIALS or word.startswith(_DENYING_STEMS) for word in words)


def _side(text: str) -> frozenset[str]:
    words = _words(text)
    return frozenset(side for stem, side in _SIDES.items() if any(word.startswith(stem) for word in words))


def _numbers(text: str) -> set[float]:
    return {float(number.replace(",", ".")) for number in _NUMBER.findall(text)}

"""Sentence patterns: how a template says its answers in words.

    Effusion {value} thick.                          `{value}` is the answer of the field that carries the pattern
    {type|nodule} in the {lobe}[, {margin}].         `{id}` of any other field; `|` a word for when it is unanswered

A part in brackets is left out when one of its references is unanswered (and has no word for that); so is the whole
pattern, for references outside brackets.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"\[|\]|\{[^{}\[\]]*\}|[^\[\]{}]+|[{}]")


class PatternUnreadable(ValueError):
    """The text is no pattern."""


@dataclass(frozen=True)
class Reference:
    """`{name|otherwise}`."""

    name: str
    otherwise: str


@dataclass(frozen=True)
class Pattern:
    """Texts, references, and optional groups of them."""

    parts: "tuple[str | Reference | Pattern, ...]"

    def references(self) -> Iterator[Reference]:
        """Every reference, also within groups."""
        for part in self.parts:
            if isinstance(part, Reference):
                yield part
            elif isinstance(part, Pattern):
                yield from part.references()

    def say(self, phrase: Callable[[str], str]) -> str:
        """The words, with `phrase` giving the words of a field; "" when a needed one is missing."""
        said: list[str] = []
        for part in self.parts:
            match part:
                case Reference():
                    words = phrase(part.name) or part.otherwise
                    if not words:
                        return ""
                    said.append(words)
                case Pattern():
                    said.append(part.say(phrase))
                case str():
                    said.append(part)
        return "".join(said)


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; raises PatternUnreadable."""
    stack: list[list[str | Reference | Pattern]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "[":
            stack.append([])
        elif token == "]":
            if len(stack) == 1:
                raise PatternUnreadable("]")
            group = Pattern(tuple(stack.pop()))
            stack[-1].append(group)
        elif token in ("{", "}"):
            raise PatternUnreadable(token)
        elif token.startswith("{"):
            name, _bar, otherwise = token[1:-1].partition("|")
            stack[-1].append(Reference(name.strip(), otherwise))
        else:
            stack[-1].append(token)
    if len(stack) != 1:
        raise PatternUnreadable("[")
    return Pattern(tuple(stack[0]))


def as_sentence(text: str) -> str:
    """One tidy sentence: single spaces, a capital at the start, a full stop at the end."""
    tidy = re.sub(r"\s+([,.;:])", r"\1", " ".join(text.split())).lstrip(",;: ")
    if not tidy:
        return ""
    tidy = tidy[0].upper() + tidy[1:]
    return tidy if tidy[-1] in ".!?…" else f"{tidy}."

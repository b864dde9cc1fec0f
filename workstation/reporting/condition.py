"""When a part of a template is shown: `data-iris-show-if`.

contrast=iv                      the answer is `iv`
effusion=left,right              it is one of these
effusion!=none                   it is answered, and is not `none`
nodule_1_size                    it is answered at all
a=x and b!=y or c                `and` binds closer than `or`
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TERM = re.compile(r"(?P<field>[\w.-]+)\s*(?:(?P<sign>!=|=)\s*(?P<values>[^\s=!]+))?")


class ConditionUnreadable(ValueError):
    """The text is no condition."""


@dataclass(frozen=True)
class Term:
    """One comparison. No `values`: the field only has to be answered."""

    field_id: str
    values: tuple[str, ...]
    negated: bool

    def holds(self, answers: frozenset[str]) -> bool:
        """Whether the given values of the field satisfy it; an unanswered field satisfies nothing."""
        if not answers:
            return False
        if not self.values:
            return True
        return (not answers.isdisjoint(self.values)) is not self.negated


@dataclass(frozen=True)
class Condition:
    """A disjunction of conjunctions."""

    alternatives: tuple[tuple[Term, ...], ...]

    def holds(self, answers: Callable[[str], frozenset[str]]) -> bool:
        """Whether it holds, with `answers` giving the values of a field, empty where unanswered."""
        return any(all(term.holds(answers(term.field_id)) for term in terms) for terms in self.alternatives)

    def terms(self) -> Iterator[Term]:
        """Every comparison in it."""
        for terms in self.alternatives:
            yield from terms


def parse_condition(text: str) -> Condition:
    """Read a condition; raises ConditionUnreadable naming the part that is none."""
    return Condition(
        tuple(
            tuple(_term(part.strip()) for part in re.split(r"\s+and\s+", alternative.strip()))
            for alternative in re.split(r"\s+or\s+", text.strip())
        )
    )


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match is None:
        raise ConditionUnreadable(text)
    values = match["values"]
    return Term(match["field"], tuple(values.split(",")) if values else (), match["sign"] == "!=")

"""When a part of a template is shown (`data-iris-show-if`), or an answer suggested (`data-iris-when`).

contrast=iv                      the answer is `iv`
effusion=left,right              it is one of these
effusion!=none                   it is answered, and is not `none`
size>=6 and size<8               it is a number in these bounds; also `>` and `<=`
nodule_1_size                    it is answered at all
a=x and b!=y or c                `and` binds closer than `or`
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

_TERM = re.compile(r"(?P<field>[\w.-]+)\s*(?:(?P<sign>!=|<=|>=|=|<|>)\s*(?P<values>[^\s=!<>]+))?")
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ConditionUnreadable(ValueError):
    """The text is no condition."""


@dataclass(frozen=True)
class Term:
    """One comparison. `sign` is one of = != < <= > >=, or "" where the field only has to be answered."""

    field_id: str
    values: tuple[str, ...]
    sign: str

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.field_id}{self.sign}{','.join(self.values)}"

    @property
    def orders(self) -> bool:
        """Whether it compares numbers by size."""
        return self.sign in _ORDERED

    def holds(self, answers: frozenset[str]) -> bool:
        """Whether the given values of the field satisfy it; an unanswered field satisfies nothing."""
        if not answers:
            return False
        if not self.values:
            return True
        if self.orders:
            compare = _ORDERED[self.sign]
            bound = number_of(self.values[0])
            given = [number_of(each) for each in answers]
            return bound is not None and any(each is not None and compare(each, bound) for each in given)
        return any(_same(one, other) for one in answers for other in self.values) is (self.sign == "=")


@dataclass(frozen=True)
class Condition:
    """A disjunction of conjunctions."""

    alternatives: tuple[tuple[Term, ...], ...]

    def __str__(self) -> str:
        """As it is written."""
        return " or ".join(" and ".join(str(term) for term in terms) for terms in self.alternatives)

    def holds(self, answers: Callable[[str], frozenset[str]]) -> bool:
        """Whether it holds, with `answers` giving the values of a field, empty where unanswered."""
        return any(all(term.holds(answers(term.field_id)) for term in terms) for terms in self.alternatives)

    def terms(self) -> Iterator[Term]:
        """Every comparison in it."""
        for terms in self.alternatives:
            yield from terms

    def renamed(self, names: Mapping[str, str]) -> "Condition":
        """The condition on other fields, where `names` has one for a field's id."""
        return Condition(
            tuple(
                tuple(replace(term, field_id=names.get(term.field_id, term.field_id)) for term in terms)
                for terms in self.alternatives
            )
        )


def parse_condition(text: str) -> Condition:
    """Read a condition; raises ConditionUnreadable naming the part that is none."""
    return Condition(
        tuple(
            tuple(_term(part.strip()) for part in re.split(r"\s+and\s+", alternative.strip()))
            for alternative in re.split(r"\s+or\s+", text.strip())
        )
    )


def number_of(text: str) -> float | None:
    """The number somebody typed, with comma or point; None when it is none."""
    tidy = text.strip().replace("\N{MINUS SIGN}", "-").replace(",", ".").replace("\N{NO-BREAK SPACE}", "")
    try:
        number = float(tidy)
    except ValueError:
        return None
    # nan, inf and 1e5 are numbers to Python, not to a radiologist
    return number if tidy.lstrip("+-").replace(".", "", 1).isdigit() else None


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match is None:
        raise ConditionUnreadable(text)
    values = tuple(match["values"].split(",")) if match["values"] else ()
    sign = match["sign"] or ""
    if sign in _ORDERED and (len(values) != 1 or number_of(values[0]) is None):
        raise ConditionUnreadable(text)
    return Term(match["field"], values, sign)


def _same(one: str, other: str) -> bool:
    """Whether two values are the same text, or the same number written in another way."""
    number = number_of(one)
    return one == other or (number is not None and number == number_of(other))

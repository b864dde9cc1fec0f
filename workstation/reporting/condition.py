"""When a part of a template is shown (`data-iris-show-if`), or an answer suggested (`data-iris-when`).

contrast=iv                      the answer is `iv`
effusion=left,right              it is one of these
effusion!=none                   it is answered, and is not `none`
size>=6 and size<8               it is a number in these bounds; also `>` and `<=`
suv>2*liver_suv                  it is above twice the number of another field; `-lsc` is its negative
nodule_1_size                    it is answered at all
a=x and b!=y or c                `and` binds closer than `or`
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

_TERM = re.compile(r"(?P<field>[\w.-]+)\s*(?:(?P<sign>!=|<=|>=|=|<|>)\s*(?P<values>[^\s=!<>]+))?")
_MULTIPLE = re.compile(r"(?P<minus>-?)(?:(?P<factor>[\d.]+)\*)?(?P<field>[A-Za-z_][\w.]*)")
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ConditionUnreadable(ValueError):
    """The text is no condition."""


@dataclass(frozen=True)
class Multiple:
    """So many times the number in a field."""

    factor: float
    field_id: str


@dataclass(frozen=True)
class Term:
    """One comparison. `sign` is one of = != < <= > >=, or "" where the field only has to be answered.

    `times`: it compares with a multiple of another field's number instead of a number that is written there.
    """

    field_id: str
    values: tuple[str, ...]
    sign: str
    times: Multiple | None = None

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.field_id}{self.sign}{','.join(self.values)}"

    @property
    def orders(self) -> bool:
        """Whether it compares numbers by size."""
        return self.sign in _ORDERED

    def holds(self, answers: frozenset[str], others: frozenset[str] = frozenset()) -> bool:
        """Whether the given values of the field satisfy it; an unanswered field satisfies nothing.

        `others` are those of the field of `times`.
        """
        if not answers:
            return False
        if not self.values:
            return True
        if self.orders:
            compare = _ORDERED[self.sign]
            bound = self._bound(others)
            given = [number_of(each) for each in answers]
            return bound is not None and any(each is not None and compare(each, bound) for each in given)
        return any(_same(one, other) for one in answers for other in self.values) is (self.sign == "=")

    def _bound(self, others: frozenset[str]) -> float | None:
        if self.times is None:
            return number_of(self.values[0])
        number = next((number for each in others if (number := number_of(each)) is not None), None)
        return None if number is None else self.times.factor * number


@dataclass(frozen=True)
class Condition:
    """A disjunction of conjunctions."""

    alternatives: tuple[tuple[Term, ...], ...]

    def __str__(self) -> str:
        """As it is written."""
        return " or ".join(" and ".join(str(term) for term in terms) for terms in self.alternatives)

    def holds(self, answers: Callable[[str], frozenset[str]]) -> bool:
        """Whether it holds, with `answers` giving the values of a field, empty where unanswered."""
        return any(
            all(
                term.holds(answers(term.field_id), answers(term.times.field_id) if term.times else frozenset())
                for term in terms
            )
            for terms in self.alternatives
        )

    def terms(self) -> Iterator[Term]:
        """Every comparison in it."""
        for terms in self.alternatives:
            yield from terms

    def renamed(self, names: Mapping[str, str]) -> "Condition":
        """The condition on other fields, where `names` has one for a field's id."""
        return Condition(tuple(tuple(_renamed(term, names) for term in terms) for terms in self.alternatives))


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
    if sign not in _ORDERED or (len(values) == 1 and number_of(values[0]) is not None):
        return Term(match["field"], values, sign)
    multiple = _MULTIPLE.fullmatch(values[0]) if len(values) == 1 else None
    factor = number_of(multiple["factor"] or "1") if multiple else None
    if multiple is None or factor is None:
        raise ConditionUnreadable(text)
    return Term(match["field"], values, sign, Multiple(-factor if multiple["minus"] else factor, multiple["field"]))


def _renamed(term: Term, names: Mapping[str, str]) -> Term:
    times = replace(term.times, field_id=names.get(term.times.field_id, term.times.field_id)) if term.times else None
    return replace(term, field_id=names.get(term.field_id, term.field_id), times=times)


def _same(one: str, other: str) -> bool:
    """Whether two values are the same text, or the same number written in another way."""
    number = number_of(one)
    return one == other or (number is not None and number == number_of(other))

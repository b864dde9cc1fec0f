"""A number that follows from others: `data-iris-compute="0.52*length*width*height/1000"`.

Numbers, ids of NUMBER fields, `+ - * /`, parentheses, and `count(id)`: how many options of a list are chosen. Nothing
else is read, so a template can't make the program do anything but sums.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*/()]))")
_DEEPEST = 20


class FormulaUnreadable(ValueError):
    """The text is no formula."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Reference:
    """The number in a field, or with `counts` how many answers it has."""

    field_id: str
    counts: bool


@dataclass(frozen=True)
class Operation:
    """Two operands and one of + - * /."""

    sign: Literal["+", "-", "*", "/"]
    left: "Formula"
    right: "Formula"


Formula = Number | Reference | Operation


def parse_formula(text: str) -> Formula:
    """Read a formula; raises FormulaUnreadable naming the part that is none."""
    reader = _Reader(text)
    formula = reader.sum(0)
    if reader.rest:
        raise FormulaUnreadable(reader.rest[0])
    return formula


def references(formula: Formula) -> Iterator[Reference]:
    """Every field it needs."""
    match formula:
        case Reference():
            yield formula
        case Operation(_, left, right):
            yield from references(left)
            yield from references(right)


def evaluate(formula: Formula, value: Callable[[Reference], float | None]) -> float | None:
    """The number, None when one that it needs is missing or it divides by zero."""
    match formula:
        case Number(number):
            return number
        case Reference():
            return value(formula)
        case Operation(sign, left, right):
            one, other = evaluate(left, value), evaluate(right, value)
            if one is None or other is None or (sign == "/" and other == 0):
                return None
            return {"+": one + other, "-": one - other, "*": one * other, "/": one / (other or 1)}[sign]


class _Reader:
    def __init__(self, text: str) -> None:
        self.rest: list[str] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise FormulaUnreadable(text[place:].strip())
            self.rest.append(match[0].strip())
            place = match.end()

    def sum(self, depth: int) -> Formula:
        formula = self._product(depth)
        while self.rest and self.rest[0] in "+-":
            sign = self.rest.pop(0)
            formula = Operation("+" if sign == "+" else "-", formula, self._product(depth))
        return formula

    def _product(self, depth: int) -> Formula:
        formula = self._one(depth)
        while self.rest and self.rest[0] in "*/":
            sign = self.rest.pop(0)
            formula = Operation("*" if sign == "*" else "/", formula, self._one(depth))
        return formula

    def _one(self, depth: int) -> Formula:
        token = self._next()
        if token == "(" and depth < _DEEPEST:
            formula = self.sum(depth + 1)
            self._expect(")")
            return formula
        if token == "count" and self.rest[:1] == ["("]:
            self._expect("(")
            name = self._next()
            self._expect(")")
            return self._reference(name, counts=True)
        return Number(float(token)) if token[0].isdigit() else self._reference(token, counts=False)

    def _reference(self, name: str, *, counts: bool) -> Reference:
        if not name[0].isalpha() and name[0] != "_":
            raise FormulaUnreadable(name)
        return Reference(name, counts)

    def _next(self) -> str:
        if not self.rest:
            raise FormulaUnreadable("…")
        return self.rest.pop(0)

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise FormulaUnreadable(sign)

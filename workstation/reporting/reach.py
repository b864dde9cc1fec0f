"""Which options of a decision table can ever be suggested, and which conditions can ever hold.

Each answer that matters is an atom: an option, a stretch between two numbers the conditions name, or no answer. A
conjunction then is a box of atom sets, and an option is out of reach when the boxes before it leave nothing of its own.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from workstation.reporting.condition import Condition, Term, number_of
from workstation.reporting.structure import Field, FieldKind

_UNANSWERED = "\N{EMPTY SET}"
_OTHER = "\N{HORIZONTAL ELLIPSIS}"
# a table that needs more is not worth the wait: its options count as reachable
_MOST_BOXES = 5000

Box = dict[str, frozenset[str]]


class Reach:
    """The atoms of the fields that some conditions name."""

    def __init__(self, conditions: list[Condition], fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self._terms = [term for condition in conditions for term in condition.terms()]
        self._atoms = {name: self._atoms_of(name) for name in {self._name(term) for term in self._terms}}

    def can_hold(self, condition: Condition) -> bool:
        """Whether any answers satisfy the condition."""
        return any(self._box(terms) is not None for terms in condition.alternatives)

    def leaves(self, condition: Condition, earlier: list[Condition]) -> bool:
        """Whether some answers satisfy the condition and none of the earlier ones."""
        before = [box for each in earlier for terms in each.alternatives if (box := self._box(terms)) is not None]
        for terms in condition.alternatives:
            whole = self._box(terms)
            rest = [whole] if whole is not None else []
            for box in before:
                rest = [piece for each in rest for piece in self._without(each, box)]
                if len(rest) > _MOST_BOXES:
                    return True
            if rest:
                return True
        return False

    def _name(self, term: Term) -> str:
        """What the atoms are of: a term on a list with several answers, or on two fields, is a question of its own."""
        return f"{term.field_id}{term.sign}{term.values}" if self._alone(term) else term.field_id

    def _alone(self, term: Term) -> bool:
        return term.times is not None or self._fields[term.field_id].kind is FieldKind.CHOICES

    def _atoms_of(self, name: str) -> frozenset[str]:
        terms = [term for term in self._terms if self._name(term) == name]
        field = self._fields[terms[0].field_id]
        if self._alone(terms[0]):
            return frozenset((_OTHER, _UNANSWERED))
        match field.kind:
            case FieldKind.CHOICE:
                return frozenset((*(option.value for option in field.options), _UNANSWERED))
            case FieldKind.CHECKBOX:
                return frozenset(("true", _UNANSWERED))
            case FieldKind.NUMBER:
                return frozenset((*_stretches(terms, field), _UNANSWERED))
        return frozenset((*(value for term in terms for value in term.values), _OTHER, _UNANSWERED))

    def _box(self, terms: tuple[Term, ...]) -> Box | None:
        """The answers that satisfy all of them, None when there are none."""
        box: Box = {}
        for term in terms:
            name = self._name(term)
            if self._alone(term):
                fitting = frozenset((_OTHER,))
            else:
                fitting = frozenset(each for each in self._atoms[name] if each != _UNANSWERED and _holds(term, each))
            box[name] = box.get(name, self._atoms[name]) & fitting
            if not box[name]:
                return None
        return box

    def _without(self, whole: Box, part: Box) -> Iterator[Box]:
        """`whole` less `part`, in boxes that don't overlap."""
        rest = dict(whole)
        for name, atoms in part.items():
            mine = rest.get(name, self._atoms[name])
            outside = mine - atoms
            if outside:
                yield {**rest, name: outside}
            rest[name] = mine & atoms
            if not rest[name]:
                return


def _holds(term: Term, atom: str) -> bool:
    return term.holds(frozenset((atom,)))


def _stretches(terms: list[Term], field: Field) -> Iterator[str]:
    """A number on each bound that is named, and one between each two, within what the field takes."""
    bounds = sorted({number for term in terms for value in term.values if (number := number_of(value)) is not None})
    low, high = field.minimum, field.maximum
    points = [*bounds, *((one + other) / 2 for one, other in pairwise(bounds))]
    points += [bounds[0] - 1, bounds[-1] + 1] if bounds else [0.0]
    points += [end for end in (low, high) if end is not None]
    for point in points:
        if (low is None or point >= low) and (high is None or point <= high):
            yield f"{point:.9f}"

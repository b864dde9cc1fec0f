"""The rules a template must follow as a whole: every name it uses is there, every condition can be met.

MRRT's own rules on single elements are checked where they are read (`mrrt`, `fields`, `coding`).
"""

from collections.abc import Iterator

from workstation.dicom.content import Code
from workstation.language import _
from workstation.reporting.coding import invalid
from workstation.reporting.condition import Condition, number_of
from workstation.reporting.formula import references
from workstation.reporting.merge_names import MERGE_NAMES
from workstation.reporting.reach import Reach
from workstation.reporting.sentence import PatternUnreadable, parse_pattern
from workstation.reporting.structure import Field, FieldKind, Template, TemplateSection


def check_template(template: Template, entries: dict[str, Code], ids: frozenset[str]) -> None:
    """Raise TemplateInvalid for the first rule broken."""
    if not template.sections:
        raise invalid("body", _("there is no section"))
    for target in entries:
        if target not in ids:
            raise invalid(f"entry {target}", _("ORIGTXT names no element of the page"))
    known: dict[str, Field] = {}
    for section, field in _walk(template.sections):
        if field is None:
            _check_condition(section.condition, "data-iris-show-if", section.section_id, known)
        else:
            _check_condition(field.condition, "data-iris-show-if", field.field_id, known)
            _check_field(field)
            _check_table(field, known)
            _check_formula(field, known)
            known[field.field_id] = field
    for section, field in _walk(template.sections):
        owner, sentence = (section.section_id, section.sentence) if field is None else (field.field_id, field.sentence)
        _check_sentence(sentence, owner, known, has_value=field is not None)
        for line in field.compose if field else ():
            _check_sentence(line, owner, known, has_value=False, attribute="data-iris-compose")


def _walk(sections: tuple[TemplateSection, ...]) -> Iterator[tuple[TemplateSection, Field | None]]:
    """Each section, then its parts, in the order of the page."""
    for section in sections:
        yield section, None
        for part in section.content:
            if isinstance(part, Field):
                yield section, part
            else:
                yield from _walk((part,))


def _check_condition(condition: Condition | None, attribute: str, owner: str, known: dict[str, Field]) -> None:
    if condition is None:
        return
    for term in condition.terms():
        field = known.get(term.field_id)
        if field is None:
            # an earlier field only, so that conditions can't go round in a circle
            rule = _("{attribute} names {name}, which is no field before it")
            raise invalid(owner, rule.format(attribute=attribute, name=term.field_id))
        numbers = field.kind is FieldKind.NUMBER
        other = known.get(term.times.field_id) if term.times else None
        if term.times and other is None:
            rule = _("{attribute} names {name}, which is no field before it")
            raise invalid(owner, rule.format(attribute=attribute, name=term.times.field_id))
        if other is None:
            bounded = all(number_of(value) is not None for value in term.values)
        else:
            bounded = other.kind is FieldKind.NUMBER
        if (term.orders and not numbers) or (numbers and not bounded):
            rule = _("{attribute} compares {name}: only a NUMBER is compared with numbers, and with nothing else")
            raise invalid(owner, rule.format(attribute=attribute, name=term.field_id))
        if field.options and not {option.value for option in field.options}.issuperset(term.values):
            rule = _("{attribute} compares {name} with a value it can't have")
            raise invalid(owner, rule.format(attribute=attribute, name=term.field_id))
    if not Reach([condition], known).can_hold(condition):
        raise invalid(owner, _("{attribute} can never hold").format(attribute=attribute))


def _check_table(field: Field, known: dict[str, Field]) -> None:
    """`known` holds the fields before it: a table that named itself or a later one would go round in a circle."""
    rows = [option for option in field.options if option.when is not None]
    if field.suggests and field.kind is not FieldKind.CHOICE:
        raise invalid(field.field_id, _("data-iris-suggest belongs to a select that takes one answer"))
    if field.suggests is not bool(rows):
        raise invalid(field.field_id, _("data-iris-suggest and options with data-iris-when need each other"))
    conditions: list[Condition] = []
    for option in rows:
        owner = f"{field.field_id}, option {option.value}"
        _check_condition(option.when, "data-iris-when", owner, known)
        conditions += [option.when] if option.when is not None else []
    reach = Reach(conditions, known)
    for number, option in enumerate(rows):
        if not reach.leaves(conditions[number], conditions[:number]):
            rule = _("it can't be reached: the options before it take every case of its data-iris-when")
            raise invalid(f"{field.field_id}, option {option.value}", rule)


def _check_formula(field: Field, known: dict[str, Field]) -> None:
    if field.compute is None:
        return
    if field.kind is not FieldKind.NUMBER:
        raise invalid(field.field_id, _("data-iris-compute belongs to a NUMBER"))
    for reference in references(field.compute):
        source = known.get(reference.field_id)
        if source is None:
            rule = _("{attribute} names {name}, which is no field before it")
            raise invalid(field.field_id, rule.format(attribute="data-iris-compute", name=reference.field_id))
        if source.kind is not (FieldKind.CHOICES if reference.counts else FieldKind.NUMBER):
            rule = _("data-iris-compute needs numbers; {name} is none, and count() takes a list of several answers")
            raise invalid(field.field_id, rule.format(name=reference.field_id))


def _check_field(field: Field) -> None:
    if field.merge and field.merge not in MERGE_NAMES:
        raise invalid(field.field_id, _("data-iris-merge {name} is unknown").format(name=field.merge))
    if field.options:
        for name, text in (("selected", field.default), ("data-iris-normal", field.normal or "")):
            if any(field.option(value) is None for value in text.split(",") if value):
                raise invalid(field.field_id, _("{name} is none of the options").format(name=name))
    if field.links in ("one", "next") and field.kind is not FieldKind.NUMBER:
        raise invalid(field.field_id, _("data-iris-links one or next belongs to a NUMBER"))
    if field.compose and field.kind is not FieldKind.PARAGRAPH:
        raise invalid(field.field_id, _("data-iris-compose belongs to a textarea"))
    if field.links == "many" and field.kind is not FieldKind.PARAGRAPH:
        raise invalid(field.field_id, _("data-iris-links many belongs to a textarea"))


def _check_sentence(
    sentence: str | None, owner: str, known: dict[str, Field], *, has_value: bool, attribute: str = "data-iris-text"
) -> None:
    if not sentence:
        return
    try:
        names = {reference.name for reference in parse_pattern(sentence).references()}
    except PatternUnreadable as error:
        rule = _("{attribute} has an unmatched “{sign}”").format(attribute=attribute, sign=str(error))
        raise invalid(owner, rule) from None
    allowed = set(known) | ({"value"} if has_value else set())
    for name in sorted(names - allowed):
        rule = _("{attribute} names {name}, which is no field")
        raise invalid(owner, rule.format(attribute=attribute, name=name))

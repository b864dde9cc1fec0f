"""Answers that follow from others: decision tables and sums.

A selection list with `data-iris-suggest` takes the first option whose `data-iris-when` holds, a number with
`data-iris-compute` its sum. Such an answer is unedited and follows what it came from; one of the reader's stays, and is
doubted where a table says another. Both see what shows, and fields before them only: they can't go round in a circle.
"""

from workstation.reporting.condition import number_of
from workstation.reporting.form import Form
from workstation.reporting.formula import Reference, evaluate
from workstation.reporting.structure import Field, Option, Template
from workstation.reporting.visibility import visible


def suggest(template: Template, form: Form) -> Form:
    """The form with each suggested answer, except where the reader gave one; "" where no option's condition holds."""
    shown = visible(template, form).fields
    for field in template.fields.values():
        own = form.edited(field.field_id) or form.links.get(field.field_id)
        if not field.follows or own or field.field_id not in shown:
            continue
        option = _first(field, form, shown)
        value = (option.value if option else "") if field.suggests else _computed(field, form, shown)
        if not value and form.text(field.field_id) == field.normal:
            # taken with the normal text, and no finding speaks against it
            continue
        if form.text(field.field_id) != value:
            form = form.answer(field.field_id, value, edited=False)
            # what comes after may show or hide by this answer
            shown = visible(template, form).fields
    return form


def suggested(template: Template, form: Form, field: Field) -> Option | None:
    """The option that the decision table of the field gives, None when none does or there is no table."""
    return _first(field, form, visible(template, form).fields) if field.suggests else None


def _computed(field: Field, form: Form, shown: frozenset[str]) -> str:
    def value(reference: Reference) -> float | None:
        name = reference.field_id
        if name not in shown:
            return None
        return float(len(form.values(name))) if reference.counts else number_of(form.text(name))

    number = evaluate(field.compute, value) if field.compute else None
    return "" if number is None else f"{number:.{field.decimals}f}"


def _first(field: Field, form: Form, shown: frozenset[str]) -> Option | None:
    def given(field_id: str) -> frozenset[str]:
        return form.values(field_id) if field_id in shown else frozenset()

    return next((each for each in field.options if each.when is not None and each.when.holds(given)), None)

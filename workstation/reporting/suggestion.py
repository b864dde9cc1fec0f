"""Decision tables: a selection list with `data-iris-suggest` takes the first option whose `data-iris-when` holds.

The suggested answer is unedited and follows what it came from; an answer of the reader's stays, and is doubted where
the table says another. Conditions see what shows, and fields before the list only: they can't go round in a circle.
"""

from workstation.reporting.form import Form
from workstation.reporting.structure import Field, Option, Template
from workstation.reporting.visibility import visible


def suggest(template: Template, form: Form) -> Form:
    """The form with each suggested answer, except where the reader gave one; "" where no option's condition holds."""
    shown = visible(template, form).fields
    for field in template.fields.values():
        if not field.suggests or form.edited(field.field_id) or field.field_id not in shown:
            continue
        option = _first(field, form, shown)
        value = option.value if option else ""
        if form.text(field.field_id) != value:
            form = form.answer(field.field_id, value, edited=False)
            # what comes after may show or hide by this answer
            shown = visible(template, form).fields
    return form


def suggested(template: Template, form: Form, field: Field) -> Option | None:
    """The option that the decision table of the field gives, None when none does or there is no table."""
    return _first(field, form, visible(template, form).fields) if field.suggests else None


def _first(field: Field, form: Form, shown: frozenset[str]) -> Option | None:
    def given(field_id: str) -> frozenset[str]:
        return form.values(field_id) if field_id in shown else frozenset()

    return next((each for each in field.options if each.when is not None and each.when.holds(given)), None)

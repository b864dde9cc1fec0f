"""Where a new measurement goes: into the field the reader is in, else into the first free place that takes the next.

A place may be hidden behind an answer (`nodules=one`). Taking it gives that answer, as long as the reader hasn't
answered otherwise.
"""

from workstation.dicom.content import Measurement
from workstation.reporting.form import Form
from workstation.reporting.merge import take_measurement
from workstation.reporting.structure import Field, Template, TemplateSection
from workstation.reporting.visibility import visible

_NO_SIZES = {"deg", "s", "cm/s"}


def link_measurement(
    template: Template, form: Form, measurement: Measurement, field_id: str | None = None
) -> tuple[Form, str]:
    """The form with the measurement in a field, and that field's id; the same form and "" when no field takes it.

    `field_id` is the field the reader is in; a field that holds no measurements is passed over.
    """
    chosen = template.fields.get(field_id or "")
    if chosen is not None and chosen.links:
        return take_measurement(form, chosen, measurement), chosen.field_id
    for field, conditions in _places(template):
        if form.values(field.field_id) or not _fits(field, measurement):
            continue
        opened = _open(template, form, field, conditions)
        if opened is not None:
            return take_measurement(opened, field, measurement), field.field_id
    shown = visible(template, form).fields
    for field in template.fields.values():
        if field.links == "many" and field.field_id in shown:
            return take_measurement(form, field, measurement), field.field_id
    return form, ""


def _fits(field: Field, measurement: Measurement) -> bool:
    """An angle, a time or a velocity is no size: it takes no place that was kept for one."""
    unit = measurement.primary.unit
    return field.units != "mm" or unit is None or unit.value not in _NO_SIZES


def _places(template: Template) -> list[tuple[Field, tuple[TemplateSection, ...]]]:
    """The fields that take the next measurement, each with the sections it lies in."""
    found: list[tuple[Field, tuple[TemplateSection, ...]]] = []

    def walk(section: TemplateSection, above: tuple[TemplateSection, ...]) -> None:
        for part in section.content:
            if isinstance(part, TemplateSection):
                walk(part, (*above, part))
            elif part.links == "next":
                found.append((part, above))

    for section in template.sections:
        walk(section, (section,))
    return found


def _open(template: Template, form: Form, field: Field, sections: tuple[TemplateSection, ...]) -> Form | None:
    """The form with the field showing, or None when an answer of the reader's stands against it."""
    for condition in (*(section.condition for section in sections), field.condition):
        for term in condition.alternatives[0] if condition else ():
            given = form.values(term.field_id)
            if term.holds(given):
                continue
            if form.edited(term.field_id) or term.sign != "=":
                return None
            form = form.answer(term.field_id, term.values[0], edited=False)
    return form if field.field_id in visible(template, form).fields else None
